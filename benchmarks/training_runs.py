"""Runs of a learner side by side, each on one core, some of which begin with what others ended with. Not a benchmark."""

from __future__ import annotations

import json
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

from rich.console import Console

from vispro_agents.run_args import Resumable, read_points

T = TypeVar("T", bound=Resumable)


def learn_all(train: Callable[[T], Any], pairs: Iterable[tuple[T, T]], processes: int, console: Console) -> None:
    """Learns all that is not there yet, each run as soon as that which it begins with is there.

    Args:
        train: A learner, a function of a module.
        pairs: A run, and one that begins with it. Either may be in many pairs, and is learned once.
        processes: Runs side by side.
        console: Where to report progress.
    """
    waiting: dict[Any, list[T]] = {}
    ready: list[T] = []
    for first, second in pairs:
        if first.run_dir not in waiting:
            ready.append(first)
        after = waiting.setdefault(first.run_dir, [])
        if second not in after:
            after.append(second)
    running: dict[Future[None], T] = {}
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        while ready or running:
            while ready and len(running) < processes:
                args = ready.pop(0)
                running[pool.submit(_learn, train, args)] = args
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                args = running.pop(future)
                console.print(f"{args.run_dir}: done", highlight=False)
                ready = waiting.pop(args.run_dir, []) + ready  # what was begun is finished before the next begins


def seconds_of(args: Resumable) -> float:
    """Processor time that a run took; of one that was killed and resumed, since it was resumed."""
    return round(float(json.loads((args.run_dir / "seconds.json").read_text())), 1)


def _learn(train: Callable[[T], Any], args: T) -> None:
    import torch

    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    clock = args.run_dir / "seconds.json"
    if len(read_points(args)) > args.iterations and clock.exists():  # finished, with these settings
        return
    start = time.process_time()
    train(args)
    clock.write_text(json.dumps(time.process_time() - start))


def rounded(value: Any) -> Any:
    """The same with five digits after the point."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 5) if isinstance(value, float) else value
