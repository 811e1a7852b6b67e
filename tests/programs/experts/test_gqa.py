"""GQA's functional programs, translated and run."""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.programs.experts.harness import assigned_names, run
from vispro_gym.datasets.gqa import scene_from_graph
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.programs.api import API
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.programs.experts import gqa as experts_gqa
from vispro_gym.programs.experts.gqa import parse_semantic_str


def entry(name: str, box: tuple[int, int, int, int], attributes: str = "", relations: str = "") -> dict[str, Any]:
    edges = [edge.rsplit(" ", 1) for edge in relations.split(", ") if edge]
    return {
        **dict(zip("xywh", box, strict=True)),
        "name": name,
        "attributes": [attribute for attribute in attributes.split(", ") if attribute],
        "relations": [{"name": relation, "object": other} for relation, other in edges],
    }


SCENE = scene_from_graph(
    {
        "width": 400,
        "height": 300,
        "location": "outdoors",
        "weather": "cloudy",
        "objects": {
            "1": entry("man", (20, 40, 60, 200), "old, standing", "wearing 3, holding 6, to the left of 2"),
            "2": entry("woman", (200, 60, 60, 180), "young, sitting", "wearing 4, sitting on 5, to the right of 1"),
            "3": entry("hat", (30, 40, 30, 20), "black"),
            "4": entry("shirt", (205, 100, 50, 60), "white, cotton"),
            "5": entry("bench", (180, 180, 120, 80), "brown, wood"),
            "6": entry("apples", (60, 120, 15, 15), "red, round"),
            "7": entry("street", (0, 200, 400, 100), "wet, black"),
            "8": entry("dog", (320, 220, 60, 50), "black, small", "on 7, in front of 5"),
            "9": entry("dogs", (100, 230, 60, 40), "brown", "on 7"),
            "10": entry("sky", (0, 0, 400, 50), "cloudy, gray"),
            "11": entry("hot dog", (70, 150, 15, 8)),
            "12": entry("table", (300, 150, 70, 60), "brown, wood, square"),
            "13": entry("lamp", (330, 60, 20, 60), "on, tall", "on 12"),
        },
    },
    "test",
)


