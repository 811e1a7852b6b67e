from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.tasks.metrics.coco import coco_metric, format_coco, read_coco_results, write_coco_results

IMAGES = [{"id": 1, "width": 200, "height": 200}, {"id": 2, "width": 200, "height": 200}]
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
ANNOTATIONS = [
    {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "area": 2500, "iscrowd": 0},
    {"id": 2, "image_id": 2, "category_id": 1, "bbox": [100, 100, 50, 50], "area": 2500, "iscrowd": 0},
    {"id": 3, "image_id": 2, "category_id": 18, "bbox": [0, 0, 20, 20], "area": 400, "iscrowd": 0},
]
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "score": 0.9},
    {"image_id": 2, "category_id": 18, "bbox": [0, 0, 20, 20], "score": 0.3},
]


def metric(results: list[dict[str, Any]], annotations: list[dict[str, Any]] = ANNOTATIONS) -> dict[str, float]:
    return coco_metric(results, IMAGES, CATEGORIES, annotations)


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_official_results(realdata: Path, iou_type: str) -> None:
    gold = json.loads((realdata / "coco" / "annotations" / "instances_val2014_100.json").read_text())
    results = read_coco_results(realdata / "coco" / "results" / f"instances_val2014_fake{iou_type}100_results.json")
    before = copy.deepcopy((gold, results))
    values = coco_metric(results, gold["images"], gold["categories"], gold["annotations"], iou_type)
    assert (gold, results) == before
    golden = json.loads((realdata / "golden" / "coco_official.json").read_text())
    assert {name: round(value, 3) for name, value in values.items()} == dict(zip(golden["order"], golden[iou_type], strict=True))
    printout = (realdata / "coco" / "results" / "val2014_fake_eval_res.txt").read_text()
    printout = printout.partition(f"type={iou_type}\n")[2].partition("\n\n")[0].rstrip()
    assert format_coco(values) == "\n".join(printout.splitlines()[2:14])


def test_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    values = metric(RESULTS)
    # recall 1/2 of person reaches the first 51 of 101 recall levels; dog is perfect
    assert values["AP"] == values["AP50"] == pytest.approx((51 / 101 + 1) / 2)
    assert values["AR100"] == values["AR1"] == pytest.approx(0.75)
    assert (values["APs"], values["APm"]) == (pytest.approx(1.0), pytest.approx(51 / 101))
    assert "APl" not in values and "ARl" not in values
    assert capsys.readouterr().out == ""
    line = format_coco(values).splitlines()[5]
    assert line == " Average Precision (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000"


def test_perfect_and_empty_results() -> None:
    perfect = metric([{**{key: a[key] for key in ("image_id", "category_id", "bbox")}, "score": 1.0} for a in ANNOTATIONS])
    assert list(perfect.values()) == pytest.approx([1.0] * len(perfect))
    assert set(metric([]).values()) == {0.0}
    assert metric(RESULTS, []) == metric([], []) == {}


def test_crowds_are_neither_hit_nor_miss() -> None:
    crowd = [{**a, "iscrowd": int(a["id"] == 2)} for a in ANNOTATIONS]
    inside = {"image_id": 2, "category_id": 1, "bbox": [110, 110, 10, 10], "score": 1.0}
    assert metric([*RESULTS, inside], crowd)["AP"] == pytest.approx(1.0)
    assert metric([*RESULTS, inside])["AP"] < 0.7


def test_annotation_ids_do_not_matter() -> None:
    assert metric(RESULTS, [{**a, "id": 0} for a in ANNOTATIONS]) == metric(RESULTS)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image_id": 3}, "image 3.*Expected one of the 2 images"),
        ({"image_id": "1"}, "'image_id': '1'. Expected an integer"),
        ({"category_id": None}, "'category_id'"),
        ({"bbox": [0, 0, 50]}, "'bbox'"),
        ({"score": "high"}, "'score'"),
    ],
)
def test_bad_results(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        metric([{**RESULTS[0], **change}])


def test_bad_annotations_and_arguments() -> None:
    with pytest.raises(DatasetError, match="annotation 0 has 'iscrowd'"):
        metric(RESULTS, [{k: v for k, v in ANNOTATIONS[0].items() if k != "iscrowd"}])
    with pytest.raises(DatasetError, match="segmentation"):
        coco_metric(RESULTS, IMAGES, CATEGORIES, ANNOTATIONS, "segm")
    with pytest.raises(ValueError, match="'bbox' or 'segm'"):
        coco_metric(RESULTS, IMAGES, CATEGORIES, ANNOTATIONS, "keypoints")


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_coco_results(path, RESULTS)
    assert json.loads(path.read_text()) == read_coco_results(path) == RESULTS
    write_coco_results(path, [])
    assert read_coco_results(path) == []
    with pytest.raises(DatasetError, match="score"):
        write_coco_results(path, [{**RESULTS[0], "score": float("nan")}])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[{",
        "{}",
        "[1]",
        '[{"image_id": 1}]',
        '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": NaN}]',
        '[{"image_id": 1, "category_id": 1, "score": 0.5}]',
    ],
)
def test_damaged_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match="results.json.*Expected"):
        read_coco_results(path)
    with pytest.raises(MissingDataError, match="none.json is missing.*COCO results"):
        read_coco_results(tmp_path / "none.json")
