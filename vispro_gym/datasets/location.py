"""Where a dataset's files are.

The order is: the `data_dir` argument, the environment variable `VISPRO_DATA_<NAME>`, `<VISPRO_DATA_ROOT>/<name>`,
and last the embedded mini data, which is generated into the cache folder on first use. Nothing is ever downloaded, except what a
`data_dir` asks for by the name of a repository ("hf:owner/name", see `vispro_gym.datasets.hub`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from vispro_gym.datasets.errors import MissingDataError, say_once
from vispro_gym.datasets.mini import MINI_NOTE, mini_root


@dataclass(frozen=True)
class Location:
    """A dataset's root folder, and whether it holds the generated mini data."""

    root: Path
    is_mini: bool


HUB_PREFIX = "hf:"
"""What `data_dir` starts with for data published as a repository of Hugging Face `datasets`."""


@dataclass(frozen=True)
class HubLocation(Location):
    """The folder of such a repository, its address as given, and its name if it is fetched from the Hub."""

    address: str
    repository: str | None


def folder_of(name: str) -> Path | None:
    """The folder that the environment variables name for a dataset; None if they name none that exists."""
    if value := os.environ.get(f"VISPRO_DATA_{name.upper()}"):
        root = Path(value).expanduser()
        return root.resolve() if root.is_dir() else None
    if data_root := os.environ.get("VISPRO_DATA_ROOT"):
        for folder in (name, name.lower()):
            root = Path(data_root).expanduser() / folder
            if root.is_dir():
                return root.resolve()
    return None


def locate(name: str, data_dir: str | os.PathLike[str] | None = None, mini: str | None = None) -> Location:
    """Finds the folder of a dataset.

    Args:
        name: Dataset name as in the environment id, for example "GQA".
        data_dir: The dataset's root folder, or None to look in the environment variables and then use the mini data.
        mini: Name of the mini data, where it is not the dataset's: some ways to read COCO have pictures of their own.

    Raises:
        MissingDataError: If a folder was named, by argument or environment variable, that does not exist.
        TypeError: If `data_dir` is no path.
    """
    if data_dir is not None and not isinstance(data_dir, str | os.PathLike):
        raise TypeError(f"data_dir={data_dir!r} is no path. Expected a str, a path or None.")
    candidates = [
        ("data_dir", data_dir),
        (f"the environment variable VISPRO_DATA_{name.upper()}", os.environ.get(f"VISPRO_DATA_{name.upper()}")),
    ]
    data_root = os.environ.get("VISPRO_DATA_ROOT")
    if data_root and not any(value for _, value in candidates) and not Path(data_root).expanduser().is_dir():
        raise MissingDataError(
            f"the environment variable VISPRO_DATA_ROOT is {data_root!r}, which is no folder. "
            f"Expected one that holds folders of datasets, such as {name}."
        )
    for source, value in candidates:
        if value:
            root = Path(value).expanduser()
            if not root.is_dir():
                kind = "is a file" if root.exists() else "does not exist"
                raise MissingDataError(f"{source} is {str(root)!r}, which {kind}. Expected the root folder of the {name} data.")
            return _at(root.resolve())
    if (found := folder_of(name)) is not None:
        return _at(found)
    root = mini_root(mini or name)
    say_once(
        f"{name} uses the generated mini data in {root}: drawn scenes for trying things out, not the benchmark. "
        f"Pass data_dir=... or set VISPRO_DATA_{name.upper()} to use the real data."
    )
    return Location(root, is_mini=True)


def _at(root: Path) -> Location:
    return Location(root, is_mini=(root / MINI_NOTE).is_file())
