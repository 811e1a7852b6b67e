"""Counterfactual scenes in the environments that have them."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

from vispro_gym.datasets import DatasetError, open_dataset
from vispro_gym.envs import VisualProgramEnv
from vispro_gym.programs.experts import translate

NAMES = ("GQA", "CLEVR")


def make(name: str, **options: Any) -> Any:
    return gym.make(f"vispro_gym:VisProg-{name}-v0", **({"split": "val", "image_size": 64, "num_scenes": 2} | options))


@pytest.mark.parametrize("name", NAMES)
def test_check_env_has_nothing_to_say(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(name).unwrapped)


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_survives_json(name: str) -> None:
    env = make(name)
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec and again.kwargs["num_scenes"] == 2
    check_environments_match(env, gym.make(again), num_steps=5)


@pytest.mark.parametrize("name", NAMES)
def test_constants_are_told_from_the_expert(name: str) -> None:
    env, alone = make(name, num_scenes=4), make(name, num_scenes=0)
    outcomes = []
    for seed in range(12):
        env.reset(seed=seed)
        alone.reset(seed=seed)
        sample = env.unwrapped.sample
        assert env.step(translate(sample))[1] == 1.0
        constant = f"return {sample.target!r}"
        assert alone.step(constant)[4]["outcome"] == "correct"
        assert alone.unwrapped.outcome.scenes == 0
        env.reset(options={"sample_id": sample.sample_id})
        _, reward, _, _, info = env.step(constant)
        assert (reward == 1.0) == (info["outcome"] == "correct")
        outcomes.append(info["outcome"])
    assert set(outcomes) <= {"lucky", "correct"} and outcomes.count("lucky") > 6


def test_a_lucky_program_may_be_repaired_and_the_feedback_says_so() -> None:
    env = make("CLEVR", num_scenes=4, max_attempts=2, render_mode="ansi")
    samples = env.unwrapped.dataset[:30]
    scenes = env.unwrapped.engine.scenes.samples(samples)
    sample = next(sample for sample, some in zip(samples, scenes, strict=True) if {x.target for x in some} - {sample.target})
    env.reset(options={"sample_id": sample.sample_id})
    observation, reward, terminated, _, info = env.step(f"return {sample.target!r}")
    assert (reward, terminated, info["outcome"], info["soft"]) == (0.0, False, "lucky", 0.0)
    assert observation["feedback"] == "The program is not right on all pictures that it was tried on."
    assert "Outcome: lucky, reward 0.0" in env.render()
    observation, reward, terminated, _, _ = env.step(translate(sample))
    assert (reward, terminated, observation["feedback"]) == (1.0, True, "")


def test_a_live_dataset_gives_its_own_pictures() -> None:
    dataset = open_dataset("CLEVR", None, "val")
    dataset.restrict(filter={"program_length": {"max": 8}})
    env = VisualProgramEnv(dataset, num_scenes=3)
    env.reset(seed=0)
    assert env.sample is not None and env.engine.scenes is not None
    env.step(translate(env.sample))
    assert env.outcome is not None and env.outcome.scenes > 0
    own = {sample.images[0].image_id for sample in dataset}
    for scenes in env.engine.scenes.samples(dataset[:40]):
        assert {scene.images[0].image_id for scene in scenes} <= own


def test_other_datasets_say_what_they_lack() -> None:
    with pytest.raises(DatasetError, match=r"num_scenes needs functional programs .*TallyQA test .*or num_scenes=0"):
        make("TallyQA", split="test")
