"""The mini CLEVR data: official form, consistent geometry, sound and balanced questions."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.clevr import scene_from_record
from vispro_gym.datasets.mini import clevr
from vispro_gym.datasets.mini.clevr.geometry import (
    BEHIND,
    HEIGHT,
    RIGHT,
    WIDTH,
    project,
)
from vispro_gym.datasets.mini.clevr.programs import ProgramError, execute, matches
from vispro_gym.datasets.mini.clevr.scenes import VALUES, sample_scene, scene_record
from vispro_gym.datasets.mini.clevr.wording import noun_phrase

FUNCTIONS = {
    "scene",
    "unique",
    "relate",
    "union",
    "intersect",
    "count",
    "exist",
    "equal_integer",
    "less_than",
    "greater_than",
} | {
    f"{kind}_{attribute}" for kind in ("filter", "query", "same", "equal") for attribute in ("color", "shape", "size", "material")
}
DIRECTIONS = {"left": (RIGHT, -1), "right": (RIGHT, 1), "behind": (BEHIND, 1), "front": (BEHIND, -1)}
SPLITS = ("train", "val")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the mini data, with blank pictures: drawing them takes most of the time."""
    folder = tmp_path_factory.mktemp("clevr")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clevr, "render", lambda *_: np.zeros((1, 1, 3), np.uint8))
        clevr.write_clevr(folder)
    return folder


def read(root: Path, split: str, kind: str) -> list[dict[str, Any]]:
    records = json.loads((root / "CLEVR_v1.0" / kind / f"CLEVR_{split}_{kind}.json").read_text())[kind]
    assert isinstance(records, list)
    return records


def questions_with_scenes(root: Path, split: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    scenes = {scene["image_filename"]: scene for scene in read(root, split, "scenes")}
    for question in read(root, split, "questions"):
        yield question, scenes[question["image_filename"]]


# Form


def form(value: Any) -> Any:
    """A value's shape: keys and types, lists by the forms of their members."""
    if isinstance(value, dict):
        return {key: form(member) for key, member in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(form(member), sort_keys=True) for member in value})
    return type(value).__name__


def test_scenes_have_the_official_form(root: Path, realdata: Path) -> None:
    official = json.loads((realdata / "clevr" / "scenes" / "CLEVR_val_scenes.json").read_text())
    ours = json.loads((root / "CLEVR_v1.0" / "scenes" / "CLEVR_val_scenes.json").read_text())
    assert ours.keys() == official.keys()
    assert form(ours["info"]) == form(official["info"])
    expected = form(official["scenes"][0])
    for scene in ours["scenes"]:
        assert form(scene) | {"relationships": None} == expected | {"relationships": None}
        assert scene["relationships"].keys() == official["scenes"][0]["relationships"].keys()
    assert np.allclose(
        [*ours["scenes"][0]["directions"].values()],
        [official["scenes"][0]["directions"][key] for key in ours["scenes"][0]["directions"]],
    )


def test_questions_have_the_official_form(root: Path, realdata: Path) -> None:
    official = json.loads((realdata / "clevr" / "questions" / "CLEVR_val_questions.json").read_text())
    ours = json.loads((root / "CLEVR_v1.0" / "questions" / "CLEVR_val_questions.json").read_text())
    assert ours.keys() == official.keys()
    expected = form(official["questions"][0]) | {
        "program": None,
        "answer": "str",
    }  # the generator's own files have ints and bools
    node_keys = official["questions"][0]["program"][0].keys()
    for question in ours["questions"]:
        assert form(question) | {"program": None} == expected
        assert all(node.keys() == node_keys for node in question["program"])


def test_camera_is_that_of_the_official_scenes(realdata: Path) -> None:
    scenes = json.loads((realdata / "clevr" / "scenes" / "CLEVR_val_scenes.json").read_text())["scenes"]
    expected = np.array([item["pixel_coords"] for scene in scenes for item in scene["objects"]])
    ours = np.array([project(item["3d_coords"]) for scene in scenes for item in scene["objects"]])
    # CLEVR shakes its camera a little from picture to picture: on average ours must be in the middle.
    assert np.abs((ours - expected).mean(axis=0)).max() < 1.0
    assert np.abs(ours - expected).mean(axis=0) == pytest.approx([0, 0, 0], abs=4.0)


