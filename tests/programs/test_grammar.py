from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets import open_dataset
from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Call, Execution, Program, Reply
from vispro_gym.programs.extract import extract_program
from vispro_gym.programs.grammar import PRODUCTIONS, QUESTIONS, RELATIONS, derive, random_program

QUERY = "Is the small red cup to the left of the wooden table?"
SIZE = (640, 480)


def see_everything(calls: Sequence[Call]) -> list[Reply]:
    """Perception that finds two things wherever a program looks, and has an answer to everything."""
    replies: list[Reply] = []
    for call in calls:
        left, lower, right, upper = call.box
        replies.append({
            "detect": [call.box, (left, lower, left + (right - left + 1) // 2, upper)],
            "relate": [call.box, (left, lower, right, lower + (upper - lower + 1) // 2)],
            "verify": True,
            "answer": "3",
            "similarity": [float(i) for i, _ in enumerate(call.arguments[0])] if call.arguments else [],
            "depth": 1.5,
        }[call.operation])  # fmt: skip
    return replies


def run(texts: Sequence[str], names: Sequence[str] = ("image",)) -> list[Execution]:
    programs = [Program(extract_program(text), tuple(SIZE for _ in names)) for text in texts]
    return shared_interpreter().run_batch(programs, see_everything)


def test_every_random_program_is_accepted_and_well_typed() -> None:
    texts = [random_program(QUERY, seed) for seed in range(2_000)]
    assert [extract_program(text) for text in texts] == texts
    errors = {
        (
            execution.status,
            (execution.error or {}).get("type"),
            re.sub(r"'.*'", "'...'", (execution.error or {}).get("message", "")),
        )
        for execution in run(texts)
        if execution.status != "answered"
    }
    # not every text is a number, and a part of a part of a picture may be empty
    assert {kind for _, kind, _ in errors} <= {"ValueError"}, errors
    assert {status for status, _, _ in errors} <= {"runtime_error"}
    assert {message.partition(" in ")[0] for *_, message in errors} <= {"no number", "ImagePatch has no area"}


def test_random_programs_give_answers_of_every_kind() -> None:
    answers = [execution.answer for execution in run([random_program(QUERY, seed) for seed in range(500)])]
    kinds = {type(answer).__name__ for answer in answers}
    assert kinds >= {"str", "bool", "int", "float", "PatchAnswer", "list"}
    assert len({str(answer) for answer in answers}) > 30


@pytest.mark.parametrize("name", ["GQA", "CLEVR"])
def test_random_programs_on_real_queries(name: str) -> None:
    samples = [open_dataset(name, split="val")[i] for i in range(300)]
    executions = run([random_program(sample.query, i) for i, sample in enumerate(samples)])
    assert {execution.status for execution in executions} & {"syntax_error", "rejected"} == set()


@given(
    st.data(),
    st.text(max_size=300),
    st.sampled_from([("image",), ("left_image", "right_image"), ("image_1", "image_2", "image_3")]),
)
def test_every_derivation_is_accepted(data: Any, query: str, names: tuple[str, ...]) -> None:
    text = derive(lambda options: data.draw(st.integers(0, len(options) - 1)), query, names)
    (execution,) = run([text], names)
    assert execution.status not in ("syntax_error", "rejected", "step_limit", "timeout"), text
    kind = (execution.error or {}).get("type")
    assert kind not in ("NameError", "UnboundLocalError", "TypeError", "AttributeError", "IndexError"), text


def test_longest_and_deepest_derivations() -> None:
    """An agent that always takes the last option, or the first, comes to an end."""
    for pick in (lambda options: len(options) - 1, lambda options: 0):
        (execution,) = run([derive(pick, QUERY)])
        assert execution.status not in ("syntax_error", "rejected")


def test_the_same_seed_gives_the_same_program() -> None:
    programs = [random_program(QUERY, seed) for seed in range(100)]
    random.seed(5)
    assert programs == [random_program(QUERY, seed) for seed in range(100)]
    assert len(set(programs)) > 90
    assert random_program(QUERY, "1 a") != random_program(QUERY, "1 b")


def test_names_come_from_the_query() -> None:
    words = {word.lower() for word in re.findall(r"\w+", QUERY)}
    allowed = {*RELATIONS, *QUESTIONS, QUERY, "object", "yes", "no"}
    used = set()
    for seed in range(300):
        for node in ast.walk(ast.parse(random_program(QUERY, seed))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
    assert all(text in allowed or set(text.split()) <= words for text in used), used
    assert {"cup", "table", "small red", "wooden table"} <= used
    found = {text for text in used if text not in allowed}
    assert "the" not in {name for seed in range(300) for name in re.findall(r"find\('([^']*)'", random_program(QUERY, seed))}
    assert found


@pytest.mark.parametrize("query", ["", "?!", "the", "\ud800\x00", "'\"\\\n{x}", "x" * 10_000, "cup " * 5_000])
def test_any_query(query: str) -> None:
    texts = [random_program(query, seed) for seed in range(50)]
    assert {execution.status for execution in run(texts)} & {"syntax_error", "rejected", "output_limit"} == set()


def test_choices_are_checked() -> None:
    with pytest.raises(ValueError, match=r"choose\(\) returned 99\. Expected a position from 0 to"):
        derive(lambda options: 99, QUERY)


def test_every_hole_has_productions_or_literals() -> None:
    holes = {hole for texts in PRODUCTIONS.values() for text in texts for hole in re.findall(r"\{(\w+)\}", text)}
    assert holes - set(PRODUCTIONS) == {"noun", "adjective", "word", "relation", "question"}
