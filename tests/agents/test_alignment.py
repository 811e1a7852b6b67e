"""Word alignment, on a corpus whose dictionary is known."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from vispro_agents.alignment import align

DICTIONARY = {"tiny": "small", "small": "small", "ball": "sphere", "block": "cube", "red": "red", "shiny": "metal"}


def test_the_dictionary_is_found_among_words_that_mean_nothing() -> None:
    rng = random.Random(0)
    pairs = []
    for _ in range(60):
        said = rng.sample(sorted(DICTIONARY), rng.randint(1, 4))
        pairs.append((Counter([*said, "is", "the", rng.choice(["there", "what"])]), Counter(DICTIONARY[word] for word in said)))
    chances = align(pairs)
    found = {word: max(chances[word], key=chances[word].__getitem__) for word in DICTIONARY}
    assert found == DICTIONARY
    assert "" not in chances
    for targets in chances.values():
        assert sum(targets.values()) == pytest.approx(1.0)


def test_one_pair_leaves_everything_open() -> None:
    chances = align([({"a": 1, "b": 1}, {"x": 1, "y": 1})])
    assert chances == {"a": {"x": 0.5, "y": 0.5}, "b": {"x": 0.5, "y": 0.5}}


def test_nothing_is_learned_from_nothing() -> None:
    assert align([]) == {}
    assert align([({"a": 1}, {})]) == {}
