"""Frames of the environments of task rewards: a square picture above, a line or two of text below."""

from __future__ import annotations

import textwrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vispro_gym.rendering.picture import SIZE, printable

PICTURE = 720
"""Side of the square for the picture, in pixels of the frame."""

_PAPER, _INK = (255, 255, 255), (24, 28, 36)
_LETTERS = 84  # of the built-in font at 18 pixels that surely fit into a line
_LINES = 3


def frame(picture: NDArray[np.uint8], reward: float | None, text: str = "") -> NDArray[np.uint8]:
    """Puts a frame together.

    Args:
        picture: uint8 of shape `(s, s, 3)`; it is scaled to the square.
        reward: What to say below; None for nothing.
        text: What to say after it.

    Returns:
        uint8 of shape `(800, 800, 3)`.
    """
    sheet = Image.new("RGB", (SIZE, SIZE), _PAPER)
    square = Image.fromarray(picture).resize((PICTURE, PICTURE), Image.Resampling.BILINEAR)
    sheet.paste(square, ((SIZE - PICTURE) // 2, 0))
    said = ": ".join(
        part for part in ("" if reward is None else f"reward {reward:.3f}", " ".join(printable(text).split())) if part
    )
    lines = textwrap.wrap(said, _LETTERS)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1][: _LETTERS - 4]} ..."]
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(lines):
        draw.text((20, PICTURE + 6 + 24 * i), line, font=ImageFont.load_default(18), fill=_INK)
    return np.array(sheet)
