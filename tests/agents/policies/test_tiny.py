"""The small language model: its vocabulary, its sampling, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.policies import Prompt
from vispro_agents.policies.tiny import SamplingPolicy, TinyPolicy, format_prompt

PROGRAM = (
    "def execute_command(image):\n    image_patch = ImagePatch(image)\n"
    '    cups = image_patch.find("cup")\n    return bool_to_yesno(len(cups) > 0)\n'
)
PROMPTS = [Prompt(str(number), query) for number, query in enumerate(["Is there a cup?", "Is it?", "What is the cup on?"])]


@pytest.fixture(scope="module")
def policy() -> TinyPolicy:
    """Random weights, scaled up: those of an untrained model make it repeat one token, which would test little."""
    policy = TinyPolicy.create([prompt.query for prompt in PROMPTS] * 4, [PROGRAM] * 4, seed=0, hidden_size=32, num_layers=2)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "norm" not in name:
                weight.mul_(15.0)
    return policy


def test_the_default_size_is_about_two_million() -> None:
    assert 1.5e6 < TinyPolicy.create([], [PROGRAM], seed=0).num_parameters < 2.5e6


# Lone surrogates cannot be encoded, and no model reads them; everything else must survive.
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_survives_the_vocabulary(policy: TinyPolicy, text: str) -> None:
    ids = policy.tokenizer(text)["input_ids"]
    assert policy.tokenizer.decode(ids) == text


def test_a_noun_is_one_token_wherever_it_stands(policy: TinyPolicy) -> None:
    [cup] = policy.tokenizer("cup")["input_ids"]
    assert policy.tokenizer("Is there a cup?")["input_ids"].count(cup) == 1
    assert policy.tokenizer(PROGRAM)["input_ids"].count(cup) == 3


def test_the_prompt_is_one_line() -> None:
    assert format_prompt("Is  there\na cup? ") == "# Is there a cup?\n"


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (
        TinyPolicy.create([], [PROGRAM], seed=seed, hidden_size=32, num_layers=1).model.state_dict() for seed in (0, 0, 1)
    )
    assert all(first[name].equal(again[name]) for name in first)
    assert not all(first[name].equal(other[name]) for name in first)


def test_programs_are_cut_a_quarter_beyond_the_longest_example(policy: TinyPolicy) -> None:
    length = len(policy.tokenizer(PROGRAM)["input_ids"])
    assert policy.model.generation_config.max_new_tokens == length * 5 // 4 + 1
    # An untrained model never ends its text by itself here, so the cut is what ends it.
    tokens = policy._continue([format_prompt("Is it?")], 0.0, None)
    assert len(tokens[0]) == length * 5 // 4 + 1


def test_a_lone_surrogate_in_a_query_is_no_error(policy: TinyPolicy) -> None:
    assert len(policy.propose([Prompt("1", "Is there a \ud800 cup?")])) == 1


def test_greedy_programs_do_not_depend_on_the_batch(policy: TinyPolicy) -> None:
    queries = [prompt.query for prompt in PROMPTS]
    together = policy.generate(queries)
    alone = [policy.generate([query])[0] for query in queries]
    assert together == alone == policy.generate(queries, batch_size=2)
    assert len(set(together)) == 3


def test_greedy_programs_are_those_of_transformers(policy: TinyPolicy) -> None:
    [mine] = policy.generate(["Is there a cup?"])
    encoded = policy.tokenizer(format_prompt("Is there a cup?"), return_tensors="pt")
    output = policy.model.generate(**encoded, do_sample=False)
    theirs = policy.tokenizer.decode(output[0, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
    assert mine == theirs != ""


def test_sampling_follows_its_own_seed_and_leaves_the_global_one_alone(policy: TinyPolicy) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = SamplingPolicy(policy, temperature=1.0, seed=0)
    drawn = [first.propose(PROMPTS), first.propose(PROMPTS)]
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(6)
    again = SamplingPolicy(policy, temperature=1.0, seed=0)
    assert [again.propose(PROMPTS), again.propose(PROMPTS)] == drawn
    assert drawn[0] != drawn[1]
    assert SamplingPolicy(policy, temperature=1.0, seed=1).propose(PROMPTS) != drawn[0]


def test_no_prompts_no_programs(policy: TinyPolicy) -> None:
    assert policy.propose([]) == []


def test_saved_and_loaded_it_writes_the_same(policy: TinyPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path / "saved")
    loaded = TinyPolicy.load(tmp_path / "saved")
    assert loaded.name == "saved"
    queries = [prompt.query for prompt in PROMPTS]
    assert loaded.generate(queries) == policy.generate(queries)
    with pytest.raises(FileNotFoundError, match="holds no saved policy"):
        TinyPolicy.load(tmp_path)
