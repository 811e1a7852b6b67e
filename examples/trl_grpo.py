"""GRPO of TRL on visual programs: `python examples/trl_grpo.py --model Qwen/Qwen3-0.6B` (pip install 'vispro-gym[agents]').

The reward function finds the sample of each row again and runs all completions in one batch; the share of each outcome
(syntax_error, wrong, correct, ...) is in the trainer's log. `accelerate launch examples/trl_grpo.py` trains on all GPUs.
"""

from __future__ import annotations

import torch
import tyro
from trl import GRPOConfig, GRPOTrainer

from vispro_gym.integrations.trl import ProgramReward, build_dataset


def main(
    model: str = "Qwen/Qwen3-0.6B", env: str = "VisProg-GQA-v0", prompt: str = "full", steps: int = 200, batch_size: int = 16,
    num_generations: int = 8, max_completion_length: int = 256, use_vllm: bool = False, out: str = "runs/trl_grpo",
) -> None:  # fmt: skip
    """Trains.

    Args:
        model: Name or folder of a chat model.
        env: Environment id.
        prompt: "full" explains the program language, "short" does not.
        steps: Steps of the optimizer.
        batch_size: Completions per device and step.
        num_generations: Completions per prompt.
        max_completion_length: Tokens of a completion.
        use_vllm: Whether a vLLM server draws the completions (`trl vllm-serve --model ...`).
        out: Folder of the run.
    """
    trainer = GRPOTrainer(
        model,
        reward_funcs=ProgramReward(env),
        train_dataset=build_dataset(env, style="short" if prompt == "short" else "full"),
        args=GRPOConfig(
            output_dir=out, max_steps=steps, per_device_train_batch_size=batch_size, num_generations=num_generations,
            max_completion_length=max_completion_length, use_vllm=use_vllm, logging_steps=1, report_to="none",
            use_cpu=not torch.cuda.is_available(), bf16=torch.cuda.is_available(),
        ),
    )  # fmt: skip
    trainer.train()
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    print(f"mean reward of the first step {rewards[0]:.2f}, of the last {rewards[-1]:.2f}")


if __name__ == "__main__":
    tyro.cli(main)
