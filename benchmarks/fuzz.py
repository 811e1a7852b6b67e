"""Runs fuzzed programs by the million and watches what they do to the process that runs them.

Seven in eight come from a grammar that mostly keeps to the language, the others are mutated attacks of the test corpus. A host
exception, an unknown status, a file left open or a process left behind makes it fail. Ends with one line of JSON.

    python benchmarks/fuzz.py --quick
    python benchmarks/fuzz.py --programs 1000000 --seed 0
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.interpreter.fuzzing import soak

RSS_BOUND_MB = 100
"""Growth of this process's memory that is no leak: results of one batch, arenas of the allocator."""


@dataclass(frozen=True)
class Args:
    """Fuzz the interpreter."""

    programs: int = 1_000_000
    """How many programs."""
    seed: int = 0
    """Seed of the first one; the others follow."""
    quick: bool = False
    """Under a minute: 4,000 programs."""


def main(args: Args) -> None:
    warnings.simplefilter("ignore")  # of the parser, for mutants
    console = Console(stderr=True)
    programs = 4_000 if args.quick else args.programs
    start = time.monotonic()
    with Progress(console=console) as progress:
        task = progress.add_task("programs", total=programs)
        report = soak(programs, args.seed, lambda done: progress.advance(task, done))
    seconds = time.monotonic() - start

    table = Table("outcome", "programs", "percent", title=f"{programs:,} fuzzed programs in {seconds:.0f} s")
    for outcome, count in report.outcomes.most_common():
        table.add_row(outcome, f"{count:,}", f"{100 * count / programs:.1f}")
    console.print(table)
    held = report.fd_growth == 0 and report.children_left == 0 and report.rss_growth_mb < RSS_BOUND_MB
    result = {"quick": args.quick, "seed": args.seed, "held": held, **vars(report), "programs_per_second": programs / seconds}
    print(json.dumps(result))
    if not held:
        sys.exit("the fuzzed programs left something behind: see fd_growth, children_left and rss_growth_mb")


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
