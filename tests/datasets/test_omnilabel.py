from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset
from vispro_gym.datasets.boxes import Boxes

IMAGES = [{"id": 8, "file_name": "object365/patch1/o 8.jpg"}, {"id": 3, "file_name": "coco/000000000003.jpg"}]


def description(number: int, text: str, image_ids: list[int], kind: str = "object_description") -> dict[str, Any]:
    return {"id": number, "text": text, "anno_info": {"orig_id": 1, "type": kind}, "image_ids": image_ids}


DESCRIPTIONS = [
    description(70, "Cup", [3, 8], "object_category"),
    description(20, "the cups that are not red", [8]),
    description(90, "one two three four five six seven eight nine", [3, 3, 1000]),
    description(10, "red cups", [8, 3]),
]
ANNOTATIONS = [
    {"id": 1, "image_id": 8, "bbox": [10, 20, 30, 40], "description_ids": [70, 20], "iscrowd": 0, "area": 1200},
    {"id": 2, "image_id": 3, "bbox": [1, 2, 3, 4], "description_ids": [10], "iscrowd": 0, "area": 12},
    {"id": 3, "image_id": 8, "bbox": [50.5, 20, 10, 10], "description_ids": [70]},
    {"id": 4, "image_id": 8, "bbox": [0, 0, 60, 60], "description_ids": [70], "iscrowd": 1},
]
CONTENT: dict[str, Any] = {"images": IMAGES, "descriptions": DESCRIPTIONS, "annotations": ANNOTATIONS}
FILE = "dataset_all_val_v0.1.3.json"


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISPRO_DATA_COCO", "VISPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "OmniLabel, Größe 1"
    write(root / FILE, CONTENT)
    for image in IMAGES:
        path = root / str(image["file_name"])
        path.parent.mkdir(parents=True)
        Image.new("RGB", (70, 60)).save(path)
    return root


def test_samples(folder: Path) -> None:
    dataset = open_dataset("OmniLabel", folder, "val")
    # by image id, then in the order of the file; an id that is listed twice is one, an image that is not listed is none
    assert dataset.sample_ids == ["3-70", "3-90", "3-10", "8-70", "8-20", "8-10"]
    sample = dataset[3]
    assert (sample.query, sample.target) == ("Cup", Boxes(((10, 20, 40, 60), (50.5, 20, 60.5, 30)), ((0, 0, 60, 60),)))
    assert sample.fields == {"type": "object_category", "words": "short", "polarity": "positive"}
    assert sample.record["image"] == IMAGES[0] and [record["id"] for record in sample.record["annotations"]] == [1, 3, 4]
    assert sample.record["description"] == {"id": 70, "text": "Cup", "anno_info": DESCRIPTIONS[0]["anno_info"], "position": 0}
    (image,) = sample.images
    assert image.size == (70, 60) and image.pixels().shape == (60, 70, 3) and image.scene is None
    negative = dataset[1]
    assert negative.target == Boxes(()) and negative.fields == {
        "type": "object_description", "words": "long", "polarity": "negative",
    }  # fmt: skip
    assert [s.fields["words"] for s in dataset] == ["short", "long", "short", "short", "medium", "short"]


def test_fields_filter(folder: Path) -> None:
    dataset = open_dataset("OmniLabel", folder, "val")
    dataset.restrict({"type": "object_description", "polarity": "negative"})
    assert dataset.sample_ids == ["3-90", "8-10"]
    dataset = open_dataset("OmniLabel", folder, "val")
    dataset.restrict({"words": ["medium", "long"]})
    assert dataset.sample_ids == ["3-90", "8-20"]
    assert [sample.fields["words"] for sample in dataset] == ["long", "medium"]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("dataset_all_val_v0.1.4.json", "val"),
        ("omnilabel_val_v0.1.4/dataset_all_val_v0.1.4.json", "val"),
        ("dataset_all_val_v0.1.10.json", "val"),
        ("omnilabel_val_v0.1.3/dataset_all_val_v0.1.3_coco.json", "val_coco"),
        ("dataset_all_val_v0.1.3_object365.json", "val_object365"),
        ("omnilabel_val_v0.1.3/dataset_all_val_v0.1.3_openimagesv5.json", "val_openimagesv5"),
        ("dataset_sample_8.json", "sample_8"),
        ("dataset_own.part-1.json", "own.part-1"),
    ],
)
def test_splits_go_by_their_files(folder: Path, path: str, split: str) -> None:
    write(folder / "dataset_all_val_v0.1.2.json", {})
    write(folder / path, CONTENT | {"descriptions": DESCRIPTIONS[:1]})
    assert len(open_dataset("OmniLabel", folder, split)) == 2
    with pytest.raises(MissingDataError) as error:
        open_dataset("OmniLabel", folder, "none")
    for part in (f"Splits found there: {', '.join(sorted({'val', split}))}.", "dataset_all_none_v0.1.4.json", "omnilabel.org"):
        assert part in str(error.value)


def test_a_split_without_annotations(folder: Path) -> None:
    write(folder / "dataset_all_test_v0.1.3.json", {key: CONTENT[key] for key in ("images", "descriptions")})
    with pytest.raises(DatasetError, match="has no key 'annotations'.*test splits have no annotations"):
        open_dataset("OmniLabel", folder, "test")


@pytest.mark.parametrize("path", ["coco/val2017", "images/coco", "images/coco/val2017", "COCO/val2017"])
def test_places_of_pictures_of_coco(folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / path).mkdir(parents=True)
    target = folder / path / "000000000003.jpg"
    (folder / "coco" / "000000000003.jpg").rename(target)
    monkeypatch.setenv("VISPRO_DATA_COCO", str(folder / "COCO"))
    assert open_dataset("OmniLabel", folder, "val")[0].images[0].path == target


