"""The kinds of pictures that are understood: how large they are, and the words for what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vispro_gym.datasets.mini.clevr.scenes import COLORS, MATERIALS, SHAPES
from vispro_gym.datasets.mini.drawing.backdrops import SKIES
from vispro_gym.datasets.mini.gqa.catalogue import ATTRIBUTE_CATEGORY, GARMENTS, KINDS, PEOPLE, PLACES


@dataclass(frozen=True)
class Kind:
    """One kind of pictures.

    Attributes:
        name: What it is called, also in the file of weights.
        size: `(width, height)` of its pictures in pixels, by which they are known.
        names: What things are called.
        groups: For each name the number of its group. Of two things of one group in one place, one is a mistake; a person
            and a dress, which are of different groups, may well be in one place.
        attributes: Values by category of attribute; the value "" says that a thing has none of the category.
        facts: Values by fact on the picture as a whole; "" as above.
    """

    name: str
    size: tuple[int, int]
    names: tuple[str, ...]
    groups: tuple[int, ...]
    attributes: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, tuple[str, ...]]


def _drawn_attributes() -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for value, category in ATTRIBUTE_CATEGORY.items():
        key = category or "state"
        values[key] = (*values.get(key, ("",)), value)
    return values


SOLIDS = Kind(
    name="solids",
    size=(480, 320),
    names=SHAPES,
    groups=(0,) * len(SHAPES),
    attributes={"color": COLORS, "material": MATERIALS},  # sizes follow from where things are: `scenes`
    facts={},
)
"""Pictures of CLEVR."""

DRAWINGS = Kind(
    name="drawings",
    size=(480, 360),
    names=(*KINDS, *PEOPLE, *GARMENTS),
    groups=(0,) * len(KINDS) + (1,) * len(PEOPLE) + (2,) * len(GARMENTS),
    attributes=_drawn_attributes(),
    facts={"place": tuple(PLACES), "weather": ("", *SKIES)},
)
"""Pictures of the mini data of GQA, COCO and the datasets that share theirs."""

LEARNED = (SOLIDS, DRAWINGS)
"""The kinds that networks are trained for."""
