"""Object detection with the recall and the mAP reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vispro_gym.datasets.coco_images import CocoDetection
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.episode import letterbox
from vispro_gym.envs.task_reward.base import Placement, Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.frames import PICTURE, frame
from vispro_gym.envs.task_reward.page import documented
from vispro_gym.rendering.marks import COLORS, is_light
from vispro_gym.rendering.picture import printable
from vispro_gym.rewards.detection import (
    IOU_THRESHOLDS,
    BoxBatch,
    box_counts,
    class_weights,
    confidence_targets,
    map_reward,
    recall_reward,
)
from vispro_gym.tasks.metrics.coco import coco_metric

MAX_BOXES = 100
"""Boxes that an action may hold, as many as COCO's metric looks at."""

REWARDS = ("recall", "map")


class Detections(NamedTuple):
    """The boxes of one action.

    Attributes:
        boxes: float64 of shape `(n, 4)`: left, top, right, bottom in pixels of the observation.
        labels: int64 of shape `(n,)`.
        scores: float64 of shape `(n,)`.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]


@documented
class DetectionEnv(TaskRewardEnv):
    """All objects of a picture, in boxes with labels and scores.

    ## Description
    Object detection as Pinto et al. ("Tuning computer vision models with task rewards", ICML 2023) tune models for it: the whole
    set of boxes is one action, and what it earns is close to the metric, recall or mAP, instead of a loss for every box.
    Pictures and annotations are those of COCO (Lin et al., ECCV 2014).

    ## Action Space
    `Sequence(Dict)`, at most 100 boxes in any order, each with

    - `box`: `Box(0, S, (4,), float32)`: left, top, right, bottom in pixels of the observation, origin in the upper left corner.
      Boxes whose right is not beyond their left, or bottom beyond top, may be given and match nothing.
    - `label`: `Discrete(C)`, the position of a category in `env.unwrapped.categories`, the categories of the annotation file
      sorted by id.
    - `score`: `Box(0, 1, (), float32)`, the confidence. The reward does not depend on it; mAP does.

    ## Rewards
    A real number: for each of the IoU thresholds 0.50, 0.55, ..., 0.95, the weights of the annotated objects that were found,
    less 0.3 times the weights of duplicates; and of these ten the mean. A box belongs to the object of its label that it
    overlaps most, if their IoU is above the threshold; an object is found by the best of the boxes that belong to it, and the
    others are duplicates. Boxes that belong to no object cost nothing. Crowds, regions with too many objects to tell apart, are
    no objects.

    With `reward="recall"` all weights are 1: the reward is at most the number of objects, at least -0.3 times that of boxes. With
    `reward="map"` class c weighs 1 / (n_c + 0.05 n), where n_c of the n objects of the whole split are of that class, scaled to a
    mean of 1 over the classes that occur: rare ones count more, and the bounds are sums of weights. An empty action earns 0.0; so
    does any where there is nothing to find.

    No reward depends on scores, but mAP does. The policy learns them beside the reward, as in the paper: `confidence_targets`.

    ## Information
    - `recall`: share of the objects that were found at each of the ten thresholds, float64 of shape `(10,)`; 1.0 where there
      are none.
    - `matched`, `duplicates`, `unmatched`: at an IoU above 0.5, the boxes that find an object, that find one again, and the
      others.
    - `confidence_targets`: what the score of each box should be, in the order of the action, as a tuple: the IoU with the
      object that it finds, 0.0 if it finds none at an IoU above 0.5.

    ## Arguments
    - `reward`: "recall" or "map".
    """

    dataset_class = CocoDetection
    page = {  # noqa: RUF012
        "kind": "instances",
        "files": "`annotations/instances_{train,val}{2017,2014}.json`",
        "field": "objects",
        "number": "the number of objects that are to be found",
    }
    dataset: CocoDetection

    def __init__(self, split: str = "train", *, reward: str = "recall", **options: Any) -> None:
        if reward not in REWARDS:
            raise ValueError(f"reward={reward!r} is unknown. Expected one of: {', '.join(map(repr, REWARDS))}.")
        super().__init__(split, **options)
        self.reward = reward
        self.action_space = spaces.Sequence(
            spaces.Dict(
                {
                    "box": spaces.Box(0, self.image_size, (4,), np.float32),
                    "label": spaces.Discrete(len(self.categories)),
                    "score": spaces.Box(0, 1, (), np.float32),
                }
            )
        )
        if reward == "map" and not any(self.dataset.counts):
            raise DatasetError(f"{self.dataset.name} {split} has no objects, which reward='map' weighs. Use reward='recall'.")
        self._weights = class_weights(self.dataset.counts) if reward == "map" else None

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories by label."""
        return tuple(category.name for category in self.dataset.categories)

    def score(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Scored]:
        """What sets of boxes are worth, see the class and `TaskRewardEnv.score`."""
        found = self._read_all(samples, actions)
        predicted = BoxBatch.of([(boxes, labels) for boxes, labels, _ in found])
        gold = BoxBatch.of([(self._gold(sample), sample.target.labels) for sample in samples])
        if self._weights is None:
            rewards = recall_reward(predicted, gold)
        else:
            rewards = map_reward(predicted, gold, self._weights)
        counts = box_counts(predicted, gold)
        ious = confidence_targets(predicted, gold, 0.0)  # of the boxes that find an object, however badly
        scored = []
        for i, (_, labels, _) in enumerate(found):
            mine = ious[i, : len(labels)]
            details = {
                "recall": (mine[:, None] > np.array(IOU_THRESHOLDS)).sum(0) / counts.gold[i] if counts.gold[i] else np.ones(10),
                "matched": int(counts.matched[i]),
                "duplicates": int(counts.duplicates[i]),
                "unmatched": int(counts.unmatched[i]),
                "confidence_targets": tuple(float(iou) if iou > IOU_THRESHOLDS[0] else 0.0 for iou in mine),
            }
            scored.append(Scored(float(rewards[i]), details))
        return scored

    def answers(self, sample: Sample) -> list[Any]:
        """The annotated objects as one action with scores of 1: the first 100, should there be more."""
        boxes = self._gold(sample).astype(np.float32)
        return [
            tuple(
                {"box": box, "label": label, "score": np.ones((), np.float32)}
                for box, label in zip(boxes[:MAX_BOXES], sample.target.labels, strict=False)
            )
        ]

    def metric(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None = None) -> dict[str, float]:
        """COCO's twelve numbers, by pycocotools, from boxes in pixels of the pictures: see `vispro_gym.tasks.metrics.coco`.

        Those that the annotations leave undefined, such as the AP of small objects where there are none, are not in it. The
        rest is as in `TaskRewardEnv.metric`.
        """
        ids = [category.id for category in self.dataset.categories]
        results, images, annotations = [], [], []
        for sample, action in self._pairs(predictions, samples):
            image = sample.record["image"]
            images.append(image)
            for record in sample.record["annotations"]:
                area = record["bbox"][2] * record["bbox"][3]
                annotations.append({"iscrowd": 0, "area": area} | record)
            if action is None:
                continue
            boxes, labels, scores = self.read(action)
            place = self._place(sample)
            scale = np.array(sample.images[0].size * 2) / (place.width, place.height, place.width, place.height)
            edges = (boxes - np.array([place.left, place.top] * 2)) * scale
            sizes = np.maximum(edges[:, 2:] - edges[:, :2], 0)
            for box, label, score in zip(np.hstack([edges[:, :2], sizes]).tolist(), labels, scores.tolist(), strict=True):
                results.append({"image_id": image["id"], "category_id": ids[label], "bbox": box, "score": score})
        categories = [{"id": category.id, "name": category.name} for category in self.dataset.categories]
        return coco_metric(results, images, categories, annotations)

    def read(self, action: Any) -> Detections:
        """The boxes of an action, as arrays.

        Raises:
            TypeError: If it is no sequence of boxes with labels and scores.
            ValueError: If there are too many, or one is out of bounds.
        """
        if isinstance(action, str | bytes | Mapping) or not isinstance(action, Sequence):
            raise TypeError(f"the action is of type {type(action).__name__}. Expected a list or tuple of {_ITEM}.")
        if len(action) > MAX_BOXES:
            raise ValueError(f"the action holds {len(action)} boxes. Expected at most {MAX_BOXES}.")
        for i, item in enumerate(action):
            if not isinstance(item, Mapping) or item.keys() != {"box", "label", "score"}:
                raise TypeError(f"item {i} of the action is {item!r:.80}. Expected {_ITEM}.")
        boxes = _numbers([item["box"] for item in action], (4,), self.image_size, "box")
        scores = _numbers([item["score"] for item in action], (), 1, "score")
        labels = _array([item["label"] for item in action], (), "label")
        if labels.size and labels.dtype.kind not in "iu":
            raise TypeError(f"labels of the action are of type {labels.dtype}. Expected integers.")
        if labels.size and not 0 <= labels.min() <= labels.max() < len(self.dataset.categories):
            raise ValueError(
                f"the action has labels from {labels.min()} to {labels.max()}. "
                f"Expected labels from 0 to {len(self.dataset.categories) - 1}."
            )
        return Detections(boxes, labels.astype(np.int64), scores)

    def _place(self, sample: Sample) -> Placement:
        return Placement.of(sample.images[0].size, self.image_size)

    def _gold(self, sample: Sample) -> NDArray[np.float64]:
        """The annotated boxes in pixels of the observation, of shape `(n, 4)`. IoU does not change under this."""
        place = self._place(sample)
        scale = np.array([place.width, place.height] * 2) / np.array(sample.images[0].size * 2)
        boxes = np.array(sample.target.boxes, np.float64).reshape(-1, 4) * scale
        # annotated edges may be off the picture by the last digit
        corner = np.array([place.left, place.top] * 2)
        clipped: NDArray[np.float64] = np.clip(boxes + corner, 0, self.image_size)
        return clipped

    def draw_frame(self, sample: Sample, action: Any, reward: float | None) -> NDArray[np.uint8]:
        """The picture with the boxes of an action, see `TaskRewardEnv.draw_frame`."""
        sheet = Image.fromarray(letterbox(sample.images[0].pixels(), PICTURE))
        draw = ImageDraw.Draw(sheet)
        font = ImageFont.load_default(14)
        boxes, labels, scores = self.read(action or ())
        for i in np.argsort(scores, kind="stable"):  # the surest on top
            left, top, right, bottom = (boxes[i] * PICTURE / self.image_size).tolist()
            color = COLORS[labels[i] % len(COLORS)]
            draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=color, width=3)
            name, place = printable(f"{self.categories[labels[i]]} {scores[i]:.2f}"), (left + 4, top + 2)
            draw.rectangle(draw.textbbox(place, name, font=font), fill=color)
            draw.text(place, name, font=font, fill="black" if is_light(color) else "white")
        return frame(np.asarray(sheet), reward, "" if action is None else f"{len(boxes)} boxes")


_ITEM = "{'box': four numbers, 'label': int, 'score': float}"


def _array(values: Sequence[Any], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """One array of the values of all boxes, of shape `(n, *shape)`."""
    try:
        array = np.asarray(values)
    except ValueError:  # of different shapes
        array = np.empty(0)
    if not values:
        return np.zeros((0, *shape), np.int64)
    if array.shape != (len(values), *shape) or array.dtype.kind not in "iuf":
        raise TypeError(f"each {what} of the action has to be {'a number' if shape == () else 'four numbers'}. Expected {_ITEM}.")
    return array


def _numbers(values: Sequence[Any], shape: tuple[int, ...], high: float, what: str) -> NDArray[np.float64]:
    numbers = _array(values, shape, what).astype(np.float64)
    if not ((numbers >= 0) & (numbers <= high)).all():  # nor is NaN
        raise ValueError(f"the action has a {what} that is not from 0 to {high}. Expected coordinates and scores within bounds.")
    return numbers