@pytest.mark.parametrize("split", SPLITS)
def test_files_and_indices_agree(root: Path, split: str) -> None:
    scenes, questions = read(root, split, "scenes"), read(root, split, "questions")
    names = [f"CLEVR_{split}_{i:06d}.png" for i in range(len(scenes))]
    assert [scene["image_filename"] for scene in scenes] == names
    assert [scene["image_index"] for scene in scenes] == list(range(len(scenes)))
    assert sorted(path.name for path in (root / "CLEVR_v1.0" / "images" / split).iterdir()) == names
    assert [question["question_index"] for question in questions] == list(range(len(questions)))
    assert all(names[question["image_index"]] == question["image_filename"] for question in questions)
    assert (len(scenes), len(questions)) == {"train": (250, 2000), "val": (60, 480)}[split]


@pytest.mark.parametrize("split", SPLITS)
def test_loader_reads_every_sample(root: Path, split: str) -> None:
    dataset = open_dataset("CLEVR", data_dir=root, split=split)
    questions = read(root, split, "questions")
    assert len(dataset) == len(questions)
    for sample, question in zip(dataset, questions, strict=True):
        assert (sample.query, sample.target) == (question["question"], question["answer"])
        assert sample.images[0].scene is not None


# Reproduction

_WRITE_A_FEW = """
import sys
from pathlib import Path
from vispro_gym.datasets.mini import clevr
clevr.SCENES = {"train": 3, "val": 2}
clevr.write_clevr(Path(sys.argv[1]), seed=int(sys.argv[2]))
"""


