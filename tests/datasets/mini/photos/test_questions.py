"""Questions on drawn photos: the programs are right, the answers certain and evenly chosen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.mini.photos.harness import Case, mistakes, photos
from vispro_gym.datasets.mini.photos import (
    KINDS,
    OPPOSITE,
    Absences,
    Photo,
    PhotoObject,
    Question,
    absent,
    choose_evenly,
    clearly,
    common_absent,
    existence_question,
    pointed,
    questions,
    stands,
    statements,
)
from vispro_gym.datasets.mini.photos.knowledge import TOPICS
from vispro_gym.datasets.mini.photos.scenery import GROUPS
from vispro_gym.perception.vocabulary import is_a

OPEN_CHOICES = frozenset({"count", "count color", "count relation", "count group", "color", "what", "knowledge"})


def asked(photo: Photo, *kinds: str) -> list[Question]:
    return questions(photo, Random(f"questions-{photo.image_id}"), kinds or KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_programs_are_right(kind: str) -> None:
    pool = [question for photo in photos() for question in asked(photo, kind)]
    assert len(pool) >= 100
    assert {question.kind for question in pool} == {kind}
    sample = Random(kind).sample(pool, min(500, len(pool)))
    assert mistakes(photos(), [Case(question.program, question.image_id, question.answer, question) for question in sample]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_programs_look_at_the_picture(kind: str) -> None:
    """On another photo a program does not repeat its answer blindly: some end in another answer, or find nothing."""
    pool = [question for photo in photos() for question in asked(photo, kind)]
    sample = Random(kind).sample(pool, 60)
    others = [photo.image_id for photo in photos()]
    moved = [
        Case(question.program, others[(question.image_id + 8 * i) % len(others)], question.answer, question)
        for i, question in enumerate(sample)
    ]
    assert len(mistakes(photos(), moved)) >= 5
    assert all("image_patch.find(" in question.program or "image_patch.exists(" in question.program for question in pool)


def test_records() -> None:
    for photo in photos():
        found = asked(photo)
        assert len({question.text for question in found}) == len(found)
        for question in found:
            assert question.image_id == photo.image_id
            assert question.text.endswith("?")
            assert question.answer not in question.others
            assert len(set(question.others)) == len(question.others)
            assert len(question.others) == (3 if question.kind in OPEN_CHOICES else 1)
            assert isinstance(question.answer, int) == question.kind.startswith("count")


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected some of: existence"):
        questions(photos()[0], Random(0), ["existence", "taste"])


def test_no_answer_prevails_after_an_even_choice() -> None:
    pool = [question for photo in photos() for question in asked(photo)]
    chosen = choose_evenly(
        pool, 600, Random("even"), lambda question: question.kind, lambda question: question.answer, per_image=6
    )
    assert len(chosen) == 600
    assert max(Counter(question.image_id for question in chosen).values()) <= 6
    answers: dict[str, Counter[str | int]] = defaultdict(Counter)
    for question in chosen:
        answers[question.kind][question.answer] += 1
    assert answers.keys() == set(KINDS)
    assert max(counter.total() for counter in answers.values()) < 2 * min(counter.total() for counter in answers.values())
    for kind, counter in answers.items():
        assert max(counter.values()) <= (0.62 if len(counter) == 2 else 0.4) * counter.total(), (kind, counter)
    assert chosen == choose_evenly(
        pool, 600, Random("even"), lambda question: question.kind, lambda question: question.answer, per_image=6
    )


class Fact(NamedTuple):
    image_id: int
    kind: str
    answer: str


FACTS = st.lists(st.builds(Fact, st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["yes", "no", "red"])), max_size=40)


@given(FACTS, st.integers(0, 50), st.integers(0, 9))
def test_choosing_evenly(facts: list[Fact], wanted: int, seed: int) -> None:
    chosen = choose_evenly(facts, wanted, Random(seed), lambda fact: fact.kind, lambda fact: fact.answer)
    assert not Counter(chosen) - Counter(facts)
    assert len(chosen) <= wanted
    # As long as there is something left of each, no kind gets more than one ahead of the other.
    kinds, there = Counter(fact.kind for fact in chosen), Counter(fact.kind for fact in facts)
    if len(there) == 2:
        ahead, behind = sorted("ab", key=lambda kind: -kinds[kind])
        answers = Counter(fact.answer for fact in facts if fact.kind == behind)
        available = 2 * min(answers.values()) if len(answers) == 2 else there[behind]
        assert kinds[ahead] - kinds[behind] <= 1 or kinds[behind] == available
    for kind in there:
        of_kind = Counter(fact.answer for fact in chosen if fact.kind == kind)
        if len({fact.answer for fact in facts if fact.kind == kind}) == 2:
            assert len(of_kind) == 0 or abs(max(of_kind.values()) * 2 - of_kind.total()) <= 1


@given(FACTS, st.integers(1, 5))
def test_choosing_evenly_by_photo(facts: list[Fact], most: int) -> None:
    chosen = choose_evenly(facts, 40, Random(0), per_image=most)
    expected = {image: min(most, count) for image, count in Counter(fact.image_id for fact in facts).items()}
    assert Counter(fact.image_id for fact in chosen) == expected


def test_statements_are_even_clear_and_right() -> None:
    cases = []
    verdicts: Counter[tuple[str, bool]] = Counter()
    for photo in photos():
        for statement in statements(photo, Random(photo.image_id)):
            verdicts[statement.relation, statement.holds] += 1
            cases.append(Case(statement.program, photo.image_id, "yes" if statement.holds else "no", statement))
            (first,) = statement.subject.found(photo)
            (second,) = statement.object.found(photo)
            said = statement.relation if statement.holds else OPPOSITE[statement.relation]
            assert clearly(first, said, second)
            assert not clearly(first, OPPOSITE[said], second)
            assert statement.text == f"The {statement.question.removeprefix('Is the ').removesuffix('?')}.".replace(
                f" {statement.relation} ", f" is {statement.relation} "
            )
    assert verdicts.keys() == {(relation, holds) for relation in OPPOSITE for holds in (True, False)}
    for relation in OPPOSITE:
        assert verdicts[relation, True] == verdicts[OPPOSITE[relation], False]
        assert verdicts[relation, True] > 20
    assert mistakes(photos(), Random(0).sample(cases, 600)) == []


BOXES = st.tuples(st.integers(0, 400), st.integers(0, 300), st.integers(1, 80), st.integers(1, 60)).map(
    lambda box: PhotoObject(1, "cup", "cup", (), (box[0], box[1], box[0] + box[2], box[1] + box[3]))
)


@given(BOXES, BOXES)
def test_what_is_clear_is_so_and_its_opposite_is_the_converse(first: PhotoObject, second: PhotoObject) -> None:
    for relation, opposite in OPPOSITE.items():
        assert clearly(first, relation, second) == clearly(second, opposite, first)
        assert stands(first, relation, second) == stands(second, opposite, first)
        assert not clearly(first, relation, second) or stands(first, relation, second)
        assert not (stands(first, relation, second) and stands(first, opposite, second))


@pytest.mark.parametrize("choose", ["random", "popular", "adversarial"])
def test_absences_as_in_pope(choose: str) -> None:
    absences = Absences(photos())
    cases = []
    for photo in photos():
        rng = Random(photo.image_id)
        missing = absences.random(photo, 3, rng) if choose == "random" else getattr(absences, choose)(photo, 3)
        assert len(set(missing)) == 3
        assert set(missing) <= set(absent(photo))
        assert set(missing).isdisjoint(photo.categories)
        some = [existence_question(photo, category) for category in (*missing, *photo.categories[:3])]
        assert [question.answer for question in some] == ["no"] * 3 + ["yes"] * (len(some) - 3)
        cases += [Case(question.program, photo.image_id, question.answer, question) for question in some]
    assert mistakes(photos(), cases) == []


def test_popularity_and_companions() -> None:
    absences = Absences(photos())
    counts = Counter(category for photo in photos() for category in photo.categories)
    ranks = [counts[category] for category in absences.popularity]
    assert ranks == sorted(ranks, reverse=True)
    assert set(absences.popularity) == set(counts)
    for photo in photos():
        missing = absences.popular(photo, 80)
        assert [counts[category] for category in missing] == sorted((counts[category] for category in missing), reverse=True)
        assert set(common_absent(photo)) <= set(absent(photo))
    # A street does not lack what kitchens have in common, but what other streets show.
    street = [photo for photo in photos() if photo.place == "street"]
    indoors = {"bed", "couch", "dining table", "clock", "oven", "chair", "book"}
    named = Counter(category in indoors for photo in street for category in absences.adversarial(photo, 3))
    assert named[False] > 2 * named[True]


def test_what_can_be_pointed_at_is_one_thing() -> None:
    for photo in photos():
        for mark in pointed(photo):
            assert mark.phrase.found(photo) == [mark.thing]


@pytest.mark.parametrize("group", GROUPS)
def test_groups_are_what_perception_takes_them_for(group: str) -> None:
    shown = {thing.category for photo in photos() for thing in photo.objects}
    assert {category for category in shown if is_a(category, group)} == set(GROUPS[group]) & shown


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_knowledge(topic: Callable[..., object]) -> None:
    shown = {thing.category for photo in photos() for thing in photo.objects}
    assert {category for category in shown if is_a(category, topic.group)} == set(topic.members) & shown
    assert topic.table.keys() <= set(topic.members)
    assert len(topic.facts) >= 4
    assert set(topic.wrong).isdisjoint(topic.table.values())