def answer(semantic: str) -> Any:
    return run(experts_gqa.translate(parse_semantic_str(semantic)), SCENE)


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("select: hat (3)->exist: ? [0]", "yes"),
        ("select: cat (-)->exist: ? [0]", "no"),
        ("select: cat (-)->exist: ? [0]->select: dog (8) ->exist: ? [2]->or:  [1, 3]", "yes"),
        ("select: cat (-)->exist: ? [0]->select: dog (8) ->exist: ? [2]->and:  [1, 3]", "no"),
        ("select: dog (8)->filter color: black [0]->exist: ? [1]", "yes"),
        ("select: dog (8)->filter color: not(black) [0]->query: name [1]", "dogs"),
        ("select: animal (8)->filter size: small [0]->query: name [1]", "dog"),
        ("select: lamp (13)->filter: on [0]->query: height [1]", "tall"),
        ("select: shirt (4)->relate: person,wearing,s (2) [0]->query: name [1]", "woman"),
        ("select: man (1)->relate: _,holding,o (6) [0]->query: name [1]", "apples"),
        ("select: man (1)->relate: fruit,holding,o (6) [0]->filter color: red [1]->query: shape [2]", "round"),
        ("select: bench (5)->relate: furniture,same material,_ (12) [0]->query: name [1]", "table"),
        ("select: shirt (4)->query: color [0]", "white"),
        ("select: dog (8)->query: size [0]", "small"),
        ("select: woman (2)->query: pose [0]", "sitting"),
        ("select: man (1)->query: hposition [0]", "left"),
        ("select: sky (10)->query: vposition [0]", "top"),
        ("select: dog (8)->filter hposition: right [0]->query: color [1]", "black"),
        ("select: dog (8)->filter hposition: left [0]->query: color [1]", "brown"),
        ("select: person (1)->filter vposition: middle [0]->query: name [1]", "man"),
        ("select: scene->query: place [0]", "street"),
        ("select: scene->query: weather [0]", "cloudy"),
        ("select: scene->query: location [0]", "outdoors"),
        ("select: scene->verify location: indoors [0]", "no"),
        ("select: scene->verify weather: cloudy [0]", "yes"),
        ("select: scene->verify place: street [0]", "yes"),
        ("select: scene->choose location: indoors|outdoors [0]", "outdoors"),
        ("select: scene->choose weather: sunny|cloudy [0]", "cloudy"),
        ("select: scene->choose place: beach|street [0]", "street"),
        ("select: this (8)->choose name: bus|dog [0]", "dog"),
        ("select: this (7)->query: name [0]", "street"),
        ("select: bench (5)->verify material: wood [0]->verify color: brown [0]->and:  [1, 2]", "yes"),
        ("select: dog (8)->verify color: brown [0]->verify size: small [0]->and:  [1, 2]", "no"),
        ("select: dog (8)->verify color: white [0]->verify size: small [0]->or:  [1, 2]", "yes"),
        (
            "select: cat (-)->exist: ? [0]->select: dog (8) ->exist: ? [2]->or:  [1, 3]"
            "->select: cat (-)->exist: ? [5]->and:  [4, 6]",
            "no",
        ),
        ("select: man (1)->verify hposition: right [0]", "no"),
        ("select: man (1)->verify rel: hat,wearing,o (3) [0]", "yes"),
        ("select: man (1)->verify rel: coat,wearing,o (-) [0]", "no"),
        ("select: bench (5)->verify rel: dog,in front of,s (8) [0]", "yes"),
        ("select: shirt (4)->choose color: white|black [0]", "white"),
        ("select: shirt (4)->choose color: black|white [0]", "white"),
        ("select: furniture (12)->filter shape: square [0]->choose name: table|bench [1]", "table"),
        ("select: dog (8)->filter color: black [0]->choose hposition: left|right [1]", "right"),
        ("select: sky (10)->choose vposition: bottom|top [0]", "top"),
        ("select: woman (2)->choose rel: man,to the left of|to the right of,s (1) [0]", "left"),
        ("select: bench (5)->choose rel: dog,behind|in front of,s (8) [0]", "front"),
        ("select: man (1)->select: woman (2) ->choose younger:  [0, 1]", "woman"),
        ("select: man (1)->select: woman (2) ->choose older:  [0, 1]", "man"),
        ("select: hot dog (11)->select: apples (6) ->choose healthier:  [0, 1]", "apples"),
        ("select: hot dog (11)->select: apples (6) ->choose less healthy:  [0, 1]", "hot dog"),
        ("select: hat (3)->select: bench (5) ->choose larger:  [0, 1]", "bench"),
        ("select: hat (3)->select: bench (5) ->choose smaller:  [0, 1]", "hat"),
        ("select: hat (3)->select: lamp (13) ->choose taller:  [0, 1]", "lamp"),
        ("select: hat (3)->select: shirt (4) ->choose higher:  [0, 1]", "hat"),
        ("select: hat (3)->select: shirt (4) ->choose lower:  [0, 1]", "shirt"),
        ("select: bench (5)->select: table (12) ->same color:  [0, 1]", "yes"),
        ("select: bench (5)->select: hat (3) ->same color:  [0, 1]", "no"),
        ("select: bench (5)->select: hat (3) ->different color:  [0, 1]", "yes"),
        ("select: bench (5)->select: table (12) ->common:  [0, 1]", "color"),
        ("select: person (1,2)->same: gender [0]", "no"),
        ("select: animal (8,9)->same: type [0]", "yes"),
        ("select: person (1,2)->different: type [0]", "yes"),
    ],
)
def test_every_kind_of_operation(semantic: str, expected: str) -> None:
    assert answer(semantic) == expected


def test_a_program_reads_well() -> None:
    semantic = "select: wall (7)->filter color: white [0]->relate: _,on,s (3) [1]->query: color [2]"
    assert experts_gqa.translate(parse_semantic_str(semantic)) == (
        "def execute_command(image):\n"
        "    image_patch = ImagePatch(image)\n"
        '    walls = image_patch.find("white wall")\n'
        '    things = [thing for wall in walls for thing in wall.related("on")]\n'
        '    colors = [thing.simple_query("What color is this?") for thing in things]\n'
        '    return next(color for color in colors if color != "unknown")\n'
    )


def test_names_stay_distinct_and_legal() -> None:
    program = experts_gqa.translate(
        parse_semantic_str(
            "select: pants (1)->relate: map,near,s (2) [0]->relate: map,to the left of,s (3) [1]->relate: _,on,o (4) [2]"
            "->relate: t-shirt,near,s (5) [3]->filter: not(new) [4]->query: name [5]"
        )
    )
    assert assigned_names(program) == ["image_patch", "pants", "maps", "left_maps", "things", "t_shirts", "not_new_t_shirts"]
    ast.parse(program)


