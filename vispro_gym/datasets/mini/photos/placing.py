"""Statements and questions on where things are, and on which is larger or higher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from vispro_gym.datasets.mini.photos.claims import ABOVE, LEFT, OPPOSITE, RIGHT, Thing, clearly, compare, program, stands
from vispro_gym.datasets.mini.photos.pictures import Photo
from vispro_gym.datasets.mini.photos.question import Question, yes_no
from vispro_gym.datasets.mini.photos.scenery import GROUPS, Pointed, common_absent, everything, group_members, pointed
from vispro_gym.datasets.mini.photos.wording import sentence, variable

_LARGER = 1.6
_HIGHER = 50
_MOST = 4


@dataclass(frozen=True)
class Statement:
    """A sentence on two things of a photo that is true or false.

    Attributes:
        image_id: The photo.
        text: "The cat is to the left of the red cup."
        question: "Is the cat to the left of the red cup?"
        subject: What the sentence is about.
        relation: A key of `vispro_gym.datasets.mini.photos.claims.OPPOSITE`.
        object: What it is related to.
        holds: Whether the sentence is true; if not, the opposite relation is.
        program: Answers "yes" or "no" by looking.
    """

    image_id: int
    text: str
    question: str
    subject: Thing
    relation: str
    object: Thing
    holds: bool
    program: str


def statements(photo: Photo, rng: Random) -> list[Statement]:
    """Sentences on how two things of a photo are placed, as many true ones as false ones.

    Only things that a phrase names beyond doubt, and only where left, right, above and below are clear.

    Args:
        photo: The photo.
        rng: Decides the order.
    """
    marks = pointed(photo)
    found = [
        _statement(photo, a, said, b, said == relation)
        for a in marks
        for b in marks
        if a.phrase.category != b.phrase.category
        for relation in OPPOSITE
        if clearly(a.thing, relation, b.thing)
        for said in (relation, OPPOSITE[relation])
    ]
    rng.shuffle(found)
    return found


def _statement(photo: Photo, a: Pointed, relation: str, b: Pointed, holds: bool) -> Statement:
    first, second = a.phrase, b.phrase
    one, other = variable(first.category), variable(second.category)
    source = program(
        f'{one} = image_patch.find("{first.phrase}")[0]',
        f'{other} = image_patch.find("{second.phrase}")[0]',
        f"return bool_to_yesno({compare(one, relation, other)})",
    )
    text = sentence(f"the {first.phrase} is {relation} the {second.phrase}")
    question = f"Is the {first.phrase} {relation} the {second.phrase}?"
    return Statement(photo.image_id, text, question, first, relation, second, holds, source)


def relation(photo: Photo, rng: Random) -> Iterator[Question]:
    """Whether two things stand in a spatial relation."""
    for statement in statements(photo, rng)[: 2 * _MOST]:
        answer, others = yes_no(statement.holds)
        about = (statement.subject.category, statement.object.category)
        yield Question(photo.image_id, "relation", statement.question, answer, statement.program, others, about)


def side(photo: Photo, rng: Random) -> Iterator[Question]:
    """On which side of one thing another thing is."""
    for statement in [each for each in statements(photo, rng) if each.holds and each.relation in (LEFT, RIGHT)][:_MOST]:
        first, second = statement.subject, statement.object
        one, other = variable(first.category), variable(second.category)
        answer, wrong = ("left", "right") if statement.relation == LEFT else ("right", "left")
        source = program(
            f'{one} = image_patch.find("{first.phrase}")[0]',
            f'{other} = image_patch.find("{second.phrase}")[0]',
            f'return "left" if {compare(one, LEFT, other)} else "right"',
        )
        text = f"On which side of the {second.phrase} is the {first.phrase}, left or right?"
        yield Question(photo.image_id, "side", text, answer, source, (wrong,), (first.category, second.category))


def what(photo: Photo, rng: Random) -> Iterator[Question]:
    """What the only thing (or animal, ...) on one side of something is."""
    seen = everything(photo)
    for mark in pointed(photo):
        other = variable(mark.phrase.category)
        for relation in (LEFT, RIGHT):
            for group in (None, "animal", "vehicle", "food"):
                members = list(photo.objects) if group is None else group_members(photo, group)
                if members is None or (group is not None and mark.phrase.category in GROUPS[group]):
                    continue
                candidates = seen if group is None else members
                there = [thing for thing in candidates if thing is not mark.thing and stands(thing, relation, mark.thing)]
                if len(there) != 1 or there[0] not in members or not clearly(there[0], relation, mark.thing):
                    continue
                if any(
                    thing is not mark.thing and thing is not there[0] and not clearly(thing, OPPOSITE[relation], mark.thing)
                    for thing in candidates
                ):
                    continue
                one, many = ("thing", "things") if group is None else (group, f"{group}s" if group != "food" else "foods")
                source = program(
                    f'{other} = image_patch.find("{mark.phrase.phrase}")[0]',
                    f'{many} = [{one} for {one} in image_patch.find("{group or "object"}") if {compare(one, relation, other)}]',
                    f'return {many}[0].simple_query("What is this?")',
                )
                asked = "What" if group is None else f"Which {group}"
                text = f"{asked} is {relation} the {mark.phrase.phrase}?"
                yield Question(
                    photo.image_id, "what", text, there[0].category, source,
                    _others(photo, there[0].category, group, rng), (mark.phrase.category,),
                )  # fmt: skip


def _others(photo: Photo, category: str, group: str | None, rng: Random) -> tuple[str, ...]:
    """Three categories that a photo might have shown instead."""
    names = [name for name in (GROUPS[group] if group else photo.categories) if name != category]
    rng.shuffle(names)
    names += rng.sample([name for name in common_absent(photo) if name not in names], 3)
    return tuple(names[:3])


def larger(photo: Photo, rng: Random) -> Iterator[Question]:
    """Which of two things is larger, or higher up."""
    marks = [mark for mark in pointed(photo) if not mark.phrase.color]
    pairs = [(a, b) for a in marks for b in marks if a.thing is not b.thing]
    rng.shuffle(pairs)
    for a, b in pairs[:_MOST]:
        first, second = a.phrase.category, b.phrase.category
        one, other = variable(first), variable(second)
        finding = (f'{one} = image_patch.find("{first}")[0]', f'{other} = image_patch.find("{second}")[0]')
        small, large = sorted((a, b), key=lambda mark: mark.thing.area)
        if large.thing.area > _LARGER * small.thing.area:
            answer, wrong = large.phrase.category, small.phrase.category
            source = program(*finding, f'return "{first}" if {one}.area > {other}.area else "{second}"')
            text = f"Which is larger in the image, the {first} or the {second}?"
            yield Question(photo.image_id, "larger", text, answer, source, (wrong,), (first, second))
        high, low = sorted((a, b), key=lambda mark: mark.thing.center[1])
        if low.thing.center[1] - high.thing.center[1] > _HIGHER and high.thing.box[3] < low.thing.center[1]:
            answer, wrong = high.phrase.category, low.phrase.category
            source = program(*finding, f'return "{first}" if {compare(one, ABOVE, other)} else "{second}"')
            text = f"Which is higher up in the image, the {first} or the {second}?"
            yield Question(photo.image_id, "higher", text, answer, source, (wrong,), (first, second))
