from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import Sample
from vispro_gym.tasks import VisualQuestionAnswering

TASK = VisualQuestionAnswering()


@pytest.mark.parametrize(
    ("answer", "target", "reward"),
    [
        ("yes", "yes", 1.0),
        (True, "yes", 1.0),
        (False, "no", 1.0),
        (True, "no", 0.0),
        (" Red. ", "red", 1.0),
        (3, "3", 1.0),
        (3.0, "3", 1.0),
        (2.5, "2.5", 1.0),
        ("t-shirt", "t-shirt", 1.0),
        ("taking a photo", "taking a photo", 1.0),
        ("red blue green yes no", "yes", 0.0),
        ("", "no", 0.0),
        ([], "no", 0.0),
        (["yes"], "yes", 0.0),
        ([1, 2, 3, 4], "yes", 0.0),
        (None, "no", 0.0),
        (1, "yes", 0.0),
    ],
)
def test_score(answer: Any, target: str, reward: float) -> None:
    assert TASK.score(answer, target).reward == reward


@given(st.text(min_size=1))
def test_every_target_is_its_own_right_answer(target: str) -> None:
    assert TASK.score(target, target).reward == 1.0


def sample(sample_id: str, target: str, structural: str) -> Sample:
    return Sample(sample_id, "?", (), target, {"structural": structural})


def test_metric_is_exact_and_counts_missing_predictions_as_wrong() -> None:
    samples = [
        sample("1", "yes", "verify"),
        sample("2", "no", "logical"),
        sample("3", "red", "query"),
        sample("4", "dog", "query"),
    ]
    metric = TASK.metric({"1": True, "2": "yes", "3": "Red", "4": "dog"}, samples)
    assert metric == {"accuracy": 50.0, "binary": 50.0, "open": 50.0}
    assert TASK.metric({}, samples)["accuracy"] == 0.0
    assert TASK.metric({}, []) == {}
