"""Runs the attack corpus against the interpreter and against each of its layers alone, by family.

- whole: through `Interpreter.run_batch`, mixed with ordinary programs;
- layer 1: the check and the instruments alone, in an ordinary process that may do everything (a crash or a hang is not held);
- layer 2: bare `exec` with all of Python in a process that the kernel confines (a secret, a file or harm done is not held);
- none: bare `exec` in an ordinary process, for attacks that steal: shows that they are attacks.

And the neighbours: ordinary programs in the same batches as the whole corpus give what they give alone. Ends with one line of
JSON.

    python benchmarks/attacks.py             about a quarter of an hour
    python benchmarks/attacks.py --quick     every tenth attack, under a minute
"""

from __future__ import annotations

import json
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.interpreter.attacks import CORPUS, success_of
from tests.interpreter.attacks.base import Attack
from tests.interpreter.attacks.benign import benign_program
from tests.interpreter.attacks.layers import Layer, Secrets, Trial, run_alone
from tests.interpreter.attacks.perception import reply
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Execution, Program
from vispro_gym.interpreter.wire import STATUSES

SIZES = ((100, 80),)


@dataclass(frozen=True)
class Args:
    """Run the attack corpus."""

    benign: int = 5_000
    """Ordinary programs that run in the same batches as the corpus."""
    batch: int = 256
    """Programs in a batch."""
    seconds: float = 1.0
    """Computing time of an attack behind a single layer."""
    seed: int = 0
    """Seed of the order in the batches."""
    quick: bool = False
    """Under a minute: every tenth attack, 500 ordinary programs."""


def essence(execution: Execution) -> Any:
    """All of an execution but the program's index in its batch."""
    calls = [(c.line, c.operation, c.image, c.box, c.arguments, r) for c, r in execution.calls]
    return (execution.status, execution.answer, execution.error, execution.steps, execution.output, calls)


def handler(calls: Sequence[Call]) -> list[Any]:
    return [reply(call) for call in calls]


def whole(attacks: Sequence[Attack], args: Args, planted: Secrets, console: Console) -> tuple[list[Trial], dict[str, Any]]:
    """The corpus among ordinary programs: what became of the attacks, and of their neighbours."""
    hostile = [Program(planted.fill(attack.source), SIZES) for attack in attacks]
    benign = [Program(benign_program(seed), SIZES) for seed in range(args.benign)]
    interpreter = Interpreter()
    expected = [
        essence(e) for i in range(0, len(benign), args.batch) for e in interpreter.run_batch(benign[i : i + args.batch], handler)
    ]
    numbered = list(enumerate(hostile + benign))
    random.Random(args.seed).shuffle(numbered)
    got: dict[int, Execution] = {}
    start = time.monotonic()
    slowest = 0.0
    for i in range(0, len(numbered), args.batch):
        part = numbered[i : i + args.batch]
        then = time.monotonic()
        executions = interpreter.run_batch([program for _, program in part], handler)
        slowest = max(slowest, time.monotonic() - then)
        got.update((number, execution) for (number, _), execution in zip(part, executions, strict=True))
        console.print(f"whole: {len(got):,} of {len(numbered):,} programs, {time.monotonic() - start:.0f} s")
    interpreter.close()
    trials = []
    for number, attack in enumerate(attacks):
        execution = got[number]
        failure = success_of(attack, asdict(execution), planted.values)
        if execution.status not in STATUSES:
            failure = f"the status {execution.status!r}"
        trials.append(Trial(attack, failure, failure == "a secret"))
    if harm := planted.harm():
        console.print(f"[red]some attack did harm: {harm}")
        trials[0] = Trial(trials[0].attack, harm, False)
    differing = sum(essence(got[len(hostile) + i]) != expected[i] for i in range(len(benign)))
    neighbours = {
        "benign": len(benign),
        "benign_differing": differing,
        "seconds": round(time.monotonic() - start, 1),
        "slowest_batch_s": round(slowest, 1),
        "outcomes_of_attacks": dict(Counter(got[i].status for i in range(len(hostile))).most_common()),
    }
    return trials, neighbours


def alone(layer: Layer, attacks: Sequence[Attack], args: Args) -> list[Trial]:
    """Attacks behind one layer, in two halves at the same time."""

    def half(part: Sequence[Attack]) -> list[Trial]:
        with Secrets() as planted:
            return run_alone(layer, part, planted, args.seconds)

    with ThreadPoolExecutor(2) as threads:
        return [trial for trials in threads.map(half, (attacks[::2], attacks[1::2])) for trial in trials]


def main(args: Args) -> None:
    warnings.simplefilter("ignore")  # of the parser
    console = Console(stderr=True)
    attacks = list(CORPUS[::10] if args.quick else CORPUS)
    if args.quick:
        args = replace(args, benign=500)
    thefts = [attack for attack in attacks if attack.steals]
    results: dict[str, list[Trial]] = {}
    with Secrets() as planted:
        results["whole"], neighbours = whole(attacks, args, planted, console)
    stages: tuple[tuple[str, Layer, list[Attack]], ...] = (
        ("layer 1", "first", attacks),
        ("layer 2", "second", attacks),
        ("none", "none", thefts),
    )
    for name, layer, chosen in stages:
        console.print(f"{name}: {len(chosen)} attacks")
        results[name] = alone(layer, chosen, args)

    table = Table("family", "attacks", *results, title="Attacks held, by layer")
    for family in dict.fromkeys(attack.family for attack in attacks):
        held = {name: [t.failure is None for t in trials if t.attack.family == family] for name, trials in results.items()}
        size = len(held["whole"])
        cells = [f"{sum(h)}" if len(h) == size else f"{sum(h)} of {len(h)}" if h else "" for h in held.values()]
        table.add_row(family, str(size), *cells)
    sums = {name: sum(trial.failure is None for trial in trials) for name, trials in results.items()}
    table.add_section()
    table.add_row("all", str(len(attacks)), *(f"{sums[name]} of {len(trials)}" for name, trials in results.items()))
    console.print(table)
    for name in ("whole", "layer 1", "layer 2"):
        for trial in results[name]:
            if trial.failure:
                console.print(f"{name}: not held: {trial.attack}: {trial.failure}", markup=False, highlight=False)
    console.print(f"{neighbours['benign_differing']} of {neighbours['benign']:,} ordinary programs ended otherwise than alone")
    result = {
        "quick": args.quick,
        "attacks": len(attacks),
        "families": len({attack.family for attack in attacks}),
        "held": {name: [sums[name], len(trials)] for name, trials in results.items()},
        "secrets_leaked": {name: sum(trial.leaked for trial in trials) for name, trials in results.items()},
        **neighbours,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
