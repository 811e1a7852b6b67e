"""Statements on three boxes as in NLVR, with what decides whether they are true, and programs that find it out by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from vispro_gym.datasets.mini.nlvr_boxes import COLORS, SHAPES, TALLEST, Box, Shape
from vispro_gym.datasets.mini.photos.wording import number

Boxes = tuple[Box, ...]

_TOUCHING = (
    "def is_touching(patch, box):",
    "    return patch.left == 0 or patch.lower == 0 or patch.right == box.width or patch.upper == box.height",
)
_PALETTE = ('colors = ["black object", "blue object", "yellow object"]',)
_TOWERS = ('towers = [sorted(box.find("square"), key=lambda block: block.lower) for box in boxes]',)
_MOST = 4


@dataclass(frozen=True)
class Statement:
    """What can be said of three boxes, whatever their order.

    Attributes:
        kind: What it is about.
        text: The sentence.
        holds: Whether it is true; None if people may see it in different ways.
        condition: The Python expression that checks it on `boxes`, a list of patches.
        helpers: Lines that the expression needs before it.
    """

    kind: str
    text: str
    holds: Callable[[Boxes], bool | None]
    condition: str
    helpers: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """A program that says True or False by looking."""
        lines = ("boxes = [ImagePatch(box_1), ImagePatch(box_2), ImagePatch(box_3)]", *self.helpers, f"return {self.condition}")
        return "def execute_command(box_1, box_2, box_3):\n" + "".join(f"    {line}\n" for line in lines)


@dataclass(frozen=True)
class _Noun:
    """A noun phrase: "yellow items", "black circle"."""

    color: str
    shape: str

    def __call__(self, count: int = 1) -> str:
        return f"{self.color} {self.shape or 'item'}{'' if count == 1 else 's'}".lstrip()

    @property
    def find(self) -> str:
        """What programs look for."""
        return f"{self.color} {self.shape or 'object'}".lstrip()

    def of(self, box: Box) -> list[Shape]:
        """What the phrase names in a box."""
        return [shape for shape in box if self.color in ("", shape.color) and self.shape in ("", shape.shape)]


_NOUNS = [_Noun(color, shape) for color in ("", *COLORS) for shape in ("", *SHAPES)]


def statements(arrangement: str) -> list[Statement]:
    """Everything that is said of boxes with "tower"s, or with "scatter"ed shapes."""
    return list(_of_towers() if arrangement == "tower" else _of_scattered())


def _of_scattered() -> Iterator[Statement]:
    for noun in _NOUNS:
        for n in range(1, _MOST + 1):
            yield from _counts(noun, n)
            if noun.color:
                yield _walls(noun, n, touching=True)
                yield _walls(noun, n, touching=False)
        if noun.color:
            yield from _quantified(noun)
    yield _colors(1, "items of only one color")
    yield _colors(len(COLORS), "items of all three colors")
    shapes = [noun for noun in _NOUNS if noun.color and noun.shape]
    for first in shapes:
        for second in shapes:
            if first != second:
                yield _with_and_without(first, second)


def _counts(noun: _Noun, n: int) -> Iterator[Statement]:
    things, found = f"{number(n)} {noun(n)}", f'len(box.find("{noun.find}"))'
    yield Statement(
        "box with exactly",
        f"There is a box with exactly {things}.",
        lambda boxes: any(len(noun.of(box)) == n for box in boxes),
        f"any({found} == {n} for box in boxes)",
    )
    if n > 1:
        yield Statement(
            "box with at least",
            f"There is a box with at least {things}.",
            lambda boxes: any(len(noun.of(box)) >= n for box in boxes),
            f"any({found} >= {n} for box in boxes)",
        )


def _walls(noun: _Noun, n: int, touching: bool) -> Statement:
    place, negation = ("touching the wall", "") if touching else ("not touching any wall", "not ")
    return Statement(
        place,
        f"There {'is' if n == 1 else 'are'} exactly {number(n)} {noun(n)} {place}.",
        lambda boxes: sum(shape.touches_wall == touching for box in boxes for shape in noun.of(box)) == n,
        f'sum({negation}is_touching(item, box) for box in boxes for item in box.find("{noun.find}")) == {n}',
        _TOUCHING,
    )


def _quantified(noun: _Noun) -> Iterator[Statement]:
    touching = f'is_touching(item, box) for item in box.find("{noun.find}")'
    yield Statement(
        "each box",
        f"Each grey box contains at least one {noun()}.",
        lambda boxes: all(noun.of(box) for box in boxes),
        f'all(box.exists("{noun.find}") for box in boxes)',
    )
    yield Statement(
        "box touching",
        f"There is a box with a {noun()} touching the wall.",
        lambda boxes: any(shape.touches_wall for box in boxes for shape in noun.of(box)),
        f"any(any({touching}) for box in boxes)",
        _TOUCHING,
    )
    yield Statement(
        "none touching",
        f"None of the {noun(2)} are touching a wall.",
        lambda boxes: _none_touches([shape for box in boxes for shape in noun.of(box)]),
        f"not any(any({touching}) for box in boxes)",
        _TOUCHING,
    )
    yield Statement(
        "boxes with",
        f"There are exactly two boxes with a {noun()}.",
        lambda boxes: sum(bool(noun.of(box)) for box in boxes) == 2,
        f'sum(box.exists("{noun.find}") for box in boxes) == 2',
    )


def _colors(n: int, words: str) -> Statement:
    return Statement(
        "colors",
        f"There is a box with {words}.",
        lambda boxes: any(len({shape.color for shape in box}) == n for box in boxes),
        f"any(sum(box.exists(color) for color in colors) == {n} for box in boxes)",
        _PALETTE,
    )


def _with_and_without(first: _Noun, second: _Noun) -> Statement:
    return Statement(
        "with and without",
        f"There is a box with a {first()} and no {second(2)}.",
        lambda boxes: any(first.of(box) and not second.of(box) for box in boxes),
        f'any(box.exists("{first.find}") and not box.exists("{second.find}") for box in boxes)',
    )


def _of_towers() -> Iterator[Statement]:
    for n in range(1, TALLEST + 1):
        yield from _heights(n)
    yield Statement(
        "same height",
        "There are at least two towers with the same height.",
        lambda boxes: len({len(tower) for tower in boxes}) < len(boxes),
        'len(set(len(box.find("square")) for box in boxes)) < len(boxes)',
    )
    for color in COLORS:
        for end, i in (("top", -1), ("base", 0)):
            yield from _ends(color, end, i)
            for n in (2, 3):
                yield _end_of_high(color, end, i, n)
        for n in range(1, TALLEST):
            yield _blocks(color, n)
        for other in COLORS:
            yield _block_on_block(color, other)


def _heights(n: int) -> Iterator[Statement]:
    blocks = f"{number(n)} block{'' if n == 1 else 's'}"
    height = 'len(box.find("square"))'
    yield Statement(
        "height",
        f"There is a tower with exactly {blocks}.",
        lambda boxes: any(len(tower) == n for tower in boxes),
        f"any({height} == {n} for box in boxes)",
    )
    yield Statement(
        "heights",
        f"There are exactly two towers with {blocks}.",
        lambda boxes: sum(len(tower) == n for tower in boxes) == 2,
        f"sum({height} == {n} for box in boxes) == 2",
    )


def _ends(color: str, end: str, i: int) -> Iterator[Statement]:
    checked = _is(f"tower[{i}]", color)
    yield Statement(
        "end",
        f"There is a tower with a {color} block at the {end}.",
        lambda boxes: any(tower[i].color == color for tower in boxes),
        f"any({checked} for tower in towers)",
        _TOWERS,
    )
    yield Statement(
        "ends",
        f"There are exactly two towers with a {color} block at the {end}.",
        lambda boxes: sum(tower[i].color == color for tower in boxes) == 2,
        f"sum({checked} for tower in towers) == 2",
        _TOWERS,
    )


def _end_of_high(color: str, end: str, i: int, n: int) -> Statement:
    return Statement(
        "end of a high one",
        f"There is a {color} block as the {end} of a tower with at least {number(n)} blocks.",
        lambda boxes: any(tower[i].color == color and len(tower) >= n for tower in boxes),
        f"any({_is(f'tower[{i}]', color)} and len(tower) >= {n} for tower in towers)",
        _TOWERS,
    )


def _blocks(color: str, n: int) -> Statement:
    return Statement(
        "blocks of a color",
        f"There is a tower with exactly {number(n)} {color} block{'' if n == 1 else 's'}.",
        lambda boxes: any(sum(block.color == color for block in tower) == n for tower in boxes),
        f'any(len(box.find("{color} square")) == {n} for box in boxes)',
    )


def _block_on_block(color: str, other: str) -> Statement:
    return Statement(
        "block on block",
        f"There is a {color} block directly on a {other} block.",
        lambda boxes: any((b.color, a.color) == (color, other) for tower in boxes for a, b in pairwise(tower)),
        f"any({_is('upper', color)} and {_is('lower', other)} for lower, upper in pairs)",
        (*_TOWERS, "pairs = [pair for tower in towers for pair in zip(tower, tower[1:])]"),
    )


def _none_touches(shapes: list[Shape]) -> bool | None:
    return not any(shape.touches_wall for shape in shapes) if shapes else None


def _is(block: str, color: str) -> str:
    return f'{block}.verify_property("square", "{color}")'
