"""What the variables of one program hold, recorded for people. The program notices nothing of it, and no step is counted.

Programs assign often and are looked at seldom, so an assignment is recorded in a fraction of a microsecond: what cannot change is
kept as it is, what can change is shown once, when it is first assigned, and once more when the program has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

from vispro_gym.interpreter.guest.messages import type_name
from vispro_gym.interpreter.guest.runtime import ImagePatch
from vispro_gym.interpreter.types import BOXES, MAX_VALUE_BOXES, MAX_VALUE_TEXT

MAX_NAME = 80
"""Characters of a name; longer ones are not recorded."""

_MAX_ITEM_TEXT = 60
_MAX_DEPTH = 3
_MAX_BITS = 256
_MAX_COPIED = 32
_PATCHES = {ImagePatch}

Site = str
"""Line and name of an assignment, separated by a tab."""


class _Shown:
    """A value that has been turned into text already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


# What nobody can change.
_FIXED = frozenset({str, int, float, bool, type(None), ImagePatch, tuple, frozenset, _Shown})
# Of other values than these, generators for one, nothing is kept: they would live longer than in plain Python.
_KEPT = _FIXED | {list, dict, set}


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
        if entry is not None:
            entry[0] += 1
            entry[2] = value if type(value) in _KEPT else _Shown(show(value))
        elif self._left > 0:
            self._left -= 1
            kept = value if type(value) in _KEPT else _Shown(show(value))
            self._entries[site] = [1, kept if type(kept) in _FIXED else _copied(value), kept]
        return value

    def report(self) -> str:
        """What `vispro_gym.trace.read_assignments` reads."""
        lines = []
        try:
            for site, (count, first, last) in self._entries.items():
                was = show(first)
                now = "" if last is first or _is_like(first, last) else show(last)
                lines.append(f"{site}\t{count}\t{was}\t{'' if now == was else now}")
        except MemoryError:
            lines.clear()
        return "\n".join(lines)

    def clear(self) -> None:
        """Lets go of all values."""
        self._left = 0
        self._entries.clear()


def _copied(value: Any) -> Any:
    """A value as it is now. Mostly nothing happens to it, and then it need not be turned into text twice."""
    return value.copy() if len(value) <= _MAX_COPIED else _Shown(show(value))


def _is_like(first: Any, last: Any) -> bool:
    """Whether a list is still as it was."""
    return type(first) is list and len(first) == len(last) and all(map(is_, first, last))


def show(value: Any) -> str:
    """A value in time that does not depend on its size: its text, and after a separator the boxes of the patches in it.

    Texts are those of `repr`, which writes out control characters, so that those that separate are in no text.
    """
    return _SHOWN.get(type(value), _other)(value)


def _patch(value: ImagePatch) -> str:
    return f"patch{BOXES}{_box(value)}"


def _other(value: Any) -> str:
    return _leaf(value, MAX_VALUE_TEXT - 5)


def _list(value: list[Any]) -> str:
    if 0 < len(value) < MAX_VALUE_BOXES and set(map(type, value)) == _PATCHES:  # as most are
        return f"[{', '.join(['patch'] * len(value))}]{BOXES}{';'.join(map(_box, value))}"
    return _collection(value)


def _collection(value: Any) -> str:
    boxes: list[str] = []
    try:
        text = _container(value, MAX_VALUE_TEXT - _MAX_ITEM_TEXT, boxes, 1)[:MAX_VALUE_TEXT]
    except RecursionError:  # the program is close to the limit
        return "..."
    return f"{text}{BOXES}{';'.join(boxes)}" if boxes else text


def _box(patch: ImagePatch) -> str:
    return "%d,%d,%d,%d,%d" % (patch._image, *patch._box)  # noqa: UP031 (faster here)


def _leaf(value: Any, room: int) -> str:
    """Text of what holds nothing else, and of what is not looked into."""
    kind = type(value)
    if kind is str:
        return repr(value) if len(value) <= room // 2 else f"{value[: room // 2]!r}"[: room - 3] + "..."
    if kind is int:
        return repr(value) if value.bit_length() <= _MAX_BITS else f"<int of {value.bit_length()} bits>"
    if kind is float or kind is bool or value is None:
        return repr(value)
    return f"<{type_name(kind.__name__)[:_MAX_ITEM_TEXT]}>"


def _container(value: Any, room: int, boxes: list[str], depth: int) -> str:
    """Text of a container: as many of its items as there is room for. Collects the boxes of patches."""
    before, after = _CONTAINERS[type(value)]
    if not value:
        return _EMPTY.get(type(value)) or before + after
    parts: list[str] = []
    for item in value:
        text = _item(item, boxes, room, depth)
        if type(value) is dict:
            text = f"{text}: {_item(value[item], boxes, room, depth)}"
        room -= len(text) + 2
        if parts and (room < 0 or len(boxes) > MAX_VALUE_BOXES):
            parts.append(f"... {len(value)} items")
            del boxes[MAX_VALUE_BOXES:]
            break
        parts.append(text)
    comma = "," if type(value) is tuple and len(value) == 1 else ""
    return f"{before}{', '.join(parts)}{comma}{after}"


def _item(value: Any, boxes: list[str], room: int, depth: int) -> str:
    if type(value) is ImagePatch:
        boxes.append(_box(value))
        return "patch"
    if type(value) not in _CONTAINERS:
        return _leaf(value, _MAX_ITEM_TEXT)
    return _container(value, room, boxes, depth + 1) if depth < _MAX_DEPTH else "..."


_CONTAINERS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_EMPTY: dict[type, str] = {set: "set()", frozenset: "frozenset()"}
_SHOWN: dict[type, Callable[[Any], str]] = dict.fromkeys(_CONTAINERS, _collection) | {
    bool: repr,
    float: repr,
    ImagePatch: _patch,
    list: _list,
    _Shown: lambda value: value.text,
}
