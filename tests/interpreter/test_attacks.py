"""Hostile programs, mixed with ordinary ones, against the whole interpreter and against each of its layers alone."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from tests.interpreter.attacks import CORPUS, success_of
from tests.interpreter.attacks.base import NAME, VARIABLE, Attack, program
from tests.interpreter.attacks.benign import benign_program
from tests.interpreter.attacks.constructs import BINDINGS
from tests.interpreter.attacks.layers import Layer, Secrets, run_alone
from tests.interpreter.attacks.perception import reply
from vispro_gym.interpreter.guest.language import BUILTINS
from vispro_gym.interpreter.guest.rewrite import Rejected, prepare
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.process import WorkerProcess
from vispro_gym.interpreter.types import Call, Execution, Limits, Program
from vispro_gym.interpreter.wire import STATUSES

SIZES = ((100, 80),)
LIMITS = Limits(seconds=0.4)
FAMILIES = sorted({attack.family for attack in CORPUS})
SAMPLE = CORPUS[::12]
"""For runs that take a process per attack."""

SLOW = {"shared structures", "endless work", "growth by methods", "growth by modules", "growth by operators", "recursion"}
"""Families whose attacks end by the clock or fill the memory. `benchmarks/attacks.py` runs all of them, a test every fifth."""

SESAME = "sesame-host-0123456789abcdef"


@pytest.fixture(scope="module")
def planted() -> Iterator[Secrets]:
    with Secrets() as secrets:
        os.environ[VARIABLE], globals()[NAME] = SESAME, SESAME
        yield secrets
        del os.environ[VARIABLE]


@pytest.fixture(scope="module")
def interpreter(planted: Secrets) -> Iterator[Interpreter]:
    interpreter = Interpreter(LIMITS, workers=1)
    yield interpreter
    interpreter.close()


def handler(calls: Sequence[Call]) -> list[Any]:
    return [reply(call) for call in calls]


def essence(execution: Execution) -> Any:
    """All of an execution but the program's index in its batch, which every call carries."""
    calls = [(c.line, c.operation, c.image, c.box, c.arguments, r) for c, r in execution.calls]
    return (execution.status, execution.answer, execution.error, execution.steps, execution.output, calls)


