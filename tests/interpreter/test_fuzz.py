"""Fuzzed programs: none raises in the parent, leaves a process or a file open, or ends with a status that is none."""

from __future__ import annotations

import pytest

from tests.interpreter.fuzzed import fuzzed
from tests.interpreter.fuzzing import handler, soak
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Limits, Program


@pytest.mark.parametrize("part", range(3))
def test_fuzzed_programs_end_properly_and_leave_nothing(part: int) -> None:
    report = soak(1_000, first_seed=1_000_000 * part)
    assert report.programs == 1_000 == report.outcomes.total()
    assert report.past_the_check >= 0.75, report.outcomes
    assert {"answered", "no_answer", "runtime_error", "step_limit", "memory_limit"} <= set(report.outcomes)
    assert (report.fd_growth, report.children_left) == (0, 0)
    assert report.rss_growth_mb < 50
    assert report.worker_rss_mb < Limits().memory_mb


def test_a_seed_always_gives_the_same_program() -> None:
    assert [fuzzed(seed) for seed in range(20, 40)] == [fuzzed(seed) for seed in range(20, 40)]
    assert len({fuzzed(seed) for seed in range(200)}) > 190


def test_fuzzed_programs_give_the_same_results_in_other_company() -> None:
    programs = [Program(fuzzed(seed), ((100, 80),)) for seed in range(7_000_000, 7_000_160)]
    limits = Limits(steps=5_000, calls=32, seconds=5.0)
    interpreters = [Interpreter(limits, workers=1), Interpreter(limits, workers=2)]
    together, backwards = interpreters[0].run_batch(programs, handler), interpreters[1].run_batch(programs[::-1], handler)[::-1]
    for interpreter in interpreters:
        interpreter.close()
    for program, a, b in zip(programs, together, backwards, strict=True):
        got = [(e.status, e.answer, e.error, e.output, e.steps, [(c.arguments, r) for c, r in e.calls]) for e in (a, b)]
        if a.status != "timeout" and (a.error or {}).get("message") != "out of memory":
            assert got[0] == got[1], program.source
