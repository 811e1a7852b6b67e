from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.datasets.test_aokvqa import write_folder as write_aokvqa
from tests.datasets.test_vqav2 import write_folder as write_vqav2


def returning(answer: Any) -> str:
    return f"def execute_command(image):\n    return {answer!r}"


@pytest.mark.parametrize(
    ("options", "answer", "reward", "soft"),
    [
        ({}, 1, 1.0, 1.0),
        ({}, 2, 1.0, 0.6),  # two of ten people said so
        ({"threshold": 1.0}, 2, 0.0, 0.6),
        ({"threshold": 1.0}, "one", 1.0, 1.0),
        ({"threshold": 0.6}, 2, 1.0, 0.6),
        ({}, 3, 0.0, 0.0),
        ({"scorer": "official"}, "One.", 1.0, 1.0),
    ],
)
def test_rewards_of_vqav2(tmp_path: Path, options: dict[str, Any], answer: Any, reward: float, soft: float) -> None:
    env = gym.make("VisProg-VQAv2-v0", data_dir=str(write_vqav2(tmp_path)), split="val", **options)
    env.reset(options={"sample_id": "42001"})
    _, earned, terminated, _, info = env.step(returning(answer))
    assert (earned, info["soft"], terminated) == (reward, pytest.approx(soft), True)


def test_a_program_that_counts(tmp_path: Path) -> None:
    env = gym.make("VisProg-VQAv2-v0", data_dir=str(write_vqav2(tmp_path)), split="val")
    env.reset(options={"sample_id": "42001"})
    assert env.step("def execute_command(image):\n    return len(image.find('cat'))")[1] == 1.0


def test_the_order_of_options_is_drawn_in_each_episode(tmp_path: Path) -> None:
    env: Any = gym.make("VisProg-AOKVQA-v0", data_dir=str(write_aokvqa(tmp_path)), split="val")
    queries = []
    for seed in (0, 0, 1, 2, 3, 4):
        observation, _ = env.reset(seed=seed, options={"sample_id": "été 3"})
        queries.append(observation["query"])
        (line,) = [line for line in queries[-1].splitlines() if line.endswith(": cab")]
        assert env.step(returning(line[0]))[1] == 1.0, "its letter"
        assert env.step(returning("cab"))[1] == 1.0
        assert env.step(returning("train"))[1] == 0.0
    assert queries[0] == queries[1] and len(set(queries)) > 2


def test_direct_answers(tmp_path: Path) -> None:
    folder = str(write_aokvqa(tmp_path))
    env = gym.make("VisProg-AOKVQA-v0", data_dir=folder, split="val", form="direct_answer")
    observation, _ = env.reset(options={"sample_id": "été 3"})
    assert observation["query"] == "Where is he?"
    _, reward, _, _, info = env.step(returning("the bus"))
    assert (reward, info["soft"]) == (1.0, pytest.approx(1 / 3))
    with pytest.raises(ValueError, match="right or wrong"):
        gym.make("VisProg-AOKVQA-v0", data_dir=folder, split="val", threshold=0.5)
