"""The fixed camera of the mini CLEVR pictures and the solids that stand before it.

World coordinates follow CLEVR: z points up, the floor is z = 0, objects stand within 3 units of the origin. The camera stands
where CLEVR's does and has the same focal length. Pixel coordinates have their origin in the upper left corner of the picture, x
pointing right and y pointing down.

Points and rays are float32 arrays of shape `(3, n)`: all x, all y, all z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 480, 320
FOCAL_LENGTH = 525.0
"""In pixels: a length of 1 at a depth of 1 covers this many pixels."""

RIGHT = (0.6563112735748291, 0.7544902563095093, 0.0)
BEHIND = (-0.7544902563095093, 0.6563112735748291, 0.0)
"""The camera's right and forward directions along the floor; the cardinal directions of CLEVR's relations."""

_PITCH = math.radians(28.85)  # how far the camera looks down
_DISTANCE = 11.27  # from the camera to the origin, which it looks at

_RIGHT_AXIS = np.array(RIGHT)
_FORWARD_AXIS = np.array([BEHIND[0] * math.cos(_PITCH), BEHIND[1] * math.cos(_PITCH), -math.sin(_PITCH)])
_DOWN_AXIS = np.cross(_FORWARD_AXIS, _RIGHT_AXIS)
CAMERA = -_DISTANCE * _FORWARD_AXIS
"""Where the camera is, in world coordinates."""

_TINY = np.float32(1e-6)
_ON_SURFACE = np.float32(1e-3)


def project(point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Pixel position and depth of a point.

    Args:
        point: World coordinates.

    Returns:
        `(x, y, depth)`: pixels, pixels, and the distance along the viewing direction in world units.
    """
    ray = np.array(point) - CAMERA
    depth = float(ray @ _FORWARD_AXIS)
    scale = FOCAL_LENGTH / depth
    return WIDTH / 2 + scale * float(ray @ _RIGHT_AXIS), HEIGHT / 2 + scale * float(ray @ _DOWN_AXIS), depth


def camera_rays(x: Array, y: Array) -> Array:
    """Directions from the camera through pixel positions, of depth 1.

    Args:
        x: Pixel columns, shape `(n,)`.
        y: Pixel rows, shape `(n,)`.

    Returns:
        Shape `(3, n)`.
    """
    across, down = (x - WIDTH / 2) / FOCAL_LENGTH, (y - HEIGHT / 2) / FOCAL_LENGTH
    return (column(_FORWARD_AXIS) + across * column(_RIGHT_AXIS) + down * column(_DOWN_AXIS)).astype(np.float32)


def column(vector: ArrayLike) -> Array:
    """Three numbers as an array of shape `(3, 1)`, ready to be combined with points."""
    return np.asarray(vector, dtype=np.float32).reshape(3, 1)


def unit(vectors: Array) -> Array:
    """The vectors scaled to length 1; shape `(3, n)` in and out."""
    return vectors * (1 / np.sqrt(np.maximum(dot(vectors, vectors), _TINY)))


def dot(a: Array, b: Array) -> Array:
    """Scalar products of two arrays of vectors, shape `(3, n)`; the result has shape `(n,)`."""
    product: Array = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


