"""Checked reading of what annotation files hold: every damage is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError, MissingDataError

# Larger than any picture and distance of the datasets, so that a damaged number cannot ask for a canvas of terabytes.
LARGEST = 16_384
# An id may be part of a file name.
LARGEST_ID = 10**12 - 1


def read_json(path: Path, expected: str) -> Any:
    """Reads a JSON file of a dataset.

    Args:
        path: The file.
        expected: What the file should hold, for messages.

    Raises:
        DatasetError: If the file is missing, empty, cut short or no JSON.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, an integer of thousands of digits, nested too deeply
        raise DatasetError(
            f"{path} is damaged or cut short ({error}). Expected {expected}, as JSON. Fetch the file again."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error


def record_value(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value of a key that a record must have.

    Raises:
        DatasetError: If the record is no object, lacks the key, or the value has another type; names `where`.
    """
    if not isinstance(record, dict):
        raise DatasetError(f"{where} is {type(record).__name__}. Expected an object with the key {key!r}.")
    if key not in record:
        raise DatasetError(f"{where} has no key {key!r}. Expected a record of the official format.")
    value = record[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not {bool, object} & set(kinds)):  # to Python, True is an int
        names = " or ".join(t.__name__ for t in kinds)
        raise DatasetError(f"{where} has {key!r} of type {type(value).__name__}. Expected {names}.")
    return value


def record_list(record: Any, key: str, kind: type, where: str) -> list[Any]:
    """The list under a key that a record must have, each of whose items is of one type.

    Raises:
        DatasetError: As `record_value`, and if an item has another type; names `where`.
    """
    items: list[Any] = record_value(record, key, list, where)
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise DatasetError(f"{where} has {key!r} whose item {i} is of type {type(item).__name__}. Expected {kind.__name__}.")
    return items


def number(value: Any, what: str, low: float = 0) -> float:
    """A number of a dataset file, checked.

    Args:
        value: What the file holds.
        what: What to call the value in messages.
        low: The smallest number that makes sense.

    Raises:
        DatasetError: If the value is no finite number, or too small, or absurdly large.
    """
    # JSON as Python reads it may hold NaN, infinity and integers of thousands of digits: no comparison with these raises
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= LARGEST:
        raise DatasetError(f"{what} is {value!r:.80}. Expected a number from {low} to {LARGEST}.")
    return value


def natural(record: Any, key: str, where: str, largest: int = LARGEST_ID) -> int:
    """The id or count under a key that a record must have.

    Raises:
        DatasetError: If there is none, it is no integer, negative, or larger than `largest`; names `where`.
    """
    value = record_value(record, key, int, where)
    if not 0 <= value <= largest:
        raise DatasetError(f"{where} has {key!r}: {value!r:.40}. Expected an integer from 0 to {largest}.")
    return int(value)
