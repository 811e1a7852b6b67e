from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.omnilabel import format_omnilabel, omnilabel_metric, read_omnilabel_results, write_omnilabel_results

KEYS = {("AP", "0.50"): "AP50", ("AP", "0.75"): "AP75", ("AP", "0.50:0.95"): "AP", ("AR", "0.50:0.95"): "AR"}


def description(description_id: int, text: str, image_ids: list[int], kind: str = "object_description") -> dict[str, Any]:
    return {"id": description_id, "text": text, "anno_info": {"type": kind}, "image_ids": image_ids}


def annotation(box_id: int, image_id: int, bbox: list[float], description_ids: list[int], iscrowd: int = 0) -> dict[str, Any]:
    return {"id": box_id, "image_id": image_id, "bbox": bbox, "description_ids": description_ids, "iscrowd": iscrowd}


def prediction(image_id: int, bbox: list[float], **scores: float) -> dict[str, Any]:
    ids = [int(name[1:]) for name in scores]
    return {"image_id": image_id, "bbox": bbox, "description_ids": ids, "scores": list(scores.values())}


DATASET = {
    "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
    "descriptions": [
        description(1, "Person", [3, 7], "object_category"),
        description(2, "Dog", [3], "object_category"),
        description(10, "the dog", [3, 7]),
        description(11, "a person who holds a red umbrella", [3, 7]),
        description(12, "the one that stands behind all of the others here", [7]),
    ],
    "annotations": [
        annotation(9, 3, [0, 0, 10, 10], [1, 11]),
        annotation(1, 3, [20, 0, 10, 20], [2, 10]),
        annotation(2, 7, [5, 5, 30, 30], [1]),
        annotation(3, 7, [40, 5, 10, 30], [1, 12]),
        annotation(4, 7, [60, 0, 40, 40], [1], iscrowd=1),
    ],
}
PREDICTIONS = [
    prediction(3, [20, 0, 10, 18], d2=0.9, d10=0.7, d11=0.6),
    prediction(3, [0, 0, 10, 9], d1=0.5),
    prediction(7, [5, 5, 30, 24], d1=0.8, d10=0.9),  # "the dog" fits nothing in picture 7
    prediction(7, [62, 2, 10, 10], d1=0.95),  # in the crowd
    prediction(7, [40, 5, 10, 30], d12=0.4, d2=0.4),  # "Dog" is not in the label space of picture 7
    prediction(7, [41, 6, 10, 30], d1=0.85),
]
# what omnilabeltools (commit bfd742a9d840) prints for these
PRINTOUT = """\
 AP @[ IoU=0.50:0.95 | area=   all | descr=hm(descr,categ) | maxDets=100 ][ num-gt=    7 ] = 0.43374
 AP @[ IoU=0.50:0.95 | area=   all | descr=          categ | maxDets=100 ][ num-gt=    4 ] = 0.73911
 AP @[ IoU=0.50:0.95 | area=   all | descr=          descr | maxDets=100 ][ num-gt=    3 ] = 0.30693
 AP @[ IoU=0.50:0.95 | area=   all | descr=      descr-pos | maxDets=100 ][ num-gt=    3 ] = 0.51023
 AP @[ IoU=0.50:0.95 | area=   all | descr=        descr-s | maxDets=100 ][ num-gt=    1 ] = 0.45000
 AP @[ IoU=0.50:0.95 | area=   all | descr=        descr-m | maxDets=100 ][ num-gt=    1 ] = 0.00000
 AP @[ IoU=0.50:0.95 | area=   all | descr=        descr-l | maxDets=100 ][ num-gt=    1 ] = 1.00000
 AP @[ IoU=0.50      | area=   all | descr=          descr | maxDets=100 ][ num-gt=    3 ] = 0.33168
 AP @[ IoU=0.75      | area=   all | descr=          descr | maxDets=100 ][ num-gt=    3 ] = 0.33168
 AP @[ IoU=0.50      | area=   all | descr=          categ | maxDets=100 ][ num-gt=    4 ] = 1.00000
 AP @[ IoU=0.75      | area=   all | descr=          categ | maxDets=100 ][ num-gt=    4 ] = 1.00000
 AR @[ IoU=0.50:0.95 | area=   all | descr=          descr | maxDets=100 ][ num-gt=    3 ] = 0.63333
 AR @[ IoU=0.50:0.95 | area=   all | descr=          categ | maxDets=100 ][ num-gt=    4 ] = 0.77500"""


