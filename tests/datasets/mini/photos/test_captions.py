"""Captions of drawn photos: true ones are true, wrong ones wrong and changed in one thing."""

from __future__ import annotations

import re
from collections import Counter
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.mini.photos.harness import Case, mistakes, photos
from vispro_gym.datasets.mini.photos import (
    COLORS,
    FOILS,
    OPPOSITE,
    Caption,
    Counts,
    Mention,
    Photo,
    Relates,
    Shows,
    Thing,
    captions,
    check_expression,
    check_program,
    foils,
    opposite_pairs,
    program,
)
from vispro_gym.datasets.mini.photos.claims import Claim


def captioned(photo: Photo) -> list[Caption]:
    return captions(photo, Random(f"captions-{photo.image_id}"))


def words(caption: Caption) -> list[str]:
    return re.sub(r"[.,]", "", caption.text.lower()).split()


def test_captions_are_true_and_there_are_five_of_each_photo() -> None:
    cases = []
    for photo in photos():
        found = captioned(photo)
        assert len({caption.text for caption in found}) == len(found) == 5
        assert all(caption.holds(photo) for caption in found)
        cases += [Case(caption.program, photo.image_id, "yes", caption.text) for caption in found]
    assert mistakes(photos(), cases) == []


def test_captions_tell_most_photos_apart() -> None:
    """A caption of one photo is false of nearly all others, as retrieval needs."""
    wrong = [
        other.image_id != photo.image_id and caption.holds(other)
        for photo in photos()
        for caption in captioned(photo)
        for other in Random(photo.image_id).sample(photos(), 10)
    ]
    assert sum(wrong) < 0.1 * len(wrong)


@pytest.mark.parametrize("kind", FOILS)
def test_foils_are_false(kind: str) -> None:
    cases = []
    for photo in photos():
        for caption in captioned(photo):
            found = foils(photo, caption, Random(f"{kind}-{photo.image_id}"), [kind])
            assert len(found) <= 1
            cases += [Case(foil.caption.program, photo.image_id, "no", (caption, foil.caption)) for foil in found]
    assert len(cases) >= 100
    assert mistakes(photos(), cases) == []
    for _, _, _, (caption, foil) in cases:
        _check_change(kind, caption, foil)


def _check_change(kind: str, caption: Caption, foil: Caption) -> None:
    before, after = Counter(words(caption)), Counter(words(foil))
    for counter in (before, after):
        del counter["a"], counter["an"], counter["and"]
    assert (foil.setting, foil.opening) == (caption.setting, caption.opening)
    assert foil.text != caption.text
    if kind.startswith("swap"):
        assert before == after
    elif kind == "add_att":
        (color,) = (after - before).elements()
        assert color in COLORS
        assert before < after
    elif kind == "add_obj":
        assert before < after
        assert foil.mentions[:-1] == caption.mentions
    elif kind == "replace_att":
        assert {*(after - before), *(before - after)} <= set(COLORS)
        assert (after - before).total() == (before - after).total() == 1
    elif kind == "replace_rel":
        assert foil.mentions == caption.mentions
        assert foil.relation == OPPOSITE[caption.relation]
    else:
        assert foil.relation == caption.relation
        changed = [(a, b) for a, b in zip(caption.mentions, foil.mentions, strict=True) if a != b]
        ((old, new),) = changed
        assert (old.count, old.thing.color) == (new.count, new.thing.color)
        assert old.thing.category != new.thing.category


def test_every_kind_of_foil_is_made_somewhere_and_unknown_ones_are_refused() -> None:
    photo = photos()[0]
    made = {foil.kind for photo in photos() for caption in captioned(photo) for foil in foils(photo, caption, Random(0))}
    assert made == set(FOILS)
    with pytest.raises(ValueError, match="Expected some of: swap_obj"):
        foils(photo, captioned(photo)[0], Random(0), ["swap"])


def test_opposite_pairs() -> None:
    found = opposite_pairs(photos())
    assert len(found) >= 20
    used = [photo.image_id for pair in found for photo in pair.photos]
    assert len(set(used)) == len(used)
    cases = []
    for pair in found:
        assert Counter(words(pair.captions[0])) == Counter(words(pair.captions[1]))
        for caption, own in zip(pair.captions, pair.photos, strict=True):
            for photo in pair.photos:
                cases.append(Case(caption.program, photo.image_id, "yes" if photo is own else "no", caption.text))
    assert mistakes(photos(), cases) == []


THINGS = st.builds(
    Thing, st.sampled_from(["cup", "chair", "dog", "person", "dining table", "clock"]), st.sampled_from(["", "red"])
)
CLAIMS: st.SearchStrategy[Claim] = st.one_of(
    st.builds(Shows, THINGS),
    st.builds(Counts, THINGS, st.integers(0, 3)),
    st.builds(Relates, THINGS, st.sampled_from(sorted(OPPOSITE)), THINGS),
)


@given(st.lists(st.lists(CLAIMS, min_size=1, max_size=3), min_size=10, max_size=10), st.integers(0, 159))
def test_claims_hold_as_their_programs_say(claims: list[list[Claim]], index: int) -> None:
    photo = photos()[index]
    cases = []
    for some in claims:
        holds = all(claim.holds(photo) for claim in some)
        cases.append(Case(check_program(some), photo.image_id, "yes" if holds else "no", some))
        cases.append(Case(program(f"return {check_expression(some)}"), photo.image_id, holds, some))
    assert mistakes(photos(), cases) == []


def test_conditions_work_on_any_patch() -> None:
    one, two = (
        Caption((Mention(Thing("cup", "red")), Mention(Thing("chair"), 2))),
        Caption((Mention(Thing("cat")), Mention(Thing("cup"))), "above", "in a kitchen"),
    )
    assert one.text == "A red cup and two chairs."
    assert one.condition("left_patch") == 'left_patch.exists("red cup") and len(left_patch.find("chair")) == 2'
    assert two.text == "A cat above a cup in a kitchen."
    assert two.condition("right_patch") == (
        'any(cat.vertical_center > cup.vertical_center for cat in right_patch.find("cat") for cup in right_patch.find("cup"))'
    )


def test_wording() -> None:
    mentions = [Mention(Thing("umbrella")), Mention(Thing("person"), 3), Mention(Thing("wine glass"), 2)]
    texts = {Caption(order).text for order in permutations(mentions)}
    assert "An umbrella, three people and two wine glasses." in texts
    assert len(texts) == 6
    assert Caption((mentions[0],), "", "on a beach", "a picture of").text == "A picture of an umbrella on a beach."
