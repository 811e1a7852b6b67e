"""Reading pictures from disk."""

from __future__ import annotations

from functools import partial
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


def image_ref(path: Path, image_id: str, scene: Scene | None, images: str) -> ImageRef:
    """A reference to a picture file that may be absent.

    Args:
        path: Where the file should be.
        image_id: The dataset's own name of the picture.
        scene: Annotations, whose size saves opening the file.
        images: "required": the file must exist. "optional": a blank canvas of the annotated size stands in for a
            missing file, for perception that needs no pixels.

    Raises:
        MissingDataError: If the file is needed and missing.
        DatasetError: If the file is no picture, as far as it is opened here. Its pixels, and whether it has the annotated
            size, are only looked at by `ImageRef.pixels`: scoring by annotations opens no file.
    """
    if not path.exists():
        if images == "required":
            raise MissingDataError(_missing(path))
        if scene is None:
            raise MissingDataError(
                f"The picture {path} is missing, and so are the annotations that would give its size: "
                "no blank canvas can stand in."
            )
        say_once(
            f"Pictures are missing in {path.parent} (first: {path.name}). "
            "Blank canvases of the annotated size stand in for them.",
            topic=f"blank canvases in {path.parent}",
        )
        size = (scene.width, scene.height)
        return ImageRef(image_id, size, partial(blank_image, size), scene=scene)
    if scene is not None:
        size = (scene.width, scene.height)
        return ImageRef(image_id, size, partial(read_image, path, size), path=path, scene=scene)
    try:
        with Image.open(path) as image:
            return ImageRef(image_id, image.size, partial(read_image, path), path=path)
    except _UNREADABLE as error:
        raise DatasetError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path} is not a readable picture: {error}. Fetch the file again."


def _missing(path: Path) -> str:
    return (
        f"The picture {path} is missing. Put the dataset's pictures there, or pass images='optional' to see blank canvases "
        "(perception from annotations needs no pixels)."
    )
