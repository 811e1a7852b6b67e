"""What programs may use: attribute names, modules and builtins, each a closed list.

Programs only ever hold values of a closed set of types: plain values, functions of their own, patches, and what the
modules here hand out. So an allow-list of attribute *names* is enough, and no attribute access needs a check while a
program runs. What can blow up (a string repeated a billion times) is guarded in `guards`, `methods`,
`iteration` and `library`.
"""

from __future__ import annotations

import collections
import functools
import heapq
import itertools
import math
import operator
import re
import statistics
import string
import types
from collections.abc import Callable
from typing import Any, NoReturn

from vispro_gym.interpreter.guest import guards, iteration, library, methods
from vispro_gym.interpreter.guest.numeric import ARRAY_ATTRIBUTES, LINALG, NUMPY, NUMPY_NAMES
from vispro_gym.programs.api import API

_PATTERN_ATTRIBUTES = frozenset(
    "search match fullmatch findall finditer split sub subn group groups groupdict start end span".split()
)
# format_map walks what it is given; hex and the byte conversions have no use here.
_OF_TYPES = frozenset(name for kind in guards.PLAIN_TYPES for name in dir(kind) if not name.startswith("_")) - frozenset(
    "format_map encode to_bytes from_bytes fromhex hex".split()
)


class _TypingName:
    """Stands for any name of `typing`: hints are never evaluated for their meaning."""

    __slots__ = ("_holds",)

    def __init__(self, holds: Callable[[object], bool]) -> None:
        self._holds = holds

    def __getitem__(self, item: object) -> _TypingName:
        return self

    def __instancecheck__(self, value: object) -> bool:
        return self._holds(value)


def _kind(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds)


def _no_kind(value: object) -> bool:
    raise TypeError("isinstance() arg 2 must be a type, a tuple of types, or a union")


_TYPING: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys("Any Generator Iterator Literal Optional Type Union".split(), _no_kind),
    **{"List": _kind(list), "Dict": _kind(dict), "Set": _kind(set), "FrozenSet": _kind(frozenset), "Tuple": _kind(tuple)},
    **{"Counter": _kind(library.Counter), "DefaultDict": _kind(collections.defaultdict), "Deque": _kind(collections.deque)},
    **{"Mapping": _kind(dict), "Sequence": _kind(list, tuple, str, range, collections.deque)},
    **{"Callable": callable, "Iterable": lambda value: hasattr(value, "__iter__")},
}


def _module(name: str, names: dict[str, Any]) -> types.SimpleNamespace:
    """A module for programs. Its type bears the module's name, for messages."""

    def missing(self: object, attribute: str) -> NoReturn:
        methods.missing(self, attribute)

    members = {"__getattr__": missing, "__repr__": lambda self: f"<module {name}>"}
    kind: type[types.SimpleNamespace] = type(name, (types.SimpleNamespace,), members)
    return kind(**names)


def _only(module: types.ModuleType, names: str, **instead: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names.split()} | instead


_CONTENTS: dict[str, dict[str, Any]] = {
    "math": _only(
        math,
        "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees dist e erf erfc exp expm1 fabs floor fmod frexp "
        "fsum gamma gcd hypot inf isclose isfinite isinf isnan ldexp lgamma log log10 log1p log2 modf nan pi pow radians "
        "remainder sin sinh sqrt tan tanh tau trunc",
        factorial=library.factorial,
        comb=library.comb,
        perm=library.perm,
        prod=library.prod,
        lcm=library.lcm,
        isqrt=library.isqrt,
    ),
    "re": _only(
        re,
        "error",
        **library.RE,
        # Plain numbers: Python remembers every combination of its own for ever.
        **{name: int(getattr(re, name)) for name in "IGNORECASE I MULTILINE M DOTALL S VERBOSE X ASCII A".split()},
    ),
    "collections": _only(collections, "defaultdict deque OrderedDict", Counter=library.Counter),
    "itertools": iteration.ITERTOOLS,
    "functools": _only(functools, "partial lru_cache cache", reduce=iteration.reduce_),
    "heapq": _only(
        heapq,
        "heappush heappop heapify heapreplace heappushpop",
        nlargest=library.charging_function(heapq.nlargest),
        nsmallest=library.charging_function(heapq.nsmallest),
    ),
    "operator": {
        **iteration.OPERATORS,
        "itemgetter": library.itemgetter,
        "attrgetter": lambda *names: library.attrgetter(_getattr, *names),
    },
    "statistics": {
        **{
            name: library.charging_function(getattr(statistics, name))
            for name in (
                "mean median median_low median_high mode multimode stdev pstdev variance pvariance geometric_mean harmonic_mean"
            ).split()
        },
        "fmean": library.fmean,
        "StatisticsError": statistics.StatisticsError,
    },
    "string": _only(string, "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation whitespace"),
    "numpy": NUMPY | {"linalg": _module("numpy.linalg", LINALG)},
    "typing": {name: _TypingName(holds) for name, holds in _TYPING.items()} | {"TYPE_CHECKING": False},
    "__future__": {"annotations": None},
}
MODULES: dict[str, types.SimpleNamespace] = {name: _module(name, contents) for name, contents in _CONTENTS.items()}
"""The modules that programs may import, each cut down to the names here."""

