"""Guards of operators that can blow up: what the instrumentation calls instead of `+`, `*`, `%` and their kind.

Every guard does what the operation does, after accounting for the size of its result (`vispro_gym.interpreter.guest.meter`).
"""

from __future__ import annotations

import collections
import operator
import re
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.meter import (
    MAX_BITS,
    Shown,
    bits,
    characters,
    grow,
    items,
    text,
)

PLAIN_TYPES: tuple[type, ...] = (
    *(str, list, tuple, dict, set, frozenset, int, float, bool),
    *(collections.deque, collections.defaultdict, collections.OrderedDict),
)
"""Types of plain values; `library` adds its Counter."""

# Operators.


def add(a: Any, b: Any) -> Any:
    """`a + b`."""
    kind = type(a)
    if kind is int or kind is float:
        return a + b
    if kind is str:
        if type(b) is str:
            characters(len(a) + len(b))
    elif (kind is list or kind is tuple) and type(b) is kind:
        items(len(a) + len(b))
    return a + b


def _check_product(a: Any, b: Any) -> None:
    if isinstance(b, str | list | tuple | collections.deque):
        a, b = b, a
    if isinstance(b, int):
        if isinstance(a, int):
            if a.bit_length() + b.bit_length() > 128:
                bits(a.bit_length() + b.bit_length())
        elif isinstance(a, str):
            characters(len(a) * b)
        elif isinstance(a, list | tuple | collections.deque):
            items(len(a) * b)


def mul(a: Any, b: Any) -> Any:
    """`a * b`."""
    if type(a) is not float and type(b) is not float:
        _check_product(a, b)
    return a * b


def power(a: Any, b: Any, modulus: Any = None) -> Any:
    """`a ** b` and `pow(a, b, modulus)`."""
    if isinstance(a, int) and isinstance(b, int):
        if modulus is None:
            if b > 1:
                bits(a.bit_length() * b if a not in (-1, 0, 1) else 0)
        elif isinstance(modulus, int):
            size = modulus.bit_length()
            meter.current.charge(abs(b).bit_length() * (1 + size * size // 1024) // 8192)
    return pow(a, b) if modulus is None else pow(a, b, modulus)


def shift(a: Any, b: Any) -> Any:
    """`a << b`."""
    if isinstance(a, int) and isinstance(b, int) and b > 0 and a:
        bits(a.bit_length() + b)
    return a << b


# One conversion of a %-format: key, flags, width, precision. Keys may hold balanced parentheses, which no regular
# expression can follow, so they are skipped by hand.
_CONVERSION = re.compile(r"[-+ #0]*(\*|\d*)(?:\.(\*|\d*))?[hlL]?(.?)", re.DOTALL)


def _check_percent(template: str, values: Any) -> Any:
    """Accounts for a %-format; returns its values, ready to be turned into text."""
    position = template.find("%")
    total = len(template)
    while position >= 0:
        position += 1
        if template[position : position + 1] == "(":
            depth = 1
            position += 1
            while depth and position < len(template):
                depth += {"(": 1, ")": -1}.get(template[position], 0)
                position += 1
        found = _CONVERSION.match(template, position)
        assert found is not None  # the pattern matches the empty string
        for width in found.group(1, 2):
            total += int(width.lstrip("0")[:9] or 0) if width and width != "*" else 0
        position = template.find("%", max(found.end(), position))
    if "*" in template and isinstance(values, tuple):
        total += sum(abs(value) for value in values if isinstance(value, int))
    if type(values) is tuple:
        characters(total + sum(len(value) for value in values if isinstance(value, str)))
        return tuple([text(value) for value in values])
    if isinstance(values, dict):
        total += template.count("%") * max((len(value) for value in values.values() if isinstance(value, str)), default=0)
    characters(total)
    if type(values) is dict:
        return {key: value if isinstance(value, str | int | float) else Shown(text(value)) for key, value in values.items()}
    return values if isinstance(values, dict) else text(values)


def mod(a: Any, b: Any) -> Any:
    """`a % b`."""
    if isinstance(a, str):
        return a % _check_percent(a, b)
    dividing(a, b)
    return a % b


def dividing(a: Any, b: Any) -> tuple[Any, Any]:
    """Accounts for a division, which takes longer than in proportion to the size of an integer; returns its operands."""
    if type(a) is int and (a.bit_length() > MAX_BITS):
        bits(a.bit_length())
    return a, b


def floordiv(a: Any, b: Any) -> Any:
    """`a // b`."""
    dividing(a, b)
    return a // b


def called_int(function: Any, /, *arguments: Any, **named: Any) -> Any:
    """A call of what goes by the name of `int`."""
    result = function(*arguments, **named)
    if function is int:
        bits(result.bit_length())
    return result


def int_of_base(text: Any, base: Any) -> int:
    """`int` of a text and a base."""
    return int(called_int(int, text, base))


def listed(value: Any) -> Any:
    """Accounts for a value that is assigned to a slice. Iterators are taken to their ends first.

    In the midst of an assignment to every nth item, CPython lets them change the list, and then writes beyond its end.
    """
    return grow(value) if isinstance(value, list | tuple | str | dict | set) else list(value)


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "Mult": operator.imul,
    "Pow": operator.ipow,
    "LShift": operator.ilshift,
    "Mod": operator.imod,
    "FloorDiv": operator.ifloordiv,
}
_GUARDED: dict[str, Callable[[Any, Any], Any]] = {"Pow": power, "LShift": shift, "Mod": mod, "FloorDiv": floordiv}


def in_place(name: str, a: Any, b: Any) -> Any:
    """`a *= b` and its kind: returns the new value."""
    if name == "Mult":
        _check_product(a, b)
        return operator.imul(a, b)
    if type(a) in PLAIN_TYPES:
        return _GUARDED[name](a, b)
    return _IN_PLACE[name](a, b)


def in_place_item(container: Any, key: Any, name: str, value: Callable[[], Any]) -> None:
    """`container[key] *= value` and its kind; the value is evaluated after the item is read, as CPython does."""
    item = container[key]
    container[key] = in_place(name, item, value())
