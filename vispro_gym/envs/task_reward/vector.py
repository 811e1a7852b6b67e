"""N episodes of a task reward side by side: one call scores the actions of all of them.

    envs = gym.make_vec("TaskReward-Detection-v0", num_envs=64)
    observations, infos = envs.reset(seed=0)
    observations, rewards, terminations, truncations, infos = envs.step(actions)  # 64 tuples of boxes

The pictures of the next episodes are decoded in the background. What an episode shows and earns does not depend on its
neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.side_by_side import SideBySideEnv, checked_mode
from vispro_gym.envs.task_reward.base import RewardEpisode, Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.captioning import CaptioningEnv
from vispro_gym.envs.task_reward.colorization import ColorizationEnv
from vispro_gym.envs.task_reward.detection import DetectionEnv
from vispro_gym.envs.task_reward.panoptic import PanopticEnv


class TaskRewardVectorEnv(SideBySideEnv[RewardEpisode]):
    """N copies of an environment that step together; `gymnasium.make_vec` makes it. It has threads and cannot be pickled.

    Seeded with s, the i-th episode is that of a single environment seeded with s + i, and so are those that follow it.

    Args:
        num_envs: Number of episodes side by side, N.
        autoreset_mode: `AutoresetMode.SAME_STEP` or "SameStep": as each action ends its episode, the step returns the observation
            and info of the next one, and those of the end in `infos["final_obs"]` and `infos["final_info"]`.
            `AutoresetMode.DISABLED` or "Disabled": ended episodes wait for `reset(options={"reset_mask": ...})`.
        **options: Those of the environment, see its page.

    Attributes:
        single: The environment whose spaces and dataset all episodes share.

    Raises:
        ValueError: If `num_envs` is no positive number, or the mode or the value of an option is unknown.
        DatasetError: If the data is missing or damaged.
    """

    env_class: ClassVar[type[TaskRewardEnv]]

    def __init__(
        self, num_envs: int = 1, *, autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP, **options: Any
    ) -> None:
        mode = checked_mode(num_envs, autoreset_mode)
        self.single = self.env_class(**options)
        super().__init__(self.single, num_envs, mode)
        self.scored: tuple[tuple[Sample, Scored], ...] = ()
        """The sample and the score of each action of the last step, in order."""

    def step(self, actions: Any) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Scores an action in each environment.

        Args:
            actions: A member of `action_space`, or a list or tuple of N actions of single environments.

        Returns:
            Batched observations; rewards (float64), terminations (all True) and truncations (all False) of shape `(N,)`; infos.

        Raises:
            TypeError: If an action is of another type. As with the next one, all episodes go on.
            ValueError: If one is out of bounds, or there are not N actions.
            gymnasium.error.ResetNeeded: If an environment has no episode, or its episode has ended and nothing resets it.
            DatasetError: If the next picture is missing, or its record damaged. The actions have been scored, see `scored`; the
                episodes that ended wait for `reset`.
        """
        self._require_open()
        samples = self.samples
        self._require_running()
        single = self._split(actions)
        scored = self.single.score(samples, single)
        self.scored = tuple(zip(samples, scored, strict=True))
        for i, item in enumerate(scored):
            self._episode(i).accept(single[i], item)
        return self._advance([item.reward for item in scored], {})

    def _look(self, sample: Sample) -> NDArray[np.uint8]:
        return self.single.observe(sample)

    def _started(self, sample: Sample, picture: NDArray[np.uint8]) -> RewardEpisode:
        return RewardEpisode(sample, self.single.dataset.is_mini, picture)

    def _frame(self, episode: RewardEpisode) -> Any:
        return self.single.draw_episode(episode)

    def _batched(self, observations: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(observations)

    def _split(self, actions: Any) -> Sequence[Any]:
        """The actions of the single environments."""
        if isinstance(actions, Mapping):  # of arrays, one row for each environment
            if any(not isinstance(part, list | tuple | np.ndarray) or len(part) != self.num_envs for part in actions.values()):
                raise ValueError(f"the action is a dict of {list(actions)}. Expected arrays in it of {self.num_envs} rows each.")
            rows: list[Any] = [dict(zip(actions, values, strict=True)) for values in zip(*actions.values(), strict=True)]
        elif isinstance(actions, list | tuple | np.ndarray):
            rows = list(actions)
        else:
            raise TypeError(
                f"the action is of type {type(actions).__name__}. Expected a list or tuple of {self.num_envs} actions, one "
                "for each environment, or a member of the action space."
            )
        if len(rows) != self.num_envs:
            raise ValueError(f"the action holds {len(rows)} actions. Expected {self.num_envs}, one for each environment.")
        return rows


class DetectionVectorEnv(TaskRewardVectorEnv):
    """Many of "TaskReward-Detection-v0"."""

    env_class = DetectionEnv


class PanopticVectorEnv(TaskRewardVectorEnv):
    """Many of "TaskReward-Panoptic-v0"."""

    env_class = PanopticEnv


class ColorizationVectorEnv(TaskRewardVectorEnv):
    """Many of "TaskReward-Colorization-v0"."""

    env_class = ColorizationEnv


class CaptioningVectorEnv(TaskRewardVectorEnv):
    """Many of "TaskReward-Captioning-v0"."""

    env_class = CaptioningEnv
