"""The handlers of statements and patterns, see `vispro_gym.interpreter.guest.expressions`."""

from __future__ import annotations

import ast
from typing import Any

from vispro_gym.interpreter.guest.expressions import (
    HANDLERS,
    LOAD,
    OPERATORS,
    Constant,
    Name,
    Rejected,
    Slice,
    Subscript,
    arguments_node,
    call,
    check_name,
    enter,
    handles,
    is_number,
    leave,
    name_node,
    tick,
)
from vispro_gym.interpreter.guest.language import MODULES
from vispro_gym.interpreter.guest.recording import noted, notes_after

_caught: dict[int, ast.Expr] = {}
_NAMING = (Name, ast.Tuple, ast.List)  # targets that name variables

# CPython compiles a finally block several times, one in another one several times as often.
_MAX_NESTED_FINALLY = 6
_in_finally: list[ast.Try] = []


def block(statements: list[Any]) -> list[Any]:
    """Handles statements that follow each other, in place."""
    several = False
    for i, statement in enumerate(statements):
        handled = statements[i] = HANDLERS[type(statement)](statement)
        if type(handled) is list:  # a statement that is followed by what records it
            several = True
    if several:
        statements[:] = [s for handled in statements for s in (handled if type(handled) is list else (handled,))]
    return statements


def ticking(statements: list[Any]) -> list[Any]:
    """The same with a step before the first one."""
    line = statements[0].lineno
    block(statements).insert(0, tick(line))
    return statements


@handles("FunctionDef")
def function_node(node: ast.FunctionDef) -> Any:
    """The definition of a function, with a step for every call."""
    ticking(function_node_once(node).body)
    return node


def function_node_once(node: ast.FunctionDef) -> Any:
    """The definition of a function that is called once; its body is not handled yet."""
    check_name(node.name, node)
    if getattr(node, "type_params", None):
        raise Rejected("type parameters are not part of the program language", node.lineno)
    if node.decorator_list:
        node.decorator_list = [HANDLERS[type(d)](d) for d in node.decorator_list]
    arguments_node(node.args)
    node.returns = None
    return node


@handles("Assign")
def _assign(node: ast.Assign) -> Any:
    value = HANDLERS[type(node.value)](node.value)
    targets = node.targets
    if len(targets) == 1 and type(targets[0]) is Name:  # nearly all are of this kind
        name_node(targets[0])
        node.value = noted(targets[0].id, value, node.lineno)
        return node
    node.value = value
    only: Any = targets[0]
    if len(targets) == 1 and type(only) is Subscript and type(only.slice) is Slice:
        node.value = call("_listed_", [value], node.lineno)
        only.value, only.slice = HANDLERS[type(only.value)](only.value), HANDLERS[Slice](only.slice)
        return node
    assigned = [target for target in targets if type(target) in _NAMING]
    for i, target in enumerate(targets):
        targets[i] = HANDLERS[type(target)](target)
    return notes_after(node, ast.Tuple(assigned)) if assigned else node


@handles("AnnAssign")
def _annotated(node: ast.AnnAssign) -> Any:
    if node.value is None:
        HANDLERS[type(node.target)](node.target)
        return ast.Pass(lineno=node.lineno, col_offset=0)
    return _assign(ast.Assign([node.target], node.value, lineno=node.lineno, col_offset=0))


@handles("AugAssign")
def _augmented(node: ast.AugAssign) -> Any:
    line = node.lineno
    target: Any = node.target
    if type(target) is Subscript and type(target.slice) is Slice:  # what is assigned at the end is a list
        target.value, target.slice = HANDLERS[type(target.value)](target.value), HANDLERS[Slice](target.slice)
    else:
        HANDLERS[type(target)](target)
    value = HANDLERS[type(node.value)](node.value)
    operator = type(node.op)
    if operator not in OPERATORS or operator is ast.Add:
        # What is added is accounted for, so that no sequence of additions grows faster than the steps allow.
        node.value = value if operator is not ast.Add or is_number(value) else call("_grow_", [value], line)
        return notes_after(node, target) if type(target) is Name else node
    name = Constant(operator.__name__, lineno=line, col_offset=0)
    if type(target) is Name:
        read = Name(target.id, LOAD, lineno=line, col_offset=0)
        result = noted(target.id, call("_in_place_", [name, read, value], line), line)
        return ast.Assign([target], result, lineno=line, col_offset=0)
    if type(target) is Subscript and type(target.slice) is not Slice:
        if any(isinstance(n, ast.Yield | ast.YieldFrom | ast.NamedExpr) for n in ast.walk(value)):
            raise Rejected("this augmented assignment is too intricate", line)
        none = ast.arguments([], [], None, [], [], None, [])
        late = ast.Lambda(none, value, lineno=line, col_offset=0)
        arguments = [target.value, target.slice, name, late]
        return ast.Expr(call("_in_place_item_", arguments, line), lineno=line, col_offset=0)
    raise Rejected("this augmented assignment is not part of the program language", line)


@handles("For")
def _for(node: ast.For) -> Any:
    node.target = HANDLERS[type(node.target)](node.target)
    node.iter = HANDLERS[type(node.iter)](node.iter)
    enter(node)
    ticking(node.body)
    if type(node.target) in _NAMING:
        _, *notes = notes_after(node, node.target)
        node.body[1:1] = notes
    if node.orelse:
        block(node.orelse)
    leave()
    return node


