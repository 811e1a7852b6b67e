"""The builtins and module functions of programs that differ from CPython's own: they account for what they use."""

from __future__ import annotations

import builtins
import itertools
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vispro_gym.interpreter.guest import guards, meter
from vispro_gym.interpreter.guest.guards import PLAIN_TYPES, mul
from vispro_gym.interpreter.guest.meter import MAX_RANGE, bits, characters, sized, text, too_big

MAX_NESTED_REPEATS = 100
STEPS_PER_NESTING = 50


def _ticking(iterator: Iterator[Any]) -> Iterator[Any]:
    """Burns a step per item.

    It is a generator also because C code that nests lazy iterators deeply overflows the C stack, while generators raise
    RecursionError.
    """
    tick = meter.current.tick
    for item in iterator:
        tick()
        yield item


def lazy(iterable: Any) -> Any:
    """Accounts for a lazy iterator over something: over another lazy iterator it costs, which bounds how deep they nest."""
    if hasattr(iterable, "__next__"):
        meter.current.charge(STEPS_PER_NESTING)
    return iterable


def ticking_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns a lazy iterator, with a step per item."""

    def guarded(*arguments: Any, **named: Any) -> Iterator[Any]:
        for argument in arguments:
            lazy(argument)
        return _ticking(function(*arguments, **named))

    return guarded


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
        return function(*arguments, **named)

    return guarded


def _sum(values: Iterable[Any], /, start: Any = 0) -> Any:
    sized(values)
    if isinstance(start, list | tuple):  # every addition makes a new list
        total = start
        for value in values:
            total = guards.add(total, value)
        return total
    items = values if isinstance(values, list | tuple) else list(values)
    if float not in map(type, items):
        return sum(items, start)
    for item in items:  # one after the other: CPython adds floats in another way from 3.12 on
        start = start + item
    return start


def _map(function: Any, /, *iterables: Iterable[Any]) -> Iterator[Any]:
    if function is str:
        function = _str
    for iterable in iterables:
        lazy(iterable)
    return _ticking(map(function, *iterables))


def _str(value: Any) -> str:
    return str(text(value))


def _range(*bounds: Any) -> range:
    numbers = range(*bounds)
    start, stop, step = numbers.start, numbers.stop, numbers.step
    if (stop - start) // step > MAX_RANGE:  # len() fails where the length does not fit into a machine word
        too_big("a range", MAX_RANGE, "items")
    return numbers


def _round(number: Any, ndigits: Any = None) -> Any:
    if isinstance(number, int) and isinstance(ndigits, int):
        bits(abs(ndigits))  # CPython computes ten to this power
    return round(number, ndigits)


def _iter(*arguments: Any) -> Iterator[Any]:
    return iter(*arguments) if len(arguments) < 2 else _ticking(iter(*arguments))


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


def product(*iterables: Iterable[Any], repeat: int = 1) -> Iterator[Any]:
    """`itertools.product`."""
    pools = [tuple(sized(iterable)) for iterable in iterables]
    if isinstance(repeat, int) and len(pools) * repeat > MAX_NESTED_REPEATS:
        too_big("a product", MAX_NESTED_REPEATS, "factors")
    return _ticking(itertools.product(*pools, repeat=repeat))


def permutations(iterable: Iterable[Any], r: int | None = None) -> Iterator[Any]:
    """`itertools.permutations`."""
    pool = tuple(sized(iterable))
    return _ticking(itertools.permutations(pool, r))


def chain(*iterables: Iterable[Any]) -> Iterator[Any]:
    """`itertools.chain`."""
    return _ticking(itertools.chain(*iterables))


chain.from_iterable = ticking_function(itertools.chain.from_iterable)  # type: ignore[attr-defined]


def re_sub(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> str:
    """`re.sub`."""
    guards.check_substitution(repl, string)
    result: str = re.compile(pattern, flags).sub(repl, string, count)
    return result


def re_subn(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> tuple[str, int]:
    """`re.subn`."""
    guards.check_substitution(repl, string)
    result: tuple[str, int] = re.compile(pattern, flags).subn(repl, string, count)
    return result


def _contains(container: Any, value: Any, /) -> bool:
    return value in container


OPERATORS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(operator, name)
        for name in "sub truediv floordiv neg pos abs not_ and_ or_ xor eq ne lt le gt ge is_ is_not truth getitem".split()
    },
    "add": guards.add,
    "concat": guards.add,
    "mul": guards.mul,
    "mod": guards.mod,
    "pow": lambda a, b: guards.power(a, b),
    "contains": _contains,
}

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
    "abs bool dict divmod float frozenset int isinstance issubclass len list next repr reversed set slice str tuple "
    "ord chr callable bin hex oct True False None NotImplemented Ellipsis Exception ValueError TypeError KeyError "
    "IndexError ZeroDivisionError AttributeError RuntimeError StopIteration NameError UnboundLocalError NotImplementedError "
    "AssertionError ArithmeticError LookupError OverflowError FloatingPointError RecursionError UnicodeError "
    "OSError ImportError EOFError TimeoutError BufferError"
).split()

BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in _AS_THEY_ARE} | {
    **{name: _sized_first(getattr(builtins, name)) for name in ("min", "max", "sorted", "any", "all")},
    **{name: ticking_function(getattr(builtins, name)) for name in ("filter", "zip", "enumerate")},
    "map": _map,
    "sum": _sum,
    "range": _range,
    "round": _round,
    "iter": _iter,
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
    "_in_place_": guards.in_place,
    "_in_place_item_": guards.in_place_item,
    "_grow_": meter.grow,
    "_text_": text,
    "_lazy_": lazy,
    "_spec_": guards.spec,
    "_name_": name_of,
    "_type_": _type,
    "_method_": guards.method,
    **{f"_{name}_": function for name, function in guards.METHODS.items()},
}
"""What programs find without importing it, and the names that only the instrumentation can write."""
