from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import DatasetError, Sample, open_dataset
from vispro_gym.datasets.scene import Box, iou
from vispro_gym.tasks import TASKS
from vispro_gym.tasks.grounding import RefCOCOgTask, RefCOCOplusTask, RefCOCOTask

GOLD: Box = (10, 10, 50, 50)


@pytest.mark.parametrize(
    ("answer", "strict", "official"),
    [
        ((10, 10, 50, 50), 1, 1),
        ((10, 10, 50, 30), 1, 1),  # IoU exactly 0.5
        ((10, 10, 50, 29), 0, 0),
        ([10, 10, 50, 50], 0, 0),
        ([(10, 10, 50, 50)], 1, 0),
        ([[10, 10, 50, 50]], 0, 0),
        ([(10, 10, 50, 50), (10, 10, 50, 50)], 0, 0),
        ([], 0, 0),
        ((0, 0, 100, 100), 0, 0),
        ("the dog", 0, 0),
        (True, 0, 0),
        (None, 0, 0),
        ((50, 50, 10, 10), 0, 0),
        ([(10, 10, 50, 50), None], 0, 0),
    ],
)
def test_scores(answer: Any, strict: float, official: float) -> None:
    assert [RefCOCOTask(scorer).score(answer, GOLD).reward for scorer in ("strict", "official")] == [strict, official]


def test_the_threshold_is_an_iou() -> None:
    answer = (10, 10, 50, 40)
    assert RefCOCOTask().score(answer, GOLD).soft == pytest.approx(0.75)
    assert [RefCOCOTask(threshold=t).score(answer, GOLD).reward for t in (0.1, 0.7, 0.8, 1.0)] == [1, 1, 0, 0]


coordinate = st.floats(0, 100)
box = st.tuples(coordinate, coordinate, coordinate, coordinate).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(found=box, gold=box)
def test_the_soft_score_is_the_iou(found: Box, gold: Box) -> None:
    score = RefCOCOTask().score(found, gold)
    assert score.soft == score.details["iou"] == iou(found, gold) == RefCOCOTask().score(gold, found).soft
    assert score.reward == float(score.soft >= 0.5)


def sample(sent_id: str, gold: Box) -> Sample:
    return Sample(sent_id, "the dog", (), gold, record={"image": {"id": 1, "width": 200, "height": 100}})


def test_metric_and_submission(tmp_path: Path) -> None:
    samples = [sample(str(i), GOLD) for i in range(4)]
    answers: dict[str, Any] = {"0": (10, 10, 50, 50), "1": [(10, 10, 50, 34)], "2": "the dog"}
    task = RefCOCOTask()
    metric = task.metric(answers, iter(samples))
    assert metric["accuracy@0.5"] == 0.5 and metric["accuracy@0.7"] == 0.25 and metric["mean_iou"] == pytest.approx(0.4)
    assert RefCOCOTask("official").metric(answers, samples)["accuracy@0.5"] == 0.25
    assert task.headline in metric and task.metric({s.sample_id: GOLD for s in samples}, samples)[task.headline] == task.perfect
    path = tmp_path / "results.json"
    task.write_submission(path, answers, samples)
    assert json.loads(path.read_text()) == [{"sent_id": 0, "bbox": [10, 10, 40, 40]}, {"sent_id": 1, "bbox": [10, 10, 40, 24]}]
    read = task.read_submission(path, samples)
    assert read == {"0": (10, 10, 50, 50), "1": (10, 10, 50, 34)} and task.metric(read, samples) == metric
    path.write_text('[{"sent_id": 0, "bbox": [1, 2, 3]}]')
    with pytest.raises(DatasetError, match=r"results\.json, sent_id 0"):
        task.read_submission(path, samples)


def test_names() -> None:
    assert [TASKS[name] for name in ("refcoco", "refcocoplus", "refcocog")] == [RefCOCOTask, RefCOCOplusTask, RefCOCOgTask]


def test_the_field_s_own_figures_on_real_samples(realdata: Path) -> None:
    dataset = open_dataset("RefCOCOg", realdata / "refcoco", "val", "optional")
    answers: dict[str, Any] = {s.sample_id: s.target for s in dataset}
    task = RefCOCOgTask()
    assert task.metric(answers, dataset)["accuracy@0.5"] == 1.0
    first = dataset[0]
    height = first.record["image"]["height"]
    missing = task.metric(answers | {first.sample_id: None}, dataset)
    assert missing["accuracy@0.5"] == pytest.approx(0.9)
    # ViperGPT reads no answer as the average box, which lies at the bottom of the picture
    average = (50.9, height - 356.5, 493.5, height - 39.1)
    assert missing["viper_iou"] == pytest.approx((9 + iou(average, first.target)) / 10)
