from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.pope import pope_metric, read_answer, read_pope_answers, write_pope_answers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("No.", "no"),
        ("No, there is not", "no"),
        ("There is not a dog.", "no"),
        ("Yes. There is no cat", "yes"),  # only the first sentence counts
        ("Yes, there is no doubt", "no"),
        ("NO", "yes"),
        ("Not", "yes"),
        ("nothing", "yes"),
        ("no!", "yes"),
        ("well\nno", "yes"),
        ("No,", "no"),
        ("", "yes"),
        (".no", "yes"),
        ("  no ", "no"),
    ],
)
def test_read_answer(text: str, expected: str) -> None:
    assert read_answer(text) == expected


def test_by_hand() -> None:
    labels = {"1": "yes", "2": "yes", "3": "no", "4": "no", "5": "no"}
    answers = {"1": "Yes, there is.", "2": False, "3": "No", "4": True, "5": "There is no dog", "6": "no"}
    assert pope_metric(answers, labels) == {
        "accuracy": 3 / 5,
        "precision": 1 / 2,
        "recall": 1 / 2,
        "f1": 1 / 2,
        "yes_ratio": 2 / 5,
    }


def test_no_answer_is_neither_yes_nor_no() -> None:
    labels = {"1": "yes", "2": "yes", "3": "no", "4": "no"}
    metric = pope_metric({"1": "yes", "3": None}, labels)
    assert metric == {"accuracy": 1 / 4, "precision": 1.0, "recall": 1 / 2, "f1": pytest.approx(2 / 3), "yes_ratio": 1 / 4}


def test_nothing_to_divide_by() -> None:
    zero = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "yes_ratio": 0.0}
    assert pope_metric({"1": "no"}, {"1": "no"}) == {"accuracy": 1.0, **zero}
    assert pope_metric({}, {"1": "yes"}) == {"accuracy": 0.0, **zero}
    assert pope_metric({"1": "no"}, {}) == {}
    with pytest.raises(DatasetError, match="question 1 has the label 'maybe'"):
        pope_metric({}, {"1": "maybe"})


@pytest.mark.parametrize("name", ["random", "popular", "adversarial"])
def test_real_questions(realdata: Path, name: str) -> None:
    lines = (realdata / "pope" / "coco" / f"coco_pope_{name}.json").read_text().splitlines()
    labels = {str(record["question_id"]): record["label"] for record in map(json.loads, lines)}
    assert len(labels) == 3000
    assert pope_metric(labels, labels) == {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0, "yes_ratio": 0.5}
    always = pope_metric(dict.fromkeys(labels, "Yes, there is."), labels)
    assert always == {"accuracy": 0.5, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "yes_ratio": 1.0}


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    write_pope_answers(path, {"1": "No, there is not\u2028at all.", "2": True, "3": None, "4": False, "5": "ja ä"})
    assert read_pope_answers(path) == {"1": "No, there is not\u2028at all.", "2": "yes", "4": "no", "5": "ja ä"}
    assert path.read_text(encoding="utf-8").split("\n")[1] == '{"question_id": 2, "answer": "yes"}'


def test_official_form_goes_by_position(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(
        '{"question": "is there a bird in the image?", "answer": "yes"}\n{"question": "is there a tree?", "answer": "no"}'
    )
    assert read_pope_answers(path) == {"1": "yes", "2": "no"}


@pytest.mark.parametrize(
    "line",
    [
        '{"question_id": 2, "answer": ',
        '{"question_id": 2}',
        '{"question_id": "2", "answer": "no"}',
        '{"question_id": 2, "answer": 1}',
        '"no"',
        '{"question_id": 1, "answer": "no"}',
    ],
)
def test_damaged_files(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text('{"question_id": 1, "answer": "yes"}\n' + line)
    with pytest.raises(DatasetError, match="answers.json, line 2.*Expected"):
        read_pope_answers(path)


def test_ids_are_numbers(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'a1'"):
        write_pope_answers(tmp_path / "answers.json", {"a1": "yes"})
