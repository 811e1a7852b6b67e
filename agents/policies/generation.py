"""Decoding: token ids in, drawn token ids and their log-probabilities out, and the same log-probabilities with a gradient.

The loop exists beside `model.generate` of transformers because that one draws from the global random state, keeps computing rows
that have ended, and reads what all prompts begin with once per row. Here

- each row draws with numbers of its own, made from the seed and the row's place in the call. So what is drawn does not depend on
  how rows are put into batches, but for the rounding of floating-point sums;
- a row that has ended leaves the batch: programs differ in length by a factor of ten;
- the tokens that all prompts begin with, thousands where the program language is explained, are run once (see `prefix`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Sampling
from vispro_agents.policies.forward import base_model, forward
from vispro_agents.policies.prefix import SharedPrefix


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one row.

    Attributes:
        token_ids: The tokens, an end token last if there is one.
        log_probs: Their log-probabilities, see `Completion.log_probs`.
    """

    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    max_new_tokens: int,
    seed: int,
    end_ids: Collection[int],
    pad_id: int,
    batch_size: int,
    prefix_caching: bool = True,
) -> list[Drawn]:
    """Continue each prompt up to and including an end token.

    Args:
        model: A causal language model of transformers, or a PEFT model around one.
        prompts: Token ids of each prompt, at least one each.
        sampling: How to draw; its `max_new_tokens` is not read.
        max_new_tokens: Where a continuation is cut. It is cut earlier where the model's positions end.
        seed: Seed of all draws, 0 or more.
        end_ids: Tokens that end a continuation.
        pad_id: Any token; it fills rows up and is never looked at.
        batch_size: Rows per forward pass.
        prefix_caching: Whether what all prompts begin with is computed once.

    Returns:
        One result per prompt, in order.

    Raises:
        UsageError: If a prompt leaves no room for a single token, nothing can be drawn in this way, or the weights are damaged.
    """
    check_sampling(sampling)
    _check_room(base_model(model), prompts)
    results: list[Drawn | None] = [None] * len(prompts)
    # Batches of prompts of similar length waste little on padding.
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), row))
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            prefix = SharedPrefix.compute(model, prompts) if prefix_caching else None
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch = _Batch(model, [prompts[row] for row in rows], prefix, max_new_tokens, pad_id)
                uniforms = None
                if sampling.temperature > 0.0:
                    uniforms = torch.stack([uniforms_of(seed, row, max_new_tokens) for row in rows])
                with prefix.attended() if prefix else nullcontext():
                    for row, drawn in zip(rows, batch.run(sampling, uniforms, end_ids), strict=True):
                        results[row] = drawn
    finally:
        model.train(training)
    return [result for result in results if result is not None]


