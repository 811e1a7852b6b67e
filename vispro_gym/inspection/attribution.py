"""Whose fault is it: the program's, or that of what it saw through?

The same programs are run under two perceptions: a reference that is taken to be right, such as the oracle, and the one in
question. Each program then falls into one of five classes:

* both right: it earns the reward under both.
* program wrong: it earns nothing under either; it would not even if perception were perfect.
* perception wrong: it earns the reward under the reference only.
* lucky: it earns the reward under the other perception only, so two errors cancelled out.
* undecided: the reference could not serve one of its calls, so nothing is known of the program.

A program does the same until perception answers differently. So the first call that got another answer is what made the
difference; boxes that match one to one with an IoU of at least a half count as the same answer.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.scene import Box
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.inspection.opening import InspectionError, find_row, open_env
from vispro_gym.perception import make_perception
from vispro_gym.tasks.metrics.boxes import match_boxes
from vispro_gym.trace import Step

Verdict = Literal["both right", "program wrong", "perception wrong", "lucky", "undecided"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_SAME_BOX = 0.5
_BATCH = 512
_EXAMPLES = 3


@dataclass(frozen=True)
class Written:
    """A program and the sample that it was written for."""

    sample_id: str
    program: str


@dataclass(frozen=True)
class Difference:
    """The first perception call of a program that was answered differently.

    Attributes:
        line: Line of the program, counted from 1.
        operation: What was asked.
        arguments: The operation's arguments.
        reference: What the reference answered, or its error.
        other: What the other perception answered, or its error.
    """

    line: int
    operation: str
    arguments: tuple[Any, ...]
    reference: Any
    other: Any


@dataclass(frozen=True)
class Attribution:
    """What became of one program under both perceptions.

    Attributes:
        sample_id: The sample.
        query: Its query.
        program: The program.
        verdict: Its class.
        reference: Outcome and answer under the reference.
        other: Outcome and answer under the other perception.
        difference: The first call that was answered differently; None if none was.
    """

    sample_id: str
    query: str
    program: str
    verdict: Verdict
    reference: tuple[str, Any]
    other: tuple[str, Any]
    difference: Difference | None


def attribute(
    written: Sequence[Written],
    dataset: Dataset,
    reference: Engine,
    other: Engine,
    on_batch: Callable[[Sequence[Attribution]], None] | None = None,
) -> list[Attribution]:
    """Runs programs under two perceptions. Of datasets with options, samples have them in the order of `dataset[position]`.

    Args:
        written: The programs.
        dataset: Has their samples.
        reference: Runs them under the perception that is taken to be right.
        other: Runs them under the perception in question.
        on_batch: Called with what was found of some programs, as soon as it is.

    Raises:
        DatasetError: If a sample is not there or damaged.
        BackendError: If a perception cannot serve anything.
    """
    found: list[Attribution] = []
    for start in range(0, len(written), _BATCH):
        some = written[start : start + _BATCH]
        samples = [dataset.sample(dataset.position(item.sample_id)) for item in some]
        jobs = [Job(item.program, sample) for item, sample in zip(some, samples, strict=True)]
        outcomes = zip(reference.run(jobs), other.run(jobs), strict=True)
        batch = [_attribution(job, *pair) for job, pair in zip(jobs, outcomes, strict=True)]
        if on_batch:
            on_batch(batch)
        found += batch
    return found


def _attribution(job: Job, reference: Outcome, other: Outcome) -> Attribution:
    return Attribution(
        job.sample.sample_id,
        job.sample.query,
        reference.program or job.text,
        judge(reference, other),
        (reference.outcome, reference.answer),
        (other.outcome, other.answer),
        first_difference(reference.calls, other.calls),
    )


def judge(reference: Outcome, other: Outcome) -> Verdict:
    """The class of a program."""
    if reference.outcome == "perception_error":
        return "undecided"
    if reference.reward:
        return "both right" if other.reward else "perception wrong"
    return "lucky" if other.reward else "program wrong"


def first_difference(reference: Sequence[Step], other: Sequence[Step]) -> Difference | None:
    """The first call of a program that was answered differently, None if none was."""
    depths: list[tuple[float, float]] = []
    for a, b in zip(reference, other, strict=False):
        if (a.line, a.operation, a.image, a.arguments) != (b.line, b.operation, b.image, b.arguments):
            return None  # it took another way because of small differences, none of which is to blame alone
        if not _is_same(a, b, depths):
            return Difference(a.line, a.operation, a.arguments, a.error or a.result, b.error or b.result)
    return None


def _is_same(a: Step, b: Step, depths: list[tuple[float, float]]) -> bool:
    if a.error is not None or b.error is not None:
        return a.error == b.error
    match a.operation:
        case "detect" | "relate":
            return _are_same_boxes(a.result, b.result)
        case "similarity":
            return _order(a.result) == _order(b.result)
        case "depth":  # in units of their own: what counts is what is farther than what
            depths.append((a.result, b.result))
            return all(_sign(a.result - one) == _sign(b.result - two) for one, two in depths)
    return bool(a.result == b.result)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _are_same_boxes(a: Sequence[Box], b: Sequence[Box]) -> bool:
    return len(a) == len(b) and len(match_boxes(a, b, threshold=_SAME_BOX).pairs) == len(a)


def _order(scores: Sequence[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def read_programs(path: Path, split: str) -> list[Written]:
    """Reads programs from a file.

    Args:
        path: JSON Lines with a "sample_id" and a "program" (or the "reply" that holds it) in each row, such as the experience of
            a training run; or one JSON object of program texts by sample id (`.json`), such as expert programs.
        split: Rows that name another split are left out.

    Raises:
        InspectionError: If the file holds something else, or nothing for that split.
        OSError: If it cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    written = _from_object(path, text) if path.suffix == ".json" else _from_lines(path, text, split)
    if not written:
        raise InspectionError(f"{path} has no programs for the split {split!r}. Name another --split or file.")
    return written


