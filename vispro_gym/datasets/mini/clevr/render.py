"""Pictures of the mini CLEVR scenes: a small ray caster in numpy.

The floor is lit on a coarse grid, where each object takes away the light of the lamps that it hides (soft shadows) and some light
from everywhere (contact shadow). Then the objects are drawn from far to near, each in its own patch of the picture, with more
rays where its outline cuts through pixels. Light is linear until the last step, which takes its square root, much as sRGB does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vispro_gym.datasets.mini.clevr.geometry import (
    CAMERA,
    HEIGHT,
    WIDTH,
    Array,
    Solid,
    camera_rays,
    column,
    dot,
    project,
    unit,
)
from vispro_gym.datasets.mini.clevr.light import (
    AMBIENT,
    BEVEL,
    COLORS,
    FLOOR_ALBEDO,
    LAMPS,
    Lamp,
    contact,
    lamp_light,
    metal,
    rubber,
    upward,
)

_FLOOR_CELL = 4  # pixels between two points of the floor grid
_OUTLINE_RAYS = 3  # rays along each side of a pixel on the outline of an object
_MIRRORED_DISTANCE = 2.6  # farther objects would be specks in a mirror


def render(solids: Sequence[Solid], colors: Sequence[str], materials: Sequence[str]) -> NDArray[np.uint8]:
    """Draws a scene.

    Args:
        solids: The objects' forms and places.
        colors: Their colors, keys of `COLORS`.
        materials: Their materials, "rubber" or "metal".

    Returns:
        RGB pixels, shape `(HEIGHT, WIDTH, 3)`.
    """
    picture = _floor(solids)
    surfaces = [(column(COLORS[color]) / 255) ** 2 for color in colors]
    for i in sorted(range(len(solids)), key=lambda i: -project(solids[i].center)[2]):
        _draw(picture, solids, surfaces, i, materials[i])
    encoded = (np.sqrt(np.clip(picture, 0, 1)) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(encoded.reshape(3, HEIGHT, WIDTH).transpose(1, 2, 0))


@dataclass(frozen=True, slots=True)
class _FloorGrid:
    """The empty floor, which is the same in all pictures.

    Attributes:
        points: World coordinates of the grid points, row by row, shape `(3, n)`.
        lights: Light of each lamp on them, each of shape `(3, n)`.
        toward: Unit vectors from them to each lamp, each of shape `(3, n)`.
        albedo: Share of the light that is seen; a little less in the corners of the picture; shape `(n,)`.
    """

    points: Array
    lights: list[Array]
    toward: list[Array]
    albedo: Array


@cache
def _floor_grid() -> _FloorGrid:
    y, x = np.mgrid[0 : HEIGHT // _FLOOR_CELL, 0 : WIDTH // _FLOOR_CELL].astype(np.float32).reshape(2, -1)
    x, y = (x + 0.5) * _FLOOR_CELL, (y + 0.5) * _FLOOR_CELL
    rays = camera_rays(x, y)
    points = column(CAMERA) - rays * (np.float32(CAMERA[2]) / rays[2])
    points[2] = 0
    corner = (x / WIDTH - 0.5) ** 2 + (y / HEIGHT - 0.5) ** 2
    return _FloorGrid(
        points=points,
        lights=[lamp_light(lamp, points, upward(points)) for lamp in LAMPS],
        toward=[unit(column(lamp.position) - points) for lamp in LAMPS],
        albedo=FLOOR_ALBEDO * (1 - np.float32(0.3) * corner),
    )


def _floor(solids: Sequence[Solid]) -> Array:
    """The floor with all shadows, linear light of shape `(3, HEIGHT * WIDTH)`."""
    grid = _floor_grid()
    openness = np.ones(grid.points.shape[1], dtype=np.float32)
    for solid in solids:
        openness *= 1 - contact(grid.points, solid)
    light = AMBIENT * openness
    for lamp, full_light, toward in zip(LAMPS, grid.lights, grid.toward, strict=True):
        visible = 0.55 + 0.45 * openness
        for solid in solids:
            _cast_shadow(visible, grid.points, lamp, toward, solid)
        light += full_light * visible
    light = (light * grid.albedo).reshape(3, HEIGHT // _FLOOR_CELL, WIDTH // _FLOOR_CELL)
    channels = [Image.fromarray(channel) for channel in light]
    return np.stack([np.asarray(c.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)).ravel() for c in channels])


def _cast_shadow(visible: Array, points: Array, lamp: Lamp, toward: Array, solid: Solid) -> None:
    """Multiplies the share of a lamp that each floor point sees by the share that a solid leaves.

    Args:
        visible: Shares so far, shape `(n,)`, changed in place.
        points: Shape `(3, n)`.
        lamp: The lamp.
        toward: Unit vectors from the points to the lamp, shape `(3, n)`.
        solid: The solid.
    """
    center = column(solid.center) - points
    along = dot(center, toward)
    # Seen from the floor, the lamp's own size widens the cone in which the solid can hide some of it.
    reach = np.float32(solid.bound) + np.float32(lamp.radius / math.dist(lamp.position, (0, 0, 0))) * along
    near = np.flatnonzero((along > 0) & (dot(center, center) - along * along < reach * reach))
    if not len(near):
        return
    lamp_points = lamp.points()
    origins = np.repeat(points[:, near], lamp.samples, axis=1)
    rays = np.tile(lamp_points, len(near)) - origins
    free = np.isinf(solid.hit(origins, rays)).reshape(len(near), lamp.samples)
    visible[near] *= free.mean(axis=1, dtype=np.float32)


@cache
def _picture_rays() -> Array:
    """The ray through the middle of each pixel, shape `(3, HEIGHT, WIDTH)`."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32).reshape(2, -1)
    return camera_rays(x + 0.5, y + 0.5).reshape(3, HEIGHT, WIDTH)


