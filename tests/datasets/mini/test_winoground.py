from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("WinoGround", tmp_path_factory.mktemp("mini") / "WinoGround")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("WinoGround", root, tmp_path / "again", ["test"])


@pytest.mark.parametrize("form", ["yes_no", "caption", "image"])
def test_every_form(root: Path, form: str) -> None:
    dataset = open_dataset("WinoGround", root, "test", form=form)
    assert len(dataset) == 32 * (4 if form == "yes_no" else 2)
    assert all(sample.expert_program for sample in dataset)
    assert best_constant(dataset) <= 0.65 if form != "yes_no" else best_constant(dataset) == 0.5


def words(caption: str) -> list[str]:
    """The words of a caption in alphabetical order, "an" as "a"."""
    return sorted(re.sub(r"\ban\b", "a", caption).split())


def test_examples(root: Path) -> None:
    samples = list(open_dataset("WinoGround", root, "test"))[::4]
    captions = set()
    for sample in samples:
        record = sample.record
        assert words(record["caption_0"]) == words(record["caption_1"]) and record["caption_0"] != record["caption_1"]
        captions.update((record["caption_0"], record["caption_1"]))
        with Image.open(root / "data" / "images" / f"{record['image_0']}.png") as picture:
            assert picture.size == (480, 360)
    assert len(captions) == 2 * len(samples)
    assert Counter(sample.fields["collapsed_tag"] for sample in samples) == {"Object": 26, "Relation": 6}
