"""The same programs give the same results to the byte, whatever the batch, the order, the workers and the load."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest

from tests.interpreter.attacks import CORPUS
from tests.interpreter.attacks.benign import benign_program
from tests.interpreter.attacks.perception import reply
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Execution, Limits, Program

# Families whose programs end by themselves or by a bound that does not depend on the machine.
FAMILIES = {
    "dunder chains", "format strings", "frames and generators", "objects of the API", "unicode identifiers", "patterns",
    "shadowed instruments", "rebinding of the API", "imports", "answers", "characters", "injection into the wire",
    "floods of output", "clocks and counters", "catching what ends a program",
}  # fmt: skip
# These run out of memory or time where the machine decides when.
UNSTEADY = {"perception with a flood of texts", "raise of the want of memory"}

HOSTILE = [
    attack.source for attack in CORPUS if attack.family in FAMILIES and attack.name not in UNSTEADY and "@" not in attack.source
]
PROGRAMS = [
    Program(source, ((100, 80),))
    for source in [*(benign_program(seed) for seed in range(160)), *random.Random(3).sample(HOSTILE, 96)]
]
LIMITS = Limits(seconds=5.0)


def handler(calls: Sequence[Call]) -> list[Any]:
    return [reply(call) for call in calls]


def as_text(execution: Execution) -> str:
    """All of an execution but the program's index in its batch."""
    fields = asdict(execution)
    fields["calls"] = [(call._replace(program=0), repr(answer)) for call, answer in execution.calls]
    return json.dumps(fields, sort_keys=True)


def texts(interpreter: Interpreter, size: int, order: Sequence[int] | None = None) -> list[str]:
    """The programs' results, in their own order, when they run in batches of some size and in some order."""
    order = order or range(len(PROGRAMS))
    got: dict[int, str] = {}
    for start in range(0, len(order), size):
        part = order[start : start + size]
        executions = interpreter.run_batch([PROGRAMS[i] for i in part], handler)
        got.update(zip(part, map(as_text, executions), strict=True))
    return [got[i] for i in range(len(PROGRAMS))]


@contextmanager
def closing(interpreter: Interpreter) -> Iterator[Interpreter]:
    try:
        yield interpreter
    finally:
        interpreter.close()


@pytest.fixture(scope="module")
def expected() -> list[str]:
    with closing(Interpreter(LIMITS, workers=1)) as interpreter:
        return texts(interpreter, 64)


def differences(got: list[str], expected: list[str]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in zip(got, expected, strict=True) if a != b]


def test_the_programs_end_in_many_ways(expected: list[str]) -> None:
    statuses = {json.loads(text)["status"] for text in expected}
    assert statuses >= {"answered", "no_answer", "rejected", "runtime_error", "step_limit", "output_limit"}
    assert not statuses & {"timeout"}


@pytest.mark.parametrize("size", [1, 7, 64, 256])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batch_size_order_and_workers_change_nothing(size: int, workers: int, expected: list[str]) -> None:
    order = random.Random(size * 10 + workers).sample(range(len(PROGRAMS)), len(PROGRAMS))
    with closing(Interpreter(LIMITS, workers=workers)) as interpreter:
        assert differences(texts(interpreter, size, order), expected) == []


def test_used_workers_give_what_fresh_ones_give(expected: list[str]) -> None:
    with closing(Interpreter(LIMITS, workers=1)) as interpreter:
        for seed in range(4):
            order = random.Random(seed).sample(range(len(PROGRAMS)), len(PROGRAMS))
            assert differences(texts(interpreter, 100, order), expected) == []


def _burn() -> None:
    while True:
        sum(range(1000))


def test_a_busy_machine_changes_nothing(expected: list[str]) -> None:
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_burn, daemon=True) for _ in range(4)]
    for process in busy:
        process.start()
    try:
        with closing(Interpreter(LIMITS, workers=2)) as interpreter:
            assert differences(texts(interpreter, 256), expected) == []
    finally:
        for process in busy:
            process.kill()
            process.join()
