"""Checks of what crosses the wire between a program and its perception.

A worker runs hostile programs, so nothing that it sends is trusted: every message is taken apart value by value, and the first
value that no honest worker would send raises ValueError (or TypeError, KeyError from taking it apart). Replies come from
perception backends, which return NumPy's numbers as often as Python's; programs get plain ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from vispro_gym.interpreter.types import (
    MAX_ANSWER_CHARACTERS,
    MAX_ANSWER_ITEMS,
    MAX_ASSIGNMENT_CHARACTERS,
    MAX_TEXT,
    MAX_TEXT_TOTAL,
    MAX_TEXTS,
    Call,
    CallFailure,
    Execution,
    Limits,
    PatchAnswer,
    PatchBox,
    Reply,
)
from vispro_gym.programs.api import OPERATIONS

Sizes = Sequence[tuple[int, int]]
"""Width and height of each picture of a program."""

STATUSES = frozenset(
    "answered no_answer syntax_error rejected runtime_error timeout step_limit memory_limit call_limit output_limit "
    "perception_error".split()
)


def checked_call(record: tuple[int, ...], arguments: Sequence[Any], sizes: Sizes) -> Call:
    """A call.

    Args:
        record: What an `interpreter.types.RECORD` holds.
        arguments: The arguments of the operation.
        sizes: Sizes of the program's pictures.
    """
    program, line, operation, image, left, lower, right, upper = record
    if not 0 <= operation < len(OPERATIONS) or not 0 <= image < len(sizes):
        raise ValueError("an operation or a picture that is not there")
    width, height = sizes[image]
    if not (0 <= left < right <= width and 0 <= lower < upper <= height):
        raise ValueError("a box that is not in the picture")
    name = OPERATIONS[operation]
    kinds = _ARGUMENTS[name]
    if len(kinds) != len(arguments):
        raise ValueError("arguments that are too few or too many")
    checked = tuple([check(value) for check, value in zip(kinds, arguments)])  # noqa: B905 (checked above, and this is hot)
    return Call(program, line, name, image, (left, lower, right, upper), checked)


def checked_end(end: Sequence[Any], calls: Sequence[tuple[Call, Reply]], sizes: Sizes, limits: Limits) -> Execution:
    """What became of a program from what `vispro_gym.interpreter.guest.execute.Result` describes."""
    status, answer, error, output, steps, values = end
    if status not in STATUSES or type(steps) is not int or not 0 <= steps <= limits.steps + 1:
        raise ValueError("an unknown end")
    if not isinstance(output, str) or len(output) > limits.output_characters:
        raise ValueError("an output that is none or too long")
    output = _clean(output)
    # Values are taken apart and checked when somebody looks at them; they decide nothing, so bad ones do not end a worker.
    fits = isinstance(values, str) and len(values) <= limits.assignments * MAX_ASSIGNMENT_CHARACTERS
    values = _clean(values) if fits else ""
    if status == "answered":
        return Execution(status, _answer(answer, sizes), None, tuple(calls), steps, output, values)
    line = error["line"]
    checked = {"type": _text(error["type"]), "message": _text(error["message"]), "line": line if type(line) is int else 0}
    return Execution(status, None, checked, tuple(calls), steps, output, values)


def checked_reply(call: Call, reply: Any, size: tuple[int, int]) -> Reply:
    """A handler's reply as plain data, with boxes cut to the picture.

    Args:
        call: The call that it answers.
        reply: What the handler returned.
        size: Width and height of the picture.

    Raises:
        TypeError: If the reply is of another type than the call's operation has.
    """
    if isinstance(reply, CallFailure):
        return reply
    try:
        match call.operation:
            case "detect" | "relate":
                boxes = [_cut(box, size) for box in reply]
                return [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
            case "verify":
                return bool(reply)
            case "similarity" if len(reply) == len(call.arguments[0]):
                return [float(score) for score in reply]
            case "depth":
                return float(reply)
            case "answer" if isinstance(reply, str):
                return _clean(str(reply))
    except (TypeError, ValueError):
        pass
    raise TypeError(
        f"perception returned {reply!r:.200} to {call.operation}, see vispro_gym.perception.protocol for what it returns"
    )


def _cut(box: Any, size: tuple[int, int]) -> PatchBox:
    left, lower, right, upper = [int(edge) for edge in box]
    width, height = size  # comparisons, as calls of min and max would take three times as long
    return (
        left if left > 0 else 0,
        lower if lower > 0 else 0,
        right if right < width else width,
        upper if upper < height else height,
    )


def _clean(text: str) -> str:
    """Lone surrogates, which JSON can carry, would break whoever encodes the text."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("a text that is none or too long")
    return value if value.isascii() else _clean(value)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_TEXTS or sum(map(len, value)) > MAX_TEXT_TOTAL:
        raise ValueError("texts that are none or too many")
    return tuple(_text(text) for text in value)


def _role(value: Any) -> str:
    if value not in ("subject", "object"):
        raise ValueError("an unknown role")
    return str(value)


_ARGUMENTS: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "detect": (_text,),
    "verify": (_text, _text),
    "answer": (_text,),
    "similarity": (_texts,),
    "depth": (),
    "relate": (_text, _text_or_none, _role),
}


def _image(value: Any, sizes: Sizes) -> int:
    if type(value) is not int or not 0 <= value < len(sizes):
        raise ValueError("a picture that is not there")
    return value


def _box(value: Any, size: tuple[int, int]) -> PatchBox:
    left, lower, right, upper = value
    if not type(left) is type(lower) is type(right) is type(upper) is int:
        raise ValueError("a malformed box")
    if not (0 <= left < right <= size[0] and 0 <= lower < upper <= size[1]):
        raise ValueError("a box that is not in the picture")
    return (left, lower, right, upper)


def _answer(value: Any, sizes: Sizes, nested: bool = False) -> Any:
    match value:
        case dict():
            image = _image(value["image"], sizes)
            return PatchAnswer(image, _box(value["box"], sizes[image]))
        case list() if not nested and len(value) <= MAX_ANSWER_ITEMS:
            return [_answer(item, sizes, nested=True) for item in value]
        case str() if len(value) <= MAX_ANSWER_CHARACTERS:
            return _clean(value)
        case bool():
            return value
        case int() if value.bit_length() <= 63:
            return value
        case float() if math.isfinite(value):
            return value
    raise ValueError("an answer of no admitted type or size")
