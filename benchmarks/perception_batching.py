"""What batching and caching perception saves: the same programs, one call at a time, in batches, and with a warm cache.

    python benchmarks/perception_batching.py           256 programs: 3 minutes
    python benchmarks/perception_batching.py --quick   48 programs: under a minute

The programs are what Grow draws: several for each question on mini GQA's val split. Each is the expert's program for its question
in which every text is replaced, with a probability of a fifth, by one from another program: a policy that gets every fifth word
wrong. `distinct_programs` says how many differ. They run under `transformers` perception with four real networks of the size of a
ViT-Ti/16 (TinyCLIP's smallest, 6 to 8 million weights each; OWL-ViT finds, ViLT answers, CLIP matches, Depth Anything tells
depths), with random weights: what they see is nonsense, what it costs is not.

* one at a time: one program after another, each call a forward pass of its own, and nothing remembered, as peers do it.
* batched: `Engine.run` on all programs.
* cached: the same by a new cache that finds the results of an earlier run on disk.

Also measured: different questions, one program each, where hardly anything repeats, so that what is left is batching itself. All
ways run the same programs in one process, on all cores, and what becomes of the programs is compared: it must be the same. Times
are by the clock. Ends with one line of JSON.
"""

from __future__ import annotations

import ast
import json
import logging
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from transformers.utils import logging as transformers_logging

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.perception.transformers.small_models import write_small_models
from vispro_gym.datasets import Dataset, Sample, open_dataset
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.transformers import TransformersPerception
from vispro_gym.perception.transformers.network import Memory
from vispro_gym.programs.experts import translate
from vispro_gym.tasks import TASKS

WRONG = 0.2
ALONE, BATCHED, CACHED = "one at a time", "batched", "cached"
DIFFERENT_ALONE, DIFFERENT_BATCHED = "different, one at a time", "different, batched"
LONGEST = 4  # texts of at most so many words are names and attributes


@dataclass(frozen=True)
class Args:
    """Measure what batching and caching perception saves."""

    questions: int = 32
    """Questions, each on another picture."""
    draws: int = 8
    """Programs for each."""
    batch_size: int = 16
    """Most pictures or texts in a forward pass."""
    seed: int = 0
    """Seed of questions, programs and weights."""
    quick: bool = False
    """6 questions."""


@dataclass(frozen=True)
class Run:
    """One way of running programs."""

    seconds: float
    calls: int
    forward_passes: int
    outcomes: list[Any]


def draw_programs(dataset: Dataset, questions: int, draws: int, seed: int) -> list[Job]:
    """Programs for questions on different pictures, the draws of one question one after another."""
    rng = random.Random(seed)
    by_picture: dict[str, list[Sample]] = defaultdict(list)
    for sample in dataset:
        by_picture[sample.images[0].image_id].append(sample)
    chosen = [rng.choice(by_picture[picture]) for picture in rng.sample(sorted(by_picture), questions)]
    words = sorted({text for sample in dataset[:300] for text in texts(translate(sample))})
    return [Job(mistaken(translate(sample), words, rng), sample) for sample in chosen for _ in range(draws)]


def texts(program: str) -> list[str]:
    """The texts in a program that programs of other questions could have in their place."""
    found = [node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)]
    return [
        value
        for value in found
        if isinstance(value, str) and 0 < len(value.split()) <= LONGEST and value not in ("subject", "object")
    ]


def mistaken(program: str, words: Sequence[str], rng: random.Random) -> str:
    """The program with some of its texts replaced."""
    for text in texts(program):
        if rng.random() < WRONG:
            program = program.replace(repr(text), repr(rng.choice(words)), 1).replace(
                json.dumps(text), json.dumps(rng.choice(words)), 1
            )
    return program


def run(engine: Engine, models: TransformersPerception, work: Callable[[Engine], list[Outcome]]) -> Run:
    """Runs programs under a perception whose forward passes are those of `models`."""
    before = sum(models.forward_passes.values())
    start = time.perf_counter()
    outcomes = work(engine)
    seconds = time.perf_counter() - start
    essence = [(o.outcome, repr(o.answer), [(s.operation, s.arguments) for s in o.calls]) for o in outcomes]
    return Run(seconds, sum(o.perception_calls for o in outcomes), sum(models.forward_passes.values()) - before, essence)


