"""What goes into the interpreter and what comes out: plain data, no pictures, no targets."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, cast

Isolation = Literal["require", "best-effort"]
"""What to do where the kernel does not confine programs in full: refuse to run them, or run them all the same."""

MAX_ANSWER_CHARACTERS = 2_000
MAX_ANSWER_ITEMS = 200

# Texts in one perception call.
MAX_TEXT = 500
MAX_TEXTS = 100
MAX_TEXT_TOTAL = 4_000

# What is recorded of one value: its text, and after the separator the boxes of its patches.
MAX_VALUE_TEXT = 200
MAX_VALUE_BOXES = 16
BOXES = "\x1f"
MAX_ASSIGNMENT_CHARACTERS = 2_000
"""Characters of what is recorded of one assignment, at most."""

PatchBox = tuple[int, int, int, int]
"""`(left, lower, right, upper)` in pixels, origin lower left, y pointing up: the convention of programs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        steps: Loop iterations, items of comprehensions and lazy iterators, and function calls; work on large objects costs
            more. The same on every machine.
        calls: Perception calls.
        seconds: Computing time of the program, perception not counted; the last resort. It is processor time, so that a busy
            machine changes nothing; a process that the kernel does not end in time is ended by the clock on the wall.
        memory_mb: Address space of the process that runs it, in MiB. macOS does not enforce it.
        source_characters: Length of the source.
        output_characters: What it may print.
        assignments: Lines and variables whose values are recorded, 0 for none. Programs notice nothing of it.
    """

    steps: int = 100_000
    calls: int = 256
    seconds: float = 1.0
    memory_mb: int = 512
    source_characters: int = 20_000
    output_characters: int = 2_000
    assignments: int = 64


@dataclass(frozen=True, slots=True)
class Program:
    """One program to run.

    Attributes:
        source: Python source that defines `execute_command`.
        image_sizes: `(width, height)` of each picture that the function receives, in order.
    """

    source: str
    image_sizes: tuple[tuple[int, int], ...]


RECORD = struct.Struct("=8i")
"""How a call crosses the wire, without its arguments: program, line, index of the operation, index of the picture, box."""


class Call(NamedTuple):
    """One perception call of a running program.

    Attributes:
        program: Index of the program in the batch.
        line: Line of the program that made the call, counted from 1.
        operation: One of `OPERATIONS`.
        image: Index of the picture.
        box: The part of the picture that the program looked at.
        arguments: The operation's arguments, see `vispro_gym.perception.protocol`.
    """

    program: int
    line: int
    operation: str
    image: int
    box: PatchBox
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CallFailure:
    """The reply to a call that perception cannot serve."""

    message: str


Reply = Any
"""What a call returns: a list of `PatchBox`es (detect, relate), bool, str, list of float, float, or `CallFailure`."""

Handler = Callable[[Sequence[Call]], Sequence[Reply]]
"""Answers the calls that are pending in all running programs, one reply per call, in order."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of one program.

    Attributes:
        status: "answered", "no_answer", "syntax_error", "rejected", "runtime_error", "timeout", "step_limit",
            "memory_limit", "call_limit", "output_limit" or "perception_error".
        answer: The value returned, if the status is "answered": str, bool, int, float, a patch as `PatchAnswer`, or
            a list of these.
        error: `{"type", "message", "line"}` unless the status is "answered"; lines count from 1, and 0 means that
            the error has none.
        calls: Perception calls in order, each with its reply.
        steps: Steps used, see `Limits`.
        output: What the program printed.
        values: What variables held, for `vispro_gym.trace.read_assignments`.
    """

    status: str
    answer: Any = None
    error: dict[str, Any] | None = None
    calls: tuple[tuple[Call, Reply], ...] = ()
    steps: int = 0
    output: str = ""
    values: str = ""


@dataclass(frozen=True, slots=True)
class PatchAnswer:
    """A patch that a program returned as its answer."""

    image: int
    box: PatchBox


class ProgramRunner(Protocol):
    """What runs programs: `vispro_gym.interpreter.pool.Interpreter` and `vispro_gym.interpreter.wasm.engine.WasmInterpreter`."""

    def run_batch(self, programs: Sequence[Program], handler: Handler, gather: bool = False) -> list[Execution]:
        """Runs programs and returns what became of each, in order.

        With `gather` the handler receives as many calls at once as can be, for handlers that are slow.
        """
        ...

    def close(self) -> None:
        """Gives back what running takes. The next batch takes it again."""
        ...


def default_isolation() -> Isolation:
    """What `VISPRO_ISOLATION` says; without it "require" on Linux and "best-effort" elsewhere.

    Raises:
        ValueError: If it says something else.
    """
    value = os.environ.get("VISPRO_ISOLATION", "require" if sys.platform == "linux" else "best-effort")
    if value not in ("require", "best-effort"):
        raise ValueError(f"VISPRO_ISOLATION is {value!r}, expected 'require' or 'best-effort'")
    return cast(Isolation, value)