def test_answers_in_the_loop_of_common() -> None:
    assert answer("select: hat (3)->select: bench (5) ->common:  [0, 1]") == "unknown"


@pytest.mark.parametrize(
    ("semantic", "named"),
    [
        ("select: wall (1)->frobnicate: x [0]", "'frobnicate'"),
        ("select: wall (1)->query: wealth [0]", "'wealth'"),
        ("select: wall (1)->choose color: red [0]", "'choose color'"),
        ("select: wall (1)->select: hat (2)->same wealth:  [0, 1]", "'wealth'"),
        ("select: wall (1)->select: hat (2)->choose wiser:  [0, 1]", "'choose wiser'"),
        ("select: wall (1)->filter hposition: diagonal [0]->exist: ? [1]", "'diagonal'"),
        ("select: wall (1)->relate: hat [0]->exist: ? [1]", "'relate'"),
        ("select: scene->query: mood [0]", "'query'"),
        ("select: wall (1)", "'select'"),
        ("exist: ?", "'exist'"),
        ("select: wall (1)->exist: ? [3]", "earlier"),
        ("wall", "'wall'"),
    ],
)
def test_what_cannot_be_translated(semantic: str, named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        experts_gqa.translate(parse_semantic_str(semantic))


def sample(nodes: list[dict[str, Any]] | None) -> Sample:
    image = ImageRef("1", (1, 1), lambda: np.zeros((1, 1, 3), np.uint8))
    return Sample("7", "?", (image,), "yes", functional_program=tuple(nodes) if nodes else None)


def test_translate_picks_by_the_form_of_the_nodes() -> None:
    nodes = parse_semantic_str("select: hat (3)->exist: ? [0]")
    assert translate(sample(nodes)) == experts_gqa.translate(nodes)
    scene = {"type": "scene", "inputs": []}
    assert 'find("object")' in translate(sample([scene, {"type": "count", "inputs": [0]}]))
    assert 'find("object")' in translate(sample([{**scene, "function": "scene"}, {"function": "count", "inputs": [0]}]))
    for bad in (None, [{"name": "x"}]):
        with pytest.raises(UntranslatableError, match="'7'"):
            translate(sample(bad))


REAL_FILES = ("codevqa_train50", "gazevlm_val", "sample_balanced", "testdev_ood_head")


def real_programs(realdata: Path) -> list[list[dict[str, Any]]]:
    folder = realdata / "gqa" / "questions"
    programs = []
    for name in REAL_FILES:
        for record in json.loads((folder / f"{name}_questions.json").read_text()).values():
            programs.append(record["semantic"])
            rebuilt = experts_gqa.translate(parse_semantic_str(record["semanticStr"]))
            assert rebuilt == experts_gqa.translate(record["semantic"])
    for record in json.loads((folder / "testdev_balanced_programs.json").read_text()).values():
        programs.append(parse_semantic_str(record["semanticStr"]))
    return programs


def test_every_real_program_compiles_to_a_short_one_without_ids(realdata: Path) -> None:
    programs = real_programs(realdata)
    assert len(programs) > 14_000
    reserved = {*dir(builtins), *keyword.kwlist, *(member.name for member in API), "image", "execute_command"}
    for nodes in programs:
        program = experts_gqa.translate(nodes)
        names = assigned_names(program)
        assert len(set(names)) == len(names) and reserved.isdisjoint(names), program
        assert program.count("\n") <= 8, program
        for identifiers in re.findall(r"\(([\d,]+)\)", " ".join(node["argument"] for node in nodes)):
            assert f"({identifiers})" not in program


def test_real_questions_get_the_annotated_answer(realdata: Path) -> None:
    graphs = json.loads((realdata / "gqa" / "sceneGraphs" / "sample_sceneGraphs.json").read_text())
    questions = json.loads((realdata / "gqa" / "questions" / "sample_balanced_questions.json").read_text()).values()
    assert len(questions) >= 20
    wrong = []
    for question in questions:
        scene = scene_from_graph(graphs[question["imageId"]], "scene")
        got = run(experts_gqa.translate(question["semantic"]), scene)
        if got != question["answer"]:
            wrong.append((question["question"], question["answer"], got))
    assert not wrong
