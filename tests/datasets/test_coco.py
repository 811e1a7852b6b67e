from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset
from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.coco import COCO, absent_categories

CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 17, "name": "cat", "supercategory": "animal"},
    {"id": 18, "name": "dog", "supercategory": "animal"},
    {"id": 62, "name": "chair", "supercategory": "furniture"},
    {"id": 90, "name": "toothbrush"},
]


def annotation(number: int, image_id: int, category_id: int, bbox: list[float], crowd: int = 0) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "area": bbox[2] * bbox[3],
        "iscrowd": crowd,
        "segmentation": [[0, 0, 1, 0, 1, 1]],
    }


ANNOTATIONS = [
    annotation(1, 9, 17, [10, 20, 30, 40]),
    annotation(2, 4, 18, [0, 0, 10, 10]),  # annotations of one picture are not together
    annotation(3, 9, 17, [50.5, 20, 10, 10]),
    annotation(4, 9, 1, [0, 0, 90, 70], crowd=1),
    annotation(5, 9, 90, [1, 1, 2, 2]),
]
CONTENT: dict[str, Any] = {
    "info": {},
    "images": [{"id": i, "file_name": f"{i:012d}.jpg", "width": 100, "height": 80} for i in (9, 4, 5)],
    "annotations": ANNOTATIONS,
    "categories": CATEGORIES,
}


def write(folder: Path, content: Any, split: str = "val2017") -> None:
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISPRO_DATA_COCO", "VISPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "COCO data, Größe 1"  # spaces and letters beyond ASCII
    write(root, CONTENT)
    (root / "val2017").mkdir()
    for i in (4, 9):
        Image.new("RGB", (100, 80), (i, 0, 0)).save(root / "val2017" / f"{i:012d}.jpg")
    return root


def test_samples(folder: Path) -> None:
    dataset = open_dataset("COCO", folder, "val")
    assert dataset.sample_ids == ["4-18", "9-1", "9-17", "9-90"]
    sample = dataset[2]
    assert (sample.sample_id, sample.query) == ("9-17", "cat")
    assert sample.target == Boxes(((10, 20, 40, 60), (50.5, 20, 60.5, 30)), ())
    assert sample.fields == {"category": "cat", "supercategory": "animal", "objects": 2}
    assert [record["id"] for record in sample.record["annotations"]] == [1, 3]
    assert sample.record["image"]["width"] == 100 and sample.record["categories_present"] == [1, 17, 90]
    (image,) = sample.images
    assert image.size == (100, 80) and image.pixels()[0, 0, 0] in range(7, 12)
    assert image.scene is not None
    assert [item.name for item in image.scene.objects.values()] == ["cat", "cat", "person", "toothbrush"]
    assert dataset[3].fields == {"category": "toothbrush", "objects": 1}, "a category without a supercategory"


def test_crowds_are_not_to_be_found(folder: Path) -> None:
    sample = open_dataset("COCO", folder, "val")[1]
    assert sample.target == Boxes((), ((0, 0, 90, 70),)) and sample.fields["objects"] == 0


def test_fields_filter(folder: Path) -> None:
    dataset = open_dataset("COCO", folder, "val")
    dataset.restrict({"supercategory": "animal"})
    assert dataset.sample_ids == ["4-18", "9-17"]
    dataset.restrict({"objects": {"min": 2}})
    assert dataset.sample_ids == ["9-17"]


def test_balanced(folder: Path) -> None:
    present = open_dataset("COCO", folder, "val")
    balanced = open_dataset("COCO", folder, "val", form="balanced")
    assert balanced.task == present.task == "coco"
    absent = [sample for sample in balanced if not sample.record["annotations"]]
    # picture 9 shows three of five categories: only two are left
    assert len(absent) == 3 and len(balanced) == 7
    assert set(present.sample_ids) | {sample.sample_id for sample in absent} == set(balanced.sample_ids)
    for sample in absent:
        assert sample.target == Boxes(()) and sample.fields["objects"] == 0
        assert sample.record["category"]["id"] not in sample.record["categories_present"]


