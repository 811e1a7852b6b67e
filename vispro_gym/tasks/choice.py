"""Choosing one of several texts or pictures: image-text matching and multiple choice."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from string import ascii_uppercase
from typing import Any

from vispro_gym.datasets.options import Choice, one_line
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.vqa import answer_text, normalise


class ChoiceTask(Task):
    """The answer is one of the options.

    Where the options are texts, the answer is the text of one (stripped, lowered, without a final full stop) or its letter, "A"
    for the first. Where they are pictures, it is a patch of one, or its letter. A letter counts only if no option is called so.
    An answer that names no option earns 0, and so does a number: it is not clear whether counting starts at 0 or 1. The scorer
    "official" takes the exact text of an option only (but for spaces); pictures are named in the same way as with "strict".
    """

    instructions = "Return the option that is right: its text, or its letter."

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is a `Choice`."""
        chosen = self.chosen(answer, target)
        reward = float(chosen == target.index)
        return Score(reward, reward, {"chosen": chosen})

    def chosen(self, answer: Any, target: Choice) -> int | None:
        """Position of the option that an answer names; None if it names none, or more than one."""
        if self.scorer == "official" and target.texts is not None:
            text = one_line(answer) if isinstance(answer, str) else None
            names = [one_line(option) for option in target.texts]
            return names.index(text) if text is not None and names.count(text) == 1 else None
        return chosen_option(answer, target)

    @abstractmethod
    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official metric."""


def chosen_option(answer: Any, target: Choice) -> int | None:
    """Position of the option that an answer names; None if it names none, or more than one."""
    if isinstance(answer, Mapping) and target.texts is None:
        index = answer.get("image")
        return index if type(index) is int and 0 <= index < target.count else None
    if not isinstance(answer, str | bool):
        return None
    text = normalise(one_line(answer_text(answer) or ""))
    names = [normalise(one_line(option)) for option in target.texts or ()]
    if text in names:
        return names.index(text) if names.count(text) == 1 else None
    letters = [letter.lower() for letter in ascii_uppercase[: target.count]]
    return letters.index(text) if text in letters else None
