"""What a program did: its perception calls, and what its variables held.

A trace is plain data, the same on every machine, and bounded by the limits of the interpreter. With the sample's pictures it
becomes a `vispro_gym.rendering.rationale.Rationale`, which can be stored and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vispro_gym.datasets.scene import Box
from vispro_gym.interpreter.types import BOXES, MAX_VALUE_BOXES, MAX_VALUE_TEXT, PatchAnswer, PatchBox


@dataclass(frozen=True, slots=True)
class Step:
    """One perception call of a program, as a trace shows it.

    Attributes:
        line: Line of the program, counted from 1.
        operation: "detect", "verify", "answer", "similarity", "depth" or "relate".
        image: Index of the picture.
        box: Where the program looked, in image coordinates.
        arguments: The operation's arguments.
        result: What perception said: boxes (image coordinates), bool, text, scores or a distance; None if it failed.
        error: Why perception failed, None if it did not.
    """

    line: int
    operation: str
    image: int
    box: Box
    arguments: tuple[Any, ...]
    result: Any
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable held, shortened to what a person can take in.

    Attributes:
        text: The value as a program would write it, long ones shortened; each patch is the word `patch`.
        boxes: Index of the picture and box (image coordinates) of each patch in the value, in order, as many as are kept.
    """

    text: str
    boxes: tuple[tuple[int, Box], ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a line of the program gave a variable.

    Attributes:
        line: Line of the assignment, counted from 1.
        name: The variable.
        count: How often it was given something there.
        first: What the variable was given the first time, as it was then.
        last: What it was given the last time, as it was when the program ended: a list shows what was appended to it.
    """

    line: int
    name: str
    count: int
    first: Value
    last: Value


@dataclass(frozen=True, slots=True)
class Trace:
    """What one program did.

    Attributes:
        calls: The perception calls in order.
        assignments: What variables held, one entry for each line and variable, in the order in which they first happened; the
            first `vispro_gym.interpreter.types.Limits.assignments` of them. A program whose process was lost has none.
    """

    calls: tuple[Step, ...] = ()
    assignments: tuple[Assignment, ...] = ()


def flip(box: PatchBox | Box, height: int) -> Any:
    """Converts a box between programs' coordinates (origin lower left) and image coordinates (upper left), both ways."""
    left, a, right, b = box
    return (left, height - b, right, height - a)


def place_answer(answer: Any, sizes: Sequence[tuple[int, int]]) -> Any:
    """What a program has returned, in image coordinates.

    Args:
        answer: The answer of an `vispro_gym.interpreter.types.Execution`.
        sizes: `(width, height)` of each picture.

    Returns:
        The answer of a `vispro_gym.engine.Outcome`.
    """
    if isinstance(answer, PatchAnswer):
        box = flip(answer.box, sizes[answer.image][1])  # a tuple, which no program can return: that becomes a list
        return box if len(sizes) == 1 else {"image": answer.image, "box": box}
    if isinstance(answer, list):
        return [place_answer(item, sizes) for item in answer]
    return answer


def read_assignments(values: str, sizes: Sequence[tuple[int, int]]) -> tuple[Assignment, ...]:
    """Reads what an interpreter tells of a program's variables.

    Args:
        values: A line for each assignment; its line, name, count, first and last value separated by tabs, the last one empty
            if it is like the first. A value is a text, and after a separator the boxes of its patches, programs' coordinates:
            `image,left,lower,right,upper;...`.
        sizes: `(width, height)` of each picture.

    Returns:
        The assignments; none if the text is malformed, which only a program that has broken into its process can bring about.
    """
    try:
        return tuple(_assignment(line.split("\t"), sizes) for line in values.split("\n") if line)
    except ValueError:
        return ()


def _assignment(fields: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Assignment:
    line, name, count, first, last = fields
    was = _value(first, sizes)
    return Assignment(int(line), name, int(count), was, _value(last, sizes) if last else was)


def _value(record: str, sizes: Sequence[tuple[int, int]]) -> Value:
    text, _, boxes = record.partition(BOXES)
    places = [tuple(map(int, box.split(","))) for box in boxes.split(";")] if boxes else []
    if len(text) > MAX_VALUE_TEXT or len(places) > MAX_VALUE_BOXES:
        raise ValueError("a value that is too long")
    return Value(text, tuple(_placed(place, sizes) for place in places))


def _placed(place: tuple[int, ...], sizes: Sequence[tuple[int, int]]) -> tuple[int, Box]:
    image, left, lower, right, upper = place
    if not 0 <= image < len(sizes):
        raise ValueError("a picture that is not there")
    width, height = sizes[image]
    if not (0 <= left < right <= width and 0 <= lower < upper <= height):
        raise ValueError("a box that is not in the picture")
    return image, flip((left, lower, right, upper), height)
