"""Gradient steps: on programs only, and the same however rows are batched."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.agents.policies import models
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.tiny import create_tiny
from vispro_agents.training import Optimizer, OptimizerArgs, TrainingRow, batch_loss, clone, encode_rows, training_mode

QUERIES = ["Is there a cup?", "What color is the very large old book?", "How many dogs?"]
PROGRAMS = [
    "def execute_command(image):\n    return 'yes'\n",
    "def execute_command(image):\n    return ImagePatch(image).find('book')[0].simple_query('What color is this?')\n",
    "def execute_command(image):\n    return len(ImagePatch(image).find('dog'))\n",
]
PAIRS = [(Prompt("", query), program) for query, program in zip(QUERIES, PROGRAMS, strict=True)]


@pytest.fixture
def policy() -> LanguageModelPolicy:
    return create_tiny(QUERIES, PROGRAMS, seed=0, hidden_size=32, num_layers=2)


def gradients(policy: LanguageModelPolicy) -> list[torch.Tensor]:
    return [weight.grad.clone() for weight in policy.model.parameters() if weight.grad is not None]


def test_loss_falls_on_no_token_of_the_prompt(policy: LanguageModelPolicy) -> None:
    rows = encode_rows(policy, PAIRS)
    kept = []

    def keep(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    handle = policy.model.get_output_embeddings().register_forward_hook(keep)
    batch_loss(policy.model, rows, 1.0, 1.0, policy.tokenizer.pad_token_id).backward()
    handle.remove()
    (logits,) = kept
    assert logits.grad is not None
    used = logits.grad.abs().sum(-1) > 0  # [B, T]: logits that the loss depends on
    assert used.sum(-1).tolist() == [len(row.completion_ids) for row in rows]


def test_another_prompt_token_changes_nothing_but_the_condition(policy: LanguageModelPolicy) -> None:
    """The loss is the completion's alone: that of a row equals the sum of log-probabilities computed token by token."""
    rows = encode_rows(policy, PAIRS)
    loss = batch_loss(policy.model, rows, 1.0, 0.7, policy.tokenizer.pad_token_id).item()
    total = 0.0
    with torch.no_grad():
        for row in rows:
            ids = torch.tensor([[*row.prompt_ids, *row.completion_ids]])
            scores = (policy.model(input_ids=ids).logits[0] / 0.7).log_softmax(-1)
            for place in range(len(row.prompt_ids), ids.shape[1]):
                total -= scores[place - 1, ids[0, place]].item()
    assert loss == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("micro_batch_size", [1, 2, 7])
