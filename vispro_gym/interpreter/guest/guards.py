"""Guards of operations that can blow up: what the instrumentation calls instead of `+`, `*`, `%`, `str.join` and their kind.

Every guard does what the operation does, after accounting for the size of its result (`vispro_gym.interpreter.guest.meter`).
"""

from __future__ import annotations

import collections
import functools
import operator
import re
import string
import types
from _string import formatter_field_name_split  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any, NoReturn

from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.meter import (
    MAX_BITS,
    MAX_CHARACTERS,
    Shown,
    bits,
    characters,
    grow,
    items,
    sized,
    text,
    too_big,
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


# Text.

_NUMBER = re.compile(r"\d+")


def spec(value: str) -> str:
    """A format specification: widths and precisions are bounded."""
    for number in _NUMBER.findall(value):
        if len(number) > 6 or int(number) > MAX_CHARACTERS // 10:
            too_big("a format width", MAX_CHARACTERS // 10, "characters")
    if value:
        characters(sum(map(int, _NUMBER.findall(value))))
    return value


def plain_str(value: Any) -> str:
    """`str` of one value."""
    return str(text(value))


class _Formatter(string.Formatter):
    """`str.format` whose fields reach attributes through the allow-list, and whose specifications are bounded."""

    def __init__(self) -> None:
        self._next = self._characters = 0
        self._counts: bool | None = None  # whether fields have no numbers; None before the first field

    def parse(self, format_string: Any) -> Any:
        for literal, field, format_spec, conversion in super().parse(format_string):
            yield literal, field if field is None else self._numbered(field), format_spec, conversion

    def _numbered(self, field: str) -> str:
        """A field with its number. CPython's own class in Python numbers some fields only, depending on its version."""
        first, _ = formatter_field_name_split(field)
        if first != "" and not isinstance(first, int):
            return field
        counts = first == ""
        if self._counts not in (None, counts):
            ways = ("manual field specification", "automatic field numbering")
            raise ValueError(f"cannot switch from {ways[not counts]} to {ways[counts]}")
        self._counts = counts
        if not counts:
            return field
        self._next += 1
        return f"{self._next - 1}{field}"

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, name in rest:
            value = attribute(value, name) if is_attribute else value[name]
        return value, first

    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(key, int) and key >= len(args):
            raise IndexError(f"Replacement index {key} out of range for positional args tuple")
        return super().get_value(key, args, kwargs)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return super().convert_field(text(value), conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        characters(len(format_spec))
        result: str = format(value, spec(format_spec))
        self._characters += len(result)
        if self._characters > MAX_CHARACTERS:
            too_big("a string", MAX_CHARACTERS, "characters")
        characters(len(result))
        return result


def attribute(value: Any, name: str, /, *default: Any) -> Any:
    """`getattr` for format fields; `vispro_gym.interpreter.guest.language` puts the real function here."""
    raise AttributeError(name)


# Methods whose result can be much larger than what they are given. Each takes the object first; an object of another type
# than the expected one (a patch, an array) has its own method called.


def _other(value: Any, name: str) -> Callable[..., Any]:
    """The object's own method; that of a class (`str.join`) is the guard, which then finds the object in its arguments."""
    method: Callable[..., Any] = getattr(value, name)
    return METHODS[name] if isinstance(value, type) else method


def _str_format(template: Any, /, *values: Any, **named: Any) -> Any:
    if type(template) is not str:
        return _other(template, "format")(*values, **named)
    sized(template)
    return _Formatter().vformat(template, values, named)


def _str_join(separator: Any, /, *values: Any) -> Any:
    if type(separator) is not str or len(values) != 1:
        return _other(separator, "join")(*values)
    try:
        iterator = iter(values[0])
    except TypeError:
        raise TypeError("can only join an iterable") from None
    parts = values[0] if isinstance(values[0], list | tuple) else list(iterator)
    items(len(parts))
    characters(sum(len(part) for part in parts if type(part) is str) + len(separator) * len(parts))
    return separator.join(parts)


def _str_replace(value: Any, /, *arguments: Any, **named: Any) -> Any:
    if type(value) is str and len(arguments) >= 2 and type(arguments[0]) is type(arguments[1]) is str:
        old, new = arguments[:2]
        characters(len(value))
        if len(new) > len(old):
            characters(len(value) + value.count(old) * (len(new) - len(old)))
    return _other(value, "replace")(*arguments, **named)


def _padding(name: str) -> Callable[..., Any]:
    def method(value: Any, /, *arguments: Any, **named: Any) -> Any:
        width = named.get("tabsize", arguments[0] if arguments else 8)
        if type(value) is str and isinstance(width, int):
            characters(value.count("\t") * abs(width) if name == "expandtabs" else abs(width))
        return _other(value, name)(*arguments, **named)

    return method


def _growing(name: str) -> Callable[..., Any]:
    def method(value: Any, /, *arguments: Any, **named: Any) -> Any:
        if not isinstance(value, type):
            for argument in (value, *arguments):
                sized(argument)
        return _other(value, name)(*arguments, **named)

    return method


def _searching(name: str) -> Callable[..., Any]:
    """Searches from the right, whose time is the product of both lengths; and what puts its argument into an error message."""

    def method(value: Any, /, *arguments: Any, **named: Any) -> Any:
        if not isinstance(value, type):
            sized(value)
            for argument in arguments:
                if type(value) is type(argument) is str:
                    meter.current.charge(len(value) * len(argument) >> 12)
                elif type(value) is not str:
                    text(argument)
        try:
            return _other(value, name)(*arguments, **named)
        except ValueError:
            if name == "index" and isinstance(value, list | collections.deque):
                raise ValueError(f"{text(arguments[0])!r} is not in {type(value).__name__}") from None
            raise

    return method


def _substitute(name: str) -> Callable[..., Any]:
    def method(value: Any, /, *arguments: Any, **named: Any) -> Any:
        if isinstance(value, re.Pattern) and arguments:
            arguments = (substitution(*arguments[:2]), *arguments[1:])
        return _other(value, name)(*arguments, **named)

    return method


def substitution(replacement: Any = None, subject: Any = None) -> Any:
    """Accounts for `re.sub`: a match may be replaced at every position, by the replacement with its groups filled in.

    Returns:
        The replacement; if it is a function, one that accounts for what it returns.
    """
    if type(replacement) is str and type(subject) is str:
        size = len(replacement) + replacement.count("\\") * len(subject)
        if size * (len(subject) + 1) > MAX_CHARACTERS:
            too_big("a substitution that may give a string", MAX_CHARACTERS, "characters")
    if not callable(replacement):
        return replacement
    total = 0

    def counted(match: Any) -> Any:
        nonlocal total
        result = replacement(match)
        total += len(result) if isinstance(result, str) else 0
        characters(total)
        return result

    return counted


def _translate(value: Any, /, *arguments: Any) -> Any:
    if type(value) is not str or len(arguments) != 1:
        return _other(value, "translate")(*arguments)
    (table,) = arguments
    if type(table) is not dict:
        raise TypeError("translate() expects a table as str.maketrans() makes it")
    longest = max((len(text) for text in sized(table).values() if isinstance(text, str)), default=1)
    characters(len(value) * max(1, longest))
    return value.translate(table)


def _maketrans(kind: Any, /, *arguments: Any) -> Any:
    if kind is not str and type(kind) is not str:
        return _other(kind, "maketrans")(*arguments)
    for argument in arguments:
        sized(argument)
    return str.maketrans(*arguments)


def _elements(value: Any, /, *arguments: Any) -> Any:
    if not isinstance(value, collections.Counter) or arguments:
        return _other(value, "elements")(*arguments)
    items(sum(count for count in value.values() if isinstance(count, int) and count > 0))
    return value.copy().elements()  # whose counts nobody can raise


METHODS: dict[str, Callable[..., Any]] = {
    "format": _str_format,
    "join": _str_join,
    "replace": _str_replace,
    **{name: _padding(name) for name in ("ljust", "rjust", "center", "zfill", "expandtabs")},
    **{name: _growing(name) for name in ("extend", "extendleft", "update", "sort", "count")},
    **{name: _searching(name) for name in ("index", "rindex", "rfind", "rsplit", "rpartition", "remove")},
    **{name: _substitute(name) for name in ("sub", "subn")},
    **{"elements": _elements, "translate": _translate, "maketrans": _maketrans},
}
"""Guards by the name of the method."""


def no_attribute(value: Any, name: str) -> AttributeError:
    """What CPython raises where a value has no such attribute."""
    if isinstance(value, type):
        return AttributeError(f"type object {value.__name__!r} has no attribute {name!r}")
    if isinstance(value, types.SimpleNamespace):
        return AttributeError(f"module {type(value).__name__!r} has no attribute {name!r}")
    return AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")


def missing(value: Any, name: str) -> NoReturn:
    """An attribute that nothing has."""
    raise no_attribute(value, name)


def method(value: Any, name: str) -> Callable[..., Any]:
    """The guarded method, bound. Raises AttributeError if the value has no such method."""
    if name == "maketrans":  # the one that belongs to the class
        return functools.partial(METHODS[name], value)
    if isinstance(value, type):
        getattr(value, name)
        return METHODS[name]
    if not hasattr(value, name):
        raise no_attribute(value, name)
    return functools.partial(METHODS[name], value)
