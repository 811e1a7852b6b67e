"""The interpreter of functional programs that answers the mini GQA questions."""

from __future__ import annotations

from typing import Any

import pytest

from vispro_gym.datasets.mini.gqa.programs import Interpreter, Step, Undecidable, both, join, semantic_str, then

GRAPH: dict[str, Any] = {
    "width": 100,
    "height": 100,
    "location": "indoors",
    "objects": {
        "1": {"name": "cup", "x": 0, "y": 0, "w": 10, "h": 10, "attributes": ["red"],
              "relations": [{"name": "on", "object": "3"}, {"name": "to the left of", "object": "2"}]},
        "2": {"name": "cup", "x": 40, "y": 0, "w": 20, "h": 10, "attributes": ["blue"],
              "relations": [{"name": "to the right of", "object": "1"}]},
        "3": {"name": "table", "x": 0, "y": 10, "w": 90, "h": 80, "attributes": ["brown", "wood"], "relations": []},
        "4": {"name": "floor lamp", "x": 92, "y": 10, "w": 8, "h": 80, "attributes": ["red"], "relations": []},
        "5": {"name": "kitchen", "x": 0, "y": 0, "w": 100, "h": 100, "attributes": [], "relations": []},
    },
}  # fmt: skip
CUP = (Step("select", "cup (1)"),)
RED_CUP = then(CUP, "filter color", "red")
TABLE = (Step("select", "table (3)"),)


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        (then(CUP, "exist", "?"), "yes"),
        (then((Step("select", "vase (-)"),), "exist", "?"), "no"),
        (then(then(CUP, "filter color", "not(red)"), "query", "color"), "blue"),
        (then(then(TABLE, "relate", "_,on,s (1)"), "query", "name"), "cup"),
        (then(then(RED_CUP, "relate", "furniture,on,o (3)"), "query", "name"), "table"),
        (then(RED_CUP, "verify rel", "table,on,o (3)"), "yes"),
        (then(RED_CUP, "query", "hposition"), "left"),
        (then(RED_CUP, "choose rel", "cup,to the left of|to the right of,s (2)"), "right"),
        (then(TABLE, "choose material", "metal|wood"), "wood"),
        (both(RED_CUP, TABLE, "same color"), "no"),
        (both(RED_CUP, TABLE, "choose larger"), "table"),
        (both(then(CUP, "exist", "?"), then((Step("select", "vase (-)"),), "exist", "?"), "or"), "yes"),
        (then((Step("select", "scene"),), "query", "room"), "kitchen"),
        (then((Step("select", "scene"),), "verify location", "outdoors"), "no"),
    ],
)
def test_interpreter(program: tuple[Step, ...], answer: str) -> None:
    assert Interpreter(GRAPH).run(program)[0] == answer


@pytest.mark.parametrize(
    "program",
    [
        then(CUP, "query", "color"),  # two cups
        then(then(CUP, "filter color", "blue"), "query", "hposition"),  # in the middle
        then((Step("select", "lamp (4)"),), "exist", "?"),  # a floor lamp is a lamp to some
        then(RED_CUP, "query", "material"),  # not annotated
        then((Step("select", "scene"),), "query", "weather"),
        both(RED_CUP, then(CUP, "filter color", "blue"), "common"),  # nothing in common
    ],
)
def test_interpreter_refuses_what_is_not_certain(program: tuple[Step, ...]) -> None:
    with pytest.raises(Undecidable):
        Interpreter(GRAPH).run(program)


def test_programs_are_joined_with_their_dependencies() -> None:
    program = both(join(RED_CUP), TABLE, "same color")
    assert semantic_str(program) == "select: cup (1)->filter color: red [0]->select: table (3)->same color:  [1, 2]"
