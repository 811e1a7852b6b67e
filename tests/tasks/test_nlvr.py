from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import DatasetError, open_dataset
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.metrics.nlvr2 import format_nlvr2
from vispro_gym.tasks.nlvr import NLVR2Task, NLVRTask


def samples(**labels: str) -> list[Sample]:
    return [
        Sample(key.replace("_", "-"), "?", (), label.lower() == "true", record={"label": label}) for key, label in labels.items()
    ]


PAIRS = samples(dev_1_0_0="True", dev_1_1_0="False", dev_1_0_1="True", dev_2_0_0="False")
BOXES = samples(**{"72_0": "true", "72_1": "false", "9_0": "true"})


def test_metric() -> None:
    answers: dict[str, Any] = {"dev-1-0-0": True, "dev-1-1-0": True, "dev-1-0-1": "yes", "dev-2-0-0": "FALSE"}
    assert NLVR2Task().metric(answers, PAIRS) == {"accuracy": 3 / 4, "consistency": 2 / 3}
    assert NLVR2Task("official").metric(answers, PAIRS) == {"accuracy": 2 / 4, "consistency": 1 / 3}
    assert NLVR2Task().metric({}, PAIRS) == {"accuracy": 0.0, "consistency": 0.0}
    assert NLVRTask().metric({"72-0": True, "72-1": 0, "9-0": "True"}, BOXES) == {"accuracy": 2 / 3, "consistency": 1 / 2}


def test_submission(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    task = NLVRTask()
    task.write_submission(path, {"72-0": "yes", "72-1": False}, BOXES)
    assert path.read_text() == "72-0,True\n72-1,False\n9-0,None\n"
    answers = task.read_submission(path, BOXES)
    assert answers == {"72-0": "True", "72-1": "False", "9-0": None}
    assert task.metric(answers, BOXES) == {"accuracy": 2 / 3, "consistency": 1 / 2}
    path.write_text("72-0;True\n")
    with pytest.raises(DatasetError, match=r"predictions\.csv, line 1"):
        task.read_submission(path, BOXES)


def test_parity_with_the_official_printout(realdata: Path, tmp_path: Path) -> None:
    """The figures of the official script through the loader, the submission file and the task."""
    golden = json.loads((realdata / "golden" / "nlvr2_official.json").read_text())
    dataset = open_dataset("NLVR2", realdata / "nlvr2", "dev", images="optional")
    asked = list(dataset)
    wrong = set(golden["wrong_identifiers"])
    answers = {sample.sample_id: sample.target != (sample.sample_id in wrong) for sample in asked}
    task = NLVR2Task()
    task.write_submission(tmp_path / "predictions.csv", answers, asked)
    metric = task.metric(task.read_submission(tmp_path / "predictions.csv", asked), asked)
    assert format_nlvr2(metric).strip() == golden["stdout"].strip()
