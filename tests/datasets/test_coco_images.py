from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vispro_gym.datasets import DATASETS, DatasetError, MissingDataError
from vispro_gym.datasets.coco_images import CocoCaptioning, CocoCategory, CocoDetection, CocoImages, Objects
from vispro_gym.datasets.coco_panoptic import CocoPanoptic
from vispro_gym.datasets.location import Location

CATEGORIES = [
    {"id": 18, "name": "dog", "supercategory": "animal", "isthing": 1},
    {"id": 1, "name": "person", "supercategory": "person", "isthing": 1},
    {"id": 125, "name": "gravel", "supercategory": "ground", "isthing": 0},
]
IMAGES = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 100, "height": 80} for i in (9, 4, 5)]
INSTANCES: dict[str, Any] = {
    "info": {},
    "images": IMAGES,
    "annotations": [
        {"id": 1, "image_id": 9, "category_id": 18, "bbox": [10, 20, 30, 40], "area": 900, "iscrowd": 0, "segmentation": [[1]]},
        {"id": 2, "image_id": 4, "category_id": 18, "bbox": [0, 0, 10, 10]},  # annotations of one picture are not together
        {"id": 3, "image_id": 9, "category_id": 1, "bbox": [50.5, 20, 10, 10], "area": 100, "iscrowd": 0},
        {"id": 4, "image_id": 9, "category_id": 1, "bbox": [0, 0, 90, 70], "area": 900, "iscrowd": 1},
    ],
    "categories": CATEGORIES,
}
CAPTIONS: dict[str, Any] = {
    "images": IMAGES,
    "annotations": [
        {"id": 1, "image_id": 9, "caption": "A dog on gravel. "},
        {"id": 2, "image_id": 5, "caption": "Nothing at all"},
        {"id": 3, "image_id": 9, "caption": "The dog"},
    ],
}
PANOPTIC: dict[str, Any] = {
    "images": IMAGES,
    "annotations": [
        {
            "image_id": 9,
            "file_name": "000000000009.png",
            "segments_info": [
                {"id": 125, "category_id": 125, "iscrowd": 0},
                {"id": 256, "category_id": 18, "iscrowd": 0},
                {"id": 65536 * 2 + 3, "category_id": 18},
                {"id": 7, "category_id": 1, "iscrowd": 1},
            ],
        },
        {"image_id": 4, "file_name": "000000000004.png", "segments_info": []},
    ],
    "categories": CATEGORIES,
}
KINDS: dict[str, tuple[type[CocoImages], Any]] = {
    "instances": (CocoDetection, INSTANCES),
    "captions": (CocoCaptioning, CAPTIONS),
    "panoptic": (CocoPanoptic, PANOPTIC),
}


def write(folder: Path, kind: str, content: Any, split: str = "val2017") -> None:
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "annotations" / f"{kind}_{split}.json").write_text(json.dumps(content))


def opened(folder: Path, kind: str, split: str = "val", images: str = "required") -> Any:
    return KINDS[kind][0](Location(folder, is_mini=False), split, images)


