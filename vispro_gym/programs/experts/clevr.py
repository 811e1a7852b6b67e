"""CLEVR's functional programs as visual programs.

A functional program is a list of nodes `{"function": name, "inputs": [indices], "value_inputs": [values]}`, the last of which is
the answer; files of the official generator say "type" and "side_inputs". Chains of filters become one noun phrase
(`find("small red metal cube")`), `unique` takes the first object found, and filters behind a union or an intersection move into
both of its sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vispro_gym.programs.experts.errors import UntranslatableError
from vispro_gym.programs.experts.naming import Names, quoted

_RELATIONS = {"left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind"}
_ATTRIBUTES = ("color", "material", "shape", "size")
_COMPARISONS = {"equal_integer": "==", "less_than": "<", "greater_than": ">", "equal_object": "=="} | {
    f"equal_{attribute}": "==" for attribute in _ATTRIBUTES
}


def translate(functional_program: Sequence[Mapping[str, Any]]) -> str:
    """Translates one functional program of CLEVR.

    Args:
        functional_program: Nodes as in the question files.

    Returns:
        Source text of a program that defines `execute_command(image)`.

    Raises:
        UntranslatableError: If a node is malformed or its function is unknown.
    """
    return _Translator(functional_program).source()


class _Translator:
    def __init__(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        self._nodes = [_node(node, i) for i, node in enumerate(nodes)]
        if not self._nodes:
            raise UntranslatableError("The functional program has no nodes. Expected at least one.")
        self._names = Names()
        self._lines = ["image_patch = ImagePatch(image)"]
        self._objects: dict[int, str] = {}

    def source(self) -> str:
        last = len(self._nodes) - 1
        function = self._nodes[last][0]
        answer = self._value(last)
        if function == "exist" or function in _COMPARISONS:
            answer = f"bool_to_yesno({answer})"
        body = "\n".join(f"    {line}" for line in (*self._lines, f"return {answer}"))
        return f"def execute_command(image):\n{body}\n"

    def _value(self, i: int) -> str:
        """Expression for a node that is a number, a truth value, a text or an object."""
        function, inputs, _ = self._nodes[i]
        head, _, attribute = function.partition("_")
        if function == "count":
            return f"len({self._list(inputs[0])})"
        if function == "exist":
            return f"len({self._list(inputs[0])}) > 0"
        if function == "unique":
            return self._object(i)
        if head == "query" and attribute in _ATTRIBUTES:
            return f"{self._object(inputs[0])}.simple_query({quoted(f'What {attribute} is this?')})"
        if function in _COMPARISONS and len(inputs) == 2:
            return f"{self._value(inputs[0])} {_COMPARISONS[function]} {self._value(inputs[1])}"
        raise UntranslatableError(f"Node {i} has the function {function!r}, which gives no answer or is unknown.")

    def _object(self, i: int) -> str:
        """Variable of a `unique` node."""
        function, inputs, _ = self._nodes[i]
        if function != "unique":
            raise UntranslatableError(f"Node {i} has the function {function!r} where one object is needed. Expected 'unique'.")
        if i not in self._objects:
            expression, adjectives, noun = self._set(inputs[0], ())
            name = self._names.one(noun, *adjectives, " ".join(adjectives))
            self._lines.append(f"{name} = {expression}[0]")
            self._objects[i] = name
        return self._objects[i]

    def _list(self, i: int) -> str:
        """Variable of a set of objects."""
        expression, adjectives, noun = self._set(i, ())
        if expression.isidentifier():
            return expression
        name, _ = self._names.several(noun, *adjectives, " ".join(adjectives))
        self._lines.append(f"{name} = {expression}")
        return name

    def _set(self, i: int, filters: tuple[tuple[str, str], ...]) -> tuple[str, list[str], str]:
        """Expression for a set of objects after filters `(attribute, value)`, and the adjectives and the noun that name them."""
        function, inputs, values = self._nodes[i]
        head, _, attribute = function.partition("_")
        if head == "filter" and attribute in _ATTRIBUTES:
            return self._set(inputs[0], ((attribute, values[0]), *filters))
        nouns = [value for kind, value in filters if kind == "shape"]
        adjectives = [value for kind, value in filters if kind != "shape"] + nouns[:-1]
        noun = nouns[-1] if nouns else "object"
        phrase = quoted(" ".join([*adjectives, noun]))
        if function == "scene":
            return f"image_patch.find({phrase})", adjectives, noun
        if function in ("union", "intersect"):
            return self._combined(function, inputs, filters), adjectives, noun
        if function == "relate" and values[0] in _RELATIONS:
            relation = _RELATIONS[values[0]]
        elif head == "same" and attribute in _ATTRIBUTES:
            relation = f"same {attribute}"
        else:
            raise UntranslatableError(
                f"Node {i} has the function {function!r} with {values!r}, which is unknown as a set of objects."
            )
        arguments = f"{quoted(relation)}, {phrase}" if filters else quoted(relation)
        return f"{self._object(inputs[0])}.related({arguments})", adjectives, noun

    def _combined(self, function: str, inputs: list[int], filters: tuple[tuple[str, str], ...]) -> str:
        sides = []
        for i in inputs:
            expression, adjectives, noun = self._set(i, filters)
            name, element = self._names.several(noun, *adjectives, " ".join(adjectives))
            self._lines.append(f"{name} = {expression}")
            sides.append((name, element))
        (left, _), (right, element) = sides
        if function == "union":
            expression = f"{left} + [{element} for {element} in {right} if {element} not in {left}]"
        else:
            expression = f"[{element} for {element} in {right} if {element} in {left}]"
        name, _ = self._names.several("object", "both" if function == "intersect" else "all")
        self._lines.append(f"{name} = {expression}")
        return name


def _node(node: Mapping[str, Any], i: int) -> tuple[str, list[int], list[str]]:
    function = node.get("function", node.get("type"))
    inputs = node.get("inputs", [])
    values = node.get("value_inputs", node.get("side_inputs", []))
    if not isinstance(function, str) or any(not isinstance(j, int) or not 0 <= j < i for j in inputs):
        raise UntranslatableError(
            f"Node {i} is {dict(node)!r}. Expected a function name and inputs that are indices of earlier nodes."
        )
    arity = 0 if function == "scene" else 2 if function in (*_COMPARISONS, "union", "intersect") else 1
    needs_value = function == "relate" or function.startswith("filter_")
    if len(inputs) != arity or (needs_value and len(values) != 1):
        raise UntranslatableError(
            f"Node {i} ({function!r}) has inputs {inputs!r} and values {values!r}, which is too few or too many."
        )
    return function, list(inputs), list(values)
