"""What vector environments of short episodes share: drawing episodes ahead, resetting some of them, putting results together."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.episode import draw

AUTORESET_MODES = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


class AnyEpisode(Protocol):
    """An episode of an environment."""

    sample: Sample

    @property
    def has_ended(self) -> bool:
        """Whether it takes no further action."""

    def observation(self) -> Any:
        """What a policy sees. Shares no memory with earlier observations."""

    def info(self) -> dict[str, Any]:
        """What an environment's page documents under "Information"."""


class AnyEnv(Protocol):
    """An environment on the samples of a dataset."""

    render_mode: str | None
    metadata: dict[str, Any]
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]

    @property
    def dataset(self) -> Dataset:
        """What episodes are drawn from."""


EpisodeType = TypeVar("EpisodeType", bound=AnyEpisode)


@dataclass(frozen=True)
class _Coming:
    """The next episode of one environment, drawn ahead."""

    position: int
    shuffle: int
    drawn: Future[tuple[Sample, NDArray[np.uint8]]]


def checked_mode(num_envs: int, autoreset_mode: AutoresetMode | str) -> AutoresetMode:
    """The mode that is meant, before anything is opened.

    Raises:
        ValueError: If `num_envs` is no positive number, or the mode is not offered.
    """
    if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
        raise ValueError(f"num_envs={num_envs!r} is no number of environments. Expected a positive integer.")
    modes = {key: mode for mode in AUTORESET_MODES for key in (mode, mode.value)}
    if autoreset_mode not in modes:
        expected = " or ".join(repr(mode.value) for mode in AUTORESET_MODES)
        raise ValueError(f"autoreset_mode={autoreset_mode!r} is not offered for these short episodes. Expected {expected}.")
    return modes[autoreset_mode]


class SideBySideEnv(VectorEnv[Any, Any, NDArray[Any]], Generic[EpisodeType]):
    """N episodes side by side, see `vispro_gym.envs.vector.VisualProgramVectorEnv`.

    Subclasses say what the picture of a sample is (`_look`, which threads call), begin episodes (`_started`), and write `step`:
    it gives actions to the episodes and returns `_advance`.

    Args:
        single: The environment whose spaces and dataset all episodes share.
        num_envs: Number of episodes, N.
        mode: What happens when an episode ends.
    """

    def __init__(self, single: AnyEnv, num_envs: int, mode: AutoresetMode) -> None:
        self.num_envs = num_envs
        render_modes = [name for name in single.metadata["render_modes"] if name != "human"]
        self.metadata = single.metadata | {"render_modes": render_modes, "autoreset_mode": mode}
        self.render_mode = single.render_mode
        self.single_observation_space = single.observation_space
        self.single_action_space = single.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._dataset = single.dataset
        self._episodes: list[EpisodeType | None] = [None] * num_envs
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]
        self._coming: list[_Coming | None] = [None] * num_envs
        self._threads = ThreadPoolExecutor(min(num_envs, os.cpu_count() or 1), "vispro-pictures")

    @abstractmethod
    def _look(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture of an observation. Raises DatasetError if it is missing or damaged."""

    @abstractmethod
    def _started(self, sample: Sample, picture: NDArray[np.uint8]) -> EpisodeType:
        """An episode that begins."""

    @abstractmethod
    def _batched(self, observations: Sequence[Any]) -> Any:
        """The observations of N environments as one of `observation_space`."""

    @abstractmethod
    def _frame(self, episode: EpisodeType) -> Any:
        """What an environment shows of an episode."""

    def reset(  # type: ignore[override]
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
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
        return self._batched([self._episode(i).observation() for i in range(self.num_envs)]), infos

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of the episodes, their targets among them: for evaluation, not for policies."""
        return tuple(self._episode(i).sample for i in range(self.num_envs))

    def render(self) -> tuple[Any, ...] | None:
        """What each environment shows, as a single one does; None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._frame(self._episode(i)) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _require_open(self) -> None:
        if self.closed:
            raise gym.error.ClosedEnvironmentError("The environments were closed. Make new ones to go on.")

    def _require_running(self) -> None:
        if ended := [i for i in range(self.num_envs) if self._episode(i).has_ended]:
            raise gym.error.ResetNeeded(
                f"The episodes of the environments {ended} have ended. Call reset(options={{'reset_mask': ...}}) for them first."
            )

    def _episode(self, i: int) -> EpisodeType:
        episode = self._episodes[i]
        if episode is None:
            raise gym.error.ResetNeeded("The environments have no episodes yet. Call reset() to start them.")
        return episode

    def _advance(
        self, rewards: Sequence[float], extra: dict[str, Any]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """What a step returns after all episodes have had their action, whose infos also hold `extra`."""
        observations = [self._episode(i).observation() for i in range(self.num_envs)]
        ended = [self._episode(i).has_ended for i in range(self.num_envs)]
        env_infos = [self._episode(i).info() | extra for i in range(self.num_envs)]
        infos: dict[str, Any] = {}
        resets = self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
        if resets:
            self._begin([i for i in range(self.num_envs) if ended[i]], {})
        for i in range(self.num_envs):
            if ended[i] and resets:
                infos = self._add_info(infos, {"final_obs": observations[i], "final_info": env_infos[i]}, i)
                observations[i], env_infos[i] = self._episode(i).observation(), self._episode(i).info()
            infos = self._add_info(infos, env_infos[i], i)
        truncations = np.zeros(self.num_envs, np.bool_)
        return self._batched(observations), np.array(rewards, np.float64), np.array(ended), truncations, infos

    def _begin(self, lanes: Sequence[int], chosen: dict[int, int]) -> None:
        """Starts new episodes in some environments: in all of them, or if a sample cannot be read, in none."""
        coming = [self._coming[i] or self._draw(i) for i in lanes]
        for i in lanes:
            self._coming[i] = None
        coming = [
            self._fetch(chosen[i], episode.shuffle) if i in chosen else episode for i, episode in zip(lanes, coming, strict=True)
        ]
        for i, (sample, picture) in zip(lanes, [episode.drawn.result() for episode in coming], strict=True):
            self._episodes[i] = self._started(sample, picture)
        for i in lanes:
            self._coming[i] = self._draw(i)

    def _draw(self, i: int) -> _Coming:
        return self._fetch(*draw(self._dataset, self._generators[i]))

    def _fetch(self, position: int, shuffle: int) -> _Coming:
        """Begins to read a sample and its picture."""
        future: Future[tuple[Sample, NDArray[np.uint8]]]
        try:
            sample = self._dataset.sample(position, shuffle)
        except DatasetError as error:
            future = Future()
            future.set_exception(error)
        else:
            future = self._threads.submit(lambda: (sample, self._look(sample)))
        return _Coming(position, shuffle, future)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        if not isinstance(seed, Sequence | np.ndarray) or isinstance(seed, str):
            raise TypeError(f"seed={seed!r} is no seed. Expected an int, one for each of {self.num_envs} environments, or None.")
        if len(seed) != self.num_envs:
            raise ValueError(f"seed holds {len(seed)} seeds. Expected one for each of the {self.num_envs} environments.")
        return [int(one) if isinstance(one, np.integer) else one for one in seed]

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
        return {i: self._dataset.position(ids[i]) for i in lanes}, lanes