def test_official_code(realdata: Path) -> None:
    dataset = json.loads((realdata / "omnilabel" / "dataset_sample_8357.json").read_text())
    golden = json.loads((realdata / "golden" / "omnilabel_official.json").read_text())
    cases = {name: case for name, case in golden.items() if name != "reference"}
    assert cases
    for name, case in cases.items():
        metric = omnilabel_metric(case["predictions"], dataset)
        for line in case["results"]:
            group, key = line["metric"]["description"], KEYS[line["metric"]["metric"], line["metric"]["iou"]]
            full = "AP" if group == "hm(descr,categ)" else f"{group}/{key}"
            assert round(metric.get(full, -1.0), 6) == line["value"], (name, full)
            if group != "hm(descr,categ)":
                assert metric.get(f"{group}/num_gt", -1) == line["num_gt"], (name, full)


def test_official_printout() -> None:
    before = copy.deepcopy((PREDICTIONS, DATASET))
    assert format_omnilabel(omnilabel_metric(PREDICTIONS, DATASET)) == PRINTOUT
    assert (PREDICTIONS, DATASET) == before


def test_a_box_with_the_id_0_is_never_found() -> None:
    annotations = [{**a, "id": 0 if a["id"] == 9 else a["id"]} for a in DATASET["annotations"]]
    metric = omnilabel_metric(PREDICTIONS, {**DATASET, "annotations": annotations})
    # as omnilabeltools prints for these
    assert f"{metric['AP']:.5f} {metric['categ/AP']:.5f} {metric['categ/AR']:.5f}" == "0.39275 0.54521 0.55000"


def test_by_hand() -> None:
    gold = [prediction(a["image_id"], a["bbox"], **{f"d{i}": 1.0 for i in a["description_ids"]}) for a in DATASET["annotations"]]
    perfect = omnilabel_metric(gold, DATASET)
    assert perfect["AP"] == pytest.approx(2 / (2 + 1e-5))
    assert perfect["categ/AP"] == perfect["descr/AR"] == pytest.approx(1.0)
    # a box for a negative description that is surer than the three right ones; the positive ones do not see it
    negative = omnilabel_metric([*gold, prediction(7, [0, 0, 5, 5], d10=2.0)], DATASET)
    assert negative["descr/AP"] == pytest.approx(3 / 4)
    assert negative["descr-pos/AP"] == pytest.approx(1.0)


def test_groups_without_gold_boxes_are_left_out() -> None:
    assert omnilabel_metric([], {**DATASET, "annotations": []}) == {}
    assert "-1.00000" in format_omnilabel({}) and "num-gt=   -2" in format_omnilabel({})
    only = omnilabel_metric([prediction(7, [0, 0, 5, 5], d10=1.0)], {**DATASET, "annotations": DATASET["annotations"][2:3]})
    assert only == {
        "categ/num_gt": 1.0, "categ/AP": 0.0, "categ/AP50": 0.0, "categ/AP75": 0.0, "categ/AR": 0.0,
        "descr/num_gt": 0.0, "descr-s/num_gt": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image_id": None}, "'image_id'"),
        ({"bbox": [1, 2, -3, 4]}, "'bbox'"),
        ({"scores": [0.5]}, "3 description_ids and 1 scores"),
        ({"scores": [0.5, 0.5, float("inf")]}, "'scores'"),
        ({"description_ids": "2"}, "'description_ids' of type str"),
    ],
)
def test_bad_predictions(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    record = {**PREDICTIONS[0], **change}
    with pytest.raises(DatasetError, match=f"prediction 0.*{expected}"):
        omnilabel_metric([record], DATASET)
    path = tmp_path / "results.json"
    path.write_text(json.dumps([PREDICTIONS[0], record]))
    with pytest.raises(DatasetError, match=f"results.json, record 1.*{expected}"):
        read_omnilabel_results(path)
    with pytest.raises(DatasetError, match=expected):
        write_omnilabel_results(path, [record])


@pytest.mark.parametrize("key", ["images", "descriptions", "annotations"])
def test_bad_datasets(key: str) -> None:
    with pytest.raises(DatasetError, match=key):
        omnilabel_metric(PREDICTIONS, {k: v for k, v in DATASET.items() if k != key})
    with pytest.raises(DatasetError, match="Expected"):
        omnilabel_metric(PREDICTIONS, {**DATASET, key: [{"id": 1}]} if key != "images" else {**DATASET, key: [{}]})


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_omnilabel_results(path, PREDICTIONS)
    assert json.loads(path.read_text()) == read_omnilabel_results(path) == PREDICTIONS


@pytest.mark.parametrize("content", ["", "[", "{}", "[[]]"])
def test_damaged_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match="results.json.*Expected OmniLabel results"):
        read_omnilabel_results(path)