def _patch(solid: Solid) -> tuple[int, int, int, int]:
    """A part of the picture that holds the whole solid: `(left, top, right, bottom)` in pixels."""
    reach = solid.footprint
    corners = [
        project((solid.x + x, solid.y + y, z))
        for x in (-reach, reach)
        for y in (-reach, reach)
        for z in (0.0, 2 * solid.half_height)
    ]
    xs, ys = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return (
        max(0, math.floor(min(xs))),
        max(0, math.floor(min(ys))),
        min(WIDTH, math.ceil(max(xs))),
        min(HEIGHT, math.ceil(max(ys))),
    )


def _draw(picture: Array, solids: Sequence[Solid], surfaces: Sequence[Array], index: int, material: str) -> None:
    """Draws one object over what is there.

    Args:
        picture: Linear light, shape `(3, HEIGHT * WIDTH)`, changed in place.
        solids: All solids of the scene.
        surfaces: Their colors, each of shape `(3, 1)`.
        index: The one to draw.
        material: Its material.
    """
    solid = solids[index]
    left, top, right, bottom = _patch(solid)
    rays = _picture_rays()[:, top:bottom, left:right].reshape(3, -1)
    distance = solid.hit(column(CAMERA), rays).reshape(bottom - top, right - left)
    covered = np.isfinite(distance).astype(np.float32)
    _smooth_outline(solid, left, top, distance, covered)
    rows, columns = np.nonzero(covered)
    pixels = (rows + top) * WIDTH + columns + left
    rays = _picture_rays().reshape(3, -1).take(pixels, axis=1)
    points = column(CAMERA) + rays * distance[rows, columns]
    normals = solid.normals(points, BEVEL)
    if material == "metal":
        others = [
            (other, surface)
            for other, surface in zip(solids, surfaces, strict=True)
            if other is not solid and math.dist(other.center, solid.center) < _MIRRORED_DISTANCE
        ]
        light = metal(points, normals, unit(rays), solid, surfaces[index], others)
    else:
        light = rubber(points, normals, unit(rays), solid, surfaces[index])
    share = covered[rows, columns]
    picture[:, pixels] = picture.take(pixels, axis=1) * (1 - share) + np.minimum(light, 1) * share


def _smooth_outline(solid: Solid, left: int, top: int, distance: Array, covered: Array) -> None:
    """Sends more rays through the pixels of the outline, which a solid covers in part.

    Args:
        solid: The solid.
        left: Column of the patch's first pixel.
        top: Row of the patch's first pixel.
        distance: How far along each pixel's ray the solid is, shape `(rows, columns)`, changed in place.
        covered: 1 where the solid is, 0 where not, same shape; the outline's pixels get the share that is covered.
    """
    padded = np.pad(covered > 0, 1)
    near = np.stack([padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    rows, columns = np.nonzero(near.any(axis=0) & ~near.all(axis=0))
    offsets = (np.arange(_OUTLINE_RAYS, dtype=np.float32) + 0.5) / _OUTLINE_RAYS
    offset_y, offset_x = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    x, y = (left + columns[:, None] + offset_x).ravel(), (top + rows[:, None] + offset_y).ravel()
    finer = solid.hit(column(CAMERA), camera_rays(x, y)).reshape(len(rows), -1)
    hit = np.isfinite(finer)
    hits = hit.sum(axis=1)
    covered[rows, columns] = hits / np.float32(finer.shape[1])
    distance[rows, columns] = np.where(hit, finer, 0).sum(axis=1) / np.maximum(hits, 1)
