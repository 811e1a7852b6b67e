"""REINFORCE without a baseline: the policy gradient that filtered behaviour cloning takes in batches, one step at a time.

    MLE       imitate a few expert programs
    repeat
      sample programs for a batch of queries with the policy as it is, run them, log every one as experience
      take one gradient step on  -(reward * log pi(program | query)).mean()

The mean is over all programs of the batch, those of reward 0 included; these have no gradient and are not run through the model
again. `--baseline leave-one-out` takes from each reward the mean reward of the other programs for the same query (RLOO). The
log-probability is that of the reply as it was drawn, token by token, at the temperature of sampling.

An iteration is as many programs as an iteration of `filtered_bc` with the same `--queries` and `--samples`, so that their curves
can be compared; each ends with a saved policy and its evaluation. On resuming, steps of an unfinished iteration are taken again
with the programs that were logged (see `run`).
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console

from vispro_agents.curve import Point
from vispro_agents.episodes import mean
from vispro_agents.errors import UsageError, above_zero
from vispro_agents.experience import Row
from vispro_agents.files import write_whole
from vispro_agents.imitation import ImitationArgs, begin
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.transformers import ModelArgs
from vispro_agents.run import Run, open_run
from vispro_agents.run_args import RunArgs
from vispro_agents.training import Optimizer, OptimizerArgs, TrainingRow, training_mode


@dataclass(frozen=True)
class Args(RunArgs):
    """Train a policy by REINFORCE."""

    run_dir: Path = Path("runs/reinforce")
    """Folder for policies, experience and the curve. A run that is there already is resumed."""
    temperature: float = 1.0
    """Sampling temperature."""
    model: ModelArgs = field(default_factory=ModelArgs)
    imitation: ImitationArgs = field(default_factory=ImitationArgs)
    baseline: Literal["none", "leave-one-out"] = "none"
    """What is taken from the reward: nothing, or the mean reward of the other programs for the same query."""
    queries_per_step: int = 32
    """Queries per gradient step, with `samples` programs each."""
    learning_rate: float = 1e-3
    """Learning rate, constant."""
    optimizer: OptimizerArgs = field(default_factory=OptimizerArgs)


def train(args: Args, console: Console | None = None) -> list[Point]:
    """Run REINFORCE, or resume it.

    Args:
        args: All settings. `batch_size` is that of the imitation; a step of REINFORCE has `queries_per_step * samples` programs.
        console: Where to report progress; None for a silent run.

    Returns:
        The learning curve: the first policy, the one after imitation, and one per iteration.

    Raises:
        UsageError: If the folder holds a run with other settings, or something asked for does not exist.
        DatasetError: If data is missing or damaged.
    """
    above_zero(learning_rate=args.learning_rate)
    if args.baseline == "leave-one-out" and args.samples < 2:
        raise UsageError(
            f"--baseline leave-one-out compares programs for one query. Expected --samples 2 or more, got {args.samples}."
        )
    if args.top_p < 1.0:
        raise UsageError(f"--top-p {args.top_p}: REINFORCE needs programs from the policy as it is. Expected 1.0.")
    if not args.temperature > 0.0 or args.queries_per_step < 1 or args.queries < 1:
        raise UsageError(
            f"--temperature {args.temperature} --queries-per-step {args.queries_per_step} --queries {args.queries}: "
            "expected numbers above 0."
        )
    with open_run(args, console) as run:
        policy, _ = begin(run, args.model, args.imitation, args.optimizer)
        optimizer = Optimizer(policy, args.optimizer, args.learning_rate)
        done = run.points[-1].iteration
        if 0 < done < args.iterations:
            optimizer.load_state_dict(torch.load(_state_path(run, done), weights_only=True))
        for iteration in range(done + 1, args.iterations + 1):
            positions = run.choose(args.queries, f"queries {iteration}")
            rolled_out: list[Row] = []
            for step, start in enumerate(range(0, len(positions), args.queries_per_step), start=1):
                rows = run.sample(
                    f"{iteration:03d}-0-rollout-{step:05d}", "rollout", iteration, policy, policy.style,
                    positions[start : start + args.queries_per_step], args.samples, step,
                )  # fmt: skip
                with training_mode(policy, run.seed(f"step {iteration} {step}"), dropout=False):
                    loss = optimizer.step(policy_gradient_rows(run, policy, rows, args.baseline), len(rows), args.temperature)
                rolled_out += rows
                run.log("reinforce", {"loss": loss, "reward": mean([row.reward for row in rows])}, len(rolled_out))
            buffer = io.BytesIO()
            torch.save(optimizer.state_dict(), buffer)
            write_whole(_state_path(run, iteration), buffer.getvalue())
            trained_on = sum(row.reward > 0.0 for row in rolled_out)
            run.finish(policy, f"iteration-{iteration}", iteration, trained_on=trained_on, grown=rolled_out)
            _forget_states(run, iteration)
        if done:
            _forget_states(run, run.points[-1].iteration)
        return run.points


def policy_gradient_rows(
    run: Run, policy: LanguageModelPolicy, rows: Sequence[Row], baseline: Literal["none", "leave-one-out"]
) -> list[TrainingRow]:
    """The tokens that were drawn, weighted by their advantage."""
    prompts = policy.encode([run.prompt(row.query) for row in rows], policy.style)
    return [
        TrainingRow(tuple(prompt), row.token_ids, weight)
        for prompt, row, weight in zip(prompts, rows, advantages(rows, baseline), strict=True)
    ]


def advantages(rows: Sequence[Row], baseline: Literal["none", "leave-one-out"]) -> list[float]:
    """Reward of each program, minus the mean reward of the others for the same sample if there is a baseline."""
    if baseline == "none":
        return [row.reward for row in rows]
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row.sample_id].append(row.reward)
    return [row.reward - (sum(group) - row.reward) / (len(group) - 1) for row in rows for group in (groups[row.sample_id],)]


def _forget_states(run: Run, iteration: int) -> None:
    """Remove the states of earlier iterations, also those that a killed process left behind."""
    for path in run.args.run_dir.glob("optimizer-*.pt"):
        if int(path.stem.partition("-")[2]) < iteration:
            path.unlink(missing_ok=True)


def _state_path(run: Run, iteration: int) -> Path:
    return run.args.run_dir / f"optimizer-{iteration}.pt"
