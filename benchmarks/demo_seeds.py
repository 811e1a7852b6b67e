"""How much filtered behaviour cloning gains over imitation: the demo's training with several seeds.

Prints a table and ends with one line of JSON. Rewards are held-out and greedy, on the val split of the generated GQA mini data.
A seed that is finished is read from its folder, one that was interrupted is resumed.

    python benchmarks/demo_seeds.py             about 20 minutes on two cores
    python benchmarks/demo_seeds.py --quick     a small run that only shows that the loop works
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from vispro_agents import filtered_bc
from vispro_agents.imitation import ImitationArgs


@dataclass(frozen=True)
class Args:
    """Train the demo's policy with several seeds."""

    out: Path = Path("runs/demo_seeds")
    """Folder with one run per seed."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds."""
    quick: bool = False
    """Under a minute: one seed, one iteration, few queries."""


def main(args: Args) -> None:
    console = Console()
    settings = filtered_bc.Args()
    seeds, folder = args.seeds, "full"
    if args.quick:
        seeds, folder = args.seeds[:1], "quick"
        imitation = ImitationArgs(demonstrations=40, mle_epochs=1, mle_variants=3)
        settings = replace(settings, imitation=imitation, iterations=1, queries=40, samples=2, eval_episodes=100)
    curves = []
    for seed in seeds:
        console.rule(f"seed {seed}")
        curves.append(filtered_bc.train(replace(settings, seed=seed, run_dir=args.out / folder / f"seed-{seed}"), console))

    rewards = [[point.reward for point in curve] for curve in curves]
    mle = [curve[1] for curve in rewards]
    best = [max(curve[1:]) for curve in rewards]
    rise = 100 * sum(b - m for b, m in zip(best, mle, strict=True)) / len(seeds)

    table = Table("seed", *(point.policy for point in curves[0]), "best - mle", title="Held-out greedy reward, percent")
    for seed, curve, m, b in zip(seeds, rewards, mle, best, strict=True):
        table.add_row(str(seed), *(f"{100 * reward:.1f}" for reward in curve), f"{100 * (b - m):+.1f}")
    console.print(table)
    console.print(f"Mean rise from MLE to the best iteration: {rise:+.1f} points")
    result = {"quick": args.quick, "seeds": list(seeds), "mle": mle, "best": best, "rise_points_mean": rise, "curves": rewards}
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
