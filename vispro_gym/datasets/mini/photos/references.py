"""Expressions that name one thing of a photo, and descriptions that name several or none; programs return the patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from vispro_gym.datasets.mini.photos.claims import LEFT, OPPOSITE, RIGHT, Thing, clearly, compare, program, stands
from vispro_gym.datasets.mini.photos.pictures import COLORS, Photo, PhotoObject
from vispro_gym.datasets.mini.photos.question import loop_names
from vispro_gym.datasets.mini.photos.scenery import Pointed, common_absent, pointed
from vispro_gym.datasets.mini.photos.wording import plural, variable

_LARGER = 1.35
_APART = 30
_MOST_SIDES = 3


@dataclass(frozen=True)
class Reference:
    """A noun phrase for things of a photo.

    Attributes:
        image_id: The photo.
        kind: How it tells the things from others: "name", "color", "side", "size" or "relation"; in descriptions also several
            of them, joined by "and".
        text: The phrase, in lower case, without a full stop.
        category: The COCO category that it names.
        annotation_ids: What it names, in the order of the instance file: one thing for an expression, any number for a
            description.
        program: Returns the patch, or the list of patches, by looking.
    """

    image_id: int
    kind: str
    text: str
    category: str
    annotation_ids: tuple[int, ...]
    program: str


def expressions(photo: Photo, rng: Random) -> list[Reference]:
    """Expressions that name exactly one thing: "the left cup", "the largest chair", "the cup to the right of the vase".

    Expressions of the kinds "side" and "relation" speak of places in the picture, the others do not (RefCOCO+ has only those).

    Args:
        photo: The photo.
        rng: Decides the wording and the order.
    """
    found: list[Reference] = []
    for mark in pointed(photo):
        kind = "color" if mark.phrase.color else "name"
        source = program(f'return image_patch.find("{mark.phrase.phrase}")[0]')
        found.append(_one(photo, kind, f"the {mark.phrase.phrase}", mark.thing, source))
    for category in photo.categories:
        things = photo.of(category)
        if len(things) > 1:
            found += _by_side(photo, category, things, rng)
            found += _by_size(photo, category, things)
            found += _by_relation(photo, category, things)
    rng.shuffle(found)
    return found


def _one(photo: Photo, kind: str, text: str, thing: PhotoObject, source: str) -> Reference:
    return Reference(photo.image_id, kind, text, thing.category, (thing.annotation_id,), source)


def _by_side(photo: Photo, category: str, things: list[PhotoObject], rng: Random) -> Iterator[Reference]:
    one, many = loop_names(category)
    ordered = sorted(things, key=lambda thing: thing.center[0])
    finding = f'{many} = image_patch.find("{category}")'
    for word, index, extreme in (("left", 0, "min"), ("right", -1, "max")):
        beside = ordered[1] if index == 0 else ordered[-2]
        if abs(ordered[index].center[0] - beside.center[0]) < _APART:
            continue
        if len(things) == 2:
            text = rng.choice((f"the {word} {category}", f"the {category} on the {word}"))
        else:
            text = rng.choice((f"the {word}most {category}", f"the {category} farthest to the {word}"))
        source = program(finding, f"return {extreme}({many}, key=lambda {one}: {one}.horizontal_center)")
        yield _one(photo, "side", text, ordered[index], source)
    gaps = [b.center[0] - a.center[0] for a, b in pairwise(ordered)]
    if len(things) == 3 and min(gaps) >= _APART:
        source = program(
            f'{many} = sorted(image_patch.find("{category}"), key=lambda {one}: {one}.horizontal_center)', f"return {many}[1]"
        )
        yield _one(photo, "side", f"the {category} in the middle", ordered[1], source)


def _by_size(photo: Photo, category: str, things: list[PhotoObject]) -> Iterator[Reference]:
    one, many = loop_names(category)
    ordered = sorted(things, key=lambda thing: thing.area)
    comparing = len(things) == 2
    for word, thing, second, extreme in (
        ("larger" if comparing else "largest", ordered[-1], ordered[-2], "max"),
        ("smaller" if comparing else "smallest", ordered[0], ordered[1], "min"),
    ):
        small, large = sorted((thing.area, second.area))
        if large > _LARGER * small:
            source = program(
                f'{many} = image_patch.find("{category}")', f"return {extreme}({many}, key=lambda {one}: {one}.area)"
            )
            yield _one(photo, "size", f"the {word} {category}", thing, source)


def _by_relation(photo: Photo, category: str, things: list[PhotoObject]) -> Iterator[Reference]:
    for mark, relation, there in _beside(photo, things):
        if len(there) == 1:
            source = _related_program(category, relation, mark, "[0]")
            yield _one(photo, "relation", f"the {category} {relation} the {mark.phrase.phrase}", there[0], source)


def _beside(photo: Photo, things: list[PhotoObject]) -> Iterator[tuple[Pointed, str, list[PhotoObject]]]:
    """What can be pointed at, a side of it, and the things on that side; only where all are clearly on one side or the other."""
    for mark in pointed(photo):
        if mark.phrase.category == things[0].category:
            continue
        for relation in (LEFT, RIGHT):
            if all(clearly(thing, relation, mark.thing) or clearly(thing, OPPOSITE[relation], mark.thing) for thing in things):
                yield mark, relation, [thing for thing in things if stands(thing, relation, mark.thing)]


def _related_program(category: str, relation: str, mark: Pointed, pick: str = "", phrase: str = "", unlike: str = "") -> str:
    (one, many), other = loop_names(category), variable(mark.phrase.category)
    condition = compare(one, relation, other)
    if unlike:
        condition += f' and not {one}.verify_property("{category}", "{unlike}")'
    return program(
        f'{other} = image_patch.find("{mark.phrase.phrase}")[0]',
        f'{many} = image_patch.find("{phrase or category}")',
        f"return [{one} for {one} in {many} if {condition}]{pick}",
    )


def category_description(photo: Photo, category: str) -> Reference:
    """The name of a category as a description, whether the photo shows such things or not; OmniLabel's "object_category"."""
    source = program(f'return image_patch.find("{category}")')
    return _many(photo, "name", category, category, photo.of(category), source)


