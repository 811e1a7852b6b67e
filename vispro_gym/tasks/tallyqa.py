"""Counting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.metrics.tallyqa import count_from, read_tallyqa, tallyqa_metric, write_tallyqa
from vispro_gym.tasks.soft_vqa import answers_to
from vispro_gym.tasks.vqa import normalise

_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,9}(\.0+)?", re.ASCII)


class TallyQATask(Task):
    """TallyQA: the answer is a count, right if it is exact.

    Counts are integers, whole floats and the texts of such (3, 3.0, "3", "3."). The scorer "official" reads number words, too, up
    to "twenty", and "none" as 0; "strict" does not. Booleans, lists and patches are no counts.
    """

    name = "tallyqa"
    instructions = "Return the count as an integer."

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is an int."""
        plain = _plain(answer)
        if self.scorer == "strict" and isinstance(plain, str) and not _WHOLE_NUMBER.fullmatch(plain):
            plain = None
        count = count_from(plain)
        reward = float(count is not None and count == target)
        return Score(reward, reward, {"count": count})

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """The figures of the paper: "accuracy" in percent and "rmse" in objects, both again by complexity where it is marked."""
        questions = {}
        for sample in samples:
            marks = {"issimple": sample.record["issimple"]} if "issimple" in sample.record else {}
            questions[sample.sample_id] = {"answer": sample.target, **marks}
        return tallyqa_metric({sample_id: _plain(predictions.get(sample_id)) for sample_id in questions}, questions)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes a results file, `[{"question_id": int, "answer": int}, ...]`; questions without a count are left out."""
        write_tallyqa(path, {sample.sample_id: _plain(predictions.get(sample.sample_id)) for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads a results file."""
        return answers_to(samples, read_tallyqa(path), path)


def _plain(answer: Any) -> int | str | None:
    """An answer as the metric takes it: whole floats as integers, texts normalised; None if it is neither number nor text."""
    if isinstance(answer, float):
        return int(answer) if answer.is_integer() else None
    if isinstance(answer, str):
        return normalise(answer)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None
