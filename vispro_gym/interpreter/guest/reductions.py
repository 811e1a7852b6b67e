"""Functions of the small numpy that make one value of many: of all items of an array, or along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest.arithmetic import numbers_in, total
from vispro_gym.interpreter.guest.arrays import BOOL, FLOAT, INT, Array, array_of, fitting, to_kind


def _reduced(a: Any, axis: Any, kind: Callable[[int], int], function: Callable[[list[Any]], Any]) -> Any:
    """The function of all items, or of every row or column. `kind` is the kind of the result by that of the array."""
    array = a if isinstance(a, Array) else array_of([a] if isinstance(a, bool | int | float) else a)
    values = numbers_in(array)
    result = kind(array._kind)
    if axis is not None and not -array.ndim <= integer(axis) < array.ndim:
        raise ValueError(f"axis {axis} is out of bounds for an array of dimension {array.ndim}")
    if axis is None or array.ndim == 1:
        return to_kind([function(values)], result)[0]
    rows, columns = array.shape
    down = [values[i::columns] for i in range(columns)]
    parts = down if axis % 2 == 0 else [values[i * columns : (i + 1) * columns] for i in range(rows)]
    return Array(to_kind(list(map(function, parts)), result), (len(parts),), result)


def _mean(values: list[Any]) -> float:
    return total(list(map(float, values))) / len(values) if values else math.nan


def _variance(values: list[Any], ddof: int) -> float:
    center = _mean(values)
    squares = total([(value - center) * (value - center) for value in values])
    divisor = max(len(values) - ddof, 0)
    if divisor:
        return float(squares) / divisor
    return math.nan if squares == 0 or squares != squares else math.inf


def _median(values: list[Any]) -> float:
    if not values or any(value != value for value in values):
        return math.nan
    ordered = sorted(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else total(list(map(float, ordered[half - 1 : half + 1]))) / 2


def _best(name: str, function: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def best(values: list[Any]) -> Any:
        if not values:
            raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
        unordered = [value for value in values if value != value]
        return unordered[0] if unordered else function(values)

    return best


_minimum, _maximum = _best("minimum", min), _best("maximum", max)


def _product(values: list[Any]) -> Any:
    result: Any = 1
    for value in values:
        result *= value
        if type(result) is int:
            fitting(result)
    return result


def _float(kind: int) -> int:
    return FLOAT


def _number(kind: int) -> int:
    return max(kind, INT)


def _same(kind: int) -> int:
    return kind


def mean(a: Any, axis: Any = None) -> Any:
    """`numpy.mean`."""
    return _reduced(a, axis, _float, _mean)


def median(a: Any, axis: Any = None) -> Any:
    """`numpy.median`."""
    return _reduced(a, axis, _float, _median)


def var(a: Any, axis: Any = None, *, ddof: int = 0) -> Any:
    """`numpy.var`."""
    return _reduced(a, axis, _float, lambda values: _variance(values, integer(ddof)))


def std(a: Any, axis: Any = None, *, ddof: int = 0) -> Any:
    """`numpy.std`."""
    return _reduced(a, axis, _float, lambda values: math.sqrt(_variance(values, integer(ddof))))


def array_sum(a: Any, axis: Any = None) -> Any:
    """`numpy.sum`."""
    return _reduced(a, axis, _number, total)


def prod(a: Any, axis: Any = None) -> Any:
    """`numpy.prod`."""
    return _reduced(a, axis, _number, _product)


def array_max(a: Any, axis: Any = None) -> Any:
    """`numpy.max`."""
    return _reduced(a, axis, _same, _maximum)


def array_min(a: Any, axis: Any = None) -> Any:
    """`numpy.min`."""
    return _reduced(a, axis, _same, _minimum)


def argmax(a: Any, axis: Any = None) -> Any:
    """`numpy.argmax`: the first of equals."""
    return _reduced(a, axis, lambda kind: INT, lambda values: _index_of(values, _maximum))


def argmin(a: Any, axis: Any = None) -> Any:
    """`numpy.argmin`: the first of equals."""
    return _reduced(a, axis, lambda kind: INT, lambda values: _index_of(values, _minimum))


def _index_of(values: list[Any], best: Callable[[list[Any]], Any]) -> int:
    value = best(values)
    return next(i for i, v in enumerate(values) if v == value or v != v)


def array_any(a: Any, axis: Any = None) -> Any:
    """`numpy.any`."""
    return _reduced(a, axis, lambda kind: BOOL, any)


def array_all(a: Any, axis: Any = None) -> Any:
    """`numpy.all`."""
    return _reduced(a, axis, lambda kind: BOOL, all)


def count_nonzero(a: Any, axis: Any = None) -> Any:
    """`numpy.count_nonzero`."""
    return _reduced(a, axis, lambda kind: INT, lambda values: sum(map(bool, values)))


def quantile(a: Any, q: Any, axis: Any = None) -> Any:
    """`numpy.quantile` for one `q`, between the neighbours in proportion."""
    if type(q) not in (int, float) or not 0 <= q <= 1:
        raise ValueError("Quantiles must be in the range [0, 1]")

    def between(values: list[Any]) -> float:
        if not values:
            raise IndexError("quantile of an empty array")
        if any(value != value for value in values):
            return math.nan
        ordered: list[float] = sorted(map(float, values))
        place = q * (len(ordered) - 1)
        below = int(place)
        low, high, part = ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below
        middle: float = high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
        return middle

    return _reduced(a, axis, _float, between)


def percentile(a: Any, q: Any, axis: Any = None) -> Any:
    """`numpy.percentile` for one `q`."""
    if type(q) not in (int, float) or not 0 <= q <= 100:
        raise ValueError("Percentiles must be in the range [0, 100]")
    return quantile(a, q / 100, axis)


def norm(x: Any, ord: Any = None, *, axis: Any = None) -> Any:
    """`numpy.linalg.norm`: the Euclidean length."""
    if ord is not None and (ord != 2 or (axis is None and isinstance(x, Array) and x.ndim > 1)):
        raise ValueError("norm() is available for vectors, with the order 2")

    def length(values: list[Any]) -> float:
        return math.sqrt(total([float(value) * float(value) for value in values]))

    return _reduced(x, axis, _float, length)


def integer(value: Any) -> int:
    """An option that must be an integer."""
    if type(value) is not int:
        raise TypeError(f"expected an integer, got {type(value).__name__}")
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{"mean": mean, "average": mean, "median": median, "var": var, "std": std, "sum": array_sum, "prod": prod},
    **{"max": array_max, "amax": array_max, "min": array_min, "amin": array_min, "argmax": argmax, "argmin": argmin},
    **{"any": array_any, "all": array_all, "count_nonzero": count_nonzero, "percentile": percentile, "quantile": quantile},
}
