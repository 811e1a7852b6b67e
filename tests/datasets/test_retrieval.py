from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import Dataset, DatasetError, MissingDataError, Sample, open_dataset

FORMS = ("image_to_text", "text_to_image")
WORDS = ("cat", "dog", "cup", "bus", "kite", "boat", "book", "vase", "bird", "sheep")


@pytest.fixture(autouse=True)
def no_coco(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISPRO_DATA_COCO", raising=False)
    monkeypatch.delenv("VISPRO_DATA_ROOT", raising=False)


def karpathy(i: int, split: str = "train", **change: Any) -> dict[str, Any]:
    """The record of picture i of a file that serves both datasets."""
    record: dict[str, Any] = {
        "filename": f"{1000 + i}.jpg", "cocoid": 1000 + i, "filepath": "train2014", "imgid": i, "split": split,
        "sentids": [10 * i + k for k in range(3)],
        "sentences": [
            {"raw": f"A {WORDS[i % 10]}  number {k}.\n", "tokens": ["a"], "imgid": i, "sentid": 10 * i + k} for k in range(3)
        ],
    }  # fmt: skip
    return {key: value for key, value in (record | change).items() if value is not ...}


def write(root: Path, *records: Any, name: str = "dataset_flickr30k.json") -> Path:
    root.mkdir(exist_ok=True)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(json.dumps({"images": records, "dataset": "x"}))
    return root


def opened(root: Path, name: str = "Flickr30k", split: str = "train", images: str = "optional", **options: Any) -> Dataset:
    return open_dataset(name, root, split, images, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "Flickr Größe 1", *(karpathy(i) for i in range(8)), *(karpathy(i, "val") for i in range(8, 10)))


def annotate(root: Path, names: Sequence[str]) -> None:
    images = [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(names)]
    (root / "annotations").mkdir(exist_ok=True)
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cup"}]}
    (root / "annotations" / "instances_x.json").write_text(json.dumps(content))


def with_pictures(root: Path, count: int = 8) -> Path:
    (root / "flickr30k-images").mkdir()
    for i in range(count):
        Image.new("RGB", (40, 30), (20 * i, 0, 0)).save(root / "flickr30k-images" / f"{1000 + i}.jpg")
    return root


def test_from_image_to_text(folder: Path) -> None:
    dataset = opened(with_pictures(folder), images="required")
    assert list(dataset.sample_ids) == [str(1000 + i) for i in range(8)] and dataset.image_names == ("image",)
    for seed in range(20):
        sample = dataset.sample(2, seed)
        texts = sample.target.texts
        assert len(texts) == len(set(texts)) == sample.target.count == 5
        assert texts[sample.target.index] == "A cup number 0.", "the first of the picture's own, spaces made one"
        assert sum("cup" in text for text in texts) == 1
        letters = zip("ABCDE", texts, strict=True)
        assert sample.query == "\n".join(["Which text matches the image?", *(f"{letter}: {text}" for letter, text in letters)])
        (image,) = sample.images
        assert image.image_id == "1002.jpg" and image.pixels().shape == (30, 40, 3)


def test_from_text_to_image(folder: Path) -> None:
    dataset = opened(with_pictures(folder), images="required", form="text_to_image")
    assert list(dataset.sample_ids) == [str(10 * i + k) for i in range(8) for k in range(3)]
    assert dataset.image_names == ("image_1", "image_2", "image_3", "image_4", "image_5")
    for seed in range(20):
        sample = dataset.sample(dataset.position("21"), seed)
        assert sample.query == 'Which image matches text="A cup number 1."?'
        assert sample.target.texts is None and sample.target.count == len(sample.images) == 5
        assert sample.images[sample.target.index].image_id == "1002.jpg"
        names = [image.image_id for image in sample.images]
        assert len(set(names)) == 5 and names == [f"{number}.jpg" for number in sample.record["pool"]]


@pytest.mark.parametrize("form", FORMS)
def test_the_pool_is_a_function_of_seed_and_sample(folder: Path, form: str) -> None:
    dataset, again = opened(folder, form=form), opened(folder, form=form)

    def shown(sample: Sample) -> tuple[Any, ...]:
        return (sample.query, sample.target, [image.image_id for image in sample.images])

    assert [shown(dataset.sample(i, 3)) for i in range(8)] == [shown(again.sample(i, 3)) for i in range(8)]
    seen = [shown(dataset.sample(0, seed)) for seed in range(60)]
    assert len({repr(each) for each in seen}) > 30
    assert {dataset.sample(0, seed).target.index for seed in range(60)} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [2, 8])
