"""POPE (Li et al., EMNLP 2023): does the picture hold the object? "yes" is the positive class.

Follows `evaluate.py` of RUCAIBox/POPE. Answer files are JSON lines with "question_id" and "answer". The official script
matches answers to questions by position; lines without "question_id" are counted from 1, as the questions are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_value
from vispro_gym.tasks.metrics.files import add_once, integer, read_record_lines, write_record_lines
from vispro_gym.tasks.metrics.results_file import whole_number

_EXPECTED = 'POPE answers, lines of {"question_id": int, "answer": str}'
_NEGATIVE_WORDS = {"No", "no", "not"}


def read_answer(text: str) -> str:
    """How the official script understands a free-form answer: "no" or "yes".

    Only what stands before the first full stop is read. Commas are dropped and the rest is split at blanks; if one of the
    words is "No", "no" or "not" the answer is no. Everything else is yes: also "NO", "nope" and the empty text.
    """
    words = text.partition(".")[0].replace(",", "").split(" ")
    return "yes" if _NEGATIVE_WORDS.isdisjoint(words) else "no"


def pope_metric(answers: Mapping[str, str | bool | None], labels: Mapping[str, str]) -> dict[str, float]:
    """Computes "accuracy", "precision", "recall", "f1" and "yes_ratio", as fractions.

    A missing answer, which the official script has no room for, is wrong: it is neither yes nor no. Where the official
    script would divide by zero (nothing answered yes, say), the number is 0.

    Args:
        answers: Answers by question id: text, understood as by `read_answer`, or a bool; None for no answer.
        labels: "yes" or "no" by question id, of all questions asked.

    Raises:
        DatasetError: If a label is neither.
    """
    if not labels:
        return {}
    hits = positives = found = said_yes = 0
    for question_id, label in labels.items():
        if label not in ("yes", "no"):
            raise DatasetError(f"POPE question {question_id} has the label {label!r:.80}. Expected 'yes' or 'no'.")
        answer = answers.get(question_id)
        if isinstance(answer, bool):
            answer = "yes" if answer else "no"
        said = None if answer is None else read_answer(answer)
        hits += said == label
        positives += label == "yes"
        said_yes += said == "yes"
        found += said == label == "yes"
    precision, recall = _ratio(found, said_yes), _ratio(found, positives)
    return {
        "accuracy": hits / len(labels),
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "yes_ratio": said_yes / len(labels),
    }


def read_pope_answers(path: Path | str) -> dict[str, str]:
    """Reads an answer file: answers by question id.

    Raises:
        DatasetError: If the file is missing or damaged, or answers a question twice; names the file and the line.
    """
    answers: dict[str, str] = {}
    for position, (where, record) in enumerate(read_record_lines(path, _EXPECTED), 1):
        question_id = integer(record, "question_id", where) if "question_id" in record else position
        add_once(answers, str(question_id), record_value(record, "answer", str, where), where)
    return answers


def write_pope_answers(path: Path | str, answers: Mapping[str, str | bool | None]) -> None:
    """Writes an answer file; True is "yes". Questions without an answer (None) are left out.

    The official script, which goes by position, needs an answer to every question, in the order of the questions.

    Raises:
        DatasetError: If a question id is no decimal number.
    """
    texts = {i: ("yes" if a else "no") if isinstance(a, bool) else a for i, a in answers.items() if a is not None}
    write_record_lines(path, ({"question_id": whole_number(i), "answer": text} for i, text in texts.items()))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
