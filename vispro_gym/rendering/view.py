"""What a page shows of an episode, in the order in which it shows it: all decisions that are not about HTML.

The program stands line by line; with each line stands what happened on it. Everything that is about a part of a picture knows the
numbers of the marks (`vispro_gym.rendering.marks`) on that part, so that a page can highlight one when the other is pointed at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String

from vispro_gym.datasets.scene import Box
from vispro_gym.interpreter.types import Limits
from vispro_gym.rendering.labels import Label, place_labels
from vispro_gym.rendering.marks import Mark, find_marks
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import describe_failure
from vispro_gym.trace import Assignment, Step

MOST_CROPS = 8
"""Parts of pictures that are shown of one call or one value."""

MOST_EVENTS = 6
"""Perception calls of a line that are shown at once; the others have to be unfolded."""

MOST_LINES = 600
"""Lines of a program that are shown: more than fit into the characters that an interpreter takes, but for empty ones."""

_CROP_WIDTH, _CROP_HEIGHT = 104, 46  # pixels of the page

_KINDS_OF_TOKENS = (
    (Comment, "comment"),
    (String, "string"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (Number, "number"),
    (Name.Function, "call"),
)
"""Types of Pygments and the classes of their colours."""


@dataclass(frozen=True)
class Crop:
    """A part of a picture.

    Attributes:
        picture: Index of the picture.
        box: Left, top, width and height in the picture.
        width: Of the crop on the page.
        height: Of the crop on the page.
        tone: Class of its colour, that of its mark.
        marks: Numbers of the marks on it.
    """

    picture: int
    box: tuple[float, float, float, float]
    width: int
    height: int
    tone: str
    marks: str


@dataclass(frozen=True)
class Event:
    """A perception call.

    Attributes:
        operation: What was asked.
        arguments: With what.
        place: Where, if that is not a whole picture.
        picture: Number of the picture, counted from 1, where there are several; else 0.
        result: What perception said.
        mood: "yes", "no" (nothing was found, or what was asked is not so), "failed" or "".
        crops: What was found.
        more: Number of things that were found beside those.
        marks: Numbers of all marks that it is about.
    """

    operation: str
    arguments: str
    place: Crop | None
    picture: int
    result: str
    mood: str
    crops: list[Crop]
    more: int
    marks: str


@dataclass(frozen=True)
class Held:
    """What a variable was given.

    Attributes:
        name: The variable.
        tone: Class of its colour; "" if it holds no patch.
        values: Text, crops, and number of patches beside those: of the first value, and of the last if it is another. Of a patch
            that is a whole picture, the text says so.
        count: How often it was given something.
        marks: Numbers of the marks on its patches.
    """

    name: str
    tone: str
    values: list[tuple[str, list[Crop], int]]
    count: int
    marks: str


@dataclass
class Line:
    """A line of the program.

    Attributes:
        number: Counted from 1; 0 for what happened on no line of the program.
        tokens: Its text in parts, each with the class of its colour.
        events: Perception calls.
        held: Variables that were assigned.
        error: Why the program ended here; "" if it did not.
    """

    number: int
    tokens: list[tuple[str, str]]
    events: list[Event] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture and the marks on it.

    Attributes:
        number: Index of the picture.
        width: In pixels.
        height: In pixels.
        boxes: Number, class, and left, top, width and height of each mark, those to draw first at the beginning.
        labels: Their labels.
    """

    number: int
    width: int
    height: int
    boxes: list[tuple[int, str, tuple[float, float, float, float]]]
    labels: list[Label]


@dataclass(frozen=True)
class View:
    """An episode as a page shows it.

    Attributes:
        rationale: The episode.
        why: Why it earned nothing; "" if it did.
        drawings: The pictures.
        lines: The program, and what happened on no line of it.
        more: Number of lines that are not shown.
        is_cut: Whether there may be variables whose values were not recorded.
        reply: What the policy said, if it is more than the program; else "".
        legend: Names of the variables that have a colour and the class of it, and the kinds of marks beside these.
    """

    rationale: Rationale
    why: str
    drawings: list[Drawing]
    lines: list[Line]
    more: int
    is_cut: bool
    reply: str
    legend: list[tuple[str, str]]


