"""Attempts by a tool, with TRL: `python examples/trl_tools.py --model Qwen/Qwen3-0.6B` (pip install 'vispro-gym[agents]').

The model calls `submit_program` up to three times per episode and reads what went wrong. It has to be one that can call tools.
TRL calls its support of environments experimental.
"""

from __future__ import annotations

import os

import torch
import tyro

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from trl import GRPOConfig, GRPOTrainer

from vispro_gym.integrations.trl import ToolEnvironment, build_dataset


def main(
    model: str = "Qwen/Qwen3-0.6B", env: str = "VisProg-GQA-Repair-v0", prompt: str = "full", steps: int = 200,
    batch_size: int = 16, num_generations: int = 8, max_completion_length: int = 2048, out: str = "runs/trl_tools",
) -> None:  # fmt: skip
    """Trains.

    Args:
        model: Name or folder of a chat model that calls tools.
        env: Environment id.
        prompt: "full" explains the program language, "short" does not.
        steps: Steps of the optimizer.
        batch_size: Episodes per device and step.
        num_generations: Episodes per prompt.
        max_completion_length: Tokens of an episode, calls and answers of the tool included.
        out: Folder of the run.
    """
    trainer = GRPOTrainer(
        model,
        environment_factory=ToolEnvironment.factory(env),
        train_dataset=build_dataset(env, tool=True, style="short" if prompt == "short" else "full"),
        args=GRPOConfig(
            output_dir=out, max_steps=steps, per_device_train_batch_size=batch_size, num_generations=num_generations,
            max_completion_length=max_completion_length, max_tool_calling_iterations=3, logging_steps=1, report_to="none",
            use_cpu=not torch.cuda.is_available(), bf16=torch.cuda.is_available(),
        ),
    )  # fmt: skip
    trainer.train()
    figures = [entry for entry in trainer.state.log_history if "reward" in entry]
    print(f"calls per episode {figures[-1]['tools/call_frequency']:.2f}, mean reward {figures[-1]['reward']:.2f}")


if __name__ == "__main__":
    tyro.cli(main)
