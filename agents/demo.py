"""What `make demo` runs: a policy from random weights to programs that earn rewards, on the generated mini data, on two cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vispro_agents import filtered_bc
from vispro_agents.corrections import MINI_GQA
from vispro_agents.curve import Point

_INTRODUCTION = """\
[bold]Visual programming by self-training, in minutes, on two cores[/bold]

A language model of 0.7 million parameters with random weights reads queries on pictures and writes Python programs.
{env} runs each program against the picture and compares its answer with the annotation: reward 1 or 0.

  1. The model imitates {demonstrations} expert programs (MLE).
  2. It writes {samples} programs for each of {queries} queries (Grow) and is fine-tuned on those that earned 1 (Improve),
     {iterations} times.

Rewards are those of its greedy programs for {eval_episodes} queries on scenes that it never saw in training. Results go
to {run_dir}; a run that was interrupted is resumed there.
"""


_EVAL_EPISODES = 400  # a third of the split: a minute saved, and a standard error of 2.5 points


@dataclass(frozen=True)
class Args:
    """Train a small policy on the mini data and write a report. What `make demo` runs."""

    run_dir: Path = Path("runs/demo")
    """Folder for everything that the demo writes. A run that is there already is resumed."""
    seed: int = 0
    """Seed of everything."""


def run(args: Args) -> None:
    """Train, report, and say how to go on.

    Raises:
        UsageError: If the folder holds a run with other settings.
    """
    console = Console()
    settings = filtered_bc.Args(run_dir=args.run_dir, seed=args.seed, eval_episodes=_EVAL_EPISODES)
    introduction = _INTRODUCTION.format(**vars(settings.imitation), **vars(settings))
    console.print(introduction, highlight=False, soft_wrap=True)
    points = filtered_bc.train(settings, console)

    from vispro_agents.plots import draw_curve  # imports matplotlib
    from vispro_agents.report import ReportArgs, write_report

    curve, corrections = (args.run_dir / name for name in ("curve.png", "corrections.yaml"))
    if not corrections.exists():  # it may have been edited
        corrections.write_bytes(MINI_GQA.read_bytes())
    draw_curve(points, curve)
    page = write_report(ReportArgs(args.run_dir))
    console.print(curve_table(points))
    say = partial(console.print, soft_wrap=True, highlight=False)
    mle, last = points[1], points[-1]
    say(f"From MLE to the last iteration: {100 * (last.reward - mle.reward):+.1f} points.")
    say(f"Learning curve: {curve}\nEpisodes to look at: {page}")
    say(f"Use the policy: vispro-agents evaluate --policy {args.run_dir} --env {settings.env}")
    say(f"See what it still gets wrong: vispro-agents persistent {args.run_dir}")
    say(f"Go on with corrections by hand: vispro-agents filtered-bc --run-dir runs/corrected --corrections {corrections}")
    say("On your own GQA folder: vispro-agents filtered-bc --data-dir /path/to/GQA --run-dir runs/gqa --eval-episodes 1000")


def curve_table(points: Sequence[Point]) -> Table:
    """The learning curve as a table, rewards in percent."""
    table = Table(title="Held-out reward of greedy programs", title_justify="left")
    for name in ("policy", "reward", "semantic accuracy", "trained on", "reward of Grow"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for point in points:
        grown = "" if point.grow_reward is None else f"{100 * point.grow_reward:.1f} %"
        semantic = "" if point.semantic is None else f"{100 * point.semantic:.1f} %"
        table.add_row(point.policy, f"{100 * point.reward:.1f} %", semantic, f"{point.trained_on} programs", grown)
    return table
