"""A-OKVQA: accuracy of multiple choices and of direct answers.

Follows `evaluation/eval_predictions.py` of allenai/aokvqa. Texts are compared as they are: nothing is lowered, stripped or
normalised. Unlike VQAv2, direct answers are compared with all people's answers at once; nobody is left out in turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import read_json, record_list, record_value

MULTIPLE_CHOICE = "multiple_choice"
DIRECT_ANSWER = "direct_answer"

_PEOPLE_NEEDED = 3
_FORM = f'an A-OKVQA predictions file, {{question id: {{"{MULTIPLE_CHOICE}": str, "{DIRECT_ANSWER}": str}}}}, either key optional'


def aokvqa_metric(
    predictions: Mapping[str, Mapping[str, str | None]], questions: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Official metric of A-OKVQA.

    A question without a prediction counts 0. A choice that is none of the four counts 0, too. Direct answers are not
    scored on questions marked `difficult_direct_answer`.

    Args:
        predictions: `{"multiple_choice": text of the choice, "direct_answer": text}` by question id; None for no answer.
        questions: Official records by question id, of all questions asked, with `choices`, `correct_choice_idx`,
            `direct_answers` and `difficult_direct_answer`.

    Returns:
        Percentages: "multiple_choice" and "direct_answer". A setting is left out if no prediction has its key, as in
        the official script, or if no question counts for it.

    Raises:
        DatasetError: If a record or a prediction is not of the expected form.
    """
    for question_id, prediction in predictions.items():
        _check(prediction, f"The prediction for question {question_id!r}")
    metric = {}
    for setting, score in ((MULTIPLE_CHOICE, _choice_score), (DIRECT_ANSWER, _direct_score)):
        if not any(setting in prediction for prediction in predictions.values()):
            continue
        scores = [
            score(predictions.get(question_id, {}).get(setting), record, f"A-OKVQA question {question_id}")
            for question_id, record in questions.items()
        ]
        counted = [value for value in scores if value is not None]
        if counted:
            metric[setting] = sum(counted) / len(counted) * 100
    return metric


def _choice_score(prediction: str | None, record: Any, where: str) -> float:
    choices = record_list(record, "choices", str, where)
    correct = record_value(record, "correct_choice_idx", int, where)
    if not 0 <= correct < len(choices):
        raise DatasetError(f"{where} has 'correct_choice_idx' {correct}. Expected a position in its {len(choices)} choices.")
    return float(prediction == choices[correct])


def _direct_score(prediction: str | None, record: Any, where: str) -> float | None:
    """Score of one direct answer; None if the question does not count."""
    if record_value(record, "difficult_direct_answer", bool, where):
        return None
    return min(1.0, record_list(record, "direct_answers", str, where).count(prediction) / _PEOPLE_NEEDED)


def write_aokvqa(path: Path | str, predictions: Mapping[str, Mapping[str, str | None]]) -> None:
    """Writes an official predictions file. Settings without an answer (None) are left out, which counts 0.

    Raises:
        DatasetError: If a prediction is not of the expected form.
    """
    records = {}
    for question_id, prediction in predictions.items():
        _check(prediction, f"The prediction for question {question_id!r}")
        records[question_id] = {setting: answer for setting, answer in prediction.items() if answer is not None}
    Path(path).write_text(json.dumps(records), encoding="utf-8")


def read_aokvqa(path: Path | str) -> dict[str, dict[str, str]]:
    """Predictions of an official predictions file by question id.

    Raises:
        DatasetError: If the file is missing or damaged, or has another form.
    """
    path = Path(path)
    records = read_json(path, _FORM)
    if not isinstance(records, dict):
        raise DatasetError(f"{path} holds a JSON {type(records).__name__}. Expected {_FORM}.")
    for question_id, record in records.items():
        _check(record, f"{path}, question {question_id!r}", may_be_none=False)
    return records


def _check(prediction: Any, where: str, may_be_none: bool = True) -> None:
    if not isinstance(prediction, Mapping):
        raise DatasetError(f"{where} is of type {type(prediction).__name__}. Expected the form of {_FORM}.")
    for setting, answer in prediction.items():
        if setting not in (MULTIPLE_CHOICE, DIRECT_ANSWER) or not (isinstance(answer, str) or (may_be_none and answer is None)):
            raise DatasetError(f"{where} has {setting!r}: {answer!r:.80}. Expected the form of {_FORM}.")
