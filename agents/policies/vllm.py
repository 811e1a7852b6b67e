"""A language model that vLLM runs: made for drawing many programs at a time, and trains nothing.

A learner may sample through it and train the same model elsewhere: after an Improve step it saves the adapter, and `use_adapter`
has the next programs drawn with it. Prompts and replies are the same tokens as those of `LanguageModelPolicy`.

vLLM wants a GPU and its own release of torch, so it is an extra of its own: `pip install "vispro-gym[vllm]"`.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from vispro_agents.errors import UsageError, first_words
from vispro_agents.policies.base import MAX_NEW_TOKENS, Completion, Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy, read_settings
from vispro_agents.policies.prompting import PromptStyle
from vispro_agents.policies.transformers import read_tokenizer

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # of adapters, for which vLLM can make room
_LOG = logging.getLogger(__name__)


class VLLMPolicy:
    """A language model in this process that vLLM runs, with or without a LoRA adapter.

    How prompts are written and where replies are cut is what the adapter's `policy.json` says, if there is one, unless it is told
    here. The model runs in the number format of its files, also below an adapter that was trained on weights of 4 bits.

    Args:
        model: Hub id or folder of the model, without adapters.
        adapter: Folder of the adapter to begin with, as `LanguageModelPolicy.save` or PEFT writes it; None for none.
        prompt: How prompts are written, see `PromptStyle`; "auto" for what the adapter says, else "full".
        chat: Whether prompts are turns of a chat; "auto" for what the adapter says, else if the tokenizer has a chat template.
        max_new_tokens: Where replies are cut unless `Sampling` says it; 0 for what the adapter says, else 320.
        lora_rank: Largest rank of the adapters that `use_adapter` will be given; 0 for that of `adapter`, or no adapters.
        gpu_memory_utilization: Share of the GPU's memory that vLLM takes for itself. Less leaves room for training beside it.
        max_model_len: Longest prompt with its reply, in tokens, for which room is kept; None for all that the model can read.
        seed: Seed of vLLM itself. Draws do not depend on it.

    Raises:
        UsageError: If vLLM is missing or cannot run the model here, or the adapter is none.
    """

    def __init__(
        self,
        model: str,
        adapter: str | None = None,
        *,
        prompt: PromptStyle | Literal["auto"] = "auto",
        chat: Literal["auto", "yes", "no"] = "auto",
        max_new_tokens: int = 0,
        lora_rank: int = 0,
        gpu_memory_utilization: float = 0.9,
        max_model_len: int | None = None,
        seed: int = 0,
    ) -> None:
        self._vllm, lora = import_vllm()
        self._lora_request = lora.LoRARequest
        rank = lora_rank or (_rank(adapter) if adapter is not None else 0)
        if rank > _RANKS[-1]:
            raise UsageError(f"vLLM takes adapters of a rank up to {_RANKS[-1]}, not {rank}. Train one of a lower rank.")
        self._max_rank = min((room for room in _RANKS if room >= rank), default=0) if rank else 0
        saved = read_settings(Path(adapter)) if adapter is not None else {}
        tokenizer = read_tokenizer(model)
        has_chat = bool(saved.get("chat", tokenizer.chat_template))
        # Of this one only what makes tokens of prompts and texts of tokens is used; it has no weights.
        self._texts = LanguageModelPolicy(
            None,
            tokenizer,
            name=Path(adapter or model).name,
            style=saved.get("style", "full") if prompt == "auto" else prompt,
            chat=has_chat if chat == "auto" else chat == "yes",
            max_new_tokens=max_new_tokens or saved.get("max_new_tokens", MAX_NEW_TOKENS),
        )
        self.name = self._texts.name
        options: dict[str, Any] = {"enable_lora": True, "max_lora_rank": self._max_rank} if rank else {}
        if max_model_len is not None:
            options["max_model_len"] = max_model_len
        try:
            self._llm = self._vllm.LLM(
                model=model,
                seed=seed,
                gpu_memory_utilization=gpu_memory_utilization,
                enable_prefix_caching=True,  # all prompts begin with the program language
                logprobs_mode="raw_logprobs",  # see `complete`
                **options,
            )
        except Exception as error:  # there are as many ways to fail as there are parts below
            raise UsageError(f"vLLM cannot run {model!r} here: {first_words(error)}. Its own log has more.") from error
        self._longest = int(self._llm.llm_engine.model_config.max_model_len)
        self._adapter: Any = None
        self._adapters = 0
        if adapter is not None:
            self.use_adapter(adapter)

    def use_adapter(self, path: str | Path | None) -> None:
        """Draw with another adapter from now on, such as the one that an Improve step has just saved.

        Args:
            path: Its folder, which has to stay as it is while it is used; None for the model without an adapter.

        Raises:
            UsageError: If the folder holds no adapter, or one of a larger rank than there is room for.
        """
        if path is None:
            self._adapter = None
            return
        rank = _rank(path)
        if rank > self._max_rank:
            raise UsageError(
                f"The adapter in {path} has rank {rank}, and vLLM has room for {self._max_rank}. Set lora_rank={rank}."
            )
        # Both are new each time, even for the same folder: vLLM knows loaded weights by the number and kept prefixes by the name.
        self._adapters += 1
        self._adapter = self._lora_request(f"adapter-{self._adapters}", self._adapters, str(Path(path).resolve()))
        self.name = Path(path).name

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """Write the most probable program for each prompt, token by token (greedy)."""
        return [completion.text for completion in self.complete(prompts, Sampling(), 0)]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        """Draw one reply per prompt, in order.

        Each reply has a seed of its own, made from `seed` and its place. vLLM computes together what happens to wait, and
        rounding depends on that: two calls may differ, if rarely.

        A prompt that is too long for the model gets an empty reply, and a warning in the log says how many there were.

        vLLM tells log-probabilities of the logits as the model gives them (`logprobs_mode="raw_logprobs"`): of temperature 1 and
        before top-p and top-k. These are what `Completion` wants where sampling is greedy or the temperature is 1. At another
        temperature they are not, nor are those that vLLM calls processed, which are after top-p and top-k. `log_probs` is empty
        then, and who needs them computes them from the token ids (`completion_log_probs`).

        Raises:
            UsageError: If vLLM refuses the sampling.
        """
        texts = self._texts
        generator = random.Random(seed)
        params = [self._params(sampling, generator.getrandbits(31)) for _ in prompts]
        encoded = texts.encode(prompts, texts.style)
        asked = [i for i, ids in enumerate(encoded) if len(ids) < self._longest]
        if len(asked) < len(prompts):
            _LOG.warning(
                "%d of %d prompts have more than the %d tokens that %s can read, and count as failed",
                len(prompts) - len(asked), len(prompts), self._longest - 1, self.name,
            )  # fmt: skip
        completions = [Completion("")] * len(prompts)
        if asked:
            outputs = self._llm.generate(
                [{"prompt_token_ids": encoded[i]} for i in asked],
                [params[i] for i in asked],
                use_tqdm=False,
                lora_request=self._adapter,
            )
            for i, output in zip(asked, outputs, strict=True):
                [drawn] = output.outputs
                ids = tuple(drawn.token_ids)
                known = sampling.temperature in (0.0, 1.0)
                log_probs = (
                    tuple(float(row[token].logprob) for token, row in zip(ids, drawn.logprobs, strict=True)) if known else ()
                )
                completions[i] = Completion(texts.decode_reply(ids), ids, log_probs)
        return completions

    def _params(self, sampling: Sampling, seed: int) -> Any:
        try:
            return self._vllm.SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k or -1,
                max_tokens=sampling.max_new_tokens or self._texts.max_new_tokens,
                seed=seed,
                logprobs=0,  # that of the drawn token alone
                stop_token_ids=self._texts.encode_reply("")[-1:],  # vLLM adds those that the model's files name
                detokenize=False,
            )
        except ValueError as error:
            raise UsageError(f"vLLM does not draw with {sampling}: {first_words(error)}.") from error


def import_vllm() -> tuple[Any, Any]:
    """The package vllm and its module of LoRA requests."""
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # it would tell its makers what runs here
    try:
        return importlib.import_module("vllm"), importlib.import_module("vllm.lora.request")
    except ImportError as error:
        raise UsageError(
            f'The policy needs vLLM, which cannot be imported ({error}). Install it: pip install "vispro-gym[vllm]"'
        ) from error


def _rank(adapter: str | Path) -> int:
    """The rank of the adapter in a folder.

    Raises:
        UsageError: If there is none.
    """
    path = Path(adapter) / "adapter_config.json"
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{adapter} holds no adapter ({error}). Expected a folder with what PEFT saves.") from error
