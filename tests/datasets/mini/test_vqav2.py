from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.mini.vqav2 import people_answer, question_type
from vispro_gym.tasks.soft_vqa import SoftVQATask


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("VQAv2", tmp_path_factory.mktemp("mini") / "VQAv2")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("VQAv2", root, tmp_path / "again", ("train", "val"))


def test_files_have_the_official_form(root: Path, realdata: Path) -> None:
    for file in ("OpenEnded_mscoco_val2014_questions", "mscoco_val2014_annotations"):
        official = json.loads((realdata / "vqav2" / f"v2_{file}.json").read_text())
        (path,) = root.glob(f"*/v2_{file}.json")
        ours = json.loads(path.read_text())
        assert ours.keys() == official.keys()
        member = "questions" if "questions" in ours else "annotations"
        expected = official[member][0]
        for record in ours[member]:
            assert {key: type(value) for key, value in record.items()} == {key: type(value) for key, value in expected.items()}
            for answer in record.get("answers", ()):
                assert answer.keys() == expected["answers"][0].keys()


@pytest.mark.parametrize("split", ["train", "val"])
def test_questions_and_answers(root: Path, split: str) -> None:
    dataset = open_dataset("VQAv2", root, split)
    assert len(dataset) >= 150
    kinds: Counter[Any] = Counter()
    for sample in dataset:
        record = sample.record
        assert int(sample.sample_id) // 1000 == record["image_id"] and len(sample.target) == 10
        most, people = Counter(sample.target).most_common(1)[0]
        assert most == record["multiple_choice_answer"] and people >= 6
        assert record["answer_type"] == ("yes/no" if most in ("yes", "no") else "number" if most.isdigit() else "other")
        kinds[sample.fields["answer_type"]] += 1
    assert min(kinds.values()) > len(dataset) / 5 and len(kinds) == 3
    assert best_constant(dataset) < 0.25


def test_types_are_official_ones(root: Path, realdata: Path) -> None:
    official = {*(realdata / "vqav2" / "QuestionTypes" / "mscoco_question_types.txt").read_text().splitlines()}
    found = {sample.fields["question_type"] for split in ("train", "val") for sample in open_dataset("VQAv2", root, split)}
    assert found <= official and len(found) > 5


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How many people are there?", "how many people are"),
        ("How many dogs are there?", "how many"),
        ("Is there a dog in the image?", "is there a"),
        ("Is there an apple in the image?", "is there"),
        ("What color is the dog?", "what color is the"),
        ("On which side is it?", "none of the above"),
    ],
)
def test_the_longest_type_counts(text: str, name: str) -> None:
    assert question_type(text) == name


@given(st.integers(0, 20) | st.sampled_from(["yes", "no", "red", "teddy bear"]), st.integers())
def test_people_are_right(answer: str | int, seed: int) -> None:
    given = tuple(people_answer(answer, Random(seed)))
    assert len(given) == 10
    for scorer in ("strict", "official"):
        assert SoftVQATask(scorer, 1.0).score(answer, given).reward == 1.0
    assert not any(SoftVQATask().score(other, given).reward for other in ("blue", "maybe", 21, "not sure"))
