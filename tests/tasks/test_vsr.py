from __future__ import annotations

from pathlib import Path

import pytest

from vispro_gym.datasets import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.vsr import VSRTask

RECORDS = [(1, "on"), (0, "on"), (1, "under"), (0, "on")]
SAMPLES = [
    Sample(str(i), "?", (), label == 1, record={"label": label, "relation": relation})
    for i, (label, relation) in enumerate(RECORDS)
]
ANSWERS = {"0": True, "1": "no", "2": "Perhaps", "3": True}


def test_metric() -> None:
    metric = VSRTask().metric(ANSWERS, SAMPLES)
    assert metric == {"accuracy": 0.5, "relation/on": 2 / 3, "relation/under": 0.0}
    assert VSRTask("official").metric(ANSWERS, SAMPLES)["accuracy"] == 0.25, "the official script takes no words"


def test_submission(tmp_path: Path) -> None:
    task, path = VSRTask(), tmp_path / "preds.txt"
    task.write_submission(path, ANSWERS, SAMPLES)
    assert path.read_text() == "1\n0\n-1\n1\n"
    answers = task.read_submission(path, SAMPLES)
    assert answers == {"0": True, "1": False, "2": None, "3": True}
    assert task.metric(answers, SAMPLES) == task.metric(ANSWERS, SAMPLES)
    with pytest.raises(DatasetError, match=r"preds\.txt has 4 lines. Expected one prediction per line for each of the 3 samples"):
        task.read_submission(path, SAMPLES[1:])
