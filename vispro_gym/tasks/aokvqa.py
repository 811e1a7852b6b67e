"""A-OKVQA: multiple choice and direct answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vispro_gym.datasets.options import Choice
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.choice import ChoiceTask
from vispro_gym.tasks.metrics.aokvqa import DIRECT_ANSWER, MULTIPLE_CHOICE, aokvqa_metric, read_aokvqa, write_aokvqa
from vispro_gym.tasks.soft_vqa import PEOPLE_NEEDED, SoftVQATask, agreement, answers_to
from vispro_gym.tasks.vqa import answer_text, normalise


class AOKVQAMultipleChoiceTask(ChoiceTask):
    """A-OKVQA with options: the answer is the text of the right one, or its letter."""

    name = "aokvqa_multiple_choice"
    headline = MULTIPLE_CHOICE

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official percentage "multiple_choice". Texts are compared as they are; a letter stands for its option's text."""
        return _metric(MULTIPLE_CHOICE, [(sample, self._text(predictions, sample)) for sample in samples])

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes an official predictions file with the texts of the chosen options; questions without an answer are empty."""
        write_aokvqa(path, {sample.sample_id: {MULTIPLE_CHOICE: self._text(predictions, sample)} for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the choices of an official predictions file."""
        return _read(MULTIPLE_CHOICE, path, samples)

    def _text(self, predictions: Mapping[str, Any], sample: Sample) -> str | None:
        answer, target = predictions.get(sample.sample_id), sample.target
        assert isinstance(target, Choice) and target.texts is not None
        text = answer_text(answer)
        chosen = self.chosen(answer, target)
        if text is None or chosen is None or normalise(text) == normalise(target.texts[chosen]):
            return text
        return target.texts[chosen]


class AOKVQADirectAnswerTask(SoftVQATask):
    """A-OKVQA without options: the answer is a word or two, rewarded if its soft accuracy reaches the threshold.

    The soft accuracy is min(1, k / 3), k the number of people who gave the answer: unlike in VQAv2 nobody is left out in turn.
    The scorer "strict" normalises texts as `SoftVQATask` does; "official" compares them as they are.
    """

    name = "aokvqa_direct_answer"
    headline = DIRECT_ANSWER

    def soft(self, text: str, given: Sequence[str]) -> float:
        """Soft accuracy, from 0.0 to 1.0, of a text among those that people gave."""
        agreeing = list(given).count(text) if self.scorer == "official" else agreement(text, given)
        return min(1.0, agreeing / PEOPLE_NEEDED)

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official percentage "direct_answer"."""
        return _metric(DIRECT_ANSWER, [(sample, answer_text(predictions.get(sample.sample_id))) for sample in samples])

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes an official predictions file; questions without an answer are empty."""
        write_aokvqa(path, {s.sample_id: {DIRECT_ANSWER: answer_text(predictions.get(s.sample_id))} for s in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the direct answers of an official predictions file."""
        return _read(DIRECT_ANSWER, path, samples)


def _metric(setting: str, answers: list[tuple[Sample, str | None]]) -> dict[str, float]:
    predictions = {sample.sample_id: {setting: text} for sample, text in answers}
    return aokvqa_metric(predictions, {sample.sample_id: sample.record for sample, _ in answers})


def _read(setting: str, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
    answers = {question_id: texts[setting] for question_id, texts in read_aokvqa(path).items() if setting in texts}
    return answers_to(samples, answers, path)
