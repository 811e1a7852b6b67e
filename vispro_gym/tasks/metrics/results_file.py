"""Results files that are a JSON list with one record per question: `[{ID: ..., ANSWER: ...}, ...]` (GQA, VQAv2, TallyQA)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_value
from vispro_gym.tasks.metrics.files import add_once, integer, read_records


@dataclass(frozen=True, slots=True)
class ResultsFormat:
    """Keys and types of the records of a results file.

    Attributes:
        id_key: Key of the question id.
        id_kind: Type of the id in the file, str or int. In Python ids are always str.
        answer_key: Key of the answer.
        answer_kind: Type of the answer in the file.
    """

    id_key: str
    id_kind: type
    answer_key: str
    answer_kind: type

    def __str__(self) -> str:
        return (
            "a JSON list of records "
            f'{{"{self.id_key}": {self.id_kind.__name__}, "{self.answer_key}": {self.answer_kind.__name__}}}, one per question'
        )

    def write(self, path: Path | str, answers: Iterable[tuple[str, Any]]) -> None:
        """Writes the records of pairs of question id and answer.

        Raises:
            DatasetError: If ids are integers in the file and an id is no decimal number.
        """
        records = [{self.id_key: whole_number(i) if self.id_kind is int else i, self.answer_key: answer} for i, answer in answers]
        # ASCII only: an answer may hold half a surrogate pair, which UTF-8 cannot encode but JSON can escape
        Path(path).write_text(json.dumps(records), encoding="utf-8")

    def read(self, path: Path | str) -> dict[str, Any]:
        """Answers by question id.

        Raises:
            DatasetError: If the file is missing or damaged, has another form, or answers a question twice.
        """
        answers: dict[str, Any] = {}
        for where, record in read_records(path, str(self)):
            question_id, answer = (
                integer(record, key, where) if kind is int else record_value(record, key, kind, where)
                for key, kind in ((self.id_key, self.id_kind), (self.answer_key, self.answer_kind))
            )
            add_once(answers, str(question_id), answer, where)
        return answers


def whole_number(question_id: str) -> int:
    """A question id as the integer that stands in official files.

    Raises:
        DatasetError: If the id is not the decimal text of an integer, so that it could not be read back.
    """
    try:
        number = int(question_id)
    except (TypeError, ValueError):
        number = None
    if number is None or str(number) != question_id:
        raise DatasetError(f"Question id {question_id!r:.80} is no whole number. Expected the id of an official record, as text.")
    return number


def prediction_text(predictions: Mapping[str, str | None], question_id: str) -> str | None:
    """The text predicted for a question; None if there is none.

    Raises:
        DatasetError: If the prediction is neither text nor None.
    """
    prediction = predictions.get(question_id)
    if prediction is not None and not isinstance(prediction, str):
        raise DatasetError(
            f"The prediction for question {question_id!r} is of type {type(prediction).__name__}. "
            "Expected text, or None for no answer."
        )
    return prediction
