"""The ways to run programs that `interpreter.py` compares: this project's, bare `exec`, and those of other projects."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from interpreter_peers import Run, peers
from interpreter_workload import SIZE, reply

from vispro_gym.interpreter.guest import execute, meter, rewrite, runtime
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Limits, Program
from vispro_gym.programs.api import ENTRY_POINT

BATCHES = (1, 16, 64, 256)
EXEC, LAYER1, OURS, WASM = "bare exec", "checked, in this process", "interpreter", "interpreter, WebAssembly"


@dataclass(frozen=True)
class Design:
    """One way to run programs.

    Attributes:
        run: Runs programs, all of them at once if the design can; returns their answers.
        batches: Batch sizes to measure. A design that runs one program after the other has one.
        slow: Whether fewer programs will do.
        outside: Whether programs run in another process.
    """

    run: Run
    batches: tuple[int, ...] = (1,)
    slow: bool = False
    outside: bool = False


def bare(sources: Sequence[str]) -> list[Any]:
    """Compiles and runs programs with all of Python at their disposal: the measure of all things here."""
    answers = []
    for source in sources:
        scope = dict(runtime.NAMES)
        exec(compile(source, rewrite.FILENAME, "exec"), scope)
        answers.append(scope[ENTRY_POINT](runtime.make_patch(0, (0, 0, *SIZE))))
    return answers


def checked(sources: Sequence[str]) -> list[Any]:
    """The first of the two layers, without the process around it."""
    answers = []
    limits, recursion_limit = Limits(), sys.getrecursionlimit()
    for source in sources:
        meter.current = meter.Meter(limits.steps, limits.calls, limits.output_characters, limits.assignments)
        answers.append(execute.execute(meter.current, execute.prepared(source), [SIZE])[1])
    sys.setrecursionlimit(recursion_limit)
    return answers


def hosted(interpreter: Any) -> Run:
    """An engine with the contract of `Interpreter`."""

    def run(sources: Sequence[str]) -> list[Any]:
        executions = interpreter.run_batch([Program(source, (SIZE,)) for source in sources], serve)
        return [execution.answer for execution in executions]

    return run


def serve(calls: Sequence[Call]) -> list[Any]:
    return [reply(call.operation, call.box, call.arguments) for call in calls]


@contextlib.contextmanager
def direct_perception(design: str) -> Iterator[None]:
    """Has programs in this process answered without a worker: bare ones at once, checked ones after the checks of each call."""
    perceive, ask = runtime.perceive, execute.ask
    if design == LAYER1:
        execute.ask = lambda call: reply(call[1], call[3], call[4])
    else:
        runtime.perceive = lambda operation, image, box, arguments: reply(operation, box, arguments)
    try:
        yield
    finally:
        runtime.perceive, execute.ask = perceive, ask


def all_designs(stack: contextlib.ExitStack, quick: bool) -> tuple[dict[str, Design], list[str]]:
    """What can be measured here, and the names of what cannot."""
    interpreter = Interpreter(workers=1)
    stack.callback(interpreter.close)
    designs = {
        EXEC: Design(bare),
        LAYER1: Design(checked),
        OURS: Design(hosted(interpreter), BATCHES, outside=True),
    }
    found, missing = peers(stack)
    designs |= {name: Design(run, slow=True, outside="monty" in name) for name, run in found.items()}
    if not quick:  # its first use compiles for a while
        with contextlib.suppress(ImportError):
            from vispro_gym.interpreter.wasm.engine import WasmInterpreter

            engine = WasmInterpreter()
            stack.callback(engine.close)
            designs[WASM] = Design(hosted(engine), (1, 64), slow=True)
    if WASM not in designs:
        missing.append(WASM)
    return designs, missing