def test_sizes_of_the_pool(folder: Path, form: str, size: int) -> None:
    dataset = opened(folder, form=form, pool_size=size)
    assert len(dataset.image_names) == (1 if form == "image_to_text" else size)
    assert all(dataset.sample(i, i).target.count == size for i in range(len(dataset)))


def test_bad_sizes_of_the_pool(folder: Path) -> None:
    for size in (1, 27, True, 5.0, "5"):
        with pytest.raises(ValueError, match="no size of a pool. Expected an integer from 2 to 26"):
            opened(folder, pool_size=size)
    with pytest.raises(DatasetError, match="has 8 pictures with captions. Expected at least pool_size=9"):
        opened(folder, pool_size=9)
    with pytest.raises(DatasetError, match="Flickr30k val in .* has 2 pictures"):
        opened(folder, split="val")


def test_equal_captions_are_never_together(tmp_path: Path) -> None:
    """Pictures 0 to 3 have a caption that is, but for case and full stop, one of picture 4's; 5 and 6 are alike."""
    shared = [{"raw": "a VASE", "sentid": 100}], [{"raw": "the sea", "sentid": 200}]
    records = [karpathy(i, sentences=[shared[0][0] | {"sentid": 100 + i}]) for i in range(4)]
    records.append(karpathy(4, sentences=[{"raw": "A ship.", "sentid": 104}, {"raw": "A vase.", "sentid": 105}]))
    records += [karpathy(i, sentences=[shared[1][0] | {"sentid": 200 + i}]) for i in (5, 6)]
    records.append(karpathy(7))
    root = write(tmp_path / "data", *records)
    dataset = opened(root, pool_size=3)
    for seed in range(20):
        texts = dataset.sample(4, seed).target.texts
        assert "the sea" in texts and any("vase number" in text for text in texts), "never the vase of pictures 0 to 3"
    with pytest.raises(DatasetError, match="picture 1004 finds 2 pictures whose captions are other than its own. Expected 3"):
        opened(root, pool_size=4).sample(4)
    dataset = opened(with_pictures(root), pool_size=4, form="text_to_image")
    for seed in range(20):
        pool = dataset.sample(dataset.position("105"), seed).record["pool"]
        assert sorted(pool) == ["1004", "1005", "1006", "1007"]
    assert {n for seed in range(20) for n in dataset.sample(dataset.position("104"), seed).record["pool"]} > {"1000", "1003"}


def test_the_oracle_sees_all_pictures_of_a_pool(folder: Path) -> None:
    annotate(with_pictures(folder), [f"{1000 + i}.jpg" for i in range(6)])
    dataset = opened(folder, form="text_to_image")
    assert {n for seed in range(30) for n in dataset.sample(20, seed).record["pool"]} >= {"1006", "1000"}, "of picture 6: all"
    dataset.keep_annotated()
    assert len(dataset) == 18
    for seed in range(20):
        assert all(image.scene is not None for image in dataset.sample(4, seed).images)
    with pytest.raises(DatasetError, match="has scene annotations of 6 pictures. Expected at least pool_size=7"):
        opened(folder, form="text_to_image", pool_size=7).keep_annotated()
    opened(folder, pool_size=7).keep_annotated()


