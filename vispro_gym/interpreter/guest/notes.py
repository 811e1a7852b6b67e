"""What the variables of one program hold, recorded for people. The program notices nothing of it, and no step is counted.

Programs assign often and are looked at seldom, so an assignment is recorded in a fraction of a microsecond: values are kept, and
turned into text when the program has ended. A short list of simple values is copied, to see whether it is still as it was: mostly
it is, and need not be turned into text twice.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from operator import is_
from typing import Any

from vispro_gym.interpreter.guest.messages import type_name
from vispro_gym.interpreter.guest.runtime import ImagePatch
from vispro_gym.interpreter.types import BOXES, MAX_VALUE_BOXES, MAX_VALUE_TEXT

MAX_NAME = 80
"""Characters of a name; longer ones are not recorded."""

MAX_SITES = 256
"""Places of a program at which assignments are recorded; a program that has more was not written by hand."""

_MAX_ITEM_TEXT = 60
_MAX_DEPTH = 3
_MAX_BITS = 256
_MAX_COPIED = 32
_MAX_KEPT = 1_000
_SMALL = 1 << 60
_SHORT = 19  # characters that are no more than fit, even if each is written by its number

Site = str
"""Line and name of an assignment, separated by a tab."""


class _Shown:
    """A value that has been turned into text already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_UNTOLD = _Shown("...")
_FIXED = frozenset({str, int, float, bool, type(None), ImagePatch, _Shown})
"""What nobody can change and nothing else hangs on."""
_PATCHES = {ImagePatch}


class Notes:
    """The record of one program.

    Args:
        limit: Lines and variables to record, at most.
    """

    __slots__ = ("_entries", "_left")

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._entries: dict[Site, list[Any]] = {}

    def note(self, site: Site, value: Any) -> Any:
        """Records an assignment. Returns the value, so that it can stand in an expression."""
        entry = self._entries.get(site)
        try:
            if entry is not None:
                entry[0] += 1
                entry[2] = value if type(value) in _FIXED else _kept(value)
            elif self._left > 0:
                self._left -= 1
                entry = self._entries[site] = [1, value, value]
                kind = type(value)
                if kind is list and len(value) <= _MAX_COPIED and _FIXED.issuperset(map(type, value)):  # as most are
                    entry[1] = value[:]
                elif kind not in _FIXED:
                    entry[1], entry[2] = _first(value), _kept(value)
        except RecursionError:  # the program is close to the limit, and must not notice
            if entry is not None:
                entry[2] = _UNTOLD
                if entry[0] == 1:
                    entry[1] = _UNTOLD
        return value

    def report(self) -> str:
        """What `vispro_gym.trace.read_assignments` reads."""
        lines = []
        try:
            for site, (count, first, last) in self._entries.items():
                was = _SHOWN.get(type(first), _other)(first)
                now = ""
                if last is not first and not (type(first) is list and _is_like(first, last)):
                    now = show(last)
                    if now == was:
                        now = ""
                lines.append(f"{site}\t{count}\t{was}\t{now}")
        except MemoryError:
            lines.clear()
        return "\n".join(lines)

    def clear(self) -> None:
        """Lets go of all values."""
        self._left = 0
        self._entries.clear()


def _first(value: Any) -> Any:
    """A value as it is now."""
    kind = type(value)
    return _Shown(show(value)) if kind in CONTAINERS else _of_type(kind)


def _kept(value: Any) -> Any:
    """What is kept of a value until the program ends.

    Of other things than containers, their types: they would live longer than in plain Python. Of large containers, their size.
    """
    kind = type(value)
    if kind not in CONTAINERS:
        return _TYPES.get(kind) or _of_type(kind)
    return value if len(value) <= _MAX_KEPT else _Shown(f"<{kind.__name__} of {len(value)} items>")


_TYPES: dict[type, _Shown] = {}


def _of_type(kind: type) -> _Shown:
    """The record of something that is not looked into."""
    shown = _TYPES[kind] = _Shown(f"<{type_name(kind.__name__)[:_MAX_ITEM_TEXT]}>")
    return shown


