"""Programs in one form, so that equal programs are equal texts, and what their strings are arguments of."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

_EVERYTHING = "object"  # the name that `find` and `related` read as any


def canonical(program: str) -> str:
    """The same program in one form: formatted in one way, with variables x0, x1, ... in the order in which they are bound.

    `related("behind")` becomes `related("behind", "object")`, which is the same. Parameters and `image_patch` keep their names.

    Args:
        program: The program.

    Raises:
        SyntaxError: If it is no Python.
    """
    tree = ast.parse(program)
    kept = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {"image_patch"}
    names: dict[str, str] = {}
    for node in _walk_in_order(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in kept:
            names.setdefault(node.id, f"x{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "related":
            if len(node.args) == 1 and not node.keywords:
                node.args.append(ast.Constant(_EVERYTHING))
    return ast.unparse(tree) + "\n"


def string_arguments(programs: Iterable[str]) -> dict[tuple[str, int], set[str]]:
    """String literals of programs by the argument that they are given as: `(name of the function or method, place)`."""
    slots: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for program in programs:
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for place, argument in enumerate(node.args):
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        slots[name, place].add(argument.value)
    return slots


def _walk_in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes in the order in which Python evaluates them, as far as names are bound."""
    if isinstance(node, ast.Assign):
        children: list[ast.AST] = [node.value, *node.targets]
    elif isinstance(node, ast.ListComp):
        children = [*node.generators, node.elt]
    elif isinstance(node, ast.comprehension):
        children = [node.iter, node.target, *node.ifs]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _walk_in_order(child)
    yield node
