"""What must hold for every registered environment, on its mini data."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

import vispro_gym
from vispro_gym.datasets import DATASETS
from vispro_gym.engine import OUTCOMES, Job
from vispro_gym.envs import VisualProgramEnv
from vispro_gym.programs.experts import translate
from vispro_gym.registration import ENVIRONMENTS

IDS = [row.env_id for row in ENVIRONMENTS]
SPLITS = {row.env_id: row.splits[:2] for row in ENVIRONMENTS}  # those that the mini data has
SPLIT = {env_id: splits[-1] for env_id, splits in SPLITS.items()}
FORMS = [(row.env_id, form) for row in ENVIRONMENTS for form in DATASETS[row.dataset].forms]
CRASH = "def execute_command(*images):\n    raise RuntimeError('crash')\n"
LOOK = "def execute_command(*images):\n    return len(images[-1].find('object'))"


@pytest.fixture(params=IDS)
def env_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def env(env_id: str) -> Any:
    env = gym.make(env_id, split=SPLIT[env_id])
    yield env
    env.close()


@pytest.mark.parametrize(("env_id", "form"), FORMS)
def test_check_env_has_nothing_to_say(env_id: str, form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(env_id, split=SPLIT[env_id], form=form).unwrapped)
        check_env(gym.make(env_id, split=SPLIT[env_id], form=form, max_attempts=3).unwrapped)


def test_the_default_split_has_mini_data(env_id: str) -> None:
    assert len(gym.make(env_id).unwrapped.dataset) > 20  # type: ignore[attr-defined]


def test_the_spec_survives_json(env_id: str) -> None:
    env = gym.make(env_id, split=SPLIT[env_id], image_size=64)
    assert env.spec is not None
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec
    check_environments_match(env, gym.make(again), num_steps=5)


def test_the_namespaced_id_imports_the_package(env_id: str) -> None:
    assert gym.make(f"vispro_gym:{env_id}").spec is not None


def episodes(env_id: str, seed: int) -> str:
    """A digest of everything that three seeded episodes show."""
    env = gym.make(env_id, split=SPLIT[env_id])
    digest = hashlib.sha256()
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    for i in range(6):
        sample = env.unwrapped.dataset[env.unwrapped.dataset.position(info["sample_id"])]  # type: ignore[attr-defined]
        action = env.action_space.sample() if i % 2 else translate(sample)
        result = env.step(action)
        digest.update(observation["image"].tobytes())
        digest.update(json.dumps([observation["query"], info, action, result[1:]]).encode())
        observation, info = env.reset()
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_episodes_in_every_process(env_id: str) -> None:
    here = episodes(env_id, 7)
    assert here == episodes(env_id, 7)
    assert here != episodes(env_id, 8)
    for hash_seed in ("0", "12345"):
        there = subprocess.run(
            [sys.executable, "-c", f"from tests.envs.test_registered import episodes; print(episodes({env_id!r}, 7))"],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


def test_observations_and_info(env: Any) -> None:
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert observation["image"].std() > 5, "the picture is blank"
    assert info["data"] == "mini"
    observation, reward, terminated, truncated, info = env.step("no program")
    assert env.observation_space.contains(observation)
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, True, False, "extract_error")
    assert set(info) == {
        "sample_id",
        "data",
        "outcome",
        "soft",
        "answer",
        "error",
        "program",
        "output",
        "perception_calls",
        "steps",
    }


def test_every_environment_can_be_had_with_repair(env_id: str) -> None:
    env: Any = gym.make(env_id.replace("-v0", "-Repair-v0"), split=SPLIT[env_id])
    observation, _ = env.reset(seed=0)
    assert observation["feedback"] == "" and env.unwrapped.max_attempts == 3
    observation, reward, terminated, truncated, info = env.step(CRASH)
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, False, "runtime_error")
    assert "crash" in observation["feedback"]
    _, reward, terminated, _, _ = env.step(translate(env.unwrapped.sample))
    assert (reward, terminated) == (1.0, True)
    assert gym.spec(env.spec.id).vector_entry_point is not None


def test_a_sample_can_be_chosen(env: Any) -> None:
    sample_id = env.unwrapped.dataset.sample_ids[5]
    observation, info = env.reset(seed=0, options={"sample_id": sample_id})
    assert info["sample_id"] == sample_id
    if not env.unwrapped.dataset.is_shuffled:
        assert observation["query"] == env.unwrapped.dataset[5].query


def test_choosing_a_sample_does_not_shift_later_episodes(env: Any) -> None:
    env.reset(seed=0)
    _, free = env.reset()
    env.reset(seed=0, options={"sample_id": env.unwrapped.dataset.sample_ids[5]})
    _, chosen = env.reset()
    assert free == chosen


@pytest.mark.parametrize(("env_id", "form", "split"), [(*pair, split) for pair in FORMS for split in SPLITS[pair[0]]])
def test_the_expert_earns_everything_and_a_crash_nothing(env_id: str, form: str, split: str) -> None:
    unwrapped: Any = gym.make(env_id, split=split, form=form).unwrapped
    seeds = (0, 1) if unwrapped.dataset.is_shuffled else (0,)
    samples = [unwrapped.dataset.sample(i, seed) for seed in reversed(seeds) for i in range(len(unwrapped.dataset))]
    outcomes = unwrapped.engine.run([Job(translate(sample), sample) for sample in samples])
    wrong = [
        (sample.query, sample.target, outcome) for sample, outcome in zip(samples, outcomes, strict=True) if not outcome.reward
    ]
    assert not wrong[:3], f"{len(wrong)} of {len(samples)} expert programs fail"
    answers = {sample.sample_id: outcome.answer for sample, outcome in zip(samples, outcomes, strict=True)}
    asked = samples[-len(unwrapped.dataset) :]
    metric = unwrapped.task.metric(answers, asked)
    assert metric[unwrapped.task.headline] == pytest.approx(unwrapped.task.perfect, abs=1e-4)
    crashed = unwrapped.engine.run([Job(CRASH, sample) for sample in samples[:50]])
    assert {(outcome.outcome, outcome.reward) for outcome in crashed} == {("runtime_error", 0.0)}


STRINGS = {
    "empty": "",
    "megabyte": "x" * (1 << 20),
    "megabyte of code": "def execute_command(image):\n" + "    x = 1\n" * 100_000,
    "emoji": "🙂👩‍👩‍👧‍👦",
    "NUL": "def execute_command(image):\n    return '\0'",
    "surrogate": "def execute_command(image):\n    return '\ud800'",
    "lone surrogates": "\udfff\ud800",
    "bidi": "\u202edef execute_command(image): return 1",
    "unicode names": "def execute_command(imagé):\n    return imagé",
    "only spaces": " \t\r\n" * 1000,
    "deep": "def execute_command(image):\n    return " + "(" * 5_000 + ")" * 5_000,
}


@pytest.mark.parametrize("name", STRINGS)
def test_any_string_is_a_legal_action(env_id: str, name: str) -> None:
    env = gym.make(env_id, split=SPLIT[env_id])
    env.reset(seed=0)
    assert env.action_space.contains(STRINGS[name])
    _, reward, terminated, truncated, info = env.step(STRINGS[name])
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["outcome"] in OUTCOMES and info["outcome"] != "correct"


def test_rendering(env_id: str) -> None:
    env = gym.make(env_id, split=SPLIT[env_id], render_mode="rgb_array")
    _, _info = env.reset(seed=1)
    before = env.render()
    assert isinstance(before, np.ndarray) and before.dtype == np.uint8 and before.shape[2] == 3
    env.step(LOOK)
    after = env.render()
    assert isinstance(after, np.ndarray) and after.shape == before.shape
    assert (before != after).any(), "the boxes are not drawn"

    env = gym.make(env_id, split=SPLIT[env_id], render_mode="ansi")
    observation, _ = env.reset(seed=1)
    env.step(LOOK)
    text = env.render()
    assert isinstance(text, str)
    assert observation["query"] in text and "detect('object')" in text and "Outcome: " in text


def test_several_attempts(env_id: str) -> None:
    env: Any = gym.make(env_id, split=SPLIT[env_id], max_attempts=3)
    observation, info = env.reset(seed=2)
    assert observation["feedback"] == ""
    sample = env.unwrapped.dataset[env.unwrapped.dataset.position(info["sample_id"])]
    observation, reward, terminated, _, _ = env.step(CRASH)
    assert (reward, terminated) == (0.0, False)
    assert observation["feedback"] == "runtime_error: line 2: RuntimeError: crash"
    observation, reward, terminated, _, _ = env.step("return 'surely wrong'")
    assert (reward, terminated) == (0.0, False)
    assert observation["feedback"] == "The answer 'surely wrong' is wrong."
    observation, reward, terminated, _, _ = env.step(translate(sample))
    assert (reward, terminated, observation["feedback"]) == (1.0, True, "")
    env.reset()
    assert [env.step(CRASH)[2] for _ in range(3)] == [False, False, True]


def test_timings_are_an_option(env_id: str) -> None:
    env = gym.make(env_id, split=SPLIT[env_id], timings=True)
    env.reset(seed=0)
    assert env.step("x")[4]["seconds"] > 0


def test_the_class_docstring_is_a_documentation_page(env_id: str) -> None:
    entry = gym.registry[env_id].entry_point
    doc = gym.envs.registration.load_env_creator(entry).__doc__ if isinstance(entry, str) else None
    headings = [line.strip() for line in (doc or "").splitlines() if line.strip().startswith("## ")]
    assert headings == [
        f"## {name}"
        for name in (
            "Description", "Action Space", "Observation Space", "Starting State", "Rewards", "Episode End", "Information", "Arguments",
            "Version History",
        )
    ]  # fmt: skip
    for name in OUTCOMES:
        assert name in (doc or "")
    arguments = (doc or "").partition("## Arguments")[2]
    parameters = inspect.signature(VisualProgramEnv).parameters.values()
    options = [option.name for option in parameters if option.kind is option.KEYWORD_ONLY]
    assert len(options) == 17
    dataset = DATASETS[next(row.dataset for row in ENVIRONMENTS if row.env_id == env_id)]
    if len(dataset.forms) == 1:
        options.remove("form")
    if "pool_size" not in inspect.signature(dataset).parameters:
        options.remove("pool_size")
    if env_id not in ("VisProg-GQA-v0", "VisProg-CLEVR-v0"):  # the others have no functional programs
        options.remove("num_scenes")
    for name in options:
        assert f"- `{name}`: " in arguments, name
    assert "{" not in re.sub(r"`[^`]*`", "", doc or ""), "a placeholder was left"


def test_registering_twice_is_harmless() -> None:
    vispro_gym.register_environments()
    assert set(IDS) <= set(gym.registry)


@pytest.mark.parametrize(("env_id", "form"), FORMS)
def test_a_submission_that_is_read_back_has_the_same_metric(env_id: str, form: str, tmp_path: Path) -> None:
    """Most answers are the expert's, some are of a program that counts, and some are missing."""
    env: Any = gym.make(env_id, split=SPLIT[env_id], form=form).unwrapped
    samples = env.dataset[:48]
    programs = [CRASH if i % 7 == 6 else LOOK if i % 7 == 3 else translate(sample) for i, sample in enumerate(samples)]
    outcomes = env.engine.run([Job(program, sample) for program, sample in zip(programs, samples, strict=True)])
    answers = {outcome.sample_id: outcome.answer for outcome in outcomes}
    metric = env.task.metric(answers, samples)
    assert 0 < metric[env.task.headline] < env.task.perfect
    submission = os.fspath(tmp_path / "submission")  # paths may be texts
    env.task.write_submission(submission, answers, samples)
    assert env.task.metric(env.task.read_submission(submission, samples), samples) == pytest.approx(metric, nan_ok=True)
