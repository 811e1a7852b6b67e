"""The one pass over a program's syntax tree: the registry of node handlers, and those of expressions.

The pass refuses what is not in the language and puts the meter in.

Every node type has a handler, and a node without one is refused, so a newer Python's syntax is out until somebody lets it
in. Handlers change nodes in place; they are written for speed, because most programs are new: parsing, this pass and
compiling are two thirds of what a program costs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from vispro_gym.interpreter.guest.language import ATTRIBUTES, WITHHELD
from vispro_gym.interpreter.guest.meter import MAX_BITS
from vispro_gym.interpreter.guest.methods import METHODS

_PLAIN_ATTRIBUTES = ATTRIBUTES - METHODS.keys()
_CONSTANTS = frozenset({str, int, float, bool, type(None), type(...)})
_SHORT_SPEC = 4

LOAD = ast.Load()
# Looked up once: handlers compare classes for every node of every program.
Load, Store, Call, Name, Constant, Starred, Subscript, Slice, Attribute = (
    *(ast.Load, ast.Store, ast.Call, ast.Name, ast.Constant, ast.Starred, ast.Subscript, ast.Slice, ast.Attribute),
)


class Rejected(Exception):
    """A construct that programs may not use."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def check_name(name: str | None, node: Any) -> None:
    """Refuses names that programs may not use."""
    # Names with two underscores lead into the machinery; single ones at both ends are the instrumentation's own.
    if name and name[0] == "_" and (name.startswith("__") or (len(name) > 1 and name[-1] == "_")):
        raise Rejected(f"the name {name!r} is not available to programs", getattr(node, "lineno", None))


# Nodes of the instrumentation hold nothing but a name and a line, so they are made once and shared by all programs.
_MAX_SHARED = 20_000
_names: dict[tuple[str, int], ast.Name] = {}
_ticks: dict[int, ast.Expr] = {}
_conditions: dict[int, ast.Call] = {}


def helper(name: str, line: int) -> ast.Name:
    """A name of the instrumentation."""
    node = _names.get((name, line))
    if node is None:
        if len(_names) > _MAX_SHARED:
            _names.clear()
        node = _names[name, line] = Name(name, LOAD, lineno=line, col_offset=0)
    return node


def call(name: str, arguments: list[Any], line: int) -> ast.Call:
    """A call of a function of the instrumentation."""
    return Call(helper(name, line), arguments, [], lineno=line, col_offset=0)


def tick(line: int) -> ast.Expr:
    """The statement `_tick_()`."""
    node = _ticks.get(line)
    if node is None:
        node = _ticks[line] = ast.Expr(condition(line), lineno=line, col_offset=0)
    return node


def condition(line: int) -> ast.Call:
    """The expression `_tick_()`."""
    node = _conditions.get(line)
    if node is None:
        node = _conditions[line] = call("_tick_", [], line)
    return node


# CPython 3.12 and later compile comprehensions into the function around them. Each has a handler of exceptions, which the
# compiler keeps in an array of 23, whose end it checks for statements only: comprehensions inside each other write past it.
_MAX_NESTING = 20
_nesting = 0


def enter(node: Any, levels: int = 1) -> None:
    """Counts a loop, a comprehension or a part of a try statement, for what is inside."""
    global _nesting
    _nesting += levels
    if _nesting > _MAX_NESTING:
        raise Rejected("loops, comprehensions and try statements are nested too deeply", node.lineno)


def leave(levels: int = 1) -> None:
    """The end of what `enter` counted."""
    global _nesting
    _nesting -= levels


def begin() -> None:
    """The beginning of a program; an earlier one may have been refused in the middle."""
    global _nesting
    _nesting = 0


def has_room() -> bool:
    """Whether something that counts may be inside of what surrounds it."""
    return _nesting < _MAX_NESTING


class Handlers(dict[type, Callable[[Any], Any]]):
    """Handlers by node type; a type without one is refused."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        def refuse(node: Any) -> Any:
            raise Rejected(f"{kind.__name__} is not part of the program language", getattr(node, "lineno", None))

        return refuse


HANDLERS = Handlers()


def handles(*kinds: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Registers a function as the handler of node types."""

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for kind in kinds:
            HANDLERS[getattr(ast, kind)] = function
        return function

    return register


# Expressions.


@handles("Name")
def name_node(node: ast.Name) -> Any:
    """A name, read or bound."""
    name = node.id
    if name[0] == "_":
        check_name(name, node)
    return node


@handles("Constant")
def _constant(node: ast.Constant) -> Any:
    value = node.value
    if type(value) not in _CONSTANTS:
        raise Rejected(f"{type(value).__name__} literals are not part of the program language", node.lineno)
    if type(value) is int and value.bit_length() > MAX_BITS:
        raise Rejected("the integer literal is too long", node.lineno)
    return node


