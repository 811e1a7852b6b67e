"""One episode: a sample, its picture, and the programs that were tried. Environments hold one, vector environments many."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.engine import Outcome
from vispro_gym.rendering.picture import draw_frame
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import describe, describe_failure

MAX_QUERY_CHARACTERS = 4_096
MAX_FEEDBACK_CHARACTERS = 4_096

_KEPT_BYTES = 1 << 24

Observation = dict[str, Any]


class Episode:
    """The state of an episode.

    Args:
        sample: What is asked.
        max_attempts: Programs that may be tried. With more than one, observations hold "feedback".
        is_mini: Whether the sample is of the generated mini data.
        image: The picture of the observation, see `Pictures`; None for observations without one.

    Attributes:
        sample: What is asked.
        outcome: What became of the last program; None before the first.
    """

    def __init__(self, sample: Sample, max_attempts: int, is_mini: bool, image: NDArray[np.uint8] | None = None) -> None:
        self.sample = sample
        self.outcome: Outcome | None = None
        self._image = image
        self._attempts = 0
        self._max_attempts = max_attempts
        self._is_mini = is_mini

    def accept(self, outcome: Outcome) -> None:
        """Counts an attempt."""
        self.outcome = outcome
        self._attempts += 1

    @property
    def has_ended(self) -> bool:
        """Whether the last program was right, or no further one may be tried."""
        return self.outcome is not None and (self.outcome.reward == 1.0 or self._attempts >= self._max_attempts)

    def observation(self) -> Observation:
        """What a policy sees. Shares no memory with earlier observations."""
        observation: Observation = {} if self._image is None else {"image": self._image.copy()}
        observation["query"] = self.sample.query[:MAX_QUERY_CHARACTERS]
        if self._max_attempts > 1:
            feedback = describe_failure(self.outcome) if self.outcome is not None else ""
            observation["feedback"] = feedback[:MAX_FEEDBACK_CHARACTERS]
        return observation

    def info(self) -> dict[str, Any]:
        """What an environment's page documents under "Information"."""
        info: dict[str, Any] = {"sample_id": self.sample.sample_id, "data": "mini" if self._is_mini else "official"}
        if self.outcome is not None:
            info |= {
                "outcome": self.outcome.outcome,
                "soft": self.outcome.soft,
                # Gymnasium's vector environments gather infos into arrays: the type of a value must not change from step to step.
                "answer": None if self.outcome.answer is None else str(self.outcome.answer),
                "error": self.outcome.error or {},
                "program": self.outcome.program,
                "output": self.outcome.output,
                "perception_calls": self.outcome.perception_calls,
                "steps": self.outcome.steps,
            }
        return info

    def render(self, mode: str) -> Any:
        """The episode so far, see `vispro_gym.envs.visual_program.VisualProgramEnv.render`. "human" is as "rgb_array"."""
        rationale = Rationale.of(self.sample, self.outcome, with_pictures=False, with_target=False)
        if mode == "ansi":
            return describe(rationale)
        return draw_frame(rationale, [image.pixels() for image in self.sample.images])


def draw(dataset: Dataset, rng: np.random.Generator) -> tuple[int, int]:
    """Position and seed of a random sample, for `Dataset.sample`."""
    return int(rng.integers(len(dataset))), int(rng.integers(1 << 31)) if dataset.is_shuffled else 0


def chosen_position(dataset: Dataset, options: Any) -> int | None:
    """Position of the sample that the options of a reset choose; None if they leave it to chance.

    Raises:
        DatasetError: If there is no such sample.
        ValueError: If there is no such option.
        TypeError: If the options are no dict.
    """
    if options is not None and not isinstance(options, dict):
        raise TypeError(f"options={options!r} is no dict. Expected {{'sample_id': ...}} or None.")
    if unknown := [name for name in options or {} if name != "sample_id"]:
        raise ValueError(f"unknown reset option {', '.join(map(repr, unknown))}. Expected: 'sample_id'.")
    return dataset.position(options["sample_id"]) if options else None


class Pictures:
    """The pictures of observations. Those that were asked for last are kept, as many as fit into 16 MiB.

    Args:
        size: Side S of the square in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._room = _KEPT_BYTES // (3 * size * size)

    def of(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture of an observation; several threads may ask.

        Returns:
            uint8 of shape `(S, S, 3)`, or `(n, S, S, 3)` if the sample has n > 1 pictures.

        Raises:
            DatasetError: If a picture is missing, or it or its annotation is damaged.
        """
        pictures = [self._look(image) for image in sample.images]
        return pictures[0] if len(pictures) == 1 else np.stack(pictures)

    def _look(self, image: ImageRef) -> NDArray[np.uint8]:
        picture = self._kept.pop(image.image_id, None)
        if picture is None:
            picture = letterbox(image.pixels(), self.size)
            _ = image.size  # a damaged annotation is found here, not in the middle of a step
        self._kept[image.image_id] = picture
        while len(self._kept) > self._room:
            with suppress(KeyError):  # another thread was faster
                self._kept.popitem(last=False)
        return picture


def letterbox(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Fits a picture into a black square without changing its proportions.

    Args:
        image: uint8 of shape `(height, width, 3)`.
        size: Side of the square in pixels.

    Returns:
        uint8 of shape `(size, size, 3)`, the picture in its middle.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("RGB", (size, size))
    canvas.paste(
        Image.fromarray(image).resize(fitted, Image.Resampling.BILINEAR),
        ((size - fitted[0]) // 2, (size - fitted[1]) // 2),
    )
    return np.asarray(canvas)
