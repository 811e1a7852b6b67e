from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

NAMES = ("COCO_val2014_000000000042.jpg", "COCO_val2014_000000000043.jpg")
QUESTIONS: list[dict[str, Any]] = [
    {"question_id": 1, "image": NAMES[0], "text": "Is there a cat in the image?", "label": "yes"},
    {"question_id": 2, "image": NAMES[0], "text": "Is there an orange in the image?", "label": "no"},
    {"question_id": 3, "image": NAMES[1], "text": "Can you see a potted plant?", "label": "no"},
]
INSTANCES: dict[str, Any] = {
    "images": [{"id": 42, "width": 60, "height": 40, "file_name": NAMES[0]}],
    "annotations": [{"id": 1, "image_id": 42, "category_id": 17, "bbox": [10, 5, 20, 15]}],
    "categories": [{"id": 17, "name": "cat"}],
}


def write_folder(root: Path, records: list[Any] = QUESTIONS, place: str = "coco", coco: Path | None = None) -> Path:
    """Writes questions in POPE's layout, and pictures and annotations there or in a folder of COCO's."""
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / place / "coco_pope_popular.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    coco = coco or root
    for folder in ("annotations", "val2014"):
        (coco / folder).mkdir(parents=True, exist_ok=True)
    (coco / "annotations" / "instances_val2014.json").write_text(json.dumps(INSTANCES))
    for name in NAMES:
        Image.new("RGB", (60, 40), "red").save(coco / "val2014" / name)
    return root


def test_a_sample(tmp_path: Path) -> None:
    dataset = open_dataset("POPE", write_folder(tmp_path / "Größe 1"), "popular")
    assert dataset.sample_ids == ["1", "2", "3"]
    assert [sample.target for sample in dataset] == [True, False, False]
    assert [dict(sample.fields) for sample in dataset] == [{"object": "cat"}, {"object": "orange"}, {}]
    sample = dataset[0]
    assert (sample.query, sample.record) == ("Is there a cat in the image?", QUESTIONS[0])
    (image,) = sample.images
    assert image.scene is not None and image.scene.objects["1"].box == (10, 5, 30, 20)
    dataset.keep_annotated()
    assert dataset.sample_ids == ["1", "2"]
    dataset.restrict(filter={"object": ["orange", "dog"]})
    assert dataset.sample_ids == ["2"]


@pytest.mark.parametrize("place", ["coco", "output/coco", "."])
def test_places_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("VISPRO_DATA_COCO", str(tmp_path / "coco 2014"))
    root = write_folder(tmp_path / "pope", place=place, coco=tmp_path / "coco 2014")
    dataset = open_dataset("POPE", root, "popular")
    assert [sample.images[0].path for sample in dataset][::2] == [tmp_path / "coco 2014" / "val2014" / name for name in NAMES]
    assert dataset.has_scene("1") and not dataset.has_scene("3")


def test_an_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"no split 'train' in .*coco/coco_pope_train\.json.*Splits found there: popular\."
    ):
        open_dataset("POPE", write_folder(tmp_path), "train")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "id": ({"question_id": "two"}, "POPE popular question line 2 has 'question_id' of type str. Expected int"),
    "label": ({"label": "maybe"}, "POPE popular question 2 has the label 'maybe'. Expected 'yes' or 'no'"),
    "no label": ({"label": None}, "POPE popular question 2 has 'label' of type NoneType. Expected str"),
    "text": ({"text": ["?"]}, "POPE popular question 2 has 'text' of type list. Expected str"),
    "image": ({"image": 42}, "POPE popular question 2 has 'image' of type int. Expected str"),
    "image that leads out": (
        {"image": "../../secret"},
        "question 2 has 'image': '../../secret'. Expected the name of a COCO picture",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_records_are_named(tmp_path: Path, name: str) -> None:
    change, message = BAD[name]
    dataset = open_dataset("POPE", write_folder(tmp_path, [QUESTIONS[0], QUESTIONS[1] | change]), "popular")
    assert dataset[0].target is True, "other records are not affected"
    dataset.keep_annotated()
    with pytest.raises(DatasetError) as error:
        dataset[1]
    assert message in str(error.value)


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has question_id 1 twice"):
        open_dataset("POPE", write_folder(tmp_path, [*QUESTIONS, QUESTIONS[0]]), "popular")
    with pytest.raises(DatasetError, match="POPE popular has no answers"):
        open_dataset("POPE", write_folder(tmp_path, [{"question_id": 1, "image": NAMES[0], "text": "?"}]), "popular")
    root = write_folder(tmp_path)
    (root / "annotations" / "instances_val2014.json").write_text("{")
    with pytest.raises(DatasetError, match=r"instances_val2014\.json is damaged"):
        open_dataset("POPE", root, "popular")


@pytest.mark.parametrize("split", ["random", "popular", "adversarial"])
def test_real_samples(realdata: Path, monkeypatch: pytest.MonkeyPatch, split: str) -> None:
    monkeypatch.delenv("VISPRO_DATA_COCO", raising=False)
    dataset = open_dataset("POPE", realdata / "pope", split, images="optional")
    assert len(dataset) == 3_000
    targets = [sample.target for sample in dataset]
    assert sum(targets) == 1_500
    assert all("object" in sample.fields for sample in dataset[::50])
    first = dataset[0]
    assert (first.sample_id, first.query, first.target) == ("1", "Is there a snowboard in the image?", True)
    assert first.images[0].image_id == "310196"
