"""Where the pass puts in what records values of variables (`vispro_gym.interpreter.guest.notes`)."""

from __future__ import annotations

import ast
from typing import Any

from vispro_gym.interpreter.guest.expressions import (
    HANDLERS,
    LOAD,
    Call,
    Constant,
    Name,
    Store,
    call,
    handles,
    has_room,
    helper,
    name_node,
)
from vispro_gym.interpreter.guest.notes import MAX_NAME

_sites_left = 0
_can_unbind = False


def begin_recording(source: str, sites: int) -> None:
    """The beginning of a program, in which assignments are recorded at so many places."""
    global _sites_left, _can_unbind
    _sites_left = sites
    _can_unbind = "del" in source or "except" in source  # nothing else unbinds a name


def noted(name: str, value: Any, line: int) -> Any:
    """The expression `_note_(site, value)`: what is assigned to a variable, recorded. A site is a line and a name."""
    global _sites_left
    if not _sites_left or name[0] == "_" or len(name) > MAX_NAME:
        return value
    _sites_left -= 1
    return call("_note_", [Constant(f"{line}\t{name}", lineno=line, col_offset=0), value], line)


def notes_after(statement: Any, target: Any) -> list[Any]:
    """A statement that assigns to variables in another way, and what records the values that they hold then."""
    line = statement.lineno
    names = [node.id for node in ast.walk(target) if type(node) is Name and type(node.ctx) is Store]
    notes = [note for name in names if type(note := noted(name, Name(name, LOAD, lineno=line, col_offset=0), line)) is Call]
    recorded: list[ast.stmt] = [ast.Expr(note, lineno=line, col_offset=0) for note in notes]
    if not _can_unbind or not recorded:
        return [statement, *recorded]
    if not has_room():
        return [statement]
    # What the program runs meanwhile, a generator that is let go, say, may have deleted the variable again.
    gone = ast.ExceptHandler(helper("_NameError_", line), None, [ast.Pass(lineno=line, col_offset=0)], lineno=line, col_offset=0)
    return [statement, ast.Try(recorded, [gone], [], [], lineno=line, col_offset=0)]


@handles("NamedExpr")
def _walrus(node: ast.NamedExpr) -> Any:
    name_node(node.target)
    node.value = noted(node.target.id, HANDLERS[type(node.value)](node.value), node.lineno)
    return node
