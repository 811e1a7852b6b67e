"""The builtins and module functions of programs that differ from CPython's own: they account for what they use."""

from __future__ import annotations

import builtins
import collections
import math
import operator
import re
import statistics
import types
from collections.abc import Callable, Iterable
from typing import Any

from vispro_gym.interpreter.guest import guards, iteration, meter, methods, notes
from vispro_gym.interpreter.guest.guards import mul
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
    if kind in guards.PLAIN_TYPES or kind.__name__ in ("ImagePatch", "NoneType", "range") or issubclass(kind, Exception):
        return kind
    raise TypeError("type() is available for plain values and patches only")


def name_of(value: Any) -> str:
    """`value.__name__`, for types and the program's own functions."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or not callable(value):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute '__name__'")
    return name


def _format(value: Any, format_spec: str = "", /) -> str:
    result = format(text(value), methods.spec(format_spec) if isinstance(format_spec, str) else format_spec)
    characters(len(result))
    return result


def fmean(data: Any, /) -> float:
    """`statistics.fmean` without weights, which would multiply whatever the data are."""
    meter.current.charge(len(data) if hasattr(data, "__len__") else 0)
    return statistics.fmean(data)


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


def re_compile(pattern: Any, flags: Any = 0) -> Any:
    """`re.compile`. A program gets the same object for the same pattern, whatever its neighbours compile."""
    if type(pattern) is not str:
        return re.compile(pattern, flags)
    if type(flags) is not int:
        raise TypeError(f"flags must be an integer, not {type(flags).__name__}")
    if len(pattern) > MAX_PATTERN:
        too_big("a regular expression", MAX_PATTERN, "characters")
    known = meter.current.patterns
    found = known.get((pattern, flags))
    if found is None:
        re.purge()  # what other programs compiled would save this one some recursion
        found = known[pattern, flags] = re.compile(pattern, flags)
    return found


def _searching(name: str) -> Callable[..., Any]:
    def search(pattern: Any, string: Any, flags: Any = 0) -> Any:
        return getattr(re_compile(pattern, flags), name)(sized(string))

    return search


def re_escape(pattern: Any) -> Any:
    """`re.escape`."""
    if isinstance(pattern, str):
        characters(2 * len(pattern))
    return re.escape(pattern)


def re_split(pattern: Any, string: Any, maxsplit: Any = 0, flags: Any = 0) -> Any:
    """`re.split`."""
    return re_compile(pattern, flags).split(sized(string), maxsplit)


def re_sub(pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
    """`re.sub`."""
    return re_compile(pattern, flags).sub(methods.substitution(repl, string), string, count)


def re_subn(pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
    """`re.subn`."""
    return re_compile(pattern, flags).subn(methods.substitution(repl, string), string, count)


RE: dict[str, Callable[..., Any]] = {
    **{name: _searching(name) for name in ("search", "match", "fullmatch", "findall", "finditer")},
    **{"compile": re_compile, "escape": re_escape, "split": re_split, "sub": re_sub, "subn": re_subn},
}
"""The functions that `import re` gives to programs."""
for _name, _value in RE.items():
    _value.__name__ = _value.__qualname__ = _name


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


def _to_counter(name: str) -> Callable[..., Any]:
    original = getattr(collections.Counter, name)

    def method(self: Any, *others: Any) -> Any:
        result = original(self, *others)
        return result if result is NotImplemented else Counter(result)

    return method


for _name in ("copy", "most_common", "elements", "subtract", "update"):
    setattr(Counter, _name, _of_counters(_name))
for _name in ("__add__", "__sub__", "__or__", "__and__", "__pos__", "__neg__"):
    setattr(Counter, _name, _to_counter(_name))
Counter.__module__ = "collections"
guards.PLAIN_TYPES += (Counter,)
notes.CONTAINERS[Counter] = ("Counter({", "})")


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
    "_sized_": meter.touched,
    "_collected_": meter.collected,
    "_int_": guards.called_int,
    "_in_place_": guards.in_place,
    "_in_place_item_": guards.in_place_item,
    "_grow_": meter.grow,
    "_text_": text,
    "_lazy_": iteration.lazy,
    "_spec_": methods.spec,
    "_name_": name_of,
    "_type_": _type,
    "_method_": methods.method,
    "_missing_": methods.missing,
    **{f"_{name}_": function for name, function in methods.METHODS.items()},
}
"""What programs find without importing it, and the names that only the instrumentation can write."""

for _name, _value in BUILTINS.items():
    if isinstance(_value, types.FunctionType) and not _name.startswith("_"):
        _value.__name__ = _value.__qualname__ = _name  # which messages show
