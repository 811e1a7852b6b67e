"""What execution actors on Ray bring: programs per second with 1, 2, 4 ... actors, and in one process without Ray.

    python benchmarks/ray_scaling.py           half a minute
    python benchmarks/ray_scaling.py --quick   fewer programs, 1 and 2 actors: 10 seconds

Expert programs of mini GQA, each in a text of its own, so that none is compiled twice, in chunks of 256 as a run of a learner has
them. Perception is the oracle, which costs microseconds: what is measured is the interpreter, the way there and back, and what
parallel work brings on the cores that there are. Actors have one worker process each, "local" has two. All ways take turns, and
the ratio is that of median times to one actor. Ends with one line of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import tyro
from rich.console import Console

from vispro_agents.cluster import Asked, Cluster, Environment
from vispro_agents.episodes import open_env, score
from vispro_gym.programs.experts import translate

ENV_ID, SPLIT = "VisProg-GQA-v0", "val"
CHUNK = 256


@dataclass(frozen=True)
class Args:
    """Measure execution actors."""

    actors: tuple[int, ...] = (1, 2, 4)
    """Numbers of actors."""
    chunks: int = 8
    """Chunks of 256 programs in a block."""
    blocks: int = 5
    """Blocks for each way."""
    quick: bool = False
    """1 and 2 actors, 3 blocks of 2 chunks."""


def main(args: Args) -> None:
    """Measures and prints."""
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    actors, chunks, blocks = ((1, 2), 2, 3) if args.quick else (args.actors, args.chunks, args.blocks)
    env = open_env(ENV_ID, SPLIT)
    rng = random.Random(0)
    experts = {position: translate(env.dataset[position]) for position in range(len(env.dataset))}

    def draw() -> tuple[list[Asked], list[str]]:
        positions = rng.choices(sorted(experts), k=CHUNK)
        asked = [(position, env.dataset.sample_ids[position]) for position in positions]
        return asked, [f"{experts[position]}# {rng.random()}\n" for position in positions]

    def local(asked: list[Asked], replies: list[str]) -> list[float]:
        episodes = score(env, [env.dataset[position] for position, _ in asked], replies)
        return [episode.outcome.reward for episode in episodes]

    def on(cluster: Cluster) -> Callable[[list[Asked], list[str]], list[float]]:
        return lambda asked, replies: [outcome.reward for outcome, _ in cluster.score("val", asked, replies)]

    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=max(actors), logging_level=logging.ERROR, log_to_driver=False, include_dashboard=False)
    clusters = {count: Cluster("", count, {"val": Environment(ENV_ID, SPLIT, {})}) for count in actors}
    ways = {"local": local} | {str(count): on(cluster) for count, cluster in clusters.items()}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values():
        run(*draw())  # starts workers
    for _ in range(blocks):
        for way, run in ways.items():
            block = [draw() for _ in range(chunks)]
            start = time.perf_counter()
            rewards = [reward for chunk in block for reward in run(*chunk)]
            seconds[way].append(time.perf_counter() - start)
            if set(rewards) != {1.0}:
                raise SystemExit("An expert program did not earn its reward: this is a bug.")
    for cluster in clusters.values():
        cluster.close()
    ray.shutdown()
    rates = {way: CHUNK * chunks / statistics.median(times) for way, times in seconds.items()}
    for way, rate in rates.items():
        Console().print(f"{way}{' actors' if way != 'local' else ''}: {rate:.0f} programs/s", highlight=False)
    one = rates[str(min(actors))]
    result = {
        "programs_per_second": {way: round(rate, 1) for way, rate in rates.items()},
        "ratio_to_one_actor": {way: round(rate / one, 3) for way, rate in rates.items()},
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "programs_per_block": CHUNK * chunks,
        "blocks": blocks,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