def colors(numbers: list[list[int]]) -> Image.Image:
    array = np.array(numbers)
    return Image.fromarray(np.stack([array % 256, array // 256 % 256, array // 65536], 2).astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISPRO_DATA_COCO", "VISPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "COCO data, Größe 1"  # spaces and letters beyond ASCII
    for kind, (_, content) in KINDS.items():
        write(root, kind, content)
    (root / "val2017").mkdir()
    for i in (4, 5, 9):
        Image.new("RGB", (100, 80), (i, 0, 0)).save(root / "val2017" / f"{i:012d}.jpg")
    png = root / "annotations" / "panoptic_val2017" / "000000000009.png"
    png.parent.mkdir()
    pixels = np.zeros((80, 100), np.int64)
    pixels[10:] = 125
    pixels[20:30, :10], pixels[20:30, 20:30], pixels[40:, 50:] = 256, 65536 * 2 + 3, 7
    colors(pixels.tolist()).save(png)
    return root


def test_detection(folder: Path) -> None:
    dataset = opened(folder, "instances")
    assert dataset.sample_ids == ["9", "4", "5"], "pictures without objects are samples, too"
    assert dataset.categories == (
        CocoCategory(1, "person", True),
        CocoCategory(18, "dog", True),
        CocoCategory(125, "gravel", False),
    )
    assert dataset.counts == (1, 2, 0), "crowds do not count"
    sample = dataset[0]
    assert (sample.sample_id, sample.query, sample.fields) == ("9", "", {"objects": 2})
    assert sample.target == Objects(((10, 20, 40, 60), (50.5, 20, 60.5, 30)), (1, 0), ((0, 0, 90, 70),), (0,))
    assert "segmentation" not in sample.record["annotations"][0] and sample.record["image"]["id"] == 9
    (image,) = sample.images
    assert image.size == (100, 80) and image.pixels().shape == (80, 100, 3)
    assert dataset[2].target == Objects((), (), (), ()) and dataset[2].fields == {"objects": 0}
    dataset.restrict({"objects": {"min": 1}})
    assert dataset.sample_ids == ["9", "4"] and dataset.counts == (1, 2, 0)


def test_captions(folder: Path) -> None:
    dataset = opened(folder, "captions")
    assert dataset.sample_ids == ["9", "5"]
    assert dataset[0].target == ("A dog on gravel. ", "The dog") and dataset[0].fields == {"captions": 2}
    dataset.restrict(ids=["5"])
    assert list(dataset.references()) == [("A dog on gravel. ", "The dog"), ("Nothing at all",)], "of the whole split"
    version = dataset.version
    assert re.fullmatch("[0-9a-f]{20}", version) and opened(folder, "captions").version == version
    write(folder, "captions", CAPTIONS | {"info": "another"})
    assert opened(folder, "captions").version != version
    with pytest.raises(DatasetError, match="lists no categories"):
        _ = dataset.categories


def test_panoptic(folder: Path) -> None:
    dataset = opened(folder, "panoptic")
    assert dataset.sample_ids == ["9", "4"] and dataset[0].fields == {"segments": 4}
    pixels = dataset[0].target.pixels()
    assert pixels.shape == (80, 100, 2) and pixels.dtype == np.int32
    assert pixels[0, 0].tolist() == [0, 0], "nobody annotated it"
    assert pixels[15, 0].tolist() == [3, 1] and pixels[25, 5].tolist() == [2, 2] and pixels[25, 25].tolist() == [2, 3]
    assert pixels[50, 60].tolist() == [0, 0], "a crowd"
    with pytest.raises(MissingDataError, match=r"000000000004.png are missing. Expected the PNG files of panoptic_annotations"):
        dataset[1].target.pixels()


def test_segments_may_be_beside_the_annotations(folder: Path) -> None:
    (folder / "annotations" / "panoptic_val2017").rename(folder / "panoptic_val2017")
    assert opened(folder, "panoptic")[0].target.pixels().any()


@pytest.mark.parametrize("kind", KINDS)
def test_splits(folder: Path, kind: str) -> None:
    write(folder, kind, KINDS[kind][1], "val2014")
    write(folder, kind, KINDS[kind][1], "mine")
    assert len(opened(folder, kind, "mine", "optional")) == len(opened(folder, kind)) > 1
    assert str(opened(folder, kind, "val2014", "optional")[0].images[0].pixels().shape) == "(80, 100, 3)"
    with pytest.raises(MissingDataError) as error:
        opened(folder, kind, "train")
    for part in (f"{kind}_train2017.json or annotations/{kind}_train2014.json", "mine, val2014, val2017", "cocodataset.org"):
        assert part in str(error.value)
    with pytest.raises(MissingDataError, match="The annotations of test sets are not public"):
        opened(folder, kind, "test2017")


@pytest.mark.parametrize("kind", KINDS)
def test_they_can_be_pickled_and_are_no_program_datasets(folder: Path, kind: str) -> None:
    dataset = opened(folder, kind)
    sample = dataset[0]
    assert pickle.loads(pickle.dumps(dataset))[0].target == sample.target == pickle.loads(pickle.dumps(sample)).target
    assert dataset.name not in DATASETS


BAD_FILES: dict[str, tuple[str, Any, str]] = {
    "no images": ("instances", {"annotations": [], "categories": []}, "has no key 'images'"),
    "no categories": ("panoptic", {"images": [], "annotations": []}, "has no key 'categories'"),
    "no annotations": ("captions", {"images": IMAGES}, "has no key 'annotations'"),
    "none at all": ("captions", CAPTIONS | {"annotations": []}, "holds no samples"),
    "unlisted image": ("captions", CAPTIONS | {"images": IMAGES[1:]}, "annotates image 9, but does not list it"),
    "image id twice": ("instances", INSTANCES | {"images": IMAGES * 2}, "image id [459] twice"),
    "category id twice": ("instances", INSTANCES | {"categories": CATEGORIES * 2}, "category id (1|18|125) twice"),
    "two annotations of a picture": ("panoptic", PANOPTIC | {"annotations": PANOPTIC["annotations"] * 2}, "has image_id .* twice"),
    "annotation of a text": ("captions", CAPTIONS | {"annotations": [{"image_id": "9"}]}, "'image_id' of type str. Expected int"),
    "segments": ("panoptic", PANOPTIC | {"annotations": [{"image_id": 9}]}, "annotations 0 has no key 'segments_info'"),
    "a list": ("instances", [], "holds a JSON list"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_files(folder: Path, name: str) -> None:
    kind, content, message = BAD_FILES[name]
    write(folder, kind, content)
    with pytest.raises(DatasetError, match=f"{kind}_val2017.json.*{message}|{message}"):
        opened(folder, kind)


def changed(content: dict[str, Any], **values: Any) -> dict[str, Any]:
    """With the first annotation changed."""
    first, *others = content["annotations"]
    return content | {"annotations": [first | values, *others]}


BAD_RECORDS: dict[str, tuple[str, Any, str]] = {
    "no box": ("instances", changed(INSTANCES, bbox=None), "annotation 0 has 'bbox' of type NoneType"),
    "negative width": ("instances", changed(INSTANCES, bbox=[1, 2, -3, 4]), "bbox is -3. Expected a number from 0"),
    "crowd": ("instances", changed(INSTANCES, iscrowd="no"), "'iscrowd' of type str. Expected int"),
    "unknown category": ("instances", changed(INSTANCES, category_id=3), "has category_id 3. Expected that of one of the file"),
    "no category": ("instances", changed(INSTANCES, category_id="dog"), "'category_id' of type str. Expected int"),
    "caption": ("captions", changed(CAPTIONS, caption=3), "annotation 0 has 'caption' of type int. Expected str"),
    "file name": ("panoptic", changed(PANOPTIC, file_name="../9.png"), "Expected the name of a PNG file"),
    "segment of no category": (
        "panoptic", changed(PANOPTIC, segments_info=[{"id": 1, "category_id": 3}]), "segment 0 has category_id 3",
    ),
    "segment 0": ("panoptic", changed(PANOPTIC, segments_info=[{"id": 0, "category_id": 1}]), "'id': 0. Expected a number above 0"),
    "segment twice": (
        "panoptic", changed(PANOPTIC, segments_info=[{"id": 5, "category_id": 1}] * 2), "segment 1 has 'id': 5. Expected a number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_damaged_records_are_named(folder: Path, name: str) -> None:
    kind, content, message = BAD_RECORDS[name]
    write(folder, kind, content)
    dataset = opened(folder, kind)
    assert dataset[1].sample_id in ("4", "5"), "other records are not affected"
    with pytest.raises(DatasetError, match=f"{kind}_val2017.json, image 9.*{message}"):
        dataset[0]


def test_damaged_segments(folder: Path) -> None:
    png = folder / "annotations" / "panoptic_val2017" / "000000000009.png"
    target = opened(folder, "panoptic")[0].target
    colors([[1] * 100] * 80).save(png)
    with pytest.raises(DatasetError, match="000000000009.png holds segment 1, which .*image 9 has not in 'segments_info'"):
        target.pixels()
    colors([[0] * 10] * 80).save(png)
    with pytest.raises(DatasetError, match="is 10x80 pixels, but its annotations are for a picture of 100x80"):
        target.pixels()
    png.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="is not a readable picture"):
        target.pixels()


def test_real_samples(realdata: Path) -> None:
    detection = opened(realdata / "coco", "instances")
    assert len(detection) == 128 and len(detection.categories) == 80 and sum(detection.counts) == 898
    assert all(sample.images[0].pixels().shape[:2] == sample.images[0].size[::-1] for sample in detection[:40])
    old = opened(realdata / "coco", "instances", "val2014_100", "optional")
    assert (len(old), sum(old.counts), sum(len(sample.target.crowds) for sample in old)) == (100, 830, 9)
    panoptic = opened(realdata / "coco", "panoptic")
    assert len(panoptic) == 100 and sum(category.is_thing for category in panoptic.categories) == 80
    assert panoptic[panoptic.position("6818")].fields == {"segments": 5}
    captions = opened(realdata / "coco", "captions", "tiny", "optional")
    assert len(captions) == 8 and {len(sample.target) for sample in captions} == {5}
