"""Rewards of object detection: what a whole set of boxes is worth, for batches of pictures.

The rewards of Pinto, Kolesnikov, Shi, Beyer and Zhai, "Tuning computer vision models with task rewards" (ICML 2023), after the
code released with the paper (`big_vision/configs/proj/reward_tune/detection_reward.py`). For an IoU threshold t

    R_t = sum of w[label] over matched gold boxes - 0.3 * sum of w[label] over duplicate predictions
    R   = mean of R_t over the ten thresholds 0.50, 0.55, ..., 0.95

- A prediction belongs to the gold box of its label that it overlaps most, if their IoU is above t (strictly).
- A gold box is matched by the best of the predictions that belong to it; the others are duplicates.
- Predictions that belong to no gold box cost nothing, and R is not divided by the number of gold boxes.

All w are 1 in the recall reward; `class_weights` makes rare classes count more in the mAP reward. mAP ranks boxes by their
confidence, which the paper learns by supervision next to the reward: `confidence_targets`.

COCOeval (see `vispro_gym.tasks.metrics.coco`) differs: its rule is IoU >= t, and it pairs boxes one to one in the order of their
scores, so that a box whose best gold box is taken gets the next one. The released code stores R_t under t rounded to one
decimal, so that five of the ten overwrite the others; here all ten count.

Neither the order of the predictions nor that of the gold boxes changes a reward: between gold boxes that a prediction overlaps
equally the coordinates decide (the one further left, then further up, ...), and it does not matter which of two equally good
predictions is the duplicate.

Two predictions, of IoU 0.8 and 0.6, on the first gold box, and a third one on nothing. The first is above 0.50, ..., 0.75, six
thresholds of ten; the second, a duplicate, is above 0.50 and 0.55:

>>> gold = BoxBatch.of([([(0, 0, 10, 10), (50, 50, 60, 60)], [3, 3])])
>>> predicted = BoxBatch.of([([(0, 0, 8, 10), (0, 0, 6, 10), (80, 0, 90, 9)], [3, 3, 3])])
>>> recall_reward(predicted, gold)  # 0.6 - 0.3 * 0.2
array([0.54])
>>> confidence_targets(predicted, gold)
array([[0.8, 0. , 0. ]])
>>> box_counts(predicted, gold)
BoxCounts(matched=array([1]), duplicates=array([1]), unmatched=array([1]), gold=array([2]))

Of 1 and 19 instances of two classes, the rarer one weighs ten times as much:

>>> class_weights([1, 19]).round(3)
array([1.818, 0.182])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Quotients of integers are the doubles nearest to 0.50, 0.55, ...: an IoU of 11/20 is equal to its threshold, not above it.
IOU_THRESHOLDS: tuple[float, ...] = tuple(percent / 100 for percent in range(50, 100, 5))
DUPLICATE_PENALTY = 0.3


@dataclass(frozen=True, eq=False)
class BoxBatch:
    """Labelled boxes of B pictures, padded to N boxes each.

    Attributes:
        boxes: float64 of shape `(B, N, 4)`: left, top, right, bottom, in any unit that all boxes share; origin upper left, y
            down. Finite, also where padded. A box whose right is not beyond its left, or bottom beyond top, overlaps nothing.
        labels: int64 of shape `(B, N)`, from 0 on; -1 marks padding.

    Raises:
        ValueError: If dtypes, shapes or values are others.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.boxes.dtype != np.float64 or self.boxes.ndim != 3 or self.boxes.shape[2] != 4:
            raise ValueError(f"boxes are {self.boxes.dtype} of shape {self.boxes.shape}. Expected float64 of shape (B, N, 4).")
        if self.labels.dtype != np.int64 or self.labels.shape != self.boxes.shape[:2]:
            raise ValueError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}. Expected int64 of shape {self.boxes.shape[:2]}, "
                "one label for each box."
            )
        if not np.isfinite(self.boxes).all():
            raise ValueError("boxes hold NaN or infinity. Expected finite coordinates; pad with zeros and the label -1.")
        if self.labels.size and self.labels.min() < -1:
            raise ValueError(f"labels hold {self.labels.min()}. Expected 0, 1, ..., or -1 for padding.")

    @classmethod
    def of(cls, pictures: Sequence[tuple[ArrayLike, ArrayLike]]) -> BoxBatch:
        """A batch of pictures with any numbers of boxes, none included.

        Args:
            pictures: For each picture its boxes, `(n, 4)` numbers as in `BoxBatch.boxes`, and their labels, `(n,)` integers
                from 0 on.

        Raises:
            ValueError: If shapes do not fit, a coordinate is not finite, or a label is no integer from 0 on; names the picture.
        """
        checked = [_picture(boxes, labels, i) for i, (boxes, labels) in enumerate(pictures)]
        width = max((len(labels) for _, labels in checked), default=0)
        boxes = np.zeros((len(checked), width, 4), np.float64)
        labels = np.full((len(checked), width), -1, np.int64)
        for i, (some_boxes, some_labels) in enumerate(checked):
            boxes[i, : len(some_boxes)] = some_boxes
            labels[i, : len(some_labels)] = some_labels
        return cls(boxes, labels)

    def __len__(self) -> int:
        return len(self.labels)


