"""All questions on a photo, and an even choice among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

from vispro_gym.datasets.mini.photos import counting, looks, placing
from vispro_gym.datasets.mini.photos.pictures import Photo
from vispro_gym.datasets.mini.photos.question import Question

_Fact = TypeVar("_Fact")

_MAKERS: tuple[tuple[tuple[str, ...], Callable[[Photo, Random], Iterator[Question]]], ...] = (
    (("existence",), counting.existence),
    (("existence color",), counting.existence_color),
    (("count",), counting.count),
    (("count color",), counting.count_color),
    (("count relation",), counting.count_relation),
    (("count group",), counting.count_group),
    (("more",), counting.more),
    (("color", "is color"), looks.color),
    (("relation",), placing.relation),
    (("side",), placing.side),
    (("what",), placing.what),
    (("larger", "higher"), placing.larger),
    (("knowledge",), looks.knowledge),
)
KINDS: tuple[str, ...] = tuple(kind for kinds, _ in _MAKERS for kind in kinds)
"""All kinds of questions."""


def questions(photo: Photo, rng: Random, kinds: Iterable[str] = KINDS) -> list[Question]:
    """All questions of some kinds that can be asked of a photo, no text twice.

    Answers are certain for whoever looks at the photo, and the programs find them whenever perception is right.

    Args:
        photo: The photo.
        rng: Decides on wordings, and on which of too many questions are made.
        kinds: Some of `KINDS`.
    """
    wanted = set(kinds)
    if unknown := wanted.difference(KINDS):
        raise ValueError(f"There are no questions of the kinds {sorted(unknown)}. Expected some of: {', '.join(KINDS)}.")
    found: dict[str, Question] = {}
    for made, maker in _MAKERS:
        if wanted.intersection(made):
            for question in maker(photo, rng):
                if question.kind in wanted:
                    found.setdefault(question.text, question)
    return list(found.values())


def choose_evenly(
    pool: Sequence[_Fact], wanted: int, rng: Random, *by: Callable[[_Fact], Hashable], per_image: int | None = None
) -> list[_Fact]:
    """Choose facts so that no kind and no answer prevails.

    The facts are dealt out in turn: one of each kind, and within a kind one of each answer, as long as there are any. Where a
    kind has just two answers ("yes" and "no"), no more are dealt of the one than there are of the other.

    Args:
        pool: Questions, statements or whatever else; it must have the attribute `image_id` if `per_image` is given.
        wanted: How many to choose; fewer if the pool does not have that many.
        rng: Source of all choices.
        by: What to be even over, the coarsest first: usually kind, then answer.
        per_image: At most so many facts on one photo.

    Returns:
        The facts in random order.
    """
    order = list(pool)
    rng.shuffle(order)
    used: dict[int, int] = defaultdict(int)
    taken: list[_Fact] = []
    for fact in _dealt(order, by):
        if len(taken) == wanted:
            break
        image_id = getattr(fact, "image_id", 0)
        if per_image is None or used[image_id] < per_image:
            used[image_id] += 1
            taken.append(fact)
    rng.shuffle(taken)
    return taken


def _dealt(facts: Sequence[_Fact], by: Sequence[Callable[[_Fact], Hashable]]) -> Iterator[_Fact]:
    """The facts in an order in which every beginning is even."""
    if not by:
        yield from facts
        return
    piles: dict[Hashable, list[_Fact]] = {}
    for fact in facts:
        piles.setdefault(by[0](fact), []).append(fact)
    if len(by) == 1 and len(piles) == 2:
        fewest = min(map(len, piles.values()))
        piles = {key: pile[:fewest] for key, pile in piles.items()}
    hands = [_dealt(pile, by[1:]) for pile in piles.values()]
    while hands:
        left = []
        for hand in hands:
            for fact in hand:
                yield fact
                left.append(hand)
                break
        hands = left
