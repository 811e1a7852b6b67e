from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

RECORDS: list[dict[str, Any]] = [
    {"image": "000000000042.jpg", "caption": "The cat is left of the dog.", "label": 1, "relation": "left of"},
    {
        "image": "000000000043.jpg", "caption": "The cup is on the table.", "label": 0, "relation": "on",
        "subj": "cup", "obj": "table",
    },
]  # fmt: skip


def write_folder(
    root: Path, records: list[Any] = RECORDS, place: str = "splits/random/dev.jsonl", pictures: str = "images"
) -> Path:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text("".join(json.dumps(record) + "\n" for record in records))
    (root / pictures).mkdir(parents=True, exist_ok=True)
    for record in RECORDS:
        Image.new("RGB", (60, 40), "red").save(root / pictures / record["image"])
    return root


def test_a_sample(tmp_path: Path) -> None:
    dataset = open_dataset("VSR", write_folder(tmp_path / "Größe 1"), "dev")
    assert dataset.sample_ids == ["0", "1"]
    assert [(sample.query, sample.target) for sample in dataset] == [
        (RECORDS[0]["caption"], True),
        (RECORDS[1]["caption"], False),
    ]
    assert dict(dataset[0].fields) == {"relation": "left of"}
    assert dict(dataset[1].fields) == {"relation": "on", "subject": "cup", "object": "table"}
    assert dataset[1].record == RECORDS[1] and dataset[1].images[0].pixels().shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("split", "place", "pictures"),
    [
        ("dev", "splits/random/dev.jsonl", "images"),
        ("random_dev", "splits/random/dev.jsonl", "trainval2017"),
        ("zeroshot_test", "splits/zeroshot/test.jsonl", "images"),
        ("train", "data/splits/random/train.jsonl", "data/images"),
        ("zeroshot_train", "data/splits/zeroshot/train.jsonl", "data/trainval2017"),
        ("dev", "splits/random/dev.jsonl", "train2017"),
        ("dev", "splits/random/dev.jsonl", "images/val2017"),
    ],
)
def test_places_of_the_files(tmp_path: Path, split: str, place: str, pictures: str) -> None:
    dataset = open_dataset("VSR", write_folder(tmp_path, place=place, pictures=pictures), split)
    assert [sample.images[0].path for sample in dataset] == [tmp_path / pictures / record["image"] for record in RECORDS]


def test_unknown_splits(tmp_path: Path) -> None:
    write_folder(tmp_path, place="splits/zeroshot/test.jsonl")
    for split in ("test", "val", "random_test"):
        with pytest.raises(
            MissingDataError, match=rf"no split '{split}'.*splits/random/\w+\.jsonl.*found there: zeroshot_test\."
        ):
            open_dataset("VSR", tmp_path, split)


BAD: dict[str, tuple[Any, str]] = {
    "label": (RECORDS[1] | {"label": 2}, "VSR dev record 1 has the label 2. Expected 0 or 1"),
    "label of another type": (RECORDS[1] | {"label": "1"}, "VSR dev record 1 has 'label' of type str. Expected int"),
    "caption": (RECORDS[1] | {"caption": None}, "VSR dev record 1 has 'caption' of type NoneType. Expected str"),
    "relation": (RECORDS[1] | {"relation": 3}, "VSR dev record 1 has 'relation' of type int. Expected str"),
    "subject": (RECORDS[1] | {"subj": 3}, "VSR dev record 1 has 'subj' of type int. Expected str"),
    "image": (
        RECORDS[1] | {"image": "/etc/passwd"},
        "VSR dev record 1 has 'image': '/etc/passwd'. Expected the name of a COCO picture",
    ),
    "no record": ([], "VSR dev record 1 is list. Expected an object"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_records_are_named(tmp_path: Path, name: str) -> None:
    record, message = BAD[name]
    dataset = open_dataset("VSR", write_folder(tmp_path, [RECORDS[0], record]), "dev")
    assert dataset[0].target is True, "other records are not affected"
    with pytest.raises(DatasetError) as error:
        dataset[1]
    assert message in str(error.value)


COUNTS = {
    "train": 7_680, "random_dev": 1_097, "test": 2_195,
    "zeroshot_train": 3_489, "zeroshot_dev": 340, "zeroshot_test": 1_222,
}  # fmt: skip


@pytest.mark.parametrize("split", COUNTS)
def test_real_samples(realdata: Path, split: str) -> None:
    dataset = open_dataset("VSR", realdata / "vsr", split, images="optional")
    assert len(dataset) == COUNTS[split]
    assert all(("subject" in sample.fields) == split.startswith("zeroshot") for sample in dataset[::100])
    if split == "random_dev":
        sample = dataset[0]
        assert (sample.query, sample.target) == ("The bench is at the right side of the train.", False)
        assert sample.fields["relation"] == "at the right side of" and sample.images[0].image_id == "239417"
        assert sum(sample.target for sample in dataset) == 564
