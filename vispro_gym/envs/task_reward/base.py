"""The environments of task rewards: a picture in, boxes, segments, colours or a caption out, a real number back."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vispro_gym.datasets.coco_images import CocoImages
from vispro_gym.datasets.errors import say_once
from vispro_gym.datasets.location import locate
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.episode import Pictures, chosen_position, draw
from vispro_gym.envs.visual_program import MAX_IMAGE_SIZE

MINI_DATA = "StillLifes"
"""The mini data that all these environments share."""


@dataclass(frozen=True)
class Scored:
    """What an action is worth.

    Attributes:
        reward: A real number; each environment's page says what bounds it.
        details: What `info` says about it; each environment's page lists the keys.
    """

    reward: float
    details: dict[str, Any]


class Placement(NamedTuple):
    """Where `vispro_gym.envs.episode.letterbox` puts a picture in the square, in whole pixels of the square.

    Attributes:
        left: Column of its left edge.
        top: Row of its upper edge.
        width: Its width.
        height: Its height.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, size: tuple[int, int], side: int) -> Placement:
        """Places a picture of `(width, height)` in a square of a side."""
        scale = side / max(size)
        width, height = (max(1, round(length * scale)) for length in size)
        return cls((side - width) // 2, (side - height) // 2, width, height)

    @property
    def area(self) -> tuple[slice, slice]:
        """Index of the picture in an array of shape `(S, S, ...)`."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class RewardEpisode:
    """The state of an episode, which ends with its first action.

    Args:
        sample: What is shown.
        is_mini: Whether the sample is of the generated mini data.
        image: The observation.

    Attributes:
        sample: What is shown.
        action: The last action; None before the first.
        scored: What it was worth; None before the first.
    """

    def __init__(self, sample: Sample, is_mini: bool, image: NDArray[np.uint8]) -> None:
        self.sample = sample
        self.action: Any = None
        self.scored: Scored | None = None
        self._is_mini = is_mini
        self._image = image

    def accept(self, action: Any, scored: Scored) -> None:
        """Ends the episode."""
        self.action, self.scored = action, scored

    @property
    def has_ended(self) -> bool:
        """Whether there was an action."""
        return self.scored is not None

    def observation(self) -> NDArray[np.uint8]:
        """The picture. Shares no memory with earlier observations."""
        return self._image.copy()

    def info(self) -> dict[str, Any]:
        """What an environment's page documents under "Information"."""
        info: dict[str, Any] = {"sample_id": self.sample.sample_id, "data": "mini" if self._is_mini else "official"}
        return info | (self.scored.details if self.scored is not None else {})


class TaskRewardEnv(gym.Env[NDArray[np.uint8], Any]):
    """An environment of the rewards of Pinto et al., "Tuning computer vision models with task rewards" (ICML 2023).

    The registered environments are subclasses, whose docstrings describe them. They set `action_space`, and, where it is not the
    picture, `observation_space` and `observe`; and they say what actions are worth (`score`), what annotators would have done
    (`answers`) and what the corpus metric is (`metric`).

    Args:
        split: Split name: "train" or "val" (of 2017, or else of 2014), or any other annotation file of the folder.
        data_dir: Folder of COCO in its official layout. None: the environment variable `VISPRO_DATA_COCO`, then
            `VISPRO_DATA_ROOT/COCO`, then the generated mini data.
        images: "required": a missing picture is an error. "optional": a blank canvas of the annotated size stands in.
        filter: Keeps the samples whose fields have these values: one value, a list of values, or `{"min": ..., "max": ...}`.
        ids: The sample ids to keep, or the path of a file of them: a JSON list, or one id per line.
        image_size: Side S of the square observation, in pixels, from 1 to 4096; actions are in its coordinates.
        render_mode: "rgb_array" or None.

    Attributes:
        dataset: The samples of the split, by position and by id.
        image_size: Side S of the square observation in pixels.

    Raises:
        DatasetError: If the data is missing or damaged, has no such split, or no sample is left.
        ValueError: If an option has an unknown value.
        TypeError: If a value is of a wrong type.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 1}  # noqa: RUF012 (Gymnasium's type)
    dataset_class: ClassVar[type[CocoImages]]

    def __init__(
        self,
        split: str = "train",
        data_dir: str | os.PathLike[str] | None = None,
        images: str = "required",
        filter: Mapping[str, Any] | None = None,
        ids: str | os.PathLike[str] | Sequence[str] | None = None,
        image_size: int = 224,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode={render_mode!r} is unknown. Expected one of: {self.metadata['render_modes']} or None.")
        if isinstance(image_size, bool) or not isinstance(image_size, int) or not 1 <= image_size <= MAX_IMAGE_SIZE:
            raise ValueError(f"image_size={image_size!r} is no size. Expected a number of pixels from 1 to {MAX_IMAGE_SIZE}.")
        self.dataset = self.dataset_class(locate("COCO", data_dir, MINI_DATA), split, images)
        self.dataset.restrict(filter, ids=ids)
        self.image_size = image_size
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        self._pictures = Pictures(image_size)
        self._episode: RewardEpisode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Starts an episode on a random sample of the split.

        Args:
            seed: Seeds the choice of this and the following episodes.
            options: `{"sample_id": ...}` to choose the sample.

        Raises:
            DatasetError: If the sample's picture is missing, its record is damaged, or there is no such sample. The
                previous episode goes on as if `reset` had not been called; the next call draws another sample.
            ValueError: If there is no such option.
            TypeError: If the options are no dict.
        """
        chosen = chosen_position(self.dataset, options)
        super().reset(seed=seed)
        drawn, _ = draw(self.dataset, self.np_random)  # in any case, so that options do not shift later episodes
        sample = self.dataset.sample(drawn if chosen is None else chosen)
        self._episode = RewardEpisode(sample, self.dataset.is_mini, self.observe(sample))
        return self._episode.observation(), self._episode.info()

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Scores an action on the episode's picture.

        Args:
            action: A member of the action space.

        Returns:
            The observation, which is the same; the reward; terminated, always True; truncated, always False; and the info that
            the class docstring describes.

        Raises:
            TypeError: If the action is of another type. As with the next one, the episode goes on.
            ValueError: If it is out of bounds.
            DatasetError: If what it is compared with is missing or damaged.
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        if self._episode is None:
            raise gym.error.ResetNeeded("step() was called before reset(). Call reset() to start an episode.")
        if self._episode.has_ended:
            say_once(
                "step() was called after the episode had ended; the action is scored on the same sample. Call reset() first."
            )
        (scored,) = self.score([self._episode.sample], [action])
        self._episode.accept(action, scored)
        return self._episode.observation(), scored.reward, True, False, self._episode.info()

    @property
    def sample(self) -> Sample | None:
        """The sample of the episode, its target among it: for evaluation, not for policies. None before the first `reset`."""
        return self._episode.sample if self._episode else None

    def observe(self, sample: Sample) -> NDArray[np.uint8]:
        """What a policy sees of a sample: a member of the observation space, never to be written to. Several threads may ask.

        Raises:
            DatasetError: If the picture is missing, or it or its annotation is damaged.
        """
        return self._pictures.of(sample)

    @abstractmethod
    def read(self, action: Any) -> Any:
        """An action, checked, in the form in which it is scored.

        Raises:
            TypeError: If it is of another type than those of the action space.
            ValueError: If it is out of bounds.
        """

    @abstractmethod
    def score(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Scored]:
        """What actions are worth, all in one go. What one earns does not depend on the others.

        Args:
            samples: What was shown.
            actions: An action for each.

        Raises:
            TypeError: If an action is of another type than those of the action space.
            ValueError: If one is out of bounds, or there are not as many as samples.
            DatasetError: If what an action is compared with is missing or damaged.
        """

    @abstractmethod
    def answers(self, sample: Sample) -> list[Any]:
        """The annotation as actions, one or several: what supervised learning imitates.

        Raises:
            DatasetError: If the annotation is missing or damaged.
        """

    @abstractmethod
    def metric(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None = None) -> dict[str, float]:
        """The metric of a whole corpus.

        Args:
            predictions: Actions by sample id. A sample without one counts as if nothing had been predicted.
            samples: The samples that were asked, each once; None for all of `dataset`.

        Raises:
            TypeError: If an action is of another type than those of the action space.
            ValueError: If one is out of bounds, or of a sample that was not asked.
            DatasetError: If an annotation is missing or damaged.
        """

    @abstractmethod
    def draw_frame(self, sample: Sample, action: Any, reward: float | None) -> NDArray[np.uint8]:
        """The sample's picture with an action, None for none: uint8 of shape `(800, 800, 3)`."""

    def render(self) -> Any:
        """The picture with the last action drawn on it, and its reward below.

        Returns:
            For "rgb_array" uint8 of shape `(800, 800, 3)`, whatever `image_size` is; None without a render mode.
        """
        if self.render_mode is None:
            gym.logger.warn('render() needs a render mode, for example gym.make(..., render_mode="rgb_array").')
            return None
        if self._episode is None:
            raise gym.error.ResetNeeded("render() was called before reset(). Call reset() to start an episode.")
        return self.draw_episode(self._episode)

    def draw_episode(self, episode: RewardEpisode) -> NDArray[np.uint8]:
        """The frame of an episode, see `render`."""
        scored = episode.scored
        return self.draw_frame(episode.sample, episode.action, None if scored is None else scored.reward)

    def _read_all(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Any]:
        """As `read`, for an action for each sample; of several, a note on the error says which one it is."""
        if len(samples) != len(actions):
            raise ValueError(f"{len(actions)} actions were given for {len(samples)} samples. Expected one for each.")
        found = []
        for i, action in enumerate(actions):
            try:
                found.append(self.read(action))
            except (TypeError, ValueError) as error:
                if len(actions) > 1:
                    error.add_note(f"It is action {i} of {len(actions)}, counted from 0.")
                raise
        return found

    def _pairs(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None) -> Iterator[tuple[Sample, Any]]:
        """The samples that were asked, each with its prediction, None if it has none."""
        if samples is None:
            unknown = [sample_id for sample_id in predictions if sample_id not in self.dataset.sample_ids]
        else:
            unknown = sorted(predictions.keys() - {sample.sample_id for sample in samples}, key=str)
        if unknown:
            raise ValueError(
                f"predictions name {len(unknown)} samples that were not asked, such as {unknown[0]!r:.80}. "
                "Expected sample ids of the split, or of the samples that were passed."
            )
        return ((sample, predictions.get(sample.sample_id)) for sample in (self.dataset if samples is None else samples))
