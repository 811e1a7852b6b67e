from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("OKVQA", tmp_path_factory.mktemp("mini") / "OKVQA")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("OKVQA", root, tmp_path / "again", ("train", "val"))


@pytest.mark.parametrize("split", ["train", "val"])
def test_questions_need_knowledge(root: Path, split: str) -> None:
    dataset = open_dataset("OKVQA", root, split)
    assert len(dataset) >= 50 and best_constant(dataset) < 0.25
    assert len({sample.query for sample in dataset}) > 10
    names = {thing.name for sample in dataset for scene in [sample.images[0].scene] if scene for thing in scene.objects.values()}
    assert sum(max(set(sample.target), key=sample.target.count) in names for sample in dataset) < len(dataset) / 5


def test_files_have_the_official_form(root: Path, realdata: Path) -> None:
    official = json.loads((realdata / "vqav2" / "okvqa" / "OpenEnded_mscoco_val2014_questions.json").read_text())
    ours = json.loads((root / "Questions" / "OpenEnded_mscoco_val2014_questions.json").read_text())
    assert ours.keys() == official.keys() and ours["questions"][0].keys() == official["questions"][0].keys()
    annotations = json.loads((root / "Annotations" / "mscoco_val2014_annotations.json").read_text())
    assert {record["question_type"] for record in annotations["annotations"]} <= annotations["question_types"].keys()
