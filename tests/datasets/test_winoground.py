from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

SIZES = ((40, 30), (30, 40))
PARTS = {"yes_no": ["c0-i0", "c0-i1", "c1-i0", "c1-i1"], "caption": ["i0", "i1"], "image": ["c0", "c1"]}


def example(number: int, **change: Any) -> dict[str, Any]:
    record = {
        "id": number, "image_0": f"ex_{number}_img_0", "image_1": f"ex_{number}_img_1",
        "caption_0": "a cup on a\n table", "caption_1": "a table on a cup", "tag": "Noun", "secondary_tag": "",
        "num_main_preds": 1, "collapsed_tag": "Object",
    }  # fmt: skip
    return {key: value for key, value in (record | change).items() if value is not ...}


def write(root: Path, *records: Any, data: str = "data", images: str = "data/images") -> Path:
    for folder in (root / data, root / images):
        folder.mkdir(parents=True, exist_ok=True)
    (root / data / "examples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    for number in (0, 7):
        for i in (0, 1):
            Image.new("RGB", SIZES[i], (number * 9, i * 90, 0)).save(root / images / f"ex_{number}_img_{i}.png")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "Winoground Größe 1", example(0), example(7, collapsed_tag="Relation"))


def annotate(folder: Path, *names: str) -> None:
    images = [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(names)]
    (folder / "annotations").mkdir(exist_ok=True)
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cup"}]}
    (folder / "annotations" / "instances_test.json").write_text(json.dumps(content))


@pytest.mark.parametrize("form", PARTS)
def test_samples_of_each_form(folder: Path, form: str) -> None:
    dataset = open_dataset("WinoGround", folder, "test", form=form)
    assert list(dataset.sample_ids) == [f"{number}-{part}" for number in (0, 7) for part in PARTS[form]]
    assert dataset.task == f"winoground_{form}" and dataset.is_shuffled == (form != "yes_no")
    for sample in dataset:
        assert len(sample.images) == len(dataset.image_names)
        assert sample.record == example(int(sample.sample_id[0]), collapsed_tag=sample.fields["collapsed_tag"])
        assert sample.fields["tag"] == "Noun" and sample.fields["num_main_preds"] == 1 and "new_tag" not in sample.fields


def test_verdicts(folder: Path) -> None:
    samples = {sample.sample_id: sample for sample in open_dataset("WinoGround", folder, "test")}
    assert [samples[f"7-{part}"].target for part in PARTS["yes_no"]] == [True, False, False, True]
    sample = samples["7-c0-i1"]
    assert sample.query == 'Verify image matches text="a cup on a table"'
    assert sample.images[0].image_id == "ex_7_img_1.png" and sample.images[0].size == SIZES[1]
    assert sample.images[0].pixels()[0, 0].tolist() == [63, 90, 0]


@pytest.mark.parametrize("seed", range(6))
def test_choices_follow_the_seed(folder: Path, seed: int) -> None:
    dataset = open_dataset("WinoGround", folder, "test", form="caption")
    for i, sample in enumerate(dataset.sample(p, seed) for p in range(4)):
        assert sample.target.texts[sample.target.index] == ("a cup on a table", "a table on a cup")[i % 2]
        assert sample.query == "\n".join(
            ["Which text matches the image?", *(f"{a}: {t}" for a, t in zip("AB", sample.target.texts, strict=True))]
        )
        assert sample.images[0].image_id == f"ex_{7 * (i // 2)}_img_{i % 2}.png"
    dataset = open_dataset("WinoGround", folder, "test", form="image")
    for i, sample in enumerate(dataset.sample(p, seed) for p in range(4)):
        assert sample.target.texts is None
        assert sample.images[sample.target.index].image_id == f"ex_{7 * (i // 2)}_img_{i % 2}.png"
        assert sorted(image.image_id[-5] for image in sample.images) == ["0", "1"]


@pytest.mark.parametrize("form", ["caption", "image"])
def test_the_right_option_is_at_any_place(folder: Path, form: str) -> None:
    dataset = open_dataset("WinoGround", folder, "test", form=form)
    assert {dataset.sample(2, seed).target.index for seed in range(20)} == {0, 1}
    assert dataset.sample(2, 5).target == dataset.sample(2, 5).target


@pytest.mark.parametrize(("data", "images"), [(".", "images"), ("data", "images"), (".", "data/images")])
def test_places_of_the_files(tmp_path: Path, data: str, images: str) -> None:
    write(tmp_path / "W", example(0), data=data, images=images)
    assert open_dataset("WinoGround", tmp_path / "W", "test")[0].images[0].pixels().shape == (30, 40, 3)


def test_names_with_an_extension(tmp_path: Path) -> None:
    write(tmp_path / "W", example(0, image_0="ex_0_img_0.png"))
    assert open_dataset("WinoGround", tmp_path / "W", "test")[0].images[0].image_id == "ex_0_img_0.png"


