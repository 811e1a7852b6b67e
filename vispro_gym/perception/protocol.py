"""What a perception backend is: six batched operations over (image, box) requests.

A backend answers lists of requests of one kind at a time, so that a neural backend can serve a whole list in few
forward passes. A request that a backend cannot serve gets a `PerceptionError` *in its place in the list*; the others
are still answered, and the program that asked ends with the outcome `perception_error`. A backend never guesses.

Boxes are in image coordinates: pixels, `(left, top, right, bottom)`, origin upper left. A request's box is the part
of the picture that a program is looking at; the box `(0, 0, width, height)` is the whole picture.

A backend may say more about itself than the protocol demands:

* an attribute `needs_scenes`, true if it answers from annotations. Those that do not look at pictures, which is slow, so their
  requests are gathered from as many programs as possible.
* a method `identity(operation)`, see `Identified`. Then its results can be kept (`vispro_gym.perception.cache`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.programs.api import OPERATIONS

Role = Literal["subject", "object"]


class PerceptionError(Exception):
    """A request that the backend cannot serve. The message says what was asked and what the backend understands."""


class BackendError(RuntimeError):
    """The backend cannot serve anything: a library, a model, a device or a server is missing. Never a matter of one program.

    It ends the batch, so that a broken set-up is not taken for bad programs. The message says how to mend it.

    Attributes:
        served: What was served of the requests before it failed, None in place of what was not; empty if nothing was.
    """

    def __init__(self, message: str, served: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.served = list(served)


@dataclass(frozen=True, slots=True)
class Detect:
    """Find all objects that `text` names ("cup", "red cups", "furniture", "object") inside the box."""

    image: ImageRef
    box: Box
    text: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Does the object called `name` inside the box have `attribute`? An empty `name` means whatever the box shows."""

    image: ImageRef
    box: Box
    name: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a question on what the box shows, in a word or two."""

    image: ImageRef
    box: Box
    question: str


@dataclass(frozen=True, slots=True)
class Similarity:
    """How well does each text describe what the box shows? Scores are comparable within one request only."""

    image: ImageRef
    box: Box
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Depth:
    """Typical distance of what the box shows from the camera; larger is farther, the unit is the backend's own."""

    image: ImageRef
    box: Box


@dataclass(frozen=True, slots=True)
class Relate:
    """Find the objects that stand in `relation` to the object in the box.

    With role "subject" the objects found are the subject: "<found> <relation> <object in the box>". With role
    "object" they are the object: "<object in the box> <relation> <found>". `name` restricts what is found; None
    admits anything.
    """

    image: ImageRef
    box: Box
    relation: str
    name: str | None
    role: Role


Request: TypeAlias = Detect | Verify | Answer | Similarity | Depth | Relate

EXPECTED = {
    "detect": "a list of boxes (left, top, right, bottom)",
    "verify": "a bool",
    "answer": "a text",
    "similarity": "a list of numbers, one for each text",
    "depth": "a number",
    "relate": "a list of boxes (left, top, right, bottom)",
}
"""What a backend answers to one request of each operation."""

RequestT = TypeVar("RequestT", Detect, Verify, Answer, Similarity, Depth, Relate)


class Perception(Protocol):
    """A perception backend. Each method returns one result, or one `PerceptionError`, per request, in order."""

    name: str

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """Boxes of the objects found, in a deterministic order."""

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether the attribute holds."""

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """Short answers."""

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """One score per text, larger is more alike."""

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Distances, larger is farther."""

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """Boxes of the related objects, in a deterministic order."""


@runtime_checkable
class Identified(Protocol):
    """What a backend has whose results depend on the picture and the request alone."""

    def identity(self, operation: str) -> str | None:
        """Everything else that the results of an operation depend on: model, weights, thresholds, version of the code.

        None if they depend on more than can be said, such as annotations: then they are not kept.
        """


def identity(perception: Perception, operation: str) -> str | None:
    """The backend's identity for an operation, see `Identified`; None if it has none."""
    return perception.identity(operation) if isinstance(perception, Identified) else None


def checked_backend(value: Any) -> Any:
    """The value, if it is a backend.

    Raises:
        TypeError: If it lacks something of the protocol; says what.
    """
    missing = [name for name in OPERATIONS if not callable(getattr(value, name, None))]
    if isinstance(value, type) or missing or not isinstance(getattr(value, "name", None), str):
        raise TypeError(
            f"{value!r:.200} is no perception backend: it lacks {', '.join(missing) or 'a name'}. Expected an object with a text "
            f"'name' and the methods {', '.join(OPERATIONS)}. ComposedPerception takes objects with some of them."
        )
    return value


def needs_scenes(perception: Perception) -> bool:
    """Whether a backend answers from annotations: it says so by an attribute `needs_scenes`."""
    return bool(getattr(perception, "needs_scenes", False))


def request_arguments(request: Any) -> tuple[Any, ...]:
    """What a request asks beside the picture and the box."""
    return tuple(getattr(request, name) for name in _ARGUMENTS[type(request)])


_ARGUMENTS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("image", "box"))
    for kind in (Detect, Verify, Answer, Similarity, Depth, Relate)
}
