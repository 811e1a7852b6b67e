"""Files that are there whole or not at all, whenever the process is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

SCRATCH_SUFFIX = ".new"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file and return once it is on disk. A file that is there already is replaced in one step.

    The bytes go to a hidden file in the same folder first, which a killed process may leave behind. There must be one writer
    per path.

    Args:
        path: The file. Its folder is made if it is missing.
        data: What it will hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}{SCRATCH_SUFFIX}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name is on disk only once its folder is
    finally:
        os.close(folder)


def save_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder that is there whole or not at all. One of this name, and what a killed process left behind, are removed.

    Args:
        folder: The folder.
        write: Writes its files into the folder that it is given, which it makes.
    """
    scratch = folder.with_name(f".{folder.name}{SCRATCH_SUFFIX}")
    for leftover in (scratch, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    write(scratch)
    _sync_folder(scratch)
    scratch.rename(folder)


def _sync_folder(folder: Path) -> None:
    """Return once all files of a folder are on disk."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
