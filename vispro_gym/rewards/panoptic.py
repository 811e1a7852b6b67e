"""Rewards of panoptic segmentation: what a whole map of segments is worth, for batches of pictures.

The reward of Pinto, Kolesnikov, Shi, Beyer and Zhai, "Tuning computer vision models with task rewards" (ICML 2023):

    R = sum of the IoU of matched segments - 0.5 * number of unmatched predicted segments

Panoptic quality (Kirillov et al., "Panoptic segmentation", CVPR 2019) divides by counts of the whole data set and so is no sum
over pictures; R is, and counts what PQ counts. The paper's weight of the penalty is not public; 0.5 is that of a false positive
in PQ = sum of IoU / (matched + 0.5 * unmatched + 0.5 * missed).

Maps are integers `(B, H, W, 2)`: [..., 0] is the category, 0 for void, which has no label, and [..., 1] is the number of the
instance. A segment is all pixels of the same category and instance, be they connected or not. As in panopticapi,

- segments match if their categories are equal and their IoU exceeds 0.5, which at most one pair of theirs can do;
- where the gold map is void nothing is known: these pixels do not count as area of a predicted segment in the IoU, and a
  predicted segment with more than half its pixels there that matches nothing is not unmatched either.

There are no crowd regions, which panopticapi treats much like void: mark them as void.

One row of six pixels. The predicted segment of category 7 has IoU 3/4 with the gold one (the void pixel does not count), the
one of category 9 matches nothing:

>>> gold = np.array([[[[7, 1], [7, 1], [7, 1], [7, 1], [0, 0], [2, 0]]]])
>>> predicted = np.array([[[[7, 4], [7, 4], [7, 4], [9, 0], [7, 4], [2, 0]]]])
>>> panoptic_counts(predicted, gold)
PanopticCounts(matched=array([2]), unmatched=array([1]), missed=array([0]), iou=array([1.75]))
>>> panoptic_reward(predicted, gold)  # 3/4 + 1 - 0.5
array([1.25])
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNMATCHED_PENALTY = 0.5

Map = NDArray[np.integer[Any]]


class PanopticCounts(NamedTuple):
    """What became of the segments of each picture, arrays of shape `(B,)`.

    Attributes:
        matched: int64, pairs of a predicted and a gold segment.
        unmatched: int64, predicted segments that match nothing and do not lie in void, "false positives".
        missed: int64, gold segments that nothing matches, "false negatives".
        iou: float64, sum of the IoU of the pairs.
    """

    matched: NDArray[np.int64]
    unmatched: NDArray[np.int64]
    missed: NDArray[np.int64]
    iou: NDArray[np.float64]


def panoptic_reward(predicted: Map, gold: Map, unmatched_penalty: float = UNMATCHED_PENALTY) -> NDArray[np.float64]:
    """The sum of the IoU of matched segments, less a penalty for each unmatched predicted one.

    Args:
        predicted: Integers of shape `(B, H, W, 2)`, category and instance; category 0 for no label.
        gold: The annotated map, likewise.
        unmatched_penalty: What an unmatched predicted segment costs; a perfect one brings 1.

    Returns:
        float64 of shape `(B,)`; at most the number of gold segments of the picture.

    Raises:
        ValueError: If the maps are no integers, or of other shapes.
    """
    counts = panoptic_counts(predicted, gold)
    return counts.iou - unmatched_penalty * counts.unmatched


def panoptic_counts(predicted: Map, gold: Map) -> PanopticCounts:
    """Counts matched, unmatched and missed segments.

    Args:
        predicted: Integers of shape `(B, H, W, 2)`, category and instance; category 0 for no label.
        gold: The annotated map, likewise.

    Raises:
        ValueError: If the maps are no integers, or of other shapes.
    """
    predicted, gold = np.asarray(predicted), np.asarray(gold)
    for name, value in (("predicted", predicted), ("gold", gold)):
        if value.dtype.kind not in "iu" or value.ndim != 4 or value.shape[3] != 2:
            raise ValueError(f"{name} is {value.dtype} of shape {value.shape}. Expected integers of shape (B, H, W, 2).")
    if predicted.shape != gold.shape:
        raise ValueError(f"predicted has the shape {predicted.shape}, gold {gold.shape}. Expected the same.")
    rows = [_count(one, other) for one, other in zip(predicted, gold, strict=True)]
    matched, unmatched, missed = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3).T
    return PanopticCounts(matched, unmatched, missed, np.array([row[3] for row in rows], np.float64))


def _count(predicted: Map, gold: Map) -> tuple[int, int, int, float]:
    category, one = _segments(predicted)
    gold_category, other = _segments(gold)
    # only pairs that share pixels: a noisy map may have as many segments as pixels
    pairs, shared = np.unique(one * len(gold_category) + other, return_counts=True)
    i, j = np.divmod(pairs, max(len(gold_category), 1))
    area, gold_area = np.bincount(one, minlength=len(category)), np.bincount(other, minlength=len(gold_category))
    in_void = np.zeros(len(category), np.int64)
    in_void[i[gold_category[j] == 0]] = shared[gold_category[j] == 0]
    union = area[i] - in_void[i] + gold_area[j] - shared
    is_match = (category[i] == gold_category[j]) & (category[i] != 0) & (2 * shared > union)
    is_matched, is_found = np.isin(np.arange(len(category)), i[is_match]), np.isin(np.arange(len(gold_category)), j[is_match])
    is_unmatched = (category != 0) & ~is_matched & (2 * in_void <= area)
    is_missed = (gold_category != 0) & ~is_found
    # sorted, so that the numbers of the instances do not change the last bits of the sum
    iou = np.sort(shared[is_match] / union[is_match]).sum()
    return int(is_match.sum()), int(is_unmatched.sum()), int(is_missed.sum()), float(iou)


def _segments(picture: Map) -> tuple[Map, NDArray[np.int64]]:
    """The category of each segment, and the segment of each pixel, of shape `(H * W,)`."""
    # Both become small numbers before they are joined: instances may be of any size and sign. Void is one segment.
    categories, category = np.unique(picture[..., 0], return_inverse=True)
    instances, instance = np.unique(np.where(picture[..., 0] == 0, 0, picture[..., 1]), return_inverse=True)
    joined, segment = np.unique(category.ravel() * len(instances) + instance.ravel(), return_inverse=True)
    return categories[joined // max(len(instances), 1)], segment.ravel().astype(np.int64)