def _from_object(path: Path, text: str) -> list[Written]:
    try:
        programs = json.loads(text)
    except ValueError as error:
        raise InspectionError(f"{path} is no JSON: {error}.") from error
    if not isinstance(programs, dict) or not all(isinstance(program, str) for program in programs.values()):
        raise InspectionError(
            f"{path} holds something else than programs. Expected one object of program texts by sample id; JSON Lines go into "
            "a file that does not end in .json."
        )
    return [Written(sample_id, program) for sample_id, program in programs.items()]


def _from_lines(path: Path, text: str, split: str) -> list[Written]:
    *lines, rest = text.split("\n")
    with suppress(ValueError):  # a run that was stopped may leave an unfinished last line
        json.loads(rest)
        lines.append(rest)
    written = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InspectionError(f"{path}, line {number}, is no JSON: {error}. Expected one object per line.") from error
        match row:
            case {"split": str(other)} if other != split:
                continue
            case {"sample_id": str(sample_id), "program": str(program)} | {"sample_id": str(sample_id), "reply": str(program)}:
                written.append(Written(sample_id, program))
            case _:
                raise InspectionError(f"{path}, line {number}, has no text 'sample_id' or no text 'program': {line:.80}")
    return written


@dataclass(frozen=True)
class Summary:
    """Attributions, counted.

    Attributes:
        programs: Number of programs.
        verdicts: Number of programs by class.
        blamed: Number of programs that only perception made fail, by operation of the first call that was answered differently;
            "none" where small shifts of boxes add up.
        reward: Mean reward under the reference and under the other perception.
    """

    programs: int
    verdicts: dict[str, int]
    blamed: dict[str, int]
    reward: tuple[float, float]


def summarise(found: Sequence[Attribution]) -> Summary:
    """Counts attributions."""
    verdicts = Counter(item.verdict for item in found)
    blamed = Counter(
        item.difference.operation if item.difference else "none" for item in found if item.verdict == "perception wrong"
    )
    rewards = [sum(outcome == "correct" for outcome, _ in side) / len(found) for side in _sides(found)]
    return Summary(len(found), {name: verdicts[name] for name in VERDICTS}, dict(blamed.most_common()), (rewards[0], rewards[1]))


