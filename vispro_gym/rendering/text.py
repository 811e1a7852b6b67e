"""Episodes as plain text, safe to print: whatever programs and data hold, a terminal shows it and obeys nothing of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vispro_gym.engine import Outcome
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.trace import Assignment, Step

_WIDEST = 64  # lines of programs that are longer do not push the values of the others to the right
_MOST_EVENTS = 4
_MOST_BOXES = 4

# Control characters of both ranges, those that change the direction of text or have no width, separators of lines, and halves
# of surrogate pairs: what a terminal or a browser would act on, or hide.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""A text whose control characters are written out, `\x1b` for example. Line feeds and tabs stay."""
    return INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def describe(rationale: Rationale) -> str:
    """The query, the program with what happened on each line at its end, its output, its outcome and its answer."""
    lines = [f"Query: {rationale.query}"]
    if rationale.outcome is None:
        return visible("\n".join([*lines, "No program has been tried."]))
    if rationale.program is not None:
        lines += _listing(rationale)
    if rationale.output:
        lines += ["Output:", *(f"      {line}" for line in rationale.output.rstrip("\n").split("\n"))]
    lines.append(f"Outcome: {rationale.outcome}, reward {rationale.reward:.1f}")
    answer = " ".join((rationale.answer or "").split())  # in one line, so that it cannot pretend to be others
    lines.append(f"Answer: {answer}" if rationale.error is None else describe_failure(rationale))
    if rationale.target is not None:
        lines.append(f"Annotated: {rationale.target}")
    return visible("\n".join(lines))


def _listing(rationale: Rationale) -> list[str]:
    assert rationale.program is not None
    source = rationale.program.rstrip("\n").split("\n")
    width = max((len(line) for line in source if len(line) <= _WIDEST), default=0)
    lines = []
    for number, line in enumerate(source, start=1):
        events = describe_line(rationale, number)
        lines.append(f"{number:4d}  {line:{width}}  # {events}" if events else f"{number:4d}  {line}".rstrip())
    return lines


def describe_line(rationale: Rationale, number: int) -> str:
    """What happened on one line of the program: perception calls, values of variables, the error; "" if nothing did."""
    calls = [step for step in rationale.trace.calls if step.line == number]
    here = [assignment for assignment in rationale.trace.assignments if assignment.line == number]
    several = len(rationale.pictures) > 1 or any(step.image for step in rationale.trace.calls)
    events = [describe_step(step, several) for step in calls]
    if len(events) > _MOST_EVENTS:
        events[_MOST_EVENTS - 1 :] = [f"{len(events) - _MOST_EVENTS + 1} more calls"]
    told = [tuple((step.image, box) for box in step.result) for step in calls if isinstance(step.result, list)]
    events += [describe_assignment(assignment, several, told) for assignment in here]
    if rationale.error is not None and rationale.error["line"] == number:
        events.append(f"{rationale.error['type']} here")
    return "; ".join(events)


def describe_assignment(assignment: Assignment, several: bool = False, told: Sequence[Any] = ()) -> str:
    """What a variable was given, for example `count = 1 ... 3 (3 times)`.

    Args:
        assignment: The assignment.
        several: Whether there are several pictures, so that those of boxes have to be told.
        told: Boxes, as values have them, that need not be told again.
    """
    given = dict.fromkeys((assignment.first, assignment.last))
    values = [value.text if value.boxes in told else f"{value.text} {_boxes(value.boxes, several)}".rstrip() for value in given]
    times = f" ({assignment.count} times)" if assignment.count > 1 else ""
    return f"{assignment.name} = {' ... '.join(values)}{times}"


def describe_step(step: Step, several: bool = False) -> str:
    """One perception call and its result, for example `detect('cup') = 1 box (1, 2, 3, 4)`.

    Args:
        step: The call.
        several: Whether there are several pictures, so that the one that was looked at has to be told.
    """
    arguments = ", ".join(repr(argument) for argument in step.arguments if argument is not None)
    asked = f"{step.operation}({arguments}){f' in picture {step.image + 1}' if several else ''}"
    if step.error is not None:
        return f"{asked} failed: {' '.join(step.error.split())}"
    if step.operation in ("detect", "relate"):
        plural = "" if len(step.result) == 1 else "es"
        boxes = _boxes([(step.image, box) for box in step.result], several=False)
        return f"{asked} = {len(step.result)} box{plural} {boxes}".rstrip()
    return f"{asked} = {step.result!r}"


def _boxes(places: Sequence[tuple[int, Sequence[float]]], several: bool) -> str:
    shown = [
        f"({', '.join(f'{edge:g}' for edge in box)}){f' in picture {image + 1}' if several else ''}"
        for image, box in places[:_MOST_BOXES]
    ]
    return " ".join([*shown, "..."] if len(places) > _MOST_BOXES else shown)


def describe_failure(outcome: Outcome | Rationale) -> str:
    """Why a program earned nothing, in one line; empty if it was right. Never holds the target."""
    if outcome.outcome == "correct":
        return ""
    if outcome.outcome == "lucky":
        return "The program is not right on all pictures that it was tried on."
    if outcome.error is None:
        places = isinstance(outcome, Rationale) and outcome.answer_boxes
        return f"The answer {outcome.answer if places else repr(outcome.answer)} is wrong."
    line = f"line {outcome.error['line']}: " if outcome.error["line"] else ""
    message = f": {outcome.error['message']}" if outcome.error["message"] else ""  # `raise ValueError` has none
    return f"{outcome.outcome}: {line}{outcome.error['type']}{message}"
