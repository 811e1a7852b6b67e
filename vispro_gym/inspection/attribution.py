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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.scene import Box
from vispro_gym.engine import Engine, Job, Outcome, Step
from vispro_gym.inspection.opening import InspectionError, find_row, open_env
from vispro_gym.perception import make_perception
from vispro_gym.tasks.metrics.boxes import match_boxes

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
    on_progress: Callable[[int], None] | None = None,
) -> list[Attribution]:
    """Runs programs under two perceptions.

    Args:
        written: The programs.
        dataset: Has their samples.
        reference: Runs them under the perception that is taken to be right.
        other: Runs them under the perception in question.
        on_progress: Called with the number of programs that are done.

    Raises:
        DatasetError: If a sample is not there or damaged.
        BackendError: If a perception cannot serve anything.
    """
    found: list[Attribution] = []
    for start in range(0, len(written), _BATCH):
        some = written[start : start + _BATCH]
        samples = [dataset.sample(dataset.position(item.sample_id)) for item in some]
        jobs = [Job(item.program, sample) for item, sample in zip(some, samples, strict=True)]
        for sample, *outcomes in zip(samples, reference.run(jobs), other.run(jobs), strict=True):
            found.append(_attribution(sample, jobs[len(found) - start].text, *outcomes))
        if on_progress:
            on_progress(len(found))
    return found


def _attribution(sample: Sample, text: str, reference: Outcome, other: Outcome) -> Attribution:
    return Attribution(
        sample.sample_id,
        sample.query,
        reference.program or text,
        judge(reference, other),
        (reference.outcome, reference.answer),
        (other.outcome, other.answer),
        first_difference(reference.trace, other.trace),
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
    try:
        written = list(_read(path, split))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InspectionError(
            f"{path} cannot be read: {type(error).__name__}: {error}. Expected JSON Lines with 'sample_id' and 'program' in each "
            "row, or, in a file that ends in .json, one object of program texts by sample id."
        ) from error
    if not written:
        raise InspectionError(f"{path} has no programs for the split {split!r}. Name another --split or file.")
    return written


def _read(path: Path, split: str) -> Iterator[Written]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        for sample_id, program in json.loads(text).items():
            yield Written(sample_id, _text(program))
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == len(lines) and not line.endswith("}")):
            continue  # a run that was stopped may leave an unfinished last line
        row = json.loads(line)
        if row.get("split", split) == split:
            program = row.get("program")
            yield Written(row["sample_id"], _text(row["reply"] if program is None else program))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


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


def write_attributions(path: Path, found: Sequence[Attribution]) -> None:
    """Writes one line of JSON per program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(item)) + "\n" for item in found), encoding="utf-8")


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
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("programs", total=len(written))
        found = attribute(written, env.dataset, env.engine, other, lambda done: progress.update(task, completed=done))
    if out is not None:
        write_attributions(out, found)
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
