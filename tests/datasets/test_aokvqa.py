from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vispro_gym.datasets import DatasetError, MissingDataError, open_dataset
from vispro_gym.datasets.options import Choice

IDS = ("22MexNkBPpdZGX6sxbxVBH", "2A_-", "été 3")
QUESTION: dict[str, Any] = {
    "split": "val", "image_id": 42, "question_id": IDS[0], "question": "What is the man by the bags awaiting?",
    "choices": ["skateboarder", "train", "delivery", "cab"], "correct_choice_idx": 3,
    "direct_answers": ["ride", "ride", "bus", "taxi", "travelling", "traffic", "taxi", "cab", "cab", "his ride"],
    "difficult_direct_answer": False, "rationales": ["There is a street."],
}  # fmt: skip
QUESTIONS = [
    QUESTION,
    QUESTION | {"question_id": IDS[1], "image_id": 43, "difficult_direct_answer": True},
    QUESTION | {"question_id": IDS[2], "question": "Where is he?"},
]
INSTANCES: dict[str, Any] = {
    "images": [{"id": 42, "width": 60, "height": 40}],
    "annotations": [{"id": 1, "image_id": 42, "category_id": 1, "bbox": [10, 5, 20, 15]}],
    "categories": [{"id": 1, "name": "person"}],
}


def write_folder(root: Path, questions: Any = QUESTIONS) -> Path:
    for name in ("val2017", "annotations"):
        (root / name).mkdir(parents=True)
    (root / "aokvqa_v1p0_val.json").write_text(json.dumps(questions))
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(INSTANCES))
    for image_id in (42, 43):
        Image.new("RGB", (60, 40), "red").save(root / "val2017" / f"{image_id:012d}.jpg")
    return root


def test_multiple_choice(tmp_path: Path) -> None:
    dataset = open_dataset("AOKVQA", write_folder(tmp_path / "Wissen & ö"), "val")
    assert (dataset.form, dataset.task, dataset.is_shuffled) == ("multiple_choice", "aokvqa_multiple_choice", True)
    assert dataset.sample_ids == list(IDS)
    sample = dataset[0]
    choice = sample.target
    assert isinstance(choice, Choice) and choice.texts is not None
    assert sorted(choice.texts) == sorted(QUESTION["choices"]) and choice.texts[choice.index] == "cab" and choice.count == 4
    lines = sample.query.splitlines()
    assert lines[0] == QUESTION["question"]
    assert lines[1:] == [f"{letter}: {text}" for letter, text in zip("ABCD", choice.texts, strict=True)]
    assert (sample.fields, sample.record) == ({"difficult": 0}, QUESTION)
    assert sample.images[0].scene is not None and sample.images[0].pixels().shape == (40, 60, 3)
    dataset.keep_annotated()
    assert dataset.sample_ids == [IDS[0], IDS[2]]


def test_the_order_of_the_options(tmp_path: Path) -> None:
    dataset = open_dataset("AOKVQA", write_folder(tmp_path), "val")
    assert dataset.sample(0, 5).target == dataset.sample(0, 5).target
    places = Counter(dataset.sample(0, seed).target.index for seed in range(200))
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 80, "the right option may stand anywhere"
    assert any(dataset.sample(0, seed).target.index != dataset.sample(2, seed).target.index for seed in range(20))


def test_direct_answers(tmp_path: Path) -> None:
    dataset = open_dataset("AOKVQA", write_folder(tmp_path), "val", form="direct_answer")
    assert (dataset.task, dataset.is_shuffled) == ("aokvqa_direct_answer", False)
    assert dataset.sample_ids == [IDS[0], IDS[2]], "difficult questions are left out"
    assert (dataset[0].query, dataset[0].target) == (QUESTION["question"], tuple(QUESTION["direct_answers"]))


