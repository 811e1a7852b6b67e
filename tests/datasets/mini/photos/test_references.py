"""Referring expressions and descriptions: programs return what is meant, and nothing else."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.datasets.mini.photos.harness import Case, mistakes, photos
from vispro_gym.datasets.coco_categories import BY_NAME
from vispro_gym.datasets.mini.photos import Photo, Reference, category_description, descriptions, expressions


def boxes(photo: Photo, reference: Reference) -> list[tuple[int, int, int, int]]:
    by_id = {thing.annotation_id: thing for thing in photo.objects}
    assert all(by_id[key].category == reference.category for key in reference.annotation_ids)
    return [by_id[key].box for key in reference.annotation_ids]


def test_expressions_name_one_thing() -> None:
    cases, kinds, sizes = [], Counter[str](), Counter[int]()
    for photo in photos():
        found = expressions(photo, Random(photo.image_id))
        assert len({reference.text for reference in found}) == len(found)
        for reference in found:
            kinds[reference.kind] += 1
            (box,) = boxes(photo, reference)
            sizes[len(photo.of(reference.category))] += 1
            cases.append(Case(reference.program, photo.image_id, box, reference))
    assert kinds.keys() == {"name", "color", "side", "size", "relation"}
    assert min(kinds.values()) >= 40
    assert sum(sizes.values()) - sizes[1] > sizes[1]  # mostly one of several of the same category
    assert mistakes(photos(), cases) == []


def test_expressions_without_places() -> None:
    for photo in photos():
        for reference in expressions(photo, Random(photo.image_id)):
            says_where = any(word in reference.text for word in ("left", "right", "middle"))
            assert says_where == (reference.kind in ("side", "relation"))


def test_descriptions_name_any_number() -> None:
    cases, kinds, lengths, negative = [], Counter[str](), Counter[str](), Counter[bool]()
    for photo in photos():
        found = descriptions(photo, Random(photo.image_id))
        for reference in found:
            words = len(reference.text.split())
            kinds[reference.kind] += 1
            lengths["short" if words <= 3 else "middling" if words <= 8 else "long"] += 1
            negative[not reference.annotation_ids] += 1
            cases.append(Case(reference.program, photo.image_id, boxes(photo, reference), reference))
    assert kinds.keys() == {"name", "color", "relation", "color and relation"}
    assert min(lengths.values()) > 0.2 * lengths.total()
    assert min(negative.values()) > 0.3 * negative.total()
    assert mistakes(photos(), Random(0).sample(cases, 1500)) == []


@pytest.mark.parametrize("shown", [True, False])
def test_categories_as_descriptions(shown: bool) -> None:
    cases = []
    for photo in photos():
        names = photo.categories if shown else [name for name in BY_NAME if name not in photo.categories][::9]
        for name in names:
            reference = category_description(photo, name)
            assert reference.text == name
            assert bool(reference.annotation_ids) == shown
            cases.append(Case(reference.program, photo.image_id, boxes(photo, reference), reference))
    assert mistakes(photos(), cases) == []
