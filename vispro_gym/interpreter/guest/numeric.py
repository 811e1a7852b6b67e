"""The small numpy that programs may import: the functions that visual programs use, in pure Python.

The real numpy is too large a surface for a process that runs hostile programs. What is here takes plain values, lists and
arrays of one or two dimensions, and returns what numpy 2 returns, but for plain scalars in the place of numpy's own.
Options that are not here are refused by the signatures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest import reductions
from vispro_gym.interpreter.guest.arithmetic import absolute, binary, numbers_in, total, unary
from vispro_gym.interpreter.guest.arrays import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    Array,
    array_of,
    bounded,
    broadcast,
    common_kind,
    common_shape,
    elementwise,
    fitting,
    flat,
    kind_of_type,
    operand,
    operand_kind,
    to_kind,
)
from vispro_gym.interpreter.guest.reductions import integer

# Functions of each item.

_MAX_DECIMALS = 100


def _rounded(value: float, decimals: int) -> float:
    if not math.isfinite(value):
        return value
    scale = 10.0 ** abs(decimals)
    scaled = value * scale if decimals >= 0 else value / scale
    if not math.isfinite(scaled):
        return scaled
    whole = math.copysign(float(round(scaled)), value)
    return whole / scale if decimals >= 0 else whole * scale


def array_round(a: Any, decimals: int = 0) -> Any:
    """`numpy.round`."""
    a = operand(a)
    if not -_MAX_DECIMALS <= integer(decimals) <= _MAX_DECIMALS:
        raise ValueError(f"expected at most {_MAX_DECIMALS} decimals, got {decimals}")
    if decimals < 0 and operand_kind(a) == INT:
        raise ValueError("integers are rounded to zero or more decimals only")
    return unary(a, lambda value: value, lambda value: _rounded(value, decimals))


def _towards(function: Callable[[float], int]) -> Callable[[Any], Any]:
    def of_each(a: Any, /) -> Any:
        return unary(a, lambda n: n, lambda x: math.copysign(float(function(x)), x) if math.isfinite(x) else x)

    return of_each


def _sign(value: Any) -> Any:
    return (value > 0) - (value < 0)


def sign(a: Any, /) -> Any:
    """`numpy.sign`."""
    return unary(a, _sign, lambda value: value if value != value else float(_sign(value)))


def _real(function: Callable[[float], float], outside: float = math.nan) -> Callable[[Any], Any]:
    """A function of `math` for each item, with numpy's values where `math` raises."""

    def of_float(value: Any) -> float:
        try:
            return function(float(value))
        except ValueError:
            return outside if value == 0 else math.nan
        except OverflowError:
            return math.inf

    def of_each(a: Any, /) -> Any:
        a = operand(a)
        if operand_kind(a) in (BOOL, TEXT):
            raise TypeError("expected numbers")
        return elementwise(of_float, FLOAT, a)

    return of_each


def _real_of_two(function: Callable[[float, float], float]) -> Callable[[Any, Any], Any]:
    def of_each(a: Any, b: Any, /) -> Any:
        a, b = operand(a), operand(b)
        if not {operand_kind(a), operand_kind(b)} <= {INT, FLOAT}:
            raise TypeError("expected numbers")
        return elementwise(lambda x, y: function(float(x), float(y)), FLOAT, a, b)

    return of_each


def _test(function: Callable[[float], bool]) -> Callable[[Any], Any]:
    def of_each(a: Any, /) -> Any:
        a = operand(a)
        if operand_kind(a) == TEXT:
            raise TypeError("expected numbers")
        return elementwise(lambda value: function(float(value)), BOOL, a)

    return of_each


def _binary(name: str) -> Callable[[Any, Any], Any]:
    return lambda a, b, /: binary(name, a, b)


def square(a: Any, /) -> Any:
    """`numpy.square`."""
    return unary(a, lambda value: value * value)


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    """`numpy.isclose`."""
    if not all(type(tolerance) in (int, float) for tolerance in (rtol, atol)):
        raise TypeError("isclose() expects tolerances that are numbers")
    a, b = operand(a), operand(b)
    if TEXT in (operand_kind(a), operand_kind(b)):
        raise TypeError("expected numbers")

    def close(x: Any, y: Any) -> bool:
        x, y = float(x), float(y)
        return x == y or (math.isfinite(y) and abs(x - y) <= atol + rtol * abs(y))

    return elementwise(close, BOOL, a, b)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """`numpy.allclose`."""
    close = isclose(a, b, rtol, atol)
    return all(flat(close)) if isinstance(close, Array) else bool(close)


def _logical(function: Callable[..., bool], count: int) -> Callable[..., Any]:
    def of_each(*arrays: Any) -> Any:
        operands = [operand(a) for a in arrays]
        if len(operands) != count or TEXT in map(operand_kind, operands):
            raise TypeError(f"expected numbers or truth values, {count} of them")
        return elementwise(function, BOOL, *operands)

    return of_each


