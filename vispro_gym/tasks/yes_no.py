"""Statements and questions that are true or false."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score, Task


class YesNoTask(Task):
    """The answer is yes or no; the target is a bool.

    An answer is read as in `read_yes_no`: True, False, "yes", "no", "true" and "false". Anything else is no answer and earns 0.
    """

    instructions = "Return True or False."

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is a bool."""
        said = self.read(answer)
        reward = float(said is not None and said == target)
        return Score(reward, reward, {"said": said})

    def read(self, answer: Any) -> bool | None:
        """What an answer says, None if neither yes nor no. Tasks whose official code reads answers otherwise override this."""
        return read_yes_no(answer)

    @abstractmethod
    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official metric."""


def read_yes_no(answer: Any) -> bool | None:
    """True for True, "yes" and "true", False for False, "no" and "false", else None; texts stripped and without a full stop."""
    if isinstance(answer, bool):
        return answer
    if not isinstance(answer, str):
        return None
    text = answer.strip().lower().removesuffix(".").rstrip()
    return {"yes": True, "true": True, "no": False, "false": False}.get(text)
