"""The builtins and module functions of programs that differ from CPython's own: they account for what they use."""

from __future__ import annotations

import builtins
import collections
import math
import operator
import re
import types
from collections.abc import Callable, Iterable
from typing import Any

from vispro_gym.interpreter.guest import guards, iteration, meter
from vispro_gym.interpreter.guest.guards import PLAIN_TYPES, mul
from vispro_gym.interpreter.guest.meter import MAX_RANGE, bits, characters, sized, text, too_big


def charging_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that goes through its arguments at the speed of Python: costs a step per item."""

    def guarded(*arguments: Any, **named: Any) -> Any:
        for argument in arguments:
            if hasattr(argument, "__len__"):
                meter.current.charge(len(argument))
        return function(*arguments, **named)

    return guarded


def _sized_first(function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*arguments: Any, **named: Any) -> Any:
        if len(arguments) == 1:
            sized(arguments[0])
            if named.get("key") is not None and hasattr(arguments[0], "__len__"):
                meter.current.charge(len(arguments[0]))  # a key of C code burns none
        return function(*arguments, **named)

    return guarded


def _range(*bounds: Any) -> range:
    numbers = range(*bounds)
    start, stop, step = numbers.start, numbers.stop, numbers.step
    if (stop - start) // step > MAX_RANGE:  # len() fails where the length does not fit into a machine word
        too_big("a range", MAX_RANGE, "items")
    return numbers


def _divmod(a: Any, b: Any, /) -> Any:
    guards.dividing(a, b)
    return divmod(a, b)


def _round(number: Any, ndigits: Any = None) -> Any:
    if isinstance(number, int) and isinstance(ndigits, int):
        bits(abs(ndigits))  # CPython computes ten to this power
    return round(number, ndigits)


def _print(*values: Any, sep: Any = " ", end: Any = "\n", file: None = None, flush: bool = False) -> None:
    parts = [str(text(value)) for value in values]
    for name, value in (("sep", sep), ("end", end)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be None or a string, not {type(value).__name__}")
    meter.current.write((" " if sep is None else sep).join(parts) + ("\n" if end is None else end))


def _type(value: object, /) -> type:
    """`type` of a plain value. The type of a type would let programs make classes of their own."""
    kind = type(value)
    if kind in PLAIN_TYPES or kind.__name__ in ("ImagePatch", "NoneType", "range") or issubclass(kind, Exception):
        return kind
    raise TypeError("type() is available for plain values and patches only")


def name_of(value: Any) -> str:
    """`value.__name__`, for types and the program's own functions."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or not callable(value):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute '__name__'")
    return name


def _format(value: Any, format_spec: str = "", /) -> str:
    result = format(text(value), guards.spec(format_spec) if isinstance(format_spec, str) else format_spec)
    characters(len(result))
    return result


def factorial(n: Any, /) -> int:
    """`math.factorial`."""
    if isinstance(n, int) and n > 2:
        bits(n * (n.bit_length() - 2))
    return math.factorial(n)


def comb(n: Any, k: Any, /) -> int:
    """`math.comb`."""
    if isinstance(n, int) and isinstance(k, int) and 0 < k < n:
        _falling(n, min(k, n - k))
    return math.comb(n, k)


def perm(n: Any, k: Any = None, /) -> int:
    """`math.perm`."""
    if isinstance(n, int) and (k is None or isinstance(k, int)) and n > 2:
        _falling(n, n if k is None else min(k, n))
    return math.perm(n, k)


