from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenes import write_gqa_folder
from tests.tasks.metrics.test_gqa import HEAD
from vispro_gym.datasets import open_dataset
from vispro_gym.tasks.gqa import GQATask
from vispro_gym.tasks.metrics.gqa import format_gqa

GOLD = ("yes", "no", "red", "t-shirt", "taking a photo", "1,000", "don't", "cups", "to the left of")


@pytest.mark.parametrize("scorer", ["strict", "official"])
@pytest.mark.parametrize("gold", GOLD)
def test_every_gold_answer_is_right(scorer: str, gold: str) -> None:
    assert GQATask(scorer).score(gold, gold).reward == 1.0


@pytest.mark.parametrize(
    ("answer", "target", "strict", "official", "vipergpt"),
    [
        ("Yes", "yes", 1, 0, 1),
        (True, "yes", 1, 1, 1),
        ("yes.", "yes", 1, 0, 1),
        (["yes"], "yes", 0, 0, 1),
        ([], "no", 0, 0, 1),
        ("a cup", "cup", 0, 0, 1),
        ("two", "2", 0, 0, 1),
        ("taking a photo", "taking a photo", 1, 1, 0),
        ("blue", "red", 0, 0, 0),
        ([10, 20, 30, 40], "no", 0, 0, 0),
    ],
)
def test_scorers(answer: Any, target: str, strict: float, official: float, vipergpt: float) -> None:
    rewards = [GQATask(scorer).score(answer, target).reward for scorer in ("strict", "official", "vipergpt")]
    assert rewards == [strict, official, vipergpt]


def test_metric_and_submission(tmp_path: Path) -> None:
    dataset = open_dataset("GQA", write_gqa_folder(tmp_path / "gqa"), "val")
    task = GQATask()
    metric = task.metric({"0007": True, "0008": "Blue"}, dataset)
    assert (metric["accuracy"], metric["binary"], metric["open"]) == (50.0, 100.0, 0.0)
    assert metric["vipergpt_accuracy"] == 100.0 and "validity" not in metric
    crashed = task.metric({"0007": None}, dataset)
    assert crashed["accuracy"] == crashed["vipergpt_accuracy"] == 0.0
    path = tmp_path / "submission.json"
    task.write_submission(path, {"0007": True}, dataset)
    assert json.loads(path.read_text()) == [{"questionId": "0007", "prediction": "yes"}, {"questionId": "0008", "prediction": ""}]
    assert task.read_submission(path, dataset) == {"0007": "yes", "0008": None}


def test_choices_are_read_from_the_folder(tmp_path: Path) -> None:
    folder = write_gqa_folder(tmp_path / "gqa")
    (folder / "eval").mkdir()
    choices = {"0007": {"valid": ["yes", "no"], "plausible": ["yes"]}, "0008": {"valid": ["blue", "red"], "plausible": ["blue"]}}
    (folder / "eval" / "val_choices.json").write_text(json.dumps(choices))
    metric = GQATask().metric({"0007": "no", "0008": "blue"}, open_dataset("GQA", folder, "val"))
    assert (metric["validity"], metric["plausibility"]) == (100.0, 50.0)


def test_parity_with_the_official_printout(realdata: Path, tmp_path: Path) -> None:
    """The figures of the official script through the loader, the submission file and the task."""
    golden = json.loads((realdata / "golden" / "gqa_official.json").read_text())
    records = json.loads((realdata / "gqa" / "questions" / "testdev_ood_head_questions.json").read_text())
    asked = {key: record for key, record in records.items() if key in golden["predictions"]}
    (tmp_path / "testdev_balanced_questions.json").write_text(json.dumps(asked))
    (tmp_path / "testdev_choices.json").write_text(json.dumps(golden["choices"]))
    dataset = open_dataset("GQA", tmp_path, "testdev", images="optional")
    task = GQATask()
    submission = tmp_path / "submission.json"
    task.write_submission(submission, golden["predictions"], dataset)
    metric = task.metric(task.read_submission(submission, dataset), dataset)
    assert format_gqa(metric) == HEAD
