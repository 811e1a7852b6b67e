"""What running a program outside this process costs, compared with a bare `exec` in it and with other projects.

Prints tables and ends with one line of JSON. All figures are processor time, the worker's and the caller's apart, so a second
core earns nothing; only latency and the model of a GPU are by the clock on the wall. Each round measures every design, in a
random order. Bare `exec` runs the same programs in between, some at a time, so that both figures of a ratio are of the same
moment; what is shown is the median over the rounds.

    python benchmarks/interpreter.py             two to five minutes, with other projects and WebAssembly
    python benchmarks/interpreter.py --quick     under a minute, few programs, without the WebAssembly engine

Needs Linux, which tells the processor time of other processes while they run.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import tyro
from interpreter_designs import BATCHES, EXEC, LAYER1, OURS, Design, all_designs, bare, direct_perception, serve
from interpreter_workload import CALLS, DEEP_CALLS, SIZE, deep, fresh
from rich.console import Console
from rich.table import Table

from vispro_gym.interpreter.guest import rewrite, statements
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Limits, Program

PIECE = 64  # programs between which bare exec runs
REPEATED = 16  # sources that are run again and again
PASS_SECONDS, CALL_SECONDS = 0.010, 0.0005  # the model of a GPU: one pass over n calls takes the first plus n times the second
CEILING = 1 / (CALLS * CALL_SECONDS)  # programs per second, if passes were free


@dataclass(frozen=True)
class Args:
    """Measure the interpreter."""

    quick: bool = False
    """Under a minute: fewer rounds and programs."""
    seed: int = 0
    """Seed of the programs and of the order of the measurements."""


@dataclass(frozen=True)
class Cost:
    """Microseconds per program: processor time where the program runs and where its caller does, wall time, and bare `exec`."""

    inside: float
    caller: float
    wall: float
    bare: float


def processes() -> int:
    """Nanoseconds of processor time of the processes that this one has started, living and ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = int((ended.ru_utime + ended.ru_stime) * 1e9)
    waiting = [os.getpid()]
    while waiting:
        for thread in Path(f"/proc/{waiting.pop()}/task").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # threads may end meanwhile
                children = [int(pid) for pid in (thread / "children").read_text().split()]
                waiting += children
                total += sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in children)  # how Linux numbers processes' clocks
    return total


def measured(name: str, design: Design, sources: Sequence[str], batch: int) -> Cost:
    """Runs programs so many at a time. Every answer must be that of a bare `exec`."""
    totals = [0, 0, 0, 0]
    gc.collect()
    piece = max(batch, PIECE)
    for first in range(0, len(sources), piece):
        some = sources[first : first + piece]
        with direct_perception(EXEC):
            reference = time.process_time_ns()
            expected = bare(some)
            reference = time.process_time_ns() - reference
        answers: list[Any] = []
        with direct_perception(name):
            outside, caller, wall = processes(), time.process_time_ns(), time.perf_counter_ns()
            for start in range(0, len(some), batch):
                answers += design.run(some[start : start + batch])
            wall, caller = time.perf_counter_ns() - wall, time.process_time_ns() - caller
            outside = processes() - outside
        if answers != expected:
            i = next(i for i, (a, b) in enumerate(zip(answers, expected, strict=True)) if a != b)
            raise SystemExit(f"{name} answers {answers[i]!r}, expected {expected[i]!r} from\n{some[i]}")
        inside, caller = (outside, caller) if design.outside else (caller + outside, 0)
        totals = [total + value for total, value in zip(totals, (inside, caller, wall, reference), strict=True)]
    return Cost(*(total / 1e3 / len(sources) for total in totals))


@dataclass(frozen=True)
class Again:
    """Programs that are run in every round, so that a design which keeps compiled code has it."""

    programs: list[str]
    few_calls: list[str]
    many_calls: list[str]


Round = dict[tuple[str, str], Cost]


