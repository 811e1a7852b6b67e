"""A vision-language model thinks, then writes a program, and PPO rewards its answer: `python examples/vlm_programs.py`.

The learner of the environments of cards, on an environment of visual programs: the action is the program, what stands before it
are thoughts. A tiny model without pretraining first imitates expert programs of mini GQA. Some minutes.
"""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.console import Console

from vispro_agents.experience import FOLDER, Experience
from vispro_agents.ppo import PPOArgs
from vispro_agents.vlm_ppo import Args, train


def main(run_dir: Path = Path("runs/vlm_programs"), sft_steps: int = 400, updates: int = 4, programs: int = 256) -> None:
    """Trains and shows a reply.

    Args:
        run_dir: Folder of the run.
        sft_steps: Steps of imitation.
        updates: Rollouts of PPO.
        programs: Programs of a rollout, and of a measurement.
    """
    args = Args(
        run_dir=run_dir, env="VisProg-GQA-v0", demonstrations=1000, sft_steps=sft_steps, iterations=1, updates=updates,
        value_updates=1, envs=programs, steps=1, eval_episodes=programs, ppo=PPOArgs(thought_weight=0.5), log_with=(),
    )  # fmt: skip
    before, after = train(args, Console())
    row = Experience(run_dir / FOLDER).read("001-9-evaluate")[0]
    print(f"{row.query.strip()}\n{row.reply}\n{row.outcome}")
    print(f"reward {before.reward:.2f} after imitation, {after.reward:.2f} after {after.executed} programs of its own")


if __name__ == "__main__":
    tyro.cli(main)
