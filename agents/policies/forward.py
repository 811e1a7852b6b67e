"""One forward pass of any causal language model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from torch import Tensor
from transformers import Cache, PreTrainedModel


def base_model(model: Any) -> PreTrainedModel:
    """The model of transformers itself, without the PEFT model around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def forward(
    model: Any, ids: Tensor, mask: Tensor, positions: Tensor, *, keep: int, use_cache: bool = False, cache: Cache | None = None
) -> Any:
    """Run a model on some tokens.

    Args:
        model: A causal language model of transformers, or a PEFT model around one.
        ids: Token ids, int64 of shape [rows, tokens].
        mask: Which tokens are real, bool of shape [rows, tokens in the cache and here].
        positions: The place of each token in its row, int64 of shape [rows, tokens]. Some old models count for themselves.
        keep: Number of last tokens whose logits are needed.
        use_cache: Whether to return keys and values.
        cache: Keys and values of the tokens before.

    Returns:
        The model's output; `logits` may be of more tokens than asked for.
    """
    known = parameters_of(model)
    options: dict[str, Any] = {"position_ids": positions} if "position_ids" in known else {}
    if "logits_to_keep" in known:
        options["logits_to_keep"] = keep
    return model(input_ids=ids, attention_mask=mask.long(), past_key_values=cache, use_cache=use_cache, **options)


def parameters_of(model: Any) -> frozenset[str]:
    """Names of what a model's forward pass takes."""
    return _parameters(type(base_model(model)).forward)


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
