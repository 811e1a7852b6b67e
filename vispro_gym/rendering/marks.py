"""Which boxes are drawn on a picture, in whose colour, under which label: the same for frames and pages.

A box has the colour of the variable that held it first; others that hold it are named beside. What no variable holds, but
perception looked at or found, is drawn in grey. What the answer and the annotation mean has an outline of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vispro_gym.datasets.scene import Box
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.trace import Step, Trace

Kind = Literal["variable", "seen", "answer", "target"]

COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
"""RGB of variables, in turn: the colours of Okabe and Ito, which people with colour vision deficiencies can tell apart."""

_MAX_LABEL = 40
_MOST_SEEN = 200  # boxes that no variable holds; with more, nothing could be told apart
_LIST = re.compile(r"[\[(]patch(, patch)*(,|, \.\.\. \d+ items)?[\])]$")  # nothing but patches


@dataclass(frozen=True, slots=True)
class Mark:
    """A box on a picture.

    Attributes:
        image: Index of the picture.
        box: In image coordinates.
        label: What it is called and what was said of it.
        kind: Whether a variable holds it, perception has only seen it, or the answer or the annotation means it.
        color: Index into `COLORS`; -1 for none of them.
        variable: The variable that held it first and gives it its colour; "" if none holds it.
    """

    image: int
    box: Box
    label: str
    kind: Kind
    color: int = -1
    variable: str = ""


def is_light(color: tuple[int, int, int]) -> bool:
    """Whether dark text can be read better on a colour than white text: its relative luminance, as WCAG 2 defines it, decides."""
    red, green, blue = (c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179


def find_marks(rationale: Rationale, sizes: Sequence[tuple[int, int]]) -> list[Mark]:
    """The boxes to draw, those to draw first at the beginning. One box of one picture has at most one mark of each kind.

    A box that is the whole picture says nothing, and is left out, unless it is the answer or annotated.

    Args:
        rationale: The episode.
        sizes: `(width, height)` of each picture.
    """
    wholes = {(i, (0, 0, width, height)) for i, (width, height) in enumerate(sizes)}
    said = _said(rationale.trace.calls)
    held = {place: names for place, names in _held(rationale.trace).items() if place not in wholes}
    seen = [(place, facts) for place, facts in said.items() if place not in held and place not in wholes]
    marks = [Mark(image, box, "answer", "answer") for image, box in dict.fromkeys(rationale.answer_boxes)]
    marks += [Mark(image, box, "annotated", "target") for image, box in dict.fromkeys(rationale.target_boxes)]
    marks += [Mark(*place, _label(facts), "seen") for place, facts in seen[:_MOST_SEEN]]
    colors: dict[str, int] = {}
    for place, names in held.items():
        owner = next(iter(names.values()))
        label = ", ".join(names)
        facts = [fact for fact in said.get(place, ()) if fact not in names and not _repeats(fact, owner)]
        text = _label([f"{label}: {', '.join(facts)}" if facts else label])
        marks.append(Mark(*place, text, "variable", colors.setdefault(owner, len(colors)) % len(COLORS), owner))
    return marks


def _held(trace: Trace) -> dict[tuple[int, Box], dict[str, str]]:
    """What holds each box, `cups[2]` for one of several, and the variable of each of these."""
    held: dict[tuple[int, Box], dict[str, str]] = {}
    for assignment in trace.assignments:
        for value in dict.fromkeys((assignment.first, assignment.last)):
            for number, place in enumerate(value.boxes):
                name = f"{assignment.name}[{number}]" if _LIST.match(value.text) else assignment.name
                held.setdefault(place, {}).setdefault(name, assignment.name)
    return held


def _said(calls: Iterable[Step]) -> dict[tuple[int, Box], list[str]]:
    """What perception said of each box: the name under which it was found, and answers about it."""
    said: dict[tuple[int, Box], list[str]] = {}

    def add(image: int, box: Box, fact: str) -> None:
        facts = said.setdefault((image, box), [])
        if fact not in facts:
            facts.append(fact)

    for step in calls:
        if step.result is None:
            continue
        if step.operation in ("detect", "relate"):
            name = step.arguments[0] if step.operation == "detect" else step.arguments[1] or step.arguments[0]
            for box in step.result:
                add(step.image, box, name)
        elif step.operation == "verify":
            add(step.image, step.box, f"{step.arguments[1]}: {'yes' if step.result else 'no'}")
        elif step.operation == "answer":
            add(step.image, step.box, step.result)
        elif step.operation == "similarity":
            best = max(range(len(step.result)), key=step.result.__getitem__)
            add(step.image, step.box, step.arguments[0][best])
        else:
            add(step.image, step.box, f"depth {step.result:.3g}")
    return said


def _repeats(fact: str, name: str) -> bool:
    """Whether a variable is called after what was found: `fire_hydrant` holds a fire hydrant."""
    words = name.lower().replace("_", " ").strip()
    return words in (fact.lower(), f"{fact.lower()}s", f"{fact.lower()}es")


def _label(facts: Sequence[str]) -> str:
    label = " ".join(", ".join(facts).split())
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 3]}..."
