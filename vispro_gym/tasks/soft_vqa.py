"""Visual question answering where several people have answered: an answer is as right as there are people who gave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.metrics.soft_vqa import normalise_vqa, read_vqa, soft_accuracy, soft_vqa_metric, write_vqa
from vispro_gym.tasks.vqa import answer_text

PEOPLE_NEEDED = 3
"""An answer that so many people gave is right."""

_ROUNDING = 1e-9  # soft scores are sums of thirds


class SoftVQATask(Task):
    """VQAv2: the answer is a word or two, rewarded if its soft accuracy reaches the threshold.

    The soft accuracy of an answer is min(1, k / 3), k the number of people who gave it, averaged over leaving out each person in
    turn: 0.3, 0.6, 0.9 and 1.0 for one, two, three and more of ten. The scorer "strict" normalises both sides always; an empty
    answer earns 0. "official" is the official code, which normalises only where people disagree. Booleans are read as "yes" and
    "no", numbers as their digits. Lists and patches are no answers to a question and earn 0.
    """

    name = "vqav2"
    instructions = 'Return the answer in a word or two, "yes" or "no", or a number in digits.'
    default_threshold = 0.3
    headline = "overall"

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer.

        Args:
            answer: What the program returned: str, bool, int, float, or anything else (wrong).
            target: What people answered, a tuple of texts.
        """
        text = answer_text(answer)
        if text is None:
            return Score(0.0, 0.0, {"normalised_answer": None})
        soft = self.soft(text, target)
        assert self.threshold is not None
        return Score(float(soft >= self.threshold - _ROUNDING), soft, {"normalised_answer": normalise_strictly(text)})

    def soft(self, text: str, given: Sequence[str]) -> float:
        """Soft accuracy, from 0.0 to 1.0, of a text among those that people gave."""
        if self.scorer == "official":
            return soft_accuracy(text, given)
        agreeing = agreement(text, given)
        among_others = [agreeing - 1] * agreeing + [agreeing] * (len(given) - agreeing)
        return sum(min(1.0, count / PEOPLE_NEEDED) for count in among_others) / len(given)

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The official percentages: "overall", "question_type/{type}", "answer_type/{type}"."""
        answers: dict[str, dict[str, str]] = {}  # a split holds millions, most of them alike
        annotations = {
            sample.sample_id: {
                **sample.fields,
                "answers": [answers.setdefault(text, {"answer": text}) for text in sample.target],
            }
            for sample in samples
        }
        return soft_vqa_metric({sample_id: answer_text(predictions.get(sample_id)) for sample_id in annotations}, annotations)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes an official results file: an answer to every question, "" where there is none."""
        write_vqa(path, {sample.sample_id: answer_text(predictions.get(sample.sample_id)) for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads an official results file."""
        return answers_to(samples, read_vqa(path), path)


class OKVQATask(SoftVQATask):
    """OK-VQA, which is scored by VQAv2's code; its question types are kinds of knowledge."""

    name = "okvqa"


def normalise_strictly(text: str) -> str:
    """Normalises a text as VQAv2's official code does, but keeps one of which nothing would be left, such as the letter "a"."""
    text = " ".join(text.split())
    return normalise_vqa(text) or text.lower()


def agreement(text: str, given: Sequence[str]) -> int:
    """How many people gave an answer, all texts normalised strictly; an empty text is nobody's."""
    normalised = normalise_strictly(text)
    return sum(normalise_strictly(other) == normalised for other in given) if normalised else 0


def answers_to(samples: Iterable[Sample], answers: Mapping[str, Any], path: Path | str) -> dict[str, Any]:
    """The answers of a submission to the questions that were asked.

    Raises:
        DatasetError: If it answers none of them.
    """
    asked = {sample.sample_id for sample in samples}
    found = {sample_id: answer for sample_id, answer in answers.items() if sample_id in asked}
    if asked and answers and not found:
        raise DatasetError(
            f"{path} answers none of the {len(asked)} questions, such as {min(asked)!r}. Expected predictions for this split."
        )
    return found
