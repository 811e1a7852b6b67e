"""Questions on colors, and questions that need knowledge beside the picture."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from vispro_gym.datasets.mini.photos.claims import program
from vispro_gym.datasets.mini.photos.knowledge import TOPICS
from vispro_gym.datasets.mini.photos.pictures import COLORS, Photo
from vispro_gym.datasets.mini.photos.question import Question, yes_no
from vispro_gym.datasets.mini.photos.scenery import pointed
from vispro_gym.datasets.mini.photos.wording import variable


def color(photo: Photo, rng: Random) -> Iterator[Question]:
    """What color the only thing of a category has, and whether it has some color."""
    for mark in pointed(photo):
        category, answer = mark.phrase.category, mark.thing.color
        if mark.phrase.color or not answer:
            continue
        one = variable(category)
        finding = f'{one} = image_patch.find("{category}")[0]'
        others = tuple(rng.sample([other for other in COLORS if other != answer], 3))
        source = program(finding, f'return {one}.simple_query("What color is this?")')
        yield Question(photo.image_id, "color", f"What color is the {category}?", answer, source, others, (category,))
        for asked in (answer, others[0]):
            said, wrong = yes_no(asked == answer)
            source = program(finding, f'return bool_to_yesno({one}.verify_property("{category}", "{asked}"))')
            yield Question(photo.image_id, "is color", f"Is the {category} {asked}?", said, source, wrong, (category,))


def knowledge(photo: Photo, rng: Random) -> Iterator[Question]:
    """What is known about the only animal, the only toy and so on."""
    for topic in TOPICS:
        category = topic.subject(photo)
        if category is None:
            continue
        answer = topic.table[category]
        wrong = [fact for fact in topic.facts if fact != answer]
        others = tuple(rng.sample(wrong, 3))
        yield Question(photo.image_id, "knowledge", topic.question, answer, topic.program(), others, (category,))
