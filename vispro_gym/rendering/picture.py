"""Episodes as frames: the pictures with the boxes of the program's variables, the query, the answer and the outcome."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vispro_gym.rendering.marks import COLORS, Mark, find_marks, is_light
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import describe_failure, visible

SIZE = 800
"""Side of a frame in pixels."""

_HEAD, _FOOT = 104, 96
_MARGIN = 20
_GAP = 8
_PAPER, _INK, _SOFT, _DESK = (255, 255, 255), (24, 28, 36), (92, 100, 114), (228, 231, 236)
_GREY = (120, 126, 138)
_RIGHT, _WRONG = (11, 107, 58), (165, 48, 18)

_WIDTHS = {"answer": 9, "target": 5, "seen": 2, "variable": 4}  # in the order of drawing: each leaves something of those before

_Rgb = tuple[int, int, int]
_Rectangle = tuple[float, float, float, float]
_Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def draw_frame(rationale: Rationale, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Draws an episode.

    Args:
        rationale: The episode. Its own pictures are not needed.
        pictures: The sample's pictures, uint8 of shape `(height, width, 3)`. Several share the frame.

    Returns:
        uint8 of shape `(800, 800, 3)`, whatever the pictures are, so that frames can be put together to videos and grids: the
        query above, the outcome and the answer below, the pictures with the boxes of variables in between.
    """
    frame = Image.new("RGB", (SIZE, SIZE), _PAPER)
    draw = ImageDraw.Draw(frame)
    draw.rectangle((0, _HEAD, SIZE, SIZE - _FOOT - 1), fill=_DESK)
    _write(draw, rationale.query, (_MARGIN, 14, SIZE - 2 * _MARGIN, _HEAD - 24), 26, _INK)
    _foot(draw, rationale)
    marks = find_marks(rationale, [(pixels.shape[1], pixels.shape[0]) for pixels in pictures])
    for i, (cell, pixels) in enumerate(zip(_cells(len(pictures)), pictures, strict=True)):
        _place(frame, cell, pixels, [mark for mark in marks if mark.image == i])
    return np.array(frame)


def _foot(draw: ImageDraw.ImageDraw, rationale: Rationale) -> None:
    top = SIZE - _FOOT + 14
    if rationale.outcome is None:
        _write(draw, "No program has been tried.", (_MARGIN, top, SIZE - 2 * _MARGIN, 30), 22, _SOFT)
        return
    color = _RIGHT if rationale.reward else _WRONG
    name = f"{rationale.outcome}, reward {rationale.reward:.0f}"
    font = ImageFont.load_default(22)
    width = draw.textlength(name, font=font) + 24
    draw.rounded_rectangle((_MARGIN, top, _MARGIN + width, top + 34), 8, fill=color)
    draw.text((_MARGIN + 12, top + 17), name, font=font, fill=_PAPER, anchor="lm")
    answer = f"answer: {rationale.answer}" if rationale.error is None else describe_failure(rationale).partition(": ")[2]
    left = _MARGIN + width + 16
    _write(draw, answer, (left, top + 2, SIZE - _MARGIN - left, _FOOT - 24), 22, _INK)


def _cells(count: int) -> list[tuple[int, int, int, int]]:
    """`(left, top, width, height)` of the place of each picture: the grid in which squares are largest."""
    width, height = SIZE - 2 * _GAP, SIZE - _HEAD - _FOOT - 2 * _GAP
    columns = min(range(1, count + 1), key=lambda n: (-min(width / n, height / math.ceil(count / n)), n))
    rows = math.ceil(count / columns)
    w, h = (width - (columns - 1) * _GAP) // columns, (height - (rows - 1) * _GAP) // rows
    return [(_GAP + i % columns * (w + _GAP), _HEAD + _GAP + i // columns * (h + _GAP), w, h) for i in range(count)]


def _place(frame: Image.Image, cell: tuple[int, int, int, int], pixels: NDArray[np.uint8], marks: Sequence[Mark]) -> None:
    left, top, width, height = cell
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    picture = Image.fromarray(pixels).convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(18 if min(size) > 240 else 13)
    for mark in marks:
        draw.rectangle(_corners(mark, scale, size), outline=_color(mark), width=_WIDTHS[mark.kind])
    taken: list[_Rectangle] = []
    for mark in reversed(marks):  # variables choose first
        if mark.kind != "answer":
            _label(draw, font, mark, _corners(mark, scale, size), size, taken)
    frame.paste(picture, (left + (width - size[0]) // 2, top + (height - size[1]) // 2))


def _color(mark: Mark) -> _Rgb:
    return COLORS[mark.color] if mark.kind == "variable" else _INK if mark.kind == "answer" else _GREY


def _corners(mark: Mark, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in the scaled picture; in any case a rectangle inside of it."""
    left, top, right, bottom = (round(min(max(edge * scale, 0), side - 1)) for edge, side in zip(mark.box, size * 2, strict=True))
    return left, top, max(left, right), max(top, bottom)


def _label(
    draw: ImageDraw.ImageDraw, font: _Font, mark: Mark, corners: _Rectangle, size: tuple[int, int], taken: list[_Rectangle]
) -> None:
    """Writes a mark's label on a patch of its colour: above its box, below it or inside of it, where no other label stands."""
    text, color = printable(mark.label), _color(mark)
    x0, y0, x1, y1 = draw.textbbox((0, 0), text, font=font)
    width, height = x1 - x0 + 8, y1 - y0 + 6
    left = max(0, min(corners[0], size[0] - width))
    tops = [corners[1] - height, corners[3] + 1, corners[1] - 2 * height - 1, corners[1]]
    tops = [top for top in tops if 0 <= top <= size[1] - height] or [corners[1]]
    places = [(left, top, left + width, top + height) for top in tops]
    place = next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])
    taken.append(place)
    draw.rectangle(place, fill=color)
    draw.text((left + 4 - x0, place[1] + 3 - y0), text, font=font, fill=_INK if is_light(color) else _PAPER)


def _overlap(one: _Rectangle, other: _Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write(draw: ImageDraw.ImageDraw, text: str, place: tuple[float, float, float, float], size: int, color: _Rgb) -> None:
    """Writes a text into `(left, top, width, height)`: in several lines, smaller if it is long, cut if it is longer still."""
    left, top, width, height = place
    words = " ".join(printable(text[:600]).split())
    while True:
        font = ImageFont.load_default(size)
        lines = _wrapped(draw, words, font, width)
        fits = max(1, int(height // (1.25 * size)))
        if len(lines) <= fits or size <= 16:
            break
        size -= 2
    if len(lines) > fits:
        lines = [*lines[: fits - 1], f"{lines[fits - 1][:-3]}..."]
    for i, line in enumerate(lines):
        draw.text((left, top + 1.25 * size * i), line, font=font, fill=color)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: _Font, width: float) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
            continue
        while draw.textlength(word, font=font) > width:  # a word that no line has room for
            fitting = max(1, bisect_right(range(len(word)), width, key=lambda n: draw.textlength(word[:n], font=font)) - 1)
            lines.append(word[:fitting])
            word = word[fitting:]
        lines.append(word)
    return [line for line in lines if line] or [""]


def printable(text: str) -> str:
    """A text in the characters that the built-in font has; others are question marks."""
    return visible(text).encode("latin-1", "replace").decode("latin-1")
