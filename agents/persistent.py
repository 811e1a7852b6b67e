"""Types of error that survive training, for a person who will correct them by hand.

A query fails in an iteration if none of the programs that were tried for it earned the reward. Failing queries are grouped by the
type of question and by what mostly became of their programs. A group survives if it still has failing queries in each of the last
two iterations that asked its type. What survives and fails most often comes first.

Only programs that were tried in training are looked at: corrections must not be tuned on the evaluation split. Yes/no questions
hide their errors, since half of all wrong programs earn the reward by luck; training with counterfactual scenes shows them under
the outcome "lucky".
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vispro_agents.curve import read_curve
from vispro_agents.errors import UsageError, at_least
from vispro_agents.experience import Row
from vispro_agents.files import write_whole
from vispro_agents.stored_run import open_experience, open_training_env
from vispro_gym.datasets.errors import DatasetError

_RECENT = 2  # iterations in which a type of error must be seen to have survived
_REPLIES = ("extract_error", "syntax_error", "no_answer")  # outcomes that the reply explains better than the program found in it
_SHOWN = 5  # groups whose examples are printed


@dataclass(frozen=True)
class PersistentArgs:
    """Find the types of error that survive training, to correct them by hand."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Folder of the training run."""
    top: int = 30
    """Most types of error to show."""
    examples: int = 3
    """Most examples of each."""
    write: Path | None = None
    """Where to write a file of corrections to fill in (see `vispro_agents.corrections`); it must not be there yet."""
    out: Path | None = None
    """Where to write everything: a page of Markdown (.md) or JSON (.json)."""


@dataclass(frozen=True)
class Example:
    """A failing query, and the program that was mostly tried for it.

    Attributes:
        sample_id: The sample.
        query: The query.
        program: The program; the whole reply where none was found in it, or what was found is no whole program.
        outcome: What became of it.
        answer: What it answered, None if it did not.
        error: Why it did not, None if it did.
        target: The annotated answer, None if the data is no longer there.
    """

    sample_id: str
    query: str
    program: str
    outcome: str
    answer: str | None
    error: str | None
    target: str | None = None


@dataclass(frozen=True)
class ErrorType:
    """Failing queries of one type of question whose programs mostly had one outcome.

    Attributes:
        question_type: Type of the questions; "" if it is unknown.
        outcome: What mostly became of their programs.
        survives: Whether there were such queries in each of the last two iterations that asked this type of question.
        failing: Number of such queries in the last iteration that asked this type.
        asked: Number of queries of this type in that iteration, failing or not.
        shares: Such queries as a fraction of those of this type, by iteration.
        reward: Mean reward of all programs for this type in that iteration.
        examples: Some of these queries.
    """

    question_type: str
    outcome: str
    survives: bool
    failing: int
    asked: int
    shares: dict[int, float]
    reward: float
    examples: tuple[Example, ...]


def run(args: PersistentArgs) -> list[ErrorType]:
    """Print the surviving types of error, and write the files that were asked for.

    Raises:
        UsageError: If the folder holds no finished iteration, no query of training failed, or a file cannot be written as asked.
    """
    if args.out is not None and args.out.suffix not in (".md", ".json"):
        raise UsageError(f"Expected --out to end in .md or .json, got {args.out}.")
    if args.write is not None and args.write.exists():
        raise UsageError(f"{args.write} is there already and may hold corrections. Choose another --write.")
    at_least(1, top=args.top, examples=args.examples)
    experience = open_experience(args.run_dir)
    finished = max((point.iteration for point in read_curve(args.run_dir)[1]), default=0)
    if not finished:
        raise UsageError(f"{args.run_dir} has no finished iteration yet. Run the training command again to go on.")
    # An iteration that was interrupted has drawn but some of its programs: more queries would seem to fail.
    rows = experience.rows(phases=("grow", "rollout"), max_iteration=finished)
    found = find_persistent(rows, args.examples)[: args.top]
    if not found:
        raise UsageError(f"No query of training failed in {args.run_dir}: there is nothing to correct.")
    found = _with_targets(found, args.run_dir)
    console = Console()
    console.print(_table(found, str(args.run_dir)))
    for error in [error for error in found if error.survives][:_SHOWN]:
        for example in error.examples[:1]:
            console.print(
                f"\n[bold]{escape(_title(error))}[/bold]\n{escape(_describe(example))}", soft_wrap=True, highlight=False
            )
    if args.out is not None:
        write_whole(args.out, (to_json(found) if args.out.suffix == ".json" else to_markdown(found)).encode(errors="replace"))
        console.print(f"\nAll examples: {args.out}", soft_wrap=True, highlight=False)
    if args.write is not None:
        write_whole(args.write, to_corrections(found).encode())
        console.print(
            f"\nWrite programs into {args.write}, then train with --corrections {args.write}", soft_wrap=True, highlight=False
        )
    return found


