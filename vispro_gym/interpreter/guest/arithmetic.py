"""Arithmetic of arrays, item by item, and the operators of `Array`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest.arrays import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    Array,
    common_kind,
    compare,
    elementwise,
    fitting,
    flat,
    operand,
    operand_kind,
)

_MAX_POWER_BITS = 128


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _floor_divide(a: Any, b: Any) -> Any:
    if b:
        return a // b
    return 0 if type(a) is int else _divide(a, b)


def _remainder(a: Any, b: Any) -> Any:
    if b:
        return a % b
    return 0 if type(a) is int else math.nan


def power_of(a: Any, b: Any) -> Any:
    """`a ** b` of two integers or two floats."""
    if type(a) is int:
        if b < 0:
            raise ValueError("Integers to negative integer powers are not allowed.")
        if a.bit_length() * b > _MAX_POWER_BITS and a not in (-1, 0, 1):
            raise OverflowError("integers in arrays have at most 64 bits")
        return a**b
    if b == 2:
        return a * a  # what numpy does; the last digit of pow() can differ
    try:
        return math.pow(a, b)
    except ValueError:
        if a != 0:
            return math.nan
        return -math.inf if b % 2 == 1 and math.copysign(1.0, a) < 0 else math.inf
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf


def _larger(a: Any, b: Any) -> Any:
    return a if a >= b or a != a else b


def _smaller(a: Any, b: Any) -> Any:
    return a if a <= b or a != a else b


def _of_integers(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: fitting(function(int(a), int(b)))


def _of_floats(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: function(float(a), float(b))


_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "power": power_of,
    "maximum": _larger,
    "minimum": _smaller,
}
_INTEGERS = {name: _of_integers(function) for name, function in _BOTH.items()}
_FLOATS = {name: _of_floats(function) for name, function in _BOTH.items()} | {"divide": _of_floats(_divide)}
# numpy computes these on bools without making numbers of them.
_BOOLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.or_,
    "multiply": operator.and_,
    "maximum": operator.or_,
    "minimum": operator.and_,
}
_LOGICAL: dict[str, Callable[[Any, Any], Any]] = {
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
}


def binary(name: str, a: Any, b: Any) -> Any:
    """The function of numpy of that name, of two arrays, lists or plain values.

    Raises:
        TypeError: If the operands are not of a kind that the function takes.
        OverflowError: If an integer does not fit into 64 bits.
        ValueError: If the shapes do not fit, or for a negative power of an integer.
    """
    a, b = operand(a), operand(b)
    kind = common_kind({operand_kind(a), operand_kind(b)})
    if name == "divide" and kind < FLOAT:
        kind = FLOAT
    table = {BOOL: _BOOLS | _LOGICAL, INT: _INTEGERS, FLOAT: _FLOATS}.get(kind, {})
    if name not in table:
        raise TypeError(f"{name} is not available for arrays of {('bools', 'integers', 'floats', 'texts')[kind]}")
    return elementwise(table[name], kind, a, b)


def unary(a: Any, of_number: Callable[[Any], Any], of_float: Callable[[Any], Any] | None = None) -> Any:
    """A function of each number; bools are refused, because numpy computes with them in 16 bits."""
    a = operand(a)
    kind = operand_kind(a)
    if kind in (BOOL, TEXT):
        raise TypeError("expected numbers")
    if kind == INT:
        return elementwise(lambda x: fitting(of_number(x)), INT, a)
    return elementwise(of_float or of_number, FLOAT, a)


def absolute(a: Any, /) -> Any:
    """`numpy.abs`."""
    a = operand(a)
    return a if operand_kind(a) == BOOL else unary(a, abs)


def _inverted(a: Array) -> Any:
    if operand_kind(a) != BOOL:
        raise TypeError("~ is available for arrays of bools")
    return elementwise(operator.not_, BOOL, a)


def _replace(array: Array, result: Any) -> Array:
    """Puts a result into an array in place."""
    if not isinstance(result, Array) or result._shape != array._shape:
        raise ValueError("the result of an operation in place must have the shape of the array")
    if result._kind > array._kind:
        raise TypeError("the result of an operation in place does not fit the type of the array, use a = a + b")
    array[:] = result
    return array


def _mixes(value: Any) -> bool:
    return isinstance(value, Array | list | tuple | range | bool | int | float | str)


def _add_operator(symbol: str, name: str) -> None:
    def forward(self: Array, other: Any) -> Any:
        return binary(name, self, other) if _mixes(other) else NotImplemented

    def reflected(self: Array, other: Any) -> Any:
        return binary(name, other, self) if _mixes(other) else NotImplemented

    def in_place(self: Array, other: Any) -> Any:
        return _replace(self, binary(name, self, other)) if _mixes(other) else NotImplemented

    for prefix, method in (("", forward), ("r", reflected), ("i", in_place)):
        setattr(Array, f"__{prefix}{symbol}__", method)


def _add_comparison(symbol: str) -> None:
    function = getattr(operator, symbol)
    setattr(Array, f"__{symbol}__", lambda self, other: compare(function, self, other))


for _symbol, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}.items():
    _add_operator(_symbol, _name)
for _symbol in ("eq", "ne", "lt", "le", "gt", "ge"):
    _add_comparison(_symbol)
for _symbol, _function in {
    "neg": lambda self: unary(self, operator.neg),
    "pos": lambda self: unary(self, operator.pos),
    "abs": absolute,
    "invert": _inverted,
}.items():
    setattr(Array, f"__{_symbol}__", _function)


# Sums as numpy adds: in pairs of halves, so that the last digit is the same.


def total(values: list[Any]) -> Any:
    """The sum of integers, or of floats."""
    if values and type(values[0]) is int:
        return fitting(sum(values))
    return 0.0 + _pairwise(values)


def _pairwise(values: list[float]) -> float:
    size = len(values)
    if size < 8:
        result = -0.0
        for value in values:
            result += value
        return result
    if size > 128:
        half = size // 2
        half -= half % 8
        return _pairwise(values[:half]) + _pairwise(values[half:])
    r = values[:8]
    whole = size - size % 8
    for i in range(8, whole, 8):
        r = [a + b for a, b in zip(r, values[i : i + 8], strict=True)]
    result = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
    for value in values[whole:]:
        result += value
    return result


def numbers_in(array: Array) -> list[Any]:
    """The items of an array as integers or floats; a bool counts as 0 or 1."""
    if array._kind == TEXT:
        raise TypeError("expected numbers, got texts")
    return list(map(int, flat(array))) if array._kind == BOOL else flat(array)
