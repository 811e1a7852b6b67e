"""Reading pictures from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.errors import DatasetError, MissingDataError, say_once
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Scene

IMAGE_MODES = ("required", "optional")

_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises on damaged files


def read_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decodes a picture to RGB, uint8 of shape `(height, width, 3)`.

    Args:
        path: The file.
        size: `(width, height)` that the annotations are for, None if there are none.

    Raises:
        DatasetError: If the file is missing, is no readable picture, or has another size.
    """
    try:
        with Image.open(path) as image:
            found = image.size
            if size in (None, found):
                return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise MissingDataError(_missing(path)) from None
    except _UNREADABLE as error:
        raise DatasetError(_unreadable(path, error)) from error
    assert size is not None
    raise DatasetError(
        f"{path} is {found[0]}x{found[1]} pixels, but its annotations are for a picture of {size[0]}x{size[1]}: "
        "boxes would be wrong. Expected the picture that was annotated, neither scaled nor cut."
    )


def blank_image(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A light grey canvas of `size = (width, height)`, uint8 of shape `(height, width, 3)`."""
    return np.full((size[1], size[0], 3), 224, dtype=np.uint8)


def image_ref(path: Path, image_id: str, scene: Callable[[], Scene | None], images: str) -> ImageRef:
    """A reference to a picture file that may be absent.

    Args:
        path: Where the file should be.
        image_id: The dataset's own name of the picture.
        scene: Reads the annotations, whose size saves opening the file.
        images: "required": the file must exist. "optional": a blank canvas of the annotated size stands in for a
            missing file, for perception that needs no pixels.

    Raises:
        MissingDataError: If the file is needed and missing. Whether it is a picture, and has the annotated size, is only looked
            at when its size or its pixels are asked for: scoring by annotations opens no file.
    """
    if path.exists():
        return _FileRef(image_id, path, scene)
    if images == "required":
        raise MissingDataError(_missing(path))
    say_once(
        f"Pictures are missing in {path.parent} (first: {path.name}). Blank canvases of the annotated size stand in for them.",
        topic=f"blank canvases in {path.parent}",
    )
    return _BlankRef(image_id, path, scene)


class _FileRef(ImageRef):
    """A picture in a file; its size is the annotated one, so that scoring by annotations opens no file."""

    def __init__(self, image_id: str, path: Path, scene: Callable[[], Scene | None]) -> None:
        super().__init__(image_id, self._find_size, self._read, path, scene)
        self._file = path

    def _find_size(self) -> tuple[int, int]:
        return image_size(self._file) if self.scene is None else (self.scene.width, self.scene.height)

    def _read(self) -> NDArray[np.uint8]:
        return read_image(self._file, None if self.scene is None else self.size)


class _BlankRef(ImageRef):
    """A canvas of the annotated size that stands in for a missing file."""

    def __init__(self, image_id: str, missing: Path, scene: Callable[[], Scene | None]) -> None:
        super().__init__(image_id, self._find_size, self._blank, scene=scene)
        self._missing = missing

    def _find_size(self) -> tuple[int, int]:
        if self.scene is None:
            raise MissingDataError(
                f"The picture {self._missing} is missing, and so are the annotations that would give its size: "
                "no blank canvas can stand in."
            )
        return self.scene.width, self.scene.height

    def _blank(self) -> NDArray[np.uint8]:
        return blank_image(self.size)


def image_size(path: Path) -> tuple[int, int]:
    """`(width, height)` of a picture file in pixels; nothing is decoded.

    Raises:
        DatasetError: If the file is missing or no readable picture.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError:
        raise MissingDataError(_missing(path)) from None
    except _UNREADABLE as error:
        raise DatasetError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path} is not a readable picture: {error}. Fetch the file again."


def _missing(path: Path) -> str:
    return (
        f"The picture {path} is missing. Put the dataset's pictures there, or pass images='optional' to see blank canvases "
        "(perception from annotations needs no pixels)."
    )
