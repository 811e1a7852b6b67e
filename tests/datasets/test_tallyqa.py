from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

# Picture 42 is one of COCO and another one of Visual Genome.
QUESTIONS: list[dict[str, Any]] = [
    {
        "answer": 2, "data_source": "imported_vqa", "image": "val2014/COCO_val2014_000000000042.jpg", "image_id": 42,
        "question": "How many cats are there?", "question_id": 42000,
    },
    {
        "answer": 1, "data_source": "amt", "image": "VG_100K_2/42.jpg", "image_id": 90000042,
        "issimple": False, "question": "How many dogs are asleep?", "question_id": 30095774,
    },
    {
        "answer": 0, "data_source": "imported_genome", "image": "VG_100K/7.jpg", "image_id": 97,
        "issimple": True, "question": "How many cows are there?", "question_id": 30095775,
    },
]  # fmt: skip


def instances(image_id: int, file_name: str, category: str) -> dict[str, Any]:
    return {
        "images": [{"id": image_id, "width": 60, "height": 40, "file_name": file_name}],
        "annotations": [{"id": 1, "image_id": image_id, "category_id": 1, "bbox": [10, 5, 20, 15]}],
        "categories": [{"id": 1, "name": category}],
    }


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 40), "red").save(path)


def write_folder(root: Path, questions: Any = QUESTIONS, pictures: str = ".") -> Path:
    (root / "annotations").mkdir(parents=True)
    (root / "test.json").write_text(json.dumps(questions))
    coco, genome = root / "annotations" / "instances_val2014.json", root / "annotations" / "instances_VG_100K_2.json"
    coco.write_text(json.dumps(instances(42, "COCO_val2014_000000000042.jpg", "cat")))
    genome.write_text(json.dumps(instances(42, "42.jpg", "dog")))
    for record in QUESTIONS:
        picture(root / pictures / record["image"])
    return root


@pytest.mark.parametrize("pictures", [".", "images"])
def test_samples(tmp_path: Path, pictures: str) -> None:
    dataset = open_dataset("TallyQA", write_folder(tmp_path / "Zählen, 1", pictures=pictures), "test")
    assert dataset.sample_ids == ["42000", "30095774", "30095775"]
    sample = dataset[1]
    assert (sample.query, sample.target, sample.record) == ("How many dogs are asleep?", 1, QUESTIONS[1])
    assert sample.fields == {"complexity": "complex", "data_source": "amt"}
    assert dataset[0].fields == {"data_source": "imported_vqa"}, "questions of train are not marked"
    assert dataset[2].fields == {"complexity": "simple", "data_source": "imported_genome"}
    assert {s.images[0].pixels().shape for s in dataset} == {(40, 60, 3)}


def test_pictures_of_the_same_number(tmp_path: Path) -> None:
    dataset = open_dataset("TallyQA", write_folder(tmp_path), "test")
    scenes = [sample.images[0].scene for sample in dataset]
    assert [scene and [thing.name for thing in scene.objects.values()] for scene in scenes] == [["cat"], ["dog"], None]
    dataset.keep_annotated()
    assert dataset.sample_ids == ["42000", "30095774"]


def test_visual_genome_is_not_looked_up_in_the_files_of_coco(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "annotations" / "instances_VG_100K_2.json").unlink()
    dataset = open_dataset("TallyQA", folder, "test")
    assert [dataset.has_scene(sample_id) for sample_id in dataset.sample_ids] == [True, False, False]
    (folder / "annotations" / "instances_val2014.json").rename(folder / "annotations" / "instances_VG_100K.json")
    dataset = open_dataset("TallyQA", folder, "test")
    assert not any(dataset.has_scene(sample_id) for sample_id in dataset.sample_ids)


