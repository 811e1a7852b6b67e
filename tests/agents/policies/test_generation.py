"""Decoding: what is drawn is what the model says, whatever the batch, and its log-probabilities can be computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from tests.agents.policies.models import KINDS
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Sampling
from vispro_agents.policies.generation import Drawn, completion_log_probs, draw, generate
from vispro_agents.policies.language_model import quiet
from vispro_agents.policies.prefix import SharedPrefix

Model = Callable[..., Path]
LENGTHS = (5, 1, 40, 17, 40, 2)
PREFIX = 50


@pytest.fixture(scope="module")
def network(model: Model) -> Callable[[str], Any]:
    loaded: dict[str, Any] = {}

    def get(kind: str) -> Any:
        if kind not in loaded:
            with quiet():
                loaded[kind] = AutoModelForCausalLM.from_pretrained(model(kind)).eval()
        return loaded[kind]

    return get


def prompts_of(vocabulary: int, prefix: int = PREFIX, lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    """Random prompts of very different lengths that begin alike. The end tokens of all kinds are below 3."""
    rng = np.random.default_rng(0)
    shared = rng.integers(3, vocabulary, prefix).tolist()
    return [[*shared, *rng.integers(3, vocabulary, length).tolist()] for length in lengths]


def run(network: Any, prompts: list[list[int]], sampling: Sampling = Sampling(), **options: Any) -> list[Drawn]:  # noqa: B008
    usual = {"max_new_tokens": 16, "seed": 0, "end_ids": {0, 2}, "pad_id": 1, "batch_size": 4}
    return generate(network, prompts, sampling=sampling, **(usual | options))


def step_by_step(network: Any, prompt: list[int], tokens: tuple[int, ...], temperature: float) -> list[float]:
    """Log-probabilities by the definition: one row without padding, cache or kept logits."""
    ids = torch.tensor([[*prompt, *tokens]])
    logits = network(ids).logits[0, len(prompt) - 1 : -1].double()
    table = (logits / temperature).log_softmax(-1)
    return [float(table[place, token]) for place, token in enumerate(tokens)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix_caching", [True, False])
def test_log_probs_are_those_of_the_model_and_can_be_computed_again(
    network: Callable[[str], Any], kind: str, prefix_caching: bool
) -> None:
    model = network(kind)
    prompts = prompts_of(model.config.vocab_size)
    drawn = run(model, prompts, Sampling(temperature=0.7, top_p=0.95), prefix_caching=prefix_caching, seed=3)
    completions = [row.token_ids for row in drawn]
    assert len(set(completions)) == len(completions)
    log_probs, mask = completion_log_probs(model, prompts, completions, temperature=0.7, pad_token_id=1)
    assert log_probs.shape == mask.shape == (len(prompts), max(map(len, completions)))
    for index, row in enumerate(drawn):
        again = log_probs[index, mask[index]].detach()
        with torch.no_grad():
            expected = step_by_step(model, prompts[index], row.token_ids, 0.7)
        assert row.log_probs == pytest.approx(expected, abs=1e-4)
        assert again.tolist() == pytest.approx(expected, abs=1e-4)
        assert not log_probs[index, ~mask[index]].any()


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_is_that_of_transformers(network: Callable[[str], Any], kind: str) -> None:
    model = network(kind)
    prompts = prompts_of(model.config.vocab_size)
    drawn = run(model, prompts)
    for prompt, row in zip(prompts, drawn, strict=True):
        ids = torch.tensor([prompt])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=16, eos_token_id=[0, 2], pad_token_id=1
        )
        assert row.token_ids == tuple(output[0, len(prompt) :].tolist())
        with torch.no_grad():
            assert row.log_probs == pytest.approx(step_by_step(model, prompt, row.token_ids, 1.0), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_neighbours_and_prefix_caching_change_nothing(network: Callable[[str], Any], kind: str) -> None:
    model = network(kind)
    prompts = prompts_of(model.config.vocab_size)
    sampling = Sampling(temperature=1.0, top_p=0.9, top_k=50)

    def drawn(rows: list[list[int]] = prompts, **options: Any) -> list[tuple[int, ...]]:
        return [row.token_ids for row in run(model, rows, sampling, max_new_tokens=10, **options)]

    usual = drawn()
    assert drawn(batch_size=1) == drawn(batch_size=100) == drawn(prefix_caching=False) == usual
    # The place of a row in the call is part of the draw, what stands beside it is not.
    others = [list(reversed(prompt)) for prompt in prompts]
    assert drawn([*others[:3], prompts[3]])[3] == usual[3]
    assert drawn(seed=1) != usual


def test_what_prompts_begin_with_is_computed_once(network: Callable[[str], Any]) -> None:
    model = network("llama")
    prompts = prompts_of(model.config.vocab_size)
    read: list[int] = []
    hook = model.register_forward_pre_hook(lambda _, args, options: read.append(options["input_ids"].numel()), with_kwargs=True)
    try:
        run(model, prompts, max_new_tokens=1, batch_size=100)
        assert read == [PREFIX, 1, len(prompts) * max(LENGTHS)]  # the 1: a token that is computed in both ways, and compared
        read.clear()
        run(model, prompts, max_new_tokens=1, batch_size=100, prefix_caching=False)
        assert read == [len(prompts) * (PREFIX + max(LENGTHS))]
        read.clear()
        run(model, [prompts[0], prompts[0]], max_new_tokens=1)  # at least one token is left for each row
        assert read == [PREFIX + LENGTHS[0] - 1, 1, 2]
        read.clear()
        run(model, prompts[:1], max_new_tokens=1)
        assert read == [PREFIX + LENGTHS[0]]
    finally:
        hook.remove()


@pytest.mark.parametrize(
    ("kind", "shared"), [("llama", True), ("qwen2", True), ("qwen3", True), ("gpt2", True), ("gemma3", False)]
)
def test_which_models_share_what_prompts_begin_with(network: Callable[[str], Any], kind: str, shared: bool) -> None:
    model = network(kind)
    with torch.no_grad():
        assert (SharedPrefix.compute(model, prompts_of(model.config.vocab_size)) is not None) == shared
    assert model.config._attn_implementation == "sdpa"


def test_attention_of_an_unknown_kind_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 8}
    config = Gemma2Config(
        vocab_size=30, num_key_value_heads=2, initializer_range=1.0, layer_types=["full_attention"] * 2,
        attn_logit_softcapping=2.0, **sizes,
    )  # fmt: skip
    model = Gemma2ForCausalLM(config).eval()
    before = model.config._attn_implementation
    prompts = prompts_of(30)
    with torch.no_grad():
        assert SharedPrefix.compute(model, prompts) is None  # by name
        monkeypatch.setattr("vispro_agents.policies.prefix._UNKNOWN", ())
        assert SharedPrefix.compute(model, prompts) is None  # by comparing
    assert model.config._attn_implementation == before


def test_rows_that_have_ended_are_not_computed_further(network: Callable[[str], Any]) -> None:
    model = network("llama")
    prompts = prompts_of(model.config.vocab_size)
    free = run(model, prompts, batch_size=100)
    ends = {free[0].token_ids[2], free[3].token_ids[5]}
    read: list[int] = []
    hook = model.register_forward_pre_hook(lambda _, args, options: read.append(len(options["input_ids"])), with_kwargs=True)
    try:
        drawn = run(model, prompts, end_ids=ends, batch_size=100, prefix_caching=False)
    finally:
        hook.remove()
    for row, before in zip(drawn, free, strict=True):
        length = next((place + 1 for place, token in enumerate(before.token_ids) if token in ends), 16)
        assert row.token_ids == before.token_ids[:length]
    assert len({len(row.token_ids) for row in drawn}) > 2
    assert read == [sum(len(row.token_ids) > step for row in drawn) for step in range(max(len(row.token_ids) for row in drawn))]


def test_frequencies_are_the_probabilities_of_the_model() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=6, initializer_range=1.0, bos_token_id=None, eos_token_id=0, **sizes)).eval()
    drawn = run(model, [[1, 2]] * 4000, Sampling(temperature=1.3), max_new_tokens=2, end_ids={0}, batch_size=1000)
    with torch.no_grad():
        first = (model(torch.tensor([[1, 2]])).logits[0, -1] / 1.3).softmax(-1)
        expected: dict[tuple[int, ...], float] = {(0,): float(first[0])}
        for token in range(1, 6):
            second = (model(torch.tensor([[1, 2, token]])).logits[0, -1] / 1.3).softmax(-1)
            expected |= {(token, then): float(first[token] * second[then]) for then in range(6)}
    seen = Counter(row.token_ids for row in drawn)
    assert seen.keys() <= expected.keys()
    common = [tokens for tokens, share in expected.items() if share * 4000 > 5]
    assert len(common) > 10
    counts, shares = [seen[tokens] for tokens in common], [4000 * expected[tokens] for tokens in common]
    rest = 4000 - sum(counts), 4000 - sum(shares)
    assert chisquare([*counts, rest[0]], [*shares, rest[1]], sum_check=False).pvalue > 0.01


def truncated(logits: list[float], sampling: Sampling) -> dict[int, float]:
    """Top-k, then top-p of what is left, by their definitions: the probabilities of the tokens that can be drawn."""
    weights = np.exp((np.array(logits) - max(logits)) / sampling.temperature)
    ranked = sorted(range(len(logits)), key=lambda token: -weights[token])
    ranked = ranked[: sampling.top_k or None]
    total = sum(weights[token] for token in ranked)
    kept: list[int] = []
    for token in ranked:
        if sum(weights[other] for other in kept) / total >= sampling.top_p - 1e-9:
            break
        kept.append(token)
    mass = sum(weights[token] for token in kept)
    return {token: weights[token] / mass for token in kept}


@settings(max_examples=40)
@given(
    st.lists(st.integers(-400, 400), min_size=2, max_size=12, unique=True),
    st.builds(
        Sampling,
        temperature=st.sampled_from([0.5, 1.0, 2.0]),
        top_p=st.sampled_from([0.05, 0.3, 0.5003, 0.77, 0.9, 1.0]),
        top_k=st.integers(0, 13),
    ),
)
def test_top_p_and_top_k_leave_what_they_should(scores: list[int], sampling: Sampling) -> None:
    logits = [score / 100 for score in scores]
    number = 2000
    uniforms = (torch.arange(number) + 0.5) / number  # evenly spread: each token comes its share of times, but for the ends
    chosen, log_probs = draw(torch.tensor([logits]).expand(number, -1), sampling, uniforms)
    expected = truncated(logits, sampling)
    seen = Counter(chosen.tolist())
    assert set(seen) <= set(expected)
    for token, share in expected.items():
        assert seen[token] == pytest.approx(number * share, abs=1.5)
    whole = (torch.tensor(logits) / sampling.temperature).log_softmax(-1)
    assert log_probs.tolist() == pytest.approx([float(whole[token]) for token in chosen.tolist()], abs=1e-5)


def test_no_token_of_probability_zero_is_drawn() -> None:
    logits = torch.tensor([[-float("inf"), 0.0, -float("inf"), 1.0, -float("inf")]])
    for point in (0.0, 1 - 2**-24):
        chosen, _ = draw(logits, Sampling(temperature=1.0), torch.tensor([point]))
        assert chosen.item() == (1 if point == 0.0 else 3)


def test_neither_the_global_random_state_nor_the_mode_of_the_model_changes(network: Callable[[str], Any]) -> None:
    model = network("llama")
    torch.manual_seed(5)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    model.train()
    run(model, prompts_of(model.config.vocab_size), Sampling(temperature=1.0))
    assert model.training
    model.eval()
    assert torch.get_rng_state().equal(state)
    assert (np.random.get_state()[1] == numpy_state).all()


def test_log_probs_have_the_gradient_of_their_sum(network: Callable[[str], Any]) -> None:
    model = network("qwen2")
    prompts, completions = prompts_of(model.config.vocab_size, 3, (4, 1, 9)), [[5, 6, 7], [8], []]
    weight = model.model.layers[0].self_attn.q_proj.weight
    log_probs, mask = completion_log_probs(model, prompts, completions, pad_token_id=1)
    assert mask.tolist() == [[True] * 3, [True, False, False], [False] * 3]
    log_probs.sum().backward()
    mine = weight.grad.clone()
    model.zero_grad()
    for prompt, completion in zip(prompts[:2], completions[:2], strict=True):
        table = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        table[torch.arange(len(completion)), torch.tensor(completion)].sum().backward()
    torch.testing.assert_close(mine, weight.grad, atol=1e-4, rtol=1e-4)
    model.zero_grad()


def test_replies_end_where_positions_do(model: Model) -> None:
    with quiet():
        short = AutoModelForCausalLM.from_pretrained(model("gpt2"), n_positions=64, ignore_mismatched_sizes=True).eval()
    prompts = prompts_of(short.config.vocab_size, 40, (5, 20, 23))
    drawn = run(short, prompts, end_ids=set(), max_new_tokens=30, batch_size=2)
    assert [len(row.token_ids) for row in drawn] == [19, 4, 1]
    with pytest.raises(UsageError, match=r"A prompt has 64 tokens, .* 64 .* Choose a shorter style"):
        run(short, [*prompts, [1] * 64])


@pytest.mark.parametrize(
    "sampling", [Sampling(-0.1), Sampling(1.0, top_p=0.0), Sampling(1.0, top_p=1.5), Sampling(1.0, top_k=-1)]
)
def test_impossible_sampling_is_refused(network: Callable[[str], Any], sampling: Sampling) -> None:
    with pytest.raises(UsageError, match="Expected a temperature of 0 or more"):
        run(network("llama"), [[1]], sampling)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_weights_that_are_no_numbers_are_told(model: Model, temperature: float) -> None:
    with quiet():
        diverged = AutoModelForCausalLM.from_pretrained(model("llama"))
    with torch.no_grad():
        diverged.lm_head.weight.fill_(float("nan"))
    with pytest.raises(UsageError, match="probabilities are not numbers: its training diverged"):
        run(diverged, [[5, 6], [7]], Sampling(temperature))


@pytest.mark.parametrize(("prompts", "completions"), [([], []), ([[1]], []), ([[1], []], [[1], [2]])])
def test_rows_that_do_not_match_are_refused(
    network: Callable[[str], Any], prompts: list[list[int]], completions: list[list[int]]
) -> None:
    with pytest.raises(ValueError, match="Expected as many completions as prompts"):
        completion_log_probs(network("llama"), prompts, completions, pad_token_id=1)


def test_no_prompts_nothing_drawn(network: Callable[[str], Any]) -> None:
    assert run(network("llama"), []) == []