@handles("Attribute")
def attribute_node(node: ast.Attribute) -> Any:
    """An attribute."""
    if node.attr not in _PLAIN_ATTRIBUTES:
        return _special_attribute(node)
    if type(node.ctx) is not Load:
        raise Rejected("attributes cannot be assigned", node.lineno)
    value = node.value
    if type(value) is not Name or value.id[0] == "_":
        node.value = HANDLERS[type(value)](value)
    return node


def _special_attribute(node: ast.Attribute) -> Any:
    name, line = node.attr, node.lineno
    if type(node.ctx) is not Load:
        raise Rejected("attributes cannot be assigned", line)
    value = HANDLERS[type(node.value)](node.value)
    if name in METHODS:
        return call("_method_", [value, Constant(name, lineno=line, col_offset=0)], line)
    if name == "__name__":
        return call("_name_", [value], line)
    if name == "__class__":
        return call("_type_", [value], line)
    if name[0] == "_" or name in WITHHELD:
        raise Rejected(f"attribute {name!r} is not available to programs", line)
    # Nothing that programs hold has it: a mistake, which ends only a program that gets there.
    return call("_missing_", [value, Constant(name, lineno=line, col_offset=0)], line)


@handles("Call")
def call_node(node: ast.Call) -> Any:
    """A call."""
    function = node.func
    arguments = node.args
    for i, argument in enumerate(arguments):
        if type(argument) is not Constant or type(argument.value) is not str:
            arguments[i] = HANDLERS[type(argument)](argument)
    if type(function) is Attribute:
        if function.attr in METHODS:
            value = function.value
            arguments.insert(0, HANDLERS[type(value)](value))
            line = function.end_lineno or function.lineno
            if line != node.lineno:  # CPython, too, gives the call of a method the line of its name
                node.lineno, node.col_offset = line, 0
            node.func = helper(f"_{function.attr}_", line)
        else:
            node.func = attribute_node(function)
    elif type(function) is Name and function.id[0] != "_":
        guard = _OF_ARGUMENT.get(function.id)
        if guard is not None and len(arguments) == 1 and not node.keywords and type(arguments[0]) is not Starred:
            arguments[0] = call(guard, [arguments[0]], node.lineno)
        elif function.id == "int" and (len(arguments) > 1 or node.keywords or type(arguments[0]) is Starred):
            arguments.insert(0, function)
            node.func = helper("_int_", function.lineno)
    else:
        node.func = HANDLERS[type(function)](function)
    for keyword in node.keywords:
        if keyword.arg is not None:
            check_name(keyword.arg, keyword)
        keyword.value = HANDLERS[type(keyword.value)](keyword.value)
    return node


# Types whose calls go through their argument, or turn it into text.
_OF_ARGUMENT = {"str": "_text_", **dict.fromkeys(("list", "tuple", "set", "frozenset", "dict"), "_collected_")}

OPERATORS: dict[type, str] = {
    ast.Add: "_add_",
    ast.Mult: "_mul_",
    ast.Pow: "_power_",
    ast.LShift: "_shift_",
    ast.Mod: "_mod_",
    ast.FloorDiv: "_floordiv_",
}


def is_number(node: Any) -> bool:
    """Whether a node is a number literal, which no addition can make large."""
    return type(node) is Constant and type(node.value) in (int, float)


@handles("BinOp")
def _binary(node: ast.BinOp) -> Any:
    left = node.left = HANDLERS[type(node.left)](node.left)
    right = node.right = HANDLERS[type(node.right)](node.right)
    guard = OPERATORS.get(type(node.op))
    if guard is None or (guard == "_add_" and (is_number(left) or is_number(right))):
        return node
    return call(guard, [left, right], node.lineno)


_MEMBERSHIP = (ast.In, ast.NotIn)
_SHORT = (Constant, ast.List, ast.Tuple, ast.Set, ast.Dict)


@handles("Compare")
def _compare(node: ast.Compare) -> Any:
    node.left = HANDLERS[type(node.left)](node.left)
    comparators = node.comparators
    for i, comparator in enumerate(comparators):
        handled = HANDLERS[type(comparator)](comparator)
        if type(node.ops[i]) in _MEMBERSHIP and type(comparator) not in _SHORT:
            handled = call("_sized_", [handled], comparator.lineno)
        comparators[i] = handled
    return node


@handles("BoolOp")
def _boolean(node: ast.BoolOp) -> Any:
    values = node.values
    for i, value in enumerate(values):
        values[i] = HANDLERS[type(value)](value)
    return node


@handles("UnaryOp")
def _unary(node: ast.UnaryOp) -> Any:
    node.operand = HANDLERS[type(node.operand)](node.operand)
    return node


