from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

RECORDS: list[dict[str, Any]] = [
    {"identifier": "dev-8-0-1", "sentence": "There are two dogs.", "label": "True", "synset": "dog"},
    {"identifier": "dev-8-1-1", "sentence": "There are two dogs.", "label": "False", "synset": "dog"},
]
INSTANCES: dict[str, Any] = {
    "images": [{"id": i, "file_name": f"dev-8-0-img{i}.png", "width": 60, "height": 40} for i in (0, 1)],
    "annotations": [{"id": 5, "image_id": 1, "category_id": 18, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 18, "name": "dog"}],
}


def write_folder(root: Path, records: list[Any] = RECORDS, place: str = "data/dev.json", pictures: str = "dev") -> Path:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text("".join(json.dumps(record) + "\n" for record in records))
    (root / pictures).mkdir(parents=True, exist_ok=True)
    for record in RECORDS:
        for side, color in enumerate(("red", "blue")):
            path = root / pictures / f"{record['identifier'].rpartition('-')[0]}-img{side}.png"
            Image.new("RGB", (60, 40), color).save(path, "JPEG")  # as many of the real ones
    return root


def test_a_sample(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "Größe 1")
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_dev.json").write_text(json.dumps(INSTANCES))
    dataset = open_dataset("NLVR2", root, "dev")
    assert dataset.image_names == ("left_image", "right_image") and not dataset.is_shuffled
    assert dataset.sample_ids == ["dev-8-0-1", "dev-8-1-1"]
    sample = dataset[0]
    assert (sample.query, sample.target, dict(sample.fields)) == ("There are two dogs.", True, {"synset": "dog"})
    assert dataset[1].target is False and dataset[1].record == RECORDS[1]
    left, right = sample.images
    assert (left.image_id, right.image_id) == ("dev-8-0-img0.png", "dev-8-0-img1.png")
    assert left.pixels()[0, 0, 0] > 200 and right.pixels()[0, 0, 2] > 200
    assert left.content_hash != right.content_hash
    assert left.scene is not None and not left.scene.objects
    assert right.scene is not None and right.scene.objects["5"].box == (1, 2, 4, 6)
    assert dataset.has_scene("dev-8-0-1") and not dataset.has_scene("dev-8-1-1")
    dataset.keep_annotated()
    assert dataset.sample_ids == ["dev-8-0-1"]


def test_without_annotations_the_oracle_has_nothing_to_look_at(tmp_path: Path) -> None:
    dataset = open_dataset("NLVR2", write_folder(tmp_path), "dev")
    assert dataset[0].images[0].scene is None and dataset[0].images[0].size == (60, 40)
    with pytest.raises(DatasetError, match="NLVR2 dev in .* has no scene annotations"):
        dataset.keep_annotated()


@pytest.mark.parametrize(
    ("split", "place", "pictures"),
    [
        ("dev", "data/dev.json", "images/dev"),
        ("dev", "data/dev.json", "images"),
        ("dev", "data/dev.json", "."),
        ("dev", "nlvr2/data/dev.json", "nlvr2/dev"),
        ("dev", "nlvr2/data/dev.json", "images/dev"),
        ("balanced_dev", "data/balanced/balanced_dev.json", "dev"),
        ("unbalanced_dev", "nlvr2/data/unbalanced/unbalanced_dev.json", "dev"),
        ("test1", "data/test1.json", "images/dev"),
    ],
)
def test_places_of_the_files(tmp_path: Path, split: str, place: str, pictures: str) -> None:
    dataset = open_dataset("NLVR2", write_folder(tmp_path, place=place, pictures=pictures), split)
    for _ in range(2):
        found = [image.path for sample in dataset for image in sample.images]
        assert found == [tmp_path / pictures / f"dev-8-{pair}-img{side}.png" for pair in (0, 1) for side in (0, 1)]


@pytest.mark.parametrize("directory", [3, "3"])
@pytest.mark.parametrize("pictures", ["images/dev/3", "dev/3", "images/dev", "dev"])
def test_directories(tmp_path: Path, directory: int | str, pictures: str) -> None:
    records = [record | {"directory": directory} for record in RECORDS]
    dataset = open_dataset("NLVR2", write_folder(tmp_path, records, pictures=pictures), "dev")
    assert {image.path.parent for sample in dataset for image in sample.images if image.path} == {tmp_path / pictures}
    assert dataset[0].fields["directory"] == 3
    dataset.restrict(filter={"directory": {"max": 3}})
    assert len(dataset) == 2


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"no split 'test1'.*Expected data/test1\.json.*Splits found there: dev\..*lil-lab"
    ):
        open_dataset("NLVR2", write_folder(tmp_path), "test1")
    (tmp_path / "dev" / "dev-8-1-img1.png").unlink()
    dataset = open_dataset("NLVR2", tmp_path, "dev")
    assert dataset[0].sample_id == "dev-8-0-1"
    with pytest.raises(MissingDataError, match=r"dev-8-1-img1\.png is missing"):
        dataset[1]


BAD: dict[str, tuple[Any, str]] = {
    "label": ({"label": "Maybe"}, "NLVR2 dev example dev-8-1-1 has the label 'Maybe'. Expected 'True' or 'False'"),
    "label of another type": ({"label": True}, "example dev-8-1-1 has 'label' of type bool. Expected str"),
    "sentence": ({"sentence": 1}, "example dev-8-1-1 has 'sentence' of type int. Expected str"),
    "identifier": ({"identifier": 5}, "example line 2 has 'identifier' of type int. Expected str"),
    "identifier that leads out": (
        {"identifier": "../a-1-1-1"},
        "has the identifier '../a-1-1-1'. Expected split-set-pair-sentence",
    ),
    "identifier of three parts": ({"identifier": "dev-1-1"}, "has the identifier 'dev-1-1'. Expected split-set-pair-sentence"),
    "directory": ({"directory": "../.."}, "example dev-8-1-1 has the directory '../..'. Expected a whole number"),
    "synset": ({"synset": None}, "example dev-8-1-1 has 'synset' of type NoneType. Expected str"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_records_are_named(tmp_path: Path, name: str) -> None:
    change, message = BAD[name]
    dataset = open_dataset("NLVR2", write_folder(tmp_path, [RECORDS[0], RECORDS[1] | change]), "dev")
    assert dataset[0].target is True, "other records are not affected"
    with pytest.raises(DatasetError) as error:
        dataset[1]
    assert message in str(error.value)


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has identifier dev-8-0-1 twice"):
        open_dataset("NLVR2", write_folder(tmp_path, [*RECORDS, RECORDS[0]]), "dev")
    without = [{key: value for key, value in record.items() if key != "label"} for record in RECORDS]
    with pytest.raises(DatasetError, match="NLVR2 dev has no answers"):
        open_dataset("NLVR2", write_folder(tmp_path, without), "dev")


def test_real_samples(realdata: Path) -> None:
    dataset = open_dataset("NLVR2", realdata / "nlvr2", "dev", images="optional")
    assert len(dataset) == 6_982
    assert sum(sample.target for sample in dataset) == 3_551
    sample = dataset[dataset.position("dev-850-2-0")]
    assert sample.query.startswith("The right image shows a curving walkway") and sample.target is True
    assert [image.image_id for image in sample.images] == ["dev-850-2-img0.png", "dev-850-2-img1.png"]
    balanced = open_dataset("NLVR2", realdata / "nlvr2", "balanced_dev", images="optional")
    assert len(balanced) == 2_300 and sum(sample.target for sample in balanced) == 1_150
    assert set(balanced.sample_ids) < set(dataset.sample_ids)
