from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.datasets.mini.written import best_constant, check_folder, write
from vispro_gym.datasets import open_dataset
from vispro_gym.datasets.options import Choice


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("AOKVQA", tmp_path_factory.mktemp("mini") / "AOKVQA")


def test_the_folder(root: Path, tmp_path: Path) -> None:
    check_folder("AOKVQA", root, tmp_path / "again", ("train", "val"))


@pytest.mark.parametrize("split", ["train", "val"])
def test_files_have_the_official_form(root: Path, split: str) -> None:
    records = json.loads((root / f"aokvqa_v1p0_{split}.json").read_text())
    assert len({record["question_id"] for record in records}) == len(records)
    for record in records:
        assert {key: type(value) for key, value in record.items()} == {
            "split": str, "image_id": int, "question_id": str, "question": str, "choices": list, "correct_choice_idx": int,
            "direct_answers": list, "difficult_direct_answer": bool, "rationales": list,
        }  # fmt: skip
        assert record["split"] == split and len(record["question_id"]) == 22
        assert len(set(record["choices"])) == 4 and len(record["direct_answers"]) == 10 and len(record["rationales"]) == 3
    places = Counter(record["correct_choice_idx"] for record in records)
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 0.4 * len(records)


@pytest.mark.parametrize("split", ["train", "val"])
def test_both_forms(root: Path, split: str) -> None:
    choices = open_dataset("AOKVQA", root, split)
    direct = open_dataset("AOKVQA", root, split, form="direct_answer")
    assert len(choices) >= 100 and 0.7 * len(choices) < len(direct) < len(choices)
    assert best_constant(choices) < 0.4 and best_constant(direct) < 0.2
    for sample in direct:
        choice = choices[choices.position(sample.sample_id)].target
        assert isinstance(choice, Choice) and choice.texts is not None
        answer = choice.texts[choice.index]
        assert sample.target.count(answer) >= 3 and not set(choice.texts) & set(sample.target) - {answer}
