"""Where the annotation files and the pictures of COCO's splits are, for all that reads COCO's own folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from vispro_gym.datasets.errors import MissingDataError

_SHORT = {part: (f"{part}2017", f"{part}2014") for part in ("train", "val")}
_DOWNLOADS = "https://cocodataset.org/#download"

FILE_NAME = re.compile(r"\w[^/\\:\0\ud800-\udfff]{0,100}")
"""File names that cannot lead out of a folder."""


class CocoSplit(NamedTuple):
    """A split that was found.

    Attributes:
        path: Its annotation file.
        name: Its own name: "val2017" for "val".
        layout: Where its pictures are below the root folder, "{id:012d}" standing for the image id.
    """

    path: Path
    name: str
    layout: str


def find_split(dataset: str, kind: str, split: str, root: Path) -> CocoSplit:
    """Finds the annotation file of a split: "train" and "val" mean those of 2017, or else those of 2014.

    Args:
        dataset: What to call the dataset in messages.
        kind: Kind of annotation file, "instances" for example.
        split: Split name.
        root: COCO's folder.

    Raises:
        MissingDataError: If there is no such file; names the splits that were found.
    """
    names = _SHORT.get(split, (split,))
    paths = {name: root / "annotations" / f"{kind}_{name}.json" for name in names}
    found = next((name for name, path in paths.items() if path.is_file()), None)
    if found is not None:
        part = match[0] if (match := re.match(r"(?:train|val)20\d\d", found)) else found
        layout = f"{part}/COCO_{part}_{{id:012d}}.jpg" if part.endswith("2014") else f"{part}/{{id:012d}}.jpg"
        return CocoSplit(paths[found], found, layout)
    splits = sorted(path.stem.removeprefix(f"{kind}_") for path in (root / "annotations").glob(f"{kind}_*.json"))
    there = f"Splits found there: {', '.join(splits)}." if splits else f"No files of {kind} were found there."
    secret = " The annotations of test sets are not public." if split.startswith("test") else ""
    files = " or ".join(f"annotations/{kind}_{name}.json" for name in names)
    raise MissingDataError(
        f"{dataset} has no split {split!r} in {root}. Expected {files}.{secret} {there} The official files are at {_DOWNLOADS}."
    )


def picture_path(root: Path, split: str, name: Any, usual: Path) -> Path:
    """Where a picture is: where its record says, or else where COCO has it.

    The record comes first: where the format is COCO's but not the pictures, ids mean other pictures. Names cannot lead out of the
    folder of the split.

    Args:
        root: COCO's folder.
        split: Name of the split.
        name: The record's "file_name", whatever it is.
        usual: Where a picture of that id would be.
    """
    if isinstance(name, str) and FILE_NAME.fullmatch(name):
        named = [root / folder / name for folder in (split, f"images/{split}")]
        return next((candidate for candidate in named if candidate.exists()), usual)
    return usual