@dataclass(frozen=True, slots=True)
class Solid:
    """A cube, sphere or cylinder that stands on the floor.

    Attributes:
        shape: "cube", "sphere" or "cylinder".
        x: World coordinate of the centre.
        y: World coordinate of the centre.
        half_width: Radius, or half the edge of a cube.
        half_height: Half the height, which is also the height of the centre over the floor.
        rotation: Degrees about the vertical axis, counter-clockwise seen from above.
    """

    shape: str
    x: float
    y: float
    half_width: float
    half_height: float
    rotation: float

    @property
    def center(self) -> tuple[float, float, float]:
        """World coordinates of the centre."""
        return (self.x, self.y, self.half_height)

    @property
    def footprint(self) -> float:
        """Radius of an upright cylinder about the centre that holds the solid."""
        return self.half_width * (math.sqrt(2) if self.shape == "cube" else 1.0)

    @property
    def bound(self) -> float:
        """Radius of a ball about the centre that holds the solid."""
        return self.half_width if self.shape == "sphere" else math.hypot(self.footprint, self.half_height)

    def hit(self, origins: Array, directions: Array) -> Array:
        """How far along each ray it enters the solid, infinite where it passes by.

        Args:
            origins: Shape `(3, n)`, or `(3, 1)` if all rays start at one point.
            directions: Of any length, shape `(3, n)`.

        Returns:
            Multiples of the direction, shape `(n,)`; negative where the ray starts inside.
        """
        start = self._to_local(origins - column(self.center))
        ray = self._to_local(directions)
        if self.shape == "cube":
            near_x, far_x = _slab(start[0], ray[0], self.half_width)
            near_y, far_y = _slab(start[1], ray[1], self.half_width)
            near_z, far_z = _slab(start[2], ray[2], self.half_height)
            near = np.maximum(np.maximum(near_x, near_y), near_z)
            far = np.minimum(np.minimum(far_x, far_y), far_z)
        elif self.shape == "sphere":
            near, far = _ball(start, ray, self.half_width)
        else:
            near_side, far_side = _ball(start[:2], ray[:2], self.half_width)
            near_z, far_z = _slab(start[2], ray[2], self.half_height)
            near, far = np.maximum(near_side, near_z), np.minimum(far_side, far_z)
        return np.where((near < far) & (far > _ON_SURFACE), near, np.float32(np.inf))

    def normals(self, points: Array, bevel: float) -> Array:
        """Outward unit normals at points on the surface.

        Args:
            points: World coordinates, shape `(3, n)`.
            bevel: Width of the rounded edges of cubes and cylinders, in world units. Only the normals are rounded, which
                is enough for edges to catch the light.

        Returns:
            Shape `(3, n)`.
        """
        local = self._to_local(points - column(self.center))
        if self.shape == "sphere":
            return unit(local)
        flat, flat_height = self.half_width - bevel, self.half_height - bevel
        if self.shape == "cube":
            core = np.clip(local, column([-flat, -flat, -flat_height]), column([flat, flat, flat_height]))
        else:
            radius = np.sqrt(local[0] ** 2 + local[1] ** 2)
            core = local * np.minimum(1, flat / np.maximum(radius, _TINY))
            core[2] = np.clip(local[2], -flat_height, flat_height)
        return self._from_local(unit(local - core))

    def _to_local(self, vectors: Array) -> Array:
        return vectors if self.shape != "cube" else _turn(vectors, -self.rotation)

    def _from_local(self, vectors: Array) -> Array:
        return vectors if self.shape != "cube" else _turn(vectors, self.rotation)


def _turn(vectors: Array, degrees: float) -> Array:
    cosine, sine = np.float32(math.cos(math.radians(degrees))), np.float32(math.sin(math.radians(degrees)))
    x, y, z = vectors
    return np.stack([x * cosine - y * sine, x * sine + y * cosine, z])


def _slab(start: Array, ray: Array, half: float) -> tuple[Array, Array]:
    """Where rays enter and leave the region within `half` of zero along one axis."""
    step = 1 / np.where(np.abs(ray) < _TINY, _TINY, ray)
    middle, reach = -start * step, np.abs(step) * np.float32(half)
    return middle - reach, middle + reach


def _ball(start: Array, ray: Array, radius: float) -> tuple[Array, Array]:
    """Where rays enter and leave a ball (three rows of coordinates) or an upright cylinder (two rows) about the origin."""
    a = np.maximum((ray * ray).sum(axis=0), _TINY)
    b = (start * ray).sum(axis=0)
    c = (start * start).sum(axis=0) - np.float32(radius * radius)
    discriminant = b * b - a * c
    root = np.sqrt(np.maximum(discriminant, 0))
    miss = discriminant < 0
    near = np.where(miss, np.float32(np.inf), (-b - root) / a)
    return near, np.where(miss, -np.float32(np.inf), (-b + root) / a)
