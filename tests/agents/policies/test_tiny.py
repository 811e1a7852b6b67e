"""The small language model that is made from scratch: its vocabulary and its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.agents.policies.models import PROGRAM
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.tiny import create_tiny

PROMPTS = [Prompt(str(number), query) for number, query in enumerate(["Is there a cup?", "Is it?", "What is the cup on?"])]


@pytest.fixture(scope="module")
def policy() -> LanguageModelPolicy:
    """Random weights, scaled up: those of an untrained model make it repeat one token, which would test little."""
    policy = create_tiny([prompt.query for prompt in PROMPTS] * 4, [PROGRAM] * 4, seed=0, hidden_size=32, num_layers=2)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "norm" not in name:
                weight.mul_(15.0)
    return policy


@pytest.fixture(scope="module")
def spaced() -> LanguageModelPolicy:
    texts = [" the red cups in the red cup", "x1 = x2.find('red cup')\n x1 = "]
    return create_tiny(texts * 4, texts * 4, seed=0, hidden_size=32, num_layers=1, spaced_words=True)


def test_the_default_size_is_below_a_million() -> None:
    assert 0.5e6 < create_tiny([], [PROGRAM], seed=0).num_parameters < 1e6


# Lone surrogates cannot be encoded, and no model reads them; everything else must survive.
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_survives_the_vocabulary(policy: LanguageModelPolicy, text: str) -> None:
    assert policy.tokenizer.decode(policy.tokenizer(text)["input_ids"]) == text
    assert policy.decode_reply(policy.encode_reply(text)[:-1]) == text


def test_words_may_hold_the_space_before_them() -> None:
    queries = [prompt.query for prompt in PROMPTS] * 4
    spaced = create_tiny(queries, [PROGRAM] * 4, seed=0, hidden_size=32, num_layers=1, spaced_words=True)
    ids = spaced.tokenizer("Is there a cup")["input_ids"]
    assert [spaced.tokenizer.decode(id) for id in ids] == ["Is", " there", " a", " cup"]
    for text in ("Is there a cup?", "  a\n b  cups2 ", PROGRAM):
        assert spaced.decode_reply(spaced.encode_reply(text)[:-1]) == text


# Pieces are made of letters, spaces, marks and names of the language.
@given(
    st.lists(st.sampled_from(["cups", "s", "cup", " ", "  ", "\n", "x1", "in", "return", "find", "('", "1", "é", "_"])).map(
        "".join
    )
)
def test_any_text_survives_a_vocabulary_of_spaced_words(spaced: LanguageModelPolicy, text: str) -> None:
    assert spaced.decode_reply(spaced.encode_reply(text)[:-1]) == text


def test_spaced_words_are_tokens(spaced: LanguageModelPolicy) -> None:
    ids = spaced.tokenizer(" the red cups in the red cup x1 = x2.find('red cup')")["input_ids"]
    texts = "| the| red| cup|s| in| the| red| cup| x1| =| x2|.find('|red| cup|')"
    assert [spaced.tokenizer.decode(id) for id in ids] == texts.split("|")[1:]


def test_a_noun_is_one_token_wherever_it_stands(policy: LanguageModelPolicy) -> None:
    [cup] = policy.tokenizer("cup")["input_ids"]
    assert policy.tokenizer("Is there a cup?")["input_ids"].count(cup) == 1
    assert policy.tokenizer(PROGRAM)["input_ids"].count(cup) == 3


def test_it_reads_the_query_and_learns_the_program(policy: LanguageModelPolicy) -> None:
    assert policy.style == policy.training_style == "comment"
    [ids] = policy.encode(PROMPTS[:1], policy.style)
    assert policy.tokenizer.decode(ids) == "# Is there a cup?\n"
    assert policy.encode_reply(PROGRAM) == [*policy.tokenizer(PROGRAM)["input_ids"], policy.tokenizer.eos_token_id]
    assert policy.end_ids == {policy.tokenizer.eos_token_id} != {policy.tokenizer.pad_token_id}


def test_the_seed_decides_the_weights() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (
        create_tiny([], [PROGRAM], seed=seed, hidden_size=32, num_layers=1).model.state_dict() for seed in (0, 0, 1)
    )
    assert all(first[name].equal(again[name]) for name in first)
    assert not all(first[name].equal(other[name]) for name in first)
    assert torch.get_rng_state().equal(state)


def test_programs_are_cut_a_quarter_beyond_the_longest_example(policy: LanguageModelPolicy) -> None:
    length = len(policy.tokenizer(PROGRAM)["input_ids"])
    assert policy.max_new_tokens == length * 5 // 4 + 1
    # An untrained model never ends its text by itself here, so the cut is what ends it.
    [completion] = policy.complete(PROMPTS[1:2], Sampling(), 0)
    assert len(completion.token_ids) == length * 5 // 4 + 1


def test_saved_and_loaded_it_writes_the_same(policy: LanguageModelPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path / "saved")
    loaded = LanguageModelPolicy.load(tmp_path / "saved")
    assert (loaded.style, loaded.training_style, loaded.chat) == ("comment", "comment", False)
    assert loaded.tokenizer.backend_tokenizer.to_str() == policy.tokenizer.backend_tokenizer.to_str()
    assert loaded.complete(PROMPTS, Sampling(0.8), 1) == policy.complete(PROMPTS, Sampling(0.8), 1)
