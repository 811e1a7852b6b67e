"""A small backend that looks at pixels, and requests of all kinds, for tests of what stands around backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.dispatch import Dispatching
from vispro_gym.perception.pictures import Pictures, pixel_box, request_arguments
from vispro_gym.perception.protocol import Answer, Depth, Detect, PerceptionError, Relate, Similarity, Verify

SIZE = (24, 16)


def picture(seed: int, size: tuple[int, int] = SIZE, name: str | None = None) -> ImageRef:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ImageRef(name or f"picture {seed}", size, lambda: pixels)


class MeanPerception(Dispatching):
    """Answers from the mean of the pixels in the box and the letters of the texts; refuses the text "refused"."""

    name = "mean"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: Counter[str] = Counter()

    def identity(self, operation: str) -> str | None:
        return f"mean {self.version} {operation}"

    def _serve(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        self.asked[operation] += len(requests)
        pictures = Pictures()
        return [self._look(operation, request, pictures) for request in requests]

    def _look(self, operation: str, request: Any, pictures: Pictures) -> Any:
        arguments = request_arguments(request)
        if "refused" in str(arguments):
            return PerceptionError("refused")
        mean = float(np.asarray(pictures.part(request.image, request.box)).mean())
        number = mean + sum(map(ord, f"{arguments} {self.version}"))
        left, top, right, bottom = pixel_box(request.box, request.image.size)
        match operation:
            case "detect" | "relate":
                middle = (left + right) / 2, (top + bottom) / 2
                return [(float(left), float(top), *middle), (*middle, float(right), float(bottom))][: int(number) % 3]
            case "verify":
                return int(number) % 2 == 0
            case "answer":
                return ("red", "yes", "3", "cup", "left", "no such word")[int(number) % 6]
            case "similarity":
                return [mean / (1 + len(text)) for text in request.texts]
        return mean / 7


_names = st.sampled_from(["cup", "red cup", "book", "ünïcode \u202e", "", "refused"])
_images = st.integers(0, 3).map(picture)
_boxes = st.tuples(st.integers(-2, 20), st.integers(-2, 12), st.integers(1, 9), st.integers(1, 9)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
REQUESTS = {
    "detect": st.builds(Detect, _images, _boxes, _names),
    "verify": st.builds(Verify, _images, _boxes, _names, _names),
    "answer": st.builds(Answer, _images, _boxes, _names),
    "similarity": st.builds(Similarity, _images, _boxes, st.lists(_names, min_size=1, max_size=4).map(tuple)),
    "depth": st.builds(Depth, _images, _boxes),
    "relate": st.builds(Relate, _images, _boxes, _names, st.none() | _names, st.sampled_from(["subject", "object"])),
}
"""Strategies of requests by operation."""

batches = st.sampled_from(sorted(REQUESTS)).flatmap(
    lambda operation: st.tuples(st.just(operation), st.lists(REQUESTS[operation], max_size=12))
)
"""An operation and requests of it."""


def ask(perception: Any, operation: str, requests: Sequence[Any]) -> list[Any]:
    """The results, errors as their texts, so that results can be compared."""
    results = getattr(perception, operation)(requests)
    return [f"error: {result}" if isinstance(result, PerceptionError) else result for result in results]