def append(arr: Any, values: Any) -> Array:
    """`numpy.append` without an axis: everything in one dimension."""
    parts = [array_of(part if isinstance(part, Array | list | tuple) else [part]) for part in (arr, values)]
    return concatenate([Array(flat(part), (part.size,), part._kind) for part in parts])


def clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    """`numpy.clip`."""
    if a_min is None and a_max is None:
        raise ValueError("clip() expects a_min, a_max or both")
    if a_min is not None:
        a = binary("maximum", a, a_min)
    return a if a_max is None else binary("minimum", a, a_max)


def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """`numpy.where` with one argument or three."""
    condition = operand(condition)
    if operand_kind(condition) == TEXT:
        raise TypeError("where() expects a condition, got texts")
    if x is None or y is None:
        if x is not None or y is not None:
            raise ValueError("either both or neither of x and y should be given")
        if not isinstance(condition, Array):
            raise TypeError("where() expects an array")
        columns = condition.shape[-1]
        places = [i for i, value in enumerate(flat(condition)) if value]
        if condition.ndim == 1:
            return (Array(places, (len(places),), INT),)
        return tuple(
            Array(indices, (len(places),), INT) for indices in ([i // columns for i in places], [i % columns for i in places])
        )
    x, y = operand(x), operand(y)
    kind = common_kind({operand_kind(x), operand_kind(y)})
    if not any(isinstance(o, Array) for o in (condition, x, y)):
        return to_kind([x if condition else y], kind)[0]
    shape = common_shape(condition, x, y)
    chosen = [a if c else b for c, a, b in zip(*broadcast(condition, x, y, shape=shape), strict=False)]
    return Array(to_kind(chosen, kind), shape, kind)


# Making arrays, and functions of whole arrays.


def array(object: Any, dtype: Any = None) -> Array:
    """`numpy.array` of a list, a tuple, a range, an array, or a list of such."""
    result = array_of(object)
    return result.copy() if dtype is None else result.astype(dtype)


def asarray(a: Any, dtype: Any = None) -> Array:
    """`numpy.asarray`."""
    return a if isinstance(a, Array) and dtype is None else array(a, dtype)


def full(shape: Any, fill_value: Any) -> Array:
    """`numpy.full`."""
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if not 1 <= len(shape) <= 2 or not all(integer(n) >= 0 for n in shape):
        raise ValueError("a shape must be one or two lengths")
    for length in shape:
        bounded(length)  # where another one is 0, the product is, too
    size = bounded(math.prod(shape))
    kind = operand_kind(operand(fill_value))
    if isinstance(fill_value, Array | list | tuple):
        raise TypeError("full() expects a single value")
    return Array([fill_value] * size, shape, kind)


def zeros(shape: Any, dtype: Any = float) -> Array:
    """`numpy.zeros`."""
    return full(shape, to_kind([0], kind_of_type(dtype))[0])


def ones(shape: Any, dtype: Any = float) -> Array:
    """`numpy.ones`."""
    return full(shape, to_kind([1], kind_of_type(dtype))[0])


def arange(*bounds: Any) -> Array:
    """`numpy.arange(stop)`, `(start, stop)` or `(start, stop, step)`."""
    if not 1 <= len(bounds) <= 3 or not all(type(n) in (int, float) for n in bounds):
        raise TypeError("arange() expects one to three numbers")
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if not step or not all(map(math.isfinite, bounds)):
        raise ValueError("arange() expects finite numbers and a step that is not zero")
    if all(type(n) is int for n in bounds):
        size = bounded(max(0, -((start - fitting(stop)) // fitting(step))))
        return Array([fitting(start) + i * step for i in range(size)], (size,), INT)
    count = (stop - start) / step
    if not math.isfinite(count):
        raise ValueError("arange() expects fewer numbers")
    size = bounded(max(0, math.ceil(count)))
    delta = (float(start) + step) - start
    return Array([start + i * delta if i else float(start) for i in range(size)], (size,), FLOAT)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Array:
    """`numpy.linspace`."""
    if not all(type(n) in (int, float) for n in (start, stop)):
        raise TypeError("linspace() expects numbers")
    if integer(num) < 0:
        raise ValueError(f"number of samples, {num}, must be non-negative")
    size = bounded(num)
    parts = size - 1 if endpoint else size
    delta = float(stop) - start
    step = delta / parts if parts > 0 else math.nan
    values = [(i * step if step and parts > 0 else i / max(parts, 1) * delta) + start for i in range(size)]
    if endpoint and size > 1:
        values[-1] = float(stop)
    return Array(values, (size,), FLOAT)


def _key(value: Any) -> Any:
    """What to sort by: numpy sorts what is not a number to the end."""
    return (value != value, value)


def _vector(a: Any) -> Array:
    result = array_of(a)
    if result.ndim != 1:
        raise ValueError("expected an array of one dimension")
    return result


def array_sort(a: Any) -> Array:
    """`numpy.sort`: every row by itself."""
    source = array_of(a)
    columns = source.shape[-1]
    values = flat(source)
    rows = [sorted(values[i : i + columns], key=_key) for i in range(0, len(values), max(columns, 1))]
    return Array([value for row in rows for value in row], source.shape, source._kind)


def argsort(a: Any, kind: Any = None) -> Array:
    """`numpy.argsort`. Equal items keep their order, which numpy promises for `kind="stable"` only."""
    if kind not in (None, "stable", "mergesort", "quicksort", "heapsort"):
        raise ValueError("sort kind must be 'stable' or 'quicksort'")
    values = flat(_vector(a))
    return Array(sorted(range(len(values)), key=lambda i: _key(values[i])), (len(values),), INT)


def unique(ar: Any, *, return_counts: bool = False) -> Any:
    """`numpy.unique`."""
    source = array_of(ar)
    groups = [list(group) for _, group in itertools.groupby(sorted(flat(source), key=_key), key=lambda v: "nan" if v != v else v)]
    values = Array([group[0] for group in groups], (len(groups),), source._kind)
    return (values, Array([len(group) for group in groups], (len(groups),), INT)) if return_counts else values


def cumsum(a: Any) -> Array:
    """`numpy.cumsum` of all items."""
    source = array_of(a)
    values = list(itertools.accumulate(numbers_in(source)))
    if source._kind != FLOAT:
        values = [fitting(value) for value in values]
    return Array(values, (len(values),), max(source._kind, INT))


def diff(a: Any) -> Any:
    """`numpy.diff` of one dimension."""
    source = _vector(a)
    return binary("subtract", source[1:], source[:-1])


def dot(a: Any, b: Any) -> Any:
    """`numpy.dot` of two vectors."""
    first, second = _vector(a), _vector(b)
    if len(first) != len(second):
        raise ValueError(f"shapes {first.shape} and {second.shape} not aligned")
    if BOOL in (first._kind, second._kind):
        raise TypeError("dot() expects numbers")
    products = flat(binary("multiply", first, second))
    return total(products) if products else 0.0


def concatenate(arrays: Any) -> Array:
    """`numpy.concatenate` of arrays of one dimension."""
    if not isinstance(arrays, list | tuple) or not arrays:
        raise ValueError("need at least one array to concatenate")
    bounded(len(arrays))
    parts = [_vector(part) for part in arrays]
    kind = common_kind({part._kind for part in parts})
    size = bounded(sum(map(len, parts)))
    return Array(to_kind([value for part in parts for value in flat(part)], kind), (size,), kind)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **reductions.FUNCTIONS,
    **{"where": where, "clip": clip},
    **{"abs": absolute, "absolute": absolute, "sign": sign, "square": square, "round": array_round, "around": array_round},
    **{"floor": _towards(math.floor), "ceil": _towards(math.ceil), "trunc": _towards(math.trunc)},
    **{"isnan": _test(math.isnan), "isinf": _test(math.isinf), "isfinite": _test(math.isfinite)},
    **{name: _real(getattr(math, name)) for name in ("sqrt", "exp", "sin", "cos", "tan", "degrees", "radians")},
    **{name: _real(getattr(math, name), -math.inf) for name in ("log", "log2", "log10")},
    **{"hypot": _real_of_two(math.hypot), "arctan2": _real_of_two(math.atan2)},
    **{
        name: _binary(name)
        for name in ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "maximum", "minimum")
    },
    **{"array": array, "asarray": asarray, "zeros": zeros, "ones": ones, "full": full, "arange": arange, "linspace": linspace},
    **{"sort": array_sort, "argsort": argsort, "unique": unique, "cumsum": cumsum, "diff": diff, "dot": dot},
    **{"isclose": isclose, "allclose": allclose, "append": append},
    **{"logical_and": _logical(lambda x, y: bool(x and y), 2), "logical_or": _logical(lambda x, y: bool(x or y), 2)},
    **{"logical_not": _logical(lambda x: not x, 1)},
    **{"concatenate": concatenate, "mod": _binary("remainder")},
}

LINALG: dict[str, Any] = {"norm": reductions.norm}
"""What is in `numpy.linalg` for programs."""

NUMPY: dict[str, Any] = FUNCTIONS | {
    **{"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan},
    **{"float64": float, "int64": int, "bool_": bool},
}
"""What `import numpy` gives to programs, but for `linalg`."""

NUMPY_NAMES: frozenset[str] = frozenset(NUMPY) | frozenset(LINALG) | {"linalg"}

_METHODS = frozenset("mean var std sum prod max min argmax argmin any all clip round argsort cumsum dot".split())
for _name in _METHODS:
    setattr(Array, _name, FUNCTIONS[_name])

ARRAY_ATTRIBUTES: frozenset[str] = _METHODS | {"shape", "ndim", "size", "T", "tolist", "item", "copy", "flatten", "astype"}
"""Names that may follow a dot after an array."""
