from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import Sample
from vispro_gym.datasets.options import Choice
from vispro_gym.tasks import TASKS, Task
from vispro_gym.tasks.aokvqa import AOKVQADirectAnswerTask, AOKVQAMultipleChoiceTask

OPTIONS = ("train", "cab", "Delivery", "b")
PEOPLE = ("ride", "ride", "bus", "a taxi", "travelling", "traffic", "Taxi", "cab", "cab", "cab")
RECORD: dict[str, Any] = {
    "choices": ["train", "cab", "Delivery", "b"], "correct_choice_idx": 1,
    "direct_answers": list(PEOPLE), "difficult_direct_answer": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "right", "strict", "official"),
    [
        ("cab", 1, 1, 1),
        (" Cab.", 1, 1, 0),
        ("train", 1, 0, 0),
        ("A", 0, 1, 0),
        ("c.", 2, 1, 0),
        ("delivery", 2, 1, 0),
        ("Delivery", 2, 1, 1),
        ("B", 3, 1, 0),  # an option is called so
        ("B", 1, 0, 0),
        ("b", 3, 1, 1),
        ("E", 1, 0, 0),
        ("", 1, 0, 0),
        (1, 1, 0, 0),
        (True, 1, 0, 0),
        (["cab"], 1, 0, 0),
        ([], 0, 0, 0),
        (None, 0, 0, 0),
    ],
)
def test_choices(answer: Any, right: int, strict: int, official: int) -> None:
    target = Choice(right, OPTIONS, 4)
    for scorer, reward in (("strict", strict), ("official", official)):
        score = AOKVQAMultipleChoiceTask(scorer).score(answer, target)
        assert (score.reward, score.soft) == (reward, reward)


def test_choices_have_no_threshold() -> None:
    with pytest.raises(ValueError, match="the answers of 'aokvqa_multiple_choice' are right or wrong"):
        AOKVQAMultipleChoiceTask(threshold=0.5)


@pytest.mark.parametrize(
    ("answer", "strict", "official"),
    [
        ("cab", 1.0, 1.0),
        ("the cab", 1.0, 0.0),
        ("ride", 2 / 3, 2 / 3),
        ("bus", 1 / 3, 1 / 3),
        ("taxi", 2 / 3, 0.0),
        ("Taxi", 2 / 3, 1 / 3),
        ("plane", 0.0, 0.0),
        ("", 0.0, 0.0),
        (["cab"], 0.0, 0.0),
        (None, 0.0, 0.0),
    ],
)
def test_direct_answers(answer: Any, strict: float, official: float) -> None:
    for scorer, soft in (("strict", strict), ("official", official)):
        for threshold in (None, 1 / 3, 2 / 3, 1.0):
            score = AOKVQADirectAnswerTask(scorer, threshold).score(answer, PEOPLE)
            assert score.soft == pytest.approx(soft)
            assert score.reward == float(soft >= (threshold or 0.3))


@given(st.text().filter(str.strip), st.lists(st.text(), max_size=9))
def test_what_three_people_say_is_right(text: str, others: list[str]) -> None:
    for scorer in ("strict", "official"):
        assert AOKVQADirectAnswerTask(scorer, 1.0).score(text, (text, *others, text, text)).reward == 1.0


def choice(sample_id: str, index: int = 1) -> Sample:
    texts = ("train", "cab", "Delivery", "b") if index == 1 else ("cab", "b", "train", "Delivery")
    return Sample(sample_id, "?", (), Choice(index, texts, 4), record=RECORD)


def direct(sample_id: str) -> Sample:
    return Sample(sample_id, "?", (), PEOPLE, record=RECORD)


CHOICES = [choice("x1"), choice("x2", 0), choice("x3"), choice("x4")]
DIRECT = [direct("x1"), direct("x2"), direct("x3"), direct("x4")]


def test_metrics() -> None:
    task: Task = TASKS["aokvqa_multiple_choice"]()
    assert task.metric({"x1": "cab", "x2": "A", "x3": "Cab", "x4": True}, CHOICES) == {"multiple_choice": 50.0}
    assert TASKS["aokvqa_multiple_choice"]("official").metric({"x1": "cab", "x2": "A"}, CHOICES) == {"multiple_choice": 25.0}
    assert task.metric({}, CHOICES) == {"multiple_choice": 0.0} and task.metric({}, []) == {}
    task = TASKS["aokvqa_direct_answer"]()
    metric = task.metric({"x1": "cab", "x2": "ride", "x3": "the cab", "x4": []}, DIRECT)
    assert metric == {"direct_answer": pytest.approx(100 * (1 + 2 / 3) / 4)}
    assert task.metric({}, DIRECT) == {"direct_answer": 0.0} and task.metric({}, []) == {}


def test_submissions(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    mc, da = TASKS["aokvqa_multiple_choice"](), TASKS["aokvqa_direct_answer"]()
    predictions: dict[str, Any] = {"x1": "cab", "x2": "A", "x3": None}
    mc.write_submission(path, predictions, CHOICES)
    assert json.loads(path.read_text()) == {
        "x1": {"multiple_choice": "cab"}, "x2": {"multiple_choice": "cab"}, "x3": {}, "x4": {},
    }  # fmt: skip
    assert mc.metric(mc.read_submission(path, CHOICES), CHOICES) == mc.metric(predictions, CHOICES)
    assert da.read_submission(path, DIRECT) == {}, "no direct answers, but none for another split either"
    da.write_submission(path, {"x1": 4, "x2": True}, DIRECT)
    assert da.read_submission(path, DIRECT) == {"x1": "4", "x2": "yes"}
    path.write_text(json.dumps({"x1": {"multiple_choice": "cab", "direct_answer": "ride"}}))
    assert (mc.read_submission(path, CHOICES), da.read_submission(path, DIRECT)) == ({"x1": "cab"}, {"x1": "ride"})
