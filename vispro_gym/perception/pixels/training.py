"""Trains the networks on examples that are drawn for it: one to three minutes on two cores, once."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from vispro_gym.perception.pixels.examples import Example, example
from vispro_gym.perception.pixels.kinds import DRAWINGS, SOLIDS, Kind
from vispro_gym.perception.pixels.network import CELL, Describer, Eyes, Finder, frames, seen, starts
from vispro_gym.perception.pixels.parts import as_tensor, cut, shrunk
from vispro_gym.perception.pixels.variation import moved, relit

_PICTURES = 4  # of a batch of the finder
_PARTS = 128  # of a batch of the describer
_CUTS = 3  # of each thing, all slightly beside its box as the finder's boxes are
_SHIFTED, _SCALED, _STRETCHED = 0.16, 0.25, 0.12  # how far beside, how much larger or smaller, in shares of the size
_SOFT = 0.12  # deviation of the bell about a middle in the maps, as a share of the thing's size


@dataclass(frozen=True)
class Plan:
    """How much to train.

    Attributes:
        examples: Different pictures.
        finding: Batches that the finder learns from.
        describing: Batches that the describer learns from.
        variation: How much the light in pictures is varied, 0.0 to 1.0; the camera is, too, if it is more than a half.
    """

    examples: int
    finding: int
    describing: int
    variation: float


PLANS = {SOLIDS.name: Plan(260, 280, 800, 1.0), DRAWINGS.name: Plan(600, 480, 1200, 0.1)}
"""By kind; it is these that decide how long the first use takes."""


def train(kind: Kind, plan: Plan) -> Eyes:
    """Trains the networks; what they learn depends on the arguments and the machine's arithmetic."""
    examples = [example(kind, number) for number in range(plan.examples)]
    torch.manual_seed(0)
    eyes = Eyes(kind)
    random = torch.Generator().manual_seed(0)
    _train_finder(eyes.finder, examples, plan, random)
    _train_describer(eyes.describer, examples, plan, random)
    return eyes.eval()


def _train_finder(finder: Finder, examples: Sequence[Example], plan: Plan, random: torch.Generator) -> None:
    small = [shrunk(Image.fromarray(one.pixels)) for one in examples]

    def loss(chosen: list[int]) -> Tensor:
        pictures = as_tensor([small[i] for i in chosen])
        boxes = [torch.from_numpy(examples[i].boxes) for i in chosen]
        if plan.variation > 0.5:
            pictures, factors, shifts = moved(pictures, random)
            height, width = examples[0].pixels.shape[:2]
            boxes = [_placed(*each, torch.tensor([width, height])) for each in zip(boxes, factors, shifts, strict=True)]
        return _finding_loss(finder, relit(pictures, random, plan.variation), boxes, [examples[i] for i in chosen])

    _descend(finder, loss, len(examples), _PICTURES, plan.finding, random, 4e-3)


def _placed(boxes: Tensor, factor: Tensor, shift: Tensor, size: Tensor) -> Tensor:
    """Where boxes are after `moved`."""
    corners = (boxes.reshape(-1, 2, 2) / size - 0.5) * factor + shift
    low, high = corners.amin(dim=1), corners.amax(dim=1)
    return torch.cat([(low + 0.5) * size, (high + 0.5) * size], dim=1)


def _finding_loss(finder: Finder, pictures: Tensor, boxes: Sequence[Tensor], examples: Sequence[Example]) -> Tensor:
    maps, geometry, told = finder(pictures)
    which = torch.cat([torch.full((len(each),), i) for i, each in enumerate(boxes)])
    groups = torch.from_numpy(np.concatenate([one.groups for one in examples]))
    all_boxes = torch.cat(list(boxes))
    middles = (all_boxes[:, :2] + all_boxes[:, 2:]) / 2 / CELL
    columns, rows = middles[:, 0].long().clamp(0, maps.shape[3] - 1), middles[:, 1].long().clamp(0, maps.shape[2] - 1)
    sizes = ((all_boxes[:, 2:] - all_boxes[:, :2]) / CELL).clamp(min=0.1)
    truth = _bells(maps.shape, which, groups, rows, columns, sizes)
    offsets = middles - torch.stack([columns, rows], dim=1) - 0.5
    placed = geometry[which, groups, :, rows, columns]
    loss = _focal(maps, truth, len(which)) + 2 * functional.l1_loss(placed, torch.cat([offsets, sizes.log()], dim=1))
    facts = torch.from_numpy(np.stack([one.facts for one in examples]))
    for column, scores in enumerate(told):
        loss = loss + 0.2 * functional.cross_entropy(scores, facts[:, column])
    return loss


def _bells(shape: Sequence[int], which: Tensor, groups: Tensor, rows: Tensor, columns: Tensor, sizes: Tensor) -> Tensor:
    """Maps as they should be: 1 in the cells with middles, less in those about them, 0 elsewhere."""
    across = (_SOFT * sizes[:, 0]).clamp(min=0.5)[:, None, None]
    down = (_SOFT * sizes[:, 1]).clamp(min=0.5)[:, None, None]
    y, x = torch.arange(shape[2])[None, :, None], torch.arange(shape[3])[None, None]
    bells = torch.exp(-(((x - columns[:, None, None]) / across) ** 2 + ((y - rows[:, None, None]) / down) ** 2) / 2)
    truth = torch.zeros(shape[0] * shape[1], shape[2], shape[3])
    index = (which * shape[1] + groups)[:, None, None].expand_as(bells)
    return truth.scatter_reduce(0, index, bells, "amax").reshape(tuple(shape))


