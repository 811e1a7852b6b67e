"""Gradient steps on programs: what filtered behaviour cloning, imitation of demonstrations and REINFORCE have in common.

All three minimise one loss over rows of a prompt and a completion,

    L = - sum_i weight_i * log pi(completion_i | prompt_i) / normalizer

where `log pi` is the sum over the completion's tokens, the end-of-sequence token among them. No token of a prompt is predicted.
Cloning has weight 1 for every program that it keeps. REINFORCE has the reward, or the reward minus a baseline. With a reward of 0
or 1, no baseline and the same rows, the two are the same sum: this is why filtered behaviour cloning on fresh samples is
REINFORCE (docs/learners.md has it on paper, tests/agents/test_reinforce.py in numbers).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from accelerate import Accelerator

from vispro_agents.errors import UsageError, at_least
from vispro_agents.policies.base import Prompt
from vispro_agents.policies.language_model import LanguageModelPolicy, completion_log_probs


@dataclass(frozen=True)
class OptimizerArgs:
    """How gradient steps are taken."""

    batch_size: int = 16
    """Programs per optimizer step of cloning (imitation of demonstrations, Improve)."""
    micro_batch_size: int = 32
    """Programs per forward pass; gradients of a larger batch are accumulated."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """Muon for the matrices inside the model and AdamW for all other weights; or AdamW for all. A model without pretraining
    learns with Muon from a fraction of the steps; adapters are better trained with AdamW."""
    weight_decay: float = 0.01
    """Weight decay."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    gradient_checkpointing: bool = False
    """Whether activations are computed again instead of kept: slower, and large models fit."""

    def __post_init__(self) -> None:
        at_least(0, weight_decay=self.weight_decay)
        if min(self.batch_size, self.micro_batch_size) < 1 or not self.max_grad_norm > 0.0:
            raise UsageError(
                f"--batch-size {self.batch_size} --micro-batch-size {self.micro_batch_size} "
                f"--max-grad-norm {self.max_grad_norm}: expected numbers above 0."
            )


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One prompt and what followed it.

    Attributes:
        prompt_ids: Tokens that are read.
        completion_ids: Tokens whose probability is changed, ending with the end-of-sequence token.
        weight: Factor of the row's log-probability in the loss.
    """

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    weight: float = 1.0


class Optimizer:
    """AdamW or Muon over a policy's trainable weights, with accumulation of gradients by accelerate.

    Args:
        policy: The policy; its model is trained in place.
        args: Settings.
        learning_rate: Peak learning rate.
        total_steps: Number of steps over which the learning rate falls to zero along a cosine, after a short warm-up; None
            keeps it constant.
    """

    def __init__(
        self, policy: LanguageModelPolicy, args: OptimizerArgs, learning_rate: float, total_steps: int | None = None
    ) -> None:
        self.args = args
        self.policy = policy
        self._weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
        optimizers = make_optimizers(policy.model, self._weights, args, learning_rate)
        # The policy's model is where it shall be already.
        self._accelerator = Accelerator(device_placement=False)
        self._model, *self._optimizers = self._accelerator.prepare(policy.model, *optimizers)
        self._schedules = []
        if total_steps is not None:
            factor = partial(cosine, total_steps=total_steps)
            self._schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, factor) for optimizer in optimizers]
        if args.gradient_checkpointing:
            policy.model.activation_checkpointing_enable()

    def step(self, rows: Sequence[TrainingRow], normalizer: float, temperature: float = 1.0) -> float:
        """Take one step.

        Args:
            rows: Programs and their weights. Rows of weight 0 are passed over: they have no gradient.
            normalizer: What the sum over rows is divided by.
            temperature: What logits are divided by, as when the programs were sampled.

        Returns:
            The loss before the step.
        """
        # Rows of similar length side by side waste little on padding.
        weighted = sorted(
            (row for row in rows if row.weight != 0.0), key=lambda row: len(row.prompt_ids) + len(row.completion_ids)
        )
        size = self.args.micro_batch_size
        batches = [weighted[start : start + size] for start in range(0, len(weighted), size)]
        total = 0.0
        for number, batch in enumerate(batches, start=1):
            # Processes, if there are several, exchange gradients with the last batch only.
            with nullcontext() if number == len(batches) else self._accelerator.no_sync(self._model):
                loss = batch_loss(self._model, batch, normalizer, temperature, self.policy.tokenizer.pad_token_id)
                self._accelerator.backward(loss)
                total += loss.item()
        if batches:
            self._accelerator.clip_grad_norm_(self._weights, self.args.max_grad_norm)
            for optimizer in self._optimizers:
                optimizer.step()
                optimizer.zero_grad()
        for schedule in self._schedules:
            schedule.step()
        return total

    def state_dict(self) -> dict[str, object]:
        """State of the optimizers, to go on later."""
        return {str(number): optimizer.state_dict() for number, optimizer in enumerate(self._optimizers)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a state."""
        for number, optimizer in enumerate(self._optimizers):
            optimizer.load_state_dict(state[str(number)])


