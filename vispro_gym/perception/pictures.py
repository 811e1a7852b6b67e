"""The pictures of one batch of requests: each is read once, and so is each part of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.perception.protocol import BackendError, PerceptionError, RequestT, request_arguments

PixelBox = tuple[int, int, int, int]
"""`(left, top, right, bottom)` in whole pixels inside the picture, origin upper left, at least one pixel wide and high."""

_Result = TypeVar("_Result")


def pixel_box(box: Box, size: tuple[int, int]) -> PixelBox:
    """The whole pixels of a box that are inside a picture of `size = (width, height)`; at least one pixel."""
    width, height = size
    left = min(max(round(box[0]), 0), width - 1)
    top = min(max(round(box[1]), 0), height - 1)
    return left, top, max(left + 1, min(round(box[2]), width)), max(top + 1, min(round(box[3]), height))


_MOST_PIXELS = 100_000_000  # of the pictures and parts that are held: 300 MB


class Pictures:
    """Reads pictures and cuts parts out of them, each once as far as they can be held. Made for one batch, then thrown away."""

    def __init__(self) -> None:
        self._pixels: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._parts: OrderedDict[tuple[str, PixelBox], Image.Image] = OrderedDict()
        self._held = 0

    def pixels(self, image: ImageRef) -> NDArray[np.uint8]:
        """The whole picture, uint8 of shape `(height, width, 3)`, RGB.

        Raises:
            DatasetError: If the picture is missing or damaged.
        """
        key = image.content_hash
        if key not in self._pixels:
            pixels = self._pixels[key] = image.pixels()
            self._hold(pixels.shape[0] * pixels.shape[1])
            return pixels
        return self._pixels[key]

    def part(self, image: ImageRef, box: Box) -> Image.Image:
        """What a box shows, RGB. Equal parts of equal pictures are one object."""
        key = image.content_hash, pixel_box(box, image.size)
        if key not in self._parts:
            left, top, right, bottom = key[1]
            part = self._parts[key] = Image.fromarray(self.pixels(image)[top:bottom, left:right])
            self._hold(part.width * part.height)
            return part
        return self._parts[key]

    def _hold(self, pixels: int) -> None:
        """Makes room for what has come: what came first goes first, since requests come picture by picture."""
        self._held += pixels
        while self._held > _MOST_PIXELS and (self._parts or self._pixels):
            if self._parts:
                _, part = self._parts.popitem(last=False)
                self._held -= part.width * part.height
            else:
                _, whole = self._pixels.popitem(last=False)
                self._held -= whole.shape[0] * whole.shape[1]


def request_key(request: Any) -> tuple[Any, ...]:
    """What a request asks: content of the picture, part of it, arguments. Requests with equal keys have equal results."""
    image: ImageRef = request.image
    return (image.content_hash, pixel_box(request.box, image.size), *request_arguments(request))


def serve_distinct(
    requests: Sequence[RequestT], serve: Callable[[list[RequestT]], Sequence[_Result | PerceptionError]]
) -> list[_Result | PerceptionError]:
    """Serves requests that may repeat: `serve` gets each distinct one once, in the order of first occurrence.

    Raises:
        BackendError: If `serve` does; what it holds is put in order, too.
    """
    distinct: dict[tuple[Any, ...], RequestT] = {}
    keys = [request_key(request) for request in requests]
    for key, request in zip(keys, requests, strict=True):
        distinct.setdefault(key, request)
    try:
        results = dict(zip(distinct, serve(list(distinct.values())), strict=True))
    except BackendError as error:
        served = dict(zip(distinct, error.served, strict=False))
        raise BackendError(str(error), [served.get(key) for key in keys]) from error
    return [results[key] for key in keys]