def _is_like(first: Any, last: Any) -> bool:
    """Whether a list of simple values, of which this is a copy, is still as it was."""
    return type(last) is list and len(first) == len(last) and all(map(is_, first, last))


def show(value: Any) -> str:
    """A value in time that does not depend on its size: its text, and after a separator the boxes of the patches in it.

    Texts are those of `repr`, which writes out control characters, so that those that separate are in no text.
    """
    return _SHOWN.get(type(value), _other)(value)


def _patch(value: ImagePatch) -> str:
    return f"patch{BOXES}{_box(value)}"


def _list(value: list[Any]) -> str:
    if 0 < len(value) < MAX_VALUE_BOXES and _PATCHES.issuperset(map(type, value)):  # as most are
        return f"[{', '.join(['patch'] * len(value))}]{BOXES}{';'.join(map(_box, value))}"
    return _collection(value)


def _other(value: Any) -> str:
    return _collection(value) if type(value) in CONTAINERS else _leaf(value)


def _collection(value: Any) -> str:
    boxes: list[str] = []
    try:
        text = _container(value, MAX_VALUE_TEXT - _MAX_ITEM_TEXT, boxes, 1)[:MAX_VALUE_TEXT]
    except RecursionError:  # the program is close to the limit
        return "..."
    return f"{text}{BOXES}{';'.join(boxes)}" if boxes else text


def _box(patch: ImagePatch) -> str:
    return "%d,%d,%d,%d,%d" % (patch._image, *patch._box)  # noqa: UP031 (faster here)


def _leaf(value: Any, room: int = MAX_VALUE_TEXT - 5) -> str:
    """Text of what holds nothing else, and of what is not looked into."""
    kind = type(value)
    if kind is str:
        text = repr(value[:room])
        return text if len(text) <= room else f"{text[: room - 3]}..."
    if kind is int:
        return repr(value) if value.bit_length() <= _MAX_BITS else f"<int of {value.bit_length()} bits>"
    if kind is float or kind is bool or value is None:
        return repr(value)
    return _of_type(kind).text


def _container(value: Any, room: int, boxes: list[str], depth: int) -> str:
    """Text of a container: as many of its items as there is room for. Collects the boxes of patches."""
    before, after = CONTAINERS[type(value)]
    if not value:
        return _EMPTY.get(type(value)) or before + after
    parts: list[str] = []
    for item in dict.items(value) if isinstance(value, dict) else value:
        if isinstance(value, dict):  # the keys are not looked up: to hash them may take as long as the program can arrange
            text = f"{_item(item[0], boxes, room, depth)}: {_item(item[1], boxes, room, depth)}"
        else:
            text = _item(item, boxes, room, depth)
        room -= len(text) + 2
        if parts and (room < 0 or len(boxes) > MAX_VALUE_BOXES):
            parts.append(f"... {len(value)} items")
            break
        parts.append(text)
    del boxes[MAX_VALUE_BOXES:]
    comma = "," if type(value) is tuple and len(value) == 1 else ""
    return f"{before}{', '.join(parts)}{comma}{after}"


def _item(value: Any, boxes: list[str], room: int, depth: int) -> str:
    if type(value) is ImagePatch:
        boxes.append(_box(value))
        return "patch"
    if type(value) not in CONTAINERS:
        return _leaf(value, _MAX_ITEM_TEXT)
    return _container(value, room, boxes, depth + 1) if depth < _MAX_DEPTH else "..."


CONTAINERS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    collections.OrderedDict: ("OrderedDict({", "})"),
    collections.defaultdict: ("defaultdict({", "})"),
    collections.deque: ("deque([", "])"),
}
"""What stands before and after the items of containers. `library` adds its Counter."""
_EMPTY: dict[type, str] = {set: "set()", frozenset: "frozenset()"}
_SHOWN: dict[type, Callable[[Any], str]] = {
    bool: repr,
    float: repr,
    str: lambda value: repr(value) if len(value) < _SHORT else _leaf(value),
    int: lambda value: repr(value) if -_SMALL < value < _SMALL else _leaf(value),
    ImagePatch: _patch,
    list: _list,
    _Shown: lambda value: value.text,
}