def test_the_corpus_is_large_and_has_no_doubles() -> None:
    assert len(CORPUS) >= 230 and len(FAMILIES) >= 20
    assert len({str(attack) for attack in CORPUS}) == len({attack.source for attack in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("family", FAMILIES)
def test_attacks_are_held_and_neighbours_unhurt(family: str, interpreter: Interpreter, planted: Secrets) -> None:
    attacks = [attack for attack in CORPUS if attack.family == family][:: 5 if family in SLOW else 1]
    hostile = [Program(planted.fill(attack.source), SIZES) for attack in attacks]
    order = random.Random(family)
    benign = [Program(benign_program(order.randrange(10_000)), SIZES) for _ in range(30)]
    expected = [essence(execution) for execution in interpreter.run_batch(benign, handler)]

    places = order.sample(range(len(hostile) + len(benign)), len(hostile) + len(benign))
    mixed = [(hostile + benign)[place] for place in places]
    executions: list[Any] = [None] * len(mixed)
    for place, execution in zip(places, interpreter.run_batch(mixed, handler), strict=True):
        executions[place] = execution

    held = {}
    for attack, execution in zip(attacks, executions, strict=False):
        assert execution.status in STATUSES
        held[attack.name] = success_of(attack, asdict(execution), (SESAME, *planted.values))
    assert held == dict.fromkeys(held)
    assert [essence(execution) for execution in executions[len(hostile) :]] == expected
    assert planted.harm() is None


def test_nothing_stays_for_the_next_program(interpreter: Interpreter, planted: Secrets) -> None:
    pairs = [attack for attack in CORPUS if attack.then]
    assert len(pairs) >= 30
    followers = [Program(attack.then, SIZES) for attack in pairs]
    fresh = Interpreter(LIMITS, workers=1)
    alone = [essence(fresh.run_batch([follower], handler)[0]) for follower in followers]
    fresh.close()
    for attack, follower, expected in zip(pairs, followers, alone, strict=True):
        before = Program(planted.fill(attack.source), SIZES)
        (first,) = interpreter.run_batch([before], handler)
        (after,) = interpreter.run_batch([follower], handler)
        assert essence(after) == expected, f"{attack} ({first.status}) was noticed by the next batch"
        _, after = interpreter.run_batch([before, follower], handler)
        assert essence(after) == expected, f"{attack} was noticed by its neighbour"


def test_many_programs_with_the_quick_part_of_the_corpus(interpreter: Interpreter, planted: Secrets) -> None:
    """Attacks that end by the clock have a test of their own above: here they would take most of the time."""
    hostile = [Program(planted.fill(a.source), SIZES) for a in CORPUS if a.family not in SLOW]
    benign = [Program(benign_program(seed), SIZES) for seed in range(600)]
    expected = [essence(execution) for execution in interpreter.run_batch(benign, handler)]
    numbered = list(enumerate(hostile + benign))
    random.Random(5).shuffle(numbered)
    executions = interpreter.run_batch([p for _, p in numbered], handler)
    got = {number: essence(execution) for (number, _), execution in zip(numbered, executions, strict=True)}
    assert [got[number] for number in range(len(hostile), len(hostile) + len(benign))] == expected


@pytest.mark.parametrize("layer", ["first", "second"])
def test_each_layer_alone_holds_most_attacks(layer: Layer, planted: Secrets) -> None:
    attacks = [*SAMPLE, *(attack for attack in CORPUS if attack.steals)]
    trials = run_alone(layer, attacks, planted, seconds=0.5)
    assert not [str(trial.attack) for trial in trials if trial.leaked]
    failures = {str(trial.attack): trial.failure for trial in trials if trial.failure}
    assert len(failures) <= 0.1 * len(trials), failures


def test_without_layers_the_secrets_are_stolen(planted: Secrets) -> None:
    """Else the tests above would show nothing."""
    thefts = [attack for attack in CORPUS if attack.steals]
    trials = run_alone("none", thefts, planted)
    assert sum(trial.leaked for trial in trials) >= 0.8 * len(trials)


def test_a_flood_of_perception_texts_takes_no_neighbour_down(interpreter: Interpreter) -> None:
    flood = Program(program("return image.best_text_match([chr(0x1f600) * 500] * 100)"), SIZES)
    benign = [Program(benign_program(seed), SIZES) for seed in range(20)]
    expected = [essence(execution) for execution in interpreter.run_batch(benign, handler)]
    executions = interpreter.run_batch([flood] * 40 + benign, handler)
    assert [essence(execution) for execution in executions[40:]] == expected
    assert len({repr(essence(execution)) for execution in executions[:40]}) == 1


def test_programs_that_use_up_their_steps_cost_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that has learnt little writes many of them: together they must take the time of their steps, not that of restarts."""
    started = []
    start = WorkerProcess.__init__

    def counted(worker: WorkerProcess, limits: Limits) -> None:
        started.append(1)
        start(worker, limits)

    monkeypatch.setattr(WorkerProcess, "__init__", counted)
    interpreter = Interpreter(Limits(seconds=0.5), workers=1)
    programs = [Program(program(f"n = {i}\nwhile True: pass"), SIZES) for i in range(120)]
    executions = interpreter.run_batch(programs, handler)
    interpreter.close()
    assert {execution.status for execution in executions} == {"step_limit"}
    assert len(started) <= 2


INSTRUMENTS = ["_tick_", "_caught_", *sorted(name for name in BUILTINS if name[0] == name[-1] == "_" and name[1] != "_")]


@pytest.mark.parametrize("form", [form for form, code in BINDINGS.items() if "'_tick_" not in code])
def test_no_instrument_can_be_bound_or_named(form: str) -> None:
    assert len(INSTRUMENTS) > 10
    for instrument in INSTRUMENTS:
        with pytest.raises((Rejected, SyntaxError)):
            prepare(program(BINDINGS[form].replace("_tick_", instrument).replace("_caught_", instrument)))


def test_what_counts_as_a_success() -> None:
    attack = Attack("f", "n", "", "", harmless=(1,))
    ended: dict[str, Any] = {"status": "runtime_error", "answer": None, "error": {"message": "x"}, "output": ""}
    assert success_of(attack, ended, ("open",)) is None
    assert success_of(attack, ended | {"output": "open sesame"}, ("open",)) == "a secret"
    assert success_of(attack, ended | {"error": {"message": "<module 'os'>"}}) is not None
    assert success_of(attack, ended | {"status": "answered", "answer": 1}) is None
    assert success_of(attack, ended | {"status": "answered", "answer": True}) is not None
