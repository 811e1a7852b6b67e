"""The two networks that see pictures of one kind: one finds things, the other says what they are.

The finder is a small CenterNet (Zhou et al., "Objects as Points", 2019). It sees the picture at half its size and makes features
on a grid of cells of 8x8 pixels. For each group of names a map says in which cells there is the middle of a thing, and from the
features there follow its box and, from those of all cells, the facts on the whole picture. The describer sees the part of the
picture in the box, scaled to one size, and tells how the box should be changed to fit, what it shows, and its attributes.
"""

from __future__ import annotations

import math
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from vispro_gym.perception.pixels.kinds import Kind

CELL = 8
"""Side of a cell in pixels."""
SHRINK = 2
"""How many times smaller than the picture is what the finder sees."""
SIDE = 40
"""Side in pixels of what the describer sees."""
MARGIN = 0.2
"""What the describer sees around a box, on each side, as a share of the box."""

_GEOMETRY = 4  # middle (x, y) from the middle of its cell in cells, log of width and height in cells
_PLACES = 8  # rows and columns of places in what the describer sees
_DIRECTIONS = 8  # of edges
_SEEN = _PLACES**2 * (_DIRECTIONS + 6) + 2 * (_PLACES // 2) ** 2
_RARE = -4.0  # maps at first: few cells hold a middle


class Finder(nn.Module):
    """Finds the things in pictures of one kind.

    Args:
        kind: The kind.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.groups = max(kind.groups) + 1
        self.fact_sizes = [len(values) for values in kind.facts.values()]
        self.near = nn.Sequential(_convolution(4, 16, 2), _convolution(16, 32, 2), _Residual(32))
        self.far = nn.Sequential(_convolution(32, 64, 2), _Residual(64), _Residual(64))
        self.lateral = nn.Conv2d(32, 48, 1)
        self.upward = nn.Conv2d(64, 48, 1)
        self.joined = _convolution(48, 48, 1)
        self.maps = nn.Conv2d(48, self.groups, 1)
        assert self.maps.bias is not None
        nn.init.constant_(self.maps.bias, _RARE)
        self.geometry = nn.Conv2d(48, self.groups * _GEOMETRY, 1)
        self.telling = nn.ModuleList(nn.Linear(2 * 64, size) for size in self.fact_sizes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Looks at pictures.

        Args:
            pictures: Of half size, shape `(n, 3, height, width)`, 0.0 to 1.0.

        Returns:
            Maps before the sigmoid, shape `(n, groups, rows, columns)`; middles and log sizes, shape
            `(n, groups, 4, rows, columns)`; and for each fact the scores of its values before the softmax, shape `(n, values)`.
        """
        count, _, height, width = pictures.shape
        row = torch.linspace(-0.5, 0.5, height)[None, None, :, None].expand(count, 1, height, width)
        near = self.near(torch.cat([pictures - 0.5, row], dim=1).contiguous(memory_format=torch.channels_last))
        far = self.far(near)
        upward = functional.interpolate(self.upward(far), size=near.shape[-2:], mode="nearest")
        features = self.joined(functional.relu(self.lateral(near) + upward))
        whole = torch.cat([far.mean(dim=(2, 3)), far.amax(dim=(2, 3))], dim=1)
        geometry = self.geometry(features).unflatten(1, (self.groups, _GEOMETRY))
        return self.maps(features), geometry, [tell(whole) for tell in self.telling]


class Describer(nn.Module):
    """Says what the things of one kind of pictures are.

    Args:
        kind: The kind.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        names, self.sizes = len(kind.names), [len(values) for values in kind.attributes.values()]
        self.knowing = nn.Sequential(
            nn.Linear(_SEEN + 3, 320),
            nn.BatchNorm1d(320),
            nn.ReLU(inplace=True),
            nn.Linear(320, 160),
            nn.ReLU(inplace=True),
        )
        self.naming = nn.Linear(160, names)
        self.words = nn.Embedding(names, 160)
        self.describing = nn.Linear(160, sum(self.sizes))
        self.correcting = nn.Linear(160, _GEOMETRY)
        groups = torch.tensor(kind.groups)
        self.register_buffer("grouped", torch.arange(max(kind.groups) + 1)[:, None] == groups[None], persistent=False)
        # Which values of attributes a name may have; training fills it in.
        self.register_buffer("possible", torch.zeros(names, sum(self.sizes), dtype=torch.bool))
        self.grouped: Tensor
        self.possible: Tensor

    def forward(self, features: Tensor, frames: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Looks at parts of pictures.

        Args:
            features: What `seen` makes of the parts, shape `(n, numbers)`.
            frames: See `frames`; shape `(n, 3)`.
            groups: The groups of the things, int64 of shape `(n,)`.

        Returns:
            What is known of each, for `describe`, and scores of names before the softmax, shape `(n, names)`.
        """
        known = self.knowing(torch.cat([features, frames], dim=1))
        return known, self.naming(known).masked_fill(~self.grouped[groups], -1000.0)

    def correct(self, known: Tensor, boxes: Tensor) -> Tensor:
        """Boxes that fit better, shape `(n, 4)`.

        Args:
            known: What is known of each.
            boxes: `(left, top, right, bottom)` in pixels, shape `(n, 4)`.
        """
        middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        change = self.correcting(known)
        middles = middles + sizes * change[:, :2]
        halves = sizes * change[:, 2:].clamp(-1, 1).exp() / 2
        return torch.cat([middles - halves, middles + halves], dim=1)

    def describe(self, known: Tensor, names: Tensor) -> list[Tensor]:
        """The attributes of things that are called by certain names.

        Args:
            known: What is known of each.
            names: Positions of the names, int64 of shape `(n,)`.

        Returns:
            For each category the scores of its values before the softmax; values that a name cannot have score minus a thousand.
        """
        scores = self.describing(known * (1 + self.words(names))).masked_fill(~self.possible[names], -1000.0)
        return list(scores.split(self.sizes, dim=1))


class Eyes(nn.Module):
    """Both networks of one kind of pictures."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.finder = Finder(kind)
        self.describer = Describer(kind)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def seen(parts: Tensor) -> Tensor:
    """What the describer learns from: edges by direction, colours, and the darkest and brightest, each by place.

    Edges are counted as in histograms of oriented gradients (Dalal and Triggs, 2005), relative to those nearby, so that light
    matters little; a network would need more time to learn the like.

    Args:
        parts: Shape `(n, 3, SIDE, SIDE)`, 0.0 to 1.0.

    Returns:
        Shape `(n, numbers)`.
    """
    padded = functional.pad(parts, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    strength, channel = (across**2 + down**2).max(dim=1, keepdim=True)  # the colour channel with the clearest edge
    across, down = across.gather(1, channel), down.gather(1, channel)
    strength = (strength + 1e-8).sqrt()
    edges = []
    for i in range(_DIRECTIONS):
        angle = math.pi * i / _DIRECTIONS
        likeness = (across * math.cos(angle) + down * math.sin(angle)).abs() / strength
        edges.append(strength * (likeness - math.cos(math.pi / _DIRECTIONS)).clamp(min=0))
    pooled = functional.adaptive_avg_pool2d(torch.cat(edges, dim=1), _PLACES)
    nearby = functional.avg_pool2d(pooled.sum(dim=1, keepdim=True), 3, 1, 1, count_include_pad=False)
    pooled = (pooled / (nearby + 2e-3)).sqrt()
    light = parts.mean(dim=1, keepdim=True)
    brightest = functional.adaptive_max_pool2d(light, _PLACES // 2)
    darkest = -functional.adaptive_max_pool2d(-light, _PLACES // 2)
    colors = functional.adaptive_avg_pool2d(parts, _PLACES)
    tints = 2 * colors / (colors.sum(dim=1, keepdim=True) + 0.05)  # the same in all light
    return torch.cat([part.flatten(1) for part in (pooled, 2 * colors - 1, tints, brightest, darkest)], dim=1)


def frames(boxes: Tensor) -> Tensor:
    """What a scaled part no longer shows: log of width and height, and how low the box is; shape `(n, 3)`.

    Args:
        boxes: `(left, top, right, bottom)` in pixels, shape `(n, 4)`.
    """
    sizes = ((boxes[:, 2:] - boxes[:, :2]) / 64).clamp(min=0.03).log()
    return torch.cat([sizes, boxes[:, 3:] / 160 - 1], dim=1)


def starts(sizes: list[int]) -> list[int]:
    """Where each of several groups of so many values begins in all of them."""
    return [0, *accumulate(sizes)][:-1]


def _convolution(inputs: int, outputs: int, step: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, step, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 1)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.second(self.first(features)))
