"""One environment for many episodes at once, whatever starts them: threads, event loops, sessions of a server.

Adapters hold an environment's id and options, which can be pickled and written into configuration files, and ask for the host
when they need it. Each process has one for each id and options. Programs that arrive while others run wait for each other and
then run together, so that perception sees the calls of all of them.
"""

from __future__ import annotations

import base64
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.episode import Episode
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.programs.prompt import Style, build_prompt
from vispro_gym.rendering.text import describe_failure


class Host:
    """An environment that many episodes share.

    Args:
        env_id: Environment id.
        options: Options of the environment.

    Attributes:
        env: The environment, which is never stepped.

    Raises:
        DatasetError: If the data is missing or damaged.
        TypeError: If the environment is not one of visual programs, or there is no such option.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any]) -> None:
        env = gym.make(env_id, **options).unwrapped
        if not isinstance(env, VisualProgramEnv):
            raise TypeError(f"{env_id!r} is {type(env).__name__}, expected a VisualProgramEnv. See vispro_gym.ENVIRONMENTS.")
        self.env = env
        self._waiting: list[_Request] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def sample(self, sample_id: str, seed: int = 0) -> Sample:
        """The sample of the episode that `env.reset(seed=seed, options={"sample_id": sample_id})` starts.

        Raises:
            DatasetError: If there is no such sample, or its record is damaged.
        """
        return self.env.sample_of(sample_id, seed)

    def episodes(self, limit: int | None = None, seed: int = 0) -> Iterator[tuple[str, int]]:
        """Sample ids and seeds of episodes on different samples: rows for datasets of other libraries.

        Args:
            limit: How many, drawn without replacement; None for all samples, in order.
            seed: Seed of the draw and of the seeds.
        """
        rng = Random(seed)
        ids = self.env.dataset.sample_ids
        positions = range(len(ids)) if limit is None else rng.sample(range(len(ids)), min(limit, len(ids)))
        for position in positions:
            yield ids[position], rng.randrange(1 << 31)

    def start(self, sample_id: str | None = None, seed: int | None = None) -> Episode:
        """Starts an episode, as `env.reset` does; without a picture to observe, which adapters make as they need it.

        Raises:
            DatasetError: If there is no such sample, its record is damaged, or a picture is missing or damaged.
        """
        if seed is None:
            seed = int(np.random.default_rng().integers(1 << 31))
        sample = self.env.sample_of(sample_id, seed)
        self.env.pictures.of(sample)  # damage is found here, not in the middle of a step
        return Episode(sample, self.env.max_attempts, self.env.dataset.is_mini)

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """As `Engine.run`, for several threads: jobs that wait run together. Those of a call that fails do not fail others.

        Raises:
            BackendError: If perception cannot serve anything.
            DatasetError: If a picture that perception looks at is missing or damaged.
        """
        request = _Request(jobs)
        with self._list:
            self._waiting.append(request)
        with self._turn:
            if not request.is_done:
                with self._list:
                    batch, self._waiting = self._waiting, []
                try:
                    self._serve(batch)
                finally:  # the others go on if this thread is interrupted
                    with self._list:
                        self._waiting = [one for one in batch if one is not request and not one.is_done] + self._waiting
        if request.error is not None:
            raise request.error
        assert request.outcomes is not None
        return request.outcomes

    def _serve(self, batch: Sequence[_Request]) -> None:
        try:
            outcomes = iter(self.env.engine.run([job for waiting in batch for job in waiting.jobs]))
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
            else:
                for waiting in batch:
                    self._serve([waiting])
            return
        for waiting in batch:
            waiting.outcomes = [next(outcomes) for _ in waiting.jobs]

    def renew(self) -> None:
        """In a forked child: locks may be held by threads that are not there."""
        self._list, self._turn, self._waiting = threading.Lock(), threading.Lock(), []

    def step(self, episode: Episode, text: str) -> Outcome:
        """Runs a program in an episode."""
        (outcome,) = self.run([Job(text, episode.sample)])
        episode.accept(outcome)
        return outcome

    def prompt(self, sample: Sample, style: Style = "full", **options: str) -> str:
        """What a language model is told, see `vispro_gym.programs.prompt.build_prompt`."""
        return build_prompt(sample.query, self.env.task.instructions, sample.image_names, style, **options)


class _Request:
    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self.outcomes: list[Outcome] | None = None
        self.error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.outcomes is not None or self.error is not None


_hosts: dict[tuple[str, str], Host] = {}
_opening = threading.Lock()


def host(env_id: str, options: Mapping[str, Any]) -> Host:
    """The host of this process for an environment with these options."""
    key = (env_id, repr(sorted(options.items())))  # lists and dicts are options too
    with _opening:
        if key not in _hosts:
            _hosts[key] = Host(env_id, options)
        return _hosts[key]


def _after_fork() -> None:
    global _opening
    _opening = threading.Lock()
    for one in _hosts.values():
        one.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def feedback(outcome: Outcome) -> str:
    """What a model is told of its program when it may try again; never the right answer."""
    return f"{describe_failure(outcome)} Write the whole function again."


def pictures(sample: Sample) -> list[Image.Image]:
    """The pictures of a sample as they are, RGB."""
    return [Image.fromarray(image.pixels()) for image in sample.images]


def data_uris(sample: Sample) -> list[str]:
    """The pictures of a sample as texts, `data:image/png;base64,...`."""
    return [f"data:image/png;base64,{text}" for text in base64_pngs(sample)]


def base64_pngs(sample: Sample) -> list[str]:
    """The pictures of a sample as PNG files in base64."""
    texts = []
    for picture in pictures(sample):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        texts.append(base64.b64encode(buffer.getvalue()).decode())
    return texts