def _focal(maps: Tensor, truth: Tensor, things: int) -> Tensor:
    """CenterNet's loss of the maps: most cells are empty, and the easy ones count little."""
    chance = maps.sigmoid()
    found = functional.logsigmoid(maps) * (1 - chance) ** 2
    empty = functional.logsigmoid(-maps) * chance**2 * (1 - truth) ** 4
    return -torch.where(truth == 1, found, empty).sum() / max(things, 1)


def _train_describer(describer: Describer, examples: Sequence[Example], plan: Plan, random: torch.Generator) -> None:
    boxes = torch.from_numpy(np.concatenate([one.boxes for one in examples])).repeat_interleave(_CUTS, 0)
    names = torch.from_numpy(np.concatenate([one.names for one in examples]).repeat(_CUTS, 0))
    values = torch.from_numpy(np.concatenate([one.values for one in examples]).repeat(_CUTS, 0))
    groups = torch.from_numpy(np.concatenate([one.groups for one in examples]).repeat(_CUTS, 0))
    for start, column in zip(starts(describer.sizes), values.T, strict=True):
        describer.possible[names, column + start] = True
    describer.possible[~describer.possible.any(dim=1)] = True  # of a name that does not occur, anything is possible
    true, boxes = boxes, _beside(boxes, random)
    change = _change(boxes, true)
    owners = np.repeat(np.arange(len(examples)), [len(one.names) * _CUTS for one in examples])
    images = [Image.fromarray(one.pixels) for one in examples]
    features = torch.cat(
        [
            _features([cut(images[owners[i]], boxes[i].tolist()) for i in chosen], plan, random)
            for chosen in torch.arange(len(boxes)).split(_PARTS)
        ]
    )
    around = frames(boxes)

    def loss(chosen: list[int]) -> Tensor:
        known, named = describer(features[chosen], around[chosen], groups[chosen])
        total = functional.cross_entropy(named, names[chosen])
        total = total + 5 * functional.l1_loss(describer.correcting(known), change[chosen])
        for column, scores in enumerate(describer.describe(known, names[chosen])):
            total = total + functional.cross_entropy(scores, values[chosen, column])
        return total

    _descend(describer, loss, len(boxes), _PARTS, plan.describing, random, 3e-3)


def _features(parts: Sequence[NDArray[np.uint8]], plan: Plan, random: torch.Generator) -> Tensor:
    """What the describer learns from in parts of pictures, in some light."""
    pixels = as_tensor(parts)
    if plan.variation > 0.5:
        mirror = torch.rand(len(parts), 1, 1, 1, generator=random) < 0.5
        pixels = torch.where(mirror, pixels.flip(3), pixels)
    return seen(relit(pixels, random, plan.variation))


def _beside(boxes: Tensor, random: torch.Generator) -> Tensor:
    """Boxes more or less as inexact as those of a finder: how exactly a box fits must not tell what is in it."""
    strength = torch.rand(len(boxes), 1, generator=random)

    def both(most: float, numbers: int) -> Tensor:
        return (2 * torch.rand(len(boxes), numbers, generator=random) - 1) * most * strength

    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    middles = middles + sizes * both(_SHIFTED, 2)
    halves = sizes / 2 * torch.exp(both(_SCALED, 1) + both(_STRETCHED, 2))
    return torch.cat([middles - halves, middles + halves], dim=1)


def _change(boxes: Tensor, true: Tensor) -> Tensor:
    """What `Describer.correct` has to do to boxes: shifts in shares of their sizes, log of the change of the sizes."""
    sizes, right_sizes = boxes[:, 2:] - boxes[:, :2], true[:, 2:] - true[:, :2]
    shifts = ((true[:, :2] + true[:, 2:]) - (boxes[:, :2] + boxes[:, 2:])) / 2 / sizes
    return torch.cat([shifts, (right_sizes / sizes).log()], dim=1)


def _descend(
    network: nn.Module,
    loss: Callable[[list[int]], Tensor],
    count: int,
    batch: int,
    steps: int,
    random: torch.Generator,
    rate: float,
) -> None:
    """Changes a network until a loss, of some of the `count` examples at a time, is small."""
    rounds = math.ceil(steps * batch / count)
    order = torch.cat([torch.randperm(count, generator=random) for _ in range(rounds)]).tolist()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    network.train()
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss(order[step * batch : (step + 1) * batch]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        schedule.step()


if __name__ == "__main__":  # one process for each kind, of one thread: see `weights`
    name, asked, target = sys.argv[1:]
    torch.set_num_threads(1)
    one = next(kind for kind in (SOLIDS, DRAWINGS) if kind.name == name)
    torch.save(train(one, Plan(**json.loads(asked))).state_dict(), target)
