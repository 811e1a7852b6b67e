"""What is learned about phrases, and whether variants are right: judged by the experts' programs for the same queries."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.canonical import canonical
from vispro_agents.episodes import open_env
from vispro_agents.phrases import Phrases, join, words
from vispro_gym.programs.experts import translate

# What the words of CLEVR mean, written down by hand.
SYNONYMS = {
    "thing": "object", "block": "cube", "ball": "sphere", "big": "large", "tiny": "small", "shiny": "metal", "metallic": "metal",
    "matte": "rubber",
}  # fmt: skip
NAMES = (
    ("object", "cube", "sphere", "cylinder"),
    ("large", "small"),
    ("metal", "rubber"),
    ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
)
LEXICON = SYNONYMS | {name: name for members in NAMES for name in members}

Pairs = list[tuple[str, str]]


def read(data_dir: Path | None, limit: int | None = None) -> Pairs:
    """Queries of the train split, and the experts' programs in canonical form."""
    env = open_env("VisProg-CLEVR-v0", "train", data_dir, "optional")
    order = random.Random(0).sample(range(len(env.dataset)), limit or len(env.dataset))
    return [(sample.query, canonical(translate(sample))) for sample in map(env.dataset.__getitem__, order)]


@pytest.fixture(scope="module")
def mini() -> Pairs:
    return read(None)


@pytest.fixture(scope="module")
def phrases(mini: Pairs) -> Phrases:
    return Phrases(mini[:150], [query for query, _ in mini])


def test_the_lexicon_is_that_of_clevr(phrases: Phrases) -> None:
    assert phrases.lexicon == LEXICON


def test_relations_and_attributes_of_clevr(phrases: Phrases) -> None:
    assert phrases.attributes == ["color", "material", "shape", "size"]
    for literal, found in phrases.relations.items():
        [direction] = {"left", "right", "behind", "front"} & set(literal.split())
        assert all(direction in phrase for phrase in found)
    assert {("left", "of"), ("to", "the", "left", "of")} == set(phrases.relations["to the left of"])


def test_the_pattern_is_what_is_left(phrases: Phrases) -> None:
    patterns = {
        phrases.pattern(query)
        for query in (
            "Can you see any tiny red balls to the left of the block?",
            "Can you see any things right of the big shiny cylinder?",
        )
    }
    assert patterns == {"Can you see any N R the N ?"}
    assert phrases.pattern("What is this?") == "What is this ?"


def check(phrases: Phrases, known: Pairs, sources: Pairs, number: int) -> tuple[int, list[str]]:
    """Make variants; how many of them happen to be known queries, and those whose programs are not the experts'."""
    programs = dict(known)
    rng = random.Random(0)
    met = {}
    for count in range(number):
        query, program = phrases.variant(*sources[count % len(sources)], rng)
        if query in programs and (query, program) not in sources:
            met[query] = program
    return len(met), [query for query, program in met.items() if programs[query] != program]


def test_variants_are_right(phrases: Phrases, mini: Pairs) -> None:
    met, wrong = check(phrases, mini, mini[:150], 6000)
    assert met > 30
    assert wrong == []


def test_variants_of_real_questions_are_right(realdata: Path) -> None:
    known = read(realdata / "clevr_large", 6000)
    phrases = Phrases(known[:100], [query for query, _ in known])
    assert phrases.lexicon == LEXICON
    assert set(phrases.relations) == {"to the left of", "to the right of", "behind", "in front of"}
    short = sorted(known[:100], key=lambda pair: len(pair[0]))[:25]  # such variants are met more often
    met, wrong = check(phrases, known, short, 4000)
    assert met > 20
    assert len(wrong) <= 0.02 * met, wrong
    skeletons = defaultdict(set)
    for query, program in known[:2000]:
        skeletons[phrases.pattern(query)].add(phrases.skeleton(program))
    assert all(len(found) == 1 for found in skeletons.values())
    assert len(skeletons) < 600


def test_variants_are_about_other_things(phrases: Phrases, mini: Pairs) -> None:
    query, program = next(pair for pair in mini if phrases.pattern(pair[0]) == "Can you see any N R the N ?")
    rng = random.Random(0)
    variants = [phrases.variant(query, program, rng) for _ in range(200)]
    assert len(set(variants)) > 150
    assert {phrases.pattern(query) for query, _ in variants} == {"Can you see any N R the N ?"}
    assert len({phrases.skeleton(program) for _, program in variants}) == 1
    assert phrases.variant(query, program, rng, rate=0.0) == (query, program)


def test_phrases_that_say_more_than_the_program_stay(phrases: Phrases) -> None:
    """The program says nothing of the objects that are red balls or small ones: to swap them would make it wrong."""
    query = "How many objects are red balls or small objects?"
    program = "return len(x.find('red sphere') + x.find('small object'))"
    rng = random.Random(0)
    variants = [phrases.variant(query, program, rng) for _ in range(100)]
    assert len(set(variants)) > 50
    assert all(query.startswith("How many objects are ") for query, _ in variants)
    assert {tuple(program.split("'")[::2]) for _, program in variants} == {tuple(program.split("'")[::2])}


def test_words_of_composed_literals_are_swapped_alike(phrases: Phrases) -> None:
    query, program = (
        "How many tiny things are red balls or green blocks?",
        "x.find('red small sphere') + x.find('green small cube')",
    )
    rng = random.Random(0)
    variants = {phrases.variant(query, program, rng) for _ in range(100)}
    assert len(variants) > 20
    for query, program in variants:
        size, _, color, noun, _, other_color, other_noun = (LEXICON.get(word, word) for word in _content(query))
        assert program == f"x.find('{color} {size} {noun}') + x.find('{other_color} {size} {other_noun}')"


def _content(query: str) -> list[str]:
    stems = [word.removesuffix("s") for word in words(query)]
    return [word for word in stems if word in LEXICON or word == "or"]


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=60), st.integers(0, 9))
def test_any_text_has_a_variant(phrases: Phrases, query: str, program: str, seed: int) -> None:
    first, second = (phrases.variant(query, program, random.Random(seed)) for _ in range(2))
    assert first == second
    assert words(first[0]) == words(join(words(first[0])))
    phrases.skeleton(program)


def test_no_demonstrations_and_no_queries_swap_nothing() -> None:
    phrases = Phrases([], [])
    assert phrases.variant("How many red cubes?", "return len(x.find('red cube'))", random.Random(0))[1].count("red cube") == 1
    assert phrases.pattern("How many red cubes?") == "How many red cubes ?"


def test_hashing_decides_nothing(mini: Pairs) -> None:
    script = (
        "import json, random, sys; from vispro_agents.phrases import Phrases; pairs = json.load(sys.stdin); "
        "phrases = Phrases(pairs[:60], [query for query, _ in pairs]); rng = random.Random(0); "
        "print([phrases.variant(*pair, rng) for pair in pairs[:100]])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(mini[:300]),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
