"""Fine-tuning: what the loss counts, and that nothing leaks in or out."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

from vispro_agents.policies.tiny import TinyPolicy, format_prompt
from vispro_agents.supervised import fine_tune

PAIRS = [
    ("Is there a cup?", 'def execute_command(image):\n    return ImagePatch(image).find("cup")\n'),
    ("What is it?", "def execute_command(image):\n    return ImagePatch(image).simple_query()\n"),
]


def build() -> TinyPolicy:
    return TinyPolicy.create(
        [query for query, _ in PAIRS] * 4, [program for _, program in PAIRS] * 4, seed=0, hidden_size=32, num_layers=1
    )


def train(policy: TinyPolicy, pairs: list[tuple[str, str]] = PAIRS, seed: int = 0, epochs: int = 3) -> float:
    return fine_tune(policy, pairs, epochs=epochs, learning_rate=1e-2, batch_size=2, seed=seed)


def test_the_loss_counts_the_program_and_its_end_only() -> None:
    policy = build()
    query, program = PAIRS[0]
    prompt = policy.tokenizer(format_prompt(query))["input_ids"]
    completion = [*policy.tokenizer(program)["input_ids"], policy.tokenizer.eos_token_id]
    with torch.no_grad():
        logits = policy.model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(completion)).item()
    loss = fine_tune(policy, [(query, program)], epochs=1, learning_rate=1e-9, batch_size=1, seed=0)
    assert math.isclose(loss, expected, rel_tol=1e-4)


def test_it_learns() -> None:
    policy = build()
    train(policy, epochs=60)
    assert policy.generate([query for query, _ in PAIRS]) == [program for _, program in PAIRS]


def test_the_seed_decides_and_the_global_state_is_left_alone() -> None:
    results = []
    for noise in (1, 2):
        random.seed(noise), np.random.seed(noise), torch.manual_seed(noise)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        policy = build()
        train(policy, PAIRS * 3)
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
        results.append(policy.model.state_dict())
    other = build()
    train(other, PAIRS * 3, seed=1)
    assert all(results[0][name].equal(results[1][name]) for name in results[0])
    assert not all(results[0][name].equal(other.model.state_dict()[name]) for name in results[0])


def test_steps_are_reported() -> None:
    seen: list[tuple[int, int]] = []
    fine_tune(build(), PAIRS * 3, epochs=2, learning_rate=1e-3, batch_size=2, seed=0, on_step=lambda *step: seen.append(step))
    assert seen == [(step, 6) for step in range(1, 7)]


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        train(build(), [])
