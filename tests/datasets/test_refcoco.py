from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset


def ref(number: int, split: str, annotation_id: int, image_id: int, texts: dict[int, str]) -> dict[str, Any]:
    return {
        "ref_id": number,
        "ann_id": annotation_id,
        "image_id": image_id,
        "category_id": 18,
        "split": split,
        "file_name": f"COCO_train2014_{image_id:012d}_{annotation_id}.jpg",
        "sent_ids": list(texts),
        "sentences": [{"sent_id": key, "sent": text, "raw": text.title(), "tokens": text.split()} for key, text in texts.items()],
    }


REFS = [
    ref(1, "train", 11, 9, {100: "the dog"}),
    ref(2, "val", 11, 9, {7: "left dog", 8: "the brown dog by the café"}),
    ref(3, "val", 12, 9, {4: "right dog"}),
    ref(4, "testA", 13, 5, {40: "a"}),
    ref(5, "testB", 13, 5, {50: "b"}),
    ref(6, "testAB", 13, 5, {60: "c"}),
]
INSTANCES: dict[str, Any] = {
    "images": [{"id": i, "file_name": f"COCO_train2014_{i:012d}.jpg", "width": 100, "height": 80} for i in (9, 5)],
    "annotations": [
        {"id": 11, "image_id": 9, "category_id": 18, "bbox": [10, 20, 30, 40], "segmentation": [], "area": 5, "iscrowd": 0},
        {"id": 12, "image_id": 9, "category_id": 18, "bbox": [50.5, 20, 10, 10]},
        {"id": 13, "image_id": 5, "category_id": 18, "bbox": [0, 0, 1, 1]},
        {"id": 14, "image_id": 9, "category_id": 17, "bbox": [0, 0, 5, 5]},
    ],
    "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
}
PICTURE = "COCO_train2014_000000000009.jpg"


def write(folder: Path, refs: Any, partition: str = "unc", instances: Any = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"refs({partition}).p").write_bytes(pickle.dumps(refs, protocol=2))
    (folder / "instances.json").write_text(json.dumps(INSTANCES if instances is None else instances))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISPRO_DATA_COCO", "VISPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "refer data {1}, Größe 1"  # spaces, braces and letters beyond ASCII
    write(folder / "refcoco", REFS)
    pictures = folder / "images" / "mscoco" / "images" / "train2014"
    pictures.mkdir(parents=True)
    Image.new("RGB", (100, 80)).save(pictures / PICTURE)
    return folder


def test_samples(root: Path) -> None:
    dataset = open_dataset("RefCOCO", root, "val")
    assert dataset.sample_ids == ["7", "8", "4"]
    sample = dataset[1]
    assert (sample.query, sample.target) == ("the brown dog by the café", (10, 20, 40, 60))
    assert sample.fields == {"category": "dog", "words": 6}
    assert sample.record["sentence"]["raw"] == "The Brown Dog By The Café" and sample.record["ref"]["ref_id"] == 2
    assert sample.record["annotation"]["bbox"] == [10, 20, 30, 40] and sample.record["image"]["height"] == 80
    (image,) = sample.images
    assert image.pixels().shape == (80, 100, 3) and image.scene is not None
    assert next((item.name, item.box) for item in image.scene.objects.values()) == ("dog", (10, 20, 40, 60))
    assert len(image.scene.objects) == 3
    assert all(dataset.has_scene(sample_id) for sample_id in dataset.sample_ids)
    dataset.restrict({"words": {"max": 2}})
    assert dataset.sample_ids == ["7", "4"]


@pytest.mark.parametrize(
    ("split", "ids"),
    [
        ("train", ["100"]), ("testA", ["40", "60"]), ("testB", ["50", "60"]), ("test", ["40", "50", "60"]), ("testAB", ["60"]),
        ("unc_val", ["7", "8", "4"]),
    ],
)  # fmt: skip
def test_splits_are_those_of_refer(root: Path, split: str, ids: list[str]) -> None:
    assert open_dataset("RefCOCO", root, split, "optional").sample_ids == ids


