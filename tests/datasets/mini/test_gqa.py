"""The mini GQA data: schemas as published, facts that hold, answers that are sure, and balance."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vispro_gym.datasets.mini.drawing.canvas import Look, Pen
from vispro_gym.datasets.mini.gqa import FAMILIES, SPLITS, ask_all, balance, write_gqa
from vispro_gym.datasets.mini.gqa.catalogue import ALWAYS_PLURAL, GARMENTS, KINDS, PEOPLE, PLACES, category, plural, related
from vispro_gym.datasets.mini.gqa.programs import Interpreter, Step
from vispro_gym.datasets.mini.gqa.questions import TYPES
from vispro_gym.datasets.mini.gqa.references import unmark
from vispro_gym.datasets.mini.gqa.scenes import compose
from vispro_gym.perception import vocabulary

SCENES = st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(PLACES)))
Records = dict[str, dict[str, Any]]


class Mini(NamedTuple):
    """The generated data set: questions and scene graphs by split."""

    root: Path
    questions: dict[str, Records]
    graphs: dict[str, Records]


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Mini:
    """The full data set, generated once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root = shared / "mini_gqa"
    with FileLock(shared / "mini_gqa.lock"):
        if not (root / "done").exists():
            root.mkdir()
            write_gqa(root)
            (root / "done").touch()

    def read(path: str) -> dict[str, Records]:
        return {split: json.loads((root / path.format(split)).read_text()) for split in SPLITS}

    return Mini(root, read("questions1.2/{}_balanced_questions.json"), read("sceneGraphs/{}_sceneGraphs.json"))


