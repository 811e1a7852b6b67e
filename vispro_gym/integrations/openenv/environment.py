"""The environment of one session. All sessions of a server share dataset, perception and interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

from vispro_gym import __version__
from vispro_gym.envs.episode import Episode
from vispro_gym.integrations.host import base64_pngs, feedback, host
from vispro_gym.integrations.openenv.models import ProgramAction, ProgramObservation, ProgramState

MOST_TASKS = 1000


class VisualProgramEnvironment(Environment[ProgramAction, ProgramObservation, ProgramState]):  # type: ignore[misc]
    """Episodes of one environment.

    It also lists its samples as tasks: `num_tasks(split)`, `get_task(split, index)`, and `reset(index=...)` to choose one.

    Args:
        env_id: Environment id.
        options: Options of the environment.
        images: Whether observations after a reset hold the pictures.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env_id: str = "VisProg-GQA-v0", options: Mapping[str, Any] | None = None, images: bool = False) -> None:
        super().__init__()
        self._env_id = env_id
        self._images = images
        self._host = host(env_id, options or {})
        self._episode: Episode | None = None
        self._episode_id: str | None = None
        self._steps = 0

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        sample_id: str | None = None,
        index: int | None = None,
        split: str | None = None,
        **unknown: Any,
    ) -> ProgramObservation:
        """Starts an episode.

        Args:
            seed: Draws the sample, unless one is chosen, and the order of options; None for any.
            episode_id: Name of the episode; None for a new one.
            sample_id: The sample to ask.
            index: The number of the task to ask, instead of a sample id.
            split: The split of the server, which may be named for clarity.
            **unknown: Nothing else is known.

        Raises:
            DatasetError: If there is no such sample, or its record is damaged.
            ValueError: If there is no such option or split.
            IndexError: If there is no such task.
        """
        if unknown:
            raise ValueError(
                f"unknown option {', '.join(map(ascii, unknown))} of reset. Expected seed, sample_id, index or split."
            )
        if split is not None:
            self._require(split)
        if index is not None:
            if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(self._host.env.dataset):
                raise IndexError(
                    f"there is no task {index!a:.80}. Expected an integer from 0 to {len(self._host.env.dataset) - 1}."
                )
            sample_id = self._host.env.dataset.sample_ids[index]
        self._episode = self._host.start(sample_id, seed)
        self._episode_id = episode_id or str(uuid4())
        self._steps = 0
        sample = self._episode.sample
        return ProgramObservation(
            query=sample.query,
            prompt=self._host.prompt(sample),
            images=base64_pngs(sample) if self._images else [],
            metadata=encodable(self._episode.info()),
        )

    def step(self, action: ProgramAction, timeout_s: float | None = None, **kwargs: Any) -> ProgramObservation:
        """Runs a program.

        Args:
            action: The program.
            timeout_s: Not used: programs have limits of their own.
            **kwargs: Not used.

        Raises:
            RuntimeError: If no episode has been started, or it has ended.
        """
        if self._episode is None or self._episode.has_ended:
            raise RuntimeError("step() needs an episode that has begun and not ended. Call reset() first.")
        outcome = self._host.step(self._episode, action.program)
        self._steps += 1
        done = self._episode.has_ended
        return ProgramObservation(
            query=self._episode.sample.query,
            feedback="" if done else encodable(feedback(outcome)),
            outcome=outcome.outcome,
            done=done,
            reward=outcome.reward,
            metadata=encodable(self._episode.info()),
        )

    @property
    def state(self) -> ProgramState:
        """The state of the session."""
        return ProgramState(
            episode_id=self._episode_id,
            step_count=self._steps,
            env_id=self._env_id,
            max_attempts=self._host.env.max_attempts,
        )

    def get_metadata(self) -> EnvironmentMetadata:
        """What the server is about."""
        summary = (type(self._host.env).__doc__ or "").strip().partition("\n")[0]
        return EnvironmentMetadata(name=self._env_id, description=summary, version=__version__)

    def list_splits(self) -> list[str]:
        """The split that is served."""
        return [self._host.env.dataset.split]

    def num_tasks(self, split: str) -> int:
        """Number of samples."""
        self._require(split)
        return len(self._host.env.dataset)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """The sample at a position: its number, its id and its query.

        Raises:
            IndexError: If there is no such sample.
        """
        self._require(split)
        sample = self._host.env.dataset.sample(index)
        return {"index": index, "id": sample.sample_id, "query": sample.query}

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """The samples of a slice.

        Raises:
            ValueError: If there are more than a thousand, for which all sessions would have to wait.
        """
        chosen = range(*slice(start, stop).indices(self.num_tasks(split)))
        if len(chosen) > MOST_TASKS:
            raise ValueError(f"the range holds {len(chosen)} tasks. Expected at most {MOST_TASKS}; ask for parts of it.")
        return [self.get_task(split, i) for i in chosen]

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """The first hundred samples; `num_tasks` says how many there are."""
        return self.get_task_range(split, 0, 100)

    def _require(self, split: str) -> None:
        if split != self._host.env.dataset.split:
            raise ValueError(f"the server has no split {split!r:.80}. Expected {self._host.env.dataset.split!r}.")


def encodable(value: Any) -> Any:
    """A value without lone surrogates, which programs may write and JSON in UTF-8 cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {encodable(key): encodable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(part) for part in value]
    return value