def test_pictures_in_the_folder_of_coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, coco = write_folder(tmp_path / "tallyqa"), tmp_path / "coco"
    (coco / "annotations").mkdir(parents=True)
    (folder / "annotations" / "instances_val2014.json").rename(coco / "annotations" / "instances_val2014.json")
    (folder / "val2014").rename(coco / "val2014")
    with pytest.raises(MissingDataError, match=r"tallyqa/val2014/COCO_val2014_000000000042\.jpg is missing"):
        open_dataset("TallyQA", folder, "test")[0]
    monkeypatch.setenv("VISPRO_DATA_COCO", str(coco))
    dataset = open_dataset("TallyQA", folder, "test")
    assert dataset.has_scene("42000") and dataset[0].images[0].pixels().shape == (40, 60, 3)


@pytest.mark.parametrize("place", ["VG_100K_2/42.jpg", "val2014/COCO_val2014_000000000042.jpg"])
def test_a_missing_picture(tmp_path: Path, place: str) -> None:
    folder = write_folder(tmp_path)
    (folder / place).unlink()
    dataset = open_dataset("TallyQA", folder, "test", "optional")
    assert [sample.images[0].size for sample in dataset[:2]] == [(60, 40)] * 2
    with pytest.raises(MissingDataError, match=place):
        list(open_dataset("TallyQA", folder, "test"))


@pytest.mark.parametrize(
    "image",
    [
        "../../secret.jpg",
        "VG_100K/../../secret.jpg",
        "/etc/passwd",
        "VG_100K/2.png",
        "VG_100K_3/2.jpg",
        f"VG_100K/{'1' * 300}.jpg",
        "val2014/COCO_train2014_000000000042.jpg",
        "val2014/COCO_val2014_42.jpg",
        "42.jpg",
        "VG_100K/٤٢.jpg",
        "VG_100K/42.jpg\n",
    ],
)
def test_paths_that_are_none_of_the_datasets(tmp_path: Path, image: str) -> None:
    dataset = open_dataset("TallyQA", write_folder(tmp_path, [QUESTIONS[0], QUESTIONS[1] | {"image": image}]), "test")
    assert dataset[0].target == 2
    with pytest.raises(
        DatasetError, match=r"TallyQA test question 30095774 has 'image': .*Expected the path of a picture"
    ) as error:
        dataset[1]
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": None}, "has 'question' of type NoneType. Expected str"),
        ({"image": 42}, "has 'image' of type int. Expected str"),
        ({"answer": "1"}, "has 'answer' of type str. Expected int"),
        ({"answer": True}, "has 'answer' of type bool. Expected int"),
        ({"answer": -1}, "has 'answer': -1. Expected an integer from 0"),
        ({"issimple": 1}, "has 'issimple' of type int. Expected bool"),
        ({"data_source": ["amt"]}, "has 'data_source' of type list. Expected str"),
    ],
)
def test_damaged_records_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    dataset = open_dataset("TallyQA", write_folder(tmp_path, [QUESTIONS[0], QUESTIONS[1] | change]), "test")
    dataset.keep_annotated()
    assert dataset[0].target == 2, "other records are not affected"
    with pytest.raises(DatasetError, match=f"TallyQA test question 30095774 {message}"):
        dataset[1]


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([*QUESTIONS, QUESTIONS[0]], "has question_id 42000 twice"),
        ([QUESTIONS[0], 7], r"test\.json, question 1 is int. Expected an object with the key 'question_id'"),
        ([QUESTIONS[0] | {"question_id": "42000"}], r"test\.json, question 0 has 'question_id' of type str. Expected int"),
        ([{key: QUESTIONS[0][key] for key in ("question", "question_id", "image")}], r"test\.json has no answers"),
        ({"questions": QUESTIONS}, r"test\.json holds a JSON dict. Expected an official TallyQA file, a list of questions"),
        ([], "holds no samples"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, questions: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset("TallyQA", write_folder(tmp_path, questions), "test")


def test_an_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"TallyQA has no split 'val' .*Expected val\.json; the official splits are train and"
    ):
        open_dataset("TallyQA", write_folder(tmp_path), "val")
