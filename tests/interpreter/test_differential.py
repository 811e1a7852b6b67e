"""Ordinary programs mean in the interpreter what they mean in Python.

The reference is `exec` of the same source by this Python, with the same program API, the real modules and the real numpy.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.interpreter.grammar import Writer
from tests.interpreter.ordinary import PROGRAMS
from tests.interpreter.ordinary.base import SIZE, perceive, source_of
from vispro_gym.interpreter.guest import runtime
from vispro_gym.interpreter.guest.messages import normalised
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Execution, PatchAnswer, Program

FILENAME = "<reference>"
NO_ANSWER = "no_answer"


@dataclass
class Result:
    """What became of a program, in the one engine or the other."""

    status: str
    answer: Any = None
    error: str = ""
    message: str = ""
    line: int = 0
    output: str = ""
    calls: list[tuple[Any, ...]] = field(default_factory=list)


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list | tuple) else value


def _plain(value: Any, nested: bool = False) -> Any:
    """A value as an answer; raises ValueError if it is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple) and not nested:
        return [_plain(item, nested=True) for item in value]
    if type(value) is runtime.ImagePatch:
        return PatchAnswer(value._image, value._box)
    if type(value) not in (str, bool, int, float) or (type(value) is float and not math.isfinite(value)):
        raise ValueError
    return value


def _line(error: BaseException) -> int:
    line, entry = 0, error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == FILENAME:
            line = entry.tb_lineno
        entry = entry.tb_next
    return line


def reference(source: str) -> Result:
    """What CPython makes of a program."""
    result = Result("answered")

    def record(operation: str, image: int, box: tuple[int, int, int, int], arguments: tuple[Any, ...]) -> Any:
        frame = sys._getframe(1)
        while frame.f_code.co_filename != FILENAME and frame.f_back is not None:
            frame = frame.f_back
        result.calls.append((frame.f_lineno, operation, image, tuple(box), _tuple(arguments)))
        return perceive(operation, image, box, arguments)

    output = io.StringIO()
    scope: dict[str, Any] = {"__name__": "program", **runtime.NAMES}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), contextlib.redirect_stdout(output):
        warnings.simplefilter("ignore")
        patch.setattr(runtime, "perceive", record)
        try:
            exec(compile(source.partition("#tail\n")[0], FILENAME, "exec", dont_inherit=True), scope)
            value = scope["execute_command"](runtime.make_patch(0, (0, 0, *SIZE))) if "execute_command" in scope else None
        except Exception as error:
            kind = type(error).__name__
            result.status, result.error, result.line = "runtime_error", kind, _line(error)
            result.message = normalised(kind, str(error))
        else:
            try:
                result.answer = _plain(value)
            except ValueError:
                result.status = NO_ANSWER
    result.output = output.getvalue()
    return result


def handler(calls: Sequence[Call]) -> list[Any]:
    return [perceive(call.operation, call.image, call.box, call.arguments) for call in calls]


def outcome(execution: Execution) -> Result:
    """What the interpreter made of a program."""
    calls = [(call.line, call.operation, call.image, call.box, call.arguments) for call, _ in execution.calls]
    result = Result(execution.status, execution.answer, output=execution.output, calls=calls)
    if execution.error and execution.status != NO_ANSWER:
        result.error, result.message, result.line = (execution.error[key] for key in ("type", "message", "line"))
    return result


