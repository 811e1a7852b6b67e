"""What programs may use: attribute names, modules and builtins, each a closed list.

Programs only ever hold values of a closed set of types: plain values, functions of their own, patches, and what the
modules here hand out. So an allow-list of attribute *names* is enough, and no attribute access needs a check while a
program runs. What can blow up (a string repeated a billion times) is guarded in `vispro_gym.interpreter.guest.guards`.
"""

from __future__ import annotations

import collections
import functools
import heapq
import itertools
import math
import re
import statistics
import string
import types
from typing import Any

from vispro_gym.interpreter.guest import guards, library
from vispro_gym.interpreter.guest.numeric import ARRAY_ATTRIBUTES, NUMPY, NUMPY_NAMES
from vispro_gym.programs.api import API

_PATTERN_ATTRIBUTES = frozenset(
    "search match fullmatch findall finditer split sub subn group groups groupdict start end span".split()
)
# format_map and translate walk what they are given; hex and the byte conversions have no use here.
_WITHHELD = frozenset("format_map translate maketrans encode to_bytes from_bytes fromhex hex".split())
_OF_TYPES = frozenset(name for kind in guards.PLAIN_TYPES for name in dir(kind) if not name.startswith("_")) - _WITHHELD


class _TypingName:
    """Stands for any name of `typing`: hints are never evaluated for their meaning."""

    __slots__ = ()

    def __getitem__(self, item: object) -> _TypingName:
        return self


def _only(module: types.ModuleType, names: str, **instead: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**{name: getattr(module, name) for name in names.split()}, **instead)


MODULES: dict[str, types.SimpleNamespace] = {
    "math": _only(
        math,
        "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees dist e erf erfc exp expm1 fabs floor fmod frexp "
        "fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt ldexp lgamma log log10 log1p log2 modf nan pi pow radians "
        "remainder sin sinh sqrt tan tanh tau trunc",
        factorial=library.factorial,
        comb=library.comb,
        perm=library.perm,
        prod=library.prod,
        lcm=library.lcm,
    ),
    "re": _only(
        re,
        "search match fullmatch findall finditer split compile escape error IGNORECASE I MULTILINE M DOTALL S VERBOSE X ASCII A",
        sub=library.re_sub,
        subn=library.re_subn,
    ),
    "collections": _only(collections, "Counter defaultdict deque OrderedDict"),
    "itertools": types.SimpleNamespace(
        **{
            name: library.ticking_function(getattr(itertools, name))
            for name in (
                "accumulate combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby "
                "islice pairwise repeat starmap takewhile zip_longest"
            ).split()
        },
        chain=library.chain,
        product=library.product,
        permutations=library.permutations,
        tee=itertools.tee,
    ),
    "functools": _only(functools, "reduce partial cmp_to_key lru_cache cache"),
    "heapq": _only(heapq, "heappush heappop heapify heapreplace heappushpop nlargest nsmallest"),
    "operator": types.SimpleNamespace(
        **library.OPERATORS, itemgetter=library.itemgetter, attrgetter=lambda *names: library.attrgetter(_getattr, *names)
    ),
    "statistics": types.SimpleNamespace(
        **{
            name: library.charging_function(getattr(statistics, name))
            for name in (
                "mean fmean median median_low median_high mode multimode stdev pstdev variance pvariance "
                "geometric_mean harmonic_mean"
            ).split()
        },
        StatisticsError=statistics.StatisticsError,
    ),
    "string": _only(string, "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation whitespace"),
    "numpy": NUMPY,
    "typing": types.SimpleNamespace(
        **{
            name: _TypingName()
            for name in (
                "Any Callable Counter DefaultDict Deque Dict FrozenSet Generator Iterable Iterator List Literal Mapping "
                "Optional Sequence Set Tuple Type Union"
            ).split()
        },
        TYPE_CHECKING=False,
    ),
    "__future__": types.SimpleNamespace(annotations=None),
}
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


def _import(name: str, namespace: Any = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    return MODULES[name]  # other modules are rejected before the program runs


def _getattr(value: object, name: str, *default: object) -> object:
    if type(name) is not str:
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
    if name in guards.METHODS and name in ATTRIBUTES:
        return guards.method(value, name) if not default or hasattr(value, name) else default[0]
    if name not in ATTRIBUTES:
        if default:
            return default[0]
        raise AttributeError(f"attribute {name!r} is not available to programs")
    return getattr(value, name, *default)


guards.attribute = _getattr


def _hasattr(value: object, name: str) -> bool:
    return type(name) is str and name in ATTRIBUTES and hasattr(value, name)


BUILTINS: dict[str, Any] = library.BUILTINS | {"__import__": _import, "getattr": _getattr, "hasattr": _hasattr}
"""The builtins of programs, with the guards that the instrumentation calls. One dict for all programs: none can change it."""
