"""What all prompts of a call begin with: computed once, kept once, and attended to by all rows.

The program language that a full prompt explains is thousands of tokens. If their keys and values were copied to every row, the
copies would fill the memory, and each new token would wait for all of them to be read. So attention is taken in two parts: to the
shared prefix, where the queries of all rows meet the same keys in one product of matrices, and to what is the row's own. Weighed
by the sums of their exponentials, the parts give the attention to both together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.masking_utils import eager_mask

from vispro_agents.policies.forward import base_model, forward

_NAME = "vispro_shared_prefix"
_SHORTEST = 32  # tokens; a shorter one is not worth a pass of its own
_UNKNOWN = ("sliding_window", "softcap", "s_aux", "position_bias")  # Mistral's, Gemma 2's, GPT-OSS's and T5's
_active: ContextVar[Sequence[tuple[Tensor, Tensor]]] = ContextVar(_NAME)


class _UnknownAttentionError(Exception):
    """A layer wants more of its attention than is known here."""


class SharedPrefix:
    """The keys and values of tokens that all rows begin with.

    Args:
        network: The model of transformers itself.
        layers: Keys and values of each layer, of shape [1, heads, tokens, width].
    """

    def __init__(self, network: PreTrainedModel, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._network = network
        self._layers = layers

    @property
    def length(self) -> int:
        """Number of tokens."""
        return int(self._layers[0][0].shape[-2])

    @classmethod
    def compute(cls, model: Any, prompts: Sequence[Sequence[int]]) -> SharedPrefix | None:
        """Find and compute the prefix of some prompts.

        Args:
            model: A causal language model of transformers, or a PEFT model around one.
            prompts: Token ids of all prompts.

        Returns:
            The prefix; None if it is too short, or the model's attention is of a kind that cannot be divided: with a sliding
            window, or with what transformers' exchangeable attention functions do not know.
        """
        length = _shared_length(prompts)
        network = base_model(model)
        if length < _SHORTEST or not network._can_set_attn_implementation():
            return None
        ids = torch.tensor([list(prompts[0][:length])], device=network.device)
        mask = torch.ones_like(ids, dtype=torch.bool)
        places = torch.arange(length, device=network.device)[None]
        whole = forward(model, ids, mask, places, keep=1, use_cache=True)
        cache = whole.past_key_values
        if type(cache) is not DynamicCache or any(type(layer) is not DynamicLayer for layer in cache.layers):
            return None
        layers = [(layer.keys, layer.values) for layer in cache.layers]
        # Architectures differ in more ways than can be listed here. So the last token is computed again, in the way in which the
        # prompts' own tokens will be.
        try:
            with cls(network, [(keys[..., :-1, :], values[..., :-1, :]) for keys, values in layers]).attended():
                again = forward(model, ids[:, -1:], mask[:, -1:], places[:, -1:], keep=1)
        except _UnknownAttentionError:
            return None
        expected = whole.logits[:, -1].float()
        error = (again.logits[:, -1].float() - expected).square().mean().sqrt() / expected.std()
        return cls(network, layers) if error < (1e-3 if whole.logits.dtype == torch.float32 else 0.2) else None

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Inside, the model is given what follows the prefix, with positions that go on from it and masks that begin after it."""
        before = self._network.config._attn_implementation
        self._network.set_attn_implementation(_NAME)
        token = _active.set(self._layers)
        try:
            yield
        finally:
            _active.reset(token)
            self._network.set_attn_implementation(before)


def _shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with. At least one token of each prompt is left; 0 for a single prompt."""
    if len(prompts) < 2:
        return 0
    # What all begin with is what the smallest and the largest begin with.
    first, last = min(prompts, key=list), max(prompts, key=list)
    pairs = zip(first, last, strict=False)
    length = next((place for place, (one, other) in enumerate(pairs) if one != other), len(first))
    return min(length, min(map(len, prompts)) - 1)


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention to the active prefix and to what is the row's own.

    Args:
        module: The layer.
        query: Of shape [rows, heads, tokens, width].
        key: The row's own keys, [rows, heads of keys, own tokens, width]; each is for as many heads of queries as there are more.
        value: The row's own values, in the same form.
        attention_mask: What is added to the scores of own tokens, [rows, 1, tokens, own tokens].
        scaling: What scores are multiplied by.
        **options: What the layer says beside.

    Returns:
        The output, [rows, tokens, heads, width], and no weights.
    """
    if any(options.get(name) is not None for name in _UNKNOWN):
        raise _UnknownAttentionError
    rows, heads, tokens, width = query.shape
    groups = key.shape[1]
    shared_key, shared_value = (part[0] for part in _active.get()[module.layer_idx])
    query = query * (width**-0.5 if scaling is None else scaling)
    by_group = query.reshape(rows, groups, -1, width)  # heads that share keys stand one after the other

    own_scores = (by_group @ key.transpose(-1, -2)).float().view(rows, groups, -1, tokens, key.shape[-2])
    if attention_mask is not None:
        own_scores = own_scores + attention_mask.unsqueeze(2)
    own_scores = own_scores.flatten(2, 3)
    own = own_scores.softmax(-1).to(value.dtype) @ value

    together = by_group.transpose(0, 1).reshape(groups, -1, width)
    scores = (together @ shared_key.transpose(-1, -2)).float()
    shared = (scores.softmax(-1).to(value.dtype) @ shared_value).view(groups, rows, -1, value.shape[-1]).transpose(0, 1)
    shared_sum = scores.logsumexp(-1).view(groups, rows, -1).transpose(0, 1)

    share = (shared_sum - own_scores.logsumexp(-1)).sigmoid().unsqueeze(-1).to(value.dtype)
    output = own + share * (shared - own)
    return output.reshape(rows, heads, tokens, -1).transpose(1, 2).contiguous(), None


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, eager_mask)
