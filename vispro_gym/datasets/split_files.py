"""What datasets have in common whose splits are files of one JSON record per line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.json_stream import Record, scan_lines


def find_split(name: str, split: str, root: Path, layout: Sequence[tuple[str, str]], address: str) -> Path:
    """Finds the file of a split.

    Args:
        name: Dataset name, for messages.
        split: Split name.
        root: Folder of the dataset.
        layout: Pairs of a split name and its path below `root`, in both of which "{}" stands for the same word:
            `("balanced_{}", "data/balanced/balanced_{}.json")`. The first whose file exists counts.
        address: Where the official files are, for messages.

    Raises:
        MissingDataError: If there is no such file; names the splits that were found.
    """
    for names, paths in layout:
        word = _word(names, split)
        if word and (root / paths.replace("{}", word)).is_file():
            return root / paths.replace("{}", word)
    found: dict[str, None] = {}
    for names, paths in layout:
        for path in sorted(root.glob(paths.replace("{}", "*"))):
            if word := _word(paths, path.relative_to(root).as_posix()):
                found[names.replace("{}", word)] = None
    there = f"Splits found there: {', '.join(found)}." if found else "No annotation files were found there."
    wanted = [paths.replace("{}", word) for names, paths in layout if (word := _word(names, split))]
    expected = " or ".join(wanted or [paths for _, paths in layout])
    raise MissingDataError(
        f"{name} has no split {split!r} in {root}. Expected {expected}. {there} The official files are at {address}."
    )


def _word(pattern: str, text: str) -> str | None:
    """What "{}" stands for in a text that has the pattern; None if it has not."""
    parts = [re.escape(part) for part in pattern.split("{}")]
    match = re.fullmatch(parts[0] + r"(\w[\w.+-]*)" + r"\1".join(parts[1:]), text)
    return match[1] if match else None


def split_records(
    name: str, path: Path, expected: str, label: str, key: str | None, kind: type = str
) -> Iterator[tuple[str, Record, Path]]:
    """The samples of a file with one record per line, as `Dataset._add_samples` takes them.

    A record whose id is damaged is called by its line, "line 7", so that reading it says what is wrong.

    Args:
        name: Dataset and split, for messages.
        path: The file.
        expected: What it should hold, for messages.
        label: Key of the annotation, without which there is nothing to reward.
        key: Key of a record's id; None if records have none and go by their line, counted from 0.
        kind: Type of the id.

    Raises:
        DatasetError: If the file is damaged, empty or not annotated.
    """
    empty = True
    for record in scan_lines(path, expected):
        value = record.value if isinstance(record.value, dict) else {}
        if empty and value and label not in value:
            raise DatasetError(
                f"{name} has no answers: {path}, line {record.key}, has no key {label!r}. "
                "Rewards need a split with annotations. Use another one."
            )
        empty = False
        assert isinstance(record.key, int)
        if key is None:
            sample_id = str(record.key - 1)
        else:
            sample_id = str(value[key]) if type(value.get(key)) is kind else f"line {record.key}"
        yield sample_id, record, path
    if empty:
        raise DatasetError(f"{path} holds no samples. Expected {expected}.")
