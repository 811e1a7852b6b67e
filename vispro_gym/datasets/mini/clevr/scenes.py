"""Random scenes for the mini CLEVR data, in CLEVR's scene format.

A scene is built by adding one random object after another and keeping those that leave every relation clear: along both floor
directions two objects are at least `_MARGIN` apart, as in CLEVR, and their order in the picture (columns and depth) is the same.
Boxes overlap little, so that no object is hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from vispro_gym.datasets.mini.clevr.geometry import BEHIND, HEIGHT, RIGHT, WIDTH, Solid, project

COLORS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
SHAPES = ("cube", "sphere", "cylinder")
SIZES = ("large", "small")
MATERIALS = ("rubber", "metal")
VALUES = {"size": SIZES, "color": COLORS, "material": MATERIALS, "shape": SHAPES}
"""The attributes of an object in the order in which English names them, each with its values."""

RELATIONS = ("left", "right", "front", "behind")
RADIUS = {"large": 0.7, "small": 0.35}

# Share of the radius that each shape fills, (half width, half height), chosen so that all shapes fill the square box about
# their projected centre about equally.
_FILL = {"cube": (0.78, 0.78), "sphere": (1.0, 1.0), "cylinder": (0.88, 0.84)}

# Half the side of the box about the centre of an object of radius 1 at depth 1, in pixels.
_BOX_PIXELS = 622.0

_FEWEST, _MOST = 3, 8
_REACH = 2.9  # largest |x| and |y|
_MARGIN = 0.4  # least distance along each of the two floor directions
_COLUMN_MARGIN = 7.0  # least distance in pixel columns
_GAP = 0.15  # least free floor between two objects
_DEPTH_MARGIN = 0.15  # least difference in depth
_LARGEST_OVERLAP = 0.2  # of two boxes, as a share of the smaller one
_BORDER = 3.0  # least distance of a box from the edge of the picture, in pixels
_REPEATED_COLOR = 0.3  # probability of taking the color of an object already there
_TRIES = 400

_DIRECTIONS = {
    "right": list(RIGHT),
    "behind": list(BEHIND),
    "above": [0.0, 0.0, 1.0],
    "below": [-0.0, -0.0, -1.0],
    "left": [-value for value in RIGHT],
    "front": [-value for value in BEHIND],
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a scene.

    Attributes:
        color: One of `COLORS`.
        shape: One of `SHAPES`.
        size: One of `SIZES`.
        material: One of `MATERIALS`.
        solid: Form and place in the world.
        pixel: Projected centre and depth, `(x, y, depth)`; pixels with the origin in the upper left corner.
    """

    color: str
    shape: str
    size: str
    material: str
    solid: Solid
    pixel: tuple[int, int, float]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """`(left, top, right, bottom)` in pixels: the square about the projected centre."""
        x, y, depth = self.pixel
        half = _BOX_PIXELS * RADIUS[self.size] / depth
        return (x - half, y - half, x + half, y + half)

    def along(self, direction: Sequence[float]) -> float:
        """Position of the centre along a direction of the floor, in world units."""
        return direction[0] * self.solid.x + direction[1] * self.solid.y


def sample_scene(rng: Random) -> list[Thing]:
    """A random scene of 3 to 8 objects whose relations are clear."""
    wanted = rng.randint(_FEWEST, _MOST)
    while True:
        things: list[Thing] = []
        for _ in range(_TRIES):
            candidate = _sample_thing(rng, things)
            if _inside(candidate) and all(_clear(candidate, other) for other in things):
                things.append(candidate)
            if len(things) == wanted:
                return things


def scene_record(things: list[Thing], split: str, index: int) -> dict[str, Any]:
    """The scene as a record of `CLEVR_{split}_scenes.json`.

    `relationships[r][i]` lists the objects that stand in relation r to object i.
    """
    return {
        "image_index": index,
        "objects": [_object_record(thing) for thing in things],
        "relationships": {
            relation: [
                [j for j, other in enumerate(things) if j != i and other.along(direction) > thing.along(direction)]
                for i, thing in enumerate(things)
            ]
            for relation, direction in _DIRECTIONS.items()
            if relation in RELATIONS
        },
        "image_filename": f"CLEVR_{split}_{index:06d}.png",
        "split": split,
        "directions": _DIRECTIONS,
    }


def _object_record(thing: Thing) -> dict[str, Any]:
    return {
        "color": thing.color,
        "size": thing.size,
        "rotation": thing.solid.rotation,
        "shape": thing.shape,
        "3d_coords": list(thing.solid.center),
        "material": thing.material,
        "pixel_coords": list(thing.pixel),
    }


def _sample_thing(rng: Random, others: list[Thing]) -> Thing:
    color = rng.choice(others).color if others and rng.random() < _REPEATED_COLOR else rng.choice(COLORS)
    shape, size, material = rng.choice(SHAPES), rng.choice(SIZES), rng.choice(MATERIALS)
    width, height = _FILL[shape]
    solid = Solid(
        shape=shape,
        x=round(rng.uniform(-_REACH, _REACH), 6),
        y=round(rng.uniform(-_REACH, _REACH), 6),
        half_width=round(RADIUS[size] * width, 6),
        half_height=round(RADIUS[size] * height, 6),
        rotation=round(rng.uniform(0, 360), 6),
    )
    x, y, depth = project(solid.center)
    return Thing(color, shape, size, material, solid, (round(x), round(y), round(depth, 6)))


def _inside(thing: Thing) -> bool:
    left, top, right, bottom = thing.box
    return left >= _BORDER and top >= _BORDER and right <= WIDTH - _BORDER and bottom <= HEIGHT - _BORDER


def _clear(a: Thing, b: Thing) -> bool:
    """Whether both relations between two objects are clear in the world and in the picture, and neither hides the other."""
    rightward, backward = b.along(RIGHT) - a.along(RIGHT), b.along(BEHIND) - a.along(BEHIND)
    columns, depth = b.pixel[0] - a.pixel[0], b.pixel[2] - a.pixel[2]
    return (
        min(abs(rightward), abs(backward)) >= _MARGIN
        and math.hypot(rightward, backward) >= a.solid.footprint + b.solid.footprint + _GAP
        and columns * rightward > 0
        and abs(columns) >= _COLUMN_MARGIN
        and depth * backward > 0
        and abs(depth) >= _DEPTH_MARGIN
        and overlap(a, b) <= _LARGEST_OVERLAP
    )


def overlap(a: Thing, b: Thing) -> float:
    """The common area of two boxes as a share of the smaller box."""
    (left, top, right, bottom), (left_b, top_b, right_b, bottom_b) = a.box, b.box
    width, height = min(right, right_b) - max(left, left_b), min(bottom, bottom_b) - max(top, top_b)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((right - left) ** 2, (right_b - left_b) ** 2)