ATTRIBUTES: frozenset[str] = frozenset(
    _OF_TYPES
    | _PATTERN_ATTRIBUTES
    | NUMPY_NAMES
    | ARRAY_ATTRIBUTES
    | {name for module in MODULES.values() for name in vars(module)}
    | {member.name for member in API if member.kind != "function"}
    | {"args", "from_iterable", "cache_clear"}
)
"""Names that may follow a dot."""

# What Python's and numpy's objects have and none of the types above does.
_ELSEWHERE = """
send throw close gi_frame gi_code gi_running gi_yieldfrom cr_frame cr_code cr_await ag_frame ag_code f_back f_builtins f_code
f_globals f_locals f_lineno tb_frame tb_next tb_lineno co_code co_consts co_names func keywords cache_info cache_parameters
with_traceback add_note errno filename strerror obj value start stop step indices string pattern flags groupindex re regs pos
endpos lastgroup lastindex expand mro
reshape dtype ravel transpose squeeze flat itemsize nbytes fill nonzero repeat searchsorted swapaxes take view matmul outer
inner cross vstack hstack stack column_stack tile roll flip split array_split zeros_like ones_like empty full_like eye identity
random float32 float16 int32 int16 int8 uint8 newaxis ndarray argwhere bincount histogram isin nanmean nanmax nanmin ptp
interp meshgrid triu tril trace einsum array_equal expand_dims unravel_index polyfit corrcoef cov rint fabs log1p expm1
deg2rad rad2deg intersect1d union1d setdiff1d insert delete apply_along_axis vectorize
"""
_SOURCES = (*guards.PLAIN_TYPES, collections, functools, heapq, itertools, math, operator, re, statistics, string)
WITHHELD: frozenset[str] = frozenset([*_ELSEWHERE.split(), *(name for kind in _SOURCES for name in dir(kind))]) - ATTRIBUTES
"""Names that something in Python has, and programs may not use."""


def _import(name: str, namespace: Any = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    return MODULES[name]  # other modules are rejected before the program runs


def _getattr(value: object, name: str, /, *default: object) -> object:
    if type(name) is not str:
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
    if name in methods.METHODS and name in ATTRIBUTES:
        return methods.method(value, name) if not default or hasattr(value, name) else default[0]
    if name not in ATTRIBUTES:
        if default:
            return default[0]
        if name.startswith("_") or name in WITHHELD:
            raise AttributeError(f"attribute {name!r} is not available to programs")
        methods.missing(value, name)
    return getattr(value, name, *default)


methods.attribute = _getattr


def _hasattr(value: object, name: str, /) -> bool:
    if type(name) is not str:
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
    return name in ATTRIBUTES and hasattr(value, name)


_getattr.__name__ = _getattr.__qualname__ = "getattr"
_hasattr.__name__ = _hasattr.__qualname__ = "hasattr"
BUILTINS: dict[str, Any] = library.BUILTINS | {"__import__": _import, "getattr": _getattr, "hasattr": _hasattr}
"""The builtins of programs, with the guards that the instrumentation calls. One dict for all programs: none can change it."""
