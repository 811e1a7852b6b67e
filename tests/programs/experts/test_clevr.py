"""CLEVR's functional programs, translated and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs.experts.harness import assigned_names, run
from vispro_gym.datasets.clevr import answer_text, scene_from_record
from vispro_gym.programs.experts import UntranslatableError
from vispro_gym.programs.experts.clevr import translate


def node(function: str, *inputs: int, value: str | None = None) -> dict[str, Any]:
    return {"function": function, "inputs": list(inputs), "value_inputs": [] if value is None else [value]}


RECORD = {
    "objects": [
        {"shape": "cube", "size": "large", "color": "red", "material": "metal", "pixel_coords": [100, 100, 12.0]},
        {"shape": "sphere", "size": "small", "color": "red", "material": "rubber", "pixel_coords": [200, 150, 10.0]},
        {"shape": "cylinder", "size": "large", "color": "green", "material": "metal", "pixel_coords": [300, 200, 8.0]},
        {"shape": "cube", "size": "small", "color": "blue", "material": "rubber", "pixel_coords": [400, 250, 6.0]},
    ],
    "relationships": {
        "left": [[], [0], [0, 1], [0, 1, 2]],
        "right": [[1, 2, 3], [2, 3], [3], []],
        "behind": [[], [0], [0, 1], [0, 1, 2]],
        "front": [[1, 2, 3], [2, 3], [3], []],
    },
}
SCENE = scene_from_record(RECORD, "test")

SCENE_NODE = node("scene")
RED_SPHERE = [SCENE_NODE, node("filter_color", 0, value="red"), node("filter_shape", 1, value="sphere"), node("unique", 2)]
CYLINDER = [SCENE_NODE, node("filter_shape", 0, value="cylinder"), node("unique", 1)]


def side_by_side(left: list[dict[str, Any]], right: list[dict[str, Any]], *rest: dict[str, Any]) -> list[dict[str, Any]]:
    shifted = [{**item, "inputs": [i + len(left) for i in item["inputs"]]} for item in right]
    return [*left, *shifted, *rest]


def test_a_program_reads_well() -> None:
    program = translate(
        [
            *RED_SPHERE,
            node("relate", 3, value="right"),
            node("filter_size", 4, value="large"),
            node("filter_material", 5, value="metal"),
            node("filter_shape", 6, value="cylinder"),
            node("unique", 7),
            node("query_color", 8),
        ]
    )
    assert program == (
        "def execute_command(image):\n"
        "    image_patch = ImagePatch(image)\n"
        '    sphere = image_patch.find("red sphere")[0]\n'
        '    cylinder = sphere.related("to the right of", "large metal cylinder")[0]\n'
        '    return cylinder.simple_query("What color is this?")\n'
    )
    assert run(program, SCENE) == "green"


# Every function of CLEVR v1.0 with the answer on SCENE.
CASES = {
    "filter, count": ([SCENE_NODE, node("filter_size", 0, value="large"), node("count", 1)], 2),
    "count all": ([SCENE_NODE, node("count", 0)], 4),
    "exist": ([SCENE_NODE, node("filter_material", 0, value="rubber"), node("exist", 1)], "yes"),
    "not exist": ([SCENE_NODE, node("filter_color", 0, value="purple"), node("exist", 1)], "no"),
    "query size": ([*RED_SPHERE, node("query_size", 3)], "small"),
    "query color": ([*RED_SPHERE, node("query_color", 3)], "red"),
    "query material": ([*RED_SPHERE, node("query_material", 3)], "rubber"),
    "query shape": ([*RED_SPHERE, node("query_shape", 3)], "sphere"),
    "left": ([*RED_SPHERE, node("relate", 3, value="left"), node("count", 4)], 1),
    "right": ([*RED_SPHERE, node("relate", 3, value="right"), node("count", 4)], 2),
    "front": ([*RED_SPHERE, node("relate", 3, value="front"), node("count", 4)], 2),
    "behind": ([*RED_SPHERE, node("relate", 3, value="behind"), node("count", 4)], 1),
    "same color": ([*RED_SPHERE, node("same_color", 3), node("count", 4)], 1),
    "same size": ([*RED_SPHERE, node("same_size", 3), node("filter_shape", 4, value="cube"), node("count", 5)], 1),
    "same material": ([*RED_SPHERE, node("same_material", 3), node("exist", 4)], "yes"),
    "same shape": ([*RED_SPHERE, node("same_shape", 3), node("exist", 4)], "no"),
    "union": (
        side_by_side(
            [SCENE_NODE, node("filter_color", 0, value="red")],
            [SCENE_NODE, node("filter_shape", 0, value="cube")],
            node("union", 1, 3),
            node("count", 4),
        ),
        3,
    ),
    "intersect, filter, unique": (
        side_by_side(
            [*RED_SPHERE, node("relate", 3, value="right")],
            [SCENE_NODE, node("filter_color", 0, value="blue"), node("unique", 1), node("relate", 2, value="left")],
            node("intersect", 4, 8),
            node("filter_size", 9, value="large"),
            node("unique", 10),
            node("query_shape", 11),
        ),
        "cylinder",
    ),
    "equal size": (
        side_by_side([*RED_SPHERE, node("query_size", 3)], [*CYLINDER, node("query_size", 2)], node("equal_size", 4, 8)),
        "no",
    ),
    "equal object": (side_by_side(RED_SPHERE, CYLINDER, node("equal_object", 3, 6)), "no"),
}
for comparison, answer in (("equal_integer", "no"), ("less_than", "yes"), ("greater_than", "no")):
    CASES[comparison] = (
        side_by_side(
            [SCENE_NODE, node("filter_shape", 0, value="sphere"), node("count", 1)],
            [SCENE_NODE, node("filter_shape", 0, value="cube"), node("count", 1)],
            node(comparison, 2, 5),
        ),
        answer,
    )
for attribute, answer in (("color", "no"), ("material", "no"), ("shape", "no")):
    CASES[f"equal {attribute}"] = (
        side_by_side(
            [*RED_SPHERE, node(f"query_{attribute}", 3)],
            [*CYLINDER, node(f"query_{attribute}", 2)],
            node(f"equal_{attribute}", 4, 8),
        ),
        answer,
    )


@pytest.mark.parametrize("case", CASES)
def test_every_function(case: str) -> None:
    nodes, answer = CASES[case]
    program = translate(nodes)
    assert run(program, SCENE) == answer, program
    names = assigned_names(program)
    assert len(set(names)) == len(names)


def test_reads_the_keys_of_the_generator() -> None:
    generated = [{"type": item["function"], "inputs": item["inputs"], "side_inputs": item["value_inputs"]} for item in RED_SPHERE]
    assert translate([*generated, {"type": "query_size", "inputs": [3]}]) == translate([*RED_SPHERE, node("query_size", 3)])


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([], "no nodes"),
        ([SCENE_NODE, node("frobnicate", 0)], "'frobnicate'"),
        ([SCENE_NODE, node("filter_weight", 0, value="heavy"), node("count", 1)], "'filter_weight'"),
        ([SCENE_NODE, node("filter_color", 0), node("count", 1)], "'filter_color'"),
        ([*RED_SPHERE, node("relate", 3, value="above"), node("count", 4)], "'above'"),
        ([SCENE_NODE, node("query_color", 0)], "'scene'"),
        ([node("count", 0)], "earlier"),
        ([SCENE_NODE, node("count")], "'count'"),
        ([SCENE_NODE, node("filter_color", 0, value="red")], "'filter_color'"),
    ],
)
def test_what_cannot_be_translated(nodes: list[dict[str, Any]], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        translate(nodes)


@pytest.mark.parametrize("folder", ["clevr", "clevr_large"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_real_questions_get_the_annotated_answer(realdata: Path, folder: str, split: str) -> None:
    root = realdata / folder
    scenes = json.loads((root / "scenes" / f"CLEVR_{split}_scenes.json").read_text())["scenes"]
    by_name = {record["image_filename"]: scene_from_record(record, "scene") for record in scenes}
    questions = json.loads((root / "questions" / f"CLEVR_{split}_questions.json").read_text())["questions"][:3000]
    assert len(questions) > 100
    wrong = [
        question["question"]
        for question in questions
        if answer_text(run(translate(question["program"]), by_name[question["image_filename"]]))
        != answer_text(question["answer"])
    ]
    assert not wrong