def all_questions(mini: Mini) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Question id, record and scene graph of every question."""
    return [
        (key, record, mini.graphs[split][record["imageId"]]) for split in SPLITS for key, record in mini.questions[split].items()
    ]


def test_the_files_are_gqa_s(mini: Mini) -> None:
    found = {str(path.relative_to(mini.root)) for path in mini.root.rglob("*") if path.suffix == ".json"}
    assert found == {
        f"{folder}/{split}_{name}.json"
        for split in ("train", "val")
        for folder, name in (("sceneGraphs", "sceneGraphs"), ("questions1.2", "balanced_questions"))
    }
    images = {path.stem for path in (mini.root / "images").glob("*.jpg")}
    assert images == {*mini.graphs["train"], *mini.graphs["val"]}


def test_counts(mini: Mini) -> None:
    assert len(mini.questions["train"]) >= 4000
    assert len(mini.questions["val"]) >= 1000


def test_splits_share_nothing(mini: Mini) -> None:
    assert mini.graphs["train"].keys().isdisjoint(mini.graphs["val"])
    assert mini.questions["train"].keys().isdisjoint(mini.questions["val"])
    contents = [
        hashlib.sha256((mini.root / "images" / f"{image}.jpg").read_bytes()).hexdigest()
        for split in SPLITS
        for image in mini.graphs[split]
    ]
    assert len(set(contents)) == len(contents)


def test_records_have_the_published_fields(mini: Mini, realdata: Path) -> None:
    real = json.loads((realdata / "gqa/questions/sample_balanced_questions.json").read_text())
    model = next(iter(real.values()))
    for key, record, _ in all_questions(mini):
        assert record.keys() == model.keys()
        for name in ("groups", "types", "annotations"):
            assert record[name].keys() == model[name].keys()
        assert re.fullmatch(r"\d{8}", key)
        assert key in record["entailed"] and key in record["equivalent"]
        assert record["isBalanced"] is True
        assert all(step.keys() == {"operation", "dependencies", "argument"} for step in record["semantic"])
    assert any(key.startswith("0") for key in mini.questions["train"])


def test_graphs_have_the_published_fields(mini: Mini) -> None:
    for split in SPLITS:
        for graph in mini.graphs[split].values():
            assert graph.keys() - {"weather"} == {"width", "height", "location", "objects"}
            assert graph["location"] in ("indoors", "outdoors")
            assert ("weather" in graph) == (graph["location"] == "outdoors")
            for thing in graph["objects"].values():
                assert thing.keys() == {"name", "x", "y", "w", "h", "attributes", "relations"}
                assert all(type(thing[side]) is int for side in "xywh")
                assert all(edge.keys() == {"name", "object"} for edge in thing["relations"])
                assert all(edge["object"] in graph["objects"] for edge in thing["relations"])


def test_types_agree_with_gqa(mini: Mini, realdata: Path) -> None:
    published: dict[str, set[tuple[str, str]]] = {}
    for name in ("sample_balanced", "codevqa_train50", "gazevlm_val", "testdev_ood_head"):
        for record in json.loads((realdata / f"gqa/questions/{name}_questions.json").read_text()).values():
            types = record["types"]
            published.setdefault(types["detailed"], set()).add((types["semantic"], types["structural"]))
    shared = published.keys() & TYPES.keys()
    assert len(shared) >= 30
    assert {name: published[name] for name in shared} == {name: {TYPES[name]} for name in shared}
    assert len({record["types"]["detailed"] for record in mini.questions["val"].values()}) >= 30
    assert {record["types"]["structural"] for record in mini.questions["val"].values()} == {
        "verify",
        "query",
        "choose",
        "logical",
        "compare",
    }


def test_semantic_str_follows_gqa_s_rule(mini: Mini) -> None:
    for _, record, _ in all_questions(mini):
        parts = []
        for step in record["semantic"]:
            dependencies = ", ".join(map(str, step["dependencies"]))
            parts.append(f"{step['operation']}: {step['argument']}" + (f" [{dependencies}]" if dependencies else ""))
        assert record["semanticStr"] == "->".join(parts)


def test_questions_are_unique_and_well_formed(mini: Mini) -> None:
    for split in SPLITS:
        asked = Counter((record["imageId"], record["question"]) for record in mini.questions[split].values())
        assert max(asked.values()) == 1
    for _, record, graph in all_questions(mini):
        assert re.fullmatch(r"[A-Z][a-z' ]*(, [a-z' ]+)?\?", record["question"]), record["question"]
        assert re.fullmatch(r"[A-Z][a-z', ]*\.", record["fullAnswer"]), record["fullAnswer"]
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", f"{record['question']} {record['fullAnswer']}")
        for text in ("question", "fullAnswer"):
            words = record[text].rstrip("?.").split()
            for position, key in record["annotations"][text].items():
                start, _, end = position.partition(":")
                assert words[int(start) : int(end or int(start) + 1)]
                assert key in graph["objects"]


def test_arguments_name_the_objects_they_mean(mini: Mini) -> None:
    meant = 0
    for _, record, graph in all_questions(mini):
        for step in record["semantic"]:
            wanted = step["argument"].partition(" (")[0].partition(",")[0]
            for key in re.findall(r"\d+", step["argument"]):
                name = graph["objects"][key]["name"]
                assert wanted in (name, category(name), "_"), step
                meant += 1
    assert meant > 5000


def test_answers_are_what_the_programs_say(mini: Mini) -> None:
    """Recomputed from the files alone, which also shows that every definite description fits exactly one object."""
    for _, record, graph in all_questions(mini):
        program = tuple(Step(step["operation"], step["argument"], tuple(step["dependencies"])) for step in record["semantic"])
        answer, values = Interpreter(graph).run(program)
        assert answer == record["answer"]
        for step in program:
            if step.operation.partition(" ")[0] in ("query", "relate", "choose", "verify", "common"):
                for value in (values[index] for index in step.dependencies):
                    assert isinstance(value, list) and len(value) == 1


def test_annotated_answers(mini: Mini) -> None:
    named = 0
    for _, record, graph in all_questions(mini):
        for key in record["annotations"]["answer"].values():
            assert graph["objects"][key]["name"] == record["answer"]
            named += 1
    assert named > 500


def test_no_answer_prevails(mini: Mini) -> None:
    for split in SPLITS:
        answers = Counter(record["answer"] for record in mini.questions[split].values())
        assert max(answers.values()) / answers.total() <= 0.33
        assert abs(answers["yes"] - answers["no"]) <= 0.02 * answers.total()
        words = Counter(record["answer"] for record in mini.questions[split].values() if record["types"]["structural"] == "query")
        assert max(words.values()) / words.total() <= 0.1


def test_yes_and_no_are_even_in_every_family(mini: Mini) -> None:
    for split in SPLITS:
        kinds = Counter((record["types"]["detailed"], record["answer"]) for record in mini.questions[split].values())
        for _, positive, negative in FAMILIES:
            yes = sum(kinds[name, "yes"] for name in positive)
            no = sum(kinds[name, "no"] for name in negative)
            assert yes == no
            assert not negative or yes > 0


def test_splits_have_the_same_distribution(mini: Mini) -> None:
    shares = []
    for split in SPLITS:
        counts = Counter(record["types"]["detailed"] for record in mini.questions[split].values())
        shares.append({name: count / counts.total() for name, count in counts.items()})
    assert shares[0].keys() == shares[1].keys()
    assert all(abs(shares[0][name] - shares[1][name]) < 0.01 for name in shares[0])


def test_program_lengths_are_mixed(mini: Mini) -> None:
    lengths = Counter(len(record["semantic"]) for record in mini.questions["train"].values())
    total = lengths.total()
    assert lengths[2] + lengths[3] > 0.5 * total
    assert sum(count for length, count in lengths.items() if length >= 4) > 0.15 * total


def test_generation_is_deterministic(mini: Mini) -> None:
    """Two processes with different hash seeds draw and ask the same, and so does the data set."""
    code = (
        "import sys, json, hashlib, random\n"
        "from vispro_gym.datasets.mini.gqa import ask_all, balance\n"
        "from vispro_gym.datasets.mini.gqa.scenes import compose\n"
        "digest, pool = hashlib.sha256(), []\n"
        "for index, place in enumerate(['kitchen', 'park', 'street', 'bedroom']):\n"
        "    rng = random.Random(f'7-{index}')\n"
        "    image, graph = compose(rng, place, 100)\n"
        "    digest.update(image.tobytes() + json.dumps(graph).encode())\n"
        "    pool += ask_all(graph, str(index), rng)\n"
        "for question in balance(pool, 100, random.Random('balance')):\n"
        "    digest.update(json.dumps(question.record('00000001')).encode())\n"
        "print(digest.hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    image_id, graph = next(iter(mini.graphs["train"].items()))
    again, same = compose(Random("0-train-0"), next(iter(PLACES)), int(image_id) % 100_000 * 100)
    assert same == graph
    again.save(mini.root / f"again-{os.getpid()}.jpg", quality=90)
    assert (mini.root / f"again-{os.getpid()}.jpg").read_bytes() == (mini.root / "images" / f"{image_id}.jpg").read_bytes()


@settings(max_examples=40, deadline=None)
@given(SCENES)
def test_scenes_are_consistent(scene: tuple[int, str]) -> None:
    seed, place = scene
    image, graph = compose(Random(seed), place, 1)
    assert image.size == (graph["width"], graph["height"])
    objects = graph["objects"]
    things = {key: thing for key, thing in objects.items() if thing["name"] not in PLACES}
    assert [thing["name"] for key, thing in objects.items() if key not in things] == [place]
    assert len(things) >= 2
    for thing in things.values():
        assert thing["w"] >= 5 and thing["h"] >= 5
        assert 0 <= thing["x"] and thing["x"] + thing["w"] <= graph["width"]
        assert 0 <= thing["y"] and thing["y"] + thing["h"] <= graph["height"]
    boxes = Counter((thing["x"], thing["y"], thing["w"], thing["h"]) for thing in objects.values())
    assert max(boxes.values()) == 1
    looks = Counter((thing["name"], *thing["attributes"]) for thing in things.values())
    assert max(looks.values()) == 1


@settings(max_examples=40, deadline=None)
@given(SCENES)
def test_left_and_right_are_symmetric_and_complete(scene: tuple[int, str]) -> None:
    seed, place = scene
    _, graph = compose(Random(seed), place, 1)
    objects = graph["objects"]
    edges = {(key, edge["name"], edge["object"]) for key, thing in objects.items() for edge in thing["relations"]}
    for a, first in objects.items():
        for b, second in objects.items():
            left = first["x"] + first["w"] <= second["x"]
            assert ((a, "to the left of", b) in edges) == left
            assert ((b, "to the right of", a) in edges) == left


@settings(max_examples=40, deadline=None)
@given(SCENES)
def test_relations_can_be_seen(scene: tuple[int, str]) -> None:
    seed, place = scene
    _, graph = compose(Random(seed), place, 1)
    objects = graph["objects"]
    for thing in objects.values():
        for edge in thing["relations"]:
            other = objects[edge["object"]]
            overlap = min(thing["x"] + thing["w"], other["x"] + other["w"]) - max(thing["x"], other["x"])
            if not edge["name"].startswith("to the"):
                assert overlap > 0, (thing["name"], edge["name"], other["name"])
            if edge["name"] == "on":
                assert thing["y"] < other["y"] + other["h"] and thing["y"] + thing["h"] <= other["y"] + other["h"]
            if edge["name"] in ("above", "in"):
                assert thing["y"] < other["y"]
            if edge["name"] in ("wearing", "holding"):
                assert thing["x"] <= other["x"] and other["x"] + other["w"] <= thing["x"] + thing["w"]


@settings(max_examples=40, deadline=None)
@given(SCENES)
def test_nothing_hides_anything(scene: tuple[int, str]) -> None:
    """Boxes overlap only if a relation says why: on, under, in, wearing, holding, or two parts of one person."""
    seed, place = scene
    _, graph = compose(Random(seed), place, 1)
    objects = {key: thing for key, thing in graph["objects"].items() if thing["name"] not in PLACES}
    linked = {frozenset((key, edge["object"])) for key, thing in objects.items() for edge in thing["relations"]}
    belongs = {
        edge["object"]: key
        for key, thing in objects.items()
        for edge in thing["relations"]
        if edge["name"] in ("wearing", "holding")
    }
    for a, first in objects.items():
        for b, second in objects.items():
            wide = min(first["x"] + first["w"], second["x"] + second["w"]) - max(first["x"], second["x"])
            high = min(first["y"] + first["h"], second["y"] + second["h"]) - max(first["y"], second["y"])
            owners = belongs.get(a, a), belongs.get(b, b)
            if a < b and wide > 6 and high > 6 and owners[0] != owners[1]:
                assert frozenset(owners) in linked, (first["name"], second["name"])


def test_boxes_are_tight() -> None:
    """The box that a pen measured is the bounding box of the pixels that changed."""
    for name, kind in KINDS.items():
        canvas = Image.new("RGB", (960, 720), (1, 2, 3))
        pen = Pen(canvas)
        pen.move(240, 200)
        color, material = kind.finishes[0]
        values = {"color": color, "material": material, **{trait: options[0] for trait, options in kind.traits}}
        with pen.track() as extent, pen.lifted():
            kind.draw(pen, Look({key: value for key, value in values.items() if value}))
        x, y, width, height = extent.box((480, 360))
        pixels = canvas.convert("L").point(lambda value: 255 if value != 2 else 0).reduce(2)
        left, top, right, bottom = pixels.point(lambda value: 255 if value > 96 else 0).getbbox() or (0, 0, 0, 0)
        assert max(abs(left - x), abs(top - y), abs(right - x - width), abs(bottom - y - height)) <= 3, name


def test_names_mean_what_the_oracle_takes_them_to_mean() -> None:
    """The catalogue and the vocabulary of the oracle agree on all words that questions use, or the question is not asked."""
    things = [*KINDS, *PEOPLE, *GARMENTS]
    words = {*things, *(category(thing) for thing in things)} - {""}
    for thing in things:
        assert vocabulary.lemma(plural(thing)) == vocabulary.lemma(thing)
        for word in words - {*related(thing)}:
            assert (word in (thing, category(thing))) == vocabulary.is_a(thing, word), (thing, word)


def test_plurals_take_no_article(mini: Mini) -> None:
    names = "|".join(sorted(ALWAYS_PLURAL))
    for _, record, _ in all_questions(mini):
        text = f"{record['question']} {record['fullAnswer']}".lower()
        assert not re.search(rf"\ba (?:[a-z]+ )?(?:{names})\b", text), text


def test_marks_become_word_positions() -> None:
    assert unmark("Is the {7|red wine glass} on the {3|table}?") == (
        "Is the red wine glass on the table?",
        {"2:5": "7", "7": "3"},
    )


def test_balance_takes_no_text_twice_of_one_picture() -> None:
    rng = Random(3)
    _, graph = compose(rng, "park", 1)
    pool = ask_all(graph, "1", rng)
    chosen = balance(pool + pool, 1000, Random(0))
    texts = [question.text for question in chosen]
    assert 5 < len(texts) == len(set(texts)) <= 12