def _falling(n: int, factors: int) -> None:
    """Accounts for a product of so many factors from n downwards."""
    if factors > 0:
        bits(factors * max(1, n.bit_length() - 1) // 2)


def prod(values: Iterable[Any], /, *, start: Any = 1) -> Any:
    """`math.prod`."""
    for value in sized(values):
        start = mul(start, value)
    return start


def lcm(*integers: Any) -> int:
    """`math.lcm`."""
    bits(sum(value.bit_length() for value in integers if isinstance(value, int)))
    return math.lcm(*integers)


MAX_PATTERN = 5_000


def _pattern(pattern: Any) -> Any:
    """Accounts for a regular expression."""
    if isinstance(pattern, str) and len(pattern) > MAX_PATTERN:
        too_big("a regular expression", MAX_PATTERN, "characters")
    return pattern


def regular(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `re` that takes a pattern and perhaps a text."""

    def guarded(pattern: Any, /, *arguments: Any, **named: Any) -> Any:
        for argument in arguments[:1]:
            sized(argument)
        return function(_pattern(pattern), *arguments, **named)

    return guarded


def re_sub(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> str:
    """`re.sub`."""
    result: str = re.compile(_pattern(pattern), flags).sub(guards.substitution(repl, string), string, count)
    return result


def re_subn(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> tuple[str, int]:
    """`re.subn`."""
    result: tuple[str, int] = re.compile(_pattern(pattern), flags).subn(guards.substitution(repl, string), string, count)
    return result


def isqrt(n: Any, /) -> int:
    """`math.isqrt`."""
    return math.isqrt(guards.dividing(n, 1)[0])


class Counter(collections.Counter[Any]):
    """`collections.Counter`. Its methods, taken from the class, would call the class of whatever they are given."""


def _of_counters(name: str) -> Callable[..., Any]:
    original = getattr(collections.Counter, name)

    def method(self: Any, /, *arguments: Any, **named: Any) -> Any:
        if not isinstance(self, Counter):
            raise TypeError(f"descriptor {name!r} for 'Counter' objects doesn't apply to a {type(self).__name__!r} object")
        return original(self, *arguments, **named)

    return method


for _name in ("copy", "most_common", "elements", "subtract", "update"):
    setattr(Counter, _name, _of_counters(_name))
Counter.__module__ = "collections"
guards.PLAIN_TYPES += (Counter,)


itemgetter = operator.itemgetter


def attrgetter(attributes: Callable[[Any, str], Any], *names: str) -> Callable[[Any], Any]:
    """`operator.attrgetter` that reads attributes through the given function, one dotted part after the other."""

    def read(value: Any, name: str) -> Any:
        for part in name.split("."):
            value = attributes(value, part)
        return value

    if len(names) == 1:
        return lambda value: read(value, names[0])
    return lambda value: tuple(read(value, name) for name in names)


_AS_THEY_ARE = (
    "abs bool dict float frozenset int isinstance issubclass len list next repr reversed set str tuple "
    "ord chr callable bin hex oct True False None NotImplemented Ellipsis Exception ValueError TypeError KeyError "
    "IndexError ZeroDivisionError AttributeError RuntimeError StopIteration NameError UnboundLocalError NotImplementedError "
    "AssertionError ArithmeticError LookupError OverflowError FloatingPointError RecursionError UnicodeError "
    "OSError IOError EnvironmentError FileNotFoundError FileExistsError PermissionError ConnectionError TimeoutError EOFError "
    "ImportError ModuleNotFoundError BufferError UnicodeDecodeError StopAsyncIteration Warning UserWarning RuntimeWarning "
    "DeprecationWarning"
).split()

# No exception that is not derived from Exception can be named by a program, so none of its handlers sees what ends it.
_STAND_INS = ("SystemExit", "KeyboardInterrupt", "MemoryError")

BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in _AS_THEY_ARE} | {
    **{name: type(name, (Exception,), {"__module__": "builtins"}) for name in _STAND_INS},
    "BaseException": Exception,
    **{name: _sized_first(getattr(builtins, name)) for name in ("min", "max", "sorted", "any", "all")},
    **iteration.BUILTINS,
    "range": _range,
    "divmod": _divmod,
    "round": _round,
    "pow": lambda base, exp, mod=None: guards.power(base, exp, mod),
    "print": _print,
    "repr": lambda value, /: repr(text(value)),
    "format": _format,
    "type": _type,
    # What the instrumentation puts into programs.
    "_add_": guards.add,
    "_mul_": guards.mul,
    "_power_": guards.power,
    "_shift_": guards.shift,
    "_mod_": guards.mod,
    "_floordiv_": guards.floordiv,
    "_listed_": guards.listed,
    "_sized_": sized,
    "_collected_": meter.collected,
    "_int_": guards.plain_int,
    "_in_place_": guards.in_place,
    "_in_place_item_": guards.in_place_item,
    "_grow_": meter.grow,
    "_text_": text,
    "_lazy_": iteration.lazy,
    "_spec_": guards.spec,
    "_name_": name_of,
    "_type_": _type,
    "_method_": guards.method,
    "_missing_": guards.missing,
    **{f"_{name}_": function for name, function in guards.METHODS.items()},
}
"""What programs find without importing it, and the names that only the instrumentation can write."""

for _name, _value in BUILTINS.items():
    if isinstance(_value, types.FunctionType) and not _name.startswith("_"):
        _value.__name__ = _value.__qualname__ = _name  # which messages show
