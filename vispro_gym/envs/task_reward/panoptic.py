"""Panoptic segmentation with a reward that counts what panoptic quality counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.coco_panoptic import CocoPanoptic
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.episode import letterbox
from vispro_gym.envs.task_reward.base import Placement, Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.frames import PICTURE, frame
from vispro_gym.envs.task_reward.page import documented
from vispro_gym.rendering.marks import COLORS
from vispro_gym.rewards.panoptic import UNMATCHED_PENALTY, panoptic_counts
from vispro_gym.tasks.metrics.panoptic import panoptic_metric

MAX_INSTANCE = 65_535
"""Largest number that an instance may have."""


@documented
class PanopticEnv(TaskRewardEnv):
    """A category for every pixel of a picture, and which object it belongs to.

    ## Description
    Panoptic segmentation (Kirillov et al., CVPR 2019) as Pinto et al. ("Tuning computer vision models with task rewards", ICML
    2023) tune models for it: the whole map of segments is one action, and what it earns counts what panoptic quality counts.
    Pictures and annotations are those of COCO: things, which are objects that can be told apart, and stuff, such as grass and
    sky.

    ## Action Space
    `Dict` with

    - `labels`: `Box(0, C, (S, S), int32)`: for each pixel of the observation 0 for no label, or 1 and the position of its
      category in `env.unwrapped.categories`, the categories of the annotation file sorted by id.
    - `segments`: `Box(0, 65535, (S, S), int32)`: a number for each object. All pixels of the same label and number are one
      segment, be they connected or not. The numbers of stuff do not count: each kind of it is one segment.

    ## Rewards
    A real number: the sum of the IoU of matched segments, less 0.5 for each predicted segment that matches nothing. Segments
    match if their labels are equal and their IoU is above 0.5. Where nothing is annotated, in crowds (regions with too many
    objects to tell apart) and outside the picture, nothing is right or wrong: predicted segments mostly of such pixels cost
    nothing, and in the IoU of others these pixels do not count. The reward is at most the number of annotated segments; the
    lower bound is -0.5 times the number of predicted ones. An action of zeros earns 0.0. The paper does not publish its
    penalty; 0.5 is what a wrong segment weighs in panoptic quality.

    The annotation is reduced to the size of the observation: segments too small for it are not asked for.

    ## Information
    - `matched`, `unmatched`, `missed`: predicted segments that match, predicted segments that cost, and annotated ones that
      nothing matches.
    - `iou`: sum of the IoU of those that match.

    ## Arguments
    """

    dataset_class = CocoPanoptic
    page = {  # noqa: RUF012
        "kind": "panoptic",
        "files": "`annotations/panoptic_{train,val}2017.json`, the PNG files in `annotations/panoptic_{train,val}2017/`",
        "field": "segments",
        "number": "the number of annotated segments",
    }
    dataset: CocoPanoptic

    def __init__(self, split: str = "train", **options: Any) -> None:
        super().__init__(split, **options)
        shape = (self.image_size, self.image_size)
        self.action_space = spaces.Dict(
            {
                "labels": spaces.Box(0, len(self.categories), shape, np.int32),
                "segments": spaces.Box(0, MAX_INSTANCE, shape, np.int32),
            }
        )
        self._is_thing = np.array([False, *(category.is_thing for category in self.dataset.categories)])

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories: that of label k is at position k - 1."""
        return tuple(category.name for category in self.dataset.categories)

    def score(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Scored]:
        """What maps of segments are worth, see the class and `TaskRewardEnv.score`."""
        maps = self._read_all(samples, actions)
        if not maps:
            return []
        counts = panoptic_counts(np.stack(maps), np.stack([self._gold(sample) for sample in samples]))
        rewards = counts.iou - UNMATCHED_PENALTY * counts.unmatched  # `panoptic_reward` would count again
        return [
            Scored(
                float(rewards[i]),
                {
                    "matched": int(counts.matched[i]),
                    "unmatched": int(counts.unmatched[i]),
                    "missed": int(counts.missed[i]),
                    "iou": float(counts.iou[i]),
                },
            )
            for i in range(len(samples))
        ]

    def answers(self, sample: Sample) -> list[Any]:
        """The annotated segments, at the size of the observation, as one action."""
        gold = self._gold(sample)
        return [{"labels": gold[..., 0].copy(), "segments": gold[..., 1].copy()}]

    def metric(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None = None) -> dict[str, float]:
        """PQ, SQ, RQ, PQ_things and PQ_stuff by torchmetrics, see `vispro_gym.tasks.metrics.panoptic`.

        At the size of the observation, where small segments are missing: comparable with other numbers at that size only. The
        rest is as in `TaskRewardEnv.metric`; an ImportError says so if torchmetrics is missing.
        """
        pairs = list(self._pairs(predictions, samples))
        nothing = np.zeros((self.image_size, self.image_size, 2), np.int32)
        labels = np.arange(1, len(self.categories) + 1)
        return panoptic_metric(
            (nothing if action is None else self.read(action) for _, action in pairs),
            (self._gold(sample) for sample, _ in pairs),
            labels[self._is_thing[1:]].tolist(),
            labels[~self._is_thing[1:]].tolist(),
        )

    def read(self, action: Any) -> NDArray[np.int32]:
        """A map of segments, checked.

        Returns:
            int32 of shape `(S, S, 2)`: label and number of the segment, 0 for stuff and where there is no label.

        Raises:
            TypeError: If it is no dict of two arrays of integers.
            ValueError: If a shape is another, or a value is out of bounds.
        """
        shape = (self.image_size, self.image_size)
        expected = f"Expected {{'labels': ..., 'segments': ...}} with integers of shape {shape}"
        if not isinstance(action, Mapping) or action.keys() != {"labels", "segments"}:
            raise TypeError(f"the action is {action!r:.80}. {expected}.")
        for name, high in (("labels", len(self.categories)), ("segments", MAX_INSTANCE)):
            value = action[name]
            if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
                kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
                raise TypeError(f"{name} of the action is of type {kind}. {expected}.")
            if value.shape != shape or not 0 <= value.min() <= value.max() <= high:
                raise ValueError(
                    f"{name} of the action has the shape {value.shape} and values from {value.min(initial=0)} to "
                    f"{value.max(initial=0)}. {expected} from 0 to {high}."
                )
        return self._merged(np.stack([action["labels"], action["segments"]], 2).astype(np.int32))

    def _gold(self, sample: Sample) -> NDArray[np.int32]:
        """The annotated segments as the observation shows them, int32 of shape `(S, S, 2)`."""
        pixels = sample.target.pixels()
        place = Placement.of(sample.target.size, self.image_size)
        # the pixels of the picture that are in the middles of those of the observation
        rows = ((np.arange(place.height) + 0.5) * pixels.shape[0] / place.height).astype(np.int64)
        columns = ((np.arange(place.width) + 0.5) * pixels.shape[1] / place.width).astype(np.int64)
        gold = np.zeros((self.image_size, self.image_size, 2), np.int32)
        gold[place.area] = pixels[rows[:, None], columns]
        return self._merged(gold)

    def _merged(self, segments: NDArray[np.int32]) -> NDArray[np.int32]:
        """Takes the numbers from what has no instances."""
        segments[..., 1] *= self._is_thing[segments[..., 0]]
        return segments

    def draw_frame(self, sample: Sample, action: Any, reward: float | None) -> NDArray[np.uint8]:
        """The picture with the segments of an action in colours, see `TaskRewardEnv.draw_frame`."""
        picture = letterbox(sample.images[0].pixels(), PICTURE)
        if action is None:
            return frame(picture, reward)
        segments = self.read(action)
        numbers = (segments[..., 0] * 31 + segments[..., 1]) % len(COLORS)  # neighbours mostly differ
        paint = np.array(COLORS, np.uint8)[numbers]
        paint[segments[..., 0] == 0] = 0
        scaled = np.asarray(Image.fromarray(paint).resize((PICTURE, PICTURE), Image.Resampling.NEAREST))
        return frame((picture * 0.45 + scaled * 0.55).astype(np.uint8), reward)
