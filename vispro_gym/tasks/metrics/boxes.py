"""Boxes: overlap, matching, and the translation from and to the xywh lists of official files.

Boxes are `(left, top, right, bottom)` in pixels, origin upper left, y down. Official files say `[x, y, width, height]`;
the functions that read and write files translate, nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.scene import Box
from vispro_gym.tasks.metrics.files import finite


def from_xywh(xywh: Sequence[float]) -> Box:
    """A box from `[x, y, width, height]`."""
    x, y, width, height = xywh
    return (x, y, x + width, y + height)


def to_xywh(box: Box) -> list[float]:
    """A box as `[x, y, width, height]`."""
    left, top, right, bottom = box
    return [left, top, right - left, bottom - top]


def xywh(record: Mapping[str, Any], where: str) -> list[float]:
    """The `bbox` of a record of an official file, checked but not translated.

    Raises:
        DatasetError: If it is no list of four finite numbers, or width or height is negative; names `where`.
    """
    value = record.get("bbox")
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise DatasetError(f"{where} has 'bbox': {value!r:.80}. Expected [x, y, width, height].")
    numbers = [finite(v, f"{where}, {name} of 'bbox',") for v, name in zip(value, ("x", "y", "width", "height"), strict=True)]
    if numbers[2] < 0 or numbers[3] < 0:
        raise DatasetError(f"{where} has 'bbox': {value!r:.80}. Expected a width and a height of at least 0.")
    return numbers


def iou_matrix(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of all pairs, float64 of shape `(len(a), len(b))`.

    Boxes without area, and boxes that hold NaN or infinity, overlap nothing.
    """
    first, second = _array(a), _array(b)
    with np.errstate(invalid="ignore", over="ignore"):
        intersection = _intersections(first, second)
        union = _areas(first)[:, None] + _areas(second)[None, :] - intersection
    return _ratio(intersection, union)


@dataclass(frozen=True, slots=True)
class BoxMatch:
    """Which predicted box stands for which gold box.

    Attributes:
        pairs: `(predicted index, gold index, IoU)`, by descending IoU; no index is in two pairs.
        predicted: How many predicted boxes count: all but those that ignored boxes excuse.
        gold: How many gold boxes there are.
    """

    pairs: tuple[tuple[int, int, float], ...]
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """Fraction of the predicted boxes that found a gold box. Without predicted boxes 1 if there is no gold either, else 0."""
        return len(self.pairs) / self.predicted if self.predicted else float(not self.gold)

    @property
    def recall(self) -> float:
        """Fraction of the gold boxes that were found. Without gold boxes 1 if nothing was predicted either, else 0."""
        return len(self.pairs) / self.gold if self.gold else float(not self.predicted)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall.

        1 if there is nothing to find and nothing was predicted: an empty list is the right answer to a description that
        fits no object.
        """
        return 2 * len(self.pairs) / (self.predicted + self.gold) if self.predicted + self.gold else 1.0

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the pairs. Without pairs as `f1`: 1 if there was nothing to find and nothing was predicted, else 0."""
        return sum(overlap for *_, overlap in self.pairs) / len(self.pairs) if self.pairs else self.f1


def match_boxes(predicted: Sequence[Box], gold: Sequence[Box], threshold: float = 0.5, ignored: Sequence[Box] = ()) -> BoxMatch:
    """Pairs predicted with gold boxes: greedily, one to one, best overlap first.

    Among equal overlaps the coordinates decide, not the order of the lists, and both lists alike. So the numbers do not
    change when boxes are permuted, and precision and recall change places when the lists do.

    Args:
        predicted: The boxes of an answer.
        gold: The annotated boxes.
        threshold: The least IoU of a pair, above 0 and at most 1.
        ignored: Regions in which predictions are neither hits nor misses, as COCO's crowds: a predicted box without a
            partner does not count if `intersection / area of the predicted box` with one of them reaches the threshold.

    Raises:
        ValueError: If the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold!r}. Expected an IoU above 0 and at most 1.")
    overlaps = iou_matrix(predicted, gold)
    candidates = []
    for i, j in zip(*np.nonzero(overlaps >= threshold), strict=True):
        one, other = sorted((tuple(predicted[i]), tuple(gold[j])))
        candidates.append((-float(overlaps[i, j]), one, other, int(i), int(j)))
    pairs: list[tuple[int, int, float]] = []
    taken: set[int] = set()
    found: set[int] = set()
    for negative, _, _, i, j in sorted(candidates):
        if i not in taken and j not in found:
            pairs.append((i, j, -negative))
            taken.add(i)
            found.add(j)
    excused = _covered(predicted, ignored, threshold) - taken
    return BoxMatch(tuple(pairs), len(predicted) - len(excused), len(gold))


def _covered(boxes: Sequence[Box], regions: Sequence[Box], threshold: float) -> set[int]:
    first, second = _array(boxes), _array(regions)
    with np.errstate(invalid="ignore", over="ignore"):
        intersection = _intersections(first, second)
        areas = np.broadcast_to(_areas(first)[:, None], intersection.shape)
    return {int(i) for i in np.nonzero(_ratio(intersection, areas) >= threshold)[0]}


def _array(boxes: Sequence[Box]) -> NDArray[np.float64]:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    sides: NDArray[np.float64] = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def _intersections(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides: NDArray[np.float64] = np.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    usable = np.isfinite(part) & np.isfinite(whole) & (whole > 0)
    return np.divide(part, whole, out=np.zeros_like(part), where=usable)
