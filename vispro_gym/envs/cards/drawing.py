"""Pictures: number lines, cards on a table, formulas. Everything is drawn; the font travels with the package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vispro_gym.envs.cards.deck import Card

SIDE = 300
"""Side of a picture in pixels."""

_FINE = 4  # things with round edges are drawn so many times larger, then scaled down
_CAPITAL = 0.729  # height of digits and capitals in the font, in parts of its size
_ROUND = 2  # pixels by which round ones are higher at most
_TABLE, _PAPER, _INK, _RED, _BLACK = (38, 110, 72), (255, 255, 255), (24, 28, 36), (200, 24, 32), (16, 16, 20)
_EDGE, _BACK, _BACK_LIGHT, _SOFT, _BLUE = (120, 128, 124), (30, 58, 128), (126, 152, 214), (92, 100, 114), (32, 92, 190)

_Rgb = tuple[int, int, int]
_Point = tuple[float, float]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    data = files("vispro_gym.envs.cards").joinpath("fonts", "DejaVuSans-Bold.ttf").read_bytes()
    return ImageFont.truetype(BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=512)
def _glyphs(text: str, height: int, width: int) -> Image.Image:
    """Text as a mask, squeezed if it would be wider than that: capitals of that height, `_ROUND` pixels below the upper edge."""
    font = _font(round(height / _CAPITAL))
    left, _, right, bottom = font.getbbox(text, anchor="ls")
    mask = Image.new("L", (math.ceil(right - left), _ROUND + height + math.ceil(max(bottom, 0))))
    ImageDraw.Draw(mask).text((-left, _ROUND + height), text, fill=255, font=font, anchor="ls")
    return mask if mask.width <= width else mask.resize((width, mask.height), Image.Resampling.LANCZOS)


def _write(picture: Image.Image, text: str, center: _Point, height: int, width: int, color: _Rgb) -> None:
    """Writes a line of text with its capitals around a point."""
    mask = _glyphs(text, height, width)
    picture.paste(color, (round(center[0] - mask.width / 2), round(center[1] - height / 2) - _ROUND), mask)


# --- number lines ---


@lru_cache(maxsize=256)
def number_line(current: int, target: int, last: int) -> NDArray[np.uint8]:
    """The picture of a number line from 0 to `last`: both numbers in large type, and the line with both marked.

    Never to be written to.
    """
    picture = Image.new("RGB", (SIDE, SIDE), _PAPER)
    for text, number, middle, color in (("Current", current, 78, _BLUE), ("Target", target, 222, _RED)):
        _write(picture, text, (middle, 28), 22, 132, _INK)
        _write(picture, str(number), (middle, 122), 96, 132, color)
    left, right, y = 24, SIDE - 24, 240

    def place(position: int) -> float:
        return left + (right - left) * position / last

    draw = ImageDraw.Draw(picture)
    draw.line((left, y, right, y), fill=_SOFT, width=3)
    marked = range(last + 1) if last <= 20 else (0, last)
    for position in marked:
        draw.line((place(position), y - 7, place(position), y + 7), fill=_SOFT, width=3)
    for position in marked if last <= 10 else (0, last):
        _write(picture, str(position), (place(position), y + 28), 11, 40, _SOFT)
    x = place(target)
    draw.polygon([(x, y - 12), (x - 9, y - 30), (x + 9, y - 30)], fill=_RED)
    picture.paste(_BLUE, (round(place(current)) - 11, y - 11), _disc())
    pixels = np.array(picture)
    pixels.flags.writeable = False
    return pixels


@lru_cache(maxsize=1)
def _disc() -> Image.Image:
    mask = Image.new("L", (22 * _FINE, 22 * _FINE))
    ImageDraw.Draw(mask).ellipse((0, 0, 22 * _FINE - 1, 22 * _FINE - 1), fill=255)
    return mask.resize((22, 22), Image.Resampling.LANCZOS)


# --- cards ---


@lru_cache(maxsize=64)
def _suit(suit: str, size: int) -> Image.Image:
    """The sign of a suit as a square mask."""
    side = size * 8
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)

    def disc(x: float, y: float, radius: float) -> None:
        draw.ellipse(tuple(side * edge for edge in (x - radius, y - radius, x + radius, y + radius)), fill=255)

    def polygon(*points: _Point) -> None:
        draw.polygon([(side * x, side * y) for x, y in points], fill=255)

    if suit == "D":
        polygon((0.5, 0), (0.88, 0.5), (0.5, 1), (0.12, 0.5))
    elif suit == "H":
        disc(0.27, 0.29, 0.25)
        disc(0.73, 0.29, 0.25)
        polygon((0.06, 0.42), (0.27, 0.2), (0.5, 0.3), (0.73, 0.2), (0.94, 0.42), (0.5, 0.98))
    elif suit == "S":
        disc(0.27, 0.57, 0.24)
        disc(0.73, 0.57, 0.24)
        polygon((0.06, 0.45), (0.5, 0.01), (0.94, 0.45), (0.73, 0.7), (0.5, 0.6), (0.27, 0.7))
        polygon((0.5, 0.5), (0.68, 1), (0.32, 1))
    else:
        for x, y in ((0.5, 0.24), (0.24, 0.6), (0.76, 0.6)):
            disc(x, y, 0.235)
        polygon((0.5, 0.3), (0.68, 1), (0.32, 1))
        disc(0.5, 0.5, 0.12)
    return mask.resize((size, size), Image.Resampling.LANCZOS)


_LAYOUTS = {(132, 184): (60, 50, 40, 126, 15), (68, 108): (36, 27, 22, 75, 9), (66, 84): (36, 18, 18, 62, 9)}
"""Of cards of a width and height: height and top of the rank and of the suit in the middle, height of the index in the corner."""


@lru_cache(maxsize=512)
def _card(card: Card | None, width: int, height: int) -> Image.Image:
    """A card on the table; None for its back."""
    large = Image.new("RGB", (width * _FINE, height * _FINE), _TABLE)
    draw = ImageDraw.Draw(large)
    edge, radius = (0, 0, width * _FINE - 1, height * _FINE - 1), 7 * _FINE
    draw.rounded_rectangle(edge, radius, fill=_PAPER, outline=_EDGE, width=_FINE)
    if card is None:
        inner = (4 * _FINE, 4 * _FINE, (width - 4) * _FINE - 1, (height - 4) * _FINE - 1)
        draw.rounded_rectangle(inner, 4 * _FINE, fill=_BACK)
        for x in range(10, width - 4, 8):
            for y in range(10, height - 4, 8):
                draw.regular_polygon((x * _FINE, y * _FINE, 3 * _FINE), 4, rotation=45, fill=_BACK_LIGHT)
    picture = large.resize((width, height), Image.Resampling.LANCZOS)
    if card is None:
        return picture
    color = _RED if card.suit in "HD" else _BLACK
    rank, rank_top, sign, sign_top, index = _LAYOUTS[width, height]
    _write(picture, card.face, (width / 2, rank_top + rank / 2), rank, width - 12, color)
    picture.paste(color, ((width - sign) // 2, sign_top), _suit(card.suit, sign))
    corner = _glyphs(card.face, index, 2 * index)
    picture.paste(color, (6, 6 - _ROUND), corner)
    picture.paste(color, (6 + corner.width + 2, 6), _suit(card.suit, index))
    return picture


@lru_cache(maxsize=64)
def table_of_hand(cards: tuple[Card, ...]) -> Image.Image:
    """Cards side by side on a table, with room for a formula below. Never to be written to."""
    picture = Image.new("RGB", (SIDE, SIDE), _TABLE)
    width, height, top = (132, 184, 12) if len(cards) <= 2 else (68, 108, 36)
    gap = (SIDE - len(cards) * width) // (len(cards) + 1)
    for i, card in enumerate(cards):
        picture.paste(_card(card, width, height), (gap + i * (width + gap), top))
    return picture


def hand_and_formula(cards: tuple[Card, ...], formula: str) -> NDArray[np.uint8]:
    """The picture of a hand, and of a formula in the largest type in which it fits."""
    picture = table_of_hand(cards).copy()
    draw = ImageDraw.Draw(picture)
    top = 206 if len(cards) <= 2 else 168
    draw.text((14, top), "Formula:", fill=_PAPER, font=_font(20))
    room = SIDE - 8 - (top + 28)
    for size in (40, 32, 25):
        lines = _wrapped(formula, size)
        if len(lines) * round(size * 1.2) <= room:
            break
    for i, line in enumerate(lines):
        draw.text((14, top + 28 + i * round(size * 1.2)), line, fill=_PAPER, font=_font(size))
    return np.array(picture)


def _wrapped(text: str, size: int) -> list[str]:
    """Text in lines that fit into the picture, with all its spaces."""
    first, *tokens = text.split(" ")
    lines = [first]
    for token in tokens:
        longer = f"{lines[-1]} {token}"
        if _font(size).getlength(longer) <= SIDE - 28:
            lines[-1] = longer
        else:
            lines.append(token)
    return lines


def dealer_and_player(dealer: Sequence[Card | None], player: Sequence[Card]) -> NDArray[np.uint8]:
    """The picture of a game of blackjack: the dealer's cards (None for one that lies face down) above the player's."""
    picture = _blackjack_table().copy()
    _place(picture, dealer, 20)
    rows = 1 if len(player) <= 4 else 2
    first = max(4, (len(player) + 1) // 2)
    for i in range(rows):
        _place(picture, player[i * first : (i + 1) * first], 128 + i * 86)
    return np.array(picture)


@lru_cache(maxsize=1)
def _blackjack_table() -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE), _TABLE)
    draw = ImageDraw.Draw(picture)
    draw.text((8, 1), "Dealer", fill=_PAPER, font=_font(15))
    draw.text((8, 109), "Player", fill=_PAPER, font=_font(15))
    return picture


def _place(picture: Image.Image, cards: Sequence[Card | None], top: int) -> None:
    """Puts cards side by side; more than four overlap."""
    width, height = 66, 84
    step = min(width + 6.0, (SIDE - 16 - width) / max(1, len(cards) - 1))
    for i, card in enumerate(cards):
        picture.paste(_card(card, width, height), (round(8 + i * step), top))