def completion_log_probs(
    model: Any,
    prompt_ids: Sequence[Sequence[int]],
    completion_ids: Sequence[Sequence[int]],
    *,
    temperature: float = 1.0,
    pad_token_id: int,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of given completions: what `generate` returned for them, now with a gradient.

    Args:
        model: A causal language model of transformers, or a PEFT model around one.
        prompt_ids: Token ids of each prompt, at least one each.
        completion_ids: Token ids of each completion; may be empty.
        temperature: What logits are divided by; greater than 0.
        pad_token_id: Any token; it fills rows up and is never looked at.

    Returns:
        `(log_probs, mask)`, both of shape [rows, tokens of the longest completion]: float32 natural logarithms, 0 where there is
        no token, and bool, whether there is one. Completions begin in column 0.

    Raises:
        ValueError: If there are no rows, their numbers differ, or a prompt is empty.
    """
    if not prompt_ids or len(prompt_ids) != len(completion_ids) or not all(prompt_ids):
        raise ValueError(
            f"Expected as many completions as prompts, and at least one token in each prompt; got {len(prompt_ids)} prompts, "
            f"{sum(not ids for ids in prompt_ids)} of them empty, and {len(completion_ids)} completions."
        )
    device = model.device
    prompts, prompt_mask = _pad(prompt_ids, pad_token_id, left=True)
    completions, mask = _pad(completion_ids, pad_token_id, left=False)
    ids = torch.cat([prompts, completions], dim=1).to(device)
    attention = torch.cat([prompt_mask, mask], dim=1).to(device)
    completions, mask = completions.to(device), mask.to(device)
    width = completions.shape[1]
    output = forward(model, ids, attention, _positions(attention), keep=width + 1)
    logits = output.logits[:, -width - 1 : -1].float() / temperature
    chosen = logits.gather(-1, completions.unsqueeze(-1)).squeeze(-1)
    return (chosen - logits.logsumexp(-1)).masked_fill(~mask, 0.0), mask


class _Batch:
    """Rows that are continued together."""

    def __init__(
        self, model: Any, prompts: Sequence[Sequence[int]], prefix: SharedPrefix | None, tokens: int, pad_id: int
    ) -> None:
        self.model = model
        device = model.device
        skipped = prefix.length if prefix else 0
        self.cache: DynamicCache | None = None
        ids, mask = _pad([prompt[skipped:] for prompt in prompts], pad_id, left=True)
        self.input = ids.to(device)
        self.mask = mask.to(device)
        self.positions = skipped + _positions(self.mask)
        room = _most_positions(base_model(model))
        budgets = [tokens if room is None else min(tokens, room - len(prompt)) for prompt in prompts]
        self.budgets = torch.tensor(budgets, device=device)
        self.tokens = torch.zeros(len(prompts), max(budgets), dtype=torch.long, device=device)
        self.log_probs = torch.zeros(len(prompts), max(budgets), device=device)
        self.lengths = torch.zeros(len(prompts), dtype=torch.long, device=device)

    def run(self, sampling: Sampling, uniforms: Tensor | None, end_ids: Collection[int]) -> list[Drawn]:
        """Draw until all rows have ended."""
        device = self.input.device
        ends = torch.tensor(sorted(end_ids), device=device)
        uniforms = None if uniforms is None else uniforms.to(device)
        rows = torch.arange(len(self.budgets), device=device)
        for step in range(self.tokens.shape[1]):
            output = forward(self.model, self.input, self.mask, self.positions, keep=1, cache=self.cache, use_cache=True)
            self.cache = output.past_key_values
            logits = output.logits[:, -1].float()
            chosen, log_probs = draw(logits, sampling, None if uniforms is None else uniforms[rows, step])
            self.tokens[rows, step] = chosen
            self.log_probs[rows, step] = log_probs
            self.lengths[rows] = step + 1
            going = ~torch.isin(chosen, ends) & (self.budgets[rows] > step + 1)
            kept = going.nonzero().squeeze(1)
            if not len(kept):
                break
            if len(kept) < len(rows):
                self.cache.batch_select_indices(kept)
                rows, chosen, self.mask, self.positions = rows[kept], chosen[kept], self.mask[kept], self.positions[kept]
            self.input = chosen.unsqueeze(1)
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(rows), 1)], dim=1)
            self.positions = self.positions[:, -1:] + 1
        if not self.log_probs.isfinite().all():
            raise UsageError(
                "The model's probabilities are not numbers: its training diverged. Go back to an earlier policy, and train with "
                "a lower learning rate."
            )
        return [
            Drawn(tuple(tokens[:length]), tuple(log_probs[:length]))
            for tokens, log_probs, length in zip(
                self.tokens.tolist(), self.log_probs.tolist(), self.lengths.tolist(), strict=True
            )
        ]


def draw(logits: Tensor, sampling: Sampling, uniforms: Tensor | None) -> tuple[Tensor, Tensor]:
    """Draw one token per row.

    Args:
        logits: Of shape [rows, vocabulary], float32.
        sampling: How to draw. top-k comes before top-p, which is the share of what top-k left, as in transformers.
        uniforms: One number from 0 to 1 (excluded) per row, float32: where in the distribution the token lies. None if the
            temperature is 0.

    Returns:
        The tokens and their log-probabilities, see `Completion.log_probs`; both of shape [rows].
    """
    if sampling.temperature == 0.0 or uniforms is None:
        chosen = logits.argmax(-1)
        return chosen, _log_prob(logits, chosen)
    logits = logits / sampling.temperature
    probs = logits.softmax(-1)
    if 0 < sampling.top_k < probs.shape[-1]:
        best = probs.topk(sampling.top_k, dim=-1)
        probs = torch.zeros_like(probs).scatter(-1, best.indices, best.values)
    if sampling.top_p < 1.0:
        values, order = probs.sort(dim=-1, descending=True, stable=True)
        before = values.cumsum(-1) - values
        values = values.masked_fill(before >= sampling.top_p * values.sum(-1, keepdim=True), 0.0)
        probs = torch.zeros_like(probs).scatter(-1, order, values)
    # In the order of the vocabulary, so that rounding which swaps two tokens of almost the same probability changes nothing. In
    # float64, where no point falls on the last step: a token of probability 0 is never drawn.
    steps = probs.double().cumsum(-1)
    points = uniforms.double().unsqueeze(-1) * steps[:, -1:]
    chosen = torch.searchsorted(steps, points, right=True).squeeze(-1)
    chosen = chosen.clamp(max=logits.shape[-1] - 1)  # of logits that are not numbers, see `_Batch.run`
    return chosen, _log_prob(logits, chosen)


def _log_prob(logits: Tensor, chosen: Tensor) -> Tensor:
    return logits.gather(-1, chosen.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)


def uniforms_of(seed: int, row: int, number: int) -> Tensor:
    """Random numbers of one row. Philox is counter-based: any row's numbers can be had without those of the rows before."""
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, row]))
    return torch.from_numpy(generator.random(number, dtype=np.float32))


def _pad(rows: Sequence[Sequence[int]], pad_id: int, *, left: bool) -> tuple[Tensor, Tensor]:
    """Token ids of shape [rows, longest], int64, and which of them are real, bool."""
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id)
    mask = torch.zeros((len(rows), width), dtype=torch.bool)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[index, place] = torch.tensor(row, dtype=torch.long)
        mask[index, place] = True
    return ids, mask


def _positions(mask: Tensor) -> Tensor:
    return (mask.long().cumsum(-1) - 1).clamp(min=0)


def _most_positions(network: PreTrainedModel) -> int | None:
    return getattr(network.config.get_text_config(), "max_position_embeddings", None)


def _check_room(network: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
    room = _most_positions(network)
    longest = max(map(len, prompts), default=0)
    if room is not None and longest >= room:
        raise UsageError(
            f"A prompt has {longest} tokens, and the model has positions for {room} with its reply. Choose a shorter style of "
            "prompt (short or comment), or a model with a longer context."
        )


def check_sampling(sampling: Sampling) -> None:
    """Raise a `UsageError` if nothing can be drawn in this way."""
    if not (0.0 <= sampling.temperature < float("inf") and 0.0 < sampling.top_p <= 1.0 and sampling.top_k >= 0):
        raise UsageError(
            "Expected a temperature of 0 or more, top_p above 0 and at most 1, and top_k of 0 or more; "
            f"got {sampling.temperature}, {sampling.top_p} and {sampling.top_k}."
        )
