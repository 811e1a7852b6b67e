"""Soft accuracy of VQAv2 and OK-VQA: an answer is as right as there are people who gave it.

Follows `vqaEval.py` of GT-Vision-Lab/VQA in its last version, to the last digit:

* An answer that k of the other people gave counts min(1, k / 3), averaged over leaving out each person in turn.
* Texts are normalised only if people disagree. Where all gave the same text, that very text, with its case, articles and
  punctuation, is the only right answer.
* Figures are percentages rounded to two decimals.

Evaluations that normalise always, or otherwise (lmms-eval, MMF), differ from this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_list, record_value
from vispro_gym.tasks.metrics.contractions import CONTRACTIONS
from vispro_gym.tasks.metrics.results_file import ResultsFormat, prediction_text

_RESULTS = ResultsFormat("question_id", int, "answer", str)

_PUNCTUATION = frozenset(';/[]"{}()=+\\_-><@`,?!')
_PUNCTUATION_PATTERN = re.compile("[" + re.escape("".join(sorted(_PUNCTUATION))) + "]")
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
# The official script passes the flag re.UNICODE, which is 32, where `sub` takes the largest number of replacements.
_MOST_PERIODS = 32
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
} | {"none": "0"}
_ARTICLES = frozenset(("a", "an", "the"))
_PEOPLE_NEEDED = 3


def strip_punctuation(text: str) -> str:
    r"""Takes punctuation out of a text, as the official `processPunctuation` does.

    Each of ``; / [ ] " { } ( ) = + \ _ - > < @ ` , ? !`` is deleted if one of its kind stands beside a space anywhere in
    the text, or if the text has a comma between two digits; else it becomes a space. Colons, apostrophes and signs such
    as $ stay. The first 32 full stops that no digit follows are deleted.
    """
    found = set(_PUNCTUATION_PATTERN.findall(text))
    if found:
        number = _COMMA_IN_NUMBER.search(text) is not None
        text = text.translate({ord(p): "" if number or f"{p} " in text or f" {p}" in text else " " for p in found})
    return _PERIOD.sub("", text, count=_MOST_PERIODS)


@lru_cache(maxsize=1 << 16)
def normalise_vqa(text: str) -> str:
    """Normalises a text as the official evaluation does.

    After `strip_punctuation`: lower case, "none" and "zero" to "ten" as digits, no articles, apostrophes put into
    contractions, single spaces. Neither "t-shirt" nor "the" survives this as it is: they become "t shirt" and "".
    """
    words = (_NUMBERS.get(word, word) for word in strip_punctuation(text).lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def soft_accuracy(prediction: str, answers: Sequence[str]) -> float:
    """Official soft accuracy of one prediction.

    Args:
        prediction: The predicted text, raw.
        answers: What people answered, raw: ten texts in the official files, duplicates included.

    Returns:
        Accuracy from 0.0 to 1.0, in steps of 1/30 for ten answers. 1.0 if at least four people agree with the prediction.

    Raises:
        DatasetError: If there are no answers.
    """
    if not answers:
        raise DatasetError("A question has no answers. Expected the answers of several people, ten in the official files.")
    prediction = _one_line(prediction)
    given = [_one_line(answer) for answer in answers]
    if len(set(given)) > 1:
        prediction = normalise_vqa(prediction)
        given = [normalise_vqa(answer) for answer in given]
    agreeing = [answer == prediction for answer in given]
    total = sum(agreeing)
    return sum(min(1.0, (total - agrees) / _PEOPLE_NEEDED) for agrees in agreeing) / len(given)


def soft_vqa_metric(predictions: Mapping[str, str | None], annotations: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Official metric of VQAv2 and OK-VQA.

    Args:
        predictions: Raw texts by question id; None, or no entry, counts 0.
        annotations: Official annotation records by question id, of all questions asked:
            `{"answers": [{"answer": str, ...}, ...], "question_type": str, "answer_type": str, ...}`.

    Returns:
        Percentages, rounded to two decimals: "overall", "question_type/{type}", "answer_type/{type}". Empty if nothing
        was asked.

    Raises:
        DatasetError: If a record is not of the official form, or a prediction is neither text nor None.
    """
    scores: dict[str, list[float]] = {}
    for question_id, record in annotations.items():
        where = f"VQA annotation of question {question_id}"
        items = record_list(record, "answers", dict, where)
        answers = [record_value(item, "answer", str, f"{where}, answer {i}") for i, item in enumerate(items)]
        if not answers:
            raise DatasetError(f"{where} has no answers. Expected ten, as in the official files.")
        prediction = prediction_text(predictions, question_id)
        score = 0.0 if prediction is None else soft_accuracy(prediction, answers)
        scores.setdefault("overall", []).append(score)
        for group in ("question_type", "answer_type"):
            if group in record:
                scores.setdefault(f"{group}/{record_value(record, group, str, where)}", []).append(score)
    return {
        name: round(100 * sum(values) / len(values), 2)
        for name, values in sorted(scores.items(), key=lambda item: ("/" in item[0], item[0]))
    }


def write_vqa(path: Path | str, predictions: Mapping[str, str | None]) -> None:
    """Writes an official results file, `[{"question_id": int, "answer": str}, ...]`.

    The official script wants an answer for each question, so that no answer (None) is written as an empty text.

    Raises:
        DatasetError: If a question id is no whole number, or a prediction is neither text nor None.
    """
    _RESULTS.write(path, ((question_id, prediction_text(predictions, question_id) or "") for question_id in predictions))


def read_vqa(path: Path | str) -> dict[str, str]:
    """Predictions of an official results file by question id, the id as text.

    Raises:
        DatasetError: If the file is missing or damaged, has another form, or answers a question twice.
    """
    return _RESULTS.read(path)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()
