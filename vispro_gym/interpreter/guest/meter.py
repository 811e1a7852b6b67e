"""What one program has used, and the checks by which operations account for their size.

One step is one loop iteration, one item of a comprehension or lazy iterator, or one function call. Work that C code does
on one object in a single step costs steps in proportion to the object's size, so that steps, which are the same on every
machine, end a program long before the clock does. An operation whose result would exceed a bound ends the program with
`memory_limit`, also the same everywhere.
"""

from __future__ import annotations

import collections
import functools
import operator
import re
import sys
import types
from typing import Any, NoReturn

from vispro_gym.interpreter.guest.notes import Notes

MAX_ITEMS = 100_000
"""Items of one list, tuple or other container that an operation may make."""
MAX_RANGE = 1_000_000
MAX_CHARACTERS = 100_000
"""Characters of one string that an operation may make."""
MAX_BITS = 16_384
"""Bits of one integer that an operation may make; CPython itself prints at most 4,300 digits."""
MAX_NODES = 50_000
"""Values inside one container that is turned into text, shared ones counted as often as they appear."""

ITEMS_PER_STEP = 64
CHARACTERS_PER_STEP = 512


class Stop(BaseException):
    """Ends a program with a status. No program can catch it: only subclasses of Exception can be named in a handler.

    Attributes:
        status: What became of the program.
        kind: Type of the error, for people.
        message: One line.
    """

    def __init__(self, status: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class Meter:
    """Counts what one program uses, and remembers what stopped it: whatever the program does then, it has ended."""

    __slots__ = ("_limit", "_print_left", "calls_left", "left", "notes", "patterns", "printed", "stop")

    def __init__(self, steps: int, calls: int, output_characters: int, assignments: int = 0) -> None:
        self.left = self._limit = steps
        self.notes = Notes(assignments)
        self.calls_left = calls
        self.stop: Stop | None = None
        self.printed: list[str] = []
        self.patterns: dict[tuple[str, int], Any] = {}
        self._print_left = output_characters

    @property
    def steps(self) -> int:
        """Steps used."""
        return self._limit - max(self.left, -1)

    def end(self, status: str, kind: str, message: str) -> NoReturn:
        """Stops the program."""
        if self.stop is None:
            self.stop = Stop(status, kind, message)
        self.calls_left = 0
        raise self.stop

    def tick(self) -> bool:
        """Burns one step; returns True, so that it can stand in a condition."""
        self.left -= 1
        if self.left < 0:
            self._out_of_steps()
        return True

    def charge(self, steps: int) -> None:
        """Burns several steps."""
        self.left -= max(0, steps)
        if self.left < 0:
            self._out_of_steps()

    def _out_of_steps(self) -> NoReturn:
        self.left = -1
        if self.stop is None:
            self.end("step_limit", "StepLimit", f"more than {self._limit} steps")
        raise self.stop

    def out_of_calls(self) -> NoReturn:
        """Ends a program that asks perception and may not: it has asked too often, or has ended."""
        self.end("call_limit", "CallLimit", "more perception calls than a program may make")

    def caught(self) -> None:
        """First statement of every handler and finally block.

        What depends on the process rather than on the program cannot be handled, nor is there anything to do for a program that
        has ended: its generators may be left to the garbage collector.
        """
        if self.stop is not None:
            raise self.stop
        error = sys.exc_info()[1]
        if isinstance(error, MemoryError):
            self.end("memory_limit", "MemoryLimit", "out of memory")
        if isinstance(error, RecursionError):  # handlers that recurse again would take time without end
            self.end("runtime_error", "RecursionError", "maximum recursion depth exceeded")

    def write(self, text: str) -> None:
        """Takes what the program prints."""
        self._print_left -= len(text)
        if self._print_left < 0:
            self.end("output_limit", "OutputLimit", "the program prints too much")
        self.printed.append(text)

    def close(self) -> None:
        """The program has ended: what is left of it (finalizers of generators, say) stops at its first step."""
        self.left = -1
        self.calls_left = 0
        if self.stop is None:
            self.stop = Stop("runtime_error", "RuntimeError", "the program has ended")


nobody = Meter(0, 0, 0)
nobody.close()
current: Meter = nobody
"""The meter of the program that runs. Whoever switches between programs sets it."""


# Checks that the guards share.


def too_big(what: str, bound: int, unit: str) -> NoReturn:
    """Ends the program that runs: it asked for more than there is."""
    current.end("memory_limit", "MemoryLimit", f"{what} of more than {bound:,} {unit}")


def items(count: int) -> None:
    """Accounts for a container of so many items."""
    if count > MAX_ITEMS:
        too_big("a collection", MAX_ITEMS, "items")
    if count >= ITEMS_PER_STEP:
        current.charge(count // ITEMS_PER_STEP)


def characters(count: int) -> None:
    """Accounts for a string of so many characters."""
    if count > MAX_CHARACTERS:
        too_big("a string", MAX_CHARACTERS, "characters")
    if count >= CHARACTERS_PER_STEP:
        current.charge(count // CHARACTERS_PER_STEP)


def bits(count: float) -> None:
    """Accounts for an integer of so many bits."""
    if count > MAX_BITS:
        too_big("an integer", MAX_BITS, "bits")


def sized(value: Any) -> Any:
    """Accounts for C code that goes once through a value. Lazy iterators count for themselves."""
    try:
        size = len(value)
    except TypeError:
        return value
    if size >= ITEMS_PER_STEP:
        if size > MAX_ITEMS and type(value) is range:
            too_big("a collection", MAX_ITEMS, "items")
        current.charge(size // ITEMS_PER_STEP)
    return value


def touched(value: Any) -> Any:
    """Accounts for a value that is searched, or that a slice is taken of."""
    return value if type(value) is range else sized(value)


def collected(value: Any) -> Any:
    """Accounts for a value whose items are put into a container by C code."""
    try:
        size = len(value)
    except TypeError:
        return value
    items(size)
    return value


def grow(value: Any) -> Any:
    """Accounts for a value that is added to another one in place, or unpacked into a display or a call."""
    if isinstance(value, str):
        characters(len(value))
    else:
        sized(value)
    return value


_default_repr: Any = object.__repr__
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LEAVES = frozenset({str, int, float, bool, type(None)})
_MAPPINGS: tuple[Any, ...] = ({}, collections.OrderedDict())
_VIEWS = tuple(type(view) for mapping in _MAPPINGS for view in (mapping.keys(), mapping.values(), mapping.items()))
_CONTAINERS: tuple[type[Any], ...] = (list, tuple, set, frozenset, dict, collections.deque, Exception, *_VIEWS)
_WITH_ADDRESS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType)
# Their texts show what they hold, however often and deep.
_WITHOUT_TEXT = (functools.partial, operator.itemgetter, types.GenericAlias, types.UnionType)


def without_addresses(text: str) -> str:
    """Text as it would be on every machine."""
    return _ADDRESS.sub("", text) if " at 0x" in text else text


class Shown:
    """A value that is or holds something whose text shows where it lies in memory; this one's text does not."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        result = without_addresses(str(self._value))
        characters(len(result))
        return result

    def __repr__(self) -> str:
        return without_addresses(repr(self._value))

    def __format__(self, format_spec: str) -> str:
        return format(self._value, format_spec) if format_spec else str(self)


def text(value: Any) -> Any:
    """Accounts for a value that is turned into text; returns it, or something that has the same text but for addresses.

    Raises:
        Stop: If a container holds too many values for that.
        TypeError: If it is or holds something that has no text here.
    """
    kind = type(value)
    if kind is str:
        if len(value) >= CHARACTERS_PER_STEP:
            characters(len(value))
    elif kind not in (int, float, bool) and _count_nodes(value):
        return Shown(value)
    return value


def _count_nodes(value: Any) -> bool:
    """Walks containers as `repr` does: a list that holds another one twice counts it twice.

    Returns:
        Whether the text of anything in there shows an address.
    """
    nodes = 0
    addresses = False
    inner: list[Any]
    item: Any
    path: set[int] = set()
    stack: list[Any] = [iter((value,))]
    owners: list[int] = [0]
    while stack:
        for item in stack[-1]:
            nodes += len(item) // 8 + 1 if type(item) is str else 1
            if nodes > MAX_NODES:
                too_big("text for a collection", MAX_NODES, "values")
            if type(item) in _LEAVES:
                continue
            if not isinstance(item, _CONTAINERS):
                if isinstance(item, _WITHOUT_TEXT):
                    raise TypeError(f"{type(item).__name__} objects have no text here")
                shown: Any = type(item).__repr__
                addresses = addresses or shown is _default_repr or isinstance(item, _WITH_ADDRESS)
            elif id(item) not in path:
                if isinstance(item, Exception):
                    inner = [*item.args, getattr(item, "filename", None), getattr(item, "filename2", None)]
                elif isinstance(item, dict):
                    inner = [*item, *item.values(), getattr(item, "default_factory", None)]
                else:
                    inner = [*item]
                stack.append(iter(inner))
                owners.append(id(item))
                path.add(id(item))
                break
        else:
            stack.pop()
            path.discard(owners.pop())
    if nodes >= ITEMS_PER_STEP:
        current.charge(nodes // 8)
    return addresses
