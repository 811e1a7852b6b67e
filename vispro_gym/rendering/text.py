"""Episodes as plain text."""

from __future__ import annotations

from vispro_gym.engine import Outcome, Step


def describe_episode(query: str, outcome: Outcome | None) -> str:
    """The query, and the program with what perception said on each line, its answer and its outcome."""
    lines = [f"Query: {query}"]
    if outcome is None:
        return "\n".join([*lines, "No program has been tried."])
    if outcome.program is not None:
        said: dict[int, list[str]] = {}
        for step in outcome.trace:
            said.setdefault(step.line, []).append(describe_step(step))
        for number, line in enumerate(outcome.program.rstrip("\n").split("\n"), start=1):
            lines.append(f"{number:4d}  {line}")
            lines += [f"      -> {text}" for text in said.get(number, ())]
    lines.append(f"Outcome: {outcome.outcome}, reward {outcome.reward:.1f}")
    lines.append(f"Answer: {outcome.answer!r}" if outcome.error is None else describe_failure(outcome))
    return "\n".join(lines)


def describe_step(step: Step) -> str:
    """One perception call and its result, for example `detect('cup') = 2 boxes`."""
    arguments = ", ".join(repr(argument) for argument in step.arguments)
    if step.error is not None:
        return f"{step.operation}({arguments}) failed: {step.error}"
    if step.operation in ("detect", "relate"):
        boxes = ", ".join(str(tuple(box)) for box in step.result)
        plural = "" if len(step.result) == 1 else "es"
        return f"{step.operation}({arguments}) = {len(step.result)} box{plural}{': ' if boxes else ''}{boxes}"
    return f"{step.operation}({arguments}) = {step.result!r}"


def describe_failure(outcome: Outcome) -> str:
    """Why a program earned nothing, in one line; empty if it was right. Never holds the target."""
    if outcome.outcome == "correct":
        return ""
    if outcome.outcome == "lucky":
        return "The program is not right on all pictures that it was tried on."
    if outcome.error is None:
        return f"The answer {outcome.answer!r} is wrong."
    line = f"line {outcome.error['line']}: " if outcome.error["line"] else ""
    message = f": {outcome.error['message']}" if outcome.error["message"] else ""  # `raise ValueError` has none
    return f"{outcome.outcome}: {line}{outcome.error['type']}{message}"
