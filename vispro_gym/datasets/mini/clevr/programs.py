"""Functional programs over the mini CLEVR scenes: building, executing, writing as in CLEVR's question files.

A program is a list of nodes `{"inputs": [...], "function": ..., "value_inputs": [...]}`; inputs are the positions of earlier
nodes. Objects are positions in the scene's object list, sets of objects are sorted lists of positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vispro_gym.datasets.mini.clevr.scenes import VALUES

ATTRIBUTES = tuple(VALUES)
Description = Mapping[str, str]
"""Attribute values that an object must have, for example `{"color": "red", "shape": "cube"}`."""


class ProgramError(ValueError):
    """A program asks for what the scene does not have, such as the only member of a set of two."""


class Program:
    """A program under construction. Each node is executed as soon as it is added.

    Args:
        scene: A scene record, see `vispro_gym.datasets.mini.clevr.scenes.scene_record`.

    Attributes:
        nodes: The nodes so far.
        results: What each node returns: a list of positions, a position, an attribute value, a bool or an int.
    """

    def __init__(self, scene: Mapping[str, Any]) -> None:
        self._scene = scene
        self.nodes: list[dict[str, Any]] = []
        self.results: list[Any] = []

    def add(self, function: str, *inputs: int, value: str | None = None) -> int:
        """Appends a node and returns its position.

        Args:
            function: Name of the function, for example "filter_color".
            *inputs: Positions of the nodes whose results it takes.
            value: The function's own parameter, for example "red".

        Raises:
            ProgramError: If "unique" is applied to a set that has not exactly one member.
        """
        result = _apply(self._scene, function, [self.results[i] for i in inputs], value)
        self.nodes.append({"inputs": list(inputs), "function": function, "value_inputs": [] if value is None else [value]})
        self.results.append(result)
        return len(self.nodes) - 1

    def filter(self, node: int, description: Description) -> int:
        """Appends one filter for each attribute that the description names."""
        for attribute in ATTRIBUTES:
            if attribute in description:
                node = self.add(f"filter_{attribute}", node, value=description[attribute])
        return node

    @property
    def answer(self) -> str:
        """The last node's result as an answer string: "yes", "no", "3", "metal"."""
        result = self.results[-1]
        if isinstance(result, bool):
            return "yes" if result else "no"
        return str(result)


def execute(nodes: Sequence[Mapping[str, Any]], scene: Mapping[str, Any]) -> str:
    """Runs a written program on a scene record and returns the answer string.

    Raises:
        ProgramError: See `Program.add`.
    """
    program = Program(scene)
    for node in nodes:
        program.add(node["function"], *node["inputs"], value=node["value_inputs"][0] if node["value_inputs"] else None)
    return program.answer


def matches(thing: Mapping[str, Any], description: Description) -> bool:
    """Whether an object has all the values of a description."""
    return all(thing[attribute] == value for attribute, value in description.items())


def _apply(scene: Mapping[str, Any], function: str, inputs: Sequence[Any], value: str | None) -> Any:
    things = scene["objects"]
    kind, _, attribute = function.partition("_")
    match kind:
        case "scene":
            return list(range(len(things)))
        case "filter":
            return [i for i in inputs[0] if things[i][attribute] == value]
        case "unique":
            if len(inputs[0]) != 1:
                raise ProgramError(f"unique expects a set of one object, got {len(inputs[0])}.")
            return inputs[0][0]
        case "relate":
            return sorted(scene["relationships"][value][inputs[0]])
        case "same":
            return [i for i, thing in enumerate(things) if i != inputs[0] and thing[attribute] == things[inputs[0]][attribute]]
        case "union":
            return sorted({*inputs[0], *inputs[1]})
        case "intersect":
            return sorted({*inputs[0]} & {*inputs[1]})
        case "count":
            return len(inputs[0])
        case "exist":
            return len(inputs[0]) > 0
        case "query":
            return things[inputs[0]][attribute]
        case "equal":  # attribute values or integers
            return inputs[0] == inputs[1]
        case "less":
            return inputs[0] < inputs[1]
        case "greater":
            return inputs[0] > inputs[1]
    raise ProgramError(f"Expected a CLEVR function, got {function!r}.")
