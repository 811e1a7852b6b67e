"""What a right program takes for granted of the picture: "the red cube" that there is one red cube, and no more.

An expert program answers on any picture, also where its question makes no sense: it takes the first of several cubes, or says
"no" of a cup that is not there. A *probe* is the same program with assertions, so that it fails there. It asserts that

* a list whose first item is taken, or whose items are looked at, has exactly one item;
* a list whose items are compared with each other (`all(...)`, a set) has at least two.

A list that is only counted, or narrowed to some of its items, may have any length.

The steps of a program that can be told from its text alone (`Look`) serve to find pictures for it quickly.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WHOLE = frozenset({"image", "image_patch"})  # what expert programs call the whole picture
_ONLY = "the_only_one"
_HELPER = f"def {_ONLY}(found):\n    assert len(found) == 1\n    return found[0]\n"
_ONE = (1, 1)
_SEVERAL = (2, None)
_SOME = (1, None)

Length = tuple[int, int | None]
"""Least and greatest length of a list; None for no limit."""


@dataclass(frozen=True, slots=True)
class Look:
    """A step that finds objects, and how many there have to be.

    Attributes:
        variable: Name of what is found.
        subject: Variable of the one object that they are related to; None for objects found by name in the whole picture.
        relation: The relation; empty without a subject.
        name: Noun phrase that names them; "object" for anything.
        role: "subject" or "object", see `vispro_gym.perception.protocol.Relate`.
        length: How many there have to be.
    """

    variable: str
    subject: str | None
    relation: str
    name: str
    role: str
    length: Length

    def allows(self, count: Any) -> Any:
        """Whether so many objects will do, a bool; of an array of numbers, an array."""
        least, most = self.length
        return (least <= count) & (count <= (float("inf") if most is None else most))


@dataclass(frozen=True, slots=True)
class Presuppositions:
    """What a program takes for granted.

    Attributes:
        probe: The program with assertions.
        looks: Steps that have to find something, in order.
        phrases: What the program asks for by name, once each: where all of it is, answers differ from where it is not.
    """

    probe: str
    looks: tuple[Look, ...]
    phrases: tuple[str, ...]


def presuppositions(source: str) -> Presuppositions:
    """Reads off a program what it takes for granted.

    Args:
        source: A right program, as the expert translators write it. Of others less may be found out.

    Raises:
        SyntaxError: If it is no Python.
    """
    tree = ast.parse(source)
    demands = _demands(tree)
    looks = tuple(_looks(tree, demands))
    phrases = tuple(dict.fromkeys(_phrases(tree)))
    return Presuppositions(_HELPER + ast.unparse(_Asserting(demands).visit(tree)) + "\n", looks, phrases)


def _demands(tree: ast.AST) -> dict[str, Length]:
    """How long the lists with a name have to be, as far as this follows from what is done with their items."""
    found: defaultdict[str, set[Length]] = defaultdict(set)
    for node in ast.walk(tree):
        match node:
            case ast.ListComp(elt=ast.Name(id=item), generators=[ast.comprehension(target=ast.Name(id=same))]) if item == same:
                pass  # narrowed: the others do not matter
            case ast.SetComp(generators=[ast.comprehension(iter=ast.Name(id=name))]):
                found[name].add(_SEVERAL)
            case ast.Call(
                func=ast.Name(id="all"), args=[ast.GeneratorExp(generators=[ast.comprehension(iter=ast.Name(id=name))])]
            ):
                found[name].add(_SEVERAL)
            case ast.ListComp(generators=generators) | ast.GeneratorExp(generators=generators):
                for generator in generators:
                    if isinstance(generator.iter, ast.Name):
                        found[generator.iter.id].add(_ONE)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=0)):
                found[name].add(_ONE)
            case ast.Call(func=ast.Name(id="max"), args=[ast.BinOp(left=ast.Name(id=one), right=ast.Name(id=other))]):
                found[one].add(_ONE)
                found[other].add(_ONE)
    return {name: _SEVERAL if _SEVERAL in lengths else _ONE for name, lengths in found.items()}


def _looks(tree: ast.AST, demands: dict[str, Length]) -> Iterator[Look]:
    single: set[str] = set()  # variables that hold one object, or a list of one
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    narrowed = {
        statement.value.generators[0].iter.id: demands[target.id]
        for statement in statements
        if isinstance(target := statement.targets[0], ast.Name)
        and target.id in demands
        and isinstance(statement.value, ast.ListComp)
        and isinstance(statement.value.generators[0].iter, ast.Name)
    }
    for statement in statements:
        (target, *_), value = statement.targets, statement.value
        if not isinstance(target, ast.Name):
            continue
        length = demands.get(target.id)
        if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Constant) and value.slice.value == 0:
            value, length = value.value, _ONE
        elif length is None and target.id in narrowed:
            length = _SOME
        look = None if length is None else _look(target.id, value, single, length)
        if look is not None:
            yield look
            if length == _ONE:
                single.add(look.variable)


def _look(variable: str, value: ast.expr, single: set[str], length: Length) -> Look | None:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=base), attr="find"), args=[ast.Constant(value=str(name))]):
            return Look(variable, None, "", name, "subject", length) if base in _WHOLE else None
        case ast.Call(func=ast.Attribute(value=ast.Name(id=subject))):
            call = value
        case ast.ListComp(
            elt=ast.Name(id=element),
            generators=[
                ast.comprehension(target=ast.Name(id=item), iter=ast.Name(id=subject), ifs=[]),
                ast.comprehension(
                    target=ast.Name(id=same),
                    iter=ast.Call(func=ast.Attribute(value=ast.Name(id=base))) as call,
                    ifs=[],
                ),
            ],
        ) if element == same and base == item:
            pass
        case _:
            return None
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr != "related" or subject not in single:
        return None
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    role = keywords.pop("role", ast.Constant("subject"))
    texts = [argument.value for argument in (role, *call.args) if isinstance(argument, ast.Constant)]
    if keywords or len(texts) != 1 + len(call.args) or not all(isinstance(text, str) for text in texts):
        return None
    said, relation, *names = map(str, texts)
    return Look(variable, subject, relation, names[0] if names else "object", said, length)


def _phrases(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="find" | "exists"), args=[ast.Constant(value=str(name))]):
                yield name
            case ast.Call(func=ast.Attribute(attr="related"), args=[_, ast.Constant(value=str(name))]):
                yield name
            case ast.Call(
                func=ast.Attribute(attr="verify_property"), args=[ast.Constant(value=str(name)), ast.Constant(value=str(value))]
            ):
                yield f"{value} {name}"


class _Asserting(ast.NodeTransformer):
    """Puts in the assertions."""

    def __init__(self, demands: dict[str, Length]) -> None:
        self._demands = demands

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        self.generic_visit(node)
        target = node.targets[0]
        if not isinstance(target, ast.Name) or target.id not in self._demands:
            return [node]
        comparison = "==" if self._demands[target.id] == _ONE else ">="
        return [node, *ast.parse(f"assert len({target.id}) {comparison} {self._demands[target.id][0]}").body]

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Constant) and node.slice.value == 0 and not isinstance(node.value, ast.Name):
            return ast.Call(ast.Name(_ONLY, ast.Load()), [node.value], [])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Two things of which one has no annotated colour are not of different colours: asks for both, which says "unknown"."""
        self.generic_visit(node)
        match node:
            case ast.Compare(
                left=ast.Name(id=one),
                ops=[ast.In()],
                comparators=[
                    ast.Call(
                        func=ast.Attribute(value=ast.Name(id=other), attr="related"), args=[ast.Constant(value=str(relation))]
                    )
                ],
            ) if (category := relation.removeprefix("same ")) not in (relation, "type", "name"):
                asked = f'simple_query("What {category} is this?")'
                return ast.BoolOp(ast.And(), [ast.parse(f"[{one}.{asked}, {other}.{asked}]", mode="eval").body, node])
        return node
