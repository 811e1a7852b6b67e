"""A small drawing kit for flat illustrations with known extents.

`Pen` draws simple shapes with Pillow on a picture of twice the final size, so that halving it smooths all edges. It works in
local coordinates: `(0, 0)` is the point where the object touches the ground, x points right and y points UP; one unit is one
pixel of the finished picture. `Pen.track` measures what is drawn inside its block, which is how objects get tight boxes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Color = tuple[int, ...]
"""`(red, green, blue)` or `(red, green, blue, alpha)`, 0 to 255."""
Point = tuple[float, float]

OVERSAMPLING = 2
PALETTE: dict[str, RGB] = {
    "red": (212, 66, 62),
    "orange": (240, 140, 52),
    "yellow": (247, 206, 70),
    "green": (88, 160, 84),
    "blue": (62, 118, 196),
    "purple": (136, 92, 176),
    "pink": (241, 146, 178),
    "brown": (140, 93, 60),
    "white": (247, 245, 240),
    "black": (52, 52, 60),
    "gray": (148, 154, 162),
}
"""The color words of the annotations."""
SHADOW: Color = (30, 30, 50, 46)
INK: RGB = (58, 58, 70)
LEAF: RGB = (84, 150, 78)
METAL: RGB = (176, 184, 194)
GLASS: Color = (196, 228, 238, 150)
SKINS: tuple[RGB, ...] = ((250, 214, 184), (232, 184, 146), (196, 142, 104), (140, 94, 66))


def shade(color: Color, amount: float) -> RGB:
    """The color, darker for a negative amount and lighter for a positive one; -1 is black, 1 is white."""
    goal = 255 if amount > 0 else 0
    red, green, blue = (round(part + (goal - part) * abs(amount)) for part in color[:3])
    return red, green, blue


@dataclass(frozen=True)
class Look:
    """The visible attributes of one object, by attribute category; a missing category is not annotated."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, category: str) -> str | None:
        """The value of an attribute category ("color", "material", "size", ...)."""
        return self.values.get(category)

    def is_(self, value: str) -> bool:
        """Whether any category has this value."""
        return value in self.values.values()

    @property
    def rgb(self) -> RGB:
        """The object's color."""
        return PALETTE[self.values["color"]]


class Extent:
    """The bounding box of what was drawn, in oversampled pixels, origin upper left."""

    def __init__(self) -> None:
        self.left = self.top = math.inf
        self.right = self.bottom = -math.inf

    def add(self, left: float, top: float, right: float, bottom: float) -> None:
        """Grow to cover one more rectangle."""
        self.left, self.top = min(self.left, left), min(self.top, top)
        self.right, self.bottom = max(self.right, right), max(self.bottom, bottom)

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """`(x, y, width, height)` in whole pixels of the finished picture of this size, origin upper left."""
        left, top = max(0, round(self.left / OVERSAMPLING)), max(0, round(self.top / OVERSAMPLING))
        right = min(size[0], round(self.right / OVERSAMPLING))
        bottom = min(size[1], round(self.bottom / OVERSAMPLING))
        return left, top, right - left, bottom - top