def test_instances_make_scenes(folder: Path) -> None:
    instances = {
        "images": [{"id": 1, "file_name": "patch1/o 8.jpg", "width": 70, "height": 60}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 2, "bbox": [10, 20, 30, 40]}],
        "categories": [{"id": 2, "name": "cup"}],
    }
    write(folder / "annotations" / "instances_own.json", instances)
    dataset = open_dataset("OmniLabel", folder, "val")
    scene = dataset[3].images[0].scene
    assert scene is not None and [item.name for item in scene.objects.values()] == ["cup"]
    assert [dataset.has_scene(sample_id) for sample_id in ("3-70", "8-70")] == [False, True]
    dataset.keep_annotated()
    assert dataset.sample_ids == ["8-70", "8-20", "8-10"]
    write(folder / "annotations" / "instances_own.json", [])
    with pytest.raises(DatasetError, match="instances_own.json holds a JSON list"):
        open_dataset("OmniLabel", folder, "val")


def test_a_picture_of_unknown_size(folder: Path) -> None:
    (folder / "coco" / "000000000003.jpg").unlink()
    with pytest.raises(MissingDataError, match="000000000003.jpg is missing"):
        open_dataset("OmniLabel", folder, "val")[0]
    sample = open_dataset("OmniLabel", folder, "val", "optional")[0]
    assert sample.target == Boxes(()) and sample.query == "Cup", "it can be scored all the same"
    with pytest.raises(MissingDataError, match="and so are the annotations that would give its size"):
        _ = sample.images[0].size


BAD_FILES: dict[str, tuple[Any, str]] = {
    "image id twice": (CONTENT | {"images": IMAGES * 2}, "has image id [38] twice"),
    "description id twice": (CONTENT | {"descriptions": DESCRIPTIONS * 2}, "has description id \\d+ twice"),
    "no image id": (CONTENT | {"images": [{}]}, "images 0 has no key 'id'"),
    "image id of a text": (CONTENT | {"images": [{"id": "8"}]}, "'id' of type str. Expected int"),
    "huge image id": (CONTENT | {"images": [{"id": 10**30}]}, "Expected an integer from 0 to"),
    "no image ids": (CONTENT | {"descriptions": [{"id": 1}]}, "descriptions 0 has no key 'image_ids'"),
    "negative image ids": (CONTENT | {"descriptions": [description(1, "a", [3, -1])]}, "from -1 to 3. Expected ids from 0"),
    "no description ids": (CONTENT | {"annotations": [{"image_id": 8}]}, "annotations 0 has no key 'description_ids'"),
    "no descriptions": (CONTENT | {"descriptions": []}, "holds no samples"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_files(folder: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    write(folder / FILE, content)
    with pytest.raises(DatasetError, match=message):
        open_dataset("OmniLabel", folder, "val")


def changed(member: str, position: int, **values: Any) -> Any:
    return CONTENT | {member: [record | values if i == position else record for i, record in enumerate(CONTENT[member])]}


BAD_RECORDS: dict[str, tuple[Any, str]] = {
    "no text": (changed("descriptions", 1, text=None), "8-20 has 'text' of type NoneType. Expected str"),
    "no type": (changed("descriptions", 1, anno_info={}), "8-20 has no key 'type'"),
    "odd type": (changed("descriptions", 1, anno_info=[]), "8-20 has 'anno_info' of type list"),
    "no box": (changed("annotations", 0, bbox="1"), "8-20, annotation 0 has 'bbox' of type str"),
    "crowd": (changed("annotations", 0, iscrowd=None), "8-20, annotation 0 has 'iscrowd' of type NoneType"),
    "no file name": (changed("images", 0, file_name=3), "8-20 has 'file_name' of type int"),
    "a file name that leads out": (
        changed("images", 0, file_name="coco/../../secret.jpg"),
        "has the file_name 'coco/../../secret",
    ),
    "an absolute file name": (changed("images", 0, file_name="/etc/passwd"), "has the file_name '/etc/passwd'"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_damaged_records_are_named(folder: Path, name: str) -> None:
    content, message = BAD_RECORDS[name]
    write(folder / FILE, content)
    dataset = open_dataset("OmniLabel", folder, "val")
    assert dataset[0].sample_id == "3-70", "other records are not affected"
    with pytest.raises(DatasetError, match=message):
        dataset[dataset.position("8-20")]


def test_real_samples(realdata: Path) -> None:
    balanced = open_dataset("OmniLabel", realdata / "omnilabel", "sample_8357", "optional")
    kinds = [(sample.fields["type"], sample.fields["polarity"]) for sample in balanced]
    assert len(kinds) == 10 and kinds.count(("object_category", "positive")) == kinds.count(("object_category", "negative"))
    dataset = open_dataset("OmniLabel", realdata / "omnilabel", "sample_8357", "optional", "all")
    assert len(dataset) == 369 and set(balanced.sample_ids) < set(dataset.sample_ids)
    samples = {sample.sample_id: sample for sample in dataset}
    assert sum(len(sample.target.gold) for sample in samples.values()) == 8
    assert samples["8357-3453"].query == "The trumpets not in the middle"
    assert len(samples["8357-3453"].target.gold) == 2 and len(samples["8357-8819"].target.gold) == 3
    assert samples["8357-3453"].fields == {"type": "object_description", "words": "medium", "polarity": "positive"}
    assert samples["8357-8574"].fields == {"type": "object_category", "words": "short", "polarity": "negative"}
    dataset.restrict({"type": "object_description"})
    assert len(dataset) == 4
