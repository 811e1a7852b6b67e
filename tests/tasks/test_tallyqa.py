from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import DatasetError, Sample
from vispro_gym.tasks.metrics.tallyqa import count_from
from vispro_gym.tasks.tallyqa import TallyQATask


@pytest.mark.parametrize(
    ("answer", "target", "strict", "official"),
    [
        (3, 3, 1, 1),
        (3.0, 3, 1, 1),
        ("3", 3, 1, 1),
        (" 3.", 3, 1, 1),
        ("3.0", 3, 1, 1),
        (0, 0, 1, 1),
        ("0", 0, 1, 1),
        (2, 3, 0, 0),
        (2.5, 3, 0, 0),
        ("three", 3, 0, 1),
        ("none", 0, 0, 1),
        ("3 dogs", 3, 0, 0),
        ("", 0, 0, 0),
        (True, 1, 0, 0),
        (False, 0, 0, 0),
        ([], 0, 0, 0),
        ([1, 2, 3], 3, 0, 0),
        (None, 0, 0, 0),
        (float("nan"), 0, 0, 0),
        (float("inf"), 0, 0, 0),
        (10**400, 0, 0, 0),
        (1e300, 0, 0, 0),
        ("٣", 3, 0, 0),
        ("1" * 5000, 1, 0, 0),
    ],
)
def test_answers(answer: Any, target: int, strict: int, official: int) -> None:
    for scorer, reward in (("strict", strict), ("official", official)):
        score = TallyQATask(scorer).score(answer, target)
        assert (score.reward, score.soft) == (reward, reward)


@given(st.integers() | st.floats() | st.text() | st.booleans() | st.integers(0, 15).map(str), st.integers(0, 15))
def test_whatever_is_right_is_right_to_the_official_scorer(answer: Any, target: int) -> None:
    if TallyQATask().score(answer, target).reward and not (isinstance(answer, str) and answer.strip().endswith(".")):
        assert TallyQATask("official").score(answer, target).reward == 1.0
    if isinstance(answer, int | str):
        assert TallyQATask("official").score(answer, target).reward == float(count_from(answer) == target)


def sample(sample_id: str, target: int, **marks: bool) -> Sample:
    return Sample(sample_id, "?", (), target, record={"answer": target, **marks})


SAMPLES = [
    sample("1", 3, issimple=True),
    sample("2", 2, issimple=True),
    sample("3", 0, issimple=False),
    sample("4", 4, issimple=False),
]


def test_metric() -> None:
    metric = TallyQATask().metric({"1": "3", "2": 4.0, "3": 0, "4": [1], "5": 9}, SAMPLES)
    assert metric == {
        "accuracy": 50.0,
        "rmse": pytest.approx(((2**2 + 4**2) / 4) ** 0.5),
        "accuracy/simple": 50.0,
        "rmse/simple": pytest.approx(2**0.5),
        "accuracy/complex": 50.0,
        "rmse/complex": pytest.approx(8**0.5),
    }
    assert TallyQATask().metric({}, [sample("1", 3)]) == {"accuracy": 0.0, "rmse": 3.0}
    assert TallyQATask().metric({}, []) == {}


def test_submissions(tmp_path: Path) -> None:
    task, path = TallyQATask(), tmp_path / "results.json"
    predictions = {"1": "3", "2": 4.0, "3": True, "4": None}
    task.write_submission(path, predictions, SAMPLES)
    assert json.loads(path.read_text()) == [{"question_id": 1, "answer": 3}, {"question_id": 2, "answer": 4}]
    assert task.read_submission(path, SAMPLES) == {"1": 3, "2": 4}
    assert task.metric(task.read_submission(path, SAMPLES), SAMPLES) == task.metric(predictions, SAMPLES)
    with pytest.raises(DatasetError, match="answers none of the 1 questions"):
        task.read_submission(path, [sample("9", 1)])
