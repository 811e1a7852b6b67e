"""Winoground's tasks: verdicts on a caption and a picture, and choices between captions or pictures.

The metrics are fractions, as in `vispro_gym.tasks.metrics.winoground`, whose functions also take matching scores. They join the
samples of an example: an example of which only some were asked counts in "accuracy" and in nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Task
from vispro_gym.tasks.choice import ChoiceTask
from vispro_gym.tasks.metrics.winoground import (
    CAPTION_CHOICES,
    IMAGE_CHOICES,
    MATCHES,
    read_winoground_decisions,
    winoground_from_choices,
    winoground_from_verdicts,
    write_winoground_decisions,
)
from vispro_gym.tasks.yes_no import YesNoTask


class _Decisions(Task):
    """What the forms have in common: one decision per sample, several decisions per example."""

    perfect = 1.0
    _keys: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _decision(self, answer: Any, sample: Sample) -> Any:
        """An answer in the terms of the example: a verdict, or the number of a caption or picture; None for no answer."""

    @abstractmethod
    def _answer(self, decision: Any, sample: Sample, where: str) -> Any:
        """The answer to a sample that a decision stands for. Raises DatasetError if it is none; names `where`."""

    @abstractmethod
    def _scores(self, examples: list[dict[str, Any]]) -> dict[str, float]:
        """The official scores of examples whose decisions are complete."""

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The "accuracy" of the decisions, and those of "text", "image" and "group" that the form decides on."""
        samples = list(samples)
        if not samples:
            return {}
        right = sum(self.score(predictions.get(sample.sample_id), sample.target).reward for sample in samples)
        examples = [example for example in self._examples(predictions, samples).values() if len(example) == len(self._keys)]
        return self._scores(examples) | {"accuracy": right / len(samples)}

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes JSON lines of decisions by example, see `vispro_gym.tasks.metrics.winoground`; there is no official file."""
        write_winoground_decisions(path, self._examples(predictions, samples))

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads JSON lines of decisions.

        Raises:
            DatasetError: If the file is missing or damaged, or holds matching scores, which are no answers.
        """
        examples = read_winoground_decisions(path)
        answers: dict[str, Any] = {}
        for sample in samples:
            example, key = _place(sample)
            decision = examples.get(example, {}).get(key)
            where = f"{path}, example {example}, {key!r},"
            answers[sample.sample_id] = None if decision is None else self._answer(decision, sample, where)
        return answers

    def _examples(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
        examples: dict[str, dict[str, Any]] = {}
        for sample in samples:
            example, key = _place(sample)
            examples.setdefault(example, {})[key] = self._decision(predictions.get(sample.sample_id), sample)
        return examples


def _place(sample: Sample) -> tuple[str, str]:
    """The example of a sample, and the decision's key in files."""
    example, _, part = sample.sample_id.partition("-")
    return example, part.replace("-", "_")


class WinoGroundYesNo(_Decisions, YesNoTask):
    """Does the caption match the picture? "accuracy" is the figure of ViUniT and other works on visual programs."""

    name = "winoground_yes_no"
    instructions = "Return True if the text matches the image, else False."
    _keys = MATCHES

    def _decision(self, answer: Any, sample: Sample) -> Any:
        return self.read(answer)

    def _answer(self, decision: Any, sample: Sample, where: str) -> Any:
        if not isinstance(decision, bool):
            raise DatasetError(f"{where} is {decision!r:.80}. Expected true, false or null; scores have a metric of their own.")
        return decision

    def _scores(self, examples: list[dict[str, Any]]) -> dict[str, float]:
        return winoground_from_verdicts(examples)


class _WinoGroundChoice(_Decisions, ChoiceTask):
    """One of two options is to be chosen; right is the one with the number of what is asked about."""

    def _decision(self, answer: Any, sample: Sample) -> Any:
        chosen = self.chosen(answer, sample.target)
        return None if chosen is None else self._swap(chosen, sample)

    def _answer(self, decision: Any, sample: Sample, where: str) -> Any:
        shown = self._swap(int(decision), sample)
        return ascii_uppercase[shown] if sample.target.texts is None else sample.target.texts[shown]

    def _scores(self, examples: list[dict[str, Any]]) -> dict[str, float]:
        return winoground_from_choices(examples)

    def _swap(self, position: int, sample: Sample) -> int:
        """The official number of the option at a position, and the position of an official number."""
        official = int(_place(sample)[1][1])
        return official if position == sample.target.index else 1 - official


class WinoGroundCaption(_WinoGroundChoice):
    """Which of the two captions matches the picture? "text" is the official text score of such choices."""

    name = "winoground_caption"
    instructions = "Return the text that matches the image, or its letter."
    headline = "text"
    _keys = CAPTION_CHOICES


class WinoGroundImage(_WinoGroundChoice):
    """Which of the two pictures matches the caption? "image" is the official image score of such choices."""

    name = "winoground_image"
    instructions = "Return the image that matches the text, as an ImagePatch."
    headline = "image"
    _keys = IMAGE_CHOICES