def one_by_one(jobs: Sequence[Job]) -> Callable[[Engine], list[Outcome]]:
    """Each program alone."""
    return lambda engine: [engine.run([job])[0] for job in jobs]


def agreement(a: Run, b: Run) -> float:
    """Share of programs with the same outcome, answer and calls."""
    return sum(x == y for x, y in zip(a.outcomes, b.outcomes, strict=True)) / len(a.outcomes)


def main(args: Args) -> None:
    """Measures and prints."""
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()
    console = Console()
    questions = 6 if args.quick else args.questions
    dataset = open_dataset("GQA", split="val")
    jobs = draw_programs(dataset, questions, args.draws, args.seed)
    different = draw_programs(dataset, 24 if args.quick else min(len(jobs), 170), 1, args.seed + 1)
    with tempfile.TemporaryDirectory() as folder:
        models = write_small_models(Path(folder), args.seed)

        def backend() -> TransformersPerception:
            return TransformersPerception(**models, device="cpu", batch_size=args.batch_size, box_threshold=0.0, max_boxes=2)

        def cached() -> CachedPerception:
            return CachedPerception(shared, folder=Path(folder) / "cache")

        # Each way starts with a backend of its own, whose models have been loaded and run on other pictures.
        warm = [Job(translate(sample), sample) for sample in dataset[-3:]]
        runs: dict[str, Run] = {}
        for name, programs, way in (
            (ALONE, jobs, one_by_one(jobs)),
            (BATCHED, jobs, lambda engine: engine.run(jobs)),
            (DIFFERENT_ALONE, different, one_by_one(different)),
            (DIFFERENT_BATCHED, different, lambda engine: engine.run(different)),
        ):
            perception = backend()
            if name in (ALONE, DIFFERENT_ALONE):
                perception._memory = Memory(limit=0)  # peers encode a picture again for each call
            engine = Engine(TASKS[dataset.task](), perception)
            engine.run(warm)
            runs[name] = run(engine, perception, way)
            console.print(f"{name}: {runs[name].seconds:.1f} s for {len(programs)} programs", highlight=False)
        shared = backend()
        Engine(TASKS[dataset.task](), cached()).run([*warm, *jobs])
        runs[CACHED] = run(Engine(TASKS[dataset.task](), cached()), shared, lambda engine: engine.run(jobs))
    report(console, args, jobs, runs)


def report(console: Console, args: Args, jobs: Sequence[Job], runs: dict[str, Run]) -> None:
    """Prints a table and the line of JSON; "same" is the share of programs of which the same became as one at a time."""
    table = Table("way", "seconds", "calls", "passes", "same", "speed-up")
    base = {name: runs["different, one at a time" if name.startswith("different") else "one at a time"] for name in runs}
    for name, found in runs.items():
        speedup = base[name].seconds / found.seconds
        same = agreement(base[name], found)
        table.add_row(name, f"{found.seconds:.2f}", str(found.calls), str(found.forward_passes), f"{same:.0%}", f"{speedup:.1f}")
    console.print(table)
    first = runs[ALONE]
    result = {
        "speedup_batched": first.seconds / runs[BATCHED].seconds,
        "speedup_cached": first.seconds / runs[CACHED].seconds,
        "speedup_batched_different_questions": runs[DIFFERENT_ALONE].seconds / runs[DIFFERENT_BATCHED].seconds,
        "forward_passes": {name: found.forward_passes for name, found in runs.items()},
        "seconds": {name: round(found.seconds, 3) for name, found in runs.items()},
        "calls": {name: found.calls for name, found in runs.items()},
        "same_outcomes": {name: agreement(base[name], found) for name, found in runs.items()},
        "programs": len(jobs),
        "distinct_programs": len({job.text for job in jobs}),
        "batch_size": args.batch_size,
        "threads": torch.get_num_threads(),
        "seed": args.seed,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
