"""Counterfactual scenes: which pictures are taken, what is right there, and which programs are lucky."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenes import write_gqa_folder
from vispro_gym.counterfactual import CounterfactualScenes
from vispro_gym.datasets import Dataset, Sample, open_dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.engine import Engine, Job
from vispro_gym.perception import make_perception
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.programs.experts import translate
from vispro_gym.tasks import TASKS

# What is in each hand-made picture: names and attributes.
PICTURES: dict[str, list[tuple[str, list[str]]]] = {
    "own": [("cup", ["red"]), ("book", ["blue"])],
    "blue": [("cup", ["blue"]), ("book", ["green"])],
    "green": [("cup", ["green"])],
    "two": [("cup", ["red"]), ("cup", ["blue"])],
    "none": [("book", ["red"])],
    "unknown": [("cup", [])],
    "both": [("cup", ["red", "blue"])],
}

# Question, nodes (operation, argument, dependencies), answer on the picture "own", and answers where the question makes sense.
CASES: dict[str, tuple[str, list[tuple[str, str, list[int]]], str, dict[str, str]]] = {
    "query": (
        "What color is the cup?",
        [("select", "cup (1)", []), ("query", "color", [0])],
        "red",
        {"blue": "blue", "green": "green", "both": "red"},
    ),
    "choose": (
        "Is the cup red or blue?",
        [("select", "cup (1)", []), ("choose color", "red|blue", [0])],
        "red",
        {"blue": "blue"},
    ),
    "exist": (
        "Is there a red cup?",
        [("select", "cup (1)", []), ("filter color", "red", [0]), ("exist", "?", [1])],
        "yes",
        {"blue": "no", "green": "no", "two": "yes", "none": "no", "unknown": "no", "both": "yes"},
    ),
    "verify": (
        "Is the cup red?",
        [("select", "cup (1)", []), ("verify color", "red", [0])],
        "yes",
        {"blue": "no", "green": "no", "unknown": "no", "both": "yes"},
    ),
    "differ": (
        "Do the cup and the book have different colors?",
        [("select", "cup (1)", []), ("select", "book (2)", []), ("different color", "", [0, 1])],
        "yes",
        {"blue": "yes"},
    ),
}


def write_pictures(root: Path, pictures: dict[str, Any] = PICTURES, cases: dict[str, Any] = CASES) -> Path:
    """One question of each case on the picture "own", and a question on each other picture that makes it part of the split."""
    write_gqa_folder(root)
    graphs = {
        image_id: {
            "width": 100,
            "height": 80,
            "objects": {
                str(i): {"name": name, "x": 40 * i, "y": 10, "w": 20, "h": 20, "attributes": attributes, "relations": []}
                for i, (name, attributes) in enumerate(objects)
            },
        }
        for image_id, objects in pictures.items()
    }
    first = next(iter(cases.values()))
    questions = {f"on {image_id}": question(first, image_id) for image_id in pictures if image_id != "own"}
    questions |= {name: question(case, "own") for name, case in cases.items()}
    (root / "sceneGraphs" / "val_sceneGraphs.json").write_text(json.dumps(graphs))
    (root / "questions1.2" / "val_balanced_questions.json").write_text(json.dumps(questions))
    return root


def question(case: Any, image_id: str) -> dict[str, Any]:
    text, nodes, answer, _ = case
    semantic = [dict(zip(("operation", "argument", "dependencies"), node, strict=True)) for node in nodes]
    return {"question": text, "answer": answer, "imageId": image_id, "semantic": semantic}


@pytest.fixture(scope="module")
def handmade(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset("GQA", write_pictures(tmp_path_factory.mktemp("gqa")), "val", images="optional")


def make(dataset: Dataset, num_scenes: int, seed: int = 0) -> tuple[Engine, CounterfactualScenes]:
    engine = Engine(TASKS[dataset.task](), OraclePerception())
    return engine, CounterfactualScenes(dataset, engine, num_scenes, seed)


def shown(scenes: tuple[Sample, ...]) -> list[tuple[str, str]]:
    return [(scene.images[0].image_id, scene.target) for scene in scenes]


@pytest.mark.parametrize("case", CASES)
def test_scenes_and_targets_are_those_found_by_hand(handmade: Dataset, case: str) -> None:
    sample = handmade[handmade.position(case)]
    _, scenes = make(handmade, 10)
    (found,) = scenes.samples([sample])
    assert dict(shown(found)) == CASES[case][3] and len(found) == len(CASES[case][3])
    for scene in found:
        assert replace(scene, images=sample.images, target=sample.target) == sample, "nothing else is changed"


def test_answers_take_turns_and_that_of_the_own_picture_comes_last(handmade: Dataset) -> None:
    for seed in range(5):
        _, scenes = make(handmade, 4, seed)
        (found,) = scenes.samples([handmade[handmade.position("exist")]])
        assert [scene.target for scene in found] == ["no", "yes", "no", "yes"]
        _, scenes = make(handmade, 2, seed)
        (found,) = scenes.samples([handmade[handmade.position("query")]])
        assert {scene.target for scene in found} == {"blue", "green"}


def test_pictures_that_hold_what_is_not_meant_come_first(tmp_path: Path) -> None:
    """The own picture has one cup, a small one; so do most others. Only two tell "the small cup" from "the cup"."""
    folder = write_gqa_folder(tmp_path)
    pictures = {f"plain {i}".replace(" ", ""): [("cup", ["small", "green"])] for i in range(12)}
    pictures |= {"own": [("cup", ["small", "red"])], "large": [("cup", ["large", "white"]), ("cup", ["small", "blue"])]}
    pictures["book"] = [("book", ["small", "white"]), ("cup", ["small", "black"])]
    nodes = [("select", "cup (1)", []), ("filter size", "small", [0]), ("query", "color", [1])]
    write_pictures(folder, pictures, {"asked": ("What color is the small cup?", nodes, "red", {})})
    dataset = open_dataset("GQA", folder, "val", images="optional")
    sample = dataset[dataset.position("asked")]
    for seed in range(5):
        engine, scenes = make(dataset, 2, seed)
        assert set(shown(*scenes.samples([sample]))) == {("large", "blue"), ("book", "black")}
        jobs = [
            Job(f"return image.find({name!r})[0].simple_query('What color is this?')", sample) for name in ("cup", "small cup")
        ]
        assert scenes.check(jobs, engine.run(jobs)) == [False, True]


def test_programs_are_lucky_or_right(handmade: Dataset) -> None:
    engine, scenes = make(handmade, 6)
    programs = {
        "return 'yes'": ("lucky", False),
        "return image.exists('cup')": ("lucky", False),  # right here; there are cups that are not red
        "return image.exists('red cup')": ("correct", True),
        "return image.find('cup')[0].verify_property('cup', 'red')": ("lucky", False),  # takes for granted that there is a cup
        "return 'no'": ("wrong", False),
        "return image.find('dog')[0]": ("runtime_error", False),
        "no program": ("extract_error", False),
    }
    sample = handmade[handmade.position("exist")]
    jobs = [Job(program, sample) for program in programs]
    alone = engine.run(jobs)
    assert scenes.check(jobs, alone) == [verdict for _, verdict in programs.values()]
    engine.scenes = scenes
    for outcome, before, (expected, verdict) in zip(engine.run(jobs), alone, programs.values(), strict=True):
        assert (outcome.outcome, outcome.reward) == (expected, float(verdict))
        assert outcome.soft == (before.soft if outcome.outcome != "lucky" else 0.0)
        kept = replace(outcome, outcome=before.outcome, reward=before.reward, soft=before.soft, scenes=0)
        assert kept == before, "answer, trace and all else are those on the own picture"
        assert outcome.scenes == (6 if before.reward else 0)


def test_a_program_that_looks_at_pictures_is_run_with_the_engines_own_perception(handmade: Dataset) -> None:
    engine = Engine(TASKS["gqa"](), make_perception("noise(oracle, miss=1.0)"))
    scenes = CounterfactualScenes(handmade, engine, 3)
    sample = handmade[handmade.position("verify")]
    _, reference = make(handmade, 3)
    assert list(map(shown, scenes.samples([sample]))) == list(map(shown, reference.samples([sample])))
    jobs = [Job("return 'no' if image.exists('cup') else 'yes'", sample)]
    assert scenes.check(jobs, engine.run(jobs)) == [False], "all cups are missed, so it says yes everywhere"


def test_a_sample_without_scenes_is_scored_on_its_own_picture(tmp_path: Path) -> None:
    dataset = open_dataset("GQA", write_gqa_folder(tmp_path), "val")
    engine, scenes = make(dataset, 4)
    jobs = [Job("return 'yes'", dataset[0])]
    assert scenes.samples([dataset[0]]) == [()]
    assert scenes.check(jobs, engine.run(jobs)) == [None]
    engine.scenes = scenes
    (outcome,) = engine.run(jobs)
    assert (outcome.outcome, outcome.reward, outcome.scenes) == ("correct", 1.0, 0)


def test_a_program_of_the_folder_does_not_say_what_is_right_elsewhere(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path)
    (folder / "expert_programs_val.json").write_text(json.dumps({"query": "return 'red'", "verify": "{ no program"}))
    dataset = open_dataset("GQA", folder, "val", images="optional")
    _, scenes = make(dataset, 10)
    found = scenes.samples([dataset[dataset.position(case)] for case in ("query", "verify")])
    assert [dict(shown(some)) for some in found] == [CASES[case][3] for case in ("query", "verify")]


def test_nothing_is_run_for_nothing(handmade: Dataset) -> None:
    _, scenes = make(handmade, 4)
    assert scenes.samples([]) == [] and scenes.check([], []) == []


@pytest.mark.parametrize("number", [0, -1, True, 2.0, "4", None])
def test_a_number_of_scenes_that_makes_no_sense(handmade: Dataset, number: Any) -> None:
    with pytest.raises(ValueError, match=r"num_scenes=.* is no number of scenes\. Expected a positive integer"):
        make(handmade, number)


def test_datasets_that_will_not_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"POPE random in .* samples have no functional programs\. Expected CLEVR or GQA"):
        make(open_dataset("POPE", None, "random"), 4)
    folder = write_gqa_folder(tmp_path)
    (folder / "sceneGraphs" / "val_sceneGraphs.json").unlink()
    with pytest.raises(DatasetError, match=r"GQA val in .* pictures have no scene annotations\."):
        make(open_dataset("GQA", folder, "val"), 4)


def test_damaged_records_are_passed_over(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path)
    for path, damage in (
        (folder / "sceneGraphs" / "val_sceneGraphs.json", lambda graphs: graphs["green"].update(width="wide")),
        (folder / "questions1.2" / "val_balanced_questions.json", lambda questions: questions["on blue"].pop("imageId")),
    ):
        content = json.loads(path.read_text())
        damage(content)
        path.write_text(json.dumps(content))
    dataset = open_dataset("GQA", folder, "val", images="optional")
    _, scenes = make(dataset, 10)
    (found,) = scenes.samples([dataset[dataset.position("query")]])
    assert shown(found) == [("both", "red")]


# On the mini data


@pytest.fixture(scope="module")
def clevr() -> Dataset:
    return open_dataset("CLEVR", None, "val")


@pytest.fixture(scope="module")
def alone(clevr: Dataset) -> list[list[tuple[str, str]]]:
    """Scenes of the first samples, asked one at a time."""
    _, scenes = make(clevr, 4)
    return [shown(*scenes.samples([sample])) for sample in clevr[:30]]


@settings(max_examples=8)
@given(st.lists(st.integers(0, 29), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_a_sample_has_the_same_scenes_in_every_batch(
    clevr: Dataset, alone: list[list[tuple[str, str]]], positions: list[int], rng: random.Random
) -> None:
    _, scenes = make(clevr, 4)
    while positions:
        size = rng.randint(1, len(positions))
        batch, positions = positions[:size], positions[size:]
        assert list(map(shown, scenes.samples([clevr[i] for i in batch]))) == [alone[i] for i in batch]


def digest() -> str:
    dataset = open_dataset("GQA", None, "val")
    return str(list(map(shown, make(dataset, 3)[1].samples(dataset[:40]))))


def test_every_process_finds_the_same_scenes() -> None:
    code = "from tests.test_counterfactual import digest; print(digest())"
    env = os.environ | {"PYTHONHASHSEED": "12345"}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == digest()


def test_another_seed_gives_other_scenes(clevr: Dataset) -> None:
    (_, one), (_, other) = make(clevr, 1), make(clevr, 1, seed=1)
    samples = clevr[:50]
    differing = [shown(a) != shown(b) for a, b in zip(one.samples(samples), other.samples(samples), strict=True)]
    assert sum(differing) > 10


@pytest.mark.parametrize(("name", "share"), [("GQA", 0.7), ("CLEVR", 0.6)])  # of few pictures
def test_the_expert_is_right_everywhere_and_constants_hardly_anywhere(name: str, share: float) -> None:
    dataset = open_dataset(name, None, "val")
    samples = list(dataset)[:600]
    engine, scenes = make(dataset, 4)
    engine.scenes = scenes
    expert = engine.run([Job(translate(sample), sample) for sample in samples])
    assert {outcome.outcome for outcome in expert} == {"correct"}
    assert sum(outcome.scenes for outcome in expert) > share * 4 * len(samples)
    for answer in ("yes", "no"):
        asked = [sample for sample in samples if sample.target == answer]
        outcomes = engine.run([Job(f"return {answer!r}", sample) for sample in asked])
        alike = [all(scene.target == answer for scene in found) for found in scenes.samples(asked)]
        assert [outcome.reward == 1.0 for outcome in outcomes] == alike
        assert {outcome.outcome for outcome in outcomes} <= {"correct", "lucky"}
        assert sum(alike) < 0.5 * len(asked), "fewer have no picture with another answer"


def test_the_expert_is_right_on_other_real_scenes(realdata: Path) -> None:
    dataset = open_dataset("CLEVR", realdata / "clevr_large", "val", images="optional")
    samples = random.Random(0).sample(range(len(dataset)), 150)
    engine, scenes = make(dataset, 4)
    jobs = [Job(translate(sample), sample) for sample in map(dataset.sample, samples)]
    verdicts = scenes.check(jobs, engine.run(jobs))
    assert verdicts.count(False) == 0 and verdicts.count(True) > 0.85 * len(jobs)
    targets = [
        {scene.target for scene in found} | {job.sample.target}
        for job, found in zip(jobs, scenes.samples([j.sample for j in jobs]), strict=True)
    ]
    assert sum(len(answers) > 1 for answers in targets) > 0.8 * len(jobs), "answers differ"
