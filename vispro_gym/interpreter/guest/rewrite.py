"""From source to code: parses a program, checks and instruments its tree, and compiles it."""

from __future__ import annotations

import ast
import types
from typing import Any

from vispro_gym.interpreter.guest.expressions import Load, Name, Rejected
from vispro_gym.interpreter.guest.statements import block, function_node_once
from vispro_gym.programs.api import ENTRY_POINT

__all__ = ["FILENAME", "Rejected", "prepare"]

FILENAME = "<program>"


def _calls_entry_point(statement: ast.stmt) -> bool:
    """Whether a statement at top level is what models write to try their program: `print(execute_command(image))`.

    The entry point is called by whoever runs the program, with pictures that no statement at top level has.
    """
    if isinstance(statement, ast.FunctionDef | ast.Import | ast.ImportFrom):
        return False
    names = (node for node in ast.walk(statement) if isinstance(node, Name) and isinstance(node.ctx, Load))
    return any(node.id in (ENTRY_POINT, "__name__") for node in names)


def _is_called_once(statements: list[ast.stmt], source: str) -> bool:
    """Whether a program is the entry point and no more, as most are, and nothing in it can call the entry point again.

    Then that function needs no count of its calls. Other spellings of its name would need characters beyond ASCII.
    """
    if len(statements) != 1 or not source.isascii() or source.count(ENTRY_POINT) != 1:
        return False
    return isinstance(statements[0], ast.FunctionDef) and statements[0].name == ENTRY_POINT


def prepare(source: str) -> types.CodeType:
    """Parses, checks, instruments and compiles a program.

    Raises:
        SyntaxError: If it is no Python (also for NUL bytes, lone surrogates and source that is nested too deeply).
        Rejected: If it uses what programs may not use.
    """
    try:
        tree: Any = compile(source, FILENAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        tree.body = [statement for statement in tree.body if not _calls_entry_point(statement)]
        if _is_called_once(tree.body, source):
            block(function_node_once(tree.body[0]).body)
        else:
            block(tree.body)
        code: types.CodeType = compile(tree, FILENAME, "exec", dont_inherit=True)
        return code
    except (RecursionError, MemoryError):  # CPython says either, with enough memory too
        raise SyntaxError("the program is nested too deeply") from None
    except ValueError:
        raise SyntaxError("the program holds characters that are not allowed in source code") from None