Run = Callable[[Sequence[str]], list[Result]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with contextlib.closing(Interpreter()) as interpreter:
        yield lambda sources: [
            outcome(execution) for execution in interpreter.run_batch([Program(source, (SIZE,)) for source in sources], handler)
        ]


@pytest.fixture(scope="module")
def results(run: Run) -> dict[str, Result]:
    """All ordinary programs, run in one batch."""
    return dict(zip(PROGRAMS, run(list(PROGRAMS.values())), strict=True))


# Messages that the real numpy or the guards of the interpreter word in their own way.
OWN_WORDS = ("modules, length mismatch", "modules, truth of an array", "errors, calling a module")


def close(a: Any, b: Any) -> bool:
    """Whether two answers are equal. Logarithms and the like may differ from numpy's in the last digit."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if type(a) is float and type(b) is float:
        return a == b or math.isclose(a, b, rel_tol=1e-14)
    return bool(type(a) is type(b) and a == b)


def check(got: Result, expected: Result) -> None:
    assert (got.status, got.error, got.line) == (expected.status, expected.error, expected.line), (got, expected)
    assert close(got.answer, expected.answer), (got.answer, expected.answer)
    assert got.output == expected.output
    assert got.calls == expected.calls


@pytest.mark.parametrize("name", PROGRAMS)
def test_ordinary_programs(name: str, results: dict[str, Result]) -> None:
    expected = reference(PROGRAMS[name])
    check(results[name], expected)
    if name not in OWN_WORDS:
        assert results[name].message == expected.message


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_random_programs(seed: int, run: Run) -> None:
    writer = Writer(seed)
    sources = [writer.program() for _ in range(50)]
    different = [
        f"{source}{got}\n{expected}"
        for source, got, expected in zip(sources, run(sources), map(reference, sources), strict=True)
        if got != expected
    ]
    assert not different, f"{len(different)} programs differ; the shortest one:\n{min(different, key=len)}"


REJECTED = "rejected"

# What differs on purpose: what the interpreter makes of it, with the answer or the type of the error, and the reason.
DIFFERENCES: dict[str, tuple[str, str, Any, str]] = {
    "class": ("class A:\n    pass\nreturn 1", REJECTED, "Rejected", "a class brings methods that run where plain values are expected"),
    "with": ("with image as p:\n    return 1", REJECTED, "Rejected", "there is nothing to open"),
    "namedtuple": ("from collections import namedtuple\nreturn namedtuple('P', 'x')(1).x", REJECTED, "Rejected", "makes a class from text"),
    "comparison by a function": ("import functools\nreturn functools.cmp_to_key(len)", REJECTED, "Rejected", "CPython trusts comparisons not to change what it compares"),
    "async": ("async def f():\n    return 1\nreturn 1", REJECTED, "Rejected", "there is nothing to wait for"),
    "module": ("import os\nreturn 1", REJECTED, "Rejected", "reaches the machine"),
    "randomness": ("import random\nreturn 1", REJECTED, "Rejected", "outcomes are the same every time"),
    "clock": ("import time\nreturn 1", REJECTED, "Rejected", "outcomes are the same every time"),
    "attribute that exists elsewhere": ("if False:\n    return 'a'.encode()\nreturn 1", REJECTED, "Rejected", "what Python has and programs have not is said at once"),
    "attribute that is set": ("image.left = 3\nreturn 1", REJECTED, "Rejected", "patches cannot be changed, and nothing else has attributes"),
    "dunder": ("return image.__dict__", REJECTED, "Rejected", "leads into the machinery"),
    "bytes": ("return len(b'abc')", REJECTED, "Rejected", "programs work on text"),
    "complex": ("return abs(3j)", REJECTED, "Rejected", "programs work on real numbers"),
    "return in finally": ("try:\n    pass\nfinally:\n    return 1", REJECTED, "Rejected", "it would swallow what ends a program"),
    "finally with continue": ("for i in [1]:\n    try:\n        pass\n    finally:\n        continue\nreturn 1", REJECTED, "Rejected", "it would swallow what ends a program"),
    "deep comprehensions": ("x = " + "[" * 21 + "1" + " for i in [1]]" * 21 + "\nreturn len(x)", REJECTED, "Rejected", "CPython 3.12 and later write past an array"),
    "open": ("return open('x')", "runtime_error", "NameError", "reaches the machine"),
    "eval": ("return eval('1')", "runtime_error", "NameError", "code that was not checked"),
    "globals": ("return len(globals())", "runtime_error", "NameError", "leads into the machinery"),
    "input": ("return input()", "runtime_error", "NameError", "nobody answers"),
    "text of a partial": ("from functools import partial\nreturn str(partial(len))", "runtime_error", "TypeError", "its text shows what it holds, however deep"),
    "address": ("return str(execute_command)", "answered", "<function execute_command>", "outcomes are the same every time"),
    "type of a function": ("return str(type(len))", "runtime_error", "TypeError", "types of functions make functions"),
    "hint without import": ("def f(x: List[int]) -> Unknown:\n    return x\ny: Whatever = 1\nreturn f(y)", "answered", 1, "hints are not evaluated"),
    "caught recursion": ("def f():\n    return f()\ntry:\n    f()\nexcept RecursionError:\n    return 1", "runtime_error", "RecursionError", "handlers that recurse again take for ever"),
    "large text": ("return len('x' * 10 ** 9)", "memory_limit", "MemoryLimit", "sizes are bounded"),
    "large list": ("return len([0] * 10 ** 9)", "memory_limit", "MemoryLimit", "sizes are bounded"),
    "large integer": ("return len(bin(7 ** 10 ** 6))", "memory_limit", "MemoryLimit", "sizes are bounded"),
    "large array": ("import numpy as np\nreturn len(np.zeros(100_000))", "runtime_error", "ValueError", "sizes are bounded"),
    "long loop": ("for i in range(10 ** 6):\n    pass\nreturn i", "step_limit", "StepLimit", "computing time is bounded"),
    "long output": ("print('x' * 5_000)\nreturn 1", "output_limit", "OutputLimit", "output is bounded"),
    "text of an array": ("import numpy as np\nreturn str(np.array([1, 2.5]))", "answered", "[1.0 2.5]", "numpy aligns its columns"),
    "array that overflows": ("import numpy as np\nreturn np.array([2 ** 62]) * 4", "runtime_error", "OverflowError", "numpy wraps around without a word"),
    "array of anything": ("import numpy as np\nreturn len(np.array([image]))", "runtime_error", "TypeError", "arrays hold numbers or texts"),
    "numpy beyond the small one": ("import numpy as np\nreturn np.random.rand()", REJECTED, "Rejected", "numpy's surface is too large"),
}  # fmt: skip


def test_differences(run: Run) -> None:
    got = {
        name: (result.status, result.answer if result.status == "answered" else result.error)
        for name, result in zip(DIFFERENCES, run([source_of(body) for body, *_ in DIFFERENCES.values()]), strict=True)
    }
    assert got == {name: (status, outcome) for name, (_, status, outcome, _) in DIFFERENCES.items()}
