"""Where the labels of boxes stand on a picture, so that they can be read: inside of it, and not one on another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from vispro_gym.datasets.scene import Box
from vispro_gym.rendering.text import visible

_VIEW_WIDTH, _VIEW_HEIGHT = 520, 440  # pixels that a page mostly has for a picture
_LETTER, _LINE, _PAD = 6.7, 16, 4  # width of a letter, height of a label, and room beside the text, in pixels of the page
_LONGEST = 36
_MOST = 40

_Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """A label on a picture. All lengths are in pixels of the page: `scale` turns them into those of the picture.

    Attributes:
        mark: Number of its mark.
        tone: Class of its colour.
        text: What it says.
        left: Where it is, in pixels of the picture.
        top: Where it is, in pixels of the picture.
        scale: Pixels of the picture for one of the page.
        width: Of the label.
        height: Of the label.
        edges: Classes of the edges of the picture that it is near, from which it grows where pictures are small.
    """

    mark: int
    tone: str
    text: str
    left: float
    top: float
    scale: float
    width: float
    height: float
    edges: str


def place_labels(marks: Sequence[tuple[int, str, str, Box]], width: int, height: int) -> list[Label]:
    """Finds a place for each label near its box: the first that is free, or the one that covers least.

    Args:
        marks: Number, class, label and box of each mark.
        width: Width of the picture.
        height: Height of the picture.
    """
    scale = max(width / _VIEW_WIDTH, height / _VIEW_HEIGHT)
    taken: list[_Rectangle] = []
    labels = []
    for number, tone, text, box in marks[-_MOST:]:  # on a picture with more, none could be read; variables come last
        if tone in ("answer", "target") and any(other[3] == box for other in marks if other[0] != number):
            continue  # the outline says it, and what is in the box has a label already
        text = visible(text)
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        wide = sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text) * _LETTER + 2 * _PAD
        size = (wide * scale, _LINE * scale)
        places = list(_places(box, size, width, height))
        free = min(places, key=lambda place: (round(sum(_overlap(place, other) for other in taken), 3), places.index(place)))
        taken.append(free)
        edges = " ".join(["at-end"] * (free[0] + free[2] > width) + ["at-top"] * (free[1] < size[1]))
        labels.append(
            Label(number, tone, text, round(free[0], 2), round(free[1], 2), round(scale, 4), round(wide, 1), _LINE, edges)
        )
    return labels


def _places(box: Box, size: tuple[float, float], width: int, height: int) -> Iterator[_Rectangle]:
    """Above the box, below it, inside above and below, at either side; all moved into the picture."""
    wide, high = size
    left, top, right, bottom = box
    for x, y in (
        (left, top - high), (left, bottom), (left, top), (left, bottom - high), (right - wide, top - high),
        (right - wide, bottom), (right, top), (left - wide, top), (left, top - 2 * high), (left, bottom + high),
    ):  # fmt: skip
        x, y = max(0, min(x, width - wide)), max(0, min(y, height - high))
        yield x, y, x + wide, y + high


def _overlap(one: _Rectangle, other: _Rectangle) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)
