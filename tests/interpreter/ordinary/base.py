"""How the data modules write programs down, and the scene that the programs look at."""

from __future__ import annotations

import re
import textwrap
import zlib
from dataclasses import dataclass
from typing import Any

Box = tuple[int, int, int, int]

SIZE = (640, 480)


def source_of(body: str) -> str:
    """A program from the body of its function; a text that defines the function itself stays as it is."""
    body = body.strip("\n")
    if "def execute_command" in body:
        return body + "\n"
    return "def execute_command(image):\n" + textwrap.indent(body, "    ") + "\n"


def programs(text: str) -> dict[str, str]:
    """Programs by name. Each starts with a line `--- name`."""
    found: dict[str, str] = {}
    for section in re.split(r"^--- ", text, flags=re.MULTILINE)[1:]:
        name, body = section.split("\n", 1)
        assert name not in found, f"two programs are called {name!r}"
        found[name] = source_of(body)
    return found


@dataclass(frozen=True)
class Thing:
    """One object of the scene, its box in the coordinates of programs."""

    name: str
    box: Box
    attributes: tuple[str, ...]
    depth: float

    @property
    def center(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


SCENE = (
    Thing("table", (100, 40, 500, 200), ("brown", "wooden", "large"), 3.0),
    Thing("cup", (150, 180, 190, 230), ("red", "ceramic", "small", "full"), 2.5),
    Thing("cup", (250, 180, 300, 240), ("blue", "glass", "small", "empty"), 2.75),
    Thing("cup", (400, 190, 430, 225), ("red", "plastic", "tiny"), 3.25),
    Thing("plate", (310, 185, 380, 200), ("white", "round"), 2.875),
    Thing("dog", (20, 10, 120, 110), ("brown", "sitting", "furry", "large"), 1.5),
    Thing("dog", (520, 20, 620, 100), ("black", "standing"), 1.75),
    Thing("cat", (440, 200, 490, 260), ("gray", "sleeping", "small"), 3.5),
    Thing("man", (10, 100, 90, 400), ("tall", "standing", "young"), 4.0),
    Thing("woman", (540, 110, 610, 380), ("tall", "sitting", "old"), 4.25),
    Thing("window", (220, 300, 420, 460), ("open", "large", "rectangular"), 6.0),
    Thing("book", (200, 180, 240, 195), ("green", "closed", "paper"), 2.625),
    Thing("book", (315, 60, 360, 80), ("red", "open", "paper"), 2.5),
)
KINDS = {
    "person": ("man", "woman"),
    "people": ("man", "woman"),
    "animal": ("dog", "cat"),
    "furniture": ("table",),
    "mug": ("cup",),
}
COLORS = ("brown", "red", "blue", "white", "black", "gray", "green")
MATERIALS = ("wooden", "ceramic", "glass", "plastic", "paper")


def _inside(thing: Thing, box: Box) -> bool:
    x, y = thing.center
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _is(thing: Thing, name: str) -> bool:
    *adjectives, noun = name.lower().split() or [""]
    singular = noun.removesuffix("s")
    names = {noun, singular, *KINDS.get(noun, ()), *KINDS.get(singular, ())}
    return (singular == "object" or thing.name in names) and all(a in thing.attributes for a in adjectives)


def _shown(box: Box) -> Thing | None:
    """The thing that fills the box best."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    inside = [thing for thing in SCENE if _inside(thing, box)]
    return min(
        inside, key=lambda t: abs(area - (t.box[2] - t.box[0]) * (t.box[3] - t.box[1])), default=None
    )  # fmt: skip


def _answer(question: str, box: Box) -> str:
    thing = _shown(box)
    words = question.lower().rstrip("?").split()
    if words[:2] == ["how", "many"]:
        return str(sum(_inside(t, box) and _is(t, words[2]) for t in SCENE))
    if thing is None:
        return "nothing"
    for word, values in (("color", COLORS), ("material", MATERIALS)):
        if word in words:
            return next((a for a in thing.attributes if a in values), "unknown")
    if words and words[0] in ("is", "are"):
        return "yes" if words[-1] in thing.attributes else "no"
    return thing.name if words and words[0] == "what" else "unknown"


_RELATIONS = {
    "left of": lambda a, b: a[0] < b[0],
    "right of": lambda a, b: a[0] > b[0],
    "above": lambda a, b: a[1] > b[1],
    "below": lambda a, b: a[1] < b[1],
    "near": lambda a, b: abs(a[0] - b[0]) + abs(a[1] - b[1]) < 150,
}


def perceive(operation: str, image: int, box: Box, arguments: tuple[Any, ...]) -> Any:
    """The reply to a perception call: always the same for the same call."""
    box = tuple(box)  # type: ignore[assignment]
    shown = _shown(box)
    match operation:
        case "detect":
            return [thing.box for thing in SCENE if _is(thing, arguments[0]) and _inside(thing, box)]
        case "verify":
            return any(_is(t, arguments[0]) and arguments[1] in t.attributes for t in SCENE if _inside(t, box))
        case "answer":
            return _answer(arguments[0], box)
        case "depth":
            return shown.depth if shown else 9.0
        case "similarity":
            known = {shown.name, *shown.attributes} if shown else set()
            return [len(known & set(text.split())) + zlib.crc32(text.encode()) % 97 / 1000 for text in arguments[0]]
    relation, name, role = arguments
    holds = _RELATIONS.get(relation, lambda a, b: False)
    here = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return [
        t.box
        for t in SCENE
        if t.box != box
        and (name is None or _is(t, name))
        and (holds(t.center, here) if role == "subject" else holds(here, t.center))
    ]
