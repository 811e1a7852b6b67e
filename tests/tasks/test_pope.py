from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_gym.datasets import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.pope import POPETask

LABELS = {"1": "yes", "2": "no", "3": "yes", "4": "no"}
SAMPLES = [Sample(i, "?", (), label == "yes", record={"label": label}) for i, label in LABELS.items()]
ANSWERS = {"1": True, "2": "There is no dog.", "3": "a dog", "4": None}


@pytest.mark.parametrize("scorer", ["strict", "official"])
def test_the_metric_reads_texts_as_the_official_script(scorer: str) -> None:
    metric = POPETask(scorer).metric(ANSWERS, SAMPLES)
    assert metric == {"accuracy": 0.75, "precision": 1.0, "recall": 1.0, "f1": 1.0, "yes_ratio": 0.5}
    assert POPETask(scorer).metric({}, SAMPLES)["accuracy"] == 0.0
    assert POPETask(scorer).metric({"1": 1, "2": [False], "3": {"image": 0}}, SAMPLES)["accuracy"] == 0.0


def test_submission(tmp_path: Path) -> None:
    task, path = POPETask(), tmp_path / "answers.json"
    task.write_submission(path, ANSWERS, SAMPLES)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"question_id": 1, "answer": "yes"},
        {"question_id": 2, "answer": "There is no dog."},
        {"question_id": 3, "answer": "a dog"},
        {"question_id": 4, "answer": ""},
    ]
    answers = task.read_submission(path, SAMPLES)
    assert answers == {"1": "yes", "2": "There is no dog.", "3": "a dog", "4": None}
    assert task.metric(answers, SAMPLES) == task.metric(ANSWERS, SAMPLES)
    path.write_text("yes\n")
    with pytest.raises(DatasetError, match=r"answers\.json, line 1"):
        task.read_submission(path, SAMPLES)
