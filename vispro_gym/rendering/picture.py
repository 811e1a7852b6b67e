"""Episodes as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box
from vispro_gym.engine import Step

# Okabe and Ito's colours, which people with colour vision deficiencies can tell apart; one per line of the program.
PALETTE = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))


def draw_episode(image: NDArray[np.uint8], trace: Sequence[Step]) -> NDArray[np.uint8]:
    """Draws the boxes that a program looked at.

    What was found is outlined and labelled with the name that was asked for; a part of the picture that was asked
    about is outlined and labelled with the answer. Boxes of one program line share a colour.

    Args:
        image: The picture, uint8 of shape `(height, width, 3)`.
        trace: The perception calls on this picture.

    Returns:
        uint8 of the same shape, a copy that may be written to.
    """
    canvas = Image.fromarray(image).convert("RGB")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=max(11, canvas.height // 26))
    whole = (0, 0, canvas.width, canvas.height)
    lines = sorted({step.line for step in trace})
    labels: dict[Box, tuple[list[str], tuple[int, int, int]]] = {}
    for step in trace:
        color = PALETTE[lines.index(step.line) % len(PALETTE)]
        for box, text in _marks(step):
            if box != whole:
                texts, _ = labels.setdefault(box, ([], color))
                if text not in texts:
                    texts.append(text)
    width = max(2, round(min(canvas.size) / 160))
    for box, (_, color) in labels.items():
        draw.rectangle(_corners(box, canvas.size), outline=color, width=width)
    for box, (texts, color) in labels.items():
        _label(draw, font, _corners(box, canvas.size), ", ".join(texts)[:40], color, canvas.size)
    return np.array(canvas)


def draw_pictures(images: Sequence[ImageRef], trace: Sequence[Step]) -> NDArray[np.uint8]:
    """Draws the boxes that a program looked at in all pictures of a sample.

    Args:
        images: The pictures.
        trace: The perception calls.

    Returns:
        uint8 of shape `(largest height, sum of widths and gaps, 3)`: the pictures in a row, their upper edges aligned, with white
        gaps of eight pixels.
    """
    drawn = [draw_episode(image.pixels(), [step for step in trace if step.image == i]) for i, image in enumerate(images)]
    height = max(picture.shape[0] for picture in drawn)
    parts: list[NDArray[np.uint8]] = []
    for picture in drawn:
        parts.append(np.full((height, 8, 3), 255, np.uint8))
        parts.append(np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)), constant_values=255))
    return np.concatenate(parts[1:], axis=1)


def _marks(step: Step) -> list[tuple[Box, str]]:
    if step.operation in ("detect", "relate") and step.result is not None:
        name = step.arguments[0] if step.operation == "detect" else step.arguments[1] or step.arguments[0]
        return [(box, name) for box in step.result]
    if isinstance(step.result, str):
        return [(step.box, step.result)]
    if step.operation == "verify" and step.result is not None:
        return [(step.box, f"{step.arguments[1]}: {'yes' if step.result else 'no'}")]
    return [(step.box, step.operation)]


def _corners(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    left, top = min(max(left, 0), size[0] - 1), min(max(top, 0), size[1] - 1)
    return left, top, min(max(right - 1, left), size[0] - 1), min(max(bottom - 1, top), size[1] - 1)


def _label(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    corners: tuple[float, float, float, float],
    text: str,
    color: tuple[int, int, int],
    size: tuple[int, int],
) -> None:
    """Writes a text on a patch of colour above a box, or inside its upper edge where there is no room above."""
    text = text.encode("latin-1", "replace").decode("latin-1")  # the built-in font has no more
    x0, y0, x1, y1 = draw.textbbox((0, 0), text, font=font)
    width, height = x1 - x0 + 6, y1 - y0 + 4
    left = max(0, min(corners[0], size[0] - width))
    top = corners[1] - height if corners[1] >= height else corners[1]
    draw.rectangle((left, top, left + width, top + height), fill=color)
    dark = sum(color) / 3 < 140
    draw.text((left + 3 - x0, top + 2 - y0), text, font=font, fill=(255, 255, 255) if dark else (20, 20, 20))
