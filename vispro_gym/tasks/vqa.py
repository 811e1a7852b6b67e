"""Visual question answering with one short gold answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score, Task


class VisualQuestionAnswering(Task):
    """The answer is a word or two, right if it equals the gold answer.

    The scorer "strict" compares normalised texts: booleans become "yes" and "no", numbers their digits, texts are stripped
    and lowered and lose a final full stop; both sides alike. "official" compares the texts as they are. Lists and patches are no
    answers to a question and earn 0.

    Attributes:
        groups: Fields of the samples by which the metric is split.
    """

    name = "vqa"
    instructions = 'Return the answer in a word or two, "yes" or "no", or a number.'
    groups: ClassVar[tuple[str, ...]] = ()

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer.

        Args:
            answer: What the program returned: str, bool, int, float, or anything else (wrong).
            target: The gold answer, a str.
        """
        text = answer_text(answer)
        normalised = None if text is None else normalise(text)
        if self.scorer == "official":
            reward = float(text == target)
        else:
            reward = float(normalised is not None and normalised == normalise(target))
        return Score(reward, reward, {"normalised_answer": normalised})

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Share of exactly equal texts in percent: "accuracy", and "group/value" for each value of the fields in `groups`."""
        right: dict[str, list[bool]] = {}
        for sample in samples:
            hit = answer_text(predictions.get(sample.sample_id)) == sample.target
            right.setdefault("accuracy", []).append(hit)
            for group in self.groups:
                if group in sample.fields:
                    right.setdefault(f"{group}/{sample.fields[group]}", []).append(hit)
        return {name: 100.0 * sum(hits) / len(hits) for name, hits in right.items()}

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes one answer per line, in the order of the samples, as CLEVR's official answer files."""
        lines = [" ".join((answer_text(predictions.get(sample.sample_id)) or "").split()) for sample in samples]
        Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads one answer per line; an empty line is no answer."""
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path} cannot be read: {error}. Expected a text file with one answer per line.") from error
        ids = [sample.sample_id for sample in samples]
        if len(lines) != len(ids):
            raise DatasetError(f"{path} has {len(lines)} lines. Expected one answer per line for each of the {len(ids)} samples.")
        return {sample_id: line or None for sample_id, line in zip(ids, lines, strict=True)}


class CLEVRTask(VisualQuestionAnswering):
    """CLEVR: exact equality; the metric by the last function of the question's program, as papers report it."""

    name = "clevr"
    groups = ("function",)


def answer_text(answer: Any) -> str | None:
    """An answer as text: True is "yes", 3 and 3.0 are "3". None if it is neither text, bool nor number."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, float):
        return str(int(answer)) if answer.is_integer() else str(answer)
    if isinstance(answer, str | int):
        return str(answer)
    return None


def normalise(text: str) -> str:
    """Strips, lowers, drops a final full stop, and reads "true" and "false" as "yes" and "no"."""
    text = text.strip().lower().removesuffix(".").rstrip()
    return {"true": "yes", "false": "no"}.get(text, text)