def test_the_absent_categories_follow_from_the_ids(folder: Path) -> None:
    ids = [category["id"] for category in CATEGORIES]
    for image_id in range(200):
        chosen = absent_categories(image_id, [1, 17], ids)
        assert chosen == absent_categories(image_id, [17, 1], ids[::-1])
        assert len(chosen) == 2 and set(chosen) <= {18, 62, 90} and chosen == sorted(chosen)
    assert len({tuple(absent_categories(image_id, [1, 17], ids)) for image_id in range(200)}) == 3
    # whatever else the file holds
    balanced = open_dataset("COCO", folder, "val", form="balanced").sample_ids
    other = [annotation(9, 5, 62, [0, 0, 5, 5])]
    write(folder, CONTENT | {"annotations": other + ANNOTATIONS[::-1], "categories": CATEGORIES[::-1]}, "other")
    asked = [
        sample_id for sample_id in open_dataset("COCO", folder, "other", "optional", "balanced").sample_ids if sample_id[0] != "5"
    ]
    assert asked == balanced


def test_short_names_mean_the_newer_release(folder: Path) -> None:
    older = CONTENT | {"annotations": ANNOTATIONS[:1]}
    write(folder, older, "val2014")
    write(folder, older, "train2014")
    assert len(open_dataset("COCO", folder, "val")) == len(open_dataset("COCO", folder, "val2017")) == 4
    assert len(open_dataset("COCO", folder, "val2014")) == 1
    assert len(open_dataset("COCO", folder, "train")) == 1


@pytest.mark.parametrize(
    ("split", "path"),
    [
        ("val2014", "val2014/COCO_val2014_000000000009.jpg"),
        ("val2014_part", "val2014/COCO_val2014_000000000009.jpg"),
        ("val2014", "images/val2014/COCO_val2014_000000000009.jpg"),
        ("val2014", "train2017/000000000009.jpg"),
        ("train2017", "train2017/000000000009.jpg"),
        ("own", "own/000000000009.jpg"),
        ("own", "own/a picture (1).jpg"),
        ("own", "images/own/a picture (1).jpg"),
    ],
)
def test_places_of_pictures(folder: Path, split: str, path: str) -> None:
    images = [{"id": 9, "file_name": "a picture (1).jpg", "width": 7, "height": 6}]
    write(folder, CONTENT | {"images": images, "annotations": ANNOTATIONS[:1]}, split)
    (folder / "val2017" / f"{9:012d}.jpg").unlink()
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (7, 6)).save(folder / path)
    (image,) = open_dataset("COCO", folder, split)[0].images
    assert image.path == folder / path and image.pixels().shape == (6, 7, 3)


def test_pictures_that_are_named_go_before_those_of_coco(folder: Path) -> None:
    images = [{"id": 9, "file_name": "own.jpg", "width": 7, "height": 6}]
    write(folder, CONTENT | {"images": images, "annotations": ANNOTATIONS[:1]}, "own")
    (folder / "own").mkdir()
    Image.new("RGB", (7, 6)).save(folder / "own" / "own.jpg")
    assert open_dataset("COCO", folder, "own")[0].images[0].path == folder / "own" / "own.jpg"


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "", None, 3, "x" * 300])
def test_file_names_do_not_lead_out_of_the_folder(folder: Path, name: Any) -> None:
    images = [{"id": 9, "file_name": name, "width": 100, "height": 80}]
    write(folder, CONTENT | {"images": images, "annotations": ANNOTATIONS[:1]})
    assert open_dataset("COCO", folder, "val")[0].images[0].path == folder / "val2017" / f"{9:012d}.jpg"


def test_missing_splits(folder: Path) -> None:
    with pytest.raises(MissingDataError) as error:
        open_dataset("COCO", folder, "train")
    for part in (
        "instances_train2017.json or annotations/instances_train2014.json",
        "Splits found there: val2017",
        "cocodataset.org",
    ):
        assert part in str(error.value)
    with pytest.raises(MissingDataError, match="The annotations of test sets are not public"):
        open_dataset("COCO", folder, "test2017")