def view(rationale: Rationale) -> View:
    """What a page shows of an episode."""
    return _Viewer(rationale).view()


class _Viewer:
    def __init__(self, rationale: Rationale) -> None:
        self.rationale = rationale
        self.sizes = [(max(1, picture.width), max(1, picture.height)) for picture in rationale.pictures]
        self.marks = find_marks(rationale, self.sizes)
        self.colors = {mark.variable: f"c{mark.color}" for mark in self.marks if mark.variable}
        self.at: dict[tuple[int, Box], list[int]] = defaultdict(list)
        for number, mark in enumerate(self.marks):
            self.at[mark.image, mark.box].append(number)

    def view(self) -> View:
        program = (self.rationale.program or "").rstrip()
        reply = self.rationale.reply or ""
        kinds = {mark.kind: mark for mark in self.marks}
        legend = list(self.colors.items())
        legend += [(text, kind) for kind, text in _KINDS.items() if kind in kinds]
        drawings = [self._drawing(i) for i in range(len(self.sizes))]
        lines = program.split("\n") if self.rationale.program is not None else []
        return View(
            rationale=self.rationale,
            why=describe_failure(self.rationale) if self.rationale.outcome is not None else "",
            drawings=drawings,
            lines=self._lines(_tokens(lines[:MOST_LINES])),
            more=max(0, len(lines) - MOST_LINES),
            is_cut=len(self.rationale.trace.assignments) >= Limits().assignments,
            reply="" if reply.strip() == program.strip() else reply,
            legend=legend if drawings else [],
        )

    def _lines(self, tokens: Sequence[list[tuple[str, str]]]) -> list[Line]:
        lines = [Line(number, parts) for number, parts in enumerate(tokens, start=1)]
        elsewhere = Line(0, [])
        by_number = {line.number: line for line in lines}
        steps: dict[int, list[Step]] = defaultdict(list)
        for step in self.rationale.trace.calls:
            line = by_number.get(step.line, elsewhere)
            line.events.append(self._event(step))
            steps[line.number].append(step)
        for assignment in self.rationale.trace.assignments:
            line = by_number.get(assignment.line, elsewhere)
            line.held.append(self._held(assignment, steps[line.number][:MOST_EVENTS]))
        error = self.rationale.error
        if error is not None and error["line"] in by_number:
            by_number[error["line"]].error = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
        return [*lines, elsewhere] if elsewhere.events or elsewhere.held else lines

    def _event(self, step: Step) -> Event:
        found = [(step.image, box) for box in _found(step)]
        looked = [] if self._is_whole(step.image, step.box) else [(step.image, step.box)]
        result, mood = _result(step)
        if step.error is not None and self.rationale.error is not None and step.error == self.rationale.error["message"]:
            result = "failed"  # the line's own error says why
        return Event(
            operation=step.operation,
            arguments=", ".join(_argument(argument) for argument in step.arguments if argument is not None),
            place=self._crop(*looked[0]) if looked and self.sizes else None,
            picture=step.image + 1 if len(self.sizes) > 1 else 0,
            result=result,
            mood=mood,
            crops=self._crops(found),
            more=max(0, len(found) - MOST_CROPS) if self.sizes else 0,
            marks=self._numbers([*looked, *found]),
        )

    def _held(self, assignment: Assignment, steps: Sequence[Step]) -> Held:
        # What a call on this line has found is there to see already.
        shown = [tuple((step.image, box) for box in _found(step)) for step in steps]
        values: list[tuple[str, list[Crop], int]] = []
        for value in dict.fromkeys((assignment.first, assignment.last)):
            if len(value.boxes) == 1 and self._is_whole(*value.boxes[0]):
                number = f" {value.boxes[0][0] + 1}" if len(self.sizes) > 1 else ""
                values.append((f"{value.text} (whole picture{number})", [], 0))
                continue
            crops = [] if value.boxes in shown else self._crops(value.boxes)
            values.append((value.text, crops, max(0, len(value.boxes) - MOST_CROPS) if crops else 0))
        places = [*assignment.first.boxes, *assignment.last.boxes]
        owned = [self.marks[number] for place in places for number in self.at.get(place, ()) if self.marks[number].variable]
        tone = self.colors.get(assignment.name) or (self._tone(owned[0]) if owned else "")
        return Held(assignment.name, tone, values, assignment.count, self._numbers(places))

    def _is_whole(self, image: int, box: Box) -> bool:
        return image < len(self.sizes) and box == (0, 0, *self.sizes[image])

    def _crops(self, places: Sequence[tuple[int, Box]]) -> list[Crop]:
        return [self._crop(*place) for place in places[:MOST_CROPS]] if self.sizes else []

    def _crop(self, image: int, box: Box) -> Crop:
        left, top, width, height = _extent(box)
        scale = min(_CROP_WIDTH / width, _CROP_HEIGHT / height)
        numbers = self.at.get((image, box), [])
        tones = [self._tone(self.marks[number]) for number in numbers]
        return Crop(
            picture=image,
            box=(left, top, width, height),
            width=max(8, round(width * scale)),
            height=max(8, round(height * scale)),
            tone=tones[-1] if tones else "seen",
            marks=" ".join(map(str, numbers)),
        )

    def _numbers(self, places: Iterable[tuple[int, Box]]) -> str:
        numbers = [number for place in dict.fromkeys(places) for number in self.at.get(place, ())]
        return " ".join(map(str, sorted(numbers)))

    def _tone(self, mark: Mark) -> str:
        return f"c{mark.color}" if mark.kind == "variable" else mark.kind

    def _drawing(self, number: int) -> Drawing:
        width, height = self.sizes[number]
        marks = [(i, mark) for i, mark in enumerate(self.marks) if mark.image == number]
        boxes = [(i, self._tone(mark), _extent(mark.box)) for i, mark in marks]
        labels = place_labels([(i, self._tone(mark), mark.label, mark.box) for i, mark in marks], width, height)
        return Drawing(number, width, height, boxes, labels)


