from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import DatasetError, Sample
from vispro_gym.tasks.vqa import CLEVRTask, VisualQuestionAnswering

TASK = VisualQuestionAnswering()
OFFICIAL = VisualQuestionAnswering("official")


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


def sample(sample_id: str, target: str, function: str) -> Sample:
    return Sample(sample_id, "?", (), target, {"function": function})


SAMPLES = [
    sample("1", "yes", "exist"),
    sample("2", "no", "exist"),
    sample("3", "red", "query_color"),
    sample("4", "3", "count"),
]


def test_metric_is_exact_and_counts_missing_predictions_as_wrong() -> None:
    metric = CLEVRTask().metric({"1": True, "2": "yes", "3": "Red", "4": 3.0}, SAMPLES)
    assert metric == {"accuracy": 50.0, "function/exist": 50.0, "function/query_color": 0.0, "function/count": 100.0}
    assert TASK.metric({}, SAMPLES) == {"accuracy": 0.0}
    assert TASK.metric({}, []) == {}


@given(st.text(min_size=1))
def test_every_target_is_its_own_right_answer_officially(target: str) -> None:
    assert OFFICIAL.score(target, target).reward == 1.0


def test_the_official_scorer_compares_texts_as_they_are() -> None:
    assert [OFFICIAL.score(answer, "yes").reward for answer in ("yes", True, "Yes", "yes.", ["yes"], None)] == [1, 1, 0, 0, 0, 0]


def test_a_submission_is_one_answer_per_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.txt"
    predictions = {"1": True, "3": "dark\nred", "4": 3.0}
    TASK.write_submission(path, predictions, SAMPLES)
    assert path.read_text() == "yes\n\ndark red\n3\n"
    assert TASK.read_submission(path, SAMPLES) == {"1": "yes", "2": None, "3": "dark red", "4": "3"}
    with pytest.raises(DatasetError, match=r"has 4 lines. Expected one answer per line for each of the 3 samples"):
        TASK.read_submission(path, SAMPLES[:3])
    with pytest.raises(DatasetError, match="cannot be read"):
        TASK.read_submission(tmp_path / "absent", SAMPLES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scorer": "lenient"}, "scorer='lenient' is unknown to 'vqa'. Expected one of: 'strict', 'official'"),
        ({"threshold": 0.5}, "threshold=0.5 was given, but the answers of 'vqa' are right or wrong. Expected None"),
    ],
)
def test_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VisualQuestionAnswering(**arguments)
