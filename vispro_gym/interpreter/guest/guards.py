"""Guards of operations that can blow up: what the instrumentation calls instead of `+`, `*`, `%`, `str.join` and their kind.

Every guard does what the operation does, after accounting for the size of its result (`vispro_gym.interpreter.guest.meter`).
"""

from __future__ import annotations

import collections
import functools
import operator
import re
import string
from _string import formatter_field_name_split  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.meter import MAX_CHARACTERS, bits, characters, items, sized, text, too_big

PLAIN_TYPES: tuple[type, ...] = (
    *(str, list, tuple, dict, set, frozenset, int, float, bool),
    *(collections.Counter, collections.deque, collections.defaultdict, collections.OrderedDict),
)

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
            meter.current.charge(abs(b).bit_length() // 8)
    return pow(a, b) if modulus is None else pow(a, b, modulus)


def shift(a: Any, b: Any) -> Any:
    """`a << b`."""
    if isinstance(a, int) and isinstance(b, int) and b > 0 and a:
        bits(a.bit_length() + b)
    return a << b


# One conversion of a %-format: key, flags, width, precision. Keys may hold balanced parentheses, which no regular
# expression can follow, so they are skipped by hand.
_CONVERSION = re.compile(r"[-+ #0]*(\*|\d*)(?:\.(\*|\d*))?[hlL]?(.?)", re.DOTALL)


def _check_percent(template: str, values: Any) -> None:
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
            total += int(width[:9]) if width and width != "*" else 0
        position = template.find("%", max(found.end(), position))
    if "*" in template and isinstance(values, tuple):
        total += sum(abs(value) for value in values if isinstance(value, int))
    characters(total)
    if type(values) is tuple:
        for value in values:
            text(value)
    else:
        text(values)


def mod(a: Any, b: Any) -> Any:
    """`a % b`."""
    if isinstance(a, str):
        _check_percent(a, b)
    return a % b


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "Mult": operator.imul,
    "Pow": operator.ipow,
    "LShift": operator.ilshift,
    "Mod": operator.imod,
}
_GUARDED: dict[str, Callable[[Any, Any], Any]] = {"Pow": power, "LShift": shift, "Mod": mod}


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


class _Formatter(string.Formatter):
    """`str.format` whose fields reach attributes through the allow-list, and whose specifications are bounded."""

    def __init__(self, attribute: Callable[[Any, str], Any]) -> None:
        self._attribute = attribute

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        first, rest = formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, name in rest:
            value = self._attribute(value, name) if is_attribute else value[name]
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
        characters(len(result))
        return result


def attribute(value: Any, name: str) -> Any:
    """`getattr` for format fields; `vispro_gym.interpreter.guest.language` puts the real function here."""
    raise AttributeError(name)


_formatter = _Formatter(lambda value, name: attribute(value, name))


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
    return _formatter.vformat(template, values, named)


def _str_join(separator: Any, /, *values: Any) -> Any:
    if type(separator) is not str or len(values) != 1:
        return _other(separator, "join")(*values)
    parts = values[0] if isinstance(values[0], list | tuple) else list(values[0])
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


def _substitute(name: str) -> Callable[..., Any]:
    def method(value: Any, /, *arguments: Any, **named: Any) -> Any:
        if isinstance(value, re.Pattern):
            check_substitution(*arguments[:2])
        return _other(value, name)(*arguments, **named)

    return method


def check_substitution(replacement: Any = None, subject: Any = None) -> None:
    """Accounts for `re.sub`: a match may be replaced at every position, by the replacement with its groups filled in."""
    if type(replacement) is str and type(subject) is str:
        size = len(replacement) + replacement.count("\\") * len(subject)
        if size * (len(subject) + 1) > MAX_CHARACTERS:
            too_big("a substitution that may give a string", MAX_CHARACTERS, "characters")


def _elements(value: Any, /) -> Any:
    if not isinstance(value, collections.Counter):
        return _other(value, "elements")()
    items(sum(count for count in value.values() if isinstance(count, int) and count > 0))
    return value.elements()


METHODS: dict[str, Callable[..., Any]] = {
    "format": _str_format,
    "join": _str_join,
    "replace": _str_replace,
    **{name: _padding(name) for name in ("ljust", "rjust", "center", "zfill", "expandtabs")},
    **{name: _growing(name) for name in ("extend", "extendleft", "update", "sort", "index", "count")},
    **{name: _substitute(name) for name in ("sub", "subn")},
    "elements": _elements,
}
"""Guards by the name of the method."""


def method(value: Any, name: str) -> Callable[..., Any]:
    """The guarded method, bound. Raises AttributeError if the value has no such method."""
    if isinstance(value, type):
        getattr(value, name)
        return METHODS[name]
    if not hasattr(value, name):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
    return functools.partial(METHODS[name], value)