def test_accumulated_gradients_are_those_of_one_batch(policy: LanguageModelPolicy, micro_batch_size: int) -> None:
    rows = [
        TrainingRow(row.prompt_ids, row.completion_ids, weight)
        for row in encode_rows(policy, PAIRS)
        for weight in (1.0, -0.5, 0.0)
    ]
    batch_loss(policy.model, rows, 9.0, 1.0, policy.tokenizer.pad_token_id).backward()
    expected = gradients(policy)
    policy.model.zero_grad()
    # A learning rate of 0 and no optimizer of its own: only the gradients are looked at.
    seen = []
    optimizer = Optimizer(policy, OptimizerArgs(micro_batch_size=micro_batch_size, max_grad_norm=1e9, weight_decay=0.0), 0.0)
    inner = optimizer._optimizers[0].optimizer
    inner.register_step_pre_hook(lambda *_: seen.append(gradients(policy)))
    optimizer.step(rows, 9.0)
    assert len(seen) == 1
    for a, b in zip(seen[0], expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_rows_of_no_weight_cost_nothing(policy: LanguageModelPolicy) -> None:
    before = [weight.clone() for weight in policy.model.parameters()]
    rows = [TrainingRow(row.prompt_ids, row.completion_ids, 0.0) for row in encode_rows(policy, PAIRS)]
    assert Optimizer(policy, OptimizerArgs(), 1.0).step(rows, 3.0) == 0.0
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


def test_cloning_teaches_the_programs(policy: LanguageModelPolicy) -> None:
    rows = encode_rows(policy, PAIRS)
    steps: list[tuple[int, int]] = []
    args = OptimizerArgs(batch_size=2)
    clone(policy, rows, args, epochs=100, learning_rate=1e-2, seed=0, on_step=lambda *step: steps.append(step))
    assert steps == [(number, 200) for number in range(1, 201)]
    assert policy.propose([prompt for prompt, _ in PAIRS]) == PROGRAMS
    assert not policy.model.training


def test_muon_takes_the_matrices_inside_and_adamw_the_rest(policy: LanguageModelPolicy) -> None:
    before = {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}
    optimizer = Optimizer(policy, OptimizerArgs(optimizer="muon", weight_decay=0.0), 1e-2)
    optimizer.step(encode_rows(policy, PAIRS), 3.0)
    for name, weight in policy.model.named_parameters():
        change = weight.detach() - before[name]
        if weight.ndim == 2 and "embed" not in name:
            # An orthogonal matrix whose entries are as large as those of a step of Adam: 0.2 * learning rate in the mean square.
            values = torch.linalg.svdvals(change)
            assert values.median() > 0.6 * values.max(), name  # Newton-Schulz is stopped early
            assert change.square().mean().sqrt().item() == pytest.approx(2e-3, rel=0.3)
        else:  # the first step of Adam is a sign
            assert torch.allclose(change[change.abs() > 1e-6].abs(), torch.tensor(1e-2), rtol=0.05), name


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_the_state_of_the_optimizer_carries_on(policy: LanguageModelPolicy, name: str) -> None:
    args = OptimizerArgs(optimizer=name)  # type: ignore[arg-type]
    rows = encode_rows(policy, PAIRS)
    optimizer = Optimizer(policy, args, 1e-2)
    optimizer.step(rows, 3.0)
    weights, state = copy.deepcopy(policy.model.state_dict()), copy.deepcopy(optimizer.state_dict())
    optimizer.step(rows, 3.0)
    expected = copy.deepcopy(policy.model.state_dict())
    policy.model.load_state_dict(weights)
    resumed = Optimizer(policy, args, 1e-2)
    resumed.load_state_dict(state)
    resumed.step(rows, 3.0)
    assert all(torch.equal(weight, expected[key]) for key, weight in policy.model.state_dict().items())


def test_the_result_is_a_function_of_the_seed(policy: LanguageModelPolicy) -> None:
    rows = encode_rows(policy, PAIRS)
    results = []
    for seed in (1, 1, 2):
        fresh = create_tiny(QUERIES, PROGRAMS, seed=0, hidden_size=32, num_layers=2)
        torch.manual_seed(random.randrange(1000))
        state = torch.get_rng_state()
        clone(fresh, rows, OptimizerArgs(batch_size=1), epochs=2, learning_rate=1e-3, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        results.append(torch.cat([weight.flatten() for weight in fresh.model.parameters()]))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_single_step_trains(policy: LanguageModelPolicy) -> None:
    before = [weight.clone() for weight in policy.model.parameters()]
    clone(policy, encode_rows(policy, PAIRS), OptimizerArgs(batch_size=3), epochs=1, learning_rate=1e-3, seed=0)
    assert not any(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"micro_batch_size": 0}, {"max_grad_norm": 0.0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected numbers above 0"):
        OptimizerArgs(**wrong)


def test_nothing_to_train_on_is_an_error(policy: LanguageModelPolicy) -> None:
    with pytest.raises(ValueError, match="at least one program"):
        clone(policy, [], OptimizerArgs(), epochs=1, learning_rate=1e-3, seed=0)


def test_what_is_trained_is_what_is_sampled(policy: LanguageModelPolicy) -> None:
    """A reply that was drawn and ended by itself, encoded as text for training, gives the tokens that were drawn."""
    clone(policy, encode_rows(policy, PAIRS), OptimizerArgs(batch_size=3), epochs=150, learning_rate=1e-2, seed=0)
    prompts = [prompt for prompt, _ in PAIRS] * 10
    drawn = policy.complete(prompts, Sampling(temperature=0.3), seed=1)
    same = [policy.encode_reply(completion.text) == list(completion.token_ids) for completion in drawn]
    assert sum(same) >= 27  # a model may spell a word in other tokens than the tokenizer would


@pytest.mark.parametrize("checkpointing", [False, True])
def test_dropout_can_be_left_out(tmp_path: Path, checkpointing: bool) -> None:
    """GPT-2 drops attention by a function, not by a module."""
    policy = LanguageModelPolicy.load(models.write("gpt2", tmp_path / "gpt2"))
    assert policy.model.config.attn_pdrop > 0
    if checkpointing:
        policy.model.activation_checkpointing_enable()
    rows = encode_rows(policy, PAIRS[:1])

    def loss(seed: int, dropout: bool) -> float:
        with training_mode(policy, seed, dropout=dropout):
            return batch_loss(policy.model, rows, 1.0, 1.0, policy.tokenizer.pad_token_id).item()

    assert loss(1, True) != loss(2, True)
    assert loss(1, False) == loss(2, False) == batch_loss(policy.model, rows, 1.0, 1.0, policy.tokenizer.pad_token_id).item()
