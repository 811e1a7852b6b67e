"""A stand-in for the package vllm, which needs a GPU: its signatures and rules, with transformers doing the work.

What is here was read in vLLM's sources (releases 0.10 to 0.26): names and defaults of the arguments that are used, what is refused,
the form of results, and the two keys by which adapters and their kept prefixes are told apart. Log-probabilities are those of
`logprobs_mode="raw_logprobs"`: of the logits as they are, whatever the temperature. It shows that the policy calls what is
there and reads the results right; that vLLM itself does its part, it cannot show.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, get_args

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

MaxLoRARanks = Literal[1, 8, 16, 32, 64, 128, 256, 320, 512]
LogprobsMode = Literal["raw_logits", "raw_logprobs", "processed_logits", "processed_logprobs"]


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str = ""

    def __post_init__(self) -> None:
        if self.lora_int_id < 1:
            raise ValueError(f"id must be > 0, got {self.lora_int_id}")


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop_token_ids: list[int] = field(default_factory=list)
    max_tokens: int | None = 16
    logprobs: int | None = None
    detokenize: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 2.0:
            raise ValueError(f"temperature must be in [0, 2], got {self.temperature}.")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}.")
        if self.top_k < -1:
            raise ValueError(f"top_k must be 0 (disable), or at least 1, got {self.top_k}.")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}.")


class LLM:
    def __init__(
        self,
        model: str,
        *,
        tensor_parallel_size: int = 1,
        dtype: str = "auto",
        quantization: str | None = None,
        seed: int = 0,
        gpu_memory_utilization: float = 0.92,
        enforce_eager: bool = False,
        **kwargs: Any,
    ) -> None:
        engine = {"enable_prefix_caching", "enable_lora", "max_lora_rank", "max_model_len", "logprobs_mode"}
        if unknown := set(kwargs) - engine:
            raise TypeError(f"EngineArgs.__init__() got an unexpected keyword argument {unknown}")
        assert kwargs.get("logprobs_mode", "raw_logprobs") in get_args(LogprobsMode)
        assert kwargs.get("max_lora_rank", 16) in get_args(MaxLoRARanks)
        self.options = kwargs | {"seed": seed, "gpu_memory_utilization": gpu_memory_utilization}
        self.calls: list[tuple[Any, Any, Any]] = []
        self._path = model
        self._base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self._adapters: dict[int, Any] = {}
        self._names: dict[str, int] = {}
        longest = kwargs.get("max_model_len") or self._base.config.max_position_embeddings
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=longest))

    def generate(
        self,
        prompts: list[dict[str, list[int]]],
        sampling_params: SamplingParams | list[SamplingParams] | None = None,
        *,
        use_tqdm: bool = True,
        lora_request: LoRARequest | None = None,
    ) -> list[Any]:
        assert isinstance(sampling_params, list) and len(sampling_params) == len(prompts)
        self.calls.append((prompts, sampling_params, lora_request))
        return [
            SimpleNamespace(
                prompt_token_ids=prompt["prompt_token_ids"],
                outputs=[self._draw(self._model(lora_request), prompt["prompt_token_ids"], params)],
            )
            for prompt, params in zip(prompts, sampling_params, strict=True)
        ]

    def _model(self, request: LoRARequest | None) -> Any:
        if request is None:
            return self._base
        assert self.options.get("enable_lora"), "LoRA is not enabled"
        # Prefixes are kept by name: one name for two adapters would give the later one the keys and values of the earlier.
        assert self._names.setdefault(request.lora_name, request.lora_int_id) == request.lora_int_id
        if request.lora_int_id not in self._adapters:
            base = AutoModelForCausalLM.from_pretrained(self._path, dtype=torch.float32)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what PEFT asks of transformers, which it deprecates
                adapter = PeftModel.from_pretrained(base, request.lora_path).eval()
            rank = adapter.peft_config["default"].r
            if rank > self.options["max_lora_rank"]:
                raise ValueError(f"LoRA rank {rank} is greater than max_lora_rank {self.options['max_lora_rank']}.")
            self._adapters[request.lora_int_id] = adapter
        return self._adapters[request.lora_int_id]

    @torch.no_grad()
    def _draw(self, model: Any, prompt: list[int], params: SamplingParams) -> Any:
        longest = self.llm_engine.model_config.max_model_len
        if len(prompt) > longest:
            raise ValueError(f"The decoder prompt (length {len(prompt)}) is longer than the maximum model length of {longest}.")
        generator = torch.Generator().manual_seed(params.seed)
        ends = {model.config.eos_token_id, *params.stop_token_ids}
        ids, logprobs = list(prompt), []
        while len(logprobs) < params.max_tokens and len(ids) < longest and (not logprobs or ids[-1] not in ends):
            logits = model(torch.tensor([ids])).logits[0, -1]
            if params.temperature:
                chosen = int(torch.multinomial((logits / params.temperature).softmax(-1), 1, generator=generator))
            else:
                chosen = int(logits.argmax())
            ids.append(chosen)
            logprobs.append({chosen: SimpleNamespace(logprob=float(logits.log_softmax(-1)[chosen]), rank=1, decoded_token=None)})
        assert not params.detokenize
        return SimpleNamespace(index=0, text="", token_ids=ids[len(prompt) :], logprobs=logprobs, finish_reason="stop")


def modules() -> dict[str, ModuleType]:
    """What to put into `sys.modules`."""
    package, lora, request = (ModuleType(name) for name in ("vllm", "vllm.lora", "vllm.lora.request"))
    package.LLM, package.SamplingParams, request.LoRARequest = LLM, SamplingParams, LoRARequest  # type: ignore[attr-defined]
    return {module.__name__: module for module in (package, lora, request)}
