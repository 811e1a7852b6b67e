"""Running the program of a stored episode again, with what perception said then: without models, data or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Call, CallFailure, Program, ProgramRunner
from vispro_gym.rendering.rationale import Rationale, answer_text
from vispro_gym.trace import Step, Trace, flip, place_answer, read_assignments

_ANSWERED = ("correct", "wrong", "lucky")


class ReplayError(ValueError):
    """The program does not go the way that was stored."""


def replay(rationale: Rationale, interpreter: ProgramRunner | None = None) -> Trace:
    """Runs the program of an episode again.

    Args:
        rationale: The episode, with its program and its pictures, of which only the sizes matter.
        interpreter: Runs the program; None for the interpreter that all engines of this process share.

    Returns:
        What it did, which equals `rationale.trace`.

    Raises:
        ReplayError: If it goes another way: the file or the language of programs has changed, or the program ran out of time on
            one machine and not on the other.
    """
    if rationale.program is None:
        return Trace()
    sizes = tuple((picture.width, picture.height) for picture in rationale.pictures)
    steps = iter(rationale.trace.calls)

    def serve(calls: Sequence[Call]) -> list[Any]:
        return [_reply(call, next(steps, None), sizes) for call in calls]

    (execution,) = (interpreter or shared_interpreter()).run_batch([Program(rationale.program, sizes)], serve)
    if next(steps, None) is not None:
        raise ReplayError(f"The program of sample {rationale.sample_id!r} asks less now than it asked.")
    trace = Trace(rationale.trace.calls, read_assignments(execution.values, sizes))
    status = "answered" if rationale.outcome in _ANSWERED else rationale.outcome
    answer = None if execution.status != "answered" else answer_text(place_answer(execution.answer, sizes))
    pairs = {
        "end": (execution.status, status),
        "answer": (answer, rationale.answer),
        "error": (execution.error, rationale.error),
        "output": (execution.output, rationale.output),
        "number of steps": (execution.steps, rationale.steps),
        "values of variables": (trace.assignments, rationale.trace.assignments),
    }
    for what, (now, then) in pairs.items():
        if now != then:
            name = f"The program of sample {rationale.sample_id!r}"
            raise ReplayError(f"{name} has another {what} now: {now!r:.200}, not {then!r:.200}.")
    return trace


def _reply(call: Call, step: Step | None, sizes: Sequence[tuple[int, int]]) -> Any:
    """What perception said to a call."""
    height = sizes[call.image][1]
    asked = (call.line, call.operation, call.image, flip(call.box, height), call.arguments)
    stored = None if step is None else (step.line, step.operation, step.image, step.box, step.arguments)
    if step is None or asked != stored:
        raise ReplayError(f"The program asks {asked} now, and asked {stored or 'no more'}.")
    if step.error is not None:
        return CallFailure(step.error)
    return [flip(box, height) for box in step.result] if step.operation in ("detect", "relate") else step.result
