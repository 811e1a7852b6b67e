"""Six methods that do the same: a base for backends that treat all operations alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify


class Dispatching:
    """Sends the requests of every operation to `_serve`, which subclasses define."""

    def _serve(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        raise NotImplementedError

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """Boxes of the objects found."""
        return self._serve("detect", requests)

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether the attribute holds."""
        return self._serve("verify", requests)

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """Short answers."""
        return self._serve("answer", requests)

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """One score per text."""
        return self._serve("similarity", requests)

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Distances, larger is farther."""
        return self._serve("depth", requests)

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """Boxes of the related objects."""
        return self._serve("relate", requests)
