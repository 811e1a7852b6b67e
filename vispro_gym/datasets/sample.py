"""The record that every dataset is read into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.scene import Scene


class ImageRef:
    """One picture of a sample: everything on demand.

    Args:
        image_id: The dataset's own name of the picture, unique within the dataset.
        size: `(width, height)` in pixels, or a function that finds it out.
        load: Returns the pixels, uint8 of shape `(height, width, 3)`, RGB.
        path: File whose bytes are this picture and nothing else, None if there is none.
        scene: Annotations of the picture, None if it has none, or a function that reads them.
    """

    def __init__(
        self,
        image_id: str,
        size: tuple[int, int] | Callable[[], tuple[int, int]],
        load: Callable[[], NDArray[np.uint8]],
        path: Path | None = None,
        scene: Scene | Callable[[], Scene | None] | None = None,
    ) -> None:
        self.image_id = image_id
        self.path = path
        self._size = size
        self._scene = scene
        self._load = load

    @cached_property
    def size(self) -> tuple[int, int]:
        """`(width, height)` in pixels."""
        return self._size() if callable(self._size) else self._size

    @cached_property
    def scene(self) -> Scene | None:
        """Annotations of the picture, None if it has none."""
        return self._scene() if callable(self._scene) else self._scene

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.size[1]

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, uint8 of shape `(height, width, 3)`, RGB. Decoded at each call; nothing is kept."""
        return self._load()

    @cached_property
    def content_hash(self) -> str:
        """Hex digest of the picture's bytes: equal pictures have equal hashes whatever their names."""
        if self.path is not None:
            return _file_hash(self.path, *_state(self.path))
        pixels = self.pixels()
        return blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).hexdigest()

    def __repr__(self) -> str:
        return f"ImageRef({self.image_id!r})"


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=1 << 16)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Digest of a file, read once for every state that it is in: samples, and so references, are made anew all the time."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Sample:
    """One annotated question: what a policy sees, and what the reward is computed from.

    Attributes:
        sample_id: The dataset's own identifier, unique within the split. Always a string (GQA ids have leading zeros).
        query: The text query.
        images: The pictures, in the order in which the program receives them.
        target: The annotation that answers are scored against. Its type is the task's business; it never reaches a
            policy, an observation or the process that runs programs.
        fields: Facts to slice and filter by, for example `{"structural": "verify", "program_length": 3}`.
        functional_program: The dataset's own program for the query, if it publishes one; input of the expert
            translators.
        expert_program: Source text of a program that is right, if the folder holds one
            (`vispro_gym.datasets.base.Dataset`).
        image_names: Names of the pictures, one for each: what the parameters of programs are called.
        record: The official record or records that the sample was made from: what the official metric reads.
    """

    sample_id: str
    query: str
    images: tuple[ImageRef, ...]
    target: Any
    fields: Mapping[str, str | int] = field(default_factory=dict)
    functional_program: tuple[Mapping[str, Any], ...] | None = None
    expert_program: str | None = None
    image_names: tuple[str, ...] = ("image",)
    record: Any = field(default=None, repr=False)
