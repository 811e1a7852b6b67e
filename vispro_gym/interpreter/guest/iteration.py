"""Lazy iterators and functions that go through many items: a step for every item that they take, whoever asks for it.

Iterators are generators wherever they can hold another one: C code that nests lazy iterators deeply overflows the C stack,
while generators raise RecursionError.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vispro_gym.interpreter.guest import guards, meter, methods
from vispro_gym.interpreter.guest.meter import ITEMS_PER_STEP, items, sized, too_big

MAX_NESTED_REPEATS = 100
STEPS_PER_NESTING = 50


def ticking(iterable: Iterable[Any], extra: int = 0) -> Iterator[Any]:
    """The items, each for a step and so many more."""
    steps = 1 + extra
    charge = meter.current.charge
    for item in iterable:
        charge(steps)
        yield item


def lazy(iterable: Any) -> Any:
    """Accounts for a lazy iterator over something: over another lazy iterator it costs, which bounds how deep they nest."""
    if hasattr(iterable, "__next__"):
        meter.current.charge(STEPS_PER_NESTING)
    return iterable


def of_results(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns a lazy iterator, with a step per item that comes out."""

    def guarded(*arguments: Any, **named: Any) -> Iterator[Any]:
        for argument in arguments:
            lazy(argument)
        return ticking(function(*arguments, **named))

    return guarded


def of_sources(function: Callable[..., Any], source: int) -> Callable[..., Any]:
    """A function that returns a lazy iterator and may pass over items of its source, with a step per item that goes in.

    Args:
        function: The function.
        source: Position of the source among its arguments.
    """

    def passing(*arguments: Any, **named: Any) -> Iterator[Any]:
        if len(arguments) > source:
            iterable = ticking(iter(lazy(arguments[source])))
            arguments = (*arguments[:source], iterable, *arguments[source + 1 :])
        return _passed_on(function(*arguments, **named))

    return passing


def _passed_on(iterable: Iterable[Any]) -> Iterator[Any]:
    yield from iterable


def map_(function: Any, /, *iterables: Iterable[Any]) -> Iterator[Any]:
    """`map`."""
    if function is str:
        function = methods.plain_str
    elif function is int and len(iterables) > 1:
        function = guards.int_of_base
    for iterable in iterables:
        lazy(iterable)
    return ticking(map(function, *iterables))


def sum_(values: Iterable[Any], /, start: Any = 0) -> Any:
    """`sum`."""
    if isinstance(values, list | tuple) and set(map(type, sized(values))) <= {int, bool} and type(start) is int:
        meter.bits(max((value.bit_length() for value in values), default=0))
        return sum(values, start)
    if isinstance(start, str):
        raise TypeError("sum() can't sum strings [use ''.join(seq) instead]")
    for value in ticking(values):  # one after the other, because CPython adds floats in another way from 3.12 on
        start = guards.add(start, value)
    return start


def iter_(*arguments: Any) -> Iterator[Any]:
    """`iter`."""
    return iter(*arguments) if len(arguments) < 2 else ticking(iter(*arguments))


def reduce_(function: Any, iterable: Any, /, *initial: Any) -> Any:
    """`functools.reduce`."""
    return functools.reduce(function, ticking(iter(iterable)), *initial)


def groupby(iterable: Iterable[Any], key: Any = None) -> Iterator[tuple[Any, Iterator[Any]]]:
    """`itertools.groupby`. CPython's own reads freed memory if a comparison of keys asks for the next item."""
    source = ticking(iter(lazy(iterable)))
    pending = [(key(item) if key else item, item) for item in itertools.islice(source, 1)]  # the item that ended the last group

    def group(name: Any) -> Iterator[Any]:
        while pending and pending[0][0] == name:
            yield pending.pop()[1]
            for item in source:
                pending[:] = [(key(item) if key else item, item)]
                break

    while pending:
        name = pending[0][0]
        members = group(name)
        yield name, members
        for _ in members:
            pass


def product(*iterables: Iterable[Any], repeat: int = 1) -> Iterator[Any]:
    """`itertools.product`."""
    pools = [tuple(sized(iterable)) for iterable in iterables]
    if isinstance(repeat, int) and len(pools) * repeat > MAX_NESTED_REPEATS:
        too_big("a product", MAX_NESTED_REPEATS, "factors")
    return ticking(itertools.product(*pools, repeat=repeat))


def selections(function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    """`itertools.permutations` and its kind: their items can be long."""

    def guarded(iterable: Iterable[Any], r: int | None = None) -> Iterator[Any]:
        pool = tuple(sized(iterable))
        length = r if isinstance(r, int) else len(pool)
        items(length)
        return ticking(function(pool) if r is None else function(pool, r), max(0, length) // ITEMS_PER_STEP)

    return guarded


def tee(iterable: Any, n: int = 2, /) -> Any:
    """`itertools.tee`."""
    if isinstance(n, int):
        items(n)
    return itertools.tee(iterable, n)


def chain(*iterables: Iterable[Any]) -> Iterator[Any]:
    """`itertools.chain`."""
    return ticking(itertools.chain(*iterables))


chain.from_iterable = of_results(itertools.chain.from_iterable)  # type: ignore[attr-defined]

ITERTOOLS: dict[str, Any] = {
    **{
        name: of_results(getattr(itertools, name))
        for name in "accumulate count cycle pairwise repeat starmap zip_longest".split()
    },
    **{name: of_sources(getattr(itertools, name), 1) for name in ("dropwhile", "filterfalse", "takewhile")},
    **{name: of_sources(getattr(itertools, name), 0) for name in ("compress", "islice")},
    **{name: selections(getattr(itertools, name)) for name in ("combinations", "combinations_with_replacement", "permutations")},
    **{"chain": chain, "groupby": groupby, "product": product, "tee": tee},
}
"""What `import itertools` gives to programs."""

BUILTINS: dict[str, Any] = {
    **{"filter": of_sources(filter, 1), "zip": of_results(zip), "enumerate": of_results(enumerate)},
    **{"map": map_, "sum": sum_, "iter": iter_},
}


def _contains(container: Any, value: Any, /) -> bool:
    return value in sized(container)


OPERATORS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(operator, name)
        for name in "sub truediv neg pos abs not_ and_ or_ xor eq ne lt le gt ge is_ is_not truth getitem".split()
    },
    **{"add": guards.add, "concat": guards.add, "mul": guards.mul, "mod": guards.mod, "floordiv": guards.floordiv},
    **{"pow": lambda a, b: guards.power(a, b), "contains": _contains},
}
"""What `import operator` gives to programs, but for the getters."""
