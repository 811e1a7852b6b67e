"""The policy on vLLM: what it says where vLLM is missing, and its calls against a stand-in (see `vllm_stand_in`)."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.agents.policies import vllm_stand_in
from vispro_agents.errors import UsageError
from vispro_agents.policies import load_policy
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy, completion_log_probs
from vispro_agents.policies.tiny import create_tiny
from vispro_agents.policies.transformers import ModelArgs, load_model
from vispro_agents.policies.vllm import VLLMPolicy

PROGRAM = (
    "def execute_command(image):\n    image_patch = ImagePatch(image)\n"
    '    cups = image_patch.find("cup")\n    return bool_to_yesno(len(cups) > 0)\n'
)
PROMPTS = [Prompt(str(number), query) for number, query in enumerate(["Is there a cup?", "Is it?", "What is the cup on?"])]


def shake(model: Any, seed: int, adapter: bool = False) -> None:
    """Random weights, scaled up: those of an untrained model make it repeat one token, which would test little."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if adapter and "lora_B" in name:
                weight.normal_(0.0, 1.0, generator=generator)
            elif not adapter and "norm" not in name:
                weight.mul_(15.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    policy = create_tiny([prompt.query for prompt in PROMPTS] * 4, [PROGRAM] * 4, seed=0, hidden_size=32, num_layers=2)
    shake(policy.model, 0)
    path = tmp_path_factory.mktemp("base")
    policy.save(path)
    (path / "policy.json").unlink()  # a plain model
    return str(path)


@pytest.fixture(scope="module")
def adapters(base: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two adapters of rank 4, as an Improve step saves them."""
    paths = []
    for seed in (1, 2):
        policy = load_model(ModelArgs(base, prompt="comment", lora_rank=4, lora_targets="q_proj,v_proj", device="cpu"))
        policy.max_new_tokens = 30
        shake(policy.model, seed, adapter=True)
        paths.append(str(tmp_path_factory.mktemp("adapter")))
        policy.save(Path(paths[-1]))
    return paths


@pytest.fixture
def make(base: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., VLLMPolicy]:
    for name, module in vllm_stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "")  # so that it is put back
    monkeypatch.delenv("VLLM_NO_USAGE_STATS")

    def make(adapter: str | None = None, **options: Any) -> VLLMPolicy:
        return VLLMPolicy(base, adapter, **({"prompt": "comment", "max_new_tokens": 30} | options))

    return make


def with_transformers(path: str) -> LanguageModelPolicy:
    policy = LanguageModelPolicy.load(Path(path), device="cpu")
    policy.style, policy.max_new_tokens = "comment", 30
    return policy


@pytest.mark.parametrize("ask", [lambda base: VLLMPolicy(base), lambda base: load_policy(f"vllm(model={base!r})", None)])
def test_a_missing_package_is_named(base: str, ask: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)  # as if it were not installed
    with pytest.raises(UsageError, match=re.escape('pip install "vispro-gym[vllm]"')):
        ask(base)


def test_the_engine_is_made_as_told(make) -> None:
    policy = make(gpu_memory_utilization=0.4, max_model_len=200, lora_rank=9, seed=5)
    assert policy._llm.options == {
        "enable_lora": True,
        "max_lora_rank": 16,  # the smallest that vLLM knows and that suffices
        "enable_prefix_caching": True,
        "logprobs_mode": "raw_logprobs",
        "max_model_len": 200,
        "gpu_memory_utilization": 0.4,
        "seed": 5,
    }
    assert "enable_lora" not in make()._llm.options
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"


def test_greedy_replies_are_those_of_transformers(make, base: str) -> None:
    expected = with_transformers(base).complete(PROMPTS, Sampling(), 0)
    assert len({completion.text for completion in expected}) == 3
    completions = make().complete(PROMPTS, Sampling(), 0)
    for mine, theirs in zip(completions, expected, strict=True):
        assert (mine.text, mine.token_ids) == (theirs.text, theirs.token_ids)
        # The stand-in computes all tokens again for each new one; with weights as wide as these that is not the same to 1e-4.
        assert mine.log_probs == pytest.approx(theirs.log_probs, abs=1e-3)
    assert make().propose(PROMPTS) == [completion.text for completion in expected]


def test_sampling_options_are_passed_on(make) -> None:
    policy = make()
    policy.complete(PROMPTS[:1], Sampling(0.7, 0.9, 40, 12), 0)
    policy.complete(PROMPTS[:1], Sampling(), 0)
    [first], [second] = ([params] for _, [params], _ in policy._llm.calls)
    assert (first.temperature, first.top_p, first.top_k, first.max_tokens) == (0.7, 0.9, 40, 12)
    assert (second.temperature, second.top_p, second.top_k, second.max_tokens) == (0.0, 1.0, -1, 30)
    assert first.logprobs == second.logprobs == 0


def test_draws_follow_the_seed_and_a_repeated_prompt_is_drawn_anew(make) -> None:
    prompts, sampling = [PROMPTS[0]] * 4, Sampling(1.0)
    first = make().complete(prompts, sampling, 3)
    assert len(set(first)) == 4
    assert make(seed=8).complete(prompts, sampling, 3) == first
    assert make().complete(prompts[:2], sampling, 3) == first[:2]
    assert not set(make().complete(prompts, sampling, 4)) & set(first)


def test_log_probabilities_are_told_where_they_are_right(make, base: str) -> None:
    policy, judge = make(), with_transformers(base)
    drawn = policy.complete(PROMPTS, Sampling(1.0, top_p=0.9), 3)
    ids = [list(completion.token_ids) for completion in drawn]
    log_probs, mask = completion_log_probs(judge.model, judge.encode(PROMPTS, "comment"), ids, pad_token_id=0)
    for row, (completion, told) in enumerate(zip(drawn, log_probs.tolist(), strict=True)):
        assert completion.log_probs == pytest.approx(told[: int(mask[row].sum())], abs=1e-4)
    for completion in policy.complete(PROMPTS, Sampling(0.7), 3):
        assert completion.token_ids and not completion.log_probs


def test_adapters_take_turns(make, base: str, adapters: list[str]) -> None:
    expected = [with_transformers(path).propose(PROMPTS) for path in (*adapters, base)]
    assert len({tuple(replies) for replies in expected}) == 3
    policy = make(adapters[0])
    replies = [policy.propose(PROMPTS)]
    policy.use_adapter(adapters[1])
    replies.append(policy.propose(PROMPTS))
    policy.use_adapter(None)
    replies.append(policy.propose(PROMPTS))
    assert replies == expected
    # An Improve step may save to the same folder again: weights are read anew.
    trained = LanguageModelPolicy.load(Path(adapters[1]), device="cpu")
    trained.save(Path(adapters[0]))
    policy.use_adapter(adapters[0])
    assert policy.propose(PROMPTS) == expected[1]
    requests = [request for _, _, request in policy._llm.calls if request]
    assert len({request.lora_int_id for request in requests}) == len({request.lora_name for request in requests}) == 3


def test_an_adapter_says_how_prompts_are_written(make, adapters: list[str]) -> None:
    policy = make(adapters[0], prompt="auto", max_new_tokens=0)
    assert policy.propose(PROMPTS) == with_transformers(adapters[0]).propose(PROMPTS)
    assert policy.name == Path(adapters[0]).name
    assert make(adapters[0], prompt="short")._texts.style == "short"
    assert make(prompt="auto", max_new_tokens=0)._texts.style == "full"


def test_a_prompt_that_is_too_long_is_empty_and_told(make, caplog) -> None:
    policy = make(max_model_len=60)
    prompts = [PROMPTS[0], replace(PROMPTS[1], query="cup " * 90), PROMPTS[2]]
    with caplog.at_level(logging.WARNING):
        completions = policy.complete(prompts, Sampling(), 0)
    assert [bool(completion.token_ids) for completion in completions] == [True, False, True]
    assert re.search(r"1 of 3 prompts have more than the 59 tokens that .* can read", caplog.text)
    assert [completion.text for completion in policy.complete(prompts[1:2], Sampling(), 0)] == [""]


def test_no_prompts_no_replies(make) -> None:
    assert make().complete([], Sampling(), 0) == []


def test_what_makes_no_sense_is_told(make, base: str, adapters: list[str], tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="holds no adapter"):
        make(str(tmp_path))
    with pytest.raises(UsageError, match=r"rank 4, and vLLM has room for 0. Set lora_rank=4"):
        make().use_adapter(adapters[0])
    with pytest.raises(UsageError, match="up to 512, not 513"):
        make(lora_rank=513)
    with pytest.raises(UsageError, match=r"does not draw with .*temperature must be in \[0, 2\]"):
        make().complete(PROMPTS, Sampling(3.0), 0)
    (tmp_path / "adapter_config.json").write_text('{"r": 4}')
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(UsageError, match=r"policy\.json is damaged"):
        make(str(tmp_path))

    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("No CUDA GPUs are available\nat line 3")

    monkeypatch.setattr(sys.modules["vllm"], "LLM", fail)
    with pytest.raises(UsageError, match=r"vLLM cannot run .* here: No CUDA GPUs are available at line 3\. "):
        make()
