"""The language of programs: which Python they may use, and the counters that bound them.

A program is parsed, checked against allow-lists (node types, attribute names, imports, builtins) and instrumented so
that every loop iteration, comprehension item and function call burns one step. It then runs as ordinary bytecode in
a namespace that holds nothing but the allowed builtins and the program API.

This module runs in the worker process: standard library only.
"""

from __future__ import annotations

import ast
import builtins
import collections
import functools
import heapq
import itertools
import math
import re
import statistics
import string
import sys
import types
from typing import Any, NoReturn

from vispro_gym.programs.api import API, ENTRY_POINT

FILENAME = "<program>"


class Rejected(Exception):
    """A construct that programs may not use."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class Stop(BaseException):
    """Ends a program with a status. No program can catch it: only subclasses of Exception can be named in a handler.

    Attributes:
        status: What became of the program.
        kind: Type of the error, for people.
        message: One line.
    """

    def __init__(self, status: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class Counter:
    """Counts the steps of one program, and remembers what stopped it: whatever the program does then, it has ended."""

    __slots__ = ("limit", "steps", "stop")

    def __init__(self, limit: int) -> None:
        self.steps = 0
        self.limit = limit
        self.stop: Stop | None = None

    def end(self, status: str, kind: str, message: str) -> NoReturn:
        """Stops the program."""
        if self.stop is None:
            self.stop = Stop(status, kind, message)
        raise self.stop

    def tick(self) -> bool:
        """Burns one step; returns True, so that it can stand in a condition."""
        self.steps += 1
        if self.steps > self.limit:
            self.end("step_limit", "StepLimit", f"more than {self.limit} steps")
        return True

    def caught(self) -> None:
        """First statement of every handler: what depends on the process rather than on the program cannot be handled."""
        error = sys.exc_info()[1]
        if isinstance(error, MemoryError):
            self.end("memory_limit", "MemoryError", "out of memory")
        if isinstance(error, RecursionError):  # handlers that recurse again would take time without end
            self.end("runtime_error", "RecursionError", "maximum recursion depth exceeded")


_NODES: tuple[type[ast.AST], ...] = (
    *(
        getattr(ast, name)
        for name in (
            "Module Expression Expr FunctionDef Lambda arguments arg Return Pass Assert Delete Raise Break Continue "
            "Global Nonlocal "
            "Assign AugAssign AnnAssign NamedExpr For While If Try ExceptHandler Import ImportFrom alias "
            "BoolOp BinOp UnaryOp IfExp Dict Set ListComp SetComp DictComp GeneratorExp comprehension Compare Call keyword "
            "FormattedValue JoinedStr Constant Attribute Subscript Starred Name List Tuple Slice Yield YieldFrom "
            "Match match_case MatchValue MatchSingleton MatchSequence MatchMapping MatchStar MatchAs MatchOr"
        ).split()
    ),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)

_TYPES = (
    str,
    list,
    tuple,
    dict,
    set,
    frozenset,
    int,
    float,
    bool,
    collections.Counter,
    collections.deque,
    collections.defaultdict,
)
_PATTERN_ATTRIBUTES = {"search", "match", "fullmatch", "findall", "finditer", "group", "groups", "start", "end", "span"}
# str.format and format_map walk attributes named in the format string; hex, translate and the byte conversions have no use here.
_WITHHELD = {"format_map", "translate", "maketrans", "encode", "to_bytes", "from_bytes", "fromhex", "hex"}

MODULES: dict[str, Any] = {
    "math": math,
    "re": re,
    "collections": collections,
    "itertools": itertools,
    "functools": functools,
    "heapq": heapq,
    "statistics": statistics,
    "string": string,
    "typing": None,
    "__future__": None,
}
_MODULE_NAMES = {
    "math": [name for name in dir(math) if not name.startswith("_")],
    "re": [
        "search",
        "match",
        "fullmatch",
        "findall",
        "finditer",
        "split",
        "sub",
        "IGNORECASE",
        "I",
        "compile",
        "escape",
    ],
    "collections": ["Counter", "defaultdict", "deque", "OrderedDict"],
    "itertools": [name for name in dir(itertools) if not name.startswith("_")],
    "functools": ["reduce", "partial", "cmp_to_key", "lru_cache", "cache"],
    "heapq": ["nlargest", "nsmallest", "heappush", "heappop", "heapify"],
    "statistics": ["mean", "median", "mode", "stdev", "pstdev", "variance"],
    "string": ["ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "punctuation"],
    "__future__": ["annotations"],
    "typing": ["List", "Dict", "Optional", "Union", "Tuple", "Any", "Set", "Callable", "Sequence", "Iterable"],
}


class _TypingName:
    """Stands for any name of `typing`: hints are never evaluated for their meaning."""

    def __getitem__(self, item: object) -> _TypingName:
        return self


def _shim(name: str) -> types.SimpleNamespace:
    if MODULES[name] is None:
        return types.SimpleNamespace(**{key: _TypingName() for key in _MODULE_NAMES[name]})
    return types.SimpleNamespace(**{key: getattr(MODULES[name], key) for key in _MODULE_NAMES[name]})


_SHIMS = {name: _shim(name) for name in MODULES}

ATTRIBUTES = frozenset(
    {name for kind in _TYPES for name in dir(kind) if not name.startswith("_")} - _WITHHELD
    | _PATTERN_ATTRIBUTES
    | {name for names in _MODULE_NAMES.values() for name in names}
    | {member.name for member in API if member.kind != "function"}
)

_BUILTINS = (
    "abs all any bool dict divmod enumerate filter float frozenset int isinstance issubclass len list map max min "
    "next range repr reversed round set slice sorted str sum tuple zip iter ord chr pow callable format "
    "True False None Exception ValueError TypeError KeyError IndexError ZeroDivisionError AttributeError RuntimeError "
    "StopIteration NameError NotImplementedError AssertionError ArithmeticError LookupError OverflowError"
).split()


def _import(name: str, namespace: Any = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    return _SHIMS[name]  # other modules are rejected before the program runs


def _print(*values: object, **options: object) -> None:
    """Programs print for their readers; nobody reads here."""


def _getattr(value: object, name: str, *default: object) -> object:
    if type(name) is not str or name not in ATTRIBUTES or name == "format":
        raise AttributeError(f"attribute {name!r} is not available to programs")
    return getattr(value, name, *default)


def _hasattr(value: object, name: str) -> bool:
    return type(name) is str and name in ATTRIBUTES and hasattr(value, name)


def _type(value: object) -> type:
    """`type` of a plain value. The type of a type would let programs make classes of their own."""
    kind = type(value)
    if kind in _TYPES or kind.__name__ == "ImagePatch" or issubclass(kind, Exception):
        return kind
    raise TypeError("type() is available for plain values and patches only")


_FORMAT_FIELD = re.compile(r"\w*")


def _format(template: str, /, *values: object, **named: object) -> str:
    """`str.format` without attribute and index access in its fields."""
    if not isinstance(template, str):
        raise AttributeError(f"{type(template).__name__!r} object has no attribute 'format'")
    for _, name, spec, _ in string.Formatter().parse(template):
        if (name is not None and not _FORMAT_FIELD.fullmatch(name)) or (spec and "{" in spec):
            raise ValueError("format fields must be plain names or numbers")
    return template.format(*values, **named)


SAFE_BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in _BUILTINS} | {
    "__import__": _import,
    "print": _print,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "type": _type,
    "_format_": _format,
}


class _Checker(ast.NodeVisitor):
    """Refuses what programs may not use."""

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, _NODES):
            raise Rejected(f"{type(node).__name__} is not part of the program language", getattr(node, "lineno", None))
        super().generic_visit(node)

    def _name(self, name: str | None, node: ast.AST) -> None:
        # Names with two underscores lead into the machinery; single ones at both ends are the instrumentation's own.
        if name and (name.startswith("__") or (len(name) > 1 and name.startswith("_") and name.endswith("_"))):
            raise Rejected(f"the name {name!r} is not available to programs", getattr(node, "lineno", None))

    def visit_Name(self, node: ast.Name) -> None:
        self._name(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            raise Rejected("attributes cannot be assigned", node.lineno)
        if node.attr not in ATTRIBUTES:
            raise Rejected(f"attribute {node.attr!r} is not available to programs", node.lineno)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._name(node.name, node)
        if node.decorator_list or getattr(node, "type_params", None):
            raise Rejected("decorators and type parameters are not part of the program language", node.lineno)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self._name(node.arg, node)
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        self._name(node.arg, node)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._name(node.name, node)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        # Leaving a finally block by return, break or continue throws away the exception that is under way.
        for statement in node.finalbody:
            self._stays(statement, in_loop=False)
        self.generic_visit(node)

    def _stays(self, node: ast.AST, in_loop: bool) -> None:
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break | ast.Continue) and not in_loop):
            raise Rejected("a finally block cannot be left by return, break or continue", node.lineno)
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            for child in ast.iter_child_nodes(node):
                self._stays(child, in_loop or isinstance(node, ast.For | ast.While))

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._name(node.name, node)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._name(node.name, node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._name(node.rest, node)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        for name in node.names:
            self._name(name, node)

    visit_Nonlocal = visit_Global

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._module(alias.name, node)
            self._name(alias.asname, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "" if node.level else (node.module or "")
        self._module(module, node)
        for alias in node.names:
            self._name(alias.asname, node)
            if alias.name not in _MODULE_NAMES[module]:
                raise Rejected(f"cannot import {alias.name!r} from {module!r}", node.lineno)

    def _module(self, name: str, node: ast.AST) -> None:
        if name not in MODULES:
            raise Rejected(
                f"module {name!r} is not available; expected one of: {', '.join(sorted(MODULES))}",
                getattr(node, "lineno", None),
            )


class _Instrumenter(ast.NodeTransformer):
    """Puts a step counter into every loop, comprehension and function, and guards `format` and `except:`."""

    def _call(self, name: str, node: ast.AST) -> ast.Call:
        function = ast.copy_location(ast.Name(name, ast.Load()), node)
        return ast.copy_location(ast.Call(func=function, args=[], keywords=[]), node)

    def _tick(self, node: ast.AST) -> ast.Call:
        return self._call("_tick_", node)

    def _with_tick(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.insert(0, ast.copy_location(ast.Expr(self._tick(node.body[0])), node.body[0]))
        return node

    visit_FunctionDef = visit_For = visit_While = _with_tick

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = ast.copy_location(
            ast.IfExp(self._tick(node.body), node.body, ast.copy_location(ast.Constant(None), node)), node.body
        )
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, self._tick(node.target))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            node.args.insert(0, node.func.value)
            node.func = ast.copy_location(ast.Name("_format_", ast.Load()), node)
        self.generic_visit(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr == "format":
            raise Rejected("format can only be called, as in text.format(...)", node.lineno)
        self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if node.type is None:
            node.type = ast.copy_location(ast.Name("Exception", ast.Load()), node)
        node.body.insert(0, ast.copy_location(ast.Expr(self._call("_caught_", node)), node))
        return node


def _calls_entry_point(statement: ast.stmt) -> bool:
    """Whether a statement at top level is what models write to try their program: `print(execute_command(image))`.

    The worker calls the entry point itself, with pictures that no statement at top level has.
    """
    if isinstance(statement, ast.FunctionDef):
        return False
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return any(node.id in (ENTRY_POINT, "__name__") for node in names)


def prepare(source: str) -> types.CodeType:
    """Parses, checks, instruments and compiles a program.

    Raises:
        SyntaxError: If it is no Python (also for NUL bytes, lone surrogates and source that is nested too deeply).
        Rejected: If it uses what programs may not use.
        MemoryError: If there is too little memory to parse it, which CPython also says of some deep nesting.
    """
    try:
        tree = ast.parse(source, FILENAME)
        tree.body = [statement for statement in tree.body if not _calls_entry_point(statement)]
        _Checker().visit(tree)
        tree = _Instrumenter().visit(tree)
        return compile(ast.fix_missing_locations(tree), FILENAME, "exec")
    except RecursionError:
        raise SyntaxError("the program is nested too deeply") from None
    except ValueError:
        raise SyntaxError("the program holds characters that are not allowed in source code") from None


def namespace(counter: Counter, api: dict[str, Any]) -> dict[str, Any]:
    """A fresh global namespace for one run."""
    instruments = {"_tick_": counter.tick, "_caught_": counter.caught}
    return {"__builtins__": dict(SAFE_BUILTINS), "__name__": "program", **instruments, **api}
