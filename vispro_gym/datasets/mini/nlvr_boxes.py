"""Boxes of coloured shapes as in NLVR: made up at random, and drawn.

Towers stand in the middle of their boxes; other shapes are scattered, and none comes close to another. What touches a wall does
so beyond doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.nlvr import BAR, BOXES, SIDE, TOWER_SIZE, TOWER_X

COLORS = {"black": "Black", "blue": "#0099ff", "yellow": "Yellow"}
"""NLVR's colours, and what its files call them."""
SHAPES = ("circle", "square", "triangle")
SIZES = (10, 20, 30)
TALLEST = 4
"""Most blocks of a tower."""
MOST = 7
"""Most shapes of a box."""

PALETTE = {"ground": (211, 211, 211), "bars": (128, 128, 128), "black": (0, 0, 0), "blue": (0, 153, 255), "yellow": (255, 255, 0)}
"""The colours of the pictures by index."""

_INK = {name: i for i, name in enumerate(PALETTE)}
_STEP = TOWER_SIZE + 1
_APART = 3


@dataclass(frozen=True)
class Shape:
    """One thing in a box.

    Attributes:
        shape: One of `SHAPES`.
        color: A key of `COLORS`.
        size: Side of the bounding square in pixels.
        x: Its left edge.
        y: Its upper edge; 0 is the top of the box.
    """

    shape: str
    color: str
    size: int
    x: int
    y: int

    @property
    def touches_wall(self) -> bool:
        """Whether it touches a wall of its box."""
        return 0 in (self.x, self.y) or SIDE in (self.x + self.size, self.y + self.size)

    @property
    def record(self) -> dict[str, str | int]:
        """How NLVR's files describe it."""
        return {"y_loc": self.y, "size": self.size, "type": self.shape, "x_loc": self.x, "color": COLORS[self.color]}


Box = tuple[Shape, ...]


def make_boxes(rng: Random, arrangement: str) -> tuple[Box, ...]:
    """Three boxes with "tower"s, from the lowest block up, or with "scatter"ed shapes."""
    make = _tower if arrangement == "tower" else _scatter
    return tuple(make(rng) for _ in range(BOXES))


def _tower(rng: Random) -> Box:
    bottom = SIDE - TOWER_SIZE
    return tuple(
        Shape("square", rng.choice(list(COLORS)), TOWER_SIZE, TOWER_X, bottom - _STEP * i) for i in range(rng.randint(1, TALLEST))
    )


def _scatter(rng: Random) -> Box:
    placed: list[Shape] = []
    colors = rng.choices(list(COLORS), k=rng.randint(1, 3))
    for _ in range(rng.randint(1, MOST)):
        for _ in range(20):
            size = rng.choice(SIZES)
            x, y = (_place(rng, SIDE - size) for _ in range(2))
            shape = Shape(rng.choice(SHAPES), rng.choice(colors), size, x, y)
            if not any(_close(shape, other) for other in placed):
                placed.append(shape)
                break
    return tuple(placed)


def _place(rng: Random, free: int) -> int:
    return rng.choice((0, free)) if rng.random() < 0.15 else rng.randint(_APART, free - _APART)


def _close(a: Shape, b: Shape) -> bool:
    return all(start < other + b.size + _APART and other < start + a.size + _APART for start, other in ((a.x, b.x), (a.y, b.y)))


def draw_box(box: Box) -> NDArray[np.uint8]:
    """A box, indices into `PALETTE` of shape `(100, 100)`. Shapes cover the pixels that NLVR's do, but have no soft edges."""
    canvas = np.full((SIDE, SIDE), _INK["ground"], np.uint8)
    for shape in box:
        part = canvas[shape.y : shape.y + shape.size, shape.x : shape.x + shape.size]
        part[_mask(shape.shape, shape.size)] = _INK[shape.color]
    return canvas


@cache
def _mask(shape: str, size: int) -> NDArray[np.bool_]:
    """Which pixels of its bounding square a shape covers."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2  # from the middle
    if shape == "circle":
        return np.asarray(x**2 + y**2 <= ((size + 1) / 2) ** 2)
    if shape == "triangle":
        rows = np.arange(size)[:, None]
        return np.asarray(np.abs(x) < rows // 2 + 1)
    return np.ones((size, size), np.bool_)


def draw_row(boxes: Sequence[NDArray[np.uint8]]) -> Image.Image:
    """A picture of 400x100 pixels with a palette: drawn boxes side by side with bars between them."""
    row = np.full((SIDE, BOXES * SIDE + (BOXES - 1) * BAR), _INK["bars"], np.uint8)
    for i, box in enumerate(boxes):
        left = i * (SIDE + BAR)
        row[:, left : left + SIDE] = box
    image = Image.fromarray(row).convert("P")
    image.putpalette([value for rgb in PALETTE.values() for value in rgb])
    return image