def digests(folder: Path, seed: int, hash_seed: str) -> dict[str, str]:
    """Writes a few scenes in a fresh process; the digest of each file by its path."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", _WRITE_A_FEW, str(folder), str(seed)], check=True, env=environment)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    first, second = digests(tmp_path / "a", 0, "1"), digests(tmp_path / "b", 0, "2")
    assert len(first) == 2 * 2 + 3 + 2
    assert first == second
    other = digests(tmp_path / "c", 1, "1")
    assert other.keys() == first.keys()
    assert not set(first.values()) & set(other.values())


# Scenes


@pytest.mark.parametrize("split", SPLITS)
def test_relations_are_clear_in_world_and_picture(root: Path, split: str) -> None:
    for scene in read(root, split, "scenes"):
        things = scene["objects"]
        assert 3 <= len(things) <= 8
        for i, j in [(i, j) for i in range(len(things)) for j in range(len(things)) if i != j]:
            offset = np.subtract(things[j]["3d_coords"], things[i]["3d_coords"])
            columns, depth = np.subtract(things[j]["pixel_coords"], things[i]["pixel_coords"])[[0, 2]]
            for relation, (direction, sign) in DIRECTIONS.items():
                along = sign * float(offset @ direction)
                in_picture = sign * (columns if direction is RIGHT else depth)
                assert abs(along) >= 0.399
                assert abs(in_picture) >= (7 if direction is RIGHT else 0.149)
                assert (j in scene["relationships"][relation][i]) == (along > 0) == (in_picture > 0)


@pytest.mark.parametrize("split", SPLITS)
def test_pixel_coordinates_are_the_projection(root: Path, split: str) -> None:
    for scene in read(root, split, "scenes"):
        for thing in scene["objects"]:
            x, y, depth = project(thing["3d_coords"])
            assert thing["pixel_coords"] == [round(x), round(y), pytest.approx(depth, abs=1e-5)]
            assert thing["size"] in VALUES["size"] and thing["color"] in VALUES["color"]
            assert thing["shape"] in VALUES["shape"] and thing["material"] in VALUES["material"]


@pytest.mark.parametrize("split", SPLITS)
def test_no_object_is_hidden(root: Path, split: str) -> None:
    for scene in read(root, split, "scenes"):
        boxes = [item.box for item in scene_from_record(scene, "test").objects.values()]
        assert all(0 < left and 0 < top and right < WIDTH and bottom < HEIGHT for left, top, right, bottom in boxes)
        for a, b in combinations(boxes, 2):
            width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
            assert max(width, 0) * max(height, 0) <= 0.25 * smaller


# Questions


@pytest.mark.parametrize("split", SPLITS)
def test_programs_give_the_answers(root: Path, split: str) -> None:
    for question, scene in questions_with_scenes(root, split):
        assert execute(question["program"], scene) == question["answer"]


def test_executor_agrees_with_official_answers(realdata: Path) -> None:
    checked = 0
    for split, name in (("train", "train"), ("val", "val"), ("val", "val150")):
        scenes = {
            s["image_filename"]: s
            for s in json.loads((realdata / f"clevr/scenes/CLEVR_{split}_scenes.json").read_text())["scenes"]
        }
        for question in json.loads((realdata / f"clevr/questions/CLEVR_{name}_questions.json").read_text())["questions"]:
            answer = question["answer"]
            expected = {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)
            assert execute(question["program"], scenes[question["image_filename"]]) == expected
            checked += 1
    assert checked > 2000


def test_executor_refuses_references_that_are_not_unique() -> None:
    scene = scene_record(sample_scene(Random("test 0")), "val", 0)
    nodes: list[dict[str, Any]] = [
        {"inputs": [], "function": "scene", "value_inputs": []},
        {"inputs": [0], "function": "unique", "value_inputs": []},
    ]
    with pytest.raises(ProgramError, match="one object"):
        execute(nodes, scene)
    with pytest.raises(ProgramError, match="'fly'"):
        execute([{"inputs": [], "function": "fly", "value_inputs": []}], scene)


@pytest.mark.parametrize("split", SPLITS)
def test_all_functions_occur(root: Path, split: str) -> None:
    questions = read(root, split, "questions")
    assert {node["function"] for question in questions for node in question["program"]} == FUNCTIONS
    relates = Counter(sum(node["function"] == "relate" for node in question["program"]) for question in questions)
    assert all(relates[hops] > 0.03 * len(questions) for hops in range(4))


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_balanced(root: Path, split: str) -> None:
    questions = read(root, split, "questions")
    answers = Counter(question["answer"] for question in questions)
    assert max(answers.values()) <= 0.33 * len(questions)
    families: dict[int, Counter[str]] = defaultdict(Counter)
    for question in questions:
        families[question["question_family_index"]][question["answer"]] += 1
    sizes = [family.total() for family in families.values()]
    assert max(sizes) <= min(sizes) + 5
    yes_no = [family for family in families.values() if "yes" in family or "no" in family]
    assert len(yes_no) >= 10
    for family in yes_no:
        assert family.keys() == {"yes", "no"}
        assert abs(family["yes"] - family["no"]) <= 1
    counts = Counter({answer: n for answer, n in answers.items() if answer.isdigit()})
    assert counts["0"] + counts["1"] < 0.5 * counts.total()


@pytest.mark.parametrize("split", SPLITS)
def test_no_question_repeats_on_a_picture(root: Path, split: str) -> None:
    asked = Counter((question["image_index"], question["question"]) for question in read(root, split, "questions"))
    assert max(asked.values()) == 1


def before(program: list[dict[str, Any]], node: int) -> tuple[int, dict[str, str]]:
    """The first node of the filter chain that ends at a node's input, and the chain's description."""
    description = {}
    node = program[node]["inputs"][0]
    while program[node]["function"].startswith("filter_"):
        description[program[node]["function"].removeprefix("filter_")] = program[node]["value_inputs"][0]
        node = program[node]["inputs"][0]
    return node, description


@pytest.mark.parametrize("split", SPLITS)
def test_references_need_all_their_parts(root: Path, split: str) -> None:
    """What is said of a place is needed to find the object, and a description never tells what is asked."""
    checked = 0
    for question, scene in questions_with_scenes(root, split):
        program = question["program"]
        for i, node in enumerate(program):
            if node["function"] == "unique":
                start, description = before(program, i)
                fitting = sum(matches(thing, description) for thing in scene["objects"])
                assert fitting == 1 if program[start]["function"] == "scene" else fitting > 1
                checked += 1
            kind, _, attribute = node["function"].partition("_")
            if kind in ("query", "same"):
                assert attribute not in before(program, node["inputs"][0])[1]
            if kind == "same" and i + 1 < len(program):
                assert program[i + 1]["function"] != f"filter_{attribute}"
    assert checked > 500


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_name_the_parts_of_the_program(root: Path, split: str) -> None:
    spoken = {
        "large": "large|big", "small": "small|tiny", "rubber": "rubber|matte", "metal": "metal|shiny", "cube": "cube|block",
        "sphere": "sphere|ball", "left": "left of", "right": "right of", "front": "in front of|closer to the viewer than",
        "behind": "behind|farther back than",
    }  # fmt: skip
    for question, _ in questions_with_scenes(root, split):
        text = question["question"]
        assert text[0].isupper() and text.endswith("?") and "  " not in text and "{" not in text and " a o" not in text
        for node in question["program"]:
            for value in node["value_inputs"]:
                assert any(word in text for word in spoken.get(value, value).split("|")), (text, value)
            kind, _, attribute = node["function"].partition("_")
            if kind == "same":
                assert attribute in text


@given(
    description=st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}),
    seed=st.integers(0, 99),
)
def test_noun_phrases_have_one_word_per_attribute(description: dict[str, str], seed: int) -> None:
    phrase = noun_phrase(Random(seed), description)
    assert len(phrase.split()) == len(description) + ("shape" not in description)
    assert noun_phrase(Random(seed), description, plural=True) == f"{phrase}s"
