"""Running the program of a stored episode again, with what perception said then: without models, data or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Call, CallFailure, Program, ProgramRunner
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.trace import Step, Trace, flip, read_assignments


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

    def answer(calls: Sequence[Call]) -> list[Any]:
        return [_reply(call, next(steps, None), sizes) for call in calls]

    (execution,) = (interpreter or shared_interpreter()).run_batch([Program(rationale.program, sizes)], answer)
    trace = Trace(rationale.trace.calls, read_assignments(execution.values, sizes))
    now = execution.error["type"] if execution.error else "an answer"
    then = rationale.error["type"] if rationale.error else "an answer"
    if next(steps, None) is not None or now != then:
        raise ReplayError(f"The program of sample {rationale.sample_id!r} ends with {now} now, and ended with {then}.")
    if trace != rationale.trace:
        raise ReplayError(f"The variables of the program of sample {rationale.sample_id!r} hold other values than was stored.")
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
