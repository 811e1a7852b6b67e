"""POPE's task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.metrics.pope import pope_metric, read_answer, read_pope_answers, write_pope_answers
from vispro_gym.tasks.yes_no import YesNoTask, read_yes_no


class POPETask(YesNoTask):
    """Whether the picture shows an object.

    The scorer "official" reads texts as POPE's `evaluate.py` does, see `vispro_gym.tasks.metrics.pope.read_answer`: a text in
    which no word before the first full stop is "No", "no" or "not" means yes.
    """

    name = "pope"
    instructions = 'Return "yes" or "no".'
    perfect = 1.0

    def read(self, answer: Any) -> bool | None:
        """What an answer says, None if neither yes nor no."""
        if self.scorer == "official" and isinstance(answer, str):
            return read_answer(answer) == "yes"
        return super().read(answer)

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """What POPE's `evaluate.py` prints, see `vispro_gym.tasks.metrics.pope.pope_metric`.

        Its words for yes and no are "yes" and "no": with the scorer "strict", True, "true" and "Yes." are yes to it as well, and
        False, "false" and "NO" are no, which the script would take for a yes. It reads all other texts by itself.
        """
        labels = {sample.sample_id: str(sample.record["label"]) for sample in samples}
        return pope_metric({sample_id: self._text(predictions.get(sample_id)) for sample_id in labels}, labels)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the official file, lines of `{"question_id": int, "answer": str}`.

        No answer is an empty text, which the official script takes for a yes: it goes by position, so no line may be missing.
        """
        write_pope_answers(path, {sample.sample_id: self._text(predictions.get(sample.sample_id)) or "" for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the official file; an empty text is no answer."""
        return {question_id: text or None for question_id, text in read_pope_answers(path).items()}

    def _text(self, answer: Any) -> str | None:
        said = read_yes_no(answer) if isinstance(answer, bool) or self.scorer == "strict" else None
        if said is not None:
            return "yes" if said else "no"
        return answer if isinstance(answer, str) else None
