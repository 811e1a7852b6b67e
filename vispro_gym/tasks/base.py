"""What a task is: it says what an answer means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vispro_gym.datasets.sample import Sample


@dataclass(frozen=True, slots=True)
class Score:
    """The verdict on one answer.

    Attributes:
        reward: 1.0 if the answer is right, else 0.0.
        details: What the verdict was computed from, for example the normalised answer.
    """

    reward: float
    details: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """Scores answers against targets, and predictions over a split as the dataset's official code does."""

    name: str

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on an answer that a program returned. Called for answers only: whatever else a program ends in earns 0."""

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official metric.

        Args:
            predictions: Answers by sample id; None, or no entry, for a program that gave no answer.
            samples: The samples that were asked. Samples without a prediction count as wrong.
        """
