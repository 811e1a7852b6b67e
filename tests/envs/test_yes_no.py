"""What is particular to the environments of statements and yes-or-no questions."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

SPLITS = {"POPE": "popular", "VSR": "dev", "NLVR2": "dev", "NLVR": "dev"}
PICTURES = {"POPE": 1, "VSR": 1, "NLVR2": 2, "NLVR": 3}


def make(name: str, **options: Any) -> Any:
    return gym.make(f"vispro_gym:VisProg-{name}-v0", split=SPLITS[name], image_size=64, **options)


@pytest.mark.parametrize("name", PICTURES)
def test_programs_receive_all_pictures(name: str) -> None:
    env = make(name)
    observation, info = env.reset(seed=1)
    n = PICTURES[name]
    assert observation["image"].shape == ((64, 64, 3) if n == 1 else (n, 64, 64, 3))
    target = env.unwrapped.dataset[env.unwrapped.dataset.position(info["sample_id"])].target
    for said in (target, not target):
        *_, info = env.step(f"def execute_command(*images):\n    return {said} if len(images) == {n} else 'no answer'")
        assert info["outcome"] == ("correct" if said == target else "wrong")


@pytest.mark.parametrize("name", PICTURES)
def test_words_are_answers_too(name: str) -> None:
    env = make(name, max_attempts=9)
    _, info = env.reset(seed=1)
    target = env.unwrapped.dataset[env.unwrapped.dataset.position(info["sample_id"])].target
    for answer, right in (("'yes'", True), ("'No.'", False), ("'true'", True), ("'False'", False)):
        *_, info = env.step(f"def execute_command(*images):\n    return {answer}")
        assert info["outcome"] == ("correct" if right == target else "wrong")
    *_, info = env.step("def execute_command(*images):\n    return 1")
    assert info["outcome"] == "wrong", "a number is no answer"


def test_nlvr_shows_the_boxes_in_every_order() -> None:
    env = make("NLVR")
    sample = env.unwrapped.dataset[0]
    expected = {tuple(image.pixels().tobytes() for image in env.unwrapped.dataset.sample(0, k).images) for k in range(6)}
    assert len(expected) == 6
    seen = set()
    for seed in range(40):
        observation, _ = env.reset(seed=seed, options={"sample_id": sample.sample_id})
        again, _ = env.reset(seed=seed, options={"sample_id": sample.sample_id})
        assert np.array_equal(observation["image"], again["image"]), "the seed decides"
        seen.add(observation["image"].tobytes())
    assert len(seen) == 6


def test_nlvr_expert_is_right_in_every_order() -> None:
    env = make("NLVR")
    for seed in range(12):
        _, info = env.reset(seed=seed)
        sample = env.unwrapped.dataset[env.unwrapped.dataset.position(info["sample_id"])]
        assert env.step(sample.expert_program)[1] == 1.0


def test_fields() -> None:
    env = make("NLVR", filter={"arrangement": "tower", "objects": {"max": 5}})
    samples = list(env.unwrapped.dataset)
    assert samples and all(sample.fields["arrangement"] == "tower" and sample.fields["objects"] <= 5 for sample in samples)
    env = make("VSR", subset="2_per_type")
    assert len(env.unwrapped.dataset) == 2 * len({sample.fields["relation"] for sample in env.unwrapped.dataset})
