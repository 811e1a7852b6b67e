"""The mini COCO data: a valid data set in the official layout, whose experts are right whatever category is asked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from vispro_gym.datasets import Dataset, open_dataset
from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.coco import write_coco
from vispro_gym.datasets.mini.photos import category_description
from vispro_gym.datasets.mini.photos.pictures import take_photos
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.tasks.detection import COCOTask


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_coco(folder)
    return folder


def test_the_data_is_a_function_of_the_seed(root: Path, tmp_path: Path) -> None:
    write_coco(tmp_path)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert len(files) == 60 + 30 + 2 + 2
    assert all((tmp_path / path).read_bytes() == (root / path).read_bytes() for path in files)
    (tmp_path / "other").mkdir()
    write_coco(tmp_path / "other", seed=1)
    name = Path("annotations") / "instances_val2017.json"
    assert (tmp_path / "other" / name).read_bytes() != (root / name).read_bytes()


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_pycocotools_reads_the_files(root: Path, split: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    official = COCO(str(root / "annotations" / f"instances_{split}.json"))
    dataset = open_dataset("COCO", root, split)
    assert {category["name"] for category in official.dataset["categories"]} == set(BY_NAME)
    assert len({a["id"] for a in official.dataset["annotations"]}) == len(official.dataset["annotations"])
    for sample in dataset:
        image_id, category_id = (int(part) for part in sample.sample_id.split("-"))
        found = official.loadAnns(official.getAnnIds(image_id, category_id))
        assert [(x, y, x + w, y + h) for x, y, w, h in (a["bbox"] for a in found)] == list(sample.target.gold)
        assert (root / split / official.loadImgs(image_id)[0]["file_name"]).is_file()


def opened(root: Path, form: str) -> Dataset:
    return open_dataset("COCO", root, "train", form=form)


def test_what_is_asked(root: Path) -> None:
    dataset = opened(root, "present")
    assert 150 < len(dataset) < 600
    counts = Counter(sample.fields["objects"] for sample in dataset)
    assert min(counts) == 1 and counts.total() - counts[1] > 0.2 * counts.total(), "often several are to be found"
    categories = Counter(sample.query for sample in dataset)
    assert len(categories) > 20 and max(categories.values()) < 0.25 * len(dataset)


def test_no_constant_answer_is_right_often(root: Path) -> None:
    task = COCOTask()
    for form, most in (("present", 0.1), ("balanced", 0.55)):
        samples = opened(root, form)[:]
        width, height = samples[0].images[0].size
        guesses = [[], [[0, 0, width, height]], [[width // 4, height // 4, 3 * width // 4, 3 * height // 4]]]
        for guess in guesses:
            rate = sum(task.score(guess, sample.target).reward for sample in samples) / len(samples)
            assert rate < most, (form, guess)


def test_every_category_can_be_asked_of_every_picture(root: Path) -> None:
    """The file of expert programs has one for each, and each finds what is annotated, nothing else."""
    programs = json.loads((root / "expert_programs_val2017.json").read_text())
    pictures: dict[str, ImageRef] = {}
    gold: dict[str, Sample] = {}
    for sample in open_dataset("COCO", root, "val"):
        pictures[sample.sample_id.split("-")[0]] = sample.images[0]
        gold[sample.sample_id] = sample
    assert len(programs) == 80 * len(pictures) == 80 * 30
    absent = type(next(iter(gold.values())).target)(())
    jobs = []
    for sample_id, program in programs.items():
        image = pictures[sample_id.split("-")[0]]
        jobs.append(Job(program, Sample(sample_id, "", (image,), gold[sample_id].target if sample_id in gold else absent)))
    outcomes = Engine(COCOTask(threshold=1.0), OraclePerception()).run(jobs)
    assert [outcome.sample_id for outcome in outcomes if not outcome.reward] == []


def test_programs_are_those_of_the_photos() -> None:
    photo = next(take_photos("x", 1, 1))
    assert 'find("wine glass")' in category_description(photo, "wine glass").program
