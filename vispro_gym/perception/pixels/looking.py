"""What trained networks see in one picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vispro_gym.datasets.scene import Box, iou
from vispro_gym.perception.pixels.network import CELL, Eyes, frames, seen
from vispro_gym.perception.pixels.parts import as_tensor, cut, shrunk

_SURE = 0.35  # least score of a thing
_SAME = 0.5  # boxes of one group with a larger IoU are one thing
_MOST = 60
_CORRECTIONS = 3  # of each box
_LOOKING = threading.Lock()  # the number of threads is one for the whole process
_EDGE = 2  # pixels of the picture that a box must reach into


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found.

    Attributes:
        name: What it is.
        box: Where, `(left, top, right, bottom)` in pixels, origin upper left; may reach beyond the picture.
        values: Its attributes by category; none has the value "".
    """

    name: str
    box: Box
    values: dict[str, str]


def look(eyes: Eyes, pixels: NDArray[np.uint8]) -> tuple[list[Found], dict[str, str]]:
    """What a picture shows.

    Pictures go through the networks one by one: in batches, the last digits of sums depend on the size of the batch, and on a
    processor batches are hardly quicker.

    Args:
        eyes: Trained for pictures of this kind.
        pixels: uint8 of shape `(height, width, 3)`.

    Returns:
        The things, the surest first, and the facts on the whole picture.
    """
    with _LOOKING:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # pictures are small: more threads wait for each other, and may add up in another order
        try:
            with torch.inference_mode():
                return _look(eyes, Image.fromarray(pixels))
        finally:
            torch.set_num_threads(threads)


def _look(eyes: Eyes, image: Image.Image) -> tuple[list[Found], dict[str, str]]:
    kind = eyes.kind
    maps, geometry, told = eyes.finder(as_tensor([shrunk(image)]))
    facts = {key: values[int(scores.argmax())] for (key, values), scores in zip(kind.facts.items(), told, strict=True)}
    facts = {key: value for key, value in facts.items() if value}
    boxes, groups = _boxes(maps[0].sigmoid(), geometry[0])
    for _turn in range(_CORRECTIONS if len(boxes) else 0):
        known, _ = eyes.describer(_seen(image, boxes), frames(boxes), groups)
        boxes = eyes.describer.correct(known, boxes)
    boxes, groups = _distinct(boxes, groups, image.size)
    if not len(boxes):
        return [], facts
    known, named = eyes.describer(_seen(image, boxes), frames(boxes), groups)
    names = named.argmax(dim=1)
    scores = eyes.describer.describe(known, names)
    chosen = torch.stack([score.argmax(dim=1) for score in scores], dim=1).tolist()
    found = []
    for name, box, positions in zip(names.tolist(), boxes.tolist(), chosen, strict=True):
        values = {key: values[i] for (key, values), i in zip(kind.attributes.items(), positions, strict=True)}
        found.append(Found(kind.names[name], tuple(box), {key: value for key, value in values.items() if value}))
    return found, facts


def _boxes(chances: Tensor, geometry: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes, in pixels, and groups of the cells that are surer than those about them, the surest first."""
    highest = functional.max_pool2d(chances[None], 3, 1, 1)[0]
    groups, rows, columns = torch.nonzero((chances == highest) & (chances > _SURE), as_tuple=True)
    order = chances[groups, rows, columns].argsort(descending=True, stable=True)[:_MOST]
    groups, rows, columns = groups[order], rows[order], columns[order]
    placed = geometry[groups, :, rows, columns]
    middles = (placed[:, :2] + torch.stack([columns, rows], dim=1) + 0.5) * CELL
    halves = placed[:, 2:].clamp(max=5).exp() * CELL / 2
    return torch.cat([middles - halves, middles + halves], dim=1), groups


def _distinct(boxes: Tensor, groups: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The boxes that are in a picture of this size, without those that show what a surer one shows already."""
    kept: list[int] = []
    corners, of = boxes.tolist(), groups.tolist()
    for i, (left, top, right, bottom) in enumerate(corners):
        if right <= _EDGE or bottom <= _EDGE or left >= size[0] - _EDGE or top >= size[1] - _EDGE:
            continue
        if all(of[i] != of[j] or iou(corners[i], corners[j]) <= _SAME for j in kept):
            kept.append(i)
    return boxes[kept], groups[kept]


def _seen(image: Image.Image, boxes: Tensor) -> Tensor:
    return seen(as_tensor([cut(image, box) for box in boxes.tolist()]))
