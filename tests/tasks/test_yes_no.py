"""What the tasks of statements and yes-or-no questions have in common, and how each reads answers."""

from __future__ import annotations

from typing import Any

import pytest

from vispro_gym.tasks import TASKS

NAMES = ("pope", "vsr", "nlvr2", "nlvr")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (True, True), (False, False), ("yes", True), ("No.", False), (" TRUE ", True), ("false", False),
        ("", None), ("maybe", None), ("no, it is not", None), (1, None), (0, None), (1.0, None), ([True], None), ([1, 2, 3, 4], None),
        ({"image": 0, "box": [1, 2, 3, 4]}, None),
    ],
)  # fmt: skip
def test_strict(name: str, answer: Any, said: bool | None) -> None:
    task = TASKS[name]()
    for target in (True, False):
        score = task.score(answer, target)
        assert (score.reward, score.soft, score.details) == (float(said is target), float(said is target), {"said": said})


OFFICIAL: dict[str, dict[Any, bool | None]] = {
    "pope": {"yes": True, "no": False, "No, there is not.": False, "There is not": False, "NO": True, "": True, "A dog.": True},
    "vsr": {1: True, 0: False, 2: None, "yes": None, "1": None, "true": None},
    "nlvr2": {"TRUE": True, "false": False, "yes": None, "true.": None, 1: None},
    "nlvr": {"True": True, "fAlse": False, "no": None, " true": None, 0: None},
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in NAMES for answer in (True, False, *OFFICIAL[name])])
def test_official(name: str, answer: Any) -> None:
    task = TASKS[name]("official")
    said = answer if isinstance(answer, bool) else OFFICIAL[name][answer]
    assert (task.score(answer, True).reward, task.score(answer, False).reward) == (float(said is True), float(said is False))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scorer", ["strict", "official"])
def test_what_is_neither_a_word_nor_a_number_is_no_answer(name: str, scorer: str) -> None:
    task = TASKS[name](scorer)
    for answer in ([], [False], ["no"], [1, 2, 3, 4], {"image": 1, "box": [1, 2, 3, 4]}, float("nan"), float("inf")):
        assert task.score(answer, True).reward == task.score(answer, False).reward == 0.0
