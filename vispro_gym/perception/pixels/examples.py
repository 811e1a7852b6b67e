"""Pictures to learn from: mini scenes that are in no split, and what they show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.mini.clevr.geometry import Solid, project
from vispro_gym.datasets.mini.clevr.render import render
from vispro_gym.datasets.mini.clevr.scenes import COLORS, MATERIALS, RADIUS, SHAPES, SIZES, Thing, overlap
from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, PLACES
from vispro_gym.datasets.mini.gqa.scenes import compose
from vispro_gym.datasets.mini.photos.studio import photograph
from vispro_gym.perception.pixels.kinds import DRAWINGS, SOLIDS, Kind

# Share of the radius that solids fill, least and most. CLEVR's own and those of the mini data are both among them.
_FILL = {
    "cube": ((0.68, 0.82), (0.68, 0.82)),
    "sphere": ((1.0, 1.0), (1.0, 1.0)),
    "cylinder": ((0.84, 1.0), (0.8, 1.0)),
}
_REACH = 3.0  # largest |x| and |y|
_GAP = 0.1  # least free floor between two solids
_LARGEST_OVERLAP = 0.65  # of two boxes, as a share of the smaller one: more than in mini data, as much as in CLEVR


@dataclass(frozen=True)
class Example:
    """One picture and what it shows.

    Attributes:
        pixels: uint8 of shape `(height, width, 3)`.
        boxes: `(left, top, right, bottom)` in pixels, origin upper left; float32 of shape `(n, 4)`.
        names: Positions in the kind's names; int64 of shape `(n,)`.
        groups: Groups of the names; int64 of shape `(n,)`.
        values: Positions in the values of each category of attributes; int64 of shape `(n, categories)`.
        facts: Positions in the values of each fact; int64 of shape `(facts,)`.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    names: NDArray[np.int64]
    groups: NDArray[np.int64]
    values: NDArray[np.int64]
    facts: NDArray[np.int64]


def example(kind: Kind, number: int) -> Example:
    """The example of that number: a function of both."""
    rng = Random(f"pixels {kind.name} {number}")  # no split of mini data is drawn with such a seed
    return _solids(rng) if kind is SOLIDS else _drawing(rng, number)


def _solids(rng: Random) -> Example:
    things: list[Thing] = []
    wanted = rng.randint(4, 10)
    for _ in range(100):
        candidate = _thing(rng)
        if all(_apart(candidate, other) for other in things):
            things.append(candidate)
        if len(things) == wanted:
            break
    pixels = render([thing.solid for thing in things], [thing.color for thing in things], [thing.material for thing in things])
    seen = [(thing.box, thing.shape, {"color": thing.color, "material": thing.material}) for thing in things]
    return _example(SOLIDS, pixels, seen, {})


def _thing(rng: Random) -> Thing:
    shape, size, color, material = (rng.choice(values) for values in (SHAPES, SIZES, COLORS, MATERIALS))
    width, height = (rng.uniform(*between) * RADIUS[size] for between in _FILL[shape])
    x, y, rotation = rng.uniform(-_REACH, _REACH), rng.uniform(-_REACH, _REACH), rng.uniform(0, 360)
    solid = Solid(shape, x, y, width, height, rotation)
    across, down, depth = project(solid.center)
    return Thing(color, shape, size, material, solid, (round(across), round(down), depth))


def _apart(a: Thing, b: Thing) -> bool:
    free = math.hypot(a.solid.x - b.solid.x, a.solid.y - b.solid.y) - a.solid.footprint - b.solid.footprint
    return free >= _GAP and overlap(a, b) <= _LARGEST_OVERLAP


def _drawing(rng: Random, number: int) -> Example:
    draw = (compose, photograph)[number % 2]
    place = list(PLACES)[number // 2 % len(PLACES)]
    image, graph = draw(rng, place, 0)
    seen = []
    for record in graph["objects"].values():
        if record["name"] in PLACES:  # the whole picture
            continue
        values = {ATTRIBUTE_CATEGORY[value] or "state": value for value in record["attributes"]}
        x, y, width, height = (record[key] for key in ("x", "y", "w", "h"))
        seen.append(((x, y, x + width, y + height), record["name"], values))
    return _example(DRAWINGS, np.asarray(image), seen, {"place": place, "weather": graph.get("weather", "")})


def _example(
    kind: Kind,
    pixels: NDArray[np.uint8],
    seen: list[tuple[tuple[float, float, float, float], str, dict[str, str]]],
    facts: dict[str, str],
) -> Example:
    names = np.array([kind.names.index(name) for _, name, _ in seen], np.int64)
    return Example(
        pixels=pixels,
        boxes=np.array([box for box, _, _ in seen], np.float32).reshape(-1, 4),
        names=names,
        groups=np.array(kind.groups, np.int64)[names],
        values=np.array(
            [[options.index(values.get(key, "")) for key, options in kind.attributes.items()] for _, _, values in seen], np.int64
        ).reshape(-1, len(kind.attributes)),
        facts=np.array([options.index(facts[key]) for key, options in kind.facts.items()], np.int64),
    )
