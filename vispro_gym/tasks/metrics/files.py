"""What the readers and writers of submission files have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.records import read_json

# far above any pixel or score, far below where arithmetic overflows
_LARGEST = 1e12


def read_records(path: Path | str, expected: str) -> list[tuple[str, dict[str, Any]]]:
    """Reads a JSON file that holds a list of objects.

    Args:
        path: The file.
        expected: What the file should hold, for messages.

    Returns:
        For each object what to call it in messages, and the object.

    Raises:
        DatasetError: If the file is missing, no JSON, or no list of objects.
    """
    content = read_json(Path(path), expected)
    if not isinstance(content, list):
        raise DatasetError(f"{path} holds {type(content).__name__}. Expected {expected}.")
    return [(f"{path}, record {i}", _record(item, f"{path}, record {i}", expected)) for i, item in enumerate(content)]


def read_record_lines(path: Path | str, expected: str) -> list[tuple[str, dict[str, Any]]]:
    """Reads a file with one JSON object per line; empty lines are skipped. Otherwise as `read_records`."""
    records = []
    for where, line in read_lines(path, expected):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{where} is no JSON ({error}). Expected {expected}, one JSON object per line.") from error
        records.append((where, _record(item, where, expected)))
    return records


def read_lines(path: Path | str, expected: str) -> list[tuple[str, str]]:
    """Reads a text file: what to call each line in messages, and the line, stripped. Empty lines are skipped.

    Raises:
        DatasetError: If the file is missing or no UTF-8 text.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error
    # not splitlines(): JSON may hold the other characters at which that breaks lines
    return [(f"{path}, line {i}", line.strip()) for i, line in enumerate(text.split("\n"), 1) if line.strip()]


def write_json(path: Path | str, content: Any, indent: int | None = None) -> None:
    """Writes one JSON value.

    Raises:
        DatasetError: If it holds NaN or infinity, which JSON has no words for.
    """
    Path(path).write_text(_json(content, path, indent), encoding="utf-8")


def write_record_lines(path: Path | str, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes one JSON object per line. Raises as `write_json`."""
    Path(path).write_text("".join(_json(dict(record), path) + "\n" for record in records), encoding="utf-8")


def finite(value: Any, what: str) -> float:
    """A finite number of sensible size. Raises DatasetError if it is none; names `what`."""
    # JSON as Python reads it may hold NaN, infinity and integers of thousands of digits: no comparison with these raises
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        raise DatasetError(f"{what} is {value!r:.80}. Expected a finite number.")
    return value


def integer(record: Mapping[str, Any], key: str, where: str) -> int:
    """The integer under a key. Raises DatasetError if there is none; names `where`."""
    value = record.get(key)
    if type(value) is not int:
        raise DatasetError(f"{where} has {key!r}: {value!r:.80}. Expected an integer.")
    return value


def add_once(values: dict[Any, Any], key: Any, value: Any, where: str) -> None:
    """Puts a value under a key that must be new. Raises DatasetError if it is not; names `where`."""
    if key in values:
        raise DatasetError(f"{where} has the id {key!r:.80} a second time. Expected one prediction per sample.")
    values[key] = value


def _record(item: Any, where: str, expected: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise DatasetError(f"{where} is {type(item).__name__}. Expected {expected}.")
    return item


def _json(content: Any, path: Path | str, indent: int | None = None) -> str:
    try:
        return json.dumps(content, allow_nan=False, indent=indent)  # in ASCII: a text may hold half of a surrogate pair
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path} cannot be written as JSON: {error}. Expected plain values and finite numbers.") from error
