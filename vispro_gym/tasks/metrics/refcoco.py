"""RefCOCO, RefCOCO+ and RefCOCOg: how well predicted boxes fit the object that an expression refers to.

The refer toolkit has no script for comprehension. The field reports accuracy at IoU 0.5; the other numbers follow
lmms-eval (`tasks/refcoco/utils_rec.py`) and ViperGPT (`datasets/refcoco.py`).

There is no official results format for comprehension either. refer's own results, `{"predictions": [{"ref_id", "sent"}]}`,
hold generated expressions. Ours are `[{"sent_id": int, "bbox": [x, y, width, height]}]`: one record per expression, since
a ref has several, with boxes as in `instances.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from vispro_gym.datasets.scene import Box, iou
from vispro_gym.tasks.metrics.boxes import from_xywh, to_xywh, xywh
from vispro_gym.tasks.metrics.results_file import ResultsFormat

_FORMAT = ResultsFormat("sent_id", int, "bbox", list)
_THRESHOLDS = (0.5, 0.1, 0.3, 0.7, 0.9)
_VIPER_THRESHOLD = 0.7
# the box that ViperGPT assumes where a program gave none: left, lower, right, upper, with y up
_VIPER_AVERAGE = (50.9, 39.1, 493.5, 356.5)


def refcoco_metric(pairs: Iterable[tuple[Box | None, Box]], heights: Iterable[float] | None = None) -> dict[str, float]:
    """Fractions over all expressions; nothing if there are none.

    "accuracy@0.5" counts the predictions whose IoU is at least 0.5; likewise at 0.1, 0.3, 0.7 and 0.9. "mean_iou" is what
    lmms-eval calls IoU. "center_accuracy" counts the predictions whose centre lies in the gold box or on its border. A
    missing prediction is a miss and has IoU 0. (lmms-eval reads it as the box [0, 0, 0, 0], which is the same but for gold
    boxes that touch the upper left corner of the picture: those it calls hit by the centre.)

    "viper_iou" and "viper_accuracy" are ViperGPT's mean IoU and its share of predictions whose IoU is more than 0.7. Its
    code reads a missing prediction as the average box of the dataset, whose place depends on the height of the picture.
    Without heights a missing prediction has IoU 0 here, too.

    Args:
        pairs: The predicted box, None for no answer, and the gold box, in image coordinates.
        heights: Heights of the pictures in pixels, one per pair.

    Raises:
        ValueError: If there are more or fewer heights than pairs.
    """
    pairs = list(pairs)
    if not pairs:
        return {}
    overlaps = np.array([0.0 if predicted is None else iou(predicted, gold) for predicted, gold in pairs])
    metric = {f"accuracy@{threshold}": float(np.mean(overlaps >= threshold)) for threshold in _THRESHOLDS}
    metric["mean_iou"] = float(np.mean(overlaps))
    metric["center_accuracy"] = sum(_center_inside(predicted, gold) for predicted, gold in pairs) / len(pairs)
    if heights is not None:
        rows = zip(overlaps, pairs, heights, strict=True)
        overlaps = np.array([iou(_viper_box(height), gold) if box is None else overlap for overlap, (box, gold), height in rows])
    metric["viper_iou"] = float(np.mean(overlaps))
    metric["viper_accuracy"] = float(np.mean(overlaps > _VIPER_THRESHOLD))
    return metric


def read_refcoco_results(path: Path | str) -> dict[str, Box]:
    """Reads a results file: predicted boxes in image coordinates by sentence id.

    Raises:
        DatasetError: If the file is missing or damaged, or answers a sentence twice.
    """
    values = _FORMAT.read(path)
    return {sent_id: from_xywh(xywh({"bbox": v}, f"{path}, sent_id {sent_id}")) for sent_id, v in values.items()}


def write_refcoco_results(path: Path | str, boxes: Mapping[str, Box | None]) -> None:
    """Writes a results file. Sentences without a box (None) are left out.

    Raises:
        DatasetError: If a sentence id is no decimal number, or a box is none.
    """
    values = ((sent_id, xywh({"bbox": to_xywh(box)}, f"sent_id {sent_id}")) for sent_id, box in boxes.items() if box is not None)
    _FORMAT.write(path, values)


def _center_inside(predicted: Box | None, gold: Box) -> bool:
    if predicted is None:
        return False
    x, y = (predicted[0] + predicted[2]) / 2, (predicted[1] + predicted[3]) / 2
    return gold[0] <= x <= gold[2] and gold[1] <= y <= gold[3]


def _viper_box(height: float) -> Box:
    left, lower, right, upper = _VIPER_AVERAGE
    return (left, height - upper, right, height - lower)
