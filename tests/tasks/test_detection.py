from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import DatasetError, Sample, open_dataset
from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.scene import Box
from vispro_gym.tasks import TASKS
from vispro_gym.tasks.detection import COCOTask, OmniLabelTask, read_boxes
from vispro_gym.tasks.metrics.boxes import to_xywh
from vispro_gym.tasks.metrics.coco import coco_metric

GOLD = ((10, 10, 50, 50), (60, 10, 100, 50))
CROWD = ((0, 60, 100, 100),)
TARGET = Boxes(GOLD, CROWD)
LEFT, RIGHT, FAR, IN_CROWD = (12, 10, 52, 50), (60, 10, 100, 52), (200, 200, 220, 220), (20, 70, 40, 90)


@pytest.mark.parametrize(
    ("answer", "soft", "details"),
    [
        ([LEFT, RIGHT], 1.0, {"boxes": 2, "precision": 1.0, "recall": 1.0}),
        ([RIGHT, LEFT], 1.0, {}),
        ([LEFT], 2 / 3, {"precision": 1.0, "recall": 0.5}),
        (LEFT, 2 / 3, {"boxes": 1}),
        ([LEFT, RIGHT, FAR], 0.8, {"precision": 2 / 3, "recall": 1.0}),
        ([LEFT, LEFT], 0.5, {"precision": 0.5, "recall": 0.5}),
        ([LEFT, IN_CROWD, RIGHT], 1.0, {"boxes": 3, "precision": 1.0}),
        ([IN_CROWD], 0.0, {}),
        ([], 0.0, {"boxes": 0}),
        ([FAR], 0.0, {"mean_iou": 0.0}),
    ],
)
@pytest.mark.parametrize("scorer", ["strict", "official"])
def test_scores(answer: Any, soft: float, details: dict[str, Any], scorer: str) -> None:
    score = COCOTask(scorer).score(answer, TARGET)
    assert score.soft == score.details["f1"] == pytest.approx(soft)
    assert score.reward == float(soft >= 0.5)
    assert {key: score.details[key] for key in details} == pytest.approx(details)
    assert COCOTask(scorer, 1.0).score(answer, TARGET).reward == float(soft == 1.0)


@pytest.mark.parametrize("scorer", ["strict", "official"])
@pytest.mark.parametrize("threshold", [None, 1.0, 0.01])
def test_where_there_is_nothing_to_find_only_an_empty_list_is_right(scorer: str, threshold: float | None) -> None:
    task = OmniLabelTask(scorer, threshold)
    assert (task.score([], Boxes(())).reward, task.score([], Boxes(())).soft) == (1.0, 1.0)
    for answer in ([LEFT], LEFT, [(0, 0, 0, 0)], [[0, 0, 0, 0]], "", None, False, 0, [[]], "no", {}, [None]):
        assert task.score(answer, Boxes(())).reward == 0.0, answer


NO_BOXES: list[Any] = [
    None, "cup", "", True, 3, 2.5, {"image": 0, "box": LEFT}, [LEFT, "cup"], [LEFT, None], [1, 2, 3], [1, 2, 3, "4"], [True, 0, 1, 1],
    [[1, 2, 3]], [[LEFT]], (50, 10, 10, 50), (10, 50, 50, 10), (0, 0, float("nan"), 1), (0, 0, float("inf"), 1), (0, 0, 10**400, 1),
    [[0, 0, 1, 1, 1, 1]], ["a", "b", "c", "d"], [0, 0, 1, 1, 0.5], [0, 0, 1, 1], [[0, 0, 1, [1]]],
]  # fmt: skip


@pytest.mark.parametrize("answer", NO_BOXES)
def test_other_answers_are_no_boxes(answer: Any) -> None:
    assert read_boxes(answer) is None
    for scorer in ("strict", "official"):
        score = COCOTask(scorer).score(answer, TARGET)
        assert (score.reward, score.soft, score.details["boxes"]) == (0.0, 0.0, None)


@pytest.mark.parametrize("answer", [[12, 10, 52, 50], [[12, 10, 52, 50]], [(12, 10, 52, 50), [60, 10, 100, 52]]])
def test_numbers_that_a_program_lists_are_no_patches(answer: Any) -> None:
    assert [COCOTask(scorer).score(answer, TARGET).reward for scorer in ("strict", "official")] == [0.0, 0.0]


