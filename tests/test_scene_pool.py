"""The pool of pictures: what its words tell agrees with what the oracle says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import open_dataset
from vispro_gym.perception.protocol import Detect, Relate
from vispro_gym.programs.presuppositions import Look
from vispro_gym.scene_pool import ScenePool

WORDS = [
    ["", "large", "small", "tiny"],
    ["", "red", "grey", "gray"],
    ["", "metal", "shiny"],
    ["cube", "balls", "thing", "object"],
]


@pytest.fixture(scope="module")
def pool() -> ScenePool:
    return ScenePool(open_dataset("CLEVR", None, "val"), seed=0)


def whole(pool: ScenePool, number: int, phrase: str) -> Detect:
    image = pool.pictures[number]
    return Detect(image, (0, 0, image.width, image.height), phrase)


def test_it_has_every_picture_once(pool: ScenePool) -> None:
    dataset = open_dataset("CLEVR", None, "val")
    ids = [image.image_id for image in pool.pictures]
    assert len(ids) == len(set(ids)) and set(ids) == {sample.images[0].image_id for sample in dataset}


@given(st.tuples(*map(st.sampled_from, WORDS)))
def test_counts_are_those_of_the_oracle(pool: ScenePool, words: tuple[str, ...]) -> None:
    phrase = " ".join(filter(None, words))
    found = pool.oracle.detect([whole(pool, number, phrase) for number in range(len(pool.pictures))])
    assert pool.counts(phrase).tolist() == [len(boxes) if isinstance(boxes, list) else 0 for boxes in found]


def test_looks_hold_where_the_oracle_finds_as_many(pool: ScenePool) -> None:
    looks = (
        Look("cube", None, "", "large cube", "subject", (1, 1)),
        Look("ball", "cube", "to the left of", "sphere", "subject", (1, 1)),
        Look("others", "ball", "same color", "object", "subject", (1, None)),
    )
    expected = []
    for number, image in enumerate(pool.pictures):
        (cubes,) = pool.oracle.detect([whole(pool, number, "large cube")])
        boxes = cubes
        for relation, name in (("to the left of", "sphere"), ("same color", None)):
            if isinstance(boxes, list) and len(boxes) == 1:
                (boxes,) = pool.oracle.relate([Relate(image, boxes[0], relation, name, "subject")])
            else:
                boxes = []
        expected.append(bool(boxes))
    assert [pool.holds(number, looks) for number in range(len(pool.pictures))] == expected
    assert any(expected) and not all(expected)


def test_many_phrases_do_not_fill_the_memory(pool: ScenePool) -> None:
    for i in range(2_100):
        pool.counts(f"number{i} cube")
    assert len(pool._named) <= 2_000
    assert pool.counts("cube").sum() > 0