def test_restricting_does_not_change_the_pool(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("1003\n")
    dataset = opened(folder, ids=tmp_path / "ids.txt")
    assert len(dataset) == 1 and dataset.sample(0, 5).query == opened(folder).sample(3, 5).query


def test_training_pictures_of_val2014_belong_to_train(tmp_path: Path) -> None:
    records = [karpathy(i, split) for i, split in enumerate(("train", "restval", "val", "test", "restval"))]
    for name, file in (("Flickr30k", "dataset_flickr30k.json"), ("COCOCaptions", "karpathy/dataset_coco.json")):
        root = write(tmp_path / name, *records, name=file)
        assert list(opened(root, name, pool_size=2).sample_ids) == ["1000", "1001", "1004"]
        with pytest.raises(MissingDataError, match="has no split 'restval'. Expected one of: train, val, test"):
            opened(root, name, "restval")


def test_pictures_of_coco(tmp_path: Path) -> None:
    root = write(tmp_path / "data", *(karpathy(i) for i in range(3)), name="dataset_coco.json")
    (root / "val2014").mkdir()
    Image.new("RGB", (40, 30)).save(root / "val2014" / "COCO_val2014_000000001001.jpg")
    dataset = opened(root, "COCOCaptions", images="required", pool_size=2)
    assert dataset[1].images[0].pixels().shape == (30, 40, 3)
    with pytest.raises(MissingDataError, match=r"train2014/COCO_train2014_000000001000\.jpg is missing"):
        dataset[0]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no sentences": ({"sentences": ...}, "has no key 'sentences'"),
    "empty": ({"sentences": []}, "has an empty list of sentences"),
    "sentences": ({"sentences": ["a cat"]}, "has 'sentences' whose item 0 is of type str. Expected dict"),
    "text": ({"sentences": [{"raw": None, "sentid": 20}]}, "has 'raw' of type NoneType"),
    "sentence id": ({"sentences": [{"raw": "a cat", "sentid": "20"}]}, "sentence 0 has 'sentid' of type str"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", FORMS)
def test_damaged_records_are_named(tmp_path: Path, name: str, form: str) -> None:
    change, message = BAD[name]
    root = write(tmp_path / "data", *(karpathy(i, **(change if i == 2 else {})) for i in range(8)))
    dataset = opened(with_pictures(root), form=form)
    bad = dataset.position("1002" if form == "image_to_text" else "picture_1002")
    with pytest.raises(DatasetError, match=f"Flickr30k train picture 1002.*{message}"):
        dataset[bad]
    for seed in range(10):
        sample = dataset.sample(0, seed)
        assert form == "image_to_text" or "1002" not in sample.record["pool"], "others do without it"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": ...}, "picture 1 has no key 'split'"),
        ({"filename": "../x.jpg"}, r"picture 1 has 'filename': '\.\./x.jpg'. Expected a name"),
        ({"filename": 7}, "picture 1 has 'filename' of type int"),
        ({"filename": "1000.jpg"}, "has image id 1000 twice"),
    ],
)
def test_records_without_an_id(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    root = write(tmp_path / "data", karpathy(0), karpathy(1, **change), karpathy(2))
    with pytest.raises(DatasetError, match=rf"dataset_flickr30k\.json.*{message}"):
        opened(root, pool_size=2)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"Expected dataset_flickr30k\.json, from https:.*results_20130124\.token"):
        opened(tmp_path)
    with pytest.raises(MissingDataError, match=r"annotations/captions_val\.json, from https://cocodataset.*No captions were"):
        opened(tmp_path, "COCOCaptions", "val")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "captions_val2017.json").write_text("{}")
    with pytest.raises(MissingDataError, match="has no split 'val' .*Splits found there: val2017"):
        opened(tmp_path, "COCOCaptions", "val")


def tokens(root: Path, ids: Sequence[str], lists: str = ".", split: str = "val") -> Path:
    (root / lists).mkdir(parents=True, exist_ok=True)
    (root / lists / f"{split}.txt").write_text("".join(f"{image_id}\n" for image_id in ids))
    lines = [f"{image_id}.jpg#{k}\tCaption {k} of {image_id} .\n" for image_id in (*ids, "77") for k in range(5)]
    (root / "results_20130124.token").write_text("".join(lines))
    return root


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("lists", [".", "flickr30k_entities"])
def test_the_lists_of_entities(tmp_path: Path, realdata: Path, split: str, lists: str) -> None:
    ids = (realdata / "flickr30k" / "flickr30k_entities" / f"{split}.txt").read_text().split()
    root = tokens(tmp_path / "data", ids, lists, split)
    dataset = opened(root, split=split, images="optional")
    assert len(dataset) == 1000 and list(dataset.sample_ids) == ids
    dataset = opened(root, split=split, form="text_to_image")
    assert len(dataset) == 5000 and dataset.sample_ids[7] == f"{ids[1]}.jpg#2"
    (root / "flickr30k-images").mkdir()
    for image_id in ids:
        (root / "flickr30k-images" / f"{image_id}.jpg").touch()
    sample = dataset[7]
    assert sample.query == f'Which image matches text="Caption 2 of {ids[1]} ."?'
    assert sample.images[sample.target.index].image_id == f"{ids[1]}.jpg"


def test_damaged_token_files(tmp_path: Path) -> None:
    root = tokens(tmp_path / "data", ["1", "2", "3", "4"])
    path = root / "results_20130124.token"
    good = path.read_text()
    path.write_text("".join(line for line in good.splitlines(keepends=True) if not line.startswith("3.jpg")))
    dataset = opened(root, split="val", pool_size=2)
    with pytest.raises(DatasetError, match=r"picture 3 has no captions in .*results_20130124\.token"):
        dataset[2]
    assert all("of 3" not in dataset.sample(0, seed).query for seed in range(20))
    for line in ("3.jpg A cat", "../3.jpg#0\tA cat", "3.jpg#x\tA cat"):
        path.write_text(good + line)
        with pytest.raises(DatasetError, match=r"results_20130124\.token, line 26, is .*Expected '1000092795\.jpg#0', a tab"):
            opened(root, split="val", pool_size=2)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match=r"results_20130124\.token cannot be read"):
        opened(root, split="val", pool_size=2)
    path.write_text(good)
    (root / "val.txt").write_text("../../etc/passwd\n1\n2\n")
    with pytest.raises(DatasetError, match=r"val\.txt holds '\.\./\.\./etc/passwd'. Expected picture numbers"):
        opened(root, split="val", pool_size=2)


