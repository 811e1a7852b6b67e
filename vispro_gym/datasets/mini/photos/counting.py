"""Questions on whether something is there, and on how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from vispro_gym.datasets.mini.photos.claims import LEFT, OPPOSITE, RIGHT, Thing, clearly, compare, program, stands
from vispro_gym.datasets.mini.photos.pictures import COLORS, Photo, PhotoObject
from vispro_gym.datasets.mini.photos.question import Question, loop_names, other_numbers, yes_no
from vispro_gym.datasets.mini.photos.scenery import GROUPS, common_absent, group_members, pointed
from vispro_gym.datasets.mini.photos.wording import plural, variable, with_article


def existence_question(photo: Photo, category: str) -> Question:
    """POPE's question on a COCO category, whether the photo shows it or not: "Is there a dog in the image?"."""
    answer, others = yes_no(bool(photo.of(category)))
    source = program(f'return bool_to_yesno(image_patch.exists("{category}"))')
    text = f"Is there {with_article(category)} in the image?"
    return Question(photo.image_id, "existence", text, answer, source, others, (category,))


def existence(photo: Photo, rng: Random) -> Iterator[Question]:
    """Whether there is something of a category; as many things that are there as things that are not."""
    for category in (*photo.categories, *rng.sample(common_absent(photo), len(photo.categories))):
        yield existence_question(photo, category)


def existence_color(photo: Photo, rng: Random) -> Iterator[Question]:
    """Whether there is a thing of a color, for categories that are there."""
    for category in photo.categories:
        colors = _colors_of(photo.of(category))
        if not colors:
            continue
        missing = rng.choice([color for color in COLORS if color not in colors])
        for color in (rng.choice(colors), missing):
            thing = Thing(category, color)
            answer, others = yes_no(color in colors)
            source = program(f'return bool_to_yesno(image_patch.exists("{thing.phrase}"))')
            text = f"Is there {with_article(thing.phrase)} in the image?"
            yield Question(photo.image_id, "existence color", text, answer, source, others, (category,))


def _colors_of(things: list[PhotoObject]) -> list[str]:
    """The colors of things that all have just one, without repetition; none if a thing has not."""
    colors = [thing.color for thing in things]
    return sorted(set(colors)) if all(colors) else []


def _number(photo: Photo, kind: str, text: str, count: int, source: str, about: tuple[str, ...], rng: Random) -> Question:
    return Question(photo.image_id, kind, text, count, source, other_numbers(count, rng), about)


def count(photo: Photo, rng: Random) -> Iterator[Question]:
    """How many things of a category there are."""
    for category in (*photo.categories, rng.choice(common_absent(photo))):
        text = rng.choice(("How many {} are there?", "How many {} are in the picture?", "How many {} can you see?"))
        source = program(f'return len(image_patch.find("{category}"))')
        count = len(photo.of(category))
        yield _number(photo, "count", text.format(plural(category)), count, source, (category,), rng)


def count_color(photo: Photo, rng: Random) -> Iterator[Question]:
    """How many of several things have a color, or have it not."""
    for category in photo.categories:
        things = photo.of(category)
        colors = _colors_of(things)
        if len(things) < 2 or not colors:
            continue
        color = rng.choice([*colors, rng.choice(COLORS)])
        thing = Thing(category, color)
        count = len(thing.found(photo))
        text = f"How many {thing.phrases} are there?"
        source = program(f'return len(image_patch.find("{thing.phrase}"))')
        yield _number(photo, "count color", text, count, source, (category,), rng)
        one, many = loop_names(category)
        source = program(
            f'{many} = image_patch.find("{category}")',
            f'return len([{one} for {one} in {many} if not {one}.verify_property("{category}", "{color}")])',
        )
        text = f"How many {plural(category)} are not {color}?"
        yield _number(photo, "count color", text, len(things) - count, source, (category,), rng)


def count_relation(photo: Photo, rng: Random) -> Iterator[Question]:
    """How many things are to the left or right of something that can be pointed at."""
    marks = pointed(photo)
    rng.shuffle(marks)
    for category in photo.categories:
        things = photo.of(category)
        most = 2 if len(things) > 1 else int(rng.random() < 0.2)
        asked = 0
        for mark in marks:
            relation = rng.choice((LEFT, RIGHT))
            if mark.phrase.category == category or asked == most:
                continue
            if not all(
                clearly(thing, relation, mark.thing) or clearly(thing, OPPOSITE[relation], mark.thing) for thing in things
            ):
                continue
            asked += 1
            count = sum(stands(thing, relation, mark.thing) for thing in things)
            text = f"How many {plural(category)} are {relation} the {mark.phrase.phrase}?"
            (one, many), other = loop_names(category), variable(mark.phrase.category)
            source = program(
                f'{other} = image_patch.find("{mark.phrase.phrase}")[0]',
                f'{many} = image_patch.find("{category}")',
                f"return len([{one} for {one} in {many} if {compare(one, relation, other)}])",
            )
            yield _number(photo, "count relation", text, count, source, (category, mark.phrase.category), rng)


def count_group(photo: Photo, rng: Random) -> Iterator[Question]:
    """How many animals, vehicles or fruits there are, or things of two categories together."""
    for group in GROUPS:
        members = group_members(photo, group)
        if members is None or group == "food" or (not members and rng.random() < 0.8):
            continue
        source = program(f'return len(image_patch.find("{group}"))')
        yield _number(photo, "count group", f"How many {plural(group)} are there?", len(members), source, (), rng)
    if len(photo.categories) > 1:
        first, second = rng.sample(photo.categories, 2)
        source = program(f'return len(image_patch.find("{first}")) + len(image_patch.find("{second}"))')
        text = f"How many {plural(first)} and {plural(second)} are there altogether?"
        count = len(photo.of(first)) + len(photo.of(second))
        yield _number(photo, "count group", text, count, source, (first, second), rng)


def more(photo: Photo, rng: Random) -> Iterator[Question]:
    """Whether there is more of one category than of another."""
    counts = {category: len(photo.of(category)) for category in photo.categories}
    pairs = [(a, b) for a in counts for b in counts if counts[a] > counts[b]]
    for pair in rng.sample(pairs, min(2, len(pairs))):
        first, second = rng.sample(pair, 2)
        answer, others = yes_no(counts[first] > counts[second])
        source = program(f'return bool_to_yesno(len(image_patch.find("{first}")) > len(image_patch.find("{second}")))')
        text = f"Are there more {plural(first)} than {plural(second)}?"
        yield Question(photo.image_id, "more", text, answer, source, others, (first, second))
