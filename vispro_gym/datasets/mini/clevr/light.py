"""Light and surfaces of the mini CLEVR pictures: lamps, rubber, metal.

Rubber scatters light. Metal mirrors the floor, the lamps and the objects nearby; it scatters a little, so that its color shows.
Light is linear, one row each for red, green and blue. Points, normals and rays have shape `(3, n)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vispro_gym.datasets.mini.clevr.geometry import Array, Solid, column, dot, unit

COLORS: dict[str, tuple[int, int, int]] = {
    "gray": (96, 98, 102),
    "red": (186, 40, 38),
    "blue": (44, 80, 205),
    "green": (34, 122, 34),
    "brown": (133, 78, 30),
    "purple": (134, 50, 184),
    "cyan": (44, 192, 194),
    "yellow": (236, 206, 44),
}
"""sRGB colors of the surfaces."""

BEVEL = 0.07
"""Width of the rounded edges of cubes and cylinders, in world units."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A round lamp that faces the middle of the floor.

    Attributes:
        position: World coordinates of its middle.
        radius: In world units.
        power: How much light it sends; linear light on a white surface at distance 1.
        tint: Red, green and blue shares of its light.
        samples: Number of points on the lamp that shadows are computed for.
    """

    position: tuple[float, float, float]
    radius: float
    power: float
    tint: tuple[float, float, float]
    samples: int

    @cache  # noqa: B019 - all lamps are module constants
    def points(self) -> Array:
        """Points spread evenly over the lamp, shape `(3, samples)`."""
        axis = np.array(self.position) / math.dist(self.position, (0, 0, 0))
        side = np.cross(axis, (0.0, 0.0, 1.0))
        side /= np.linalg.norm(side)
        k = np.arange(self.samples)
        radius = self.radius * np.sqrt((k + 0.5) / self.samples)
        angle = k * math.pi * (3 - math.sqrt(5))  # the golden angle leaves no gaps and no clumps
        disc = radius * np.cos(angle) * column(side) + radius * np.sin(angle) * column(np.cross(axis, side))
        spread: Array = (column(self.position) + disc).astype(np.float32)
        return spread


_KEY = Lamp((5.6, 0.6, 6.6), 0.9, 34.0, (1.0, 0.965, 0.91), 9)
_FILL = Lamp((-3.8, -6.2, 5.2), 1.2, 13.0, (0.88, 0.94, 1.0), 5)
_BACK = Lamp((-5.4, 5.6, 6.4), 1.2, 24.0, (0.97, 0.98, 1.0), 5)
LAMPS = (_KEY, _FILL, _BACK)

AMBIENT = column([0.118, 0.121, 0.127])
FLOOR_ALBEDO = np.float32(0.41)


def lamp_light(lamp: Lamp, points: Array, normals: Array) -> Array:
    """Light that a lamp sends onto surfaces if nothing is between, shape `(3, n)`."""
    toward = column(lamp.position) - points
    squared = dot(toward, toward)
    strength: Array = np.maximum(dot(toward, normals), 0) / (squared * np.sqrt(squared))  # cosine by squared distance
    return strength * (np.float32(lamp.power) * column(lamp.tint))


def contact(points: Array, solid: Solid) -> Array:
    """Share of the light from all around that a solid hides from floor points, shape `(n,)`; that of a ball of its size."""
    x, y, height = points[0] - np.float32(solid.x), points[1] - np.float32(solid.y), np.float32(solid.half_height)
    squared = x * x + y * y + height * height
    hidden: Array = np.minimum(height * np.float32(solid.half_width) ** 2 / (squared * np.sqrt(squared)), 1)
    return hidden


def upward(points: Array) -> Array:
    """The floor's normal, once for each point."""
    return np.broadcast_to(column([0, 0, 1]), points.shape)


def _scattered(points: Array, normals: Array, solid: Solid, surface: Array) -> Array:
    """Light that a dull surface scatters."""
    up = 0.5 + 0.5 * normals[2]
    # The floor sends light back, but little from close by, where the solid shades it.
    ground = np.clip(0.25 + 0.75 * points[2] / np.float32(1.2 * solid.half_height), 0, 1)
    light: Array = AMBIENT * (1.5 * up) + 0.16 * (1 - up) * ground
    for lamp in LAMPS:
        light += lamp_light(lamp, points, normals)
    return light * surface


def rubber(points: Array, normals: Array, rays: Array, solid: Solid, surface: Array) -> Array:
    """The light of a rubber solid.

    Args:
        points: World coordinates on its surface.
        normals: Unit normals there.
        rays: Unit directions from the camera to the points.
        solid: The solid.
        surface: Its color as the share of light that it returns, shape `(3, 1)`.

    Returns:
        Linear light, shape `(3, n)`.
    """
    light = _scattered(points, normals, solid, surface)
    for lamp in LAMPS:
        halfway = unit(unit(column(lamp.position) - points) - rays)
        light += np.float32(0.0022 * lamp.power) * np.maximum(dot(halfway, normals), 0) ** 14
    return light


def metal(
    points: Array, normals: Array, rays: Array, solid: Solid, surface: Array, others: Sequence[tuple[Solid, Array]]
) -> Array:
    """The light of a metal solid; arguments as for `rubber`, and `others`, the solids nearby with their colors."""
    mirrored = unit(rays - 2 * dot(rays, normals) * normals)
    seen = _surroundings(points, mirrored, solid, others)
    tint = 0.16 + 1.5 * surface
    light: Array = seen * np.minimum(tint, 1) + 0.42 * _scattered(points, normals, solid, surface)
    for lamp in LAMPS:
        toward = unit(column(lamp.position) - points)
        cosine = dot(toward, mirrored)
        size = lamp.radius / math.dist(lamp.position, (0, 0, 0))
        edge = math.cos(0.6 * size), math.cos(0.6 * size + 0.06)
        glow = np.clip((cosine - edge[1]) / (edge[0] - edge[1]), 0, 1)
        halo = np.maximum(cosine, 0) ** 40
        light += np.float32(lamp.power) * (0.03 * glow * glow * (3 - 2 * glow) + 0.007 * halo)
    return light


def _surroundings(points: Array, rays: Array, solid: Solid, others: Sequence[tuple[Solid, Array]]) -> Array:
    """What a mirror at the points shows: the floor below, a dim room above, other objects in between."""
    down = rays[2] < -1e-3
    seen = np.tile(0.035 + 0.17 * (1 - np.clip(rays[2], 0, 1)) ** 3, (3, 1))
    reach = -points[2] / np.where(down, rays[2], np.float32(-1))
    floor = (points + rays * reach)[:, down]
    light = np.tile(AMBIENT, floor.shape[1])
    for lamp in LAMPS:
        light += lamp_light(lamp, floor, upward(floor))
    shade = 1 - 0.85 * contact(floor, solid)
    for other, _ in others:
        shade *= 1 - 0.85 * contact(floor, other)
    fade = np.exp(-0.02 * reach[down] ** 2)
    seen[:, down] = fade * light * FLOOR_ALBEDO * shade + (1 - fade) * 0.2
    nearest = np.where(down, reach, np.float32(np.inf))
    for other, surface in others:
        distance = other.hit(points, rays)
        hit = np.flatnonzero(distance < nearest)
        if len(hit):
            nearest[hit] = distance[hit]
            places = points[:, hit] + rays[:, hit] * distance[hit]
            seen[:, hit] = _scattered(places, other.normals(places, BEVEL), other, surface)
    return seen
