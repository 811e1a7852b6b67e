"""Policies that do not solve the task: what an environment must not reward, or not more than guessing.

Each belongs to a group, which says what it may earn (`vispro_gym.inspection.audit`):

| group | what it does | what it may earn |
|---|---|---|
| silent | gives no answer: raises, returns None, returns nothing, writes no program | nothing |
| nonsense | gives an answer that is right nowhere | nothing |
| constant | gives the same answer always | something; the best of them is the majority answer |
| hedge | gives several answers at once | no more than the majority answer |
| query | chooses by what the query looks like | anything: what it earns is a property of the data |
| random | writes random programs, which may look at the picture | anything |
| expert | writes the annotated program | everything |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

from vispro_gym.datasets.options import Choice
from vispro_gym.datasets.sample import Sample
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.programs.grammar import random_program
from vispro_gym.tasks.base import Task

Group = Literal["silent", "nonsense", "constant", "hedge", "query", "random", "expert"]

NONSENSE = "no such answer"
MOST_CONSTANTS = 5
_GRID = (
    "w, h = images[0].width // 3, images[0].height // 3; "
    "return [images[0].crop(i * w, j * h, i * w + w, j * h + h) for i in range(3) for j in range(3)]"
)
_LONGEST_NAME = 60
_MOST_CANDIDATES = 30  # of right answers that are tried on all samples


@dataclass(frozen=True)
class BlindPolicy:
    """A policy that writes a program for a sample without solving it.

    Attributes:
        name: What the table calls it.
        group: What it may earn.
        write: Returns the program for a sample. Only the expert reads an annotation.
    """

    name: str
    group: Group
    write: Callable[[Sample], str]


def policies(samples: Sequence[Sample], task: Task, image_names: Sequence[str], seed: int) -> list[BlindPolicy]:
    """All policies that make sense for some samples.

    Args:
        samples: What will be asked; the most frequent right answers are found among their targets.
        task: Says what is right.
        image_names: Names of the pictures that programs receive.
        seed: Seeds the random programs.
    """
    constants = best_constants(samples, task)
    found = [
        BlindPolicy("crash", "silent", _body("raise RuntimeError('crash')")),
        BlindPolicy("return None", "silent", _body("return None")),
        BlindPolicy("no return", "silent", _body("pass")),
        BlindPolicy("no program", "silent", lambda sample: ""),
        BlindPolicy(f"return {NONSENSE!r}", "nonsense", _body(f"return {NONSENSE!r}")),
        *(BlindPolicy(_short(f"return {value!r}"), "constant", _body(f"return {value!r}")) for value in constants),
        BlindPolicy("return []", "constant", _body("return []")),
        BlindPolicy(f"return {image_names[0]}", "constant", _body("return images[0]")),
        BlindPolicy(f"return [{image_names[0]}]", "constant", _body("return [images[0]]")),
    ]
    has_texts = all(isinstance(sample.target, Choice) and sample.target.texts for sample in samples)
    if has_texts:
        found.append(BlindPolicy("first option", "constant", _option(lambda texts: texts[0])))
    if len(constants) > 1:
        together = ", ".join(map(str, constants))
        found.append(BlindPolicy("return all of them", "hedge", _body(f"return {constants!r}")))
        found.append(BlindPolicy("return all as one text", "hedge", _body(f"return {together!r}")))
    if not constants:  # boxes are asked for
        found.append(BlindPolicy("return a grid of boxes", "hedge", _body(_GRID)))
    if has_texts:
        found.append(BlindPolicy("longest option", "query", _option(lambda texts: max(texts, key=len))))
        found.append(BlindPolicy("shortest option", "query", _option(lambda texts: min(texts, key=len))))
    found.append(
        BlindPolicy(
            "random programs", "random", lambda sample: random_program(sample.query, f"{seed} {sample.sample_id}", image_names)
        )
    )
    if any(_expert(sample) for sample in samples):
        found.append(BlindPolicy("expert", "expert", _expert))
    return found


def best_constants(samples: Sequence[Sample], task: Task, count: int = MOST_CONSTANTS) -> list[Any]:
    """The answers that are right most often, the best one first.

    Right answers are proposed by the targets; the most frequent ones are then scored on all of them, because an answer may be
    right in more cases than those that propose it.

    Args:
        samples: The samples.
        task: Says what is right.
        count: How many answers.
    """
    proposed = Counter((type(value), value) for sample in samples for value in right_answers(sample.target))
    candidates = [value for (_, value), _ in proposed.most_common(_MOST_CANDIDATES)]
    rewards = [sum(task.score(value, sample.target).reward for sample in samples) for value in candidates]
    order = sorted(range(len(candidates)), key=lambda i: -rewards[i])  # stable: the more frequent one first
    return [candidates[i] for i in order[:count]]


def right_answers(target: Any) -> Iterable[Any]:
    """Right answers to a sample with a target: texts, bools and numbers. None for boxes."""
    match target:
        case Choice():
            return (ascii_uppercase[target.index], *((target.texts[target.index],) if target.texts else ()))
        case bool() | int() | str():
            return (target,)
        case tuple() | list():  # what several people answered
            return dict.fromkeys(value for value in target if isinstance(value, str))
    return ()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _body(line: str) -> Callable[[Sample], str]:
    program = f"def execute_command(*images):\n    {line}\n"
    return lambda sample: program


def _option(choose: Callable[[Sequence[str]], str]) -> Callable[[Sample], str]:
    return lambda sample: f"def execute_command(*images):\n    return {choose(sample.target.texts)!r}\n"


def _expert(sample: Sample) -> str:
    """The expert's program; no program, if there is none for this sample."""
    try:
        return translate(sample)
    except UntranslatableError:
        return ""