_KINDS = {"seen": "seen, but held by no variable", "answer": "answer", "target": "annotated"}


def _found(step: Step) -> list[Box]:
    return list(step.result or ()) if step.operation in ("detect", "relate") else []


def _extent(box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height; a box without area has a little, so that it can be seen."""
    left, top, right, bottom = box
    return left, top, max(1, right - left), max(1, bottom - top)


def _argument(argument: Any) -> str:
    if isinstance(argument, str):
        return f'"{argument}"'
    return " | ".join(map(str, argument)) if isinstance(argument, tuple | list) else str(argument)


def _result(step: Step) -> tuple[str, str]:
    """What perception said, in words, and the mood of it."""
    if step.error is not None:
        return f"failed: {step.error}", "failed"
    if step.operation in ("detect", "relate"):
        count = len(step.result)
        return ("nothing", "no") if not count else (f"{count} box{'' if count == 1 else 'es'}", "")
    if step.operation == "verify":
        return ("yes", "yes") if step.result else ("no", "no")
    if step.operation == "similarity":
        scores = sorted(zip(step.result, step.arguments[0], strict=False), key=lambda pair: -pair[0])
        return " · ".join(f"{text} {score:.3g}" for score, text in scores[:MOST_CROPS]), ""
    return f"{step.result:.3g}" if isinstance(step.result, float | int) else f'"{step.result}"', ""


def _tokens(source: Sequence[str]) -> list[list[tuple[str, str]]]:
    """The lines of a program in parts, each with the class of its colour."""
    # The lexer takes time in the square of how many blank lines with spaces follow each other.
    program = "\n".join(line if line.strip() else "" for line in source)
    if not source or len(program) > Limits().source_characters:
        return [[("", line)] * bool(line) for line in source]
    lines: list[list[tuple[str, str]]] = [[]]
    parts: list[tuple[str, str]] = []
    is_name = False
    for _, kind, text in PythonLexer().get_tokens_unprocessed(program):
        if is_name and text.startswith("("):
            parts[-1] = ("call", parts[-1][1])
        is_name = kind in Name
        parts.append((next((name for parent, name in _KINDS_OF_TOKENS if kind in parent), ""), text))
    for name, pieces in groupby(parts, key=itemgetter(0)):
        first, *others = "".join(text for _, text in pieces).split("\n")
        lines[-1] += [(name, first)] * bool(first)
        lines += [[(name, text)] * bool(text) for text in others]
    return lines
