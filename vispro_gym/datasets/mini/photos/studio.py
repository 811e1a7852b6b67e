"""Composes pictures that look like COCO's: many things of COCO's categories, and often several of one.

The pictures of the mini GQA data show at most two things of a name, never in one color, because its questions need things that
can be told apart. Here something is repeated in most pictures, so that there is something to count and to tell apart.
"""

from __future__ import annotations

from random import Random
from typing import Any

from PIL import Image

from vispro_gym.datasets.mini.drawing.backdrops import WIDTH
from vispro_gym.datasets.mini.drawing.canvas import Look
from vispro_gym.datasets.mini.gqa.cast import Cast
from vispro_gym.datasets.mini.gqa.catalogue import PEOPLE
from vispro_gym.datasets.mini.gqa.recipes import FLOOR_GROUPS, SURFACES
from vispro_gym.datasets.mini.gqa.scenes import GAP, MARGIN, Composer, Group

MOST_REPEATED = 4
"""At most so many things of one name, beside those on walls and in hands."""
NOT_SHOWN = frozenset({"bookshelf", "toy car", "rabbit", "pear", "lemon", "strawberry", "pineapple", "rug", "plate"})
"""Things that COCO has no category for although they look like, hold, or are a kind of what it has categories for."""
REPEATED: dict[str, tuple[str, ...]] = {
    "kitchen": ("chair", "cup", "bowl", "bottle", "apple", "wine glass", "banana", "vase", "cake", "cat", "sandwich"),
    "living room": ("chair", "ball", "teddy bear", "cat", "dog", "book", "plant", "vase", "cup", "television"),
    "bedroom": ("book", "teddy bear", "backpack", "ball", "phone", "dog", "chair"),
    "office": ("book", "laptop", "cup", "phone", "bottle", "chair", "plant", "backpack"),
    "park": ("bench", "dog", "bird", "duck", "ball", "bicycle", "kite", "backpack"),
    "street": ("car", "bicycle", "dog", "fire hydrant", "traffic light", "stop sign", "bus", "bench"),
    "beach": ("ball", "bird", "umbrella", "boat", "backpack", "dog", "kite"),
    "field": ("sheep", "cow", "horse", "dog", "duck", "bird", "kite"),
}
"""By place, what may be there several times."""
MORE_GROUPS: dict[str, tuple[str, ...]] = {
    "kitchen": ("table",),
    "living room": ("table", "table", "cabinet"),
    "bedroom": ("teddy bear", "cat", "cabinet"),
    "office": ("couch", "chair", "cabinet"),
    "park": ("fire hydrant", "horse"),
    "street": ("bus", "bench", "truck"),
    "beach": ("bench", "bicycle"),
    "field": ("elephant", "bird", "bench"),
}
"""By place, what stands there beside the ingredients of the mini GQA pictures."""
FLYING = frozenset({"kite"})
"""What is up in the air instead of standing on the ground."""


class Assortment(Cast):
    """Like `Cast`, but things of one name may be many and alike."""

    def look(self, name: str, avoid: str | None = None, **fixed: str) -> Look | None:
        """A look for a thing, None if there are enough of its name.

        Args:
            name: A key of `KINDS`.
            avoid: A color that it must not have, because it would not stand out.
            fixed: Values of attribute categories; "" leaves a category out.
        """
        others = self._taken.pop(name, [])  # put aside, or the look would have to differ from all of them
        look = super().look(name, avoid, **fixed) if len(others) < MOST_REPEATED else None
        self._taken[name] = others if look is None else [*others, look]
        return look


class Studio(Composer):
    """Draws and annotates one picture.

    Args:
        rng: Source of all choices.
        place: A key of `PLACES`.
        first_id: Object ids count up from here.
    """

    def __init__(self, rng: Random, place: str, first_id: int) -> None:
        super().__init__(rng, place, first_id)
        self.cast = Assortment(rng, self.pen, first_id)
        self.repeated = rng.choice(REPEATED[place])
        self.times = rng.choice((1, 2, 2, 3, 3, 4))

    def _groups(self) -> list[Group]:
        """As many groups as fit beside each other, those with what is repeated first."""
        required, optional = FLOOR_GROUPS[self.place]
        pool = [name for name in (*required, *optional, *MORE_GROUPS[self.place]) if name not in NOT_SHOWN]
        self.rng.shuffle(pool)
        carriers = [name for name in dict.fromkeys(pool) if name in SURFACES and self.repeated in SURFACES[name].items]
        on_ground = not carriers or (self.repeated in pool and self.rng.random() < 0.5)
        first = [self.repeated] * self.times if on_ground else carriers[: 1 + (self.times > 2)]
        groups: list[Group] = []
        free = float(WIDTH - 2 * MARGIN)
        shown: set[str] = set()
        someone = [self.rng.choice(PEOPLE)] if self.rng.random() < 0.45 else []
        for index, name in enumerate((*first, self.rng.choice(required), *someone, *pool)):
            width = self._width(name)
            if width > free or (index >= len(first) and name in shown and name not in PEOPLE):
                continue
            group = self._group(name)
            if group is not None:
                groups.append(group)
                shown.add(name)
                free -= group.width + GAP
        self.rng.shuffle(groups)
        return groups

    def _furnished(self, name: str) -> Group | None:
        """A piece of furniture with what is repeated on it, if that may be there, and other things."""
        look = self.cast.look(name)
        if look is None:
            return None
        surface = SURFACES[name]
        others = [item for item in surface.items if item not in NOT_SHOWN and item != self.repeated]
        self.rng.shuffle(others)
        most = self.rng.randint(0 if name in ("chair", "bench") else 1, surface.most)
        candidates = [self.repeated] * self.times if self.repeated in surface.items else []
        candidates += others[: max(0, most - len(candidates))]
        return self._laid(name, look, candidates, len(candidates))

    def _baseline(self, name: str) -> float:
        return self.rng.uniform(130, 190) if name in FLYING else super()._baseline(name)

    def _put_under(self, base: str, x: float, y: float) -> None:
        """Nothing stands under furniture here: half of it would be hidden by what it stands under."""


def photograph(rng: Random, place: str, first_id: int) -> tuple[Image.Image, dict[str, Any]]:
    """Draw a picture of a place and annotate it.

    Args:
        rng: Source of all choices.
        place: A key of `PLACES`.
        first_id: Object ids count up from here.

    Returns:
        The finished picture, 480x360, and its scene graph in the form of GQA's files.
    """
    return Studio(rng, place, first_id).compose()