def _sides(found: Sequence[Attribution]) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    return [item.reference for item in found], [item.other for item in found]


def attribute_env(
    env_id: str,
    programs: Path,
    perception: str,
    reference: str,
    split: str | None,
    form: str | None,
    data_dir: Path | None,
    limit: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Prints whose fault the failures of programs are.

    Args:
        env_id: Environment id.
        programs: File of programs, see `read_programs`.
        perception: The perception in question, as text.
        reference: The perception that is taken to be right, as text.
        split: Split; None for the one on which the environment's row has policies measured.
        form: Form; None for the first.
        data_dir: Root folder of the dataset; None as in the environment.
        limit: Programs to run, the first of the file; None for all.
        out: Where to write one line of JSON per program; None to write none.
        as_json: Whether to print one line of JSON instead of tables.

    Raises:
        InspectionError: If there is no such environment, an option makes no sense, or the file holds no programs.
        DatasetError: If the data is missing or damaged, or has no such sample.
        BackendError: If a perception cannot serve anything.
    """
    split = split or find_row(env_id).evaluation_split
    env = open_env(env_id, split=split, form=form, data_dir=data_dir, perception=reference)
    try:
        other = Engine(env.task, make_perception(perception))
    except ValueError as error:
        raise InspectionError(str(error)) from error
    written = read_programs(programs, split)[:limit]
    with ExitStack() as stack:
        if out is not None:  # opened first: hours of work must not end in a file that cannot be written
            out.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(out.open("w", encoding="utf-8"))
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()))
        task = progress.add_task("programs", total=len(written))

        def note(batch: Sequence[Attribution]) -> None:
            if out is not None:
                file.writelines(json.dumps(asdict(item)) + "\n" for item in batch)
                file.flush()
            progress.advance(task, len(batch))

        found = attribute(written, env.dataset, env.engine, other, note)
    asked = {"env": env_id, "split": split, "reference": reference, "perception": perception}
    if as_json:
        print(json.dumps(asked | asdict(summarise(found))))
    else:
        _print(found, asked)


_MEANINGS: dict[Verdict, str] = {
    "both right": "right under both",
    "program wrong": "wrong even under the reference",
    "perception wrong": "right under the reference only",
    "lucky": "right under the other perception only",
    "undecided": "the reference cannot serve a call",
}


def _print(found: Sequence[Attribution], asked: dict[str, str]) -> None:
    console, summary = Console(), summarise(found)
    title = "{env}, {split}: {perception} against {reference}".format(**asked)
    table = Table("verdict", "meaning", title=escape(f"{title}, {summary.programs} programs"), title_justify="left")
    table.add_column("programs", justify="right")
    table.add_column("share", justify="right")
    for verdict, meaning in _MEANINGS.items():
        count = summary.verdicts[verdict]
        table.add_row(verdict, meaning, str(count), f"{count / summary.programs:.1%}")
    console.print(table)
    console.print(f"Mean reward {summary.reward[0]:.3f} under the reference, {summary.reward[1]:.3f} under the other perception.")
    if summary.blamed:
        blamed = ", ".join(f"{name} {count}" for name, count in summary.blamed.items())
        console.print(f"First call that went wrong where perception is to blame: {blamed}.", soft_wrap=True, markup=False)
    examples = [item for item in found if item.verdict == "perception wrong" and item.difference]
    for item in examples[:_EXAMPLES]:
        assert item.difference is not None
        console.print(f"\n{item.sample_id}: {item.query}", soft_wrap=True, markup=False)
        console.print(_example(item.difference), soft_wrap=True, markup=False)


def _example(difference: Difference) -> str:
    asked = f"{difference.operation}({', '.join(map(repr, difference.arguments))})"
    return (
        f"  line {difference.line}: {asked:.200}\n    reference: {difference.reference!r:.200}\n"
        f"    other:     {difference.other!r:.200}"
    )