def one_round(designs: dict[str, Design], supply: Iterator[str], again: Again, draw: random.Random, count: int) -> Round:
    """Measures every design: new programs by batch size, programs seen before, and programs with few and with many calls."""
    groups: list[tuple[str, list[tuple[str, list[str], int]]]] = []
    for name, design in designs.items():
        number = count // 4 if design.slow else count
        for batch in design.batches:
            new = list(islice(supply, max(batch, number // 4 if batch == 1 and len(design.batches) > 1 else number)))
            groups.append((name, [(f"batch {batch}", new, batch)]))
        batch = 64 if 64 in design.batches else design.batches[-1]
        copies = -(-max(batch, number) // REPEATED)
        groups.append((name, [("repeated", again.programs * copies, batch)]))
        # What is subtracted is measured side by side.
        pair = [("few calls", again.few_calls * copies, batch), ("many calls", again.many_calls * copies, batch)]
        groups.append((name, pair))
    draw.shuffle(groups)
    return {(name, kind): measured(name, designs[name], s, batch) for name, group in groups for kind, s, batch in group}


def preparation(sources: Sequence[str]) -> dict[str, float]:
    """Microseconds per program of the steps from source to code."""
    names = ("parse", "check and rewrite", "compile")
    totals = dict.fromkeys(names, 0)
    gc.disable()  # as in a worker
    for source in sources:
        times = [time.process_time_ns()]
        tree = ast.parse(source, rewrite.FILENAME)
        times.append(time.process_time_ns())
        tree.body = statements.block(tree.body)
        times.append(time.process_time_ns())
        compile(tree, rewrite.FILENAME, "exec")
        times.append(time.process_time_ns())
        for name, a, b in zip(names, times, times[1:], strict=False):
            totals[name] += b - a
    gc.enable()
    return {name: total / 1e3 / len(sources) for name, total in totals.items()}


def gpu_model(supply: Iterator[str], programs: int, singles: int) -> tuple[float, float]:
    """Programs per second with perception that takes as long as a GPU: all at once, and one after the other."""

    def model(calls: Sequence[Call]) -> list[Any]:
        time.sleep(PASS_SECONDS + CALL_SECONDS * len(calls))
        return serve(calls)

    interpreter = Interpreter()
    rates = []
    try:
        interpreter.run_batch([Program(source, (SIZE,)) for source in islice(supply, 256)], serve)  # starts the workers
        for batches in (1, singles):
            together = [Program(source, (SIZE,)) for source in islice(supply, programs if batches == 1 else singles)]
            start = time.perf_counter()
            for i in range(batches):
                interpreter.run_batch(together if batches == 1 else together[i : i + 1], model)
            rates.append(len(together) / (time.perf_counter() - start))
    finally:
        interpreter.close()
    return rates[0], rates[1]


def trace_cost(supply: Iterator[str], programs: int) -> dict[str, float]:
    """Share of throughput that recording the values of variables costs: of new programs, and of programs seen before.

    Two interpreters, one of which records nothing, run the same programs, taking turns; processor time of workers and caller.
    """
    on, off = Interpreter(workers=1), Interpreter(Limits(assignments=0), workers=1)
    shares: dict[str, list[float]] = {"new": [], "repeated": []}
    gc.collect()
    try:
        for number in range(programs // PIECE + 1):
            some = [Program(source, (SIZE,)) for source in islice(supply, PIECE)]
            for kind in shares:
                costs = [0, 0]
                for which, interpreter in sorted(enumerate((on, off)), reverse=number % 2 == 1):
                    outside, caller = processes(), time.process_time_ns()
                    interpreter.run_batch(some, serve)
                    costs[which] = time.process_time_ns() - caller + processes() - outside
                if number:  # the first turn starts the workers
                    shares[kind].append(1 - costs[1] / costs[0])
    finally:
        on.close()
        off.close()
    return {kind: median(each) for kind, each in shares.items()}


def summary(rounds: Sequence[Round], name: str, batches: Sequence[int]) -> dict[str, Any]:
    """What a design costs: medians over the rounds."""
    kinds = [*(f"batch {batch}" for batch in batches), "repeated"]
    costs = {kind: [r[name, kind] for r in rounds] for kind in kinds}

    def ratios(kind: str, caller: bool) -> float:
        return median(cost.bare / (cost.inside + caller * cost.caller) for cost in costs[kind])

    def per_call(caller: bool) -> float:
        pairs = [(r[name, "few calls"], r[name, "many calls"]) for r in rounds]
        extra = [many.inside - few.inside + caller * (many.caller - few.caller) for few, many in pairs]
        return median(extra) / (DEEP_CALLS - CALLS)

    return {
        "inside_us": {kind: median(cost.inside for cost in costs[kind]) for kind in kinds},
        "caller_us": {kind: median(cost.caller for cost in costs[kind]) for kind in kinds},
        "ratio_to_exec": {kind: ratios(kind, caller=False) for kind in kinds},
        "ratio_to_exec_with_caller": {kind: ratios(kind, caller=True) for kind in kinds},
        "latency_us": median(cost.wall for cost in costs["batch 1"]),
        "us_per_call": per_call(caller=False),
        "us_per_call_with_caller": per_call(caller=True),
    }


def main(args: Args) -> None:
    if sys.platform != "linux":
        raise SystemExit("this benchmark needs Linux: elsewhere the processor time of running processes cannot be read")
    console = Console()
    rounds, count, programs, singles = (5, 64, 2_560, 5) if args.quick else (11, 512, 5_120, 50)
    draw = random.Random(args.seed)
    supply = fresh(args.seed)
    again = Again(list(islice(supply, REPEATED)), *deep(args.seed, REPEATED))
    with contextlib.ExitStack() as stack:
        designs, missing = all_designs(stack, args.quick)
        one_round(designs, supply, again, draw, REPEATED)  # starts processes, fills caches
        gc.collect()
        gc.freeze()
        costs, steps = [], []
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}")
            costs.append(one_round(designs, supply, again, draw, count))
            steps.append(preparation(list(islice(supply, count))))
    console.print("cost of recording values")
    trace = trace_cost(supply, 1_024 if args.quick else 8_192)
    console.print("model of a GPU")
    together, alone = gpu_model(supply, programs, singles)

    rows = {name: summary(costs, name, design.batches) for name, design in designs.items()}
    parts = {part: median(step[part] for step in steps) for part in steps[0]}
    parts["run"] = rows[LAYER1]["inside_us"]["repeated"]
    parts["wire and greenlets"] = rows[OURS]["inside_us"]["batch 64"] - sum(parts.values())
    show(console, rows, parts, missing)
    console.print(f"Recording values costs {trace['new']:.1%} of throughput, {trace['repeated']:.1%} of programs seen before")
    console.print(f"Model of a GPU: {together:.0f} programs/s of at most {CEILING:.0f}; one after the other {alone:.1f}")

    ours = rows[OURS]
    result = {
        "quick": args.quick,
        "rounds": rounds,
        "python": sys.version.split()[0],
        "ratio_to_exec_batch64": ours["ratio_to_exec"]["batch 64"],
        "ratio_to_exec_batch64_repeated": ours["ratio_to_exec"]["repeated"],
        "ratio_to_exec_batch64_with_caller": ours["ratio_to_exec_with_caller"]["batch 64"],
        "us_per_call_batch64": ours["us_per_call"],
        # The speed of the machine cancels out in this one: what a call costs, in programs that bare exec would run meanwhile.
        "call_to_exec_program_batch64": ours["us_per_call"] / median(r[OURS, "batch 64"].bare for r in costs),
        "programs_per_second_per_core_batch64": 1e6 / (ours["inside_us"]["batch 64"] + ours["caller_us"]["batch 64"]),
        "trace_cost": trace["new"],
        "trace_cost_repeated": trace["repeated"],
        "gpu_model_fraction": together / CEILING,
        "gpu_model_programs_per_second": together,
        "gpu_model_one_at_a_time": alone,
        "worker_us": parts,
        "table": rows,
        "not_measured": missing,
    }
    print(json.dumps(result))


def show(console: Console, rows: dict[str, Any], parts: dict[str, float], missing: Sequence[str]) -> None:
    """Prints the tables."""
    columns = [*(f"batch {batch}" for batch in BATCHES), "repeated"]
    table = Table("", *columns, "a call", "latency", title="Microseconds per program; in brackets what its caller adds")
    ratios = Table("", *columns, title="Programs per second of processor time, as a ratio to bare exec (with its caller's time)")
    for name, row in rows.items():
        inside, caller = row["inside_us"], row["caller_us"]
        cells = [f"{inside[c]:.0f}" + (f" ({caller[c]:.0f})" if caller[c] else "") if c in inside else "" for c in columns]
        table.add_row(name, *cells, f"{row['us_per_call']:.1f}", f"{row['latency_us']:.0f}")
        one, two = row["ratio_to_exec"], row["ratio_to_exec_with_caller"]
        cells = [f"{one[c]:.2f}" + (f" ({two[c]:.2f})" if caller[c] else "") if c in one else "" for c in columns]
        ratios.add_row(name, *cells)
    console.print(table)
    console.print(ratios)
    console.print("Worker, batch 64, microseconds: " + ", ".join(f"{part} {value:.0f}" for part, value in parts.items()))
    if missing:
        console.print(f"Not measured: {', '.join(missing)}")


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