class BoxCounts(NamedTuple):
    """How many boxes of each picture met which fate, int64 of shape `(B,)` each.

    Attributes:
        matched: Gold boxes with a prediction, which is also the number of predictions that match.
        duplicates: Predictions on a gold box that another prediction matches.
        unmatched: Predictions on nothing, "false positives". The rewards do not see them.
        gold: Gold boxes.
    """

    matched: NDArray[np.int64]
    duplicates: NDArray[np.int64]
    unmatched: NDArray[np.int64]
    gold: NDArray[np.int64]


def class_weights(counts: ArrayLike, smoothing: float = 0.05) -> NDArray[np.float64]:
    """Weights that make rare classes count more: `1 / (n_c + smoothing * sum of all n)`.

    They are scaled so that those of the classes that occur have a mean of 1, as all do in COCO, for which the released code is.

    Args:
        counts: `(C,)`, how many instances of each class the training data hold (n).
        smoothing: 0.05 in the released code. Without it a class has to occur.

    Returns:
        float64 of shape `(C,)`.

    Raises:
        ValueError: If a count is negative or not finite, nothing was counted, or smoothing is negative or 0 with a count of 0.
    """
    numbers = np.asarray(counts, np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.sum() > 0:
        raise ValueError(f"counts={counts!r:.80}. Expected a list of finite numbers of at least 0, at least one of them above 0.")
    if not 0 <= smoothing < np.inf or (smoothing == 0 and not numbers.all()):
        raise ValueError(f"smoothing={smoothing!r}. Expected at least 0, and above 0 if a class has no instance.")
    weights: NDArray[np.float64] = 1 / (numbers + smoothing * numbers.sum())
    weights /= weights[numbers > 0].mean()
    return weights


def recall_reward(predicted: BoxBatch, gold: BoxBatch, duplicate_penalty: float = DUPLICATE_PENALTY) -> NDArray[np.float64]:
    """The recall reward: found gold boxes, less a penalty on duplicates; mean over the thresholds.

    Args:
        predicted: Predicted boxes of B pictures.
        gold: Annotated boxes of the same pictures.
        duplicate_penalty: What a duplicate costs, as a share of what a gold box brings.

    Returns:
        float64 of shape `(B,)`; at most the number of gold boxes of the picture.

    Raises:
        ValueError: If the batches differ in length.
    """
    return _reward(_Matching.of(predicted, gold), (predicted.labels >= 0).astype(np.float64), duplicate_penalty)


def map_reward(
    predicted: BoxBatch, gold: BoxBatch, weights: NDArray[np.float64], duplicate_penalty: float = DUPLICATE_PENALTY
) -> NDArray[np.float64]:
    """The mAP reward: as `recall_reward`, with each box weighed by its class.

    Args:
        predicted: Predicted boxes of B pictures.
        gold: Annotated boxes of the same pictures.
        weights: float64 of shape `(C,)`, see `class_weights`; labels are positions in it.
        duplicate_penalty: What a duplicate costs, as a share of what a gold box of its class brings.

    Returns:
        float64 of shape `(B,)`; at most the sum of the weights of the picture's gold boxes.

    Raises:
        ValueError: If the batches differ in length, a label has no weight, or a weight or the penalty is not finite.
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all():
        raise ValueError(f"weights have the shape {weights.shape} or are not finite. Expected a finite number for each class.")
    for name, batch in (("predicted", predicted), ("gold", gold)):
        if batch.labels.size and batch.labels.max() >= len(weights):
            raise ValueError(f"{name} has the label {batch.labels.max()}. Expected labels below {len(weights)}, one per weight.")
    weight = np.append(weights, 0.0)[predicted.labels]  # the label of padding finds the 0 at the end
    return _reward(_Matching.of(predicted, gold), weight, duplicate_penalty)


def confidence_targets(predicted: BoxBatch, gold: BoxBatch, threshold: float = 0.5) -> NDArray[np.float64]:
    """What the confidence of each prediction should be: its IoU with the gold box that it matches.

    The paper trains the two confidence tokens of a box towards the probabilities (1 - IoU, IoU), by cross-entropy.

    Args:
        predicted: Predicted boxes of B pictures, N each.
        gold: Annotated boxes of the same pictures.
        threshold: What the IoU has to exceed.

    Returns:
        float64 of shape `(B, N)`; 0 for duplicates, what matches nothing, and padding. Of identical boxes the first matches.

    Raises:
        ValueError: If the batches differ in length, or the threshold is not from 0 to below 1.
    """
    matching = _Matching.of(predicted, gold)
    return np.where(matching.is_best & (matching.iou > _valid(threshold)), matching.iou, 0.0)


def box_counts(predicted: BoxBatch, gold: BoxBatch, threshold: float = 0.5) -> BoxCounts:
    """Matched gold boxes, duplicates and unmatched predictions of each picture, at one threshold.

    Args:
        predicted: Predicted boxes of B pictures.
        gold: Annotated boxes of the same pictures.
        threshold: What the IoU has to exceed.

    Raises:
        ValueError: If the batches differ in length, or the threshold is not from 0 to below 1.
    """
    matching = _Matching.of(predicted, gold)
    is_above = matching.iou > _valid(threshold)
    return BoxCounts(
        (is_above & matching.is_best).sum(1),
        (is_above & ~matching.is_best).sum(1),
        (~is_above & (predicted.labels >= 0)).sum(1),
        (gold.labels >= 0).sum(1),
    )


class _Matching(NamedTuple):
    """Which predictions match. Holds for every threshold: the best gold box is above a threshold if any is.

    Attributes:
        iou: float64 (B, N), with the gold box that the prediction belongs to; 0 if there is none.
        is_best: bool (B, N), whether no other prediction matches that gold box better.
        order: int64 (B, N), the predictions in an order that depends on the boxes, not on their places.
    """

    iou: NDArray[np.float64]
    is_best: NDArray[np.bool_]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, predicted: BoxBatch, gold: BoxBatch) -> _Matching:
        if len(predicted) != len(gold):
            raise ValueError(f"{len(predicted)} pictures have predictions, {len(gold)} have gold boxes. Expected as many.")
        if not predicted.labels.size or not gold.labels.size:
            shape = predicted.labels.shape
            return cls(np.zeros(shape), np.zeros(shape, bool), np.broadcast_to(np.arange(shape[1]), shape))
        rank = _sorted(gold.boxes, gold.labels)
        gold_boxes = np.take_along_axis(gold.boxes, rank[..., None], 1)
        gold_labels = np.take_along_axis(gold.labels, rank, 1)
        overlaps = _ious(predicted.boxes, gold_boxes)
        may_match = (predicted.labels[:, :, None] == gold_labels[:, None, :]) & (predicted.labels >= 0)[:, :, None]
        overlaps = np.where(may_match, overlaps, 0.0)
        owner = overlaps.argmax(2)  # the first of equals, which the sorting made a matter of coordinates
        iou = np.take_along_axis(overlaps, owner[..., None], 2)[..., 0]
        owner[iou == 0] = gold_labels.shape[1]
        order = _sorted(predicted.boxes, owner, -iou)
        owners = np.take_along_axis(owner, order, 1)
        is_first = np.diff(owners, axis=1, prepend=-1) != 0
        is_best = np.empty_like(is_first)
        np.put_along_axis(is_best, order, is_first, 1)
        return cls(iou, is_best & (iou > 0), order)


def _reward(matching: _Matching, weight: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    # A prediction counts at each threshold below its IoU: for its gold box if it is the best one, else as a duplicate.
    if not math.isfinite(penalty):
        raise ValueError(f"duplicate_penalty={penalty!r}. Expected a finite number.")
    reached = (matching.iou[..., None] > np.array(IOU_THRESHOLDS)).sum(-1)
    values = weight * reached / len(IOU_THRESHOLDS) * np.where(matching.is_best, 1.0, -penalty)
    # bincount adds one by one: with sorted boxes neither their order nor the padding changes the last bits
    values = np.take_along_axis(values, matching.order, 1)
    pictures = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    rewards: NDArray[np.float64] = np.bincount(pictures.ravel(), values.ravel(), minlength=len(values)).astype(np.float64)
    return rewards


def _sorted(boxes: NDArray[np.float64], *first: NDArray[np.generic]) -> NDArray[np.int64]:
    """The order of each picture's boxes by `first`, then by coordinates."""
    keys: list[NDArray[np.generic]] = [*first, *np.moveaxis(boxes, 2, 0)]
    return np.lexsort(keys[::-1], axis=-1).astype(np.int64)  # which takes the most important key last


def _ious(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        low = np.maximum(a[:, :, None, :2], b[:, None, :, :2])
        high = np.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
        intersection = np.maximum(high - low, 0).prod(-1)
        union = _areas(a)[:, :, None] + _areas(b)[:, None, :] - intersection
    usable = np.isfinite(intersection) & np.isfinite(union) & (union > 0)
    ious: NDArray[np.float64] = np.divide(intersection, union, out=np.zeros_like(union), where=usable)
    return ious


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(-1)
    return areas


def _picture(boxes: ArrayLike, labels: ArrayLike, i: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        some_boxes, some_labels = np.asarray(boxes, np.float64), np.asarray(labels)
    except (ValueError, TypeError) as error:
        raise ValueError(f"picture {i} has boxes or labels that are no arrays of numbers ({error}).") from error
    if some_boxes.shape == (0,):
        some_boxes = some_boxes.reshape(0, 4)
    if some_boxes.ndim != 2 or some_boxes.shape[1] != 4:
        raise ValueError(f"picture {i} has boxes of shape {some_boxes.shape}. Expected (n, 4): left, top, right, bottom.")
    if some_labels.shape != some_boxes.shape[:1]:
        raise ValueError(f"picture {i} has labels of shape {some_labels.shape}. Expected ({len(some_boxes)},), one for each box.")
    if not np.isfinite(some_boxes).all():
        raise ValueError(f"picture {i} has a box with NaN or infinity. Expected finite coordinates.")
    if some_labels.size and (some_labels.dtype.kind not in "iu" or not 0 <= some_labels.min() <= some_labels.max() < 1 << 62):
        raise ValueError(f"picture {i} has labels {some_labels.tolist()!r:.80}. Expected integers of at least 0.")
    return some_boxes, some_labels.astype(np.int64)


def _valid(threshold: float) -> float:
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold={threshold!r}. Expected an IoU from 0 to below 1.")
    return threshold
