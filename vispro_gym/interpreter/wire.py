"""Checks of what a worker sends.

A worker runs hostile programs, so nothing that it sends is trusted: every message is taken apart value by value, and the first
value that no honest worker would send raises ValueError (or TypeError, KeyError from taking it apart).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vispro_gym.interpreter.types import (
    MAX_ANSWER_CHARACTERS,
    MAX_ANSWER_ITEMS,
    Call,
    Execution,
    Limits,
    PatchAnswer,
    PatchBox,
    Reply,
)

MAX_ERROR_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 600
MAX_COORDINATE = 1 << 31

STATUSES = frozenset(
    "answered no_answer syntax_error rejected runtime_error timeout step_limit memory_limit call_limit output_limit "
    "perception_error".split()
)

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "detect": ("text",),
    "verify": ("text", "text"),
    "answer": ("text",),
    "similarity": ("texts",),
    "depth": (),
    "relate": ("text", "text or none", "role"),
}


def checked_call(program: int, call: Sequence[Any], images: int) -> Call:
    """A call from `[line, operation, image, box, arguments]`.

    Args:
        program: Index of the program that made it.
        call: What the worker sent.
        images: Number of pictures that the program has.
    """
    line, operation, image, box, arguments = call
    kinds = _ARGUMENTS[operation]
    if type(line) is not int:
        raise ValueError("a line that is no number")
    checked = tuple(_argument(kind, value) for kind, value in zip(kinds, arguments, strict=True))
    return Call(program, line, operation, _image(image, images), _box(box), checked)


def checked_end(end: Sequence[Any], calls: Sequence[tuple[Call, Reply]], images: int, limits: Limits) -> Execution:
    """What became of a program from `[status, answer, error, output, steps]`."""
    status, answer, error, output, steps = end
    if status not in STATUSES or type(steps) is not int or not 0 <= steps <= limits.steps + 1:
        raise ValueError("an unknown end")
    if not isinstance(output, str) or len(output) > limits.output_characters:
        raise ValueError("an output that is none or too long")
    output = _clean(output)
    if status == "answered":
        return Execution(status, _answer(answer, images), None, tuple(calls), steps, output)
    line = error["line"]
    checked = {"type": _text(error["type"]), "message": _text(error["message"]), "line": line if type(line) is int else 0}
    return Execution(status, None, checked, tuple(calls), steps, output)


def _clean(text: str) -> str:
    """Lone surrogates, which JSON can carry, would break whoever encodes the text."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _argument(kind: str, value: Any) -> Any:
    match kind:
        case "texts":
            return tuple(_text(text) for text in value)
        case "text or none":
            return None if value is None else _text(value)
        case "role":
            if value not in ("subject", "object"):
                raise ValueError("an unknown role")
            return value
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS + MAX_ANSWER_CHARACTERS:
        raise ValueError("a text that is none or too long")
    return _clean(value)


def _image(value: Any, images: int) -> int:
    if type(value) is not int or not 0 <= value < images:
        raise ValueError("a picture that is not there")
    return value


def _box(value: Any) -> PatchBox:
    left, lower, right, upper = value
    if not all(type(number) is int and abs(number) < MAX_COORDINATE for number in (left, lower, right, upper)):
        raise ValueError("a malformed box")
    return (left, lower, right, upper)


def _answer(value: Any, images: int, nested: bool = False) -> Any:
    match value:
        case dict():
            return PatchAnswer(_image(value["image"], images), _box(value["box"]))
        case list() if not nested and len(value) <= MAX_ANSWER_ITEMS:
            return [_answer(item, images, nested=True) for item in value]
        case str() if len(value) <= MAX_ANSWER_CHARACTERS:
            return _clean(value)
        case bool():
            return value
        case int() if value.bit_length() <= 63:
            return value
        case float() if math.isfinite(value):
            return value
    raise ValueError("an answer of no admitted type or size")
