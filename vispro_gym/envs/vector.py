"""N episodes side by side: one engine call per step runs the programs of all of them.

    envs = gym.make_vec("VisProg-GQA-v0", num_envs=64)
    observations, infos = envs.reset(seed=0)
    observations, rewards, terminations, truncations, infos = envs.step(programs)  # 64 strings

Programs of one call share perception's batches and all worker processes, and the pictures of the next episodes are decoded in the
background while the policy writes and programs run. What an episode shows and earns does not depend on its neighbours.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.episode import Episode, Observation, draw
from vispro_gym.envs.visual_program import VisualProgramEnv

AUTORESET_MODES = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


@dataclass(frozen=True)
class _Coming:
    """The next episode of one environment, drawn ahead."""

    position: int
    shuffle: int
    drawn: Future[tuple[Sample, NDArray[np.uint8]]]


class VisualProgramVectorEnv(VectorEnv[Observation, Sequence[str], NDArray[Any]]):
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
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise ValueError(f"num_envs={num_envs!r} is no number of environments. Expected a positive integer.")
        modes = {key: mode for mode in AUTORESET_MODES for key in (mode, mode.value)}
        if autoreset_mode not in modes:
            expected = " or ".join(repr(mode.value) for mode in AUTORESET_MODES)
            raise ValueError(f"autoreset_mode={autoreset_mode!r} is not offered for these short episodes. Expected {expected}.")
        render_modes = [mode for mode in VisualProgramEnv.metadata["render_modes"] if mode != "human"]
        if options.get("render_mode") == "human":
            raise ValueError(f"render_mode='human' shows one environment, not many. Expected one of: {render_modes} or None.")
        self.single = VisualProgramEnv(**options)
        self.num_envs = num_envs
        self.metadata = self.single.metadata | {"render_modes": render_modes, "autoreset_mode": modes[autoreset_mode]}
        self.render_mode = self.single.render_mode
        self.single_observation_space = self.single.observation_space
        self.single_action_space = self.single.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.scored: tuple[tuple[Sample, Outcome], ...] = ()
        """The sample and the outcome of each program of the last step, in order: what official metrics need."""
        self._episodes: list[Episode | None] = [None] * num_envs
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]
        self._coming: list[_Coming | None] = [None] * num_envs
        self._threads = ThreadPoolExecutor(min(num_envs, os.cpu_count() or 1), "vispro-pictures")

    def reset(  # type: ignore[override]
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts all episodes, or some.

        Args:
            seed: One seed for each environment; a number s stands for s, s + 1, and so on; None goes on with what there is.
            options: `{"reset_mask": ...}`, bool of shape `(N,)`: resets these and leaves the others as they are;
                `{"sample_id": ...}` to choose the sample, one id for all or a sequence of N.

        Returns:
            The observations of all environments, and the infos of those that were reset.

        Raises:
            DatasetError: If a picture is missing, a record is damaged, or there is no such sample. All episodes go on as if
                `reset` had not been called; the next call draws other samples.
            ValueError: If there is no such option, or a sequence has the wrong length.
            TypeError: If an option is of the wrong type.
            gymnasium.error.ResetNeeded: If the mask leaves out an environment that was never reset.
        """
        self._require_open()
        seeds = self._seeds(seed)
        chosen, lanes = self._read(options)
        if waiting := [i for i, episode in enumerate(self._episodes) if episode is None and i not in lanes]:
            raise gym.error.ResetNeeded(f"The environments {waiting} have no episode yet. Call reset() without a mask first.")
        for i, generator in {i: seeding.np_random(seeds[i])[0] for i in lanes if seeds[i] is not None}.items():
            self._generators[i] = generator
            self._coming[i] = None
        self._begin(lanes, chosen)
        infos: dict[str, Any] = {}
        for i in lanes:
            infos = self._add_info(infos, self._episode(i).info(), i)
        return self._observations([self._episode(i).observation() for i in range(self.num_envs)]), infos

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
        observations = [self._episode(i).observation() for i in range(self.num_envs)]
        ended = [self._episode(i).has_ended for i in range(self.num_envs)]
        env_infos = [self._episode(i).info() | seconds for i in range(self.num_envs)]
        infos: dict[str, Any] = {}
        resets = self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
        if resets:
            self._begin([i for i in range(self.num_envs) if ended[i]], {})
        for i in range(self.num_envs):
            if ended[i] and resets:
                infos = self._add_info(infos, {"final_obs": observations[i], "final_info": env_infos[i]}, i)
                observations[i], env_infos[i] = self._episode(i).observation(), self._episode(i).info()
            infos = self._add_info(infos, env_infos[i], i)
        rewards = np.array([outcome.reward for outcome in outcomes], np.float64)
        return self._observations(observations), rewards, np.array(ended), np.zeros(self.num_envs, np.bool_), infos

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of the episodes, their targets among them: for evaluation, not for policies."""
        return tuple(self._episode(i).sample for i in range(self.num_envs))

    def render(self) -> tuple[Any, ...] | None:
        """What each environment shows, see `VisualProgramEnv.render`; None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._episode(i).render(self.render_mode) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _require_open(self) -> None:
        if self.closed:
            raise gym.error.ClosedEnvironmentError("The environments were closed. Make new ones to go on.")

    def _episode(self, i: int) -> Episode:
        episode = self._episodes[i]
        if episode is None:
            raise gym.error.ResetNeeded("The environments have no episodes yet. Call reset() to start them.")
        return episode

    def _begin(self, lanes: Sequence[int], chosen: dict[int, int]) -> None:
        """Starts new episodes in some environments: in all of them, or if a sample cannot be read, in none."""
        coming = [self._coming[i] or self._draw(i) for i in lanes]
        for i in lanes:
            self._coming[i] = None
        coming = [
            self._fetch(chosen[i], episode.shuffle) if i in chosen else episode for i, episode in zip(lanes, coming, strict=True)
        ]
        for i, (sample, picture) in zip(lanes, [episode.drawn.result() for episode in coming], strict=True):
            self._episodes[i] = Episode(sample, self.single.max_attempts, self.single.dataset.is_mini, picture)
        for i in lanes:
            self._coming[i] = self._draw(i)

    def _draw(self, i: int) -> _Coming:
        return self._fetch(*draw(self.single.dataset, self._generators[i]))

    def _fetch(self, position: int, shuffle: int) -> _Coming:
        """Begins to read a sample and its picture."""
        future: Future[tuple[Sample, NDArray[np.uint8]]]
        try:
            sample = self.single.dataset.sample(position, shuffle)
        except DatasetError as error:
            future = Future()
            future.set_exception(error)
        else:
            future = self._threads.submit(lambda: (sample, self.single.pictures.of(sample)))
        return _Coming(position, shuffle, future)

    def _observations(self, observations: Sequence[Observation]) -> Observation:
        return {
            key: np.stack([observation[key] for observation in observations])
            if key == "image"
            else tuple(observation[key] for observation in observations)
            for key in observations[0]
        }

    def _seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"seed holds {len(seed)} seeds. Expected one for each of the {self.num_envs} environments.")
        return seed

    def _read(self, options: dict[str, Any] | None) -> tuple[dict[int, int], list[int]]:
        """Positions that were chosen, by environment, and the environments to reset."""
        if options is not None and not isinstance(options, dict):
            raise TypeError(f"options={options!r} is no dict. Expected {{'reset_mask': ...}}, {{'sample_id': ...}} or None.")
        if unknown := [name for name in options or {} if name not in ("reset_mask", "sample_id")]:
            raise ValueError(
                f"unknown reset option {', '.join(map(repr, unknown))}. Expected some of: 'reset_mask', 'sample_id'."
            )
        options = options or {}
        lanes = list(range(self.num_envs))
        if "reset_mask" in options:
            mask = options["reset_mask"]
            if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
                raise ValueError(
                    f"reset_mask={mask!r} is no mask. Expected a bool array of shape ({self.num_envs},) with at least one True."
                )
            lanes = np.flatnonzero(mask).tolist()
        if "sample_id" not in options:
            return {}, lanes
        ids = options["sample_id"]
        if not isinstance(ids, Sequence):
            raise TypeError(f"sample_id={ids!r} is no id. Expected one str, or one for each of {self.num_envs} environments.")
        ids = [ids] * self.num_envs if isinstance(ids, str) else list(ids)
        if len(ids) != self.num_envs:
            raise ValueError(
                f"sample_id holds {len(ids)} ids. Expected one str, or one for each of {self.num_envs} environments."
            )
        return {i: self.single.dataset.position(ids[i]) for i in lanes}, lanes

    def _checked(self, actions: Sequence[str]) -> Sequence[str]:
        if isinstance(actions, str) or len(actions) != self.num_envs:
            what = "one text" if isinstance(actions, str) else f"{len(actions)} items"
            raise ValueError(f"the action is {what}. Expected a sequence of {self.num_envs} programs, one for each environment.")
        for i, action in enumerate(actions):
            if not isinstance(action, str):
                raise TypeError(f"action {i} is of type {type(action).__name__}. Expected a str that holds a program.")
        if ended := [i for i in range(self.num_envs) if self._episode(i).has_ended]:
            raise gym.error.ResetNeeded(
                f"The episodes of the environments {ended} have ended. Call reset(options={{'reset_mask': ...}}) for them first."
            )
        return actions
