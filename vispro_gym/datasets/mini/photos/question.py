"""The record of one question on a photo."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from vispro_gym.datasets.mini.photos.wording import plural, variable


@dataclass(frozen=True)
class Question:
    """A question with its answer.

    Attributes:
        image_id: The photo.
        kind: What it asks for, one of `KINDS`.
        text: The question.
        answer: A word in lower case, "yes" or "no", or an int for a number of things.
        program: A program for the photo that finds the answer by looking; right whenever perception is.
        others: Wrong answers that make sense, for multiple choice; at least three for open questions where there are so many.
        about: The COCO categories that the question mentions.
    """

    image_id: int
    kind: str
    text: str
    answer: str | int
    program: str
    others: tuple[str | int, ...] = ()
    about: tuple[str, ...] = ()


def yes_no(holds: bool) -> tuple[str, tuple[str]]:
    """Answer and wrong answers of a question that asks whether something is so."""
    return ("yes", ("no",)) if holds else ("no", ("yes",))


def other_numbers(count: int, rng: Random) -> tuple[int, ...]:
    """Three numbers near a count."""
    nearby = [other for other in range(max(0, count - 3), count + 4) if other != count]
    return tuple(sorted(rng.sample(nearby, 3)))


def loop_names(noun: str) -> tuple[str, str]:
    """Variables for one of several things and for their list: ("cup", "cups"), ("sheep_patch", "sheep")."""
    one, many = variable(noun), variable(plural(noun))
    return (f"{one}_patch" if one == many else one), many
