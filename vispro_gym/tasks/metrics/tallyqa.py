"""TallyQA: accuracy and root mean squared error of counts, for simple and complex questions.

The dataset comes without an evaluation script. Both figures are those of the paper (Acharya, Kafle and Kanan, AAAI 2019,
section 5); number words are read as in the evaluator of big_vision.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_value
from vispro_gym.tasks.metrics.results_file import ResultsFormat

_RESULTS = ResultsFormat("question_id", int, "answer", int)

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
).split()
_NUMBERS = {word: number for number, word in enumerate(_WORDS)} | {"none": 0}
# Counts are 0 to 15. A number of more than nine digits is none, and its square would drown all other errors.
_LARGEST = 999_999_999
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,9}(\.0+)?", re.ASCII)


def count_from(prediction: int | str | None) -> int | None:
    """The count that a prediction states.

    Integers stand for themselves; texts may be a whole number ("3", "3.0") or a number word up to "twenty" or "none",
    with spaces around it and in any case.

    Returns:
        The count; None if the prediction states none ("many", True, None, numbers of more than nine digits).
    """
    if isinstance(prediction, str):
        text = prediction.strip().lower()
        if text in _NUMBERS:
            return _NUMBERS[text]
        return int(text.partition(".")[0]) if _WHOLE_NUMBER.fullmatch(text) else None
    if isinstance(prediction, int) and not isinstance(prediction, bool) and abs(prediction) <= _LARGEST:
        return prediction
    return None


def tallyqa_metric(predictions: Mapping[str, int | str | None], questions: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Metric of TallyQA.

    A question without a count is wrong; for the error, which needs a number, it is answered with 0.

    Args:
        predictions: Counts or texts by question id; None, or no entry, for no answer.
        questions: Official records by question id, of all questions asked: `{"answer": int, "issimple": bool, ...}`.
            Records without "issimple" (those of train) count overall only.

    Returns:
        "accuracy" in percent and "rmse" in objects, over all questions, and the same as "accuracy/simple",
        "rmse/simple", "accuracy/complex" and "rmse/complex". Empty if nothing was asked.

    Raises:
        DatasetError: If a record is not of the official form.
    """
    pairs: dict[str, list[tuple[int | None, int]]] = {}
    for question_id, record in questions.items():
        where = f"TallyQA question {question_id}"
        gold = record_value(record, "answer", int, where)
        if isinstance(gold, bool) or abs(gold) > _LARGEST:
            raise DatasetError(f"{where} has 'answer' {gold!r:.80}. Expected a count, as in the official files.")
        pair = (count_from(predictions.get(question_id)), gold)
        pairs.setdefault("", []).append(pair)
        if "issimple" in record:
            pairs.setdefault("/simple" if record_value(record, "issimple", bool, where) else "/complex", []).append(pair)
    metric = {}
    for group in ("", "/simple", "/complex"):
        if group in pairs:
            metric[f"accuracy{group}"] = 100 * sum(count == gold for count, gold in pairs[group]) / len(pairs[group])
            squared = sum(((count or 0) - gold) ** 2 for count, gold in pairs[group])
            metric[f"rmse{group}"] = math.sqrt(squared / len(pairs[group]))
    return metric


def write_tallyqa(path: Path | str, predictions: Mapping[str, int | str | None]) -> None:
    """Writes a results file, `[{"question_id": int, "answer": int}, ...]`. Predictions that state no count are left out.

    Raises:
        DatasetError: If a question id is no whole number.
    """
    counts = ((question_id, count_from(prediction)) for question_id, prediction in predictions.items())
    _RESULTS.write(path, ((question_id, count) for question_id, count in counts if count is not None))


def read_tallyqa(path: Path | str) -> dict[str, int]:
    """Counts of a results file by question id, the id as text.

    Raises:
        DatasetError: If the file is missing or damaged, has another form, or answers a question twice.
    """
    return _RESULTS.read(path)