def find_persistent(rows: Iterable[Row], examples: int = 3) -> list[ErrorType]:
    """Finds the types of error, those that survive first, of these the most frequent first.

    Args:
        rows: Experience of a run, of which what was sampled in training counts.
        examples: Most examples of each type.
    """
    tried: defaultdict[int, defaultdict[str, defaultdict[str, list[Row]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in rows:
        if row.phase in ("grow", "rollout"):
            tried[row.iteration][row.question_type][row.query].append(row)

    # By group and iteration, the failing queries, each with the program that stands for it.
    failing: defaultdict[tuple[str, str], defaultdict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for iteration, types in tried.items():
        for question_type, queries in types.items():
            for programs in queries.values():
                if not any(row.reward for row in programs):
                    most = _most_frequent(programs)
                    failing[question_type, most.outcome][iteration].append(most)

    found = []
    for (question_type, outcome), by_iteration in failing.items():
        asked = sorted(iteration for iteration, types in tried.items() if question_type in types)
        last = tried[asked[-1]][question_type]
        rewards = [row.reward for programs in last.values() for row in programs]
        newest = by_iteration[max(by_iteration)]
        found.append(
            ErrorType(
                question_type=question_type,
                outcome=outcome,
                survives=all(iteration in by_iteration for iteration in asked[-_RECENT:]),
                failing=len(by_iteration.get(asked[-1], [])),
                asked=len(last),
                shares={i: len(by_iteration.get(i, [])) / len(tried[i][question_type]) for i in asked},
                reward=sum(rewards) / len(rewards),
                examples=tuple(_example(row) for row in _spread(newest, examples)),
            )
        )
    return sorted(
        found,
        key=lambda error: (not error.survives, -error.failing, -error.failing / error.asked, error.question_type, error.outcome),
    )


def _most_frequent(programs: Sequence[Row]) -> Row:
    """Of all tries for one query, one of the most frequent outcome, with the most frequent program; of equals the first."""
    outcomes = Counter(row.outcome for row in programs)
    counts = Counter((row.outcome, row.program) for row in programs)
    return max(programs, key=lambda row: (outcomes[row.outcome], counts[row.outcome, row.program]))


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    """Some of the rows, evenly spread over their sample ids: neighbours are mostly on the same picture."""
    ordered = sorted(rows, key=lambda row: row.sample_id)
    step = max(1, len(ordered) // max(1, count))
    return ordered[::step][:count]


def _example(row: Row) -> Example:
    program = row.reply if row.program is None or row.outcome in _REPLIES else row.program
    return Example(row.sample_id, row.query, program, row.outcome, row.answer, row.error)


def _with_targets(found: Sequence[ErrorType], run_dir: Path) -> list[ErrorType]:
    """The types of error with the annotated answers in their examples, if the data is still there."""
    targets: dict[str, str] = {}
    try:
        dataset = open_training_env(run_dir).dataset
        for sample_id in {example.sample_id for error in found for example in error.examples}:
            targets[sample_id] = str(dataset[dataset.position(sample_id)].target)
    except (UsageError, DatasetError) as error:
        Console(stderr=True).print(f"Annotated answers are not shown: {error}", soft_wrap=True, highlight=False, markup=False)
    return [
        replace(error, examples=tuple(replace(item, target=targets.get(item.sample_id)) for item in error.examples))
        for error in found
    ]


def _title(error: ErrorType) -> str:
    return f"{error.question_type or 'unknown type'}, {error.outcome}"


def _course(error: ErrorType) -> str:
    """Shares of the last iterations in percent, the last one at the end."""
    return " ".join(f"{100 * share:.0f}" for share in list(error.shares.values())[-6:])


def _result(example: Example) -> str:
    said = f"answered {example.answer!r:.80}" if example.error is None else example.error[:200]
    return said if example.target is None else f"{said}; annotated is {example.target!r:.80}"


def _describe(example: Example) -> str:
    return f"{example.query}   (sample {example.sample_id})\n{example.outcome}: {_result(example)}\n{example.program.rstrip()}"


def _table(found: Sequence[ErrorType], run: str) -> Table:
    table = Table(title=escape(f"Failing queries of training in {run}"), title_justify="left")
    table.add_column("question type")
    table.add_column("outcome")
    for name in ("failing", "% by iteration", "reward"):
        table.add_column(name, justify="right")
    table.add_column("survives")
    for error in found:
        table.add_row(
            escape(error.question_type or "unknown"),
            error.outcome,
            f"{error.failing} of {error.asked}",
            _course(error),
            f"{error.reward:.2f}",
            "yes" if error.survives else "",
        )
    return table


def to_json(found: Sequence[ErrorType]) -> str:
    """The types of error as JSON."""
    return json.dumps([asdict(error) for error in found], indent=1) + "\n"


def to_markdown(found: Sequence[ErrorType]) -> str:
    """The types of error as a page of Markdown: a table, then the examples."""
    lines = [
        "# Failing queries of training",
        "",
        "| question type | outcome | failing | % by iteration | mean reward | survives |",
        "|---|---|---:|---:|---:|---|",
    ]
    for error in found:
        counts = f"{error.failing} of {error.asked} | {_course(error)} | {error.reward:.2f}"
        lines.append(f"| {error.question_type} | {error.outcome} | {counts} | {'yes' if error.survives else ''} |")
    for error in found:
        lines += ["", f"## {_title(error)}"]
        for example in error.examples:
            fence = "```"
            while fence in example.program:
                fence += "`"
            lines += ["", f"`{example.sample_id}` {example.query}", "", f"{_result(example)}", ""]
            lines += [f"{fence}python", example.program.rstrip(), fence]
    return "\n".join(lines) + "\n"


def to_corrections(found: Sequence[ErrorType]) -> str:
    """A file of corrections with one entry to fill in for each type of error that survives."""
    lines = [
        "# Corrections: write a program for each query, then train with --corrections and this file.",
        "# Instead of `query`, `pattern` may be a regular expression for whole queries, whose groups (?P<name>...) the",
        "# program uses as $name: one pattern can correct all queries of its form. Remove what you do not fill in.",
    ]
    for error in found:
        if not error.survives or not error.examples:
            continue
        first, *others = error.examples
        title = f"{_title(error)}: {error.failing} of {error.asked} queries fail; {_course(error)} % by iteration"
        lines += ["", *_comments(title), *_comments(f"{first.outcome}: {_result(first)}"), *_comments(first.program.rstrip())]
        lines += [line for example in others for line in _comments(f"also: {example.query}")]
        lines += [f"- query: {_scalar(first.query)}", "  program: |", "    "]
    return "\n".join(lines) + "\n"


def _comments(text: str) -> list[str]:
    """The text as comment lines of YAML, which takes printable characters only."""
    return ["# " + "".join(c if c.isprintable() else "?" for c in line) for line in text.splitlines()]


def _scalar(text: str) -> str:
    """The text on one line of YAML."""
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9)).strip()
