"""A language model as a policy: one class for all that are trained here, from the tiny one to adapters on billions of weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from transformers import PreTrainedTokenizerBase
from transformers.utils import logging

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import MAX_NEW_TOKENS, Completion, Prompt, Sampling
from vispro_agents.policies.forward import base_model
from vispro_agents.policies.generation import completion_log_probs, generate
from vispro_agents.policies.prompting import PromptStyle, write_prompt
from vispro_agents.policies.replies import ReplyCodec
from vispro_agents.policies.transformers import Dtype, Quantize, read_model, read_tokenizer

__all__ = ["LanguageModelPolicy", "completion_log_probs", "quiet"]

_SETTINGS = "policy.json"
# Setting -> the values or the type that it may have.
_KNOWN: dict[str, Any] = {
    "style": get_args(PromptStyle),
    "training_style": get_args(PromptStyle),
    "chat": bool,
    "max_new_tokens": int,
    "batch_size": int,
    "quantize": get_args(Quantize),
}


class LanguageModelPolicy:
    """A causal language model with its tokenizer, as a policy that can draw.

    Args:
        model: A `PreTrainedModel`, or a `PeftModel` around one.
        tokenizer: Its tokenizer. One without a padding token is given one: its end-of-sequence token.
        name: Name for tables and logs.
        style: How prompts are written when programs are drawn.
        training_style: How prompts are written when the model is trained.
        chat: Whether a prompt is a user's turn in the tokenizer's chat template, and the reply the assistant's.
        max_new_tokens: Where replies are cut.
        batch_size: Rows per forward pass when drawing. What is drawn depends on it by rounding only.
        quantize: How the weights below an adapter are kept; saved, so that they are loaded in the same way.

    Raises:
        UsageError: If `chat` is asked for and the tokenizer has no chat template.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        style: PromptStyle = "full",
        training_style: PromptStyle = "short",
        chat: bool = False,
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch_size: int = 64,
        quantize: Quantize = "none",
    ) -> None:
        if chat and not tokenizer.chat_template:
            raise UsageError(f"The tokenizer of {name} has no chat template. Use --chat no, or an instruction-tuned model.")
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.style: PromptStyle = style
        self.training_style: PromptStyle = training_style
        self.chat = chat
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.quantize: Quantize = quantize
        self._replies = ReplyCodec(tokenizer, self._chat_text if chat else None)

    @property
    def num_parameters(self) -> int:
        """Number of weights; tied ones count once."""
        return int(base_model(self.model).num_parameters())

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """Write the most probable program for each prompt, token by token (greedy)."""
        return [completion.text for completion in self.complete(prompts, Sampling(), 0)]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        """Draw one reply per prompt, in order. See `Sampler.complete`.

        The reply to the n-th prompt is a function of that prompt, n, the sampling and the seed, but for rounding: batches and
        neighbours decide nothing.
        """
        drawn = generate(
            self.model,
            self.encode(prompts, self.style),
            sampling=sampling,
            max_new_tokens=sampling.max_new_tokens or self.max_new_tokens,
            seed=seed,
            end_ids=self.end_ids,
            pad_id=self.tokenizer.pad_token_id,
            batch_size=self.batch_size,
        )
        return [Completion(self.decode_reply(row.token_ids), row.token_ids, row.log_probs) for row in drawn]

    def encode(self, prompts: Sequence[Prompt], style: PromptStyle) -> list[list[int]]:
        """Token ids of each prompt, as the model reads it before its reply.

        Args:
            prompts: The prompts.
            style: How to write them.
        """
        # The same query is asked many times, and a full prompt is long.
        keys = [(prompt.query, prompt.instructions, prompt.image_names) for prompt in prompts]
        unique = {key: prompt for key, prompt in zip(keys, prompts, strict=True)}
        if not unique:
            return []
        texts = [write_prompt(prompt, style) for prompt in unique.values()]
        if self.chat:
            texts = [self._chat_text([{"role": "user", "content": text}], True) for text in texts]
        rows = self.tokenizer(texts, add_special_tokens=not self.chat)["input_ids"]
        ids = dict(zip(unique, rows, strict=True))
        return [list(ids[key]) for key in keys]

    def encode_reply(self, text: str) -> list[int]:
        """Token ids of a reply, and of the token that ends it: what the model is trained to write.

        Args:
            text: The reply or program. Lone surrogates become question marks.
        """
        return self._replies.encode(text)

    def decode_reply(self, token_ids: Sequence[int]) -> str:
        """The text of a reply, without special tokens."""
        return self._replies.decode(token_ids)

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a reply."""
        return end_ids(self.model, self._replies)

    def save(self, path: Path) -> None:
        """Write the policy into the folder `path`: weights, or the adapter alone, tokenizer, and settings as `policy.json`."""
        adapter = hasattr(self.model, "peft_config")
        with quiet():
            # PEFT would ask the hub whether the vocabulary grew.
            self.model.save_pretrained(path, **({"save_embedding_layers": False} if adapter else {}))
            self.tokenizer.save_pretrained(path)
        settings = {name: getattr(self, name) for name in _KNOWN}
        (path / _SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(
        cls, path: Path, *, device: str = "auto", dtype: Dtype | None = "auto", quantize: Quantize | None = None
    ) -> LanguageModelPolicy:
        """Read a policy that `save` wrote, or any folder of a model or adapter. An adapter can be trained further.

        Args:
            path: The folder.
            device: Where the model runs: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".
            dtype: Number format of the weights: "auto" (bfloat16 on a GPU, else float32), "float32" or "bfloat16"; None for the
                one in which they were saved.
            quantize: How the weights below an adapter are kept; None for what the policy was saved with.

        Raises:
            UsageError: If the folder holds no policy, a file of it is damaged, or the model below its adapter is missing.
        """
        settings = read_settings(path)
        settings["quantize"] = quantize or settings.get("quantize", "none")
        with quiet():
            model = read_model(str(path), device=device, dtype=dtype, quantize=settings["quantize"])
            tokenizer = read_tokenizer(str(path))
        settings.setdefault("chat", bool(tokenizer.chat_template))
        return cls(model, tokenizer, name=path.name, **settings)

    def _chat_text(self, messages: list[dict[str, str]], reply_follows: bool) -> str:
        # Models that think before they answer are asked not to; other templates do not read that.
        return str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=reply_follows, enable_thinking=False
            )
        )


def end_ids(model: Any, replies: ReplyCodec) -> frozenset[int]:
    """The tokens that end a model's replies."""
    told = base_model(model).generation_config.eos_token_id
    told = told if isinstance(told, list) else [told]
    return frozenset(id for id in (*told, replies.tokenizer.eos_token_id, replies.end_id) if id is not None)


def read_settings(folder: Path) -> dict[str, Any]:
    """What `LanguageModelPolicy.save` wrote beside weights and tokenizer; nothing if they come from elsewhere.

    Raises:
        UsageError: If the file is damaged.
    """
    path = folder / _SETTINGS
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise TypeError(f"expected an object, got {type(settings).__name__}")
        for name, value in settings.items():
            known = _KNOWN.get(name, ())
            if value not in known if isinstance(known, tuple) else type(value) is not known:
                raise ValueError(f"{name} is {value!r}")
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is damaged: {error}. Expected what `LanguageModelPolicy.save` wrote.") from error
    return settings


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and notices of transformers: who trains a policy prints its own."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
