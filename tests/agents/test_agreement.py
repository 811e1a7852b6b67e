"""Votes of rewarded programs on what the programs of a pattern are."""

from __future__ import annotations

import pytest

from vispro_agents.agreement import Solved
from vispro_agents.canonical import canonical
from vispro_agents.episodes import open_env
from vispro_agents.experience import Row
from vispro_agents.phrases import Phrases
from vispro_gym.programs.experts import translate

CHAIN = "x0 = p.find('{}')[0]\nx1 = x0.related('{}', '{}')[0]\nx2 = x1.related('{}', '{}')\nreturn len(x2)"


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    env = open_env("VisProg-CLEVR-v0", "train")
    samples = [env.dataset[position] for position in range(400)]
    return Phrases(
        [(sample.query, canonical(translate(sample))) for sample in samples[:150]], [sample.query for sample in samples]
    )


def row(query: str, program: str, reward: float = 1.0) -> Row:
    return Row(
        phase="grow", iteration=1, split="train", sample_id="", draw=0, policy="", seed=0, query=query, reply=program,
        program=program, outcome="correct" if reward else "wrong", reward=reward,
    )  # fmt: skip


def query(first: str, one: str, second: str, other: str, third: str) -> str:
    return f"How many {first} can you spot {one} the {second} {other} the {third}?"


def test_the_majority_decides(phrases: Phrases) -> None:
    right = [
        (f"How many {word} things?", f"return len(p.find('{name} object'))")
        for word, name in (("big", "large"), ("red", "red"), ("blue", "blue"))
    ]
    wrong = ("How many green things?", "return len(p.find('green object')[:1])")
    failed = ("How many cyan things?", "return len(p.find('cyan object'))")
    solved = Solved([row(*wrong), *(row(*pair) for pair in right), row(*failed, reward=0.0)], [], phrases)
    assert solved.programs == dict(right)
    assert solved.patterns == {"How many N ?"}
    # Demonstrations outvote all.
    shown = [("How many large balls?", "return len(p.find('large sphere')[:1])")]
    assert Solved([row(*wrong), *(row(*pair) for pair in right)], shown, phrases).programs == dict([wrong])


def test_phrases_have_their_places(phrases: Phrases) -> None:
    asked = query("red balls", "left of", "big cube", "right of", "tiny cylinder")
    right = CHAIN.format("small cylinder", "to the right of", "large cube", "to the left of", "red sphere")
    swapped = CHAIN.format("small cylinder", "to the left of", "large cube", "to the right of", "red sphere")
    another = query("gray blocks", "right of", "green ball", "left of", "blue ball")
    unclear = query("gray blocks", "left of", "green ball", "left of", "blue ball")
    rows = [
        row(another, CHAIN.format("blue sphere", "to the left of", "green sphere", "to the right of", "gray cube")),
        row(asked, swapped),
        row(asked, swapped),
        row(asked, right),
        row(unclear, CHAIN.format("blue sphere", "to the left of", "green sphere", "to the left of", "gray cube")),
    ]
    programs = Solved(rows, [], phrases).programs
    assert programs == {asked: right, another: rows[0].program, unclear: rows[4].program}


def test_a_program_that_leaves_something_out_gives_way(phrases: Phrases) -> None:
    asked = query("red balls", "left of", "big cube", "right of", "tiny cylinder")
    careless = CHAIN.format("small cylinder", "to the right of", "large cube", "to the right of", "red sphere")
    careful = CHAIN.format("small cylinder", "to the right of", "large cube", "to the left of", "red sphere")
    rows = [row(asked, careless), row(asked, careless), row(asked, careful)]
    assert Solved(rows, [], phrases).programs == {asked: careful}


def test_nothing_rewarded_nothing_solved(phrases: Phrases) -> None:
    assert Solved([], [], phrases).programs == {}
    assert Solved([], [("How many red cubes?", "return 1")], phrases).patterns == {"How many N ?"}
