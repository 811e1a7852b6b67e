from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.sugarcrepe import TYPES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("SugarCREPE", tmp_path_factory.mktemp("mini") / "SugarCREPE")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("SugarCREPE", root, tmp_path / "again", ["test"])


def test_files_have_the_official_form(root: Path, realdata: Path) -> None:
    for kind in TYPES:
        official = json.loads((realdata / "sugarcrepe" / "data" / f"{kind}.json").read_text())
        ours = json.loads((root / "data" / f"{kind}.json").read_text())
        assert list(ours) == list(map(str, range(len(ours))))
        for record in ours.values():
            assert record.keys() == official["0"].keys()
            assert len(record["filename"]) == len(official["0"]["filename"])


def test_items(root: Path) -> None:
    dataset = open_dataset("SugarCREPE", root, "test")
    kinds = Counter(sample.fields["type"] for sample in dataset)
    assert kinds.keys() == set(TYPES) and min(kinds.values()) >= 35
    assert best_constant(dataset) < 0.6
    for sample in dataset:
        right, wrong = (sample.record[key].lower().rstrip(".").split() for key in ("caption", "negative_caption"))
        kind = sample.fields["type"]
        if kind.startswith("add"):
            assert len(wrong) > len(right)
        elif kind.startswith("swap"):
            assert right != wrong and {*right, "a", "an"} == {*wrong, "a", "an"}
    used = Counter(sample.images[0].image_id for sample in dataset)
    assert len(used) > 40 and max(used.values()) <= 8


@pytest.mark.parametrize("kind", TYPES)
def test_parts_have_experts_too(root: Path, kind: str) -> None:
    whole = open_dataset("SugarCREPE", root, "test")
    for sample in open_dataset("SugarCREPE", root, kind):
        assert sample.expert_program == whole[whole.position(sample.sample_id)].expert_program is not None