def test_annotated_are_examples_both_of_whose_pictures_are(folder: Path) -> None:
    dataset = open_dataset("WinoGround", folder, "test")
    with pytest.raises(DatasetError, match="has no scene annotations"):
        dataset.keep_annotated()
    annotate(folder, "ex_0_img_0.png", "ex_7_img_0.png", "ex_7_img_1.png")
    dataset = open_dataset("WinoGround", folder, "test")
    dataset.keep_annotated()
    assert list(dataset.sample_ids) == [f"7-{part}" for part in PARTS["yes_no"]]
    assert dataset[0].images[0].scene is not None


def test_other_splits(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="WinoGround has no split 'train'. Expected 'test'"):
        open_dataset("WinoGround", folder, "train")
    with pytest.raises(MissingDataError, match=r"Expected data/examples.jsonl.*https://huggingface.co/datasets/facebook"):
        open_dataset("WinoGround", tmp_path, "test")
    shutil.rmtree(folder / "data" / "images")
    with pytest.raises(MissingDataError, match=r"data/images/ex_0_img_0\.png is missing"):
        open_dataset("WinoGround", folder, "test")[0]


BAD: dict[str, tuple[Any, str, str]] = {
    "no id": (example(7, id=...), "line_2", "has no key 'id'"),
    "id of a wrong type": (example(7, id=True), "line_2", "has 'id' of type bool. Expected int or str"),
    "id with a dash": (example(7, id="7-c0"), "line_2", "has 'id': '7-c0'. Expected a number"),
    "no object": ([7], "line_2", "is list. Expected an object"),
    "no caption": (example(7, caption_1=...), "7", "has no key 'caption_1'"),
    "caption": (example(7, caption_0=3), "7", "has 'caption_0' of type int. Expected str"),
    "picture": (example(7, image_1={"bytes": ""}), "7", "has 'image_1' of type dict. Expected str"),
    "picture that leads out": (example(7, image_0="../../x"), "7", r"has 'image_0': '\.\./\.\./x'. Expected the name"),
    "tag": (example(7, tag=["Noun"]), "7", "has 'tag' of type list. Expected str"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", PARTS)
def test_damaged_records_are_named(tmp_path: Path, name: str, form: str) -> None:
    record, example_id, message = BAD[name]
    dataset = open_dataset("WinoGround", write(tmp_path / "W", example(0), record), "test", form=form)
    parts = PARTS[form]
    assert list(dataset.sample_ids[len(parts) :]) == [f"{example_id}-{part}" for part in parts]
    assert dataset[0].sample_id == f"0-{parts[0]}", "other records are not affected"
    with pytest.raises(DatasetError, match=f"WinoGround test example {example_id}-{parts[0]} {message}"):
        dataset[len(parts)]


def test_an_example_that_occurs_twice(folder: Path) -> None:
    write(folder, example(7), example(7))
    with pytest.raises(DatasetError, match=r"examples\.jsonl.*has example id 7-c0-i0 twice"):
        open_dataset("WinoGround", folder, "test")


def test_tags_that_are_unknown_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "W", example(0, tag=..., secondary_tag=None, num_main_preds=..., collapsed_tag=...))
    assert open_dataset("WinoGround", tmp_path / "W", "test")[0].fields == {}


def test_the_tags_of_diwan_et_al(folder: Path, realdata: Path) -> None:
    tags = realdata / "winoground" / "new_tag_assignments.json"
    shutil.copy(tags, folder / "data")
    records = [example(i) for i in range(400)]
    (folder / "data" / "examples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dataset = open_dataset("WinoGround", folder, "test")
    assert len(dataset) == 1600
    values = [value for (value,) in dataset._samples.fields(["new_tag"])]
    assert None not in values, "each of the 400 examples has an entry"
    dataset.restrict({"new_tag": "Ambiguously Correct"})
    assert list(dataset.sample_ids[:5:4]) == ["3-c0-i0", "13-c0-i0"]
    both = open_dataset("WinoGround", folder, "test")
    both.restrict({"new_tag": "Unusual Image, Visually Difficult"})
    assert "31-c0-i0" in list(both.sample_ids)
    plain = open_dataset("WinoGround", folder, "test")
    plain.restrict({"new_tag": "No Tag"})
    assert len(plain) == 4 * sum(not found for found in json.loads(tags.read_text()).values())


@pytest.mark.parametrize("content", ["[]", '{"0": "Noun"}', '{"0": [3]}', "{"])
def test_damaged_tags(folder: Path, content: str) -> None:
    (folder / "data" / "new_tag_assignments.json").write_text(content)
    with pytest.raises(DatasetError, match=r"new_tag_assignments\.json.*Expected tags by Winoground example"):
        open_dataset("WinoGround", folder, "test")
