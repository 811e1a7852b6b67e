"""The environment for SkyRL-gym."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import skyrl_gym
from datasets import Dataset

from vispro_gym.integrations.skyrl import ENV_CLASS, build_rows, register
from vispro_gym.programs.experts import translate


def start(row: dict[str, Any]) -> Any:
    register()
    extras = {name: value for name, value in row.items() if name != "prompt"}
    env = skyrl_gym.make(ENV_CLASS, extras=extras)
    env.init(row["prompt"])
    return env


def test_a_model_may_repair() -> None:
    (row,) = build_rows("VisProg-GQA-v0", limit=1, max_attempts=3)
    env = start(json.loads(json.dumps(row)))  # rows are stored by SkyRL
    assert env.max_turns == 3
    step = env.step("return 1 / 0")
    assert (step["reward"], step["done"]) == (0.0, False)
    (told,) = step["observations"]
    assert told["role"] == "user" and "ZeroDivisionError" in told["content"]
    single: Any = gym.make("VisProg-GQA-v0")
    single.reset(seed=row["seed"], options={"sample_id": row["sample_id"]})
    step = env.step(translate(single.unwrapped.sample))
    assert (step["reward"], step["done"], step["observations"]) == (1.0, True, [])
    assert env.get_metrics() == {"attempts": 2, "correct": 1.0}


def test_attempts_come_to_an_end() -> None:
    (row,) = build_rows("VisProg-GQA-Repair-v0", limit=1)
    env = start(row)
    assert env.get_metrics() == {"attempts": 0, "correct": 0.0}
    assert [env.step("nothing")["done"] for _ in range(3)] == [False, False, True]
    assert env.get_metrics() == {"attempts": 3, "correct": 0.0}


def test_rows_can_be_stored_as_parquet(tmp_path: Path) -> None:
    rows = [*build_rows("VisProg-GQA-v0", limit=1), *build_rows("VisProg-COCO-v0", limit=1, split="val", max_attempts=2)]
    Dataset.from_list(rows).to_parquet(tmp_path / "rows.parquet")
    stored = Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path)).to_list()
    assert stored == rows
    assert [start(row).max_turns for row in stored] == [1, 2]


def test_rows_are_prompts_and_episodes() -> None:
    rows = build_rows("VisProg-NLVR2-v0", limit=2, seed=1, images=True)
    assert rows == build_rows("VisProg-NLVR2-v0", limit=2, seed=1, images=True)
    for row in rows:
        (message,) = row["prompt"]
        assert [part["type"] for part in message["content"]] == ["image_url", "image_url", "text"]
        assert row["env_class"] == ENV_CLASS


def test_a_row_must_name_its_episode() -> None:
    register()
    with pytest.raises(KeyError, match="the row has no sample_id, seed"):
        skyrl_gym.make(ENV_CLASS, extras={"env_id": "VisProg-GQA-v0"})
