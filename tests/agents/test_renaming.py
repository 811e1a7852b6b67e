"""Renaming: query and program change alike, and only where they may."""

from __future__ import annotations

import ast
import random

from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.renaming import rare_words, rename

WORDS = ["apple", "book", "cup", "dog", "flower", "red"]
PAIR = (
    "Are there red cups on the table?",
    'def execute_command(image):\n    image_patch = ImagePatch(image)\n    red_cups = image_patch.find("red cup")\n'
    "    return bool_to_yesno(any(cup.area > 9 for cup in red_cups))\n",
)


@given(st.integers())
def test_shared_words_are_replaced_alike(seed: int) -> None:
    [(query, program)] = rename([PAIR], WORDS, random.Random(seed))
    first, second = query.split()[2:4]
    assert query == f"Are there {first} {second} on the table?"
    color, noun = first, second.removesuffix("s")
    assert color != noun and {color, noun} <= set(WORDS)
    assert program == PAIR[1].replace("red", "{0}").replace("cup", "{1}").format(color, noun)
    ast.parse(program)


def test_other_words_stay() -> None:
    pair = ("What is it on?", "def execute_command(image):\n    return ImagePatch(image).simple_query()\n")
    assert rename([pair, pair], WORDS, random.Random(0)) == [pair, pair]


def test_the_source_of_randomness_decides() -> None:
    pairs = [PAIR] * 5
    assert rename(pairs, WORDS, random.Random(1)) == rename(pairs, WORDS, random.Random(1))
    assert rename(pairs, WORDS, random.Random(1)) != rename(pairs, WORDS, random.Random(2))


def test_rare_words_are_not_the_frequent_ones() -> None:
    frequent = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}q" for i in range(50)]
    queries = [" ".join(frequent)] * 3 + ["Is there a zebra?", "Are there zebras or lamps?"]
    words = rare_words(queries)
    assert {"zebra", "lamp"} <= set(words)
    assert not set(frequent) & set(words)
    assert words == sorted(words)