@handles("While")
def _while(node: ast.While) -> Any:
    node.test = HANDLERS[type(node.test)](node.test)
    enter(node)
    ticking(node.body)
    if node.orelse:
        block(node.orelse)
    leave()
    return node


@handles("If")
def _if(node: ast.If) -> Any:
    node.test = HANDLERS[type(node.test)](node.test)
    block(node.body)
    if node.orelse:
        block(node.orelse)
    return node


@handles("Pass", "Break", "Continue")
def _leaf(node: Any) -> Any:
    return node


@handles("Delete")
def _delete(node: ast.Delete) -> Any:
    node.targets = [HANDLERS[type(t)](t) for t in node.targets]
    return node


@handles("Assert")
def _assert(node: ast.Assert) -> Any:
    node.test = HANDLERS[type(node.test)](node.test)
    if node.msg is not None:
        node.msg = HANDLERS[type(node.msg)](node.msg)
    return node


@handles("Raise")
def _raise(node: ast.Raise) -> Any:
    if node.exc is not None:
        node.exc = HANDLERS[type(node.exc)](node.exc)
    if node.cause is not None:
        node.cause = HANDLERS[type(node.cause)](node.cause)
    return node


@handles("Global", "Nonlocal")
def _scope(node: ast.Global | ast.Nonlocal) -> Any:
    for name in node.names:
        check_name(name, node)
    return node


@handles("Try")
def _try(node: ast.Try) -> Any:
    # Leaving a finally block by return, break or continue throws away the exception that is under way.
    for statement in node.finalbody:
        _stays(statement, in_loop=False)
    # What CPython keeps on its stack of handlers: one for the finally block, one in what is tried, and two in a handler, for its
    # end and for that of its name.
    around = 1 if node.finalbody else 0
    tried = 1 if node.handlers else 0
    enter(node, around + tried)
    block(node.body)
    for handler in node.handlers:
        line = handler.lineno
        enter(handler)
        check_name(handler.name, handler)
        if handler.type is None:
            if handler is not node.handlers[-1]:
                raise SyntaxError("default 'except:' must be last", (None, line, None, None))
            handler.type = Name("Exception", LOAD, lineno=line, col_offset=0)
        else:
            handler.type = HANDLERS[type(handler.type)](handler.type)
        block(handler.body).insert(0, _first_of_handler(line))
        leave()
    leave(tried)
    block(node.orelse)
    if node.finalbody:
        _in_finally.append(node)
        try:
            if len(_in_finally) > _MAX_NESTED_FINALLY:
                raise Rejected("finally blocks are nested too deeply", node.lineno)
            block(node.finalbody).insert(0, _first_of_handler(node.finalbody[0].lineno))
        finally:
            _in_finally.pop()
    leave(around)
    return node


def _first_of_handler(line: int) -> ast.Expr:
    """The statement `_caught_()`."""
    node = _caught.get(line)
    if node is None:
        node = _caught[line] = ast.Expr(call("_caught_", [], line), lineno=line, col_offset=0)
    return node


def _stays(node: ast.AST, in_loop: bool) -> None:
    if isinstance(node, ast.Return) or (isinstance(node, ast.Break | ast.Continue) and not in_loop):
        raise Rejected("a finally block cannot be left by return, break or continue", node.lineno)
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            _stays(child, in_loop or isinstance(node, ast.For | ast.While))


@handles("Import")
def _import(node: ast.Import) -> Any:
    for alias in node.names:
        _check_module(alias.name, node)
        check_name(alias.asname, node)
    return node


@handles("ImportFrom")
def _import_from(node: ast.ImportFrom) -> Any:
    module = "" if node.level else (node.module or "")
    _check_module(module, node)
    for alias in node.names:
        check_name(alias.asname, node)
        if alias.name not in vars(MODULES[module]):
            raise Rejected(f"cannot import {alias.name!r} from {module!r}", node.lineno)
    return ast.Pass(lineno=node.lineno, col_offset=0) if module == "__future__" else node


def _check_module(name: str, node: ast.Import | ast.ImportFrom) -> None:
    if name not in MODULES:
        expected = ", ".join(sorted(MODULES))
        raise Rejected(f"module {name!r} is not available; expected one of: {expected}", node.lineno)


@handles("Match")
def _match(node: ast.Match) -> Any:
    node.subject = HANDLERS[type(node.subject)](node.subject)
    for case in node.cases:
        case.pattern = HANDLERS[type(case.pattern)](case.pattern)
        if case.guard is not None:
            case.guard = HANDLERS[type(case.guard)](case.guard)
        block(case.body)
    return node


@handles("MatchValue")
def _match_value(node: ast.MatchValue) -> Any:
    node.value = HANDLERS[type(node.value)](node.value)
    return node


@handles("MatchSequence", "MatchOr")
def _match_several(node: Any) -> Any:
    node.patterns = [HANDLERS[type(p)](p) for p in node.patterns]
    return node


@handles("MatchAs")
def _match_as(node: ast.MatchAs) -> Any:
    check_name(node.name, node)
    if node.pattern is not None:
        node.pattern = HANDLERS[type(node.pattern)](node.pattern)
    return node


@handles("MatchStar", "MatchSingleton")
def _match_star(node: Any) -> Any:
    check_name(getattr(node, "name", None), node)
    return node


@handles("MatchMapping")
def _match_mapping(node: ast.MatchMapping) -> Any:
    check_name(node.rest, node)
    node.keys = [HANDLERS[type(k)](k) for k in node.keys]
    node.patterns = [HANDLERS[type(p)](p) for p in node.patterns]
    return node
