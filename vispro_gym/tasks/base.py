"""What a task is: it says what an answer means, and how a split is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.sample import Sample


@dataclass(frozen=True, slots=True)
class Score:
    """The verdict on one answer.

    Attributes:
        reward: 1.0 if the answer is right, else 0.0.
        soft: How right the answer is, from 0.0 to 1.0: the F1 of boxes, the share of people who gave it; the reward itself where
            there is no in-between.
        details: What the verdict was computed from, for example the normalised answer.
    """

    reward: float
    soft: float
    details: Mapping[str, Any] = field(default_factory=dict)


class Task(ABC):
    """Scores answers against targets, and predictions over a split as the dataset's official code does.

    Attributes:
        name: Name of the task.
        instructions: What a program has to return, as a sentence for a language model.
        scorers: How answers may be compared: "strict" normalises both sides and takes nothing but an answer of the asked kind;
            "official" compares as the dataset's official code; some tasks know others.
        default_threshold: Smallest soft score that is rewarded; None for tasks whose answers are right or wrong.
        headline: Name of the metric's figure that papers quote.
        perfect: What that figure is if all predictions are right.
        scorer: One of `scorers`.
        threshold: As `default_threshold`, for this task.
    """

    name: ClassVar[str]
    instructions: ClassVar[str]
    scorers: ClassVar[tuple[str, ...]] = ("strict", "official")
    default_threshold: ClassVar[float | None] = None
    headline: ClassVar[str] = "accuracy"
    perfect: ClassVar[float] = 100.0

    def __init__(self, scorer: str = "strict", threshold: float | None = None) -> None:
        """Chooses how answers are compared.

        Args:
            scorer: One of `scorers`.
            threshold: Smallest soft score that is rewarded, above 0.0 and at most 1.0; None for the task's default.

        Raises:
            ValueError: If the task has no such scorer or no threshold, or the threshold makes no sense.
        """
        if scorer not in self.scorers:
            raise ValueError(
                f"scorer={scorer!r} is unknown to {self.name!r}. Expected one of: {', '.join(map(repr, self.scorers))}."
            )
        if threshold is not None and self.default_threshold is None:
            raise ValueError(
                f"threshold={threshold!r} was given, but the answers of {self.name!r} are right or wrong. Expected None."
            )
        if threshold is not None and (
            isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0.0 < threshold <= 1.0
        ):
            raise ValueError(f"threshold={threshold!r} is no threshold. Expected a number above 0.0 and at most 1.0.")
        self.scorer = scorer
        self.threshold = self.default_threshold if threshold is None else threshold

    @abstractmethod
    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on an answer that a program returned. Called for answers only: whatever else a program ends in earns 0.

        Args:
            answer: As in `vispro_gym.engine.Outcome.answer`.
            target: The sample's target.
        """

    @abstractmethod
    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official metric.

        Args:
            predictions: Answers by sample id; None, or no entry, for a program that gave no answer.
            samples: The samples that were asked; a `vispro_gym.datasets.Dataset` or any part of it. Samples without a prediction
                count as wrong.

        Returns:
            Figures by name, in the official unit; those of a group are called "group/name". Groups without samples are left out.
        """

    @abstractmethod
    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes predictions as the file that the official code reads; see `metric` for the arguments."""

    @abstractmethod
    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads predictions by sample id from a file that the official code could read.

        Raises:
            DatasetError: If the file is missing, damaged or of another form.
        """
