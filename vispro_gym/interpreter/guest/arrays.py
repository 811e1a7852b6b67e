"""The array of the small numpy that programs may import: one or two dimensions, of bools, integers, floats or texts.

It computes what numpy 2 computes, or refuses with an exception; it is never silently different. Integers are those of 64
bits, and a result that does not fit raises OverflowError where numpy would wrap around. Single items are plain Python
values. The text of an array is the one thing that looks different.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vispro_gym.interpreter.guest import meter

MAX_ELEMENTS = 10_000

BOOL, INT, FLOAT, TEXT = range(4)
_KINDS: dict[type, int] = {bool: BOOL, int: INT, float: FLOAT, str: TEXT}
_TYPES: tuple[type, ...] = (bool, int, float, str)

Shape = tuple[int, ...]


class Array:
    """Values in a list, and the places in it that belong to the array: a slice of an array shares its list."""

    __slots__ = ("_kind", "_shape", "_values", "_where")
    __hash__ = None  # type: ignore[assignment]
    _kind: int
    _shape: Shape
    _values: list[Any]
    _where: Sequence[int]

    def __init__(self, values: list[Any], shape: Shape, kind: int, where: Sequence[int] | None = None) -> None:
        self._values = values
        self._shape = shape
        self._kind = kind
        self._where = range(len(values)) if where is None else where

    @property
    def shape(self) -> Shape:
        """Number of items along each dimension."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of dimensions, 1 or 2."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self._where)

    @property
    def T(self) -> Array:
        """The array with its dimensions exchanged; it shares its items."""
        if len(self._shape) == 1:
            return self
        rows, columns = self._shape
        bounded(self.size)
        return Array(self._values, (columns, rows), self._kind, [i for c in range(columns) for i in self._where[c::columns]])

    def __len__(self) -> int:
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(flat(self) if len(self._shape) == 1 else [self[i] for i in range(len(self))])

    def __contains__(self, value: Any) -> bool:
        return any(flat(compare(operator.eq, self, value)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of an array of {self.size} elements is ambiguous. Use a.any() or a.all()")
        return bool(self._values[self._where[0]])

    def __getitem__(self, index: Any) -> Any:
        places, shape, shared = self._select(index)
        if isinstance(places, int):
            return self._values[places]
        if shared:
            return Array(self._values, shape, self._kind, places)
        return Array([self._values[i] for i in places], shape, self._kind)

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._kind == TEXT:
            raise TypeError("an array of texts cannot be changed")
        places, shape, _ = self._select(index)
        if isinstance(places, int):
            self._values[places] = _converted(value, self._kind)
        else:
            (values,) = broadcast(operand(value), shape=shape)
            converted = [_converted(v, self._kind) for v in itertools.islice(values, len(places))]
            for place, item in zip(places, converted, strict=True):
                self._values[place] = item

    def _select(self, index: Any) -> tuple[Any, Shape, bool]:
        """Places of the items that an index selects, the shape of the selection, and whether it shares its items."""
        if isinstance(index, tuple):
            return self._select_both(index)
        if type(index) is int:
            i = _place(index, len(self))
            if len(self._shape) == 1:
                return self._where[i], (), False
            columns = bounded(self._shape[1])
            return self._where[i * columns : (i + 1) * columns], (columns,), True
        if isinstance(index, Array) and index._kind == BOOL and index._shape == self._shape:
            places = [i for i, chosen in zip(self._where, flat(index), strict=True) if chosen]
            return places, (len(places),), False
        chosen = _chosen(index, len(self))
        if len(self._shape) == 1:
            bounded(len(chosen))
            return [self._where[i] for i in chosen], (len(chosen),), isinstance(index, slice)
        columns = self._shape[1]
        bounded(len(chosen) * columns)
        places = [i for row in chosen for i in self._where[row * columns : (row + 1) * columns]]
        return places, (len(chosen), columns), isinstance(index, slice)

    def _select_both(self, index: tuple[Any, ...]) -> tuple[Any, Shape, bool]:
        if len(index) != 2 or len(self._shape) != 2 or not all(isinstance(i, slice) or type(i) is int for i in index):
            raise IndexError(f"an array of {len(self._shape)} dimensions takes one integer or slice for each")
        columns = self._shape[1]
        parts = [_chosen([i] if type(i) is int else i, n) for i, n in zip(index, self._shape, strict=True)]
        rows, places = parts
        bounded(len(rows) * len(places))
        where = [self._where[row * columns + column] for row in rows for column in places]
        shape = tuple(len(part) for part, i in zip(parts, index, strict=True) if isinstance(i, slice))
        return (where, shape, True) if shape else (where[0], (), False)

    def tolist(self) -> list[Any]:
        """The items in a list, or in a list for each row."""
        values = flat(self)
        if len(self._shape) == 1:
            return values
        rows, columns = self._shape
        return [values[i * columns : (i + 1) * columns] for i in range(rows)]

    def item(self) -> Any:
        """The only item."""
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._values[self._where[0]]

    def copy(self) -> Array:
        """An array with items of its own."""
        return Array(flat(self), self._shape, self._kind)

    def flatten(self) -> Array:
        """A copy with one dimension."""
        return Array(flat(self), (self.size,), self._kind)

    def astype(self, dtype: Any) -> Array:
        """A copy with items of type bool, int or float."""
        kind = kind_of_type(dtype)
        if self._kind == TEXT:
            raise TypeError("texts cannot be converted, use a comprehension")
        return Array([_converted(v, kind) for v in flat(self)], self._shape, kind)

    def __repr__(self) -> str:
        return f"array({self._text(', ')})"

    def __str__(self) -> str:
        return self._text(" ")

    def _text(self, separator: str) -> str:
        values = flat(self)
        meter.characters(sum(len(v) if type(v) is str else 25 for v in values))
        texts = [repr(v) for v in values]
        if len(self._shape) == 1:
            return f"[{separator.join(texts)}]"
        rows, columns = self._shape
        lines = (separator.join(texts[i * columns : (i + 1) * columns]) for i in range(rows))
        return f"[{separator.join(f'[{line}]' for line in lines)}]"


# From and to plain values.


def bounded(size: int) -> int:
    """Accounts for an array of so many items, which Python goes through one by one."""
    if size < 0:
        raise ValueError("negative dimensions are not allowed")
    if size > MAX_ELEMENTS:
        raise ValueError(f"arrays have at most {MAX_ELEMENTS:,} elements, expected fewer than {size:,}")
    meter.current.charge(size)
    return size


def flat(array: Array) -> list[Any]:
    """The items of an array in a new list."""
    bounded(array.size)
    return [array._values[i] for i in array._where]


def kind_of(value: Any) -> int:
    """The kind of a plain value."""
    kind = _KINDS.get(type(value))
    if kind is None:
        raise TypeError(f"arrays hold bools, numbers or texts, got {type(value).__name__}")
    if kind == INT:
        fitting(value)
    if kind == TEXT and "\0" in value:
        raise ValueError("texts in arrays cannot hold NUL characters")
    return kind


def kind_of_type(dtype: Any) -> int:
    """The kind that `dtype=` names."""
    if dtype in (bool, int, float):
        return _KINDS[dtype]
    raise TypeError("dtype must be bool, int or float")


def fitting(value: int) -> int:
    """An integer of 64 bits."""
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("integers in arrays have at most 64 bits")
    return value


def _converted(value: Any, kind: int) -> Any:
    if kind_of(value) == TEXT:
        raise TypeError("expected a number, got str")
    return fitting(int(value)) if kind == INT else _TYPES[kind](value)


def common_kind(kinds: set[int]) -> int:
    """The kind that holds values of all the given kinds."""
    if TEXT in kinds and len(kinds) > 1:
        raise TypeError("texts and numbers do not mix in arrays")
    return max(kinds, default=FLOAT)


def to_kind(values: list[Any], kind: int) -> list[Any]:
    """Values of lower kinds as values of the given one."""
    return list(map(_TYPES[kind], values))


def array_of(value: Any) -> Array:
    """An array from an array (itself), a list, tuple or range, or a list of such.

    Raises:
        TypeError: If it is or holds something else.
        ValueError: If it has too many items or dimensions, or rows of different lengths.
    """
    if isinstance(value, Array):
        return value
    if not isinstance(value, list | tuple | range):
        raise TypeError(f"expected an array, list, tuple or range of numbers, got {type(value).__name__}")
    bounded(len(value))
    items: list[Any] = list(value)
    nested = [isinstance(item, list | tuple | range | Array) for item in items]
    if not any(nested):
        kind = common_kind({kind_of(item) for item in items})
        return Array(to_kind(items, kind), (len(items),), kind)
    if not all(nested):
        raise ValueError("the list holds both numbers and lists")
    bounded(sum(map(len, items)))
    if any(isinstance(item, list | tuple | range | Array) for row in items for item in row):
        raise ValueError("arrays have at most two dimensions")
    rows = [array_of(row) for row in items]
    if len({row._shape for row in rows}) != 1:
        raise ValueError("the rows of an array must have the same length")
    kind = common_kind({row._kind for row in rows})
    values = [item for row in rows for item in flat(row)]
    return Array(to_kind(values, kind), (len(rows), len(rows[0])), kind)


def operand(value: Any) -> Any:
    """A plain value as it is, everything else as an array."""
    if type(value) in _KINDS:
        kind_of(value)
        return value
    return array_of(value)


def operand_kind(value: Any) -> int:
    """The kind of an operand."""
    return value._kind if isinstance(value, Array) else _KINDS[type(value)]


def _place(index: int, length: int) -> int:
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of bounds for an axis with size {length}")
    return index % length


def _chosen(index: Any, length: int) -> Sequence[int]:
    if isinstance(index, slice):
        return range(length)[index]
    if not isinstance(index, list | Array):
        raise IndexError(f"expected an integer, slice, list or array as index, got {type(index).__name__}")
    if len(index) == 0 and isinstance(index, list):
        return []
    chosen = array_of(index)
    if chosen._kind not in (BOOL, INT) or len(chosen._shape) != 1:
        raise IndexError("an array used as index must hold integers or bools in one dimension")
    if chosen._kind == INT:
        return [_place(i, length) for i in flat(chosen)]
    if len(chosen) != length:
        raise IndexError(f"a mask of {len(chosen)} bools does not match {length} elements")
    return [i for i, value in enumerate(flat(chosen)) if value]


# Operations item by item.


def broadcast(*operands: Any, shape: Shape | None = None) -> list[Any]:
    """The items of each operand, repeated to the common shape; a single value without end."""
    if shape is None:
        shape = common_shape(*operands)
    return [_expanded(o, shape) if isinstance(o, Array) else itertools.repeat(o) for o in operands]


def common_shape(*operands: Any) -> Shape:
    """The shape of a result of several operands."""
    shapes = [o._shape for o in operands if isinstance(o, Array)]
    dimensions = max(map(len, shapes))
    padded = [(1,) * (dimensions - len(shape)) + shape for shape in shapes]
    result = []
    for lengths in zip(*padded, strict=True):
        different = set(lengths) - {1}
        if len(different) > 1:
            raise ValueError(f"operands could not be broadcast together with shapes {' '.join(map(str, shapes))}")
        result.append(different.pop() if different else 1)
    bounded(math.prod(result))
    return tuple(result)


def _expanded(array: Array, shape: Shape) -> list[Any]:
    values = flat(array)
    if array._shape == shape:
        return values
    own = (1,) * (len(shape) - len(array._shape)) + array._shape
    if len(own) > len(shape) or any(n not in (1, m) for n, m in zip(own, shape, strict=True)):
        raise ValueError(f"could not broadcast an array of shape {array._shape} into shape {shape}")
    rows, columns = (1, *shape)[-2:]
    own_rows, own_columns = (1, *own)[-2:]
    return [
        values[(r if own_rows > 1 else 0) * own_columns + (c if own_columns > 1 else 0)]
        for r in range(rows)
        for c in range(columns)
    ]


def elementwise(function: Callable[..., Any], kind: int, *operands: Any) -> Any:
    """The function of each item, an array if an operand is one; `function` returns values of the given kind."""
    if not any(isinstance(o, Array) for o in operands):
        return function(*operands)
    shape = common_shape(*operands)
    return Array(list(map(function, *broadcast(*operands, shape=shape))), shape, kind)


def compare(function: Callable[[Any, Any], bool], a: Any, b: Any) -> Any:
    """A comparison item by item."""
    a, b = operand(a), operand(b)
    if common_kind({operand_kind(a), operand_kind(b)}) == FLOAT:
        return elementwise(lambda x, y: function(float(x), float(y)), BOOL, a, b)
    return elementwise(function, BOOL, a, b)
