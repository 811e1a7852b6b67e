"""COCO detection (Lin et al., ECCV 2014): the twelve numbers of the official evaluation, computed by pycocotools.

Results are `[{"image_id": int, "category_id": int, "bbox": [x, y, width, height], "score": float}]`, the format of the
COCO evaluation server; "segmentation" takes the place of "bbox" for masks.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_value
from vispro_gym.tasks.metrics.boxes import xywh
from vispro_gym.tasks.metrics.files import finite, integer, read_records, write_json

_EXPECTED = 'COCO results, a list of {"image_id", "category_id", "bbox": [x, y, width, height], "score"}'

# name, title, abbreviation, IoU thresholds, object size, detections per image: in the order of COCOeval's summary
_LINES = (
    ("AP", "Average Precision", "(AP)", "0.50:0.95", "all", 100),
    ("AP50", "Average Precision", "(AP)", "0.50", "all", 100),
    ("AP75", "Average Precision", "(AP)", "0.75", "all", 100),
    ("APs", "Average Precision", "(AP)", "0.50:0.95", "small", 100),
    ("APm", "Average Precision", "(AP)", "0.50:0.95", "medium", 100),
    ("APl", "Average Precision", "(AP)", "0.50:0.95", "large", 100),
    ("AR1", "Average Recall", "(AR)", "0.50:0.95", "all", 1),
    ("AR10", "Average Recall", "(AR)", "0.50:0.95", "all", 10),
    ("AR100", "Average Recall", "(AR)", "0.50:0.95", "all", 100),
    ("ARs", "Average Recall", "(AR)", "0.50:0.95", "small", 100),
    ("ARm", "Average Recall", "(AR)", "0.50:0.95", "medium", 100),
    ("ARl", "Average Recall", "(AR)", "0.50:0.95", "large", 100),
)


def coco_metric(
    results: Sequence[Mapping[str, Any]],
    images: Sequence[Mapping[str, Any]],
    categories: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    iou_type: str = "bbox",
) -> dict[str, float]:
    """The official summary, as fractions: AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl.

    s, m, l are small, medium and large objects. What has no annotated objects (COCOeval says -1) is left out. All
    arguments hold official records and stay as they are.

    Args:
        results: Detections, `{"image_id", "category_id", "bbox": [x, y, width, height], "score"}`.
        images: The images that were asked, `{"id", "width", "height", ...}`. All of them count.
        categories: The categories that were asked, `{"id", ...}`. Detections of other categories are ignored.
        annotations: Gold objects, `{"id", "image_id", "category_id", "bbox", "area", "iscrowd", ...}`.
        iou_type: "bbox", or "segm" for results and annotations with "segmentation".

    Raises:
        DatasetError: If a record lacks a key, or a result names an image that was not asked.
        ValueError: If `iou_type` is unknown.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if iou_type not in ("bbox", "segm"):
        raise ValueError(f"iou_type={iou_type!r}. Expected 'bbox' or 'segm'.")
    gold = [_annotation(record, i) for i, record in enumerate(annotations)]
    asked = {record_value(dict(image), "id", int, f"image {i}") for i, image in enumerate(images)}
    checked = [_result(record, f"result {i}", iou_type) for i, record in enumerate(results)]
    for i, record in enumerate(checked):
        if record["image_id"] not in asked:
            raise DatasetError(f"Result {i} is for image {record['image_id']}. Expected one of the {len(asked)} images asked.")
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [dict(image) for image in images],
        "categories": [dict(category) for category in categories],
        "annotations": gold,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        if checked:
            found = truth.loadRes(checked)
        else:  # which loadRes refuses
            found = COCO()
            found.dataset = {**truth.dataset, "annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = zip(_LINES, evaluation.stats, strict=True)
    return {name: float(value) for (name, *_), value in stats if value > -1}


def format_coco(metric: Mapping[str, float]) -> str:
    """The summary as in cocoapi's `results/val2014_fake_eval_res.txt`: twelve lines, -1.000 for what the metric left out.

    pycocotools itself prints the same with one more blank before "(AP)" and "(AR)".
    """
    return "\n".join(
        f" {title:<17} {kind} @[ IoU={iou:<9} | area={area:>6} | maxDets={detections:>3} ] = {metric.get(name, -1):0.3f}"
        for name, title, kind, iou, area, detections in _LINES
    )


def read_coco_results(path: Path | str) -> list[dict[str, Any]]:
    """Reads a results file, with boxes, masks or both.

    Raises:
        DatasetError: If the file is missing or damaged; names the file and the record.
    """
    return [
        _result(record, where, "bbox" if "segmentation" not in record or "bbox" in record else "segm")
        for where, record in read_records(path, _EXPECTED)
    ]


def write_coco_results(path: Path | str, results: Iterable[Mapping[str, Any]]) -> None:
    """Writes a results file. Raises DatasetError if a record is none."""
    write_json(path, [_result(record, f"result {i}", "bbox" if "bbox" in record else "segm") for i, record in enumerate(results)])


def _result(record: Mapping[str, Any], where: str, iou_type: str) -> dict[str, Any]:
    """A result that evaluation may change, checked."""
    integer(record, "image_id", where)
    integer(record, "category_id", where)
    finite(record.get("score"), f"{where}, 'score',")
    if iou_type == "bbox":
        xywh(record, where)
    else:
        record_value(dict(record), "segmentation", (dict, list), where)
    return copy.deepcopy(dict(record))


def _annotation(record: Mapping[str, Any], position: int) -> dict[str, Any]:
    where = f"annotation {position}"
    for key in ("image_id", "category_id", "iscrowd"):
        integer(record, key, where)
    finite(record.get("area"), f"{where}, 'area',")
    xywh(record, where)
    # COCOeval marks a found object by its id and reads 0 as not found: numbers of its own, from 1 on, are safe
    return {**copy.deepcopy(dict(record)), "id": position + 1}
