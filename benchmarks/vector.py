"""Episodes side by side: `make_vec` against Gymnasium's own vector environments over the same environment.

    python benchmarks/vector.py           N = 1, 8, 64, 256: 6 minutes, 14 GB for the 256 processes of "async"
    python benchmarks/vector.py --quick   N = 1, 8, 64 with fewer steps: under a minute

Each vector environment plays the same seeded episodes of mini GQA with pictures of 224 x 224: the expert's programs, every fourth
one replaced by a wrong one. All three reset in the same step, so that each step runs N programs and begins N episodes.

* ours: `gym.make_vec(id, num_envs=N)`, one engine call per step.
* sync: `SyncVectorEnv`, one environment after another.
* async: `AsyncVectorEnv(shared_memory=False)`, a process for each environment. (Texts cannot be shared by memory.)

Steps are programs: N per call of `step`. Blocks of steps of the three take turns, and the ratio is that of the median times of a
block, so that a machine that slows down slows all. Ends with one line of JSON: `ratio_to_sync` and `ratio_to_async` say, for each
N, how many times faster ours is.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import tyro
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import vispro_gym
from vispro_gym.programs.experts import translate

assert vispro_gym.ENVIRONMENTS
WRONG = "def execute_command(image):\n    return len(image.find('object'))\n"
OURS, SYNC, ASYNC = "ours", "sync", "async"


@dataclass(frozen=True)
class Args:
    """Measure steps per second of vector environments."""

    env: str = "VisProg-GQA-v0"
    """Environment id."""
    sizes: tuple[int, ...] = (1, 8, 64, 256)
    """Numbers of environments, N."""
    programs: int = 1024
    """Programs per block, at least one step of N."""
    blocks: int = 5
    """Blocks of steps for each vector environment."""
    quick: bool = False
    """N = 1, 8, 64; 3 blocks of 128 programs."""


def make(kind: str, env_id: str, n: int) -> VectorEnv[Any, Any, Any]:
    """A vector environment of one kind."""
    if kind == OURS:
        return gym.make_vec(env_id, num_envs=n)
    functions: list[Callable[[], gym.Env[Any, Any]]] = [lambda: gym.make(env_id)] * n
    if kind == SYNC:
        return SyncVectorEnv(functions, autoreset_mode=AutoresetMode.SAME_STEP)
    return AsyncVectorEnv(functions, shared_memory=False, autoreset_mode=AutoresetMode.SAME_STEP)


class Player:
    """Plays a vector environment with programs that are looked up by sample id."""

    def __init__(self, env: VectorEnv[Any, Any, Any], programs: dict[str, str]) -> None:
        self.env = env
        self.programs = programs
        _, self.infos = env.reset(seed=0)
        self.rewards: list[float] = []

    def play(self, steps: int) -> float:
        """Seconds for a number of steps of N programs."""
        start = time.perf_counter()
        for _ in range(steps):
            actions = tuple(self.programs[sample_id] for sample_id in self.infos["sample_id"])
            _, rewards, _, _, self.infos = self.env.step(actions)
            self.rewards += rewards.tolist()
        return time.perf_counter() - start


def main(args: Args) -> None:
    """Measures and prints."""
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    console = Console()
    sizes = tuple(n for n in args.sizes if n <= 64) if args.quick else args.sizes
    wanted, blocks = (128, 3) if args.quick else (args.programs, args.blocks)
    dataset = gym.make(args.env).unwrapped.dataset  # type: ignore[attr-defined]
    programs = {sample.sample_id: WRONG if i % 4 == 3 else translate(sample) for i, sample in enumerate(dataset)}
    table = Table("N", "ours, steps/s", "sync", "async", "ours / sync", "ours / async")
    rates: dict[str, dict[str, float]] = {}
    for n in sizes:
        players = {kind: Player(make(kind, args.env, n), programs) for kind in (OURS, SYNC, ASYNC)}
        steps = max(1, wanted // n)
        for player in players.values():
            player.play(1)  # starts workers and fills caches
        seconds: dict[str, list[float]] = {kind: [] for kind in players}
        for _ in range(blocks):
            for kind, player in players.items():
                seconds[kind].append(player.play(steps))
        if len({tuple(player.rewards) for player in players.values()}) != 1:
            raise SystemExit(f"The three did not earn the same rewards with N = {n}: this is a bug.")
        for player in players.values():
            player.env.close()
        rates[str(n)] = {kind: n * steps / statistics.median(times) for kind, times in seconds.items()}
        found = rates[str(n)]
        ratios = (found[OURS] / found[SYNC], found[OURS] / found[ASYNC])
        table.add_row(str(n), *(f"{found[kind]:.0f}" for kind in players), *(f"{ratio:.2f}" for ratio in ratios))
        console.print(f"N = {n}: {', '.join(f'{kind} {rate:.0f}/s' for kind, rate in found.items())}", highlight=False)
    console.print(table)
    result = {
        "ratio_to_sync": {n: round(found[OURS] / found[SYNC], 3) for n, found in rates.items()},
        "ratio_to_async": {n: round(found[OURS] / found[ASYNC], 3) for n, found in rates.items()},
        "steps_per_second": {n: {kind: round(rate, 1) for kind, rate in found.items()} for n, found in rates.items()},
        "env": args.env,
        "programs_per_block": wanted,
        "blocks": blocks,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
