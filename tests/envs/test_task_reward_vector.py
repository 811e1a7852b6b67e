"""Episodes of task rewards side by side are those of single environments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.registration import TASK_REWARDS

IDS = [row.env_id for row in TASK_REWARDS]
N = 3
SIZE = 32


def actions(env: Any, infos: dict[str, Any], step: int) -> list[Any]:
    """What annotators said and random actions, another mixture in each step."""
    single = env.unwrapped.single
    rights = [single.answers(single.dataset[single.dataset.position(sample_id)])[0] for sample_id in infos["sample_id"]]
    single.action_space.seed(step)
    return [rights[i] if (i + step) % 2 else single.action_space.sample() for i in range(N)]


def batched(env: Any, some: Sequence[Any]) -> Any:
    """N actions as a member of the action space."""
    space = env.single_action_space
    if isinstance(space, gym.spaces.Dict):
        return {key: np.stack([action[key] for action in some]) for key in space}
    return np.stack(some) if isinstance(space, gym.spaces.Box) else tuple(some)


def pair(env_id: str, mode: AutoresetMode, **options: Any) -> tuple[Any, Any]:
    options = {"image_size": SIZE, "split": "val"} | options
    ours = gym.make_vec(env_id, num_envs=N, autoreset_mode=mode.value, **options)
    theirs = SyncVectorEnv([lambda: gym.make(env_id, **options)] * N, autoreset_mode=mode)
    return ours, theirs


def assert_same(ours: Any, theirs: Any) -> None:
    assert data_equivalence(ours, theirs), f"\n{ours}\n{theirs}"


@pytest.mark.parametrize("env_id", IDS)
def test_a_vector_of_environments_is_many_environments(env_id: str) -> None:
    ours, theirs = pair(env_id, AutoresetMode.SAME_STEP)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    observations, infos = ours.reset(seed=3)
    assert_same((observations, infos), theirs.reset(seed=3))
    rewards = []
    for step in range(4):
        samples = ours.unwrapped.samples
        some = actions(ours, infos, step)
        together = batched(ours, some)
        assert ours.action_space.contains(together)
        result = ours.step(some if step % 2 else together)
        assert_same(result, theirs.step(together))
        assert ours.observation_space.contains(result[0]) and result[2].all() and not result[3].any()
        assert [sample.sample_id for sample, _ in ours.unwrapped.scored] == [sample.sample_id for sample in samples]
        assert [item.reward for _, item in ours.unwrapped.scored] == result[1].tolist()
        infos = result[-1]
        rewards += result[1].tolist()
    assert max(rewards) > 0 and infos["final_info"]["sample_id"].tolist() == [sample.sample_id for sample in samples]


@pytest.mark.parametrize("env_id", IDS)
def test_episodes_that_ended_wait_for_their_reset_if_asked(env_id: str) -> None:
    ours, theirs = pair(env_id, AutoresetMode.DISABLED)
    _, infos = ours.reset(seed=3)
    theirs.reset(seed=3)
    some = actions(ours, infos, 0)
    assert_same(ours.step(some), theirs.step(batched(ours, some)))
    with pytest.raises(gym.error.ResetNeeded, match=r"environments \[0, 1, 2\] have ended. Call reset\(options="):
        ours.step(some)
    for mask in ([True, False, True], [False, True, False]):
        options = {"reset_mask": np.array(mask)}
        assert_same(ours.reset(seed=[10, None, 13], options=options), theirs.reset(seed=[10, None, 13], options=dict(options)))
    ours.step(some)


@pytest.mark.parametrize("env_id", IDS)
def test_a_mistake_changes_nothing(env_id: str) -> None:
    env: Any = gym.make_vec(env_id, num_envs=N, image_size=SIZE, split="val")
    with pytest.raises(gym.error.ResetNeeded, match="no episodes yet"):
        env.step([None] * N)
    _, infos = env.reset(seed=1)
    some = actions(env, infos, 1)
    for wrong, error, message in (
        (3, TypeError, "the action is of type int. Expected a list or tuple of 3 actions"),
        (some[:2], ValueError, "the action holds 2 actions. Expected 3, one for each environment"),
        ([*some[:2], object()], TypeError, "the action is"),
    ):
        with pytest.raises(error, match=message):
            env.step(wrong)
    with pytest.raises(DatasetError, match="has no sample 'nope'"):
        env.reset(options={"sample_id": "nope"})
    assert [sample.sample_id for sample in env.unwrapped.samples] == infos["sample_id"].tolist()
    assert env.step(some)[2].all()
    env.close()
    with pytest.raises(gym.error.ClosedEnvironmentError, match="were closed"):
        env.step(some)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_envs": 0}, ValueError, "num_envs=0 is no number of environments"),
        ({"autoreset_mode": "NextStep"}, ValueError, "Expected 'SameStep' or 'Disabled'"),
        ({"image_sise": 3}, TypeError, "image_sise"),
        ({"render_mode": "human"}, ValueError, "render_mode='human' is unknown"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gym.make_vec(IDS[0], **({"num_envs": 2} | options))


def test_frames() -> None:
    envs: Any = gym.make_vec(IDS[0], num_envs=2, render_mode="rgb_array", image_size=SIZE, autoreset_mode="Disabled")
    envs.reset(seed=0)
    before = envs.render()
    envs.step([(), ()])
    after = envs.render()
    assert [frame.shape for frame in after] == [(800, 800, 3)] * 2 and (before[0] != after[0]).any()
    assert gym.make_vec(IDS[0], num_envs=1).render() is None


def test_other_processes() -> None:
    theirs = AsyncVectorEnv([lambda: gym.make(IDS[0], image_size=SIZE)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    ours = gym.make_vec(IDS[0], num_envs=2, image_size=SIZE)
    assert_same(ours.reset(seed=4), theirs.reset(seed=4))
    assert_same(ours.step(((), ())), theirs.step(((), ())))
    theirs.close()


def test_a_missing_picture_is_told_when_its_episode_starts(tmp_path: Path) -> None:
    official = gym.make(IDS[0], split="val").unwrapped.dataset.location.root  # type: ignore[attr-defined]
    (tmp_path / "annotations").symlink_to(official / "annotations")
    (tmp_path / "val2017").mkdir()
    pictures = sorted((official / "val2017").iterdir())[:4]
    for picture in pictures:
        (tmp_path / "val2017" / picture.name).symlink_to(picture)
    env: Any = gym.make_vec(IDS[0], num_envs=2, data_dir=str(tmp_path), split="val", autoreset_mode="Disabled")
    env.reset(seed=0, options={"sample_id": [str(int(picture.stem)) for picture in pictures[:2]]})
    with pytest.raises(DatasetError, match="missing"):
        for seed in range(20):
            env.reset(seed=seed)
    assert len(env.unwrapped.samples) == 2 and env.step([(), ()])[1].tolist() == [0.0, 0.0]
