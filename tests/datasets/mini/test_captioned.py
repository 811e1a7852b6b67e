"""The mini data of retrieval: Flickr30k and COCO's captions."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.datasets.mini.written import check_folder, write
from vispro_gym.datasets import DATASETS, open_dataset
from vispro_gym.datasets.mini.captioned import take_captioned
from vispro_gym.engine import Engine, Job
from vispro_gym.perception import make_perception
from vispro_gym.tasks import TASKS

FILES = {"Flickr30k": "dataset_flickr30k.json", "COCOCaptions": "dataset_coco.json"}


@pytest.fixture(scope="module", params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def root(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(name, tmp_path_factory.mktemp("mini") / name)


def test_the_folder(name: str, root: Path, tmp_path: Path) -> None:
    check_folder(name, root, tmp_path / "again", ["train", "val"])


def test_karpathys_format(name: str, root: Path) -> None:
    content = json.loads((root / FILES[name]).read_text())
    keys = {"sentids", "imgid", "sentences", "split", "filename"}
    keys |= {"filepath", "cocoid"} if name == "COCOCaptions" else set()
    seen: list[int] = []
    splits = set()
    for i, record in enumerate(content["images"]):
        assert record.keys() == keys and record["imgid"] == i
        assert record["sentids"] == [sentence["sentid"] for sentence in record["sentences"]]
        seen += record["sentids"]
        splits.add(record["split"])
        folder = record.get("filepath", "flickr30k-images")
        assert (root / folder / record["filename"]).is_file()
        for sentence in record["sentences"]:
            assert sentence.keys() == {"tokens", "raw", "imgid", "sentid"} and sentence["imgid"] == i
            assert "".join(sentence["tokens"]) == "".join(filter(str.isalpha, sentence["raw"].lower()))
    assert seen == list(range(len(seen)))
    assert splits == ({"train", "val", "restval"} if name == "COCOCaptions" else {"train", "val"})


@pytest.mark.parametrize(("split", "pictures"), [("train", 48), ("val", 24)])
def test_sizes(name: str, root: Path, split: str, pictures: int) -> None:
    assert len(open_dataset(name, root, split)) == pictures
    dataset = open_dataset(name, root, split, form="text_to_image")
    assert len(dataset) == 5 * pictures and all(sample.expert_program for sample in dataset)
    programs = json.loads((root / f"expert_programs_{split}.json").read_text())
    assert len(programs) == 6 * pictures, "ids of pictures and of sentences are different ones"


@pytest.mark.parametrize("form", ["image_to_text", "text_to_image"])
def test_experts_are_right_in_any_pool(name: str, root: Path, form: str) -> None:
    dataset = open_dataset(name, root, "val", form=form)
    samples = [dataset.sample(Random(seed).randrange(len(dataset)), seed) for seed in range(150)]
    engine = Engine(TASKS[dataset.task](), make_perception("oracle"))
    outcomes = engine.run([Job(sample.expert_program or "", sample) for sample in samples])
    assert {outcome.outcome for outcome in outcomes} == {"correct"}


def test_experts_from_image_to_text_are_right_in_pools_of_any_size(name: str, root: Path) -> None:
    dataset = DATASETS[name](open_dataset(name, root, "val").location, "val", pool_size=20)  # type: ignore[call-arg]
    samples: list[Any] = list(dataset)
    engine = Engine(TASKS[dataset.task](), make_perception("oracle"))
    outcomes = engine.run([Job(sample.expert_program, sample) for sample in samples])
    assert {outcome.outcome for outcome in outcomes} == {"correct"}


def test_captions_are_true_of_one_picture() -> None:
    taken = take_captioned("tests", 20, 1)
    for each in taken:
        assert len({caption.text for caption in each.captions}) == 5
        for caption in each.captions:
            assert [other.photo.image_id for other in taken if caption.holds(other.photo)] == [each.photo.image_id]
