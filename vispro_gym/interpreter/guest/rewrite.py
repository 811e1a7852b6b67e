"""From source to code: parses a program, checks and instruments its tree, and compiles it."""

from __future__ import annotations

import ast
import types
from typing import Any

from vispro_gym.interpreter.guest.expressions import Load, Name, Rejected, Store, begin
from vispro_gym.interpreter.guest.language import MODULES
from vispro_gym.interpreter.guest.notes import MAX_SITES
from vispro_gym.interpreter.guest.recording import begin_recording
from vispro_gym.interpreter.guest.statements import block, function_node_once
from vispro_gym.programs.api import ENTRY_POINT

__all__ = ["FILENAME", "Rejected", "prepare"]

FILENAME = "<program>"
_ENOUGH_BYTES = 48 << 20  # more than the parser and the compiler take for the longest program


def _without_trial_runs(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Leaves out what models write at top level to try their program, `x = execute_command(image)`, and what uses the result.

    The entry point is called by whoever runs the program, with pictures that no statement at top level has.
    """
    kept: list[ast.stmt] = []
    lost = {ENTRY_POINT, "__name__"}
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef | ast.Import | ast.ImportFrom):
            names = [node for node in ast.walk(statement) if isinstance(node, Name)]
            if any(node.id in lost for node in names if isinstance(node.ctx, Load)):
                lost.update(node.id for node in names if isinstance(node.ctx, Store))
                continue
        kept.append(statement)
    return kept


def _name_by_name(statement: ast.stmt) -> None:
    """Writes out `from math import *`, which Python has at top level only."""
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*" and statement.module in MODULES:
        names = [name for name in vars(MODULES[statement.module]) if statement.module != "__future__"]
        statement.names = [ast.alias(name, lineno=statement.lineno, col_offset=0) for name in names] or statement.names


def _is_called_once(statements: list[ast.stmt], source: str) -> bool:
    """Whether a program is the entry point and no more, as most are, and nothing in it can call the entry point again.

    Then that function needs no count of its calls. Other spellings of its name would need characters beyond ASCII.
    """
    if len(statements) != 1 or not source.isascii() or source.count(ENTRY_POINT) != 1:
        return False
    entry = statements[0]
    return isinstance(entry, ast.FunctionDef) and entry.name == ENTRY_POINT and not entry.decorator_list


def prepare(source: str, recording: bool = True) -> types.CodeType:
    """Parses, checks, instruments and compiles a program.

    Args:
        source: The program.
        recording: Whether to put in what records values of variables.

    Raises:
        SyntaxError: If it is no Python (also for NUL bytes, lone surrogates and source that is nested too deeply).
        Rejected: If it uses what programs may not use.
        MemoryError: If the process has no memory for it.
    """
    try:
        tree = _parsed(source)
        if recording:
            try:
                return _compiled(tree, source, recording=True)
            except (SyntaxError, RecursionError, MemoryError):
                # What records may be what makes it too deep, and may change which of two mistakes is told.
                tree = _parsed(source)
        return _compiled(tree, source, recording=False)
    except RecursionError:
        raise SyntaxError("the program is nested too deeply") from None
    except MemoryError:  # CPython says this of programs that are nested too deeply, too
        bytearray(_ENOUGH_BYTES)
        raise SyntaxError("the program is nested too deeply") from None
    except ValueError:
        raise SyntaxError("the program holds characters that are not allowed in source code") from None


def _parsed(source: str) -> Any:
    return compile(source, FILENAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)


def _compiled(tree: Any, source: str, recording: bool) -> types.CodeType:
    begin()
    begin_recording(source, MAX_SITES if recording else 0)
    tree.body = _without_trial_runs(tree.body)
    for statement in tree.body:
        _name_by_name(statement)
    if _is_called_once(tree.body, source):
        block(function_node_once(tree.body[0]).body)
    else:
        block(tree.body)
    code: types.CodeType = compile(tree, FILENAME, "exec", dont_inherit=True)
    return code
