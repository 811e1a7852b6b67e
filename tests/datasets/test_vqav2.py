"""VQAv2 and OK-VQA, which share their loader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset

NAMES = {"VQAv2": "v2_", "OKVQA": ""}
QUESTIONS: list[dict[str, Any]] = [
    {"image_id": 42, "question": "Is there a cat?", "question_id": 42000},
    {"image_id": 42, "question": "How many cats are there?", "question_id": 42001},
    {"image_id": 43, "question": "What is this?", "question_id": 43000},
]
INSTANCES: dict[str, Any] = {
    "images": [{"id": 42, "width": 60, "height": 40, "file_name": "COCO_val2014_000000000042.jpg"}],
    "annotations": [{"id": 1, "image_id": 42, "category_id": 17, "bbox": [10, 5, 20, 15]}],
    "categories": [{"id": 17, "name": "cat", "supercategory": "animal"}],
}


def annotation(question: dict[str, Any], *answers: str, kind: str = "other") -> dict[str, Any]:
    return {
        "question_id": question["question_id"], "image_id": question["image_id"],
        "question_type": "what is", "answer_type": kind, "multiple_choice_answer": answers[0],
        "answers": [{"answer": text, "answer_confidence": "yes", "answer_id": i} for i, text in enumerate(answers, 1)],
    }  # fmt: skip


ANNOTATIONS = [
    annotation(QUESTIONS[0], *["yes"] * 10, kind="yes/no"),
    annotation(QUESTIONS[1], *["1"] * 7, "2", "2", "many", kind="number"),
    annotation(QUESTIONS[2], *["cat"] * 9, "kitten"),
]


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_folder(
    root: Path,
    prefix: str = "v2_",
    questions: Any = QUESTIONS,
    annotations: Any = ANNOTATIONS,
    places: tuple[str, str, str] = ("Questions", "Annotations", "Images/mscoco/val2014"),
) -> Path:
    write(root / places[0] / f"{prefix}OpenEnded_mscoco_val2014_questions.json", {"info": {}, "questions": questions})
    write(root / places[1] / f"{prefix}mscoco_val2014_annotations.json", {"info": {}, "annotations": annotations})
    write(root / "annotations" / "instances_val2014.json", INSTANCES)
    pictures = root / places[2]
    pictures.mkdir(parents=True)
    for image_id in (42, 43):
        Image.new("RGB", (60, 40), "red").save(pictures / f"COCO_val2014_{image_id:012d}.jpg")
    return root


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    return write_folder(tmp_path / "Bilder, Größe 1", NAMES[name])


def change(records: list[dict[str, Any]], i: int, **values: Any) -> list[dict[str, Any]]:
    return [record | values if j == i else record for j, record in enumerate(records)]


def without(records: list[dict[str, Any]], i: int, key: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if j != i or k != key} for j, record in enumerate(records)]


def test_a_sample(name: str, folder: Path) -> None:
    dataset = open_dataset(name, folder, "val")
    assert dataset.sample_ids == ["42000", "42001", "43000"]
    sample = dataset[1]
    assert (sample.query, sample.target) == ("How many cats are there?", ("1",) * 7 + ("2", "2", "many"))
    assert sample.fields == {"question_type": "what is", "answer_type": "number"}
    assert sample.record == QUESTIONS[1] | ANNOTATIONS[1]
    (image,) = sample.images
    assert image.size == (60, 40) and image.scene is not None and image.scene.objects["1"].box == (10, 5, 30, 20)
    assert dataset.has_scene("42001") and not dataset.has_scene("43000")
    dataset.keep_annotated()
    assert dataset.sample_ids == ["42000", "42001"]
    dataset.restrict({"answer_type": "number"})
    assert dataset.sample_ids == ["42001"]


@pytest.mark.parametrize(
    "places",
    [
        ("questions", "annotations", "Images/mscoco/val2014"),
        (".", ".", "val2014"),
        (".", ".", "images/val2014"),
        ("Questions", ".", "val2014"),
    ],
)
def test_places_of_the_files(name: str, tmp_path: Path, places: tuple[str, str, str]) -> None:
    dataset = open_dataset(name, write_folder(tmp_path, NAMES[name], places=places), "val")
    assert [sample.query for sample in dataset] == [question["question"] for question in QUESTIONS]


def test_the_other_datasets_files_are_none_of_this_one(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"VQAv2 has no split 'val'.*Expected Questions/v2_OpenEnded_mscoco_val2014"):
        open_dataset("VQAv2", write_folder(tmp_path / "ok", ""), "val")
    with pytest.raises(MissingDataError, match="OKVQA has no split 'val'.*No question files were found there"):
        open_dataset("OKVQA", write_folder(tmp_path / "v2", "v2_"), "val")


@pytest.mark.parametrize("split", ["train", "o", "2014", "val2014"])
def test_an_unknown_split(name: str, folder: Path, split: str) -> None:
    with pytest.raises(
        MissingDataError, match=rf"has no split '{split}' in .*Splits found there: val\. The official files are at"
    ):
        open_dataset(name, folder, split)


@pytest.mark.parametrize("split", ["test", "test-dev"])
def test_splits_without_public_answers(folder: Path, split: str) -> None:
    with pytest.raises(DatasetError, match=f"VQAv2 split '{split}' has no answers: they are not public.*train or val"):
        open_dataset("VQAv2", folder, split)


def test_a_split_without_annotations(name: str, folder: Path) -> None:
    shutil.rmtree(folder / "Annotations")
    with pytest.raises(MissingDataError, match=rf"Annotations/{NAMES[name]}mscoco_val2014_annotations\.json is missing.*Rewards"):
        open_dataset(name, folder, "val")


def test_annotations_of_another_release(name: str, tmp_path: Path) -> None:
    others = [record | {"question_id": record["question_id"] + 7} for record in ANNOTATIONS]
    with pytest.raises(
        DatasetError, match=r"has answers to none of the 3 questions in .*Expected both files of the same release"
    ):
        open_dataset(name, write_folder(tmp_path, NAMES[name], annotations=others), "val")


BAD_RECORDS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "question": (change(QUESTIONS, 1, question=3), ANNOTATIONS, "has 'question' of type int. Expected str"),
    "no image id": (without(QUESTIONS, 1, "image_id"), ANNOTATIONS, "has no key 'image_id'"),
    "image id of a wrong type": (change(QUESTIONS, 1, image_id="42"), ANNOTATIONS, "has 'image_id' of type str. Expected int"),
    "image id that is a bool": (change(QUESTIONS, 1, image_id=True), ANNOTATIONS, "has 'image_id' of type bool. Expected int"),
    "image id below 0": (change(QUESTIONS, 1, image_id=-42), ANNOTATIONS, "has 'image_id': -42. Expected an integer from 0"),
    "image id too long for a file": (change(QUESTIONS, 1, image_id=10**300), ANNOTATIONS, r"has 'image_id': 10+\. Expected an integer"),
    "another image": (QUESTIONS, change(ANNOTATIONS, 1, image_id=43), "is on image 42, but its annotation on image 43"),
    "no annotation": (QUESTIONS, [ANNOTATIONS[0], ANNOTATIONS[2]], "has no answers in .*Expected one annotation for each question"),
    "no answers": (QUESTIONS, without(ANNOTATIONS, 1, "answers"), "has no key 'answers'"),
    "no people": (QUESTIONS, change(ANNOTATIONS, 1, answers=[]), "has an empty list of answers"),
    "answers of a wrong type": (QUESTIONS, change(ANNOTATIONS, 1, answers=["1"]), "'answers' whose item 0 is of type str"),
    "an answer": (QUESTIONS, change(ANNOTATIONS, 1, answers=[{"answer": 1}]), "answer 0 has 'answer' of type int. Expected str"),
    "type of question": (QUESTIONS, change(ANNOTATIONS, 1, question_type=["how"]), "'question_type' of type list. Expected str"),
    "type of answer": (QUESTIONS, change(ANNOTATIONS, 1, answer_type=None), "'answer_type' of type NoneType. Expected str"),
}  # fmt: skip


@pytest.mark.parametrize("damage", BAD_RECORDS)
def test_damaged_records_are_named(name: str, tmp_path: Path, damage: str) -> None:
    questions, annotations, message = BAD_RECORDS[damage]
    dataset = open_dataset(name, write_folder(tmp_path, NAMES[name], questions, annotations), "val")
    dataset.keep_annotated()
    assert "42001" in dataset.sample_ids, "a damaged record is not taken for one without annotations"
    assert dataset[dataset.position("42000")].target == ("yes",) * 10, "other records are not affected"
    with pytest.raises(DatasetError, match=rf"(?s){name} val question 42001.*{message}") as error:
        dataset[dataset.position("42001")]
    assert len(str(error.value)) < 500


BAD_IDS: dict[str, tuple[Callable[[list[Any]], list[Any]], str]] = {
    "twice": (lambda records: [*records, records[0]], "has question_id 42000 twice. Expected every question_id once"),
    "missing": (lambda records: without(records, 1, "question_id"), "1 has no key 'question_id'"),
    "of a wrong type": (lambda records: change(records, 1, question_id="42001"), "1 has 'question_id' of type str. Expected int"),
    "a bool": (lambda records: change(records, 1, question_id=True), "1 has 'question_id' of type bool. Expected int"),
    "no record": (lambda records: [records[0], 7], "1 is int. Expected an object with the key 'question_id'"),
}


@pytest.mark.parametrize("file", ["questions", "annotations"])
@pytest.mark.parametrize("damage", BAD_IDS)
def test_damaged_ids(tmp_path: Path, file: str, damage: str) -> None:
    edit, message = BAD_IDS[damage]
    content: dict[str, Any] = {"questions": QUESTIONS, "annotations": ANNOTATIONS}
    content[file] = edit(content[file])
    folder = write_folder(tmp_path, **content)
    with pytest.raises(DatasetError, match=message):
        open_dataset("VQAv2", folder, "val")


def test_a_missing_picture_is_looked_for_in_the_official_place(folder: Path, name: str) -> None:
    shutil.rmtree(folder / "Images")
    with pytest.raises(MissingDataError, match=r"Images/mscoco/val2014/COCO_val2014_000000000042\.jpg is missing"):
        open_dataset(name, folder, "val")[0]
    assert open_dataset(name, folder, "val", "optional")[0].images[0].pixels().shape == (40, 60, 3)


def test_real_questions_and_answers(realdata: Path) -> None:
    dataset = open_dataset("VQAv2", realdata / "vqav2", "val")
    assert dataset.sample_ids == ["1000004", "100081006", "100081011", "100081012", "100081013", "100087012"]
    sample = dataset[0]
    assert sample.query == "How many people have a camera?"
    assert sample.target == ("0", "1", "0", "1", "0", "0", "1", "0", "0", "1")
    assert sample.fields == {"question_type": "how many", "answer_type": "number"}
    assert {sample.images[0].pixels().shape for sample in dataset} >= {(480, 640, 3)}


def test_real_questions_of_okvqa(realdata: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"questions but no answers: Annotations/mscoco_val2014_annotations\.json is missing"
    ):
        open_dataset("OKVQA", realdata / "vqav2" / "okvqa", "val")
    file = "OpenEnded_mscoco_val2014_questions.json"
    shutil.copy(realdata / "vqav2" / "okvqa" / file, tmp_path / file)
    questions = json.loads((tmp_path / file).read_text())["questions"]
    made_up = [annotation(question, *["race"] * 10) for question in reversed(questions)]
    write(tmp_path / "mscoco_val2014_annotations.json", {"annotations": made_up})
    dataset = open_dataset("OKVQA", tmp_path, "val", "optional")
    assert len(dataset) == 5046
    first = dataset._sample("2971475", questions[0], 0)
    assert (first.query, first.images[0].image_id) == ("What sport can you use this for?", "297147")
    assert dataset.position("2971475") == 0 and dataset.position(str(questions[-1]["question_id"])) == 5045