def official(root: Path, captions: Sequence[tuple[Any, Any, Any]], images: Sequence[int] = (1, 2, 3)) -> Path:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    content = {
        "info": {},
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "width": 40, "height": 30} for i in images],
        "annotations": [{"id": i, "image_id": image, "caption": text} for i, image, text in captions],
    }
    (root / "annotations" / "captions_val2017.json").write_text(json.dumps(content))
    return root


def test_official_captions(tmp_path: Path) -> None:
    root = official(tmp_path / "coco", [(11, 2, "A cat."), (12, 1, "A dog."), (13, 2, "An animal."), (14, 9, "A cup.")])
    dataset = opened(root, "COCOCaptions", "val2017", pool_size=3)
    assert list(dataset.sample_ids) == ["1", "2", "9"], "pictures without captions are left out"
    assert set(dataset.sample(1).target.texts) == {"A cat.", "A dog.", "A cup."}
    assert dataset.image_names == ("image",)
    dataset = opened(root, "COCOCaptions", "val2017", pool_size=3, form="text_to_image")
    assert list(dataset.sample_ids) == ["12", "11", "13", "14"]
    write(root, *(karpathy(i, "val2017") for i in range(9)), name="dataset_coco.json")
    assert len(opened(root, "COCOCaptions", "val2017", pool_size=3)) == 3, "the official file for splits of its name"


def test_damaged_official_captions(tmp_path: Path) -> None:
    root = official(tmp_path / "coco", [(11, 1, "A cat."), (12, 2, None), (13, 3, "A dog.")])
    dataset = opened(root, "COCOCaptions", "val2017", pool_size=2)
    with pytest.raises(DatasetError, match="COCOCaptions val2017 picture 2 has 'caption' of type NoneType"):
        dataset[1]
    assert dataset[0].target.count == 2
    official(root, [(11, 1, "A cat."), (12, "2", "A dog.")])
    with pytest.raises(DatasetError, match=r"captions_val2017\.json, annotations 1 has 'image_id' of type str"):
        opened(root, "COCOCaptions", "val2017", pool_size=2)
    official(root, [(11, 1, "A cat."), (11, 2, "A dog.")])
    with pytest.raises(DatasetError, match="has sentence id 11 twice"):
        opened(root, "COCOCaptions", "val2017", pool_size=2, form="text_to_image")


@pytest.mark.parametrize(("split", "pictures", "captions"), [("tiny", 8, 40), ("train_tiny", 13, 49)])
def test_real_captions(realdata: Path, split: str, pictures: int, captions: int) -> None:
    dataset = opened(realdata / "coco", "COCOCaptions", split)
    assert len(dataset) == pictures
    assert len(opened(realdata / "coco", "COCOCaptions", split, form="text_to_image")) == captions
    content = json.loads((realdata / "coco" / "annotations" / f"captions_{split}.json").read_text())
    said: dict[str, list[str]] = {}
    for annotation in content["annotations"]:
        said.setdefault(str(annotation["image_id"]), []).append(" ".join(annotation["caption"].split()))
    position = dataset.sample_ids[3]
    sample = dataset[3]
    assert sample.target.texts[sample.target.index] == said[position][0]
    assert sum(text in said[position] for text in sample.target.texts) == 1


def test_captions_that_are_sorted_by_length_tell_nothing(tmp_path: Path) -> None:
    """Flickr30k's five captions come the longest first."""
    words = ["tree", "cup", "old dog", "very red house", "big blue car"]
    images = [
        {
            "filename": f"{i}.jpg", "imgid": i, "split": "test", "sentids": [5 * i + j for j in range(5)],
            "sentences": [
                {"raw": f"{i} " + " and ".join(words[(i + k) % 5] for k in range(5 - j)), "sentid": 5 * i + j, "imgid": i, "tokens": []}
                for j in range(5)
            ],
        }
        for i in range(40)
    ]  # fmt: skip
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    (tmp_path / "flickr30k-images").mkdir()
    dataset = open_dataset("Flickr30k", tmp_path, "test", "optional", "image_to_text")
    samples = [dataset.sample(i, seed) for seed in range(10) for i in range(len(dataset))]
    longest = [max(range(5), key=lambda j, texts=sample.target.texts: len(texts[j])) for sample in samples]
    share = sum(choice == sample.target.index for choice, sample in zip(longest, samples, strict=True)) / len(samples)
    assert share < 0.3, "chance is 0.2"