def test_partitions(root: Path) -> None:
    write(root / "refcoco", REFS[2:3], "google")
    assert open_dataset("RefCOCO", root, "google_val").sample_ids == ["4"]
    assert open_dataset("RefCOCO", root, "val").sample_ids == ["7", "8", "4"]
    with pytest.raises(MissingDataError) as error:
        open_dataset("RefCOCO", root, "umd_val")
    for part in (
        "Expected refcoco/refs(umd).p and refcoco/instances.json",
        "refs(google).p, refs(unc).p",
        "github.com/lichengunc/refer",
    ):
        assert part in str(error.value)
    with pytest.raises(MissingDataError, match=r"has no split 'dev' in .*Splits found there: testA, testAB, testB, train, val"):
        open_dataset("RefCOCO", root, "dev")


@pytest.mark.parametrize(("name", "folder", "partition"), [("RefCOCOplus", "refcoco+", "unc"), ("RefCOCOg", "refcocog", "umd")])
def test_the_other_datasets(root: Path, name: str, folder: str, partition: str) -> None:
    with pytest.raises(MissingDataError, match=rf"{name} has no split 'val' in .* or the folder {folder}".replace("+", r"\+")):
        open_dataset(name, root, "val")
    write(root / folder, REFS[:2], partition)
    assert open_dataset(name, root, "val").sample_ids == ["7", "8"]
    assert open_dataset(name, root / folder, "val")[0].images[0].pixels().shape == (80, 100, 3)


@pytest.mark.parametrize(
    "path", ["mscoco/train2014", "train2014", "refcoco/train2014", "refcoco/images/train2014", "COCO/train2014"]
)
@pytest.mark.parametrize("inside", [False, True])
def test_places_of_pictures(root: Path, path: str, inside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / path).mkdir(parents=True)
    (root / "images" / "mscoco" / "images" / "train2014" / PICTURE).rename(root / path / PICTURE)
    monkeypatch.setenv("VISPRO_DATA_COCO", str(root / "COCO"))
    image = open_dataset("RefCOCO", root / "refcoco" if inside else root, "val")[0].images[0]
    assert image.path == root / path / PICTURE


def test_a_missing_picture(root: Path) -> None:
    with pytest.raises(MissingDataError, match=r"images/mscoco/images/train2014/COCO_train2014_000000000005\.jpg is missing"):
        open_dataset("RefCOCO", root, "testA")[0]
    assert open_dataset("RefCOCO", root, "testA", "optional")[0].images[0].size == (100, 80)


def test_json_in_place_of_the_pickle(root: Path) -> None:
    path = root / "refcoco" / "refs(unc).p"
    pickled = open_dataset("RefCOCO", root, "val")[:]
    path.with_suffix(".json").write_text(json.dumps(REFS))
    path.unlink()
    twin = open_dataset("RefCOCO", root, "val")[:]
    assert [(s.sample_id, s.query, s.target, s.fields, s.record) for s in twin] == [
        (s.sample_id, s.query, s.target, s.fields, s.record) for s in pickled
    ]


class Attack:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def test_nothing_in_the_pickle_is_run(root: Path) -> None:
    canary = root / "canary"
    write(root / "refcoco", [*REFS, Attack(str(canary))])
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"refs\(unc\)\.p has at byte \d+ the instruction GLOBAL"):
            open_dataset("RefCOCO", root, "val")
    assert not canary.exists()


def test_damaged_files(root: Path) -> None:
    folder = root / "refcoco"
    refs = (folder / "refs(unc).p").read_bytes()
    for content, message in (
        (b"", "damaged or cut short"),
        (refs[:-9], "damaged or cut short"),
        (b"PK\3\4", "damaged|instruction"),
    ):
        (folder / "refs(unc).p").write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            open_dataset("RefCOCO", root, "val")
    write(folder, {"refs": REFS})
    with pytest.raises(DatasetError, match="holds a pickled dict. Expected the refs of a refer dataset"):
        open_dataset("RefCOCO", root, "val")
    write(folder, [*REFS, ref(9, "val", 11, 9, {4: "again"})])
    with pytest.raises(DatasetError, match="has sent_id 4 twice"):
        open_dataset("RefCOCO", root, "val")
    write(folder, REFS, instances=[])
    with pytest.raises(DatasetError, match=r"instances\.json holds a JSON list"):
        open_dataset("RefCOCO", root, "val")
    write(folder, [])
    with pytest.raises(MissingDataError, match="It holds no refs"):
        open_dataset("RefCOCO", root, "val")
    shutil.rmtree(folder)
    with pytest.raises(MissingDataError, match="Files found there: none"):
        open_dataset("RefCOCO", root, "val")


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in REFS[2].items() if name != key}