BAD_FILES: dict[str, tuple[Any, str]] = {
    "no annotations": ({key: CONTENT[key] for key in ("images", "categories")}, "has no key 'annotations'"),
    "none at all": (CONTENT | {"annotations": []}, "holds no samples"),
    "image id twice": (CONTENT | {"images": CONTENT["images"] * 2}, "has image id 4 twice|has image id 9 twice|has image id 5 twice"),
    "annotation id twice": (CONTENT | {"annotations": [*ANNOTATIONS, annotation(3, 4, 1, [0, 0, 1, 1])]}, "has annotation id 3 twice"),
    "category id twice": (CONTENT | {"categories": [*CATEGORIES, CATEGORIES[0]]}, "has category id 1 twice"),
    "annotation of no image": (CONTENT | {"annotations": [{"id": 1, "category_id": 1}]}, "annotations 0 has no key 'image_id'"),
    "annotation of a text": (CONTENT | {"annotations": [{"image_id": "9"}]}, "'image_id' of type str. Expected int"),
    "annotation of no category": (CONTENT | {"annotations": [{"id": 1, "image_id": 1}]}, "annotations 0 has no key 'category_id'"),
    "a huge image id": (CONTENT | {"images": [{"id": 10**30}]}, "Expected an integer from 0 to"),
    "a negative id": (CONTENT | {"annotations": [annotation(1, -1, 1, [0, 0, 1, 1])]}, "'image_id': -1. Expected an integer from 0"),
    "a list": ([], "holds a JSON list"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_files(folder: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    write(folder, content)
    with pytest.raises(DatasetError, match=message):
        open_dataset("COCO", folder, "val")


def changed(position: int, **values: Any) -> list[Any]:
    return [record | values if i == position else record for i, record in enumerate(ANNOTATIONS)]


BAD_RECORDS: dict[str, tuple[Any, str]] = {
    "no box": ({"annotations": changed(2, bbox=None)}, "annotation 1 has 'bbox' of type NoneType"),
    "three numbers": ({"annotations": changed(2, bbox=[1, 2, 3])}, "has a bbox of 3 numbers"),
    "negative width": ({"annotations": changed(2, bbox=[1, 2, -3, 4])}, "bbox is -3. Expected a number from 0"),
    "crowd": ({"annotations": changed(2, iscrowd="no")}, "'iscrowd' of type str. Expected int"),
    "unlisted image": ({"images": CONTENT["images"][1:]}, "has annotations of this image, but does not list it"),
    "unknown category": ({"categories": [CATEGORIES[0], *CATEGORIES[2:]]}, "no category 17 with a name"),
    "category without a name": ({"categories": [CATEGORIES[0], {"id": 17}, *CATEGORIES[2:]]}, "no category 17 with a name"),
    "odd supercategory": (
        {"categories": [CATEGORIES[0], CATEGORIES[1] | {"supercategory": 3}, *CATEGORIES[2:]]}, "no category 17 with a name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_damaged_records_are_named(folder: Path, name: str) -> None:
    change, message = BAD_RECORDS[name]
    write(folder, CONTENT | change)
    dataset = open_dataset("COCO", folder, "val")
    assert dataset[0].sample_id == "4-18", "other records are not affected"
    with pytest.raises(DatasetError, match=f"COCO val image 9, category 17.*{message}"):
        dataset[2]


def test_a_damaged_size_is_found_with_the_picture(folder: Path) -> None:
    write(folder, CONTENT | {"images": [{"id": 9, "file_name": "9.jpg", "width": "100", "height": 80}]})
    image = open_dataset("COCO", folder, "val")[2].images[0]
    with pytest.raises(DatasetError, match="COCO image 9, 'width' is '100'"):
        _ = image.size


def test_images_without_annotations(folder: Path) -> None:
    dataset = open_dataset("COCO", folder, "val")
    assert isinstance(dataset, COCO)
    assert [image["id"] for image in dataset.empty_images] == [5]
    dataset.restrict({"objects": 1})
    assert dataset.empty_images == []


def test_real_samples(realdata: Path) -> None:
    dataset = open_dataset("COCO", realdata / "coco", "val2014_100", "optional")
    assert len(dataset) == 310
    assert sum(sample.fields["objects"] + len(sample.target.ignored) for sample in dataset) == 839  # type: ignore[operator]
    assert sum(len(sample.target.ignored) for sample in dataset) == 9
    sample = dataset[dataset.position("42-18")]
    assert (sample.query, sample.target.gold) == ("dog", ((214.15, 41.29, 562.41, 285.07),))
    assert sample.images[0].path == realdata / "coco" / "train2017" / "000000000042.jpg", "in another folder in 2017"
    balanced = open_dataset("COCO", realdata / "coco", "val2014_100", "optional", "balanced")
    assert len(balanced) == 620 and sum(not sample.record["annotations"] for sample in balanced) == 310
    for split, size in (("val", 373), ("train2017", 134)):
        dataset = open_dataset("COCO", realdata / "coco", split)
        assert len(dataset) == size
        assert all(sample.images[0].pixels().shape[:2] == sample.images[0].size[::-1] for sample in dataset[:40])
