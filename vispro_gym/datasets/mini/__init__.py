"""The embedded mini data: drawn scenes in the official layout of each dataset, so that real and mini data take one path.

The data is generated once into the cache folder. The folder's name holds a digest of the generator's source, so that data
written by another version of the package is never used.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.datasets.errors import DatasetError, logger


@dataclass(frozen=True)
class Generator:
    """What writes the mini data of a dataset.

    Attributes:
        function: "module:name" below this package; called with an existing, empty folder.
        sources: Files and folders below this package that its output depends on.
    """

    function: str
    sources: tuple[str, ...]


GENERATORS = {
    "GQA": Generator("gqa:write_gqa", ("gqa", "drawing")),
    "CLEVR": Generator("clevr:write_clevr", ("clevr",)),
    "VQAv2": Generator("vqav2:write_vqav2", ("photos", "gqa", "drawing", "vqav2.py")),
    "OKVQA": Generator("okvqa:write_okvqa", ("photos", "gqa", "drawing", "vqav2.py", "okvqa.py")),
    "TallyQA": Generator("tallyqa:write_tallyqa", ("photos", "gqa", "drawing", "vqav2.py", "tallyqa.py")),
    "AOKVQA": Generator("aokvqa:write_aokvqa", ("photos", "gqa", "drawing", "vqav2.py", "aokvqa.py")),
    "POPE": Generator("pope:write_pope", ("photos", "gqa", "drawing", "json_files.py", "pope.py")),
    "VSR": Generator("vsr:write_vsr", ("photos", "gqa", "drawing", "json_files.py", "vsr.py")),
    "NLVR2": Generator("nlvr2:write_nlvr2", ("photos", "gqa", "drawing", "json_files.py", "nlvr2.py")),
    "NLVR": Generator(
        "nlvr:write_nlvr", ("photos/wording.py", "json_files.py", "nlvr.py", "nlvr_boxes.py", "nlvr_statements.py")
    ),
    "OmniLabel": Generator("omnilabel:write_omnilabel", ("photos", "gqa", "drawing", "json_files.py", "omnilabel.py")),
    "COCO": Generator("coco:write_coco", ("photos", "gqa", "drawing", "json_files.py", "coco.py")),
    "RefCOCO": Generator("refcoco:write_refcoco", ("photos", "gqa", "drawing", "json_files.py", "refcoco.py")),
    "RefCOCOplus": Generator("refcoco:write_refcoco_plus", ("photos", "gqa", "drawing", "json_files.py", "refcoco.py")),
    "RefCOCOg": Generator("refcoco:write_refcocog", ("photos", "gqa", "drawing", "json_files.py", "refcoco.py")),
    "WinoGround": Generator("winoground:write_winoground", ("photos", "gqa", "drawing", "json_files.py", "winoground.py")),
    "SugarCREPE": Generator("sugarcrepe:write_sugarcrepe", ("photos", "gqa", "drawing", "json_files.py", "sugarcrepe.py")),
    "Flickr30k": Generator(
        "flickr30k:write_flickr30k", ("photos", "gqa", "drawing", "json_files.py", "captioned.py", "flickr30k.py")
    ),
    "COCOCaptions": Generator(
        "coco_captions:write_coco_captions", ("photos", "gqa", "drawing", "json_files.py", "captioned.py", "coco_captions.py")
    ),
    "StillLifes": Generator("still_lifes:write_still_lifes", ("photos", "gqa", "drawing", "json_files.py", "still_lifes.py")),
}
"""The datasets that have mini data."""


MINI_NOTE = "MINI_DATA.txt"
"""The file by which mini data is told from official data wherever it lies."""


def _source_digest(name: str) -> str:
    digest = blake2b(MINI_NOTE.encode(), digest_size=5)
    for source in GENERATORS[name].sources:
        path = Path(__file__).parent / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
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
    root = parent / f"{name.lower()}-{_source_digest(name)}"
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
    """Writes a dataset's mini data into an existing, empty folder, with a note that says what it is."""
    module, _, function = GENERATORS[name].function.partition(":")
    generator: Callable[[Path], None] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    generator(root)
    (root / MINI_NOTE).write_text(f"Mini data in the layout of {name}: generated by vispro_gym for trying things out.\n")


def _generate(name: str, root: Path) -> None:
    logger.warning("Generating the mini data of %s in %s (once, some seconds) ...", name, root)
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed process; the lock is ours
    partial.mkdir()
    write_mini(name, partial)
    os.replace(partial, root)