def _many(photo: Photo, kind: str, text: str, category: str, things: list[PhotoObject], source: str) -> Reference:
    return Reference(photo.image_id, kind, text, category, tuple(thing.annotation_id for thing in things), source)


def descriptions(photo: Photo, rng: Random) -> list[Reference]:
    """Descriptions of any number of things: "red cups", "cups to the left of the vase", "cups that are not red".

    Among them are many negative ones, with no `annotation_ids`: of things that other photos show, of other colors, of the
    side where nothing is. Short, middling and long ones (up to three words, up to eight, more) are all there.

    Args:
        photo: The photo.
        rng: Source of all choices.
    """
    found: list[Reference] = []
    for category in photo.categories:
        found += _described(photo, category, rng)
    for category in rng.sample(common_absent(photo), 3):
        color = rng.choice(COLORS)
        text = rng.choice((plural(category), Thing(category, color).phrases))
        phrase = category if text == plural(category) else Thing(category, color).phrase
        found.append(_many(photo, "name", text, category, [], program(f'return image_patch.find("{phrase}")')))
        mark = rng.choice(pointed(photo) or [None])
        if mark is not None:
            relation = rng.choice((LEFT, RIGHT))
            text = f"{plural(category)} {relation} the {mark.phrase.phrase}"
            found.append(_many(photo, "relation", text, category, [], _related_program(category, relation, mark)))
    rng.shuffle(found)
    return found


def _described(photo: Photo, category: str, rng: Random) -> Iterator[Reference]:
    things = photo.of(category)
    many = plural(category)
    one, several = loop_names(category)
    yield _many(photo, "name", many, category, things, program(f'return image_patch.find("{category}")'))
    colors = Counter(thing.color for thing in things)
    known = "" not in colors
    if known:
        missing = rng.choice([color for color in COLORS if color not in colors])
        for color in (*sorted(colors), missing):
            phrase = Thing(category, color)
            source = program(f'return image_patch.find("{phrase.phrase}")')
            yield _many(photo, "color", phrase.phrases, category, phrase.found(photo), source)
        unlike = rng.choice(sorted(colors))
        source = program(
            f'{several} = image_patch.find("{category}")',
            f'return [{one} for {one} in {several} if not {one}.verify_property("{category}", "{unlike}")]',
        )
        others = [thing for thing in things if thing.color != unlike]
        yield _many(photo, "color", f"{many} that are not {unlike}", category, others, source)
    beside = list(_beside(photo, things))
    for mark, relation, there in rng.sample(beside, min(_MOST_SIDES, len(beside))):
        where = f"{relation} the {mark.phrase.phrase}"
        yield _many(photo, "relation", f"{many} {where}", category, there, _related_program(category, relation, mark))
        if known:
            color = rng.choice(sorted(colors))
            like = [thing for thing in there if thing.color == color]
            unlike_it = [thing for thing in there if thing.color != color]
            phrase = Thing(category, color)
            text = f"{many} that are {color} and stand {where}"
            source = _related_program(category, relation, mark, phrase=phrase.phrase)
            yield _many(photo, "color and relation", text, category, like, source)
            text = f"{many} that are {where} and that are not {color}"
            source = _related_program(category, relation, mark, unlike=color)
            yield _many(photo, "color and relation", text, category, unlike_it, source)
