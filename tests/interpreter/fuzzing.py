"""Runs fuzzed programs through the interpreter and watches the processes: statuses, memory, file descriptors, children."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interpreter.attacks.perception import reply
from tests.interpreter.fuzzed import fuzzed
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Call, Limits, Program
from vispro_gym.interpreter.wire import STATUSES

LIMITS = Limits(steps=10_000, calls=32, seconds=0.2)
BATCH = 300
WARM_UP = 3
"""Batches before memory is measured: caches fill up first."""

PROC = Path("/proc")


@dataclass
class Report:
    """What was seen.

    Attributes:
        programs: Number of programs.
        outcomes: How many ended with each status.
        past_the_check: Share of programs that were run at all.
        slowest_batch_s: Longest wall time of a batch.
        restarts: Worker processes that had to be replaced.
        worker_rss_mb: Largest resident memory of a worker between batches.
        rss_growth_mb: Growth of this process's memory after the warm-up.
        fd_growth: Growth of the number of its open files.
        children_left: Children that are there after the interpreter was closed and were not before.
    """

    programs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    past_the_check: float = 0.0
    slowest_batch_s: float = 0.0
    restarts: int = 0
    worker_rss_mb: float = 0.0
    rss_growth_mb: float = 0.0
    fd_growth: int = 0
    children_left: int = 0


def rss_mb(pid: int | str = "self") -> float:
    """Resident memory of a process, 0 where the system does not tell."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, IndexError):
        return 0.0


def open_files() -> int:
    """Number of open files of this process, 0 where the system does not tell."""
    try:
        return len(os.listdir(PROC / "self" / "fd"))
    except OSError:
        return 0


def children() -> set[int]:
    """Processes whose parent this one is, dead ones that nobody has waited for included."""
    found = set()
    for folder in PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == os.getpid():
            found.add(int(folder.name))
    return found


def handler(calls: Sequence[Call]) -> list[Any]:
    """Answers calls."""
    return [reply(call) for call in calls]


def soak(programs: int, first_seed: int = 0, progress: Callable[[int], None] = lambda done: None) -> Report:
    """Runs programs with consecutive seeds in batches. Raises AssertionError at the first status that is none."""
    report = Report()
    gc.collect()  # what earlier tests left open is closed before it is counted, not while
    before = children()
    files = open_files()
    interpreter = Interpreter(LIMITS)
    workers: set[int] = set()
    memory = rss_mb()
    try:
        for number, start in enumerate(range(first_seed, first_seed + programs, BATCH)):
            seeds = range(start, min(start + BATCH, first_seed + programs))
            batch = [Program(fuzzed(seed), ((100, 80),)) for seed in seeds]
            then = time.monotonic()
            executions = interpreter.run_batch(batch, handler)
            report.slowest_batch_s = max(report.slowest_batch_s, time.monotonic() - then)
            assert len(executions) == len(batch)
            for seed, execution in zip(seeds, executions, strict=True):
                assert execution.status in STATUSES, f"seed {seed}: {execution}"
                assert (execution.error is None) == (execution.status == "answered"), f"seed {seed}: {execution}"
                report.outcomes[execution.status] += 1
            workers |= {worker._process.pid for worker in interpreter._workers}
            for worker in interpreter._workers:
                report.worker_rss_mb = max(report.worker_rss_mb, rss_mb(worker._process.pid))
            report.programs += len(batch)
            progress(len(batch))
            if number == WARM_UP:
                gc.collect()
                memory = rss_mb()
    finally:
        interpreter.close()
    gc.collect()
    report.rss_growth_mb = rss_mb() - memory
    report.fd_growth = open_files() - files
    report.children_left = len(children() - before)
    report.restarts = max(0, len(workers) - 2)
    report.past_the_check = 1 - (report.outcomes["syntax_error"] + report.outcomes["rejected"]) / max(1, report.programs)
    return report
