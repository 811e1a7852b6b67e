"""Parts of a split: by the fields of the samples, by a file of ids, or so many of each type."""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.tables import Table, Value

_SIGNS = {"min": ">=", "max": "<="}
_SHOWN = 20  # values of a field, in a message
_PARAMETERS = 900  # of one query, as SQLite limits their number


def select_where(table: Table, wanted: Mapping[str, Any], fields: Sequence[str], name: str) -> NDArray[np.int64]:
    """Positions of the samples whose fields have the wanted values.

    Args:
        table: The samples.
        wanted: By field: one value, a list of values, or `{"min": ..., "max": ...}` with either or both; all must hold.
        fields: The fields that there are.
        name: Dataset name, for messages.

    Raises:
        ValueError: If there is no such field, or a value is none of the above.
    """
    if not isinstance(wanted, Mapping):
        raise ValueError(f"filter={wanted!r:.80} is no filter. Expected a dict by field, such as {{'{fields[0]}': ...}}.")
    kept = table.where("1") if not wanted else None
    for field, value in wanted.items():
        if field not in fields:
            raise ValueError(f"filter has the field {field!r:.80}, which {name} has not. Expected some of: {', '.join(fields)}.")
        found = _in_range(table, field, value) if isinstance(value, Mapping) else _one_of(table, field, value)
        kept = found if kept is None else np.intersect1d(kept, found)
    assert kept is not None
    return kept


def describe_values(table: Table, fields: Iterable[str]) -> str:
    """The values of some fields, as an end of a message: " Values of 'structural': 'choose', 'compare', ...."."""
    text = ""
    for field in fields:
        known = sorted({value for (value,) in table.fields([field])} - {None}, key=str)
        text += f" Values of {field!r}: {', '.join(map(repr, known[:_SHOWN]))}{', ...' if len(known) > _SHOWN else ''}."
    return text


def _in_range(table: Table, field: str, bounds: Mapping[str, Any]) -> NDArray[np.int64]:
    if not bounds or not bounds.keys() <= {"min", "max"} or not all(_is_number(bound) for bound in bounds.values()):
        raise ValueError(f"filter[{field!r}] is {bounds!r:.80}. Expected numbers under 'min', 'max' or both.")
    # SQLite takes any text for larger than any number
    conditions = " AND ".join([f"typeof(\"{field}\") <> 'text'", *(f'"{field}" {_SIGNS[bound]} ?' for bound in bounds)])
    return table.where(conditions, [_storable_bound(value, kind) for kind, value in bounds.items()])


def _one_of(table: Table, field: str, value: Any) -> NDArray[np.int64]:
    options = value if isinstance(value, list | tuple) else [value]
    if not options or not all(_is_text(option) or isinstance(option, bool) or _is_number(option) for option in options):
        raise ValueError(f"filter[{field!r}] is {value!r:.80}. Expected a text, a number, or a list of these.")
    found = []
    for i in range(0, len(options), _PARAMETERS):
        some = [_storable(option) for option in options[i : i + _PARAMETERS]]
        found.append(table.where(f'"{field}" IN ({",".join("?" * len(some))})', some))
    return np.unique(np.concatenate(found))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)  # half of a surrogate pair is no text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _storable(value: Value) -> Value:
    """A value as SQLite can hold it: an integer of more than 64 bits as the float that equals it, or else NULL."""
    if not isinstance(value, int) or -(1 << 63) <= value < 1 << 63:
        return value
    near = _nearest(value)
    return near if near == value else None


def _storable_bound(value: Value, kind: str) -> Value:
    """A bound as SQLite can hold it: instead of an integer of more than 64 bits the next float on the inside."""
    if not isinstance(value, int) or -(1 << 63) <= value < 1 << 63:
        return value
    near = _nearest(value)
    if kind == "min":
        return near if near >= value else math.nextafter(near, math.inf)
    return near if near <= value else math.nextafter(near, -math.inf)


def _nearest(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def select_per_type(
    table: Table,
    chosen: NDArray[np.int64] | None,
    subset: str,
    name: str,
    type_field: str | None,
    equivalents: Callable[[Any], list[str]],
) -> NDArray[np.int64]:
    """Positions of k samples of each type: a seeded draw, the same one always.

    Of samples that are equivalent to each other one at most is drawn.

    Args:
        table: The samples.
        chosen: Positions to draw from; None for all.
        subset: "{k}_per_type".
        name: Name of the dataset.
        type_field: The field that tells the type of a sample; None if there is none.
        equivalents: Ids of the samples that ask the same as a record.

    Raises:
        ValueError: If the subset is of another form, or the dataset has no types.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,8})_per_type", subset) if isinstance(subset, str) else None
    if match is None:
        raise ValueError(f"subset={subset!r:.80} is unknown. Expected a number of samples per type, such as '10_per_type'.")
    if type_field is None:
        raise ValueError(f"subset={subset!r} needs types of samples, and {name} has none. Use filter= or ids=.")
    positions = np.arange(len(table)) if chosen is None else chosen
    by_type: defaultdict[Any, list[int]] = defaultdict(list)
    for position, (kind,) in zip(positions, table.fields([type_field], chosen), strict=True):
        by_type[kind].append(int(position))
    taken: dict[str, int] = {}
    covered: set[str] = set()
    for kind in sorted(by_type, key=str):
        pool = by_type[kind]
        Random(f"{name} {kind}").shuffle(pool)
        kept = 0
        for position in pool:
            if kept == int(match[1]):
                break
            key = table.key(position)
            if key in covered:
                continue
            same = equivalents(table.at(position))
            if not taken.keys().isdisjoint(same):  # said by one of the two alone
                continue
            covered.update(same)
            taken[key] = position
            kept += 1
    return np.array(sorted(taken.values()), np.int64)


def read_ids(ids: str | os.PathLike[str] | Sequence[str]) -> list[str]:
    """Sample ids, from a list or from a file: a JSON list, or one id per line.

    Raises:
        DatasetError: If the file is missing, empty, or of another form.
        ValueError: If the list is empty or holds anything but texts.
    """
    if not isinstance(ids, str | os.PathLike):
        if not isinstance(ids, Sequence) or not ids or not all(isinstance(item, str) for item in ids):
            raise ValueError(f"ids={ids!r:.80} names no samples. Expected a list of sample ids, as texts, or the path of a file.")
        return list(ids)
    path = Path(ids)
    expected = "a JSON list of sample ids, or one sample id per line"
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig").strip()
        listed = json.loads(text) if text.startswith("[") else [line.strip() for line in text.splitlines() if line.strip()]
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except (OSError, ValueError, RecursionError, RuntimeError) as error:  # the last one if "~" is nobody's folder
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error
    if not listed or not all(isinstance(item, str | int) and not isinstance(item, bool) for item in listed):
        raise DatasetError(f"{path} holds no list of ids. Expected {expected}.")
    return [str(item) for item in listed]