BAD_REFS: dict[str, tuple[Any, str, str]] = {
    "no object": (None, "ref 3", "is NoneType. Expected an object with the key 'split'"),
    "no split": (without("split"), "ref 3", "has no key 'split'"),
    "no sentences": (without("sentences"), "ref 3", "has no key 'sentences'"),
    "sentences": (REFS[2] | {"sentences": "x"}, "ref 3", "'sentences' of type str"),
    "sentence": (REFS[2] | {"sentences": ["x"]}, "ref 3 sentence 0", "is str. Expected an object"),
    "no sentence id": (REFS[2] | {"sentences": [{"sent": "x"}]}, "ref 3 sentence 0", "has no key 'sent_id'"),
    "no text": (REFS[2] | {"sentences": [{"sent_id": 1}]}, "1", "has no key 'sent'"),
    "image id": (REFS[2] | {"image_id": "9"}, "4", "has 'image_id' of type str"),
    "huge image id": (REFS[2] | {"image_id": 10**15}, "4", "Expected an integer from 0 to"),
    "negative image id": (REFS[2] | {"image_id": -1}, "4", "'image_id': -1"),
    "unknown image": (REFS[2] | {"image_id": 77}, "4", "is on annotation 12 of image 77, but .* has no such image"),
    "unknown annotation": (REFS[2] | {"ann_id": 77}, "4", "is on annotation 77 of image 9, but .* has no such annotation"),
    "no category": (without("category_id"), "4", "has no key 'category_id'"),
    "unknown category": (REFS[2] | {"category_id": 3}, "4", "category_id 3. Expected one of the 2 categories"),
}


@pytest.mark.parametrize("name", BAD_REFS)
def test_damaged_records_are_named(root: Path, name: str) -> None:
    damaged, sample_id, message = BAD_REFS[name]
    write(root / "refcoco", [*REFS[:2], ref(3, "train", 11, 9, {}), damaged])
    dataset = open_dataset("RefCOCO", root, "val")
    assert dataset.sample_ids == ["7", "8", sample_id] and dataset[0].query == "left dog", "other records are not affected"
    with pytest.raises(DatasetError, match=f"RefCOCO val sentence {sample_id}.*{message}"):
        dataset[2]


def test_damaged_boxes_are_named(root: Path) -> None:
    annotations = [record | ({"bbox": [1, 2, -3, 4]} if record["id"] == 12 else {}) for record in INSTANCES["annotations"]]
    write(root / "refcoco", REFS, instances=INSTANCES | {"annotations": annotations})
    dataset = open_dataset("RefCOCO", root, "val")
    with pytest.raises(DatasetError, match="RefCOCO val sentence 4, bbox is -3"):
        dataset[2]


@pytest.mark.parametrize(("split", "size"), [("train", 9), ("val", 10), ("test", 9)])
def test_real_samples(realdata: Path, tmp_path: Path, split: str, size: int) -> None:
    dataset = open_dataset("RefCOCOg", realdata / "refcoco", split, "optional")
    assert len(dataset) == size
    twin = tmp_path / "refcocog"
    twin.mkdir()
    for name in ("refs(umd).json", "instances.json"):
        shutil.copyfile(realdata / "refcoco" / "refcocog" / name, twin / name)
    other = open_dataset("RefCOCOg", twin, split, "optional")
    assert [(s.sample_id, s.query, s.target, s.record) for s in other] == [
        (s.sample_id, s.query, s.target, s.record) for s in dataset
    ]
    for sample in dataset:
        scene = sample.images[0].scene
        assert scene is not None and sample.target in [item.box for item in scene.objects.values()]


def test_a_real_sample(realdata: Path) -> None:
    dataset = open_dataset("RefCOCOg", realdata / "refcoco" / "refcocog", "train", "optional")
    sample = dataset[dataset.position("91982")]
    assert sample.query == "a woman wearing black dress" and sample.fields == {"category": "person", "words": 5}
    assert sample.images[0].image_id == "122469" and sample.record["ref"]["ann_id"] == 251837