class Pen:
    """Draws shapes in the local coordinates of the current object.

    Args:
        image: RGB picture, oversampled.
    """

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._origin = (0.0, 0.0)
        self._scale = 1.0
        self._flip = 1
        self._extents: list[Extent] = []
        self._lifted = False

    def move(self, x: float, y: float, scale: float = 1.0, flip: bool = False) -> None:
        """Put the local origin at `(x, y)` of the finished picture (origin upper left); flip mirrors left and right."""
        self._origin, self._scale, self._flip = (x, y), scale, -1 if flip else 1

    @contextmanager
    def shifted(self, x: float, y: float, scale: float = 1.0) -> Iterator[None]:
        """Inside the block the local origin is at the local point `(x, y)`."""
        saved = self._origin, self._scale
        self._origin = (
            self._origin[0] + self._flip * x * self._scale,
            self._origin[1] - y * self._scale,
        )
        self._scale *= scale
        yield
        self._origin, self._scale = saved

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Inside the block nothing casts a shadow on the ground below it."""
        self._lifted = True
        yield
        self._lifted = False

    @contextmanager
    def track(self, extent: Extent | None = None) -> Iterator[Extent]:
        """Measure everything drawn inside the block, shadows excepted. Blocks may be nested; an extent may be continued."""
        extent = extent or Extent()
        self._extents.append(extent)
        yield extent
        self._extents.remove(extent)

    def _pixel(self, x: float, y: float) -> Point:
        return (
            (self._origin[0] + self._flip * x * self._scale) * OVERSAMPLING,
            (self._origin[1] - y * self._scale) * OVERSAMPLING,
        )

    def _corners(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        (xa, ya), (xb, yb) = self._pixel(x0, y0), self._pixel(x1, y1)
        return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)

    def _grow(self, left: float, top: float, right: float, bottom: float) -> None:
        for extent in self._extents:
            extent.add(left, top, right, bottom)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Color, radius: float = 0) -> None:
        """A rectangle between two corners, with rounded corners if radius > 0."""
        corners = self._corners(x0, y0, x1, y1)
        self._grow(*corners)
        left, top, right, bottom = corners
        inner = (left, top, max(left, right - 1), max(top, bottom - 1))
        if radius:
            self._draw.rounded_rectangle(inner, radius * self._scale * OVERSAMPLING, fill=fill)
        else:
            self._draw.rectangle(inner, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Color) -> None:
        """An ellipse around `(x, y)`."""
        corners = self._corners(x - rx, y - ry, x + rx, y + ry)
        self._grow(*corners)
        self._draw.ellipse(corners, fill=fill)

    def shadow(self, x: float, width: float, y: float = 0) -> None:
        """The soft shadow of something `width` wide that stands at `(x, y)`. It does not belong to the object's box."""
        if self._lifted:
            return
        for grow in (1.0, 0.86):
            corners = self._corners(x - width / 2 * grow, y - 5 * grow, x + width / 2 * grow, y + 4 * grow)
            self._draw.ellipse(corners, fill=SHADOW)

    def poly(self, points: Sequence[Point], fill: Color) -> None:
        """A filled polygon."""
        pixels = [self._pixel(x, y) for x, y in points]
        xs, ys = [x for x, _ in pixels], [y for _, y in pixels]
        self._grow(min(xs), min(ys), max(xs), max(ys))
        self._draw.polygon(pixels, fill=fill)

    def blob(self, points: Sequence[Point], fill: Color) -> None:
        """A smooth closed curve through the points (Catmull-Rom), filled."""
        count = len(points)
        curve = []
        for index in range(count):
            before, start, end, after = (points[(index + step) % count] for step in (-1, 0, 1, 2))
            for part in range(6):
                t = part / 6
                curve.append(
                    (
                        _spline(before[0], start[0], end[0], after[0], t),
                        _spline(before[1], start[1], end[1], after[1], t),
                    )
                )
        self.poly(curve, fill)

    def line(self, points: Sequence[Point], fill: Color, width: float) -> None:
        """A line through the points with round ends and joints."""
        pixels = [self._pixel(x, y) for x, y in points]
        thickness = width * self._scale * OVERSAMPLING
        half = thickness / 2
        for x, y in pixels:
            self._grow(x - half, y - half, x + half, y + half)
        self._draw.line(pixels, fill=fill, width=max(1, round(thickness)), joint="curve")
        if thickness >= 4:
            for x, y in (pixels[0], pixels[-1]):
                self._draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)

    def half_oval(self, x: float, y: float, rx: float, ry: float, fill: Color, upper: bool = True) -> None:
        """The upper or lower half of an ellipse around `(x, y)`."""
        sign = 1 if upper else -1
        steps = 16
        self.poly(
            [
                (x + rx * math.cos(math.pi * step / steps), y + sign * ry * math.sin(math.pi * step / steps))
                for step in range(steps + 1)
            ],
            fill,
        )

    def stripes(self, x0: float, y0: float, x1: float, y1: float, fill: Color, count: int = 3) -> None:
        """Horizontal stripes inside a rectangle that is already drawn."""
        step = (y1 - y0) / (2 * count + 1)
        for index in range(count):
            low = y0 + step * (2 * index + 1)
            self.rect(x0, low, x1, low + step, fill)

    def dots(self, x0: float, y0: float, x1: float, y1: float, fill: Color, size: float = 2.4) -> None:
        """Dots inside a rectangle that is already drawn."""
        columns, rows = max(2, round((x1 - x0) / 10)), max(2, round((y1 - y0) / 10))
        for row in range(rows):
            for column in range(columns):
                offset = 0.5 if row % 2 == 0 else 0.25 if columns > 2 else 0.5
                x = x0 + (x1 - x0) * (column + offset) / columns
                self.oval(x, y0 + (y1 - y0) * (row + 0.5) / rows, size, size, fill)


def _spline(before: float, start: float, end: float, after: float, t: float) -> float:
    """Catmull-Rom interpolation between start (t = 0) and end (t = 1)."""
    slope_in, slope_out = (end - before) / 2, (after - start) / 2
    rest = 1 - t
    return start * (1 + 2 * t) * rest * rest + slope_in * t * rest * rest + end * t * t * (3 - 2 * t) - slope_out * t * t * rest