def test_forms_have_indexes_of_their_own(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    lengths = [len(open_dataset("AOKVQA", folder, "val", form=form)) for form in ("multiple_choice", "direct_answer") * 2]
    assert lengths == [3, 2, 3, 2]
    with pytest.raises(ValueError, match="form='choice' is unknown to AOKVQA"):
        open_dataset("AOKVQA", folder, "val", form="choice")


def test_a_filter(tmp_path: Path) -> None:
    dataset = open_dataset("AOKVQA", write_folder(tmp_path), "val")
    dataset.restrict({"difficult": 1})
    assert dataset.sample_ids == [IDS[1]]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "question": ({"question": 3}, "has 'question' of type int. Expected str"),
    "image id": ({"image_id": "42"}, "has 'image_id' of type str. Expected int"),
    "negative image id": ({"image_id": -1}, "has 'image_id': -1. Expected an integer from 0"),
    "difficult": ({"difficult_direct_answer": None}, "has 'difficult_direct_answer' of type NoneType. Expected bool"),
}
BAD_CHOICES: dict[str, tuple[dict[str, Any], str]] = {
    "choices": ({"choices": "a or b"}, "has 'choices' of type str. Expected list"),
    "choice": ({"choices": ["a", 3]}, "has 'choices' whose item 1 is of type int. Expected str"),
    "position": ({"correct_choice_idx": 4}, "has 'correct_choice_idx' 4 and 4 choices. Expected a position, from 0"),
    "negative position": ({"correct_choice_idx": -1}, "has 'correct_choice_idx': -1. Expected an integer from 0"),
    "bool": ({"correct_choice_idx": True}, "has 'correct_choice_idx' of type bool. Expected int"),
    "no choices": ({"choices": []}, "has 'correct_choice_idx' 3 and 0 choices"),
    "too many choices": ({"choices": list(map(str, range(27)))}, "has 'correct_choice_idx' 3 and 27 choices"),
}
BAD_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "answers": ({"direct_answers": "cab"}, "has 'direct_answers' of type str. Expected list"),
    "answer": ({"direct_answers": ["cab", None]}, "has 'direct_answers' whose item 1 is of type NoneType. Expected str"),
    "no answers": ({"direct_answers": []}, "has an empty list of direct_answers"),
}


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [("multiple_choice", *bad) for bad in (BAD | BAD_CHOICES).values()] + [("direct_answer", *bad) for bad in (BAD | BAD_ANSWERS).values()],
)  # fmt: skip
def test_damaged_records_are_named(tmp_path: Path, form: str, change: dict[str, Any], message: str) -> None:
    dataset = open_dataset("AOKVQA", write_folder(tmp_path, [QUESTION, QUESTIONS[2] | change]), "val", form=form)
    dataset.keep_annotated()
    assert dataset[0].sample_id == IDS[0], "other records are not affected"
    with pytest.raises(DatasetError, match=f"A-OKVQA val question 'été 3' {message}"):
        dataset[1]


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([*QUESTIONS, QUESTION], f"has question_id {IDS[0]} twice"),
        ([QUESTION, None], r"aokvqa_v1p0_val\.json, question 1 is NoneType. Expected an object with the key 'question_id'"),
        ([QUESTION | {"question_id": 7}], r"aokvqa_v1p0_val\.json, question 0 has 'question_id' of type int. Expected str"),
        ({IDS[0]: QUESTION}, r"aokvqa_v1p0_val\.json holds a JSON dict. Expected an official A-OKVQA file, a list of questions"),
        ([], "holds no samples"),
    ],
)
def test_damaged_files(tmp_path: Path, questions: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset("AOKVQA", write_folder(tmp_path, questions), "val")


def test_splits_without_answers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    hidden = {key: QUESTION[key] for key in ("split", "image_id", "question_id", "question", "choices")}
    (folder / "aokvqa_v1p0_test.json").write_text(json.dumps([hidden]))
    for form in ("multiple_choice", "direct_answer"):
        with pytest.raises(DatasetError, match="A-OKVQA split 'test' has no answers .*train or val"):
            open_dataset("AOKVQA", folder, "test", form=form)
    with pytest.raises(
        MissingDataError, match=r"no split 'train' in .*Expected aokvqa_v1p0_train\.json. Splits found there: test, val"
    ):
        open_dataset("AOKVQA", folder, "train")
    with pytest.raises(MissingDataError, match="No question files were found there. The official files are at https"):
        open_dataset("AOKVQA", folder / "val2017", "val")