@handles("IfExp")
def _conditional(node: ast.IfExp) -> Any:
    node.test = HANDLERS[type(node.test)](node.test)
    node.body = HANDLERS[type(node.body)](node.body)
    node.orelse = HANDLERS[type(node.orelse)](node.orelse)
    return node


@handles("Subscript")
def _subscript(node: ast.Subscript) -> Any:
    node.value = HANDLERS[type(node.value)](node.value)
    if type(node.slice) is Slice:
        if type(node.ctx) is Store:
            raise Rejected("a slice is assigned in a statement of its own only", node.lineno)
        if type(node.ctx) is Load:
            node.value = call("_sized_", [node.value], node.lineno)
    node.slice = HANDLERS[type(node.slice)](node.slice)
    return node


@handles("Slice")
def _slice(node: ast.Slice) -> Any:
    for name in ("lower", "upper", "step"):
        part = getattr(node, name)
        if part is not None:
            setattr(node, name, HANDLERS[type(part)](part))
    return node


@handles("List", "Tuple", "Set")
def _display(node: Any) -> Any:
    node.elts = [HANDLERS[type(e)](e) for e in node.elts]
    return node


@handles("Starred")
def _starred(node: ast.Starred) -> Any:
    value = HANDLERS[type(node.value)](node.value)
    node.value = call("_grow_", [value], node.lineno) if type(node.ctx) is Load else value
    return node


@handles("Dict")
def _dict(node: ast.Dict) -> Any:
    node.keys = [k and HANDLERS[type(k)](k) for k in node.keys]
    node.values = [HANDLERS[type(v)](v) for v in node.values]
    return node


@handles("JoinedStr")
def _f_string(node: ast.JoinedStr) -> Any:
    node.values = [HANDLERS[type(v)](v) for v in node.values]
    return node


@handles("FormattedValue")
def _field(node: ast.FormattedValue) -> Any:
    line = node.lineno
    node.value = call("_text_", [HANDLERS[type(node.value)](node.value)], line)
    spec: Any = node.format_spec
    if spec is not None:
        parts: list[Any] = spec.values
        short = len(parts) == 1 and type(parts[0]) is Constant and len(str(parts[0].value)) <= _SHORT_SPEC
        if parts and not short:
            checked = call("_spec_", [_f_string(spec)], line)
            whole = ast.FormattedValue(checked, -1, None, lineno=line, col_offset=0)
            node.format_spec = ast.JoinedStr([whole], lineno=line, col_offset=0)
    return node


@handles("Lambda")
def _lambda(node: ast.Lambda) -> Any:
    arguments_node(node.args)
    body = HANDLERS[type(node.body)](node.body)
    line = body.lineno
    never = Constant(None, lineno=line, col_offset=0)
    node.body = ast.IfExp(condition(line), body, never, lineno=line, col_offset=0)
    return node


def arguments_node(arguments: ast.arguments) -> None:
    """The parameters of a function."""
    for argument in (
        *(*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs),
        *(a for a in (arguments.vararg, arguments.kwarg) if a is not None),
    ):
        check_name(argument.arg, argument)
        argument.annotation = None  # hints mean nothing here, and models use names that they do not import
    if arguments.defaults:
        arguments.defaults = [HANDLERS[type(d)](d) for d in arguments.defaults]
    if arguments.kw_defaults:
        arguments.kw_defaults = [d and HANDLERS[type(d)](d) for d in arguments.kw_defaults]


def _generators(generators: list[ast.comprehension]) -> None:
    for generator in generators:
        if generator.is_async:
            raise Rejected("async comprehensions are not part of the program language", generator.target.lineno)
        generator.target = HANDLERS[type(generator.target)](generator.target)
        generator.iter = HANDLERS[type(generator.iter)](generator.iter)
        generator.ifs = [condition(generator.target.lineno), *[HANDLERS[type(test)](test) for test in generator.ifs]]


@handles("ListComp", "SetComp", "GeneratorExp")
def _comprehension(node: Any) -> Any:
    enter(node)
    generators = node.generators
    _generators(generators)
    node.elt = HANDLERS[type(node.elt)](node.elt)
    leave()
    if type(node) is ast.GeneratorExp:
        generators[0].iter = call("_lazy_", [generators[0].iter], node.lineno)
    return node


@handles("DictComp")
def _dict_comprehension(node: ast.DictComp) -> Any:
    enter(node)
    _generators(node.generators)
    node.key = HANDLERS[type(node.key)](node.key)
    node.value = HANDLERS[type(node.value)](node.value)
    leave()
    return node


@handles("Yield", "Return")
def _yield(node: Any) -> Any:
    if node.value is not None:
        node.value = HANDLERS[type(node.value)](node.value)
    return node


@handles("YieldFrom", "Expr")
def _value(node: Any) -> Any:
    node.value = HANDLERS[type(node.value)](node.value)
    return node
