"""Parts of a split: by the fields of the samples, by a file of ids, or so many of each type."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Table, Value

if TYPE_CHECKING:
    from vispro_gym.datasets.base import Dataset


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
    conditions: list[str] = []
    values: list[Value] = []
    for field, value in wanted.items():
        if field not in fields:
            raise ValueError(f"filter has the field {field!r:.80}, which {name} has not. Expected some of: {', '.join(fields)}.")
        if isinstance(value, Mapping):
            if not value or not value.keys() <= {"min", "max"} or not all(_is_number(bound) for bound in value.values()):
                raise ValueError(f"filter[{field!r}] is {value!r:.80}. Expected numbers under 'min', 'max' or both.")
            for bound, sign in (("min", ">="), ("max", "<=")):
                if bound in value:
                    conditions.append(f'"{field}" {sign} ?')
                    values.append(value[bound])
            continue
        options = value if isinstance(value, list | tuple) else [value]
        if not options or not all(isinstance(option, str | bool) or _is_number(option) for option in options):
            raise ValueError(f"filter[{field!r}] is {value!r:.80}. Expected a text, a number, or a list of these.")
        conditions.append(f'"{field}" IN ({",".join("?" * len(options))})')
        values += options
    return table.where(" AND ".join(conditions) or "1", values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def select_per_type(table: Table, chosen: NDArray[np.int64] | None, subset: str, dataset: Dataset) -> NDArray[np.int64]:
    """Positions of k samples of each type: a seeded draw, the same one always.

    Of samples that are equivalent to each other one at most is drawn.

    Args:
        table: The samples.
        chosen: Positions to draw from; None for all.
        subset: "{k}_per_type".
        dataset: Says what the types are and what is equivalent.

    Raises:
        ValueError: If the subset is of another form, or the dataset has no types.
    """
    match = re.fullmatch(r"([1-9]\d{0,8})_per_type", subset) if isinstance(subset, str) else None
    if match is None:
        raise ValueError(f"subset={subset!r:.80} is unknown. Expected a number of samples per type, such as '10_per_type'.")
    if dataset.type_field is None:
        raise ValueError(f"subset={subset!r} needs types of samples, and {dataset.name} has none. Use filter= or ids=.")
    positions = np.arange(len(table)) if chosen is None else chosen
    by_type: defaultdict[Any, list[int]] = defaultdict(list)
    for position, (kind,) in zip(positions, table.fields([dataset.type_field], chosen), strict=True):
        by_type[kind].append(int(position))
    taken: list[int] = []
    covered: set[str] = set()
    for kind in sorted(by_type, key=str):
        pool = by_type[kind]
        Random(f"{dataset.name} {kind}").shuffle(pool)
        kept = 0
        for position in pool:
            if kept == int(match[1]):
                break
            if table.key(position) in covered:
                continue
            covered.update(dataset.equivalents(table.at(position)))
            taken.append(position)
            kept += 1
    return np.array(sorted(taken), np.int64)


def read_ids(path: Path) -> list[str]:
    """Sample ids from a file: a JSON list, or one id per line.

    Raises:
        DatasetError: If the file is missing, empty, or of another form.
    """
    expected = "a JSON list of sample ids, or one sample id per line"
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig").strip()
        listed = json.loads(text) if text.startswith("[") else [line.strip() for line in text.splitlines() if line.strip()]
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error
    if not listed or not all(isinstance(item, str | int) and not isinstance(item, bool) for item in listed):
        raise DatasetError(f"{path} holds no list of ids. Expected {expected}.")
    return [str(item) for item in listed]
