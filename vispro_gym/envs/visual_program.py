"""The environment: an image and a query in, a program out, a reward of 0 or 1 back."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

from vispro_gym.counterfactual import CounterfactualScenes
from vispro_gym.datasets import DATASETS, Dataset, Sample, open_dataset
from vispro_gym.datasets.errors import say_once
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.envs.episode import (
    MAX_FEEDBACK_CHARACTERS,
    MAX_QUERY_CHARACTERS,
    Episode,
    Observation,
    Pictures,
    chosen_position,
    draw,
)
from vispro_gym.envs.spaces import UnicodeText
from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Isolation
from vispro_gym.perception import Perception, make_perception
from vispro_gym.perception.protocol import checked_backend, needs_scenes
from vispro_gym.rendering.window import Window
from vispro_gym.tasks import TASKS, Task

MAX_PROGRAM_CHARACTERS = 1 << 24
MAX_IMAGE_SIZE = 4_096


class VisualProgramEnv(gym.Env[Observation, str]):
    """An environment over one split of a dataset.

    The registered environments are subclasses, whose docstrings describe them. To use a dataset, task or perception
    of your own, pass the live objects to this class.

    Args:
        dataset: Dataset name (see `vispro_gym.datasets.DATASETS`), or an opened dataset.
        task: Task name (see `vispro_gym.tasks.TASKS`), or a task; None for the one that goes with the dataset and the form.
        split: Split name.
        form: The form in which the dataset is asked, for those that have several; None for the first.
        pool_size: Number of candidates, for retrieval; None for the dataset's default.
        filter: Keeps the samples whose fields have these values: one value, a list of values, or `{"min": ..., "max": ...}`.
        subset: "10_per_type" keeps ten samples of each type.
        ids: The sample ids to keep, or the path of a file of them: a JSON list, or one id per line.
        scorer: How answers are compared, see `vispro_gym.tasks.Task`.
        threshold: Smallest soft score that is rewarded, for tasks that have one; None for the task's default.
        data_dir: Root folder of the dataset in its official layout. None: the environment variable
            `VISPRO_DATA_<NAME>`, then `VISPRO_DATA_ROOT/<name>`, then the generated mini data.
        images: "required": a missing picture is an error. "optional": a blank canvas of the annotated size stands in.
        perception: What programs see through: "oracle" (the annotations), "pixels", "transformers", or any text that
            `vispro_gym.perception.make_perception` reads, such as "noise(oracle, miss=0.2)"; or a backend.
        image_size: Side S of the square image in the observation, in pixels, at most 4096. Programs always see the
            original picture.
        max_attempts: Programs that may be tried in one episode. With more than one, the observation gains "feedback".
        num_scenes: 0: a program is scored on the sample's own picture. k > 0: it also has to be right on up to k other pictures
            on which the query makes sense, else its outcome is "lucky" (`vispro_gym.counterfactual`). For datasets with
            functional programs and annotated pictures: CLEVR and GQA.
        isolation: "require": programs run only where the kernel confines the process that runs them. "best-effort": they run
            in any case. None: the environment variable `VISPRO_ISOLATION`, then "require" on Linux and "best-effort"
            elsewhere. See `vispro-gym doctor`.
        timings: Whether `info` holds "seconds", the time that the step took; off by default, so that `info` is
            deterministic.
        render_mode: "human" (a window, for which pygame is needed), "rgb_array", "ansi" or None.

    Raises:
        DatasetError: If the data is missing or damaged, has no such split, or cannot give other scenes.
        ValueError: If an option has an unknown value.
        BackendError: If a library, a model or a device that perception needs is missing.
        TypeError: If there is no such option, or a value is of a wrong type.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 1}  # noqa: RUF012 (Gymnasium's type)

    def __init__(
        self,
        dataset: str | Dataset,
        task: str | Task | None = None,
        *,
        split: str = "train",
        form: str | None = None,
        pool_size: int | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        images: str = "required",
        filter: Mapping[str, Any] | None = None,
        subset: str | None = None,
        ids: str | os.PathLike[str] | Sequence[str] | None = None,
        scorer: str = "strict",
        threshold: float | None = None,
        perception: str | Perception = "oracle",
        image_size: int = 224,
        max_attempts: int = 1,
        num_scenes: int = 0,
        isolation: Isolation | None = None,
        timings: bool = False,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            known = [name for name, p in inspect.signature(VisualProgramEnv).parameters.items() if p.kind is p.KEYWORD_ONLY]
            raise TypeError(f"unknown option {', '.join(map(repr, unknown))}. Expected some of: {', '.join(known)}.")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode={render_mode!r} is unknown. Expected one of: {self.metadata['render_modes']} or None.")
        if isinstance(image_size, bool) or not isinstance(image_size, int) or not 1 <= image_size <= MAX_IMAGE_SIZE:
            raise ValueError(f"image_size={image_size!r} is no size. Expected a number of pixels from 1 to {MAX_IMAGE_SIZE}.")
        if isinstance(max_attempts, bool) or not isinstance(max_attempts, int) or max_attempts < 1:
            raise ValueError(f"max_attempts={max_attempts!r} is no number of attempts. Expected a positive integer.")
        if isinstance(num_scenes, bool) or not isinstance(num_scenes, int) or num_scenes < 0:
            raise ValueError(f"num_scenes={num_scenes!r} is no number of scenes. Expected 0 or a positive integer.")
        if isolation not in (None, "require", "best-effort"):
            raise ValueError(f"isolation={isolation!r} is unknown. Expected 'require', 'best-effort' or None.")
        if not isinstance(timings, bool):
            raise TypeError(f"timings={timings!r} is no option. Expected True or False.")
        if isinstance(task, str) and task not in TASKS:
            raise ValueError(f"task={task!r} is unknown. Expected one of: {', '.join(TASKS)}.")
        backend: Perception = make_perception(perception) if isinstance(perception, str) else checked_backend(perception)
        if isinstance(dataset, str):
            options = {} if pool_size is None else {"pool_size": pool_size}
            self.dataset = open_dataset(dataset, data_dir, split, images, form, filter, subset, ids, **options)
            if needs_scenes(backend):
                self.dataset.keep_annotated()
        elif isinstance(dataset, Dataset):
            if filter is not None or subset is not None or ids is not None:
                raise ValueError("filter, subset and ids are for datasets given by name. Call restrict() on the opened dataset.")
            self.dataset = dataset
        else:
            raise TypeError(f"dataset={dataset!r} is no dataset. Expected a Dataset or one of the names: {', '.join(DATASETS)}.")
        if task is None or isinstance(task, str):
            self.task: Task = TASKS[task or self.dataset.task](scorer, threshold)
        else:
            self.task = _live("task", task, TASKS, ("score", "metric"))
        self.engine = Engine(self.task, backend, shared_interpreter(isolation=isolation) if isolation else None)
        if num_scenes:
            self.engine.scenes = CounterfactualScenes(self.dataset, self.engine, num_scenes)
        self.image_size = image_size
        self.max_attempts = max_attempts
        self.timings = timings
        self.render_mode = render_mode

        images_shape: tuple[int, ...] = (image_size, image_size, 3)
        if len(self.dataset.image_names) > 1:
            images_shape = (len(self.dataset.image_names), *images_shape)
        observation: dict[str, spaces.Space[Any]] = {
            "image": spaces.Box(0, 255, images_shape, np.uint8),
            "query": UnicodeText(MAX_QUERY_CHARACTERS),
        }
        if max_attempts > 1:
            observation["feedback"] = UnicodeText(MAX_FEEDBACK_CHARACTERS)
        self.observation_space = spaces.Dict(observation)
        self.action_space = UnicodeText(MAX_PROGRAM_CHARACTERS)
        self.pictures = Pictures(image_size)
        self._episode: Episode | None = None
        self._window = Window()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode on a random sample of the split.

        Args:
            seed: Seeds the choice of this and the following episodes.
            options: `{"sample_id": ...}` to choose the sample.

        Raises:
            DatasetError: If the sample's picture is missing, its record is damaged, or there is no such sample. The
                previous episode goes on as if `reset` had not been called; the next call draws another sample.
            ValueError: If there is no such option.
            TypeError: If the options are no dict.
            gymnasium.error.DependencyNotInstalled: If there is no pygame for `render_mode="human"`.
        """
        chosen = chosen_position(self.dataset, options)
        super().reset(seed=seed)
        drawn, shuffle = draw(self.dataset, self.np_random)  # in any case, so that options do not shift later episodes
        sample = self.dataset.sample(drawn if chosen is None else chosen, shuffle)
        self._episode = Episode(sample, self.max_attempts, self.dataset.is_mini, self.pictures.of(sample))
        if self.render_mode == "human":  # without a pause: the next frame shows the same picture and query
            self._window.show(self._episode.render("human"))
        return self._episode.observation(), self._episode.info()

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Runs a program on the episode's picture.

        Args:
            action: Any string: a program, alone or inside the reply of a language model.

        Returns:
            The observation; the reward, 1.0 or 0.0; terminated, True after a right answer and after the last
            attempt; truncated, always False; and the info that the class docstring describes.

        Raises:
            TypeError: If the action is no string.
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        if not isinstance(action, str):
            raise TypeError(f"the action is of type {type(action).__name__}. Expected a str that holds a program.")
        if self._episode is None:
            raise gym.error.ResetNeeded("step() was called before reset(). Call reset() to start an episode.")
        if self._episode.has_ended:
            say_once(
                "step() was called after the episode had ended; the program is scored on the same sample. Call reset() first."
            )
        start = time.perf_counter()
        (outcome,) = self.engine.run([Job(action, self._episode.sample)])
        self._episode.accept(outcome)
        info = self._episode.info()
        if self.timings:
            info["seconds"] = time.perf_counter() - start
        if self.render_mode == "human":
            self._window.show(self._episode.render("human"), 1 / self.metadata["render_fps"])
        return self._episode.observation(), outcome.reward, self._episode.has_ended, False, info

    @property
    def sample(self) -> Sample | None:
        """The sample of the episode, its target among it: for evaluation, not for policies. None before the first `reset`.

        Where options are shuffled, metrics need the very samples that were asked: `task.metric(predictions, samples)`.
        """
        return self._episode.sample if self._episode else None

    @property
    def outcome(self) -> Outcome | None:
        """What became of the last program: its answer as it is (`info` has its text), the trace and more. None after `reset`."""
        return self._episode.outcome if self._episode else None

    def sample_of(self, sample_id: str | None, seed: int) -> Sample:
        """The sample of the episode that `reset(seed=seed, options={"sample_id": sample_id})` starts; starts nothing.

        Args:
            sample_id: The sample's identifier; None for the one that the seed draws.
            seed: A seed. It only matters which one where options are shuffled, or no sample is chosen.

        Raises:
            DatasetError: If there is no such sample, or its record is damaged.
        """
        drawn, shuffle = draw(self.dataset, seeding.np_random(seed)[0])
        return self.dataset.sample(drawn if sample_id is None else self.dataset.position(sample_id), shuffle)

    def render(self) -> Any:
        """The episode so far.

        Returns:
            For "rgb_array" a frame with the query, the pictures with the boxes of the program's variables, the outcome and the
            answer, uint8 of shape `(800, 800, 3)`; for "ansi" the query, the program with what it did, its outcome and its answer
            as text. None for "human", where `reset` and `step` show the frame by themselves, and `step` leaves people a second
            to look at it; None as well without a render mode.
        """
        if self.render_mode is None:
            gym.logger.warn('render() needs a render mode, for example gym.make(..., render_mode="rgb_array").')
            return None
        if self._episode is None:
            raise gym.error.ResetNeeded("render() was called before reset(). Call reset() to start an episode.")
        return None if self.render_mode == "human" else self._episode.render(self.render_mode)

    def close(self) -> None:
        """Closes the window of `render_mode="human"`, if there is one. The environment can still be used."""
        self._window.close()


def _live(option: str, value: Any, names: Iterable[str], methods: tuple[str, ...]) -> Any:
    """Checks that an option is an object that can do what its protocol says, and returns it."""
    missing = [name for name in methods if not callable(getattr(value, name, None))]
    if isinstance(value, type) or missing or not isinstance(getattr(value, "name", None), str):
        raise TypeError(
            f"{option}={value!r} is no {option}. Expected one of the names {', '.join(map(repr, names))}, or an object with "
            f"a str attribute 'name' and the methods {', '.join(methods)}."
        )
    return value
