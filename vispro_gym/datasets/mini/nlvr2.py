"""The mini NLVR2 data: pairs of drawn photos, and statements on them, in the official layout.

As in NLVR2, eight photos of one kind make four pairs, and a sentence is true of two of them and false of the others. Sentences
that can be understood in different ways on one of the pairs are not used there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from vispro_gym.datasets.mini.gqa.catalogue import PLACES
from vispro_gym.datasets.mini.json_files import write_json, write_lines
from vispro_gym.datasets.mini.photos import COLORS, Photo, Thing, absent, coco_instances, take_photos
from vispro_gym.datasets.mini.photos.wording import number, plural, sentence, with_article

_SPLITS = {"train": (24, 600_001), "dev": (8, 700_001)}  # sets of eight photos, first image id
_PAIRS = 4
_SENTENCES = 2
_DIRECTORIES = 4
_MOST = 4
_QUALITY = 90

Pair = tuple[Photo, Photo]


@dataclass(frozen=True)
class Statement:
    """What can be said of a pair.

    Attributes:
        kind: What it is about.
        text: The sentence.
        holds: Whether it is true of a pair; None if people may see it in different ways.
        condition: The Python expression that checks it on the patches `left` and `right`.
    """

    kind: str
    text: str
    holds: Callable[[Pair], bool | None]
    condition: str

    @property
    def program(self) -> str:
        """A program that says True or False by looking."""
        return (
            "def execute_command(left_image, right_image):\n"
            "    left, right = ImagePatch(left_image), ImagePatch(right_image)\n"
            f"    return {self.condition}\n"
        )


def write_nlvr2(root: Path, seed: int = 0) -> None:
    """Writes the data set into an existing, empty folder.

    Args:
        root: The folder.
        seed: Everything is a function of it, byte for byte.
    """
    for split, (sets, first_id) in _SPLITS.items():
        rng = Random(f"{seed}-nlvr2-{split}-statements")
        photos = list(take_photos(f"{seed}-nlvr2-{split}", 2 * _PAIRS * sets, first_id))
        records: list[dict[str, Any]] = []
        programs: dict[str, str] = {}
        names: dict[int, str] = {}
        used: Counter[str] = Counter()
        for set_id, group in enumerate(_groups(photos)):
            pairs, chosen = _choose(group, rng, used)
            synset = Counter(name for photo in group for name in photo.categories).most_common(1)[0][0]
            directory = {"directory": set_id % _DIRECTORIES} if split == "train" else {}
            folder = root / "images" / "train" / str(set_id % _DIRECTORIES) if split == "train" else root / split
            folder.mkdir(parents=True, exist_ok=True)
            for pair_id, pair in enumerate(pairs):
                for side, photo in enumerate(pair):
                    names[photo.image_id] = f"{split}-{set_id}-{pair_id}-img{side}.png"
                    photo.image.save(folder / names[photo.image_id], "JPEG", quality=_QUALITY)  # as most of NLVR2's are
                for i, statement in enumerate(chosen):
                    identifier = f"{split}-{set_id}-{pair_id}-{i}"
                    label = str(statement.holds(pair))
                    records.append(
                        {
                            "validation": {"1": label},
                            "sentence": statement.text,
                            "left_url": "",
                            "writer": "0",
                            "label": label,
                            "right_url": "",
                            "synset": synset,
                            "query": f"{plural(synset)}{set_id}",
                            "identifier": identifier,
                            **directory,
                        }
                    )
                    programs[identifier] = statement.program
        instances = coco_instances(photos, split)
        for image in instances["images"]:
            image["file_name"] = names[image["id"]]
        write_lines(root / "data" / f"{split}.json", records)
        write_json(root / "annotations" / f"instances_{split}.json", instances)
        write_json(root / f"expert_programs_{split}.json", programs)


def _groups(photos: Sequence[Photo]) -> Iterator[list[Photo]]:
    """Groups of eight photos of one place; photos come from all places in turn."""
    places = len(PLACES)
    for start in range(0, len(photos), 2 * _PAIRS * places):
        for place in range(places):
            yield list(photos[start + place : start + 2 * _PAIRS * places : places])


def _choose(group: list[Photo], rng: Random, used: Counter[str]) -> tuple[list[Pair], list[Statement]]:
    """Pairs the photos off, and chooses sentences of different kinds that are true of half the pairs; rare kinds first."""
    while True:
        rng.shuffle(group)
        pairs = list(zip(group[::2], group[1::2], strict=True))
        pool: dict[str, list[Statement]] = {}
        for statement in _statements(group):
            truth = [statement.holds(pair) for pair in pairs]
            if None not in truth and sum(map(bool, truth)) == len(pairs) // 2:
                pool.setdefault(statement.kind, []).append(statement)
        if len(pool) >= _SENTENCES:
            kinds = sorted(pool, key=lambda kind: (used[kind], rng.random()))[:_SENTENCES]
            used.update(kinds)
            return pairs, [rng.choice(pool[kind]) for kind in kinds]


def _statements(group: Sequence[Photo]) -> Iterator[Statement]:
    """Everything that may be said of pairs from a group."""
    categories = sorted({category for photo in group for category in photo.categories})
    for category in categories:
        yield from _presence(category)
        yield from _numbers(category)
        for color in COLORS:
            yield _color(Thing(category, color), "left")
            yield _color(Thing(category, color), "right")
    for category in categories:
        for other in categories:
            if category < other:
                yield _each_shows_one(category, other)


def _presence(category: str) -> Iterator[Statement]:
    one = with_article(category)
    left, right = (f'{side}.exists("{category}")' for side in ("left", "right"))
    yield Statement(
        "both", f"Both images show {one}.", lambda p: _check(p, category, lambda a, b: a > 0 < b), f"{left} and {right}"
    )
    yield Statement(
        "neither",
        f"Neither image shows {one}.",
        lambda p: _check(p, category, lambda a, b: a == b == 0),
        f"not {left} and not {right}",
    )
    yield Statement("shows", f"The left image shows {one}.", lambda p: _check(p, category, lambda a, b: a > 0), left)
    yield Statement("shows", f"The right image shows {one}.", lambda p: _check(p, category, lambda a, b: b > 0), right)


def _numbers(category: str) -> Iterator[Statement]:
    many = plural(category)
    left, right = (f'len({side}.find("{category}"))' for side in ("left", "right"))
    yield Statement(
        "more",
        f"There are more {many} in the left image than in the right one.",
        lambda p: _check(p, category, lambda a, b: a > b),
        f"{left} > {right}",
    )
    yield Statement(
        "as many",
        f"There are as many {many} in the left image as in the right one.",
        lambda p: _check(p, category, lambda a, b: a == b if a or b else None),
        f"{left} == {right}",
    )
    for n in range(1, _MOST + 1):
        yield from _exact_numbers(category, n)


def _exact_numbers(category: str, n: int) -> Iterator[Statement]:
    things, several = f"{number(n)} {category if n == 1 else plural(category)}", " of several" if n > 1 else ""
    left, right = (f'len({side}.find("{category}"))' for side in ("left", "right"))
    yield Statement(
        f"one image{several}",
        f"One image contains exactly {things}.",
        lambda p: _check(p, category, lambda a, b: None if a == b == n else n in (a, b)),
        f"({left} == {n}) != ({right} == {n})",
    )
    yield Statement(
        f"right image{several}",
        f"The right image contains exactly {things}.",
        lambda p: _check(p, category, lambda a, b: b == n),
        f"{right} == {n}",
    )
    if n > 1:
        yield Statement(
            "at least",
            f"The left image contains at least {things}.",
            lambda p: _check(p, category, lambda a, b: a >= n),
            f"{left} >= {n}",
        )
    yield Statement(
        f"in total{several}",
        sentence(f"there {'is' if n == 1 else 'are'} exactly {things} in total"),
        lambda p: _check(p, category, lambda a, b: a + b == n),
        f"{left} + {right} == {n}",
    )


def _color(thing: Thing, side: str) -> Statement:
    return Statement(
        "color",
        f"There is {with_article(thing.phrase)} in the {side} image.",
        lambda p: _shows_color(p[side == "right"], thing),
        f'{side}.exists("{thing.phrase}")',
    )


def _each_shows_one(category: str, other: str) -> Statement:
    def holds(pair: Pair) -> bool | None:
        first, second = ([_count(photo, name) for photo in pair] for name in (category, other))
        if None in first or None in second:
            return None
        return bool((first[0] and second[1]) or (first[1] and second[0]))

    def both(one: str, two: str) -> str:
        return f'{one}.exists("{category}") and {two}.exists("{other}")'

    text = f"One image shows {with_article(category)}, and the other one shows {with_article(other)}."
    return Statement("each one", text, holds, f"({both('left', 'right')}) or ({both('right', 'left')})")


def _check(pair: Pair, category: str, test: Callable[[int, int], bool | None]) -> bool | None:
    left, right = (_count(photo, category) for photo in pair)
    return None if left is None or right is None else test(left, right)


def _count(photo: Photo, category: str) -> int | None:
    """How many things of a category a photo shows; None if it shows something that some would take for one."""
    found = len(photo.of(category))
    return found if found or category in _absent(photo) else None


def _shows_color(photo: Photo, thing: Thing) -> bool | None:
    """Whether a photo shows such a thing; None if the color of one is a matter of opinion."""
    if _count(photo, thing.category) is None or not all(other.color for other in photo.of(thing.category)):
        return None
    return bool(thing.found(photo))


@lru_cache(maxsize=4 * _PAIRS)
def _absent(photo: Photo) -> frozenset[str]:
    return frozenset(absent(photo))
