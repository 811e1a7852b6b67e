"""Proximal policy optimisation (Schulman et al. 2017) of replies that are thoughts and an action (RL4VLM, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vispro_agents.acting import Turn
from vispro_agents.errors import UsageError, above_zero, at_least
from vispro_agents.policies.vision_language import View, VisionLanguagePolicy
from vispro_agents.text_tasks import TextTask

T = TypeVar("T")


@dataclass(frozen=True)
class PPOArgs:
    """What PPO maximises."""

    thought_weight: float = 0.5
    """Weight of the log-probability of thoughts, lambda."""
    credit: Literal["reply", "action-tokens"] = "reply"
    """What PPO clips: the ratio of a reply's weighted probability; or of each token of the action, without the thoughts."""
    clip: float = 0.2
    """Ratios count from 1 - clip to 1 + clip. Values are not clipped: their scale is that of the rewards."""
    value_weight: float = 0.5
    """Weight of the value loss, the squared error of values by the variance of what they should have been."""
    gamma: float = 0.9
    """Factor of what is earned one step later."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""

    def __post_init__(self) -> None:
        at_least(0, thought_weight=self.thought_weight, value_weight=self.value_weight)
        above_zero(clip=self.clip)
        for name, value in (("gamma", self.gamma), ("gae-lambda", self.gae_lambda)):
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"--{name} {value} makes no sense. Expected 0 to 1.")


@dataclass(frozen=True)
class Experienced:
    """A turn with what PPO needs of it.

    Attributes:
        turn: The turn.
        split: Number of tokens before the action.
        log_probs: Log-probabilities of the tokens under the policy that acted.
        value: What that policy expected.
        advantage: By how much the turn was better than expected, normalised over the rollout.
        target: What the value should have been.
        spread: Standard deviation of the targets of the rollout.
    """

    turn: Turn
    split: int
    log_probs: tuple[float, ...]
    value: float
    advantage: float
    target: float
    spread: float


def look_back(
    policy: VisionLanguagePolicy, task: TextTask, turns: Sequence[Sequence[Turn]], last: Sequence[View], args: PPOArgs,
    temperature: float, micro_batch_size: int,
) -> list[Experienced]:  # fmt: skip
    """What PPO needs of a rollout: values, advantages, and probabilities before learning.

    Args:
        policy: The policy that acted.
        task: The task.
        turns: For each step the turns of all environments.
        last: What they show after the last step.
        args: Discount and lambda of the advantages.
        temperature: That of the rollout.
        micro_batch_size: Replies per forward pass.
    """
    flat = [turn for row in turns for turn in row]
    policy.model.eval()
    log_probs: list[tuple[float, ...]] = []
    expected: list[float] = []
    with torch.no_grad():
        for part in in_parts(flat, micro_batch_size):
            replies = [turn.completion.token_ids for turn in part]
            judged = policy.judge([policy.encode(turn.view) for turn in part], replies, temperature)
            log_probs += [tuple(row[: len(reply)]) for row, reply in zip(judged.log_probs.tolist(), replies, strict=True)]
            expected += judged.values.tolist()
        cut = [turn.last_view for turn in flat if turn.last_view is not None]
        further: list[float] = []
        for views in in_parts([*last, *cut], micro_batch_size):
            further += policy.judge([policy.encode(view) for view in views], [()] * len(views)).values.tolist()
    shape = len(turns), len(last)
    values = np.array(expected).reshape(shape)
    ends = np.array([turn.ended for turn in flat]).reshape(shape)
    nexts = np.concatenate([values[1:], np.array(further[: len(last)])[None]])
    nexts[ends] = 0.0
    nexts[np.array([turn.last_view is not None for turn in flat]).reshape(shape)] = further[len(last) :]
    rewards = np.array([turn.reward for turn in flat]).reshape(shape)
    advantages = estimate_advantages(rewards, values, nexts, ends, args.gamma, args.gae_lambda)
    normal = ((advantages - advantages.mean()) / (advantages.std() + 1e-8)).ravel().tolist()
    targets = (advantages + values).ravel()
    spread = max(float(targets.std()), 1e-3)
    splits = [policy.replies.split(turn.completion.token_ids, task.action_start(turn.completion.text)) for turn in flat]
    columns = zip(flat, splits, log_probs, expected, normal, targets.tolist(), [spread] * len(flat), strict=True)
    return [Experienced(*column) for column in columns]


def ppo_losses(log_probs: Tensor, values: Tensor, batch: Sequence[Experienced], args: PPOArgs) -> tuple[Tensor, dict[str, float]]:
    """PPO's loss of each reply.

    Args:
        log_probs: Log-probabilities of its tokens under the policy that learns, float32 of shape `(rows, longest reply)`, 0 where
            there is no token.
        values: What that policy expects, of shape `(rows,)`.
        batch: The replies, with what the policy that acted said of them.
        args: Clipping and weights.

    Returns:
        Losses, of shape `(rows,)`: the clipped surrogate plus the weighted value loss. And sums over rows for the log: the value
        loss, how many ratios were clipped, and an estimate of the KL divergence from the policy that acted (k3 of Schulman).
    """
    device, width = log_probs.device, log_probs.shape[1]
    before = torch.tensor([[*each.log_probs, *[0.0] * (width - len(each.log_probs))] for each in batch], device=device)
    advantages, targets, spreads = (
        torch.tensor(numbers, device=device, dtype=torch.float32)
        for numbers in zip(*((each.advantage, each.target, each.spread) for each in batch), strict=True)
    )
    places = torch.arange(width, device=device)
    is_thought = places < torch.tensor([each.split for each in batch], device=device)[:, None]
    if args.credit == "reply":
        # log pi = lambda * log p(thoughts) + log p(action)
        weights = torch.where(is_thought, args.thought_weight, 1.0)
        changes = (weights * (log_probs - before)).sum(-1, keepdim=True)
        counts = torch.ones_like(changes)
    else:
        is_token = places < torch.tensor([len(each.log_probs) for each in batch], device=device)[:, None]
        changes = (log_probs - before).masked_fill(is_thought, 0.0)
        counts = (is_token & ~is_thought).float()
    ratios = changes.exp()
    gains = torch.minimum(ratios * advantages[:, None], ratios.clamp(1.0 - args.clip, 1.0 + args.clip) * advantages[:, None])
    share = counts / counts.sum(-1, keepdim=True).clamp(min=1.0)
    value_losses = 0.5 * ((values - targets) / spreads) ** 2
    losses = -(gains * share).sum(-1) + args.value_weight * value_losses
    figures = {
        "value_loss": value_losses.sum().item(),
        "clipped": (((ratios - 1.0).abs() > args.clip) * share).sum().item(),
        "kl": ((ratios - 1.0 - changes) * share).sum().item(),
    }
    return losses, figures


def in_parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Items in order, so many at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def estimate_advantages(
    rewards: NDArray[np.float64], values: NDArray[np.float64], nexts: NDArray[np.float64], ends: NDArray[np.bool_],
    gamma: float, gae_lambda: float,
) -> NDArray[np.float64]:  # fmt: skip
    """Advantages of actions.

    Args:
        rewards: What each step earned, of shape `(steps, episodes side by side)`.
        values: What was expected before the step, of that shape.
        nexts: What was expected after it, of that shape: 0 where the episode terminated, and the value of its last observation
            where it was truncated, since it could have gone on.
        ends: Whether the episode ended with the step, of that shape. Nothing that comes later counts then.
        gamma: Factor of what is earned one step later.
        gae_lambda: From 0 (rewards of one step, and what is expected after it) to 1 (rewards up to the end).

    Returns:
        Advantages, of that shape; added to `values` they are what values should have been.
    """
    surprises = rewards + gamma * nexts - values
    advantages = np.zeros_like(surprises)
    later = np.zeros(surprises.shape[1])
    for step in reversed(range(len(surprises))):
        later = surprises[step] + gamma * gae_lambda * np.where(ends[step], 0.0, later)
        advantages[step] = later
    return advantages
