from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset

KEYS = {"answer", "data_source", "image", "image_id", "issimple", "question", "question_id"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("TallyQA", tmp_path_factory.mktemp("mini") / "TallyQA")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("TallyQA", root, tmp_path / "again", ("train", "test"))


def test_files_have_the_official_form(root: Path) -> None:
    train, test = (json.loads((root / f"{split}.json").read_text()) for split in ("train", "test"))
    assert all(record.keys() == KEYS for record in test) and all(record.keys() == KEYS - {"issimple"} for record in train)
    assert {record["image"].partition("/")[0] for record in train} == {"train2014", "val2014", "VG_100K"}
    assert {record["image"].partition("/")[0] for record in test} == {"VG_100K_2"}
    for record in (*train, *test):
        assert (str(record["image_id"])[0] == "9") == record["image"].startswith("VG_100K")


def test_some_pictures_of_both_sources_have_the_same_number(root: Path) -> None:
    coco = {int(path.stem[-12:]) for path in (root / "train2014").iterdir()}
    assert coco & {int(path.stem) for path in (root / "VG_100K").iterdir()}


@pytest.mark.parametrize("split", ["train", "test"])
def test_counts_are_balanced(root: Path, split: str) -> None:
    dataset = open_dataset("TallyQA", root, split)
    assert len(dataset) >= 100 and best_constant(dataset) < 0.35
    assert {0, 1, 2, 3, 4} <= {sample.target for sample in dataset} <= set(range(16))
    if split == "test":
        kinds = Counter(sample.fields["complexity"] for sample in dataset)
        assert min(kinds["simple"], kinds["complex"]) > len(dataset) / 3
