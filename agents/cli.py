"""The command `vispro-agents`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from vispro_agents import demo, filtered_bc
from vispro_agents.errors import UsageError
from vispro_agents.evaluate import Evaluation, evaluate
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.perception import BackendError


@dataclass(frozen=True)
class EvaluateArgs:
    """Measure a policy: one program per sample, executed and scored by the environment."""

    policy: str
    """'expert', 'constant:TEXT', 'crash', the folder of a training run or of one saved policy, or 'module:attribute'."""
    env: str
    """Environment id, for example VisProg-GQA-v0."""
    data_dir: Path | None = None
    """Root folder of the dataset. None: see the environment; without any data, the generated mini data is used."""
    split: str | None = None
    """Split of the dataset; without it the second one, mostly the one for validation, or the only one."""
    episodes: int | None = None
    """Number of samples, the first of a seeded permutation; None for the whole split."""
    images: Literal["required", "optional"] = "required"
    """Whether a missing picture is an error."""
    seed: int = 0
    """Seed of the permutation."""
    form: str | None = None
    """The form in which the dataset is asked, for those that have several."""
    subset: str | None = None
    """Part of the split, for example 10_per_type."""
    ids: Path | None = None
    """File of the sample ids to ask: a JSON list, or one id per line."""
    perception: str = "oracle"
    """What programs see through, for example pixels, transformers or 'noise(oracle, miss=0.2)'."""
    scorer: str = "strict"
    """How answers are compared: strict, official, or what the task knows beside."""
    submission: Path | None = None
    """Where to write the answers as the file that the dataset's official code reads."""
    json: bool = False
    """End with one line of JSON on standard output."""


Command = (
    Annotated[EvaluateArgs, tyro.conf.subcommand("evaluate")]
    | Annotated[filtered_bc.Args, tyro.conf.subcommand("train")]
    | Annotated[demo.Args, tyro.conf.subcommand("demo")]
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        The exit status: 0, or 2 if the user asked for something that cannot be done.
    """
    # Without a default, tyro would offer a boolean as --json and --no-json; one form is enough.
    command: Command = tyro.cli(
        Command,
        prog="vispro-agents",
        description="Learners and evaluation for vispro_gym environments.",
        args=argv,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    try:
        if isinstance(command, EvaluateArgs):
            _evaluate(command)
        elif isinstance(command, demo.Args):
            demo.run(command)
        else:
            _train(command)
    except (UsageError, DatasetError, BackendError, OSError) as error:
        print(f"vispro-agents: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("vispro-agents: interrupted", file=sys.stderr)
        return 130
    return 0


def _evaluate(args: EvaluateArgs) -> None:
    sys.path.insert(0, "")  # a console script does not find modules of the working directory by itself
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("evaluate", total=None)
        evaluation = evaluate(
            args.policy,
            args.env,
            split=args.split,
            data_dir=args.data_dir,
            images=args.images,
            episodes=args.episodes,
            seed=args.seed,
            submission=args.submission,
            form=args.form,
            subset=args.subset,
            ids=args.ids,
            perception=args.perception,
            scorer=args.scorer,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    Console().print(_table(evaluation))
    for message, count in evaluation.perception_errors.items():
        Console(stderr=True).print(f"perception_error, {count} times: {message}", markup=False, highlight=False, soft_wrap=True)
    if args.json:
        print(json.dumps(asdict(evaluation)))


def _table(evaluation: Evaluation) -> Table:
    table = Table(title=f"{evaluation.policy} on {evaluation.env}, {evaluation.split}", title_justify="left")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_row("episodes", str(evaluation.episodes))
    table.add_row("mean reward", f"{evaluation.reward:.4f}", end_section=True)
    for name, count in evaluation.outcomes.items():
        table.add_row(name, str(count))
    table.add_section()
    for name, value in evaluation.metric.items():
        if "/" not in name:  # tables by group are in the JSON
            table.add_row(f"metric: {name}", f"{value:.4g}")
    table.add_section()
    for name, value in evaluation.by_type.items():
        table.add_row(f"reward on {name} questions", f"{value:.4f}")
    return table


def _train(args: filtered_bc.Args) -> None:
    console = Console()
    points = filtered_bc.train(args, console)
    console.print(demo.curve_table(points))
    best = filtered_bc.best_policy_path(args.run_dir)
    console.print(f"Best policy: {best}", soft_wrap=True)
    console.print(f"Measure it again: vispro-agents evaluate --policy {best} --env {args.env}", soft_wrap=True, highlight=False)
