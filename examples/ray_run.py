"""Self-training on Ray: `python examples/ray_run.py` (pip install 'vispro-gym[ray]').

Programs are drawn by policy actors and run by execution actors, in a pipeline that writes experience as it comes. The same on the
command line, on a cluster that is there: `vispro-agents filtered-bc --engine ray:auto ...`. Any actor may die on the way.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from vispro_agents.filtered_bc import Args, train
from vispro_agents.imitation import ImitationArgs


def main(run_dir: Path = Path("runs/ray"), engine: str = "ray", actors: int = 2, queries: int = 200, iterations: int = 2) -> None:
    """Trains a small model on mini GQA.

    Args:
        run_dir: Folder of the run.
        engine: "ray", or "ray:ADDRESS" of a cluster.
        actors: Processes that run programs.
        queries: Queries in each iteration.
        iterations: Number of iterations.
    """
    args = Args(
        run_dir=run_dir, engine=engine, actors=actors, queries=queries, iterations=iterations, eval_episodes=100,
        imitation=ImitationArgs(demonstrations=50, mle_epochs=2, mle_variants=4),
    )  # fmt: skip
    for point in train(args):
        print(f"{point.policy}: reward {point.reward:.2f} after {point.executed} programs")


if __name__ == "__main__":
    tyro.cli(main)
