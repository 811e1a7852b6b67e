"""What a run of task rewards refuses, before anything is trained."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.agents.test_task_reward import small
from vispro_agents import task_reward
from vispro_agents.errors import UsageError
from vispro_agents.task_reward import train
from vispro_agents.task_reward_setup import SequenceArgs


@pytest.mark.parametrize("kind", ["Captioning", "Detection"])
def test_a_policy_of_another_task_is_refused(kind: str, tmp_path: Path) -> None:
    start = small("Colorization", tmp_path / "start", iterations=0, mle_steps=0)
    train(start)
    with pytest.raises(UsageError):
        train(small(kind, tmp_path / "other", init=start.run_dir / "policies" / "mle"))


def test_a_policy_of_other_categories_is_refused(tmp_path: Path) -> None:
    """Its labels would be those of other things."""
    start = small("Detection", tmp_path / "start", iterations=0, mle_steps=0)
    train(start)
    mini = Path(task_reward.open_reward_env(start.env, "val", None, "required", "map", 16).dataset.location.root)
    shutil.copytree(mini, tmp_path / "data")
    for path in (tmp_path / "data" / "annotations").glob("instances_*.json"):
        record = json.loads(path.read_text())
        record["categories"].append({"id": 91, "name": "hair brush", "supercategory": "indoor"})
        path.write_text(json.dumps(record))
    with pytest.raises(UsageError):
        train(small("Detection", tmp_path / "run", data_dir=tmp_path / "data", init=start.run_dir / "policies" / "mle"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"samples": 1}, "--samples 1"), ({"iterations": -1}, "--iterations -1"), ({"steps": 0}, "--steps 0"),
        ({"batch_size": 0}, "--batch-size 0"), ({"save_steps": 0}, "--save-steps 0"), ({"mle_steps": -1}, "--mle-steps -1"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0"), ({"learning_rate": math.nan}, "--learning-rate nan"),
        ({"confidence_weight": -1.0}, "--confidence-weight"), ({"eval_pictures": 0}, "--eval-pictures 0"),
        ({"env": "VisProg-GQA-v0"}, "TaskReward-Detection-v0"), ({"init": Path("/no/such")}, "/no/such"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=named):
        train(replace(small("Detection", tmp_path / "run"), **wrong))


@pytest.mark.parametrize(
    ("sizes", "named"),
    [({"bins": 0}, "--bins 0"), ({"most_boxes": 0}, "--most-boxes 0"), ({"most_boxes": 101}, "--most-boxes 101"),
     ({"grid": 0}, "--grid 0"), ({"caption_tokens": 0}, "--caption-tokens 0")],
)  # fmt: skip
def test_impossible_sequences_are_refused(sizes: dict[str, int], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        SequenceArgs(**sizes)