def test_scorers_differ_in_who_takes_what() -> None:
    gold = Boxes(((0, 0, 10, 10), (4, 0, 14, 10)))
    # the first fits both, the second only one: the one that the first fits better
    answer = [(1, 0, 11, 10), (-2, 0, 8, 10)]
    assert COCOTask("official").score(answer, gold).soft == 0.5
    assert COCOTask("official").score(answer[::-1], gold).soft == 1.0
    assert COCOTask("strict").score(answer, gold).soft == COCOTask("strict").score(answer[::-1], gold).soft == 0.5


coordinate = st.integers(0, 12)
box = st.tuples(coordinate, coordinate, st.integers(1, 12), st.integers(1, 12)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(box, max_size=6)


@given(found=boxes, gold=boxes, crowds=st.lists(box, max_size=2), data=st.data())
def test_the_order_of_the_list_does_not_matter(found: list[Box], gold: list[Box], crowds: list[Box], data: st.DataObject) -> None:
    target = Boxes(tuple(gold), tuple(crowds))
    score = COCOTask().score(found, target)
    assert 0.0 <= score.soft <= 1.0 and score.reward == float(score.soft >= 0.5)
    assert COCOTask().score(data.draw(st.permutations(found)), target).soft == score.soft
    assert COCOTask(threshold=1.0).score(gold, target).reward == 1.0


@given(found=boxes, gold=boxes, crowds=st.lists(box, max_size=2))
def test_the_official_scorer_pairs_as_cocoeval(found: list[Box], gold: list[Box], crowds: list[Box]) -> None:
    score = COCOTask("official").score(found, Boxes(tuple(gold), tuple(crowds)))
    pairs, counted = cocoeval_pairs(found, gold, crowds)
    assert score.soft == pytest.approx(2 * pairs / (counted + len(gold)) if counted + len(gold) else 1.0)


def cocoeval_pairs(found: Sequence[Box], gold: Sequence[Box], crowds: Sequence[Box]) -> tuple[int, int]:
    """How many boxes pycocotools pairs at an IoU of 0.5, and how many count."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def record(i: int, b: Box) -> dict[str, Any]:
        area = (b[2] - b[0]) * (b[3] - b[1])
        return {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": to_xywh(b), "area": area, "iscrowd": 0, "score": 1.0}

    sides = []
    for items in ([*((b, 0) for b in gold), *((b, 1) for b in crowds)], [(b, 0) for b in found]):
        side = COCO()
        annotations = [record(i, b) | {"iscrowd": crowd} for i, (b, crowd) in enumerate(items)]
        side.dataset = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": annotations}
        sides.append(side)
    with contextlib.redirect_stdout(io.StringIO()):
        for side in sides:
            side.createIndex()
        evaluation = COCOeval(*sides, "bbox")
        evaluation.params.iouThrs = evaluation.params.iouThrs[:1]
        evaluation.evaluate()
    result = evaluation.evalImgs[0]
    if result is None:
        return 0, 0
    ignored = result["dtIgnore"][0].astype(bool)
    return int(((result["dtMatches"][0] > 0) & ~ignored).sum()), int((~ignored).sum())


def test_names() -> None:
    assert TASKS["coco"] is COCOTask and TASKS["omnilabel"] is OmniLabelTask


# ---- COCO's metric ----


def coco_sample(image_id: int, category_id: int, gold: Sequence[Box], present: list[int], first: int = 1) -> Sample:
    annotations = [
        {"id": first + i, "image_id": image_id, "category_id": category_id, "bbox": to_xywh(b), "area": 400.0, "iscrowd": 0}
        for i, b in enumerate(gold)
    ]
    record = {
        "image": {"id": image_id, "width": 200, "height": 200},
        "category": {"id": category_id, "name": f"c{category_id}"},
        "annotations": annotations,
        "categories_present": present,
    }
    return Sample(f"{image_id}-{category_id}", f"c{category_id}", (), Boxes(tuple(gold)), record=record)


SAMPLES = [coco_sample(1, 7, GOLD, [7]), coco_sample(2, 7, GOLD[:1], [7, 8], 10), coco_sample(2, 8, GOLD[1:], [7, 8], 20)]
RIGHT_ANSWERS: dict[str, Any] = {"1-7": list(GOLD), "2-7": GOLD[0], "2-8": [list(GOLD[1])]}


def test_coco_metric() -> None:
    task = COCOTask()
    assert task.metric(RIGHT_ANSWERS, iter(SAMPLES))["AP"] == pytest.approx(1.0)
    assert task.metric({}, SAMPLES)["AP"] == 0.0
    assert task.metric(dict.fromkeys(RIGHT_ANSWERS, "cup"), SAMPLES)["AP"] == 0.0, "no boxes"
    assert task.metric(RIGHT_ANSWERS | {"2-8": None}, SAMPLES)["AP"] == pytest.approx(0.5), "the mean of two categories"


def test_detections_of_what_is_not_asked() -> None:
    task = COCOTask()
    wrong = [[0, 0, 200, 200, 2.0]]  # before all that are right
    assert task.metric(RIGHT_ANSWERS | {"1-8": wrong}, SAMPLES)["AP"] == pytest.approx(0.75), "category 8 is not in picture 1"
    assert task.metric(RIGHT_ANSWERS | {"1-9": wrong}, SAMPLES)["AP"] == pytest.approx(1.0), "category 9 is in no picture"
    assert task.metric(RIGHT_ANSWERS | {"3-7": wrong}, SAMPLES)["AP"] == pytest.approx(1.0), "picture 3 is not asked"
    assert task.metric(RIGHT_ANSWERS | {"x": wrong, "1-": wrong, "01-7": wrong}, SAMPLES)["AP"] == pytest.approx(1.0), (
        "no such ids"
    )
    # a part of the samples: what is there but not asked is neither right nor wrong
    part = [SAMPLES[0], coco_sample(3, 8, GOLD, [8], 30), SAMPLES[1]]
    answers = RIGHT_ANSWERS | {"3-8": [list(b) for b in GOLD], "2-8": [list(GOLD[1]), *wrong]}
    assert task.metric(answers, part)["AP"] == pytest.approx(1.0)


def test_pictures_without_annotations(tmp_path: Path) -> None:
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 200, "height": 200} for i in (1, 2)],
        "annotations": SAMPLES[0].record["annotations"],
        "categories": [{"id": 7, "name": "cup"}],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_own.json").write_text(json.dumps(content))
    dataset = open_dataset("COCO", tmp_path, "own", "optional")
    answers = {"1-7": RIGHT_ANSWERS["1-7"], "2-7": [[0, 0, 200, 200, 2.0]]}
    metric = COCOTask().metric(answers, dataset)
    results = [
        {"image_id": int(key[0]), "category_id": 7, "bbox": to_xywh(b[:4]), "score": b[4] if len(b) == 5 else 1.0}
        for key, found in answers.items()
        for b in found
    ]
    assert metric == coco_metric(results, content["images"], content["categories"], content["annotations"])
    assert metric["AP"] < COCOTask().metric(answers, list(dataset))["AP"] == pytest.approx(1.0), (
        "a list does not know of the other"
    )


def test_coco_submission(tmp_path: Path) -> None:
    task, path = COCOTask(), tmp_path / "results.json"
    task.write_submission(path, RIGHT_ANSWERS | {"9-9": [[0, 0, 1, 2, 0.25]], "2-8": None, "1-7": "cup"}, SAMPLES)
    assert json.loads(path.read_text()) == [
        {"image_id": 2, "category_id": 7, "bbox": [10, 10, 40, 40], "score": 1.0},
        {"image_id": 9, "category_id": 9, "bbox": [0, 0, 1, 2], "score": 0.25},
    ]
    assert task.read_submission(path, SAMPLES) == {"2-7": [[10, 10, 50, 50, 1.0]], "9-9": [[0, 0, 1, 2, 0.25]]}
    path.write_text(json.dumps([{"image_id": 1, "category_id": 1, "score": 1.0, "segmentation": [[1, 2, 3, 4, 5, 6]]}]))
    with pytest.raises(DatasetError, match="record 0, has a mask and no box"):
        task.read_submission(path, SAMPLES)
    path.write_text("[")
    with pytest.raises(DatasetError, match=r"results\.json is damaged"):
        task.read_submission(path, SAMPLES)


@pytest.mark.parametrize("form", ["present", "balanced"])
def test_parity_with_cocoeval(realdata: Path, tmp_path: Path, form: str) -> None:
    """The official figures through the loader, the results file and the task."""
    dataset = open_dataset("COCO", realdata / "coco", "val2014_100", "optional", form)
    golden = json.loads((realdata / "golden" / "coco_official.json").read_text())
    task = COCOTask()
    predictions = task.read_submission(realdata / "coco" / "results" / "instances_val2014_fakebbox100_results.json", dataset)
    metric = task.metric(predictions, dataset)
    assert [round(metric[name], 3) for name in golden["order"]] == golden["bbox"]
    again = tmp_path / "again.json"
    task.write_submission(again, predictions, dataset)
    assert task.metric(task.read_submission(again, dataset), dataset) == pytest.approx(metric)


# ---- OmniLabel's metric ----


def omnilabel_folder(folder: Path) -> Path:
    folder.mkdir()
    content = {
        "images": [{"id": i, "file_name": f"coco/{i}.jpg"} for i in (8, 3)],
        "descriptions": [
            {"id": 70, "text": "Cup", "anno_info": {"type": "object_category"}, "image_ids": [3, 8]},
            {"id": 20, "text": "red cups", "anno_info": {"type": "object_description"}, "image_ids": [8, 3]},
        ],
        "annotations": [
            {"id": 1, "image_id": 8, "bbox": to_xywh(GOLD[0]), "description_ids": [70, 20]},
            {"id": 2, "image_id": 8, "bbox": to_xywh(GOLD[1]), "description_ids": [70]},
        ],
    }
    (folder / "dataset_val.json").write_text(json.dumps(content))
    return folder


def test_omnilabel(tmp_path: Path) -> None:
    dataset = open_dataset("OmniLabel", omnilabel_folder(tmp_path / "data"), "val", "optional", "all")
    task, path = OmniLabelTask(), tmp_path / "results.json"
    perfect: dict[str, Any] = {"8-70": [list(b) for b in GOLD], "8-20": GOLD[0], "3-70": []}
    metric = task.metric(perfect, iter(dataset))
    assert metric["AP"] == pytest.approx(OmniLabelTask.perfect) and metric["categ/num_gt"] == 2 and metric["descr/num_gt"] == 1
    assert task.metric({}, dataset)["AP"] == 0.0
    wrong = perfect | {"3-20": [[0, 0, 5, 5, 2.0]]}
    assert task.metric(wrong, dataset)["descr/AP"] == pytest.approx(0.5), "a negative description"
    assert task.metric(perfect | {"9-20": [[0, 0, 5, 5, 2.0]], "x": [LEFT]}, dataset) == metric, "of no label space"
    task.write_submission(path, wrong | {"x": [LEFT]}, dataset)
    records = json.loads(path.read_text())
    assert records[0] == {"image_id": 8, "bbox": [10, 10, 40, 40], "description_ids": [70], "scores": [1.0]} and len(records) == 4
    assert task.metric(task.read_submission(path, dataset), dataset) == task.metric(wrong, dataset)


def test_parity_with_omnilabeltools(realdata: Path, tmp_path: Path) -> None:
    """The official figures through the loader, the results file and the task."""
    dataset = open_dataset("OmniLabel", realdata / "omnilabel", "sample_8357", "optional")
    golden = json.loads((realdata / "golden" / "omnilabel_official.json").read_text())
    task, path, checked = OmniLabelTask(), tmp_path / "results.json", 0
    for name, case in golden.items():
        if name == "reference":
            continue
        path.write_text(json.dumps(case["predictions"]))
        predictions = task.read_submission(path, dataset)
        again = tmp_path / "again.json"
        task.write_submission(again, predictions, dataset)
        for metric in (task.metric(predictions, dataset), task.metric(task.read_submission(again, dataset), dataset)):
            for result in case["results"]:
                assert figure(metric, result["metric"]) == pytest.approx(result["value"], abs=1e-6), (name, result)
                checked += 1
    assert checked == 2 * 3 * 13


def figure(metric: dict[str, float], line: dict[str, Any]) -> float:
    kind = {"0.50": "AP50", "0.75": "AP75"}.get(line["iou"], line["metric"])
    return metric.get("AP" if line["description"].startswith("hm") else f"{line['description']}/{kind}", -1.0)


def test_metrics_take_any_iterable() -> None:
    samples: Iterable[Sample] = (sample for sample in SAMPLES)
    assert COCOTask().metric(RIGHT_ANSWERS, samples) == COCOTask().metric(RIGHT_ANSWERS, SAMPLES)
