"""The WebAssembly engine: the same outcomes as the process engine, and what differs.

The first test builds the engine, which takes half a minute to two; the others find it in the cache folder.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("wasmtime") is None or importlib.util.find_spec("componentize_py") is None:
    pytest.skip('needs the extra: pip install "vispro-gym[wasm]"', allow_module_level=True)

from tests.interpreter.attacks import CORPUS, success_of
from tests.interpreter.attacks.base import program
from tests.interpreter.attacks.benign import benign_program
from tests.interpreter.attacks.perception import reply
from tests.interpreter.wasm.programs import DIFFERENCES, NESTED_ITERATORS, PROGRAMS
from vispro_gym.interpreter import wasm as package
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.process import InterpreterError
from vispro_gym.interpreter.types import Call, Execution, Limits, Program
from vispro_gym.interpreter.wasm import engine
from vispro_gym.interpreter.wasm.build import guest_sources, load, new_engine
from vispro_gym.interpreter.wasm.engine import WasmInterpreter
from vispro_gym.interpreter.wasm.seat import the_host

pytestmark = pytest.mark.timeout(1_200)  # whoever comes first builds the engine, the others wait for it

SIZES = ((100, 80),)
HANG = "import re\nreturn re.match('(a+)+$', 'a' * 60 + 'b') is None"


def handler(calls: Sequence[Call]) -> list[Any]:
    return [reply(call) for call in calls]


def essence(execution: Execution) -> Execution:
    """An execution without the program's index in its batch, which every call carries."""
    return replace(execution, calls=tuple((call._replace(program=0), answer) for call, answer in execution.calls))


def programs(*bodies: str) -> list[Program]:
    return [Program(program(body), SIZES) for body in bodies]


@pytest.fixture(scope="module")
def wasm() -> Iterator[WasmInterpreter]:
    interpreter = WasmInterpreter()
    yield interpreter
    interpreter.close()


@pytest.fixture(scope="module")
def processes() -> Iterator[Interpreter]:
    interpreter = Interpreter(workers=1, isolation="best-effort")
    yield interpreter
    interpreter.close()


def test_the_same_outcomes_as_in_a_process(wasm: WasmInterpreter, processes: Interpreter) -> None:
    sources = PROGRAMS | {f"form {i}": benign_program(i) for i in range(48)}
    batch = [Program(source, SIZES) for source in sources.values()]
    expected = dict(zip(sources, processes.run_batch(batch, handler), strict=True))
    got = dict(zip(sources, wasm.run_batch(batch, handler), strict=True))
    # CPython words syntax errors, and sees their lines, differently from version to version.
    for execution in (expected["syntax"], got["syntax"]):
        assert execution.error is not None
        execution.error.update(message="", line=0)
    assert got == expected
    assert {execution.status for execution in got.values()} >= {"answered", "no_answer", "rejected", "syntax_error", "step_limit"}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_ends_otherwise(wasm: WasmInterpreter, name: str) -> None:
    body, status, expected = DIFFERENCES[name]
    for before in ("return 1", *(body for body, *_ in DIFFERENCES.values())):  # in a fresh instance and in used ones
        (execution,) = wasm.run_batch(programs(body), handler)
        assert execution.status == status
        assert (execution.answer if status == "answered" else (execution.error or {})["type"]) == expected
        wasm.run_batch(programs(before), handler)


def test_attacks_are_held_and_change_no_neighbour(wasm: WasmInterpreter) -> None:
    attacks = CORPUS[::9]
    ordinary = [Program(benign_program(i), SIZES) for i in range(len(attacks))]
    mixed = [p for attack, other in zip(attacks, ordinary, strict=True) for p in (Program(attack.source, SIZES), other)]
    limited = WasmInterpreter(Limits(seconds=0.02))
    executions = limited.run_batch(mixed, handler)
    limited.close()
    successes = {str(a): s for a, e in zip(attacks, executions[::2], strict=True) if (s := success_of(a, asdict(e)))}
    assert not successes
    assert [essence(e) for e in executions[1::2]] == [essence(e) for e in wasm.run_batch(ordinary, handler)]


def test_an_instance_can_call_nothing_but_ask() -> None:
    component = the_host().component
    imports = component.type.imports(the_host().engine)
    assert [name for name in imports] == ["ask"]


def test_the_guest_holds_no_module_of_the_parents_side() -> None:
    names = set(guest_sources())
    assert {"instance.py", "vispro_gym/interpreter/guest/execute.py", "vispro_gym/programs/api.py"} <= names
    assert not names & {f"vispro_gym/interpreter/{name}.py" for name in ("pool", "process", "worker", "wire", "confine", "batch")}


def test_results_do_not_depend_on_what_ran_before(wasm: WasmInterpreter) -> None:
    batch = [Program(source, SIZES) for source in PROGRAMS.values()]
    together = wasm.run_batch(batch, handler)
    backwards = wasm.run_batch(batch[::-1], handler)[::-1]
    fresh = WasmInterpreter()
    alone = [fresh.run_batch([p], handler)[0] for p in batch[::4]]
    fresh.close()
    assert [essence(e) for e in together] == [essence(e) for e in backwards]
    assert [essence(e) for e in together[::4]] == [essence(e) for e in alone]


