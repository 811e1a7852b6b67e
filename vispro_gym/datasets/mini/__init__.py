"""The embedded mini data: drawn scenes in the official layout of each dataset, so that real and mini data take one path.

The data is generated once into the cache folder. The folder's name holds a digest of the generator's source, so that data
written by another version of the package is never used.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from vispro_gym.datasets.errors import DatasetError, logger

GENERATORS = {"GQA": "vispro_gym.datasets.mini.gqa:write_gqa", "CLEVR": "vispro_gym.datasets.mini.clevr:write_clevr"}


def cache_dir() -> Path:
    """Folder for generated files: `VISPRO_CACHE` if set, else the platform's user cache folder."""
    configured = os.environ.get("VISPRO_CACHE")
    return Path(configured).expanduser() if configured else user_cache_path("vispro_gym", appauthor=False)


def _source_digest() -> str:
    digest = blake2b(digest_size=5)
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def mini_root(name: str) -> Path:
    """The folder of a dataset's mini data, generated if it is not there yet.

    Safe when several processes ask at once: one writes into a temporary folder and renames it, the others wait.

    Args:
        name: Dataset name, a key of `GENERATORS`.

    Raises:
        DatasetError: If the dataset has no mini data, or the cache folder cannot be written.
    """
    if name not in GENERATORS:
        raise DatasetError(f"There is no mini data for {name!r}. Expected one of: {', '.join(sorted(GENERATORS))}.")
    parent = cache_dir() / "mini"
    root = parent / f"{name.lower()}-{_source_digest()}"
    if root.is_dir():
        return root
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / f"{name.lower()}.lock"):
            if not root.is_dir():
                _generate(name, root)
    except OSError as error:
        raise DatasetError(
            f"The mini data of {name} could not be written to {parent}: {error}. "
            "Set VISPRO_CACHE to a folder that can be written."
        ) from error
    return root


def write_mini(name: str, root: Path) -> None:
    """Writes a dataset's mini data into an existing, empty folder."""
    module, _, function = GENERATORS[name].partition(":")
    generator: Callable[[Path], None] = getattr(importlib.import_module(module), function)
    generator(root)


def _generate(name: str, root: Path) -> None:
    logger.warning("Generating the mini data of %s in %s (once, some seconds) ...", name, root)
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed process; the lock is ours
    partial.mkdir()
    write_mini(name, partial)
    os.replace(partial, root)
