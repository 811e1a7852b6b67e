"""Guards of methods that can blow up, by their names: `format`, `join`, `replace` and their kind; and of attributes in general.

Each guard takes the object first; an object of another type than the expected one (a patch, an array) has its own method called.
"""

from __future__ import annotations

import collections
import functools
import re
import string
import types
from _string import formatter_field_name_split  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any, NoReturn

from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.meter import MAX_CHARACTERS, characters, items, sized, text, too_big

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
