from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import Sample
from vispro_gym.datasets.options import Choice
from vispro_gym.tasks.choice import ChoiceTask, chosen_option

TEXTS = ("A cup on a table.", "a table  on a cup", "B", "yes", "same", "Same.")


class Task(ChoiceTask):
    name = "choice"

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        return {}

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None: ...

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("answer", "strict", "official"),
    [
        ("A cup on a table.", 0, 0),
        ("  a CUP on\na table ", 0, None),
        ("a table  on a cup", 1, 1),
        ("a table on a cup", 1, 1),
        ("A", 0, None),
        ("d.", 3, None),
        ("B", 2, 2),
        ("b", 2, None),
        ("G", None, None),
        ("same", None, 4),
        (True, 3, None),
        ("True", 3, None),
        (False, None, None),
        (0, None, None),
        (1.0, None, None),
        ("", None, None),
        (["A"], None, None),
        ({"image": 0, "box": [0, 0, 1, 1]}, None, None),
        ([0, 0, 10, 10], None, None),
        (None, None, None),
    ],
)
def test_texts(answer: Any, strict: int | None, official: int | None) -> None:
    for right in range(len(TEXTS)):
        target = Choice(right, TEXTS, len(TEXTS))
        for scorer, chosen in (("strict", strict), ("official", official)):
            score = Task(scorer).score(answer, target)
            assert score.details == {"chosen": chosen}
            assert score.reward == score.soft == (chosen == right)


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ({"image": 1, "box": [0, 0, 5, 5]}, 1),
        ({"image": 0, "box": [3, 3, 5, 5]}, 0),
        ({"image": 3, "box": [0, 0, 5, 5]}, None),
        ({"box": [0, 0, 5, 5]}, None),
        ("c", 2),
        ("D", None),
        ("image_1", None),
        (1, None),
        (True, None),
        ([{"image": 1, "box": [0, 0, 5, 5]}], None),
    ],
)
@pytest.mark.parametrize("scorer", Task.scorers)
def test_pictures(answer: Any, chosen: int | None, scorer: str) -> None:
    for right in range(3):
        assert Task(scorer).score(answer, Choice(right, None, 3)).reward == (chosen == right)


@given(st.lists(st.text(max_size=6), min_size=1, max_size=26), st.data())
def test_an_answer_names_one_option_at_most(texts: list[str], data: st.DataObject) -> None:
    target = Choice(0, tuple(texts), len(texts))
    answer = data.draw(st.one_of(st.sampled_from(texts), st.text(max_size=6), st.booleans()))
    chosen = chosen_option(answer, target)
    assert chosen is None or 0 <= chosen < len(texts)
    if answer in texts and Task("official").chosen(answer, target) is not None:
        assert chosen in (None, texts.index(str(answer)))
