"""Episodes side by side are those of single environments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from tests.scenes import write_gqa_folder
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.programs.experts import translate
from vispro_gym.registration import ENVIRONMENTS

IDS = [row.env_id for row in ENVIRONMENTS]
N = 4
CRASH = "def execute_command(*images):\n    raise RuntimeError('crash')\n"


def actions(env: Any, infos: dict[str, Any], step: int) -> list[str]:
    """Right programs, wrong ones, ones that fail, and no programs, another mixture in each step."""
    dataset = env.unwrapped.single.dataset
    rights = [translate(dataset[dataset.position(sample_id)]) for sample_id in infos["sample_id"]]
    return [(rights[i], "return 'surely wrong'", CRASH, "no program")[(i + step) % 4] for i in range(N)]


def pair(env_id: str, mode: AutoresetMode, **options: Any) -> tuple[Any, Any]:
    ours = gym.make_vec(env_id, num_envs=N, autoreset_mode=mode.value, image_size=32, **options)
    theirs = SyncVectorEnv([lambda: gym.make(env_id, image_size=32, **options)] * N, autoreset_mode=mode)
    return ours, theirs


def assert_same(ours: Any, theirs: Any) -> None:
    assert data_equivalence(ours, theirs), f"\n{ours}\n{theirs}"


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("attempts", [1, 2])
def test_a_vector_of_environments_is_many_environments(env_id: str, attempts: int) -> None:
    ours, theirs = pair(env_id, AutoresetMode.SAME_STEP, max_attempts=attempts)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    observations, infos = ours.reset(seed=3)
    assert_same((observations, infos), theirs.reset(seed=3))
    rewards = 0.0
    for step in range(4):
        texts = actions(ours, infos, step)
        result = ours.step(texts)
        assert_same(result, theirs.step(texts))
        assert ours.observation_space.contains(result[0])
        infos = result[-1]
        rewards += result[1].sum()
    assert rewards > 0


def test_episodes_that_ended_wait_for_their_reset_if_asked() -> None:
    ours, theirs = pair(IDS[0], AutoresetMode.DISABLED, max_attempts=2)
    _, infos = ours.reset(seed=3)
    theirs.reset(seed=3)
    for step in range(3):
        texts = actions(ours, infos, step)
        result = ours.step(texts)
        assert_same(result, theirs.step(texts))
        ended = result[2] | result[3]
        if ended.any():
            with pytest.raises(gym.error.ResetNeeded, match=r"environments \[.*\] have ended. Call reset\(options="):
                ours.step(texts)
            seed: Sequence[int | None] | None = None if step else [10, 11, None, 13]
            asked = ours.reset(seed=seed, options={"reset_mask": ended})
            assert_same(asked, theirs.reset(seed=seed, options={"reset_mask": ended}))
            infos["sample_id"] = np.where(ended, asked[1]["sample_id"], infos["sample_id"])
    assert step == 2


def test_the_end_of_an_episode_is_in_the_infos() -> None:
    env: Any = gym.make_vec(IDS[0], num_envs=2, max_attempts=2, image_size=32)
    observations, infos = env.reset(seed=0)
    dataset = env.unwrapped.single.dataset
    right = translate(dataset[dataset.position(infos["sample_id"][1])])
    after, rewards, terminations, truncations, later = env.step([CRASH, right])
    assert (rewards.tolist(), terminations.tolist(), truncations.tolist()) == ([0.0, 1.0], [False, True], [False, False])
    assert later["_final_obs"].tolist() == later["_final_info"].tolist() == [False, True]
    assert later["final_obs"][0] is None and later["final_obs"][1]["query"] == observations["query"][1]
    assert later["final_info"]["outcome"][1] == "correct" and later["final_info"]["sample_id"][1] == infos["sample_id"][1]
    assert later["outcome"][0] == "runtime_error" and not later["_outcome"][1], "the next episode has had no program"
    assert after["query"][0] == observations["query"][0] and "crash" in after["feedback"][0]
    assert [outcome.outcome for _, outcome in env.unwrapped.scored] == ["runtime_error", "correct"]
    assert [sample.sample_id for sample, _ in env.unwrapped.scored] == infos["sample_id"].tolist()
    assert (
        env.unwrapped.samples[0].sample_id == infos["sample_id"][0]
        and env.unwrapped.samples[1].sample_id == later["sample_id"][1]
    )


def test_samples_can_be_chosen_without_shifting_later_episodes() -> None:
    env: Any = gym.make_vec(IDS[0], num_envs=2, image_size=32)
    ids = env.unwrapped.single.dataset.sample_ids
    env.reset(seed=0)
    free = env.step(["", ""])[-1]["sample_id"].tolist()
    _, infos = env.reset(seed=0, options={"sample_id": [ids[5], ids[7]]})
    assert infos["sample_id"].tolist() == [ids[5], ids[7]]
    assert env.step(["", ""])[-1]["sample_id"].tolist() == free
    _, infos = env.reset(options={"sample_id": ids[5], "reset_mask": np.array([False, True])})
    assert infos["sample_id"].tolist() == [None, ids[5]] and infos["_sample_id"].tolist() == [False, True]


def test_options_are_not_changed() -> None:
    env = gym.make_vec(IDS[0], num_envs=2, image_size=32)
    env.reset(seed=0)
    options = {"reset_mask": np.array([True, False])}
    env.reset(options=options)
    assert list(options) == ["reset_mask"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_envs": 0}, ValueError, "num_envs=0 is no number of environments"),
        ({"autoreset_mode": "NextStep"}, ValueError, "Expected 'SameStep' or 'Disabled'"),
        ({"autoreset_mode": "nope"}, ValueError, "autoreset_mode='nope'"),
        ({"image_sise": 3}, TypeError, "unknown option 'image_sise'"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gym.make_vec(IDS[0], **({"num_envs": 2} | options))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda env: env.step(["x"]), ValueError, "the action is 1 items. Expected a sequence of 2 programs"),
        (lambda env: env.step("xy"), ValueError, "the action is one text"),
        (lambda env: env.step(["x", 3]), TypeError, "action 1 is of type int"),
        (lambda env: env.reset(seed=[1]), ValueError, "seed holds 1 seeds. Expected one for each of the 2 environments"),
        (lambda env: env.reset(options={"x": 1}), ValueError, "unknown reset option 'x'"),
        (lambda env: env.reset(options=[1]), TypeError, "is no dict"),
        (lambda env: env.reset(options={"reset_mask": [True, False]}), ValueError, "Expected a bool array of shape"),
        (lambda env: env.reset(options={"reset_mask": np.array([False, False])}), ValueError, "at least one True"),
        (lambda env: env.reset(options={"sample_id": ["x"]}), ValueError, "sample_id holds 1 ids"),
        (lambda env: env.reset(options={"sample_id": "nope"}), DatasetError, "has no sample 'nope'"),
    ],
)
def test_a_mistake_changes_nothing(call: Any, error: type[Exception], message: str) -> None:
    env: Any = gym.make_vec(IDS[0], num_envs=2, image_size=32)
    _, infos = env.reset(seed=1)
    with pytest.raises(error, match=message):
        call(env)
    assert [sample.sample_id for sample in env.unwrapped.samples] == infos["sample_id"].tolist()
    env.step(["", ""])


def test_nothing_can_be_done_before_the_first_reset() -> None:
    env: Any = gym.make_vec(IDS[0], num_envs=2)
    with pytest.raises(gym.error.ResetNeeded, match="no episodes yet"):
        env.step(["", ""])
    with pytest.raises(gym.error.ResetNeeded, match=r"environments \[0\] have no episode yet"):
        env.reset(options={"reset_mask": np.array([False, True])})


def test_a_missing_picture_is_told_when_its_episode_starts_and_the_others_go_on(tmp_path: Path) -> None:
    folder = write_gqa_folder(tmp_path)
    env: Any = gym.make_vec(IDS[0], num_envs=2, data_dir=str(folder), split="val", autoreset_mode="Disabled")
    env.reset(seed=0, options={"sample_id": "0007"})
    for picture in (folder / "images").iterdir():
        picture.unlink()
    with pytest.raises(DatasetError, match="missing"):
        for seed in range(20):  # an episode or two were drawn ahead
            env.reset(seed=seed)
    assert len(env.unwrapped.samples) == 2
    rewards = env.step(["return 'x'"] * 2)[1]
    assert rewards.tolist() == [0.0, 0.0]


def test_rendering_and_timings() -> None:
    env = gym.make_vec(IDS[0], num_envs=2, render_mode="ansi", timings=True, image_size=32, max_attempts=2)
    observations, _ = env.reset(seed=0)
    assert (env.step(["x", "y"])[-1]["seconds"] > 0).all()
    frames = env.render()
    assert frames is not None
    for query, frame in zip(observations["query"], frames, strict=True):
        assert query in frame and "Outcome: extract_error" in frame
    assert gym.make_vec(IDS[0], num_envs=1).render() is None


def test_processes_work_without_shared_memory_and_say_so_with_it() -> None:
    functions = [lambda: gym.make(IDS[0], image_size=32)] * 2
    with pytest.raises(TypeError, match="shared_memory"):
        AsyncVectorEnv(functions)
    theirs = AsyncVectorEnv(functions, shared_memory=False, autoreset_mode=AutoresetMode.SAME_STEP)
    ours = gym.make_vec(IDS[0], num_envs=2, image_size=32)
    assert_same(ours.reset(seed=4), theirs.reset(seed=4))
    assert_same(ours.step(("return 'yes'", CRASH)), theirs.step(("return 'yes'", CRASH)))
    theirs.close()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda env: env.reset(seed=[5, -1]), gym.error.Error, "eed must be"),
        (lambda env: env.reset(options={"sample_id": 5}), TypeError, "sample_id=5 is no id"),
        (lambda env: env.reset(options={"sample_id": None}), TypeError, "sample_id=None is no id"),
    ],
)
def test_a_mistake_in_reset_does_not_shift_later_episodes(call: Any, error: type[Exception], said: str) -> None:
    envs: list[Any] = [gym.make_vec(IDS[0], num_envs=2) for _ in range(2)]
    for env in envs:
        env.reset(seed=1)
    with pytest.raises(error, match=said):
        call(envs[0])
    assert envs[0].reset()[1]["sample_id"].tolist() == envs[1].reset()[1]["sample_id"].tolist()


def test_seeds_of_numpy_and_closed_environments() -> None:
    env: Any = gym.make_vec(IDS[0], num_envs=2)
    first = env.reset(seed=np.int64(3))[1]["sample_id"].tolist()
    assert env.reset(seed=3)[1]["sample_id"].tolist() == first
    env.close()
    with pytest.raises(gym.error.ClosedEnvironmentError, match="were closed"):
        env.reset()
    with pytest.raises(gym.error.ClosedEnvironmentError, match="were closed"):
        env.step(["return 1"] * 2)


def test_a_window_is_for_one_environment() -> None:
    with pytest.raises(ValueError, match=r"render_mode='human' shows one .* Expected one of: \['rgb_array', 'ansi'\] or None"):
        gym.make_vec(IDS[0], num_envs=2, render_mode="human")
    envs = gym.make_vec(IDS[0], num_envs=2, render_mode="rgb_array", image_size=32)
    assert envs.metadata["render_modes"] == ["rgb_array", "ansi"]
    envs.reset(seed=0)
    frames = envs.render()
    assert frames is not None and [frame.shape for frame in frames] == [(800, 800, 3)] * 2
