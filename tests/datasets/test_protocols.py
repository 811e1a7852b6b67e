from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.scenes import QUESTIONS, write_gqa_folder
from vispro_gym.datasets import DATASETS, open_dataset
from vispro_gym.datasets.protocols import PROTOCOLS


def many_questions(root: Path, split: str) -> Path:
    """Twelve types with forty questions each, of which every four are equivalent."""
    write_gqa_folder(root, split=split)
    questions = {}
    for kind in range(12):
        for i in range(40):
            record: dict[str, Any] = json.loads(json.dumps(QUESTIONS["0007"]))
            record["types"]["detailed"] = f"type{kind}"
            record["equivalent"] = [f"{kind:03d}{j:03d}" for j in range(i - i % 4, i - i % 4 + 4)]
            questions[f"{kind:03d}{i:03d}"] = record
    (root / "questions1.2" / f"{split}_balanced_questions.json").write_text(json.dumps(questions))
    return root


@pytest.mark.parametrize(("name", "split", "count"), [("visrep_train", "train", 10), ("visrep_test", "val", 5)])
def test_gqa(tmp_path: Path, name: str, split: str, count: int) -> None:
    folder = many_questions(tmp_path / "GQA", split)
    samples = list(open_dataset("GQA", folder, name))
    assert Counter(sample.fields["detailed"] for sample in samples) == {f"type{kind}": count for kind in range(12)}
    groups = [tuple(sample.record["equivalent"]) for sample in samples]
    assert len(set(groups)) == len(groups), "two are equivalent"
    assert [sample.sample_id for sample in samples] == [sample.sample_id for sample in open_dataset("GQA", folder, name)]
    whole = open_dataset("GQA", folder, split)
    assert len(whole) == 480


def test_an_id_file_replaces_the_rule(tmp_path: Path) -> None:
    folder = many_questions(tmp_path / "GQA", "val")
    ids = tmp_path / "virep_gqa_ids.txt"
    ids.write_text("003007\n000001\n003006\n")
    env: Any = gym.make("VisProg-GQA-v0", data_dir=str(folder), split="visrep_test", ids=str(ids)).unwrapped
    assert list(env.dataset.sample_ids) == ["000001", "003006", "003007"]


@pytest.mark.parametrize(("name", "split"), [key for key in PROTOCOLS if key[0] in DATASETS])
def test_protocols_open_on_mini_data(name: str, split: str) -> None:
    dataset = open_dataset(name, split=split)
    form = PROTOCOLS[name, split].form
    assert len(dataset) > 0 and (form is None or dataset.form == form)
