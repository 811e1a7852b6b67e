from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vispro_gym.datasets import Dataset, DatasetError, open_dataset
from vispro_gym.tasks.sugarcrepe import SugarCREPETask


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return open_dataset("SugarCREPE", split="test")


def test_right_answers(dataset: Dataset) -> None:
    samples = list(dataset)
    rights = {sample.sample_id: sample.record["caption"] for sample in samples}
    metric = SugarCREPETask().metric(rights, samples)
    assert set(metric.values()) == {1.0} and len(metric) == 1 + 7 + 3
    assert SugarCREPETask("official").metric(rights, samples) == metric
    assert SugarCREPETask().metric({}, samples) == dict.fromkeys(metric, 0.0)
    assert SugarCREPETask().metric({}, []) == {}
    wrongs = {sample.sample_id: sample.record["negative_caption"] for sample in samples}
    assert SugarCREPETask().metric(wrongs, samples) == dict.fromkeys(metric, 0.0)


def some_answers(dataset: Dataset, seed: int) -> tuple[list[Any], dict[str, Any]]:
    samples = [dataset.sample(i, seed) for i in range(len(dataset))]
    rng = Random(seed)
    answers = {
        sample.sample_id: rng.choice(["A", "B", sample.record["caption"], sample.record["negative_caption"], None, 3])
        for sample in samples
    }
    return samples, answers


def test_submission_round_trip(dataset: Dataset, tmp_path: Path) -> None:
    task = SugarCREPETask()
    samples, answers = some_answers(dataset, 4)
    task.write_submission(tmp_path / "results", answers, samples)
    assert len(list((tmp_path / "results").iterdir())) == 7
    record = json.loads((tmp_path / "results" / "swap_obj.json").read_text())["3"]
    assert record.keys() == {"answer", "caption", "negative_caption", "filename", "correct"}
    metric = task.metric(answers, samples)
    assert 0.2 < metric["accuracy"] < 0.7
    for seed in (4, 5):
        others = [dataset.sample(i, seed) for i in range(len(dataset))]
        assert task.metric(task.read_submission(tmp_path / "results", others), others) == metric


@pytest.mark.parametrize(
    ("part", "order", "right", "count"),
    [
        ("swap_att", "positive-first", 607, 666),
        ("swap_att", "negative-first", 593, 666),
        ("swap_obj", "positive-first", 211, 246),
        ("swap_obj", "negative-first", 198, 246),
    ],
)
def test_the_published_figures_of_gpt_4v(realdata: Path, part: str, order: str, right: int, count: int) -> None:
    path = realdata / "sugarcrepe" / "gpt-4v-results" / order / f"gpt4v-{part}.json"
    dataset = open_dataset("SugarCREPE", realdata / "sugarcrepe", part, images="optional")
    task = SugarCREPETask()
    answers = task.read_submission(path, dataset)
    assert len(answers) == len(dataset)
    found = task.metric(answers, dataset)[part] * len(dataset)
    gone = {} if count == len(dataset) else json.loads(path.read_text())["108"]  # item 108 was taken out of the data since
    assert round(found) + bool(gone and gone["correct"]) == right and len(dataset) + bool(gone) == count


def test_damaged_submissions(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"results.*is missing"):
        SugarCREPETask().read_submission(tmp_path / "results", dataset)
    (tmp_path / "add_att.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"add_att\.json holds list"):
        SugarCREPETask().read_submission(tmp_path, dataset)
