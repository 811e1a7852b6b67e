"""N episodes side by side: one engine call per step runs the programs of all of them.

    envs = gym.make_vec("VisProg-GQA-v0", num_envs=64)
    observations, infos = envs.reset(seed=0)
    observations, rewards, terminations, truncations, infos = envs.step(programs)  # 64 strings

Programs of one call share perception's batches and all worker processes, and the pictures of the next episodes are decoded in the
background while the policy writes and programs run. What an episode shows and earns does not depend on its neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.episode import Episode, Observation
from vispro_gym.envs.side_by_side import SideBySideEnv, checked_mode
from vispro_gym.envs.visual_program import VisualProgramEnv


class VisualProgramVectorEnv(SideBySideEnv[Episode]):
    """N copies of an environment that step together; `gymnasium.make_vec` makes it. It has threads and cannot be pickled.

    Seeded with s, the i-th episode is that of a single environment seeded with s + i, and so are those that follow it.

    Args:
        num_envs: Number of episodes side by side, N.
        autoreset_mode: `AutoresetMode.SAME_STEP` or "SameStep": when an episode ends, the step returns the observation and info
            of the next one, and those of the end in `infos["final_obs"]` and `infos["final_info"]`. `AutoresetMode.DISABLED` or
            "Disabled": ended episodes wait for `reset(options={"reset_mask": ...})`. The mode "NextStep" is not offered: it
            spends every second step of one-step episodes on a reset.
        **options: Those of the environment, see its page, but for `render_mode="human"`: a window shows one environment.

    Attributes:
        single: The environment whose spaces, dataset, task and engine all episodes share.

    Raises:
        ValueError: If `num_envs` is no positive number, or the mode or the value of an option is unknown.
        DatasetError: If the data is missing or damaged.
    """

    def __init__(
        self, num_envs: int = 1, *, autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP, **options: Any
    ) -> None:
        mode = checked_mode(num_envs, autoreset_mode)
        if options.get("render_mode") == "human":
            render_modes = [name for name in VisualProgramEnv.metadata["render_modes"] if name != "human"]
            raise ValueError(f"render_mode='human' shows one environment, not many. Expected one of: {render_modes} or None.")
        self.single = VisualProgramEnv(**options)
        super().__init__(self.single, num_envs, mode)
        self.scored: tuple[tuple[Sample, Outcome], ...] = ()
        """The sample and the outcome of each program of the last step, in order: what official metrics need."""

    def step(
        self, actions: Sequence[str]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Runs a program in each environment.

        Args:
            actions: N strings.

        Returns:
            Batched observations; rewards (float64), terminations and truncations (bool, the latter all False) of shape `(N,)`;
            infos.

        Raises:
            TypeError: If an action is no string.
            ValueError: If there are not N actions.
            gymnasium.error.ResetNeeded: If an environment has no episode, or its episode has ended and nothing resets it.
            DatasetError: If the next picture is missing, or its record damaged. The programs have been run, see `scored`; the
                episodes that ended wait for `reset`.
        """
        self._require_open()
        texts = self._checked(actions)
        start = time.perf_counter()
        jobs = [Job(text, self._episode(i).sample) for i, text in enumerate(texts)]
        outcomes = self.single.engine.run(jobs)
        self.scored = tuple((job.sample, outcome) for job, outcome in zip(jobs, outcomes, strict=True))
        for i, outcome in enumerate(outcomes):
            self._episode(i).accept(outcome)
        seconds = {"seconds": time.perf_counter() - start} if self.single.timings else {}
        return self._advance([outcome.reward for outcome in outcomes], seconds)

    def _look(self, sample: Sample) -> NDArray[np.uint8]:
        return self.single.pictures.of(sample)

    def _started(self, sample: Sample, picture: NDArray[np.uint8]) -> Episode:
        return Episode(sample, self.single.max_attempts, self.single.dataset.is_mini, picture)

    def _frame(self, episode: Episode) -> Any:
        assert self.render_mode is not None
        return episode.render(self.render_mode)

    def _batched(self, observations: Sequence[Observation]) -> Observation:
        return {
            key: np.stack([observation[key] for observation in observations])
            if key == "image"
            else tuple(observation[key] for observation in observations)
            for key in observations[0]
        }

    def _checked(self, actions: Sequence[str]) -> Sequence[str]:
        if isinstance(actions, str) or len(actions) != self.num_envs:
            what = "one text" if isinstance(actions, str) else f"{len(actions)} items"
            raise ValueError(f"the action is {what}. Expected a sequence of {self.num_envs} programs, one for each environment.")
        for i, action in enumerate(actions):
            if not isinstance(action, str):
                raise TypeError(f"action {i} is of type {type(action).__name__}. Expected a str that holds a program.")
        self._require_running()
        return actions
