"""The mini data of POPE, VSR, NLVR2 and NLVR: a function of the seed, official files, balanced answers."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.mini import mini_root
from vispro_gym.datasets.sample import Sample

NAMES = ("POPE", "VSR", "NLVR2", "NLVR")
SPLITS = {
    "POPE": ("random", "popular", "adversarial"),
    "VSR": ("train", "dev"),
    "NLVR2": ("train", "dev"),
    "NLVR": ("train", "dev"),
}
BOTH = [(name, split) for name in NAMES for split in SPLITS[name]]


def samples(name: str, split: str) -> list[Sample]:
    return list(open_dataset(name, mini_root(name), split))


def files(root: Path) -> dict[str, str]:
    """Digests of all files."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_a_function_of_the_seed(tmp_path: Path, name: str) -> None:
    lower = name.lower()
    write: Callable[..., None] = getattr(importlib.import_module(f"vispro_gym.datasets.mini.{lower}"), f"write_{lower}")
    (tmp_path / "there").mkdir()
    source = (
        "from pathlib import Path; from vispro_gym.datasets.mini import write_mini; "
        f"write_mini({name!r}, Path({str(tmp_path / 'there')!r}))"
    )
    subprocess.run([sys.executable, "-c", source], env=os.environ | {"PYTHONHASHSEED": "7"}, check=True)
    assert files(mini_root(name)) == files(tmp_path / "there")
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", 1)
    assert files(mini_root(name)).items().isdisjoint(files(tmp_path / "other").items())


@pytest.mark.parametrize(("name", "split"), BOTH)
def test_as_many_are_true_as_are_false(name: str, split: str) -> None:
    asked = samples(name, split)
    assert len(asked) >= 60
    assert abs(2 * sum(sample.target for sample in asked) - len(asked)) <= 0.05 * len(asked)
    field = {"POPE": None, "VSR": "relation", "NLVR2": "synset", "NLVR": "arrangement"}[name]
    if field is not None:
        by_type: defaultdict[Any, list[bool]] = defaultdict(list)
        for sample in asked:
            by_type[sample.fields[field]].append(sample.target)
        for kind, targets in by_type.items():
            assert len(targets) >= 6 and abs(2 * sum(targets) - len(targets)) <= max(4, 0.2 * len(targets)), kind


@pytest.mark.parametrize(("name", "split"), BOTH)
def test_every_sample_has_pictures_annotations_and_an_expert_program(name: str, split: str) -> None:
    for sample in samples(name, split):
        assert sample.expert_program is not None
        for image in sample.images:
            assert image.scene is not None and image.scene.objects
    assert len({(sample.query, *(image.image_id for image in sample.images)) for sample in samples(name, split)}) >= 60


def test_pope_asks_for_three_things_that_are_there_and_three_that_are_not() -> None:
    root = mini_root("POPE")
    present: dict[str, list[Any]] = {}
    for split in SPLITS["POPE"]:
        records = [json.loads(line) for line in (root / "coco" / f"coco_pope_{split}.json").read_text().splitlines()]
        assert [record["question_id"] for record in records] == list(range(1, len(records) + 1))
        assert all(set(record) == {"question_id", "image", "text", "label"} for record in records)
        assert [record["label"] for record in records] == ["yes", "no"] * (len(records) // 2)
        assert set(Counter(record["image"] for record in records).values()) == {6}
        assert len({(record["image"], record["text"]) for record in records}) == len(records)
        present[split] = [record for record in records if record["label"] == "yes"]
    assert present["random"] == present["popular"] == present["adversarial"]


def test_nlvr2_says_each_sentence_of_four_pairs_half_of_which_it_is_true_of() -> None:
    root = mini_root("NLVR2")
    for split in SPLITS["NLVR2"]:
        records = [json.loads(line) for line in (root / "data" / f"{split}.json").read_text().splitlines()]
        said = defaultdict(list)
        for record in records:
            part, set_id, _, sentence_id = record["identifier"].split("-")
            assert part == split and record["sentence"].endswith(".") and record["sentence"][0].isupper()
            said[set_id, sentence_id, record["sentence"]].append(record["label"])
        assert {tuple(sorted(labels)) for labels in said.values()} == {("False", "False", "True", "True")}
        assert len({(set_id, sentence_id) for set_id, sentence_id, _ in said}) == len(said)
    assert {path.name for path in (root / "images" / "train").iterdir()} == {"0", "1", "2", "3"}


def test_nlvr_says_each_sentence_of_four_examples_half_of_which_it_is_true_of() -> None:
    root = mini_root("NLVR")
    sentences = {}
    for split in SPLITS["NLVR"]:
        records = [json.loads(line) for line in (root / split / f"{split}.json").read_text().splitlines()]
        said = defaultdict(list)
        for record in records:
            assert set(record) == {"sentence", "label", "identifier", "directory", "evals", "structured_rep"}
            said[record["identifier"].partition("-")[0], record["sentence"]].append(record["label"])
            for k in range(6):
                path = root / split / "images" / record["directory"] / f"{split}-{record['identifier']}-{k}.png"
                with Image.open(path) as image:
                    assert image.size == (400, 100)
            for box in record["structured_rep"]:
                for thing in box:
                    assert set(thing) == {"x_loc", "y_loc", "size", "type", "color"}
                    for place in (thing["x_loc"], thing["y_loc"]):
                        assert place >= 0 and place + thing["size"] <= 100
                        # what touches a wall, and only that, is nearer to it than a viewer could doubt
                        free = min(place, 100 - place - thing["size"])
                        assert free == 0 or free >= 3
        assert {tuple(sorted(labels)) for labels in said.values()} == {("false", "false", "true", "true")}
        sentences[split] = {sentence for _, sentence in said}
        assert len(sentences[split]) == len(said)
    assert sentences["train"].isdisjoint(sentences["dev"])