def test_programs_that_overrun_or_crash_ask_perception_once(wasm: WasmInterpreter) -> None:
    asked: list[str] = []

    def recording(calls: Sequence[Call]) -> list[Any]:
        asked.extend(call.arguments[0] for call in calls)
        return handler(calls)

    limited = WasmInterpreter(Limits(seconds=0.1))
    limited.run_batch(programs("return 1"), handler)  # so that the instance is no fresh one
    deep = "x = {}\nfor i in range(90000):\n    x = {0: x}\nimage.exists('later')\nreturn repr(x)"
    executions = limited.run_batch(programs(f"image.exists('first')\n{HANG}", "return image.exists('second')"), recording)
    assert [e.status for e in executions] == ["timeout", "answered"]
    assert executions[0].error == {"type": "Timeout", "message": "more than 0.1 seconds", "line": 0}
    assert [call.arguments for call, _ in executions[0].calls] == [("first",)]
    assert asked == ["first", "second"]
    assert wasm.run_batch(programs(NESTED_ITERATORS, "return 1"), handler)[1].answer == 1
    (again,) = limited.run_batch(programs(deep), recording)
    assert again.status in ("timeout", "memory_limit", "step_limit")
    assert asked == ["first", "second", "later"]
    limited.close()


def test_a_program_short_of_memory_has_a_fresh_instance() -> None:
    asked: list[Call] = []

    def recording(calls: Sequence[Call]) -> list[Any]:
        asked.extend(calls)
        return handler(calls)

    small = WasmInterpreter(Limits(memory_mb=24))
    body = "image.exists('x')\na = []\nfor i in range(60):\n    a.append('x' * 900000 + str(i))\nreturn 1"
    for _ in range(2):
        execution, other = small.run_batch(programs(body, "return 2"), recording)
        assert (execution.status, len(execution.calls), other.answer) == ("memory_limit", 1, 2)
    assert len(asked) == 2
    small.close()


def test_too_little_memory_to_start() -> None:
    with pytest.raises(InterpreterError, match="memory_mb=4"):
        WasmInterpreter(Limits(memory_mb=4)).run_batch(programs("return 1"), handler)


def test_calls_are_batched_across_programs(wasm: WasmInterpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WINDOW", 8)
    batches: list[list[int]] = []

    def recording(calls: Sequence[Call]) -> list[Any]:
        batches.append([call.program for call in calls])
        return handler(calls)

    executions = wasm.run_batch(programs(*["image.exists('a')\nreturn image.exists('b')"] * 12), recording)
    assert batches == [[*range(8)], [*range(8)], [*range(8, 12)], [*range(8, 12)]]
    assert [len(e.calls) for e in executions] == [2] * 12


def test_an_exception_of_the_handler_ends_the_batch(wasm: WasmInterpreter) -> None:
    def failing(calls: Sequence[Call]) -> list[Any]:
        raise RuntimeError("no GPU")

    with pytest.raises(RuntimeError, match="no GPU"):
        wasm.run_batch(programs("return image.exists('a')", "return 1", "return image.exists('b')"), failing)
    assert not [thread for thread in threading.enumerate() if thread.name == "vispro-wasm"]
    assert wasm.run_batch(programs("return 3"), handler)[0].answer == 3


@pytest.mark.parametrize("function", ["checked_call", "checked_end"])
def test_what_no_honest_instance_sends(wasm: WasmInterpreter, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("malformed")

    with monkeypatch.context() as patch:
        patch.setattr(engine, function, refuse)
        (execution,) = wasm.run_batch(programs("return image.exists('a')"), handler)
    assert execution.status == "runtime_error" and (execution.error or {})["type"] == "InterpreterCrash"
    assert wasm.run_batch(programs("return image.exists('cup')"), handler)[0].answer is True


def test_threads_take_turns(wasm: WasmInterpreter) -> None:
    answers: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        batch = programs(*[f"return [image.exists('cup'), {number}, {i}]" for i in range(6)])
        answers[number] = [e.answer for e in wasm.run_batch(batch, handler)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [[True, number, i] for i in range(6)] for number in range(3)}


def _answer_in_child(interpreter: WasmInterpreter, queue: Any) -> None:
    queue.put(interpreter.run_batch(programs("return 5"), handler)[0].answer)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork")
def test_a_forked_child_has_instances_of_its_own(wasm: WasmInterpreter) -> None:
    wasm.run_batch(programs("return 4"), handler)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with wasm._lock:  # as if another thread ran a batch
        child = context.Process(target=_answer_in_child, args=(wasm, queue))
        child.start()
    assert queue.get(timeout=60) == 5
    child.join(60)
    assert child.exitcode == 0
    assert wasm.run_batch(programs("return 6"), handler)[0].answer == 6


def test_an_interpreter_works_after_close(wasm: WasmInterpreter) -> None:
    wasm.close()
    assert wasm.run_batch(programs("return 7"), handler)[0].answer == 7
    assert wasm.run_batch([], handler) == []


def test_the_cache_folder_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(InterpreterError, match="could not be built in .* Set VISPRO_CACHE"):
        load(new_engine())


def test_the_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"vispro-gym\[wasm\]"):
        importlib.reload(package)


AS_ON_WINDOWS = """
import os, signal, sys, warnings
for name in ("SIGPROF", "SIGKILL", "SIGBUS", "SIGSYS", "SIGALRM", "ITIMER_PROF", "setitimer", "pthread_sigmask"):
    delattr(signal, name)
for name in ("fork", "register_at_fork"):
    delattr(os, name)
for name in ("resource", "fcntl", "pwd", "grp"):
    sys.modules[name] = None
warnings.filterwarnings("ignore", "only soft file lock")
import gymnasium, vispro_gym
env = gymnasium.make("VisProg-GQA-v0")
env.reset(seed=0)
print(env.step("def execute_command(image):\\n    return image.exists('nothing') or 5")[4]["answer"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")
def test_runs_where_python_has_nothing_of_unix(wasm: WasmInterpreter) -> None:
    environment = {**os.environ, "VISPRO_INTERPRETER": "wasm"}
    done = subprocess.run([sys.executable, "-c", AS_ON_WINDOWS], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["5"]), done.stderr
