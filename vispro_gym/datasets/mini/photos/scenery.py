"""What can be said about a photo beyond doubt: which things can be pointed at, which groups are complete, what is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from vispro_gym.datasets.coco_categories import CATEGORIES
from vispro_gym.datasets.mini.gqa.catalogue import GARMENTS
from vispro_gym.datasets.mini.photos.claims import Thing
from vispro_gym.datasets.mini.photos.pictures import Photo, PhotoObject, coco_category
from vispro_gym.datasets.mini.photos.studio import REPEATED

GROUPS: dict[str, tuple[str, ...]] = {
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant"),
    "vehicle": ("bicycle", "car", "bus", "truck"),
    "food": ("apple", "banana", "cake", "sandwich"),
    "fruit": ("apple", "banana"),
}
"""Words for several categories: whatever a photo shows of such a group is annotated, and in the group."""
# Some would call a boat a vehicle.
_UNSURE_OF = {"vehicle": ("boat",)}
_COMMON = frozenset(coco_category(name) for names in REPEATED.values() for name in names)
# By the name of what was drawn: categories that some viewers would take it for.
_TAKEN_FOR: dict[str, tuple[str, ...]] = {
    "backpack": ("handbag", "suitcase"),
    "ball": ("baseball glove", "frisbee"),
    "balloon": ("kite", "sports ball"),
    "bed": ("couch",),
    "bench": ("chair",),
    "box": ("suitcase",),
    "cabinet": ("dining table",),
    "cake": ("donut",),
    "counter": ("dining table", "sink"),
    "couch": ("chair",),
    "desk": ("dining table",),
    "flower": ("potted plant",),
    "laptop": ("keyboard", "mouse"),
    "nightstand": ("dining table",),
    "phone": ("remote",),
    "radio": ("microwave", "toaster"),
    "refrigerator": ("microwave",),
    "sandwich": ("hot dog",),
    "stove": ("microwave", "toaster", "sink"),
    "teddy bear": ("bear",),
    "truck": ("car",),
    "vase": ("bottle", "cup"),
    "wine glass": ("cup", "vase"),
}


class Pointed(NamedTuple):
    """A thing and the phrase that names it and nothing else in its photo."""

    phrase: Thing
    thing: PhotoObject


def pointed(photo: Photo) -> list[Pointed]:
    """The things that can be called "the cat", or "the red cup" if no other cup of the photo is red."""
    found = []
    for category in photo.categories:
        things = photo.of(category)
        if len(things) == 1:
            found.append(Pointed(Thing(category), things[0]))
        elif all(thing.color for thing in things):
            colors = Counter(thing.color for thing in things)
            found += [Pointed(Thing(category, thing.color), thing) for thing in things if colors[thing.color] == 1]
    return found


def group_members(photo: Photo, group: str) -> list[PhotoObject] | None:
    """What a photo shows of a group, None if people may see it in different ways.

    Args:
        photo: The photo.
        group: A key of `GROUPS`.
    """
    if any(photo.of(category) for category in _UNSURE_OF.get(group, ())):
        return None
    return [thing for thing in photo.objects if thing.category in GROUPS[group]]


def everything(photo: Photo) -> list[PhotoObject]:
    """All that can be seen and named, annotated or not; clothes belong to those who wear them."""
    return [*photo.objects, *(thing for thing in photo.extras if thing.name not in GARMENTS)]


def absent(photo: Photo) -> list[str]:
    """The COCO categories that a photo certainly does not show, in official order."""
    seen = {thing.category for thing in photo.objects}
    for thing in (*photo.objects, *photo.extras):
        seen.update(_TAKEN_FOR.get(thing.name, ()))
    return [category.name for category in CATEGORIES if category.name not in seen]


def common_absent(photo: Photo) -> list[str]:
    """Those of `absent` that other photos often show, so that being named does not give them away."""
    return [category for category in absent(photo) if category in _COMMON]


class Absences:
    """Chooses things that are not in a photo, in the three ways of POPE (Li et al., EMNLP 2023).

    Args:
        photos: All photos of the split; they say what is popular and what goes together.
    """

    def __init__(self, photos: Iterable[Photo]) -> None:
        self._popular: Counter[str] = Counter()
        self._together: dict[str, Counter[str]] = {}
        for photo in photos:
            categories = photo.categories
            self._popular.update(categories)
            for category in categories:
                companions = self._together.setdefault(category, Counter())
                companions.update(other for other in categories if other != category)

    @property
    def popularity(self) -> list[str]:
        """The categories that some photo shows, those of most photos first; equals in alphabetical order."""
        return sorted(self._popular, key=lambda category: (-self._popular[category], category))

    def random(self, photo: Photo, count: int, rng: Random) -> list[str]:
        """Any categories that the photo does not show."""
        return rng.sample(absent(photo), count)

    def popular(self, photo: Photo, count: int) -> list[str]:
        """The categories of most photos that this photo does not show."""
        return self._first(absent(photo), self._popular, count)

    def adversarial(self, photo: Photo, count: int) -> list[str]:
        """The categories that are most often seen together with what this photo shows, and that it does not show."""
        seen: Counter[str] = Counter()
        for category in photo.categories:
            seen.update(self._together.get(category, ()))
        return self._first(absent(photo), seen, count)

    @staticmethod
    def _first(names: Sequence[str], counts: Counter[str], count: int) -> list[str]:
        return sorted(names, key=lambda name: (-counts[name], name))[:count]
