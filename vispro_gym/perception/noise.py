"""A dial between a perfect and a blind perception: seeded errors on top of another backend.

What becomes of a request depends on the request and the seed alone, never on its batch, its order or the process. Each error has
a draw of its own that does not depend on how large the rates are, so a larger rate makes the same errors and some more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Any

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.dispatch import Dispatching
from vispro_gym.perception.pictures import pixel_box
from vispro_gym.perception.protocol import (
    BackendError,
    Perception,
    PerceptionError,
    checked_backend,
    identity,
    needs_scenes,
    request_arguments,
)
from vispro_gym.perception.vocabulary import attribute_categories, attribute_key, categories, lemma

_OPPOSITES = {"yes": "no", "no": "yes", "left": "right", "right": "left"}


class NoisePerception(Dispatching):
    """Spoils the results of another backend.

    Args:
        inner: The backend.
        miss: Probability that a thing that was found (`detect`, `relate`) is not reported, 0 to 1. At 1 nothing is found at all,
            spurious things neither.
        spurious: Probability that a request reports one thing more, somewhere in its box, 0 to 1.
        jitter: Standard deviation of each side of a box, as a share of the box's width or height, and of the logarithm of a
            depth; at least 0. Boxes stay inside the picture.
        confuse: Probability that `verify` says the opposite, that `answer` says something else of the same kind (another
            colour, the number next to it, no for yes) and that `similarity` gives the scores to other texts, 0 to 1.
        seed: Seeds everything.

    Raises:
        ValueError: If a rate is outside its range, or the seed is none.
        TypeError: If the inner backend is none.
    """

    name = "noise"

    def __init__(
        self,
        inner: Perception,
        *,
        miss: float = 0.0,
        spurious: float = 0.0,
        jitter: float = 0.0,
        confuse: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, rate in {"miss": miss, "spurious": spurious, "confuse": confuse}.items():
            if not isinstance(rate, int | float) or not 0.0 <= rate <= 1.0:
                raise ValueError(f"{name}={rate!r} is no probability. Expected a number from 0 to 1.")
        if not isinstance(jitter, int | float) or not 0.0 <= jitter < float("inf"):
            raise ValueError(f"jitter={jitter!r} is no standard deviation. Expected a number of at least 0.")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ValueError(f"seed={seed!r} is no seed. Expected a whole number.")
        self._inner: Perception = checked_backend(inner)
        self._miss, self._spurious, self._jitter, self._confuse, self._seed = miss, spurious, jitter, confuse, seed

    @property
    def needs_scenes(self) -> bool:
        """Whether the inner backend answers from annotations."""
        return needs_scenes(self._inner)

    def identity(self, operation: str) -> str | None:
        """The inner backend's identity with the rates and the seed."""
        inner = identity(self._inner, operation)
        rates = (self._miss, self._spurious, self._jitter, self._confuse, self._seed)
        return None if inner is None else f"noise 1 {rates} {inner}"

    def _serve(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        by_content = identity(self._inner, operation) is not None
        try:
            results = getattr(self._inner, operation)(requests)
        except BackendError as error:
            served = [*error.served, *[None] * (len(requests) - len(error.served))]
            raise BackendError(str(error), self._spoil_all(operation, requests, served, by_content)) from error
        return self._spoil_all(operation, requests, results, by_content)

    def _spoil_all(self, operation: str, requests: Sequence[Any], results: Sequence[Any], by_content: bool) -> list[Any]:
        return [
            result
            if result is None or isinstance(result, PerceptionError)
            else self._spoil(operation, request, result, by_content)
            for request, result in zip(requests, results, strict=True)
        ]

    def _spoil(self, operation: str, request: Any, result: Any, by_content: bool) -> Any:
        if operation in ("detect", "relate"):
            return self._boxes(operation, request, result, by_content)
        rng = self._rng(operation, request, by_content)
        confused = rng.random() < self._confuse
        if operation == "depth":
            return result * math.exp(self._jitter * rng.gauss(0.0, 1.0)) if self._jitter else result
        if not confused:
            return result
        if operation == "verify":
            return not result
        if operation == "answer":
            return _another(result, rng)
        return _displaced(result, rng)

    def _boxes(self, operation: str, request: Any, boxes: Sequence[Box], by_content: bool) -> list[Box]:
        rng = self._rng(operation, request, by_content)
        kept: list[Box] = []
        for box in boxes:
            missed = rng.random() < self._miss
            shifts = [rng.gauss(0.0, 1.0) for _ in range(4)]
            if not missed:
                kept.append(self._jittered(box, shifts, request.image.size))
        rng = self._rng(f"spurious {operation}", request, by_content)
        if rng.random() < self._spurious and self._miss < 1.0:
            kept.append(
                _somewhere(request.box if operation == "detect" else (0, 0, *request.image.size), request.image.size, rng)
            )
        return kept

    def _jittered(self, box: Box, shifts: Sequence[float], size: tuple[int, int]) -> Box:
        if not self._jitter:
            return box
        sides = (box[2] - box[0], box[3] - box[1]) * 2
        a, b, c, d = (value + self._jitter * side * shift for value, side, shift in zip(box, sides, shifts, strict=True))
        return pixel_box((min(a, c), min(b, d), max(a, c), max(b, d)), size)

    def _rng(self, what: str, request: Any, by_content: bool) -> Random:
        # Annotations can be asked where no picture is at hand: then the dataset's name of the picture stands for its content.
        image = request.image
        name = image.content_hash if by_content else image.image_id
        asked = (self._seed, what, name, image.size, pixel_box(request.box, image.size), request_arguments(request))
        return Random(int.from_bytes(blake2b(repr(asked).encode("utf-8", "backslashreplace"), digest_size=16).digest(), "big"))


def _somewhere(box: Box, size: tuple[int, int], rng: Random) -> Box:
    """A box of a twentieth to a half of the width and height of another, inside it."""
    left, top, right, bottom = pixel_box(box, size)
    width, height = (right - left) * rng.uniform(0.05, 0.5), (bottom - top) * rng.uniform(0.05, 0.5)
    x, y = rng.uniform(left, right - width), rng.uniform(top, bottom - height)
    return pixel_box((x, y, x + width, y + height), size)


def _another(answer: str, rng: Random) -> str:
    """Another answer of the same kind; "unknown" if none is known."""
    text = answer.strip().lower()
    if text in _OPPOSITES:
        return _OPPOSITES[text]
    if text.isdecimal():
        number = int(text)
        return str(number - 1 if number and rng.random() < 0.5 else number + 1)
    key, noun = attribute_key(text), lemma(text)
    tables = (attribute_categories(), key), (categories(), noun)
    for table, word in tables:
        for name in sorted(table):
            if word in table[name] and (others := sorted(table[name] - {word})):
                return rng.choice(others)
    return "unknown"


def _displaced(scores: Sequence[float], rng: Random) -> list[float]:
    """The scores, each at another place; a single one is lessened."""
    if len(scores) < 2:
        return [score * rng.random() for score in scores]
    shift = rng.randrange(1, len(scores))
    return [*scores[shift:], *scores[:shift]]