def make_optimizers(
    model: Any, weights: Sequence[torch.nn.Parameter], args: OptimizerArgs, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """AdamW; or Muon for the matrices inside a model of transformers, and AdamW for its tables, its output and all else.

    Args:
        model: The model.
        weights: Those of its weights that are trained.
        args: Says which.
        learning_rate: Learning rate of all.
    """
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    outside = {id(layer.weight) for layer in (*tables, model.get_output_embeddings()) if layer is not None}
    matrices = [weight for weight in weights if weight.ndim == 2 and id(weight) not in outside and args.optimizer == "muon"]
    inside = {id(weight) for weight in matrices}
    others = [weight for weight in weights if id(weight) not in inside]
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        # Updates as large as those of AdamW, so that one learning rate and weight decay fit both.
        muon = torch.optim.Muon(matrices, learning_rate, weight_decay=args.weight_decay, adjust_lr_fn="match_rms_adamw")
        optimizers.append(muon)
    if others:
        # Adam's default average over the last thousand squared gradients would lag behind in runs of hundreds of steps.
        optimizers.append(torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.98), weight_decay=args.weight_decay))
    return optimizers


def cosine(step: int, total_steps: int) -> float:
    """Factor of the learning rate: a short rise, which does not begin at 0 (a run may have one step), then a cosine to 0."""
    warmup = max(1, min(total_steps // 10, max(5, total_steps // 20)))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, total_steps - warmup)))


def batch_loss(
    model: torch.nn.Module, rows: Sequence[TrainingRow], normalizer: float, temperature: float, pad_token_id: int
) -> torch.Tensor:
    """The loss at the top of this module, a scalar with gradient."""
    log_probs, mask = completion_log_probs(
        model,
        [row.prompt_ids for row in rows],
        [row.completion_ids for row in rows],
        temperature=temperature,
        pad_token_id=pad_token_id,
    )
    weights = torch.tensor([row.weight for row in rows], device=log_probs.device)
    return -(weights * (log_probs * mask).sum(-1)).sum() / normalizer


def encode_rows(policy: LanguageModelPolicy, pairs: Sequence[tuple[Prompt, str]]) -> list[TrainingRow]:
    """`(prompt, program)` pairs as tokens, prompts in the style of training."""
    prompts = policy.encode([prompt for prompt, _ in pairs], policy.training_style)
    return [
        TrainingRow(tuple(prompt), tuple(policy.encode_reply(program)))
        for prompt, (_, program) in zip(prompts, pairs, strict=True)
    ]


def clone(
    policy: LanguageModelPolicy,
    rows: Sequence[TrainingRow],
    args: OptimizerArgs,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> float:
    """Raise the probability of each program given its query (behaviour cloning). The policy is changed in place.

    The optimizer starts anew at each call. The result is a function of the policy, the rows, the settings and the seed: the
    global random state is neither used nor left changed.

    Args:
        policy: The policy to train.
        rows: What to imitate.
        args: Settings of the steps.
        epochs: Passes over the rows.
        learning_rate: Peak learning rate; it falls to zero along a cosine.
        seed: Seed of the order of the rows, and of dropout.
        on_step: Called after each optimizer step with `(steps done, steps in total)`.

    Returns:
        Mean loss over all steps, in nats per token.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError("Expected at least one program to train on, got none.")
    rng = random.Random(seed)
    per_epoch = -(-len(rows) // args.batch_size)
    steps = epochs * per_epoch
    total = 0.0
    with training_mode(policy, seed):
        optimizer = Optimizer(policy, args, learning_rate, steps)
        for epoch in range(epochs):
            order = rng.sample(range(len(rows)), len(rows))
            for number in range(per_epoch):
                batch = [rows[index] for index in order[number * args.batch_size : (number + 1) * args.batch_size]]
                total += optimizer.step(batch, sum(len(row.completion_ids) for row in batch))
                if on_step:
                    on_step(epoch * per_epoch + number + 1, steps)
    return total / max(1, steps)


@contextmanager
def training_mode(policy: LanguageModelPolicy, seed: int, *, dropout: bool = True) -> Iterator[None]:
    """The model in training mode, draws of dropout seeded, and the caller's random state of torch kept.

    Args:
        policy: The policy.
        seed: Seed of dropout.
        dropout: False to train without: a policy gradient is one of the policy that drew the programs, which had none.
    """
    devices = [policy.model.device] if policy.model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        policy.model.train()
        if not dropout:
            policy.model.eval()
            for module in policy.model.modules():  # layers keep no activations in training mode only
                module.training = bool(getattr(module, "gradient_checkpointing", False))
        try:
            yield
        finally:
            policy.model.eval()
