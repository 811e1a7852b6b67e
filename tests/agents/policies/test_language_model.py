"""A language model as a policy: what it reads and writes in tokens, its chat, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.agents.policies.models import KINDS, PROGRAM, byte_level_tokenizer, sentencepiece_tokenizer
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy, completion_log_probs, quiet
from vispro_agents.policies.prompting import write_prompt

Model = Callable[..., Path]
QUERIES = ["Is there a cup?", "What color is the cup to the left of the other one?", "Is it?"]
PROMPTS = [Prompt(str(number), query) for number, query in enumerate(QUERIES)]


@pytest.fixture(scope="module")
def policy(model: Model) -> Callable[..., LanguageModelPolicy]:
    """Kind -> a policy that writes short replies to short prompts."""
    loaded: dict[Any, LanguageModelPolicy] = {}

    def get(kind: str, *, chat: bool = False) -> LanguageModelPolicy:
        if (kind, chat) not in loaded:
            new = LanguageModelPolicy.load(model(kind, chat=chat))
            new.style, new.max_new_tokens = "short", 16
            loaded[kind, chat] = new
        return loaded[kind, chat]

    return get


@pytest.mark.parametrize("kind", KINDS)
def test_prompt_and_reply_together_are_the_tokens_of_their_texts(policy: Callable[..., LanguageModelPolicy], kind: str) -> None:
    mine = policy(kind)
    for style in ("comment", "short", "full"):
        [ids] = mine.encode(PROMPTS[:1], style)
        text = write_prompt(PROMPTS[0], style)
        reply = mine.encode_reply(PROGRAM)
        assert mine.tokenizer.decode([*ids, *reply], skip_special_tokens=True) == text + PROGRAM
        # Where the parts meet, the tokens are those of the whole.
        assert [*ids, *reply[:-1]] == mine.tokenizer(text + PROGRAM)["input_ids"]
        assert reply[-1] == mine.tokenizer.eos_token_id


@given(st.text(st.characters(codec="utf-8"), max_size=40))
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_any_reply_survives(policy: Callable[..., LanguageModelPolicy], kind: str, text: str) -> None:
    mine = policy(kind)
    if kind == "qwen2":  # its tokenizer writes letters with accents in one form, as Unicode does not tell them apart
        text = mine.tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    ids = mine.encode_reply(text)
    assert ids[-1] in mine.end_ids
    assert mine.decode_reply(ids[:-1]) == text


def test_indentation_survives_at_the_start_of_a_reply(policy: Callable[..., LanguageModelPolicy]) -> None:
    for kind in ("llama", "gpt2"):
        mine = policy(kind)
        body = "    return 'a . b ,c'\n"
        assert mine.decode_reply(mine.encode_reply(body)) == body


def test_lone_surrogates_are_no_error(policy: Callable[..., LanguageModelPolicy]) -> None:
    mine = policy("llama")
    assert len(mine.propose([Prompt("1", "Is there a \ud800 cup?")])) == 1
    assert mine.decode_reply(mine.encode_reply("a\ud800b")) == "a?b"


def test_a_plain_prompt_begins_as_the_tokenizer_begins_texts(policy: Callable[..., LanguageModelPolicy]) -> None:
    mine = policy("llama")
    [ids] = mine.encode(PROMPTS[:1], "short")
    assert ids.count(mine.tokenizer.bos_token_id) == 1 and ids[0] == mine.tokenizer.bos_token_id


def test_a_chat_is_that_of_the_template(policy: Callable[..., LanguageModelPolicy]) -> None:
    mine = policy("qwen2", chat=True)
    assert mine.chat
    text = write_prompt(PROMPTS[0], "short")
    [ids] = mine.encode(PROMPTS[:1], "short")
    turns = [{"role": "user", "content": text}]
    assert ids == mine.tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    # A trained row is the conversation up to the end of the assistant's turn.
    whole = mine.tokenizer.apply_chat_template([*turns, {"role": "assistant", "content": PROGRAM}])["input_ids"]
    row = [*ids, *mine.encode_reply(PROGRAM)]
    assert row == whole[: len(row)]
    end = mine.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert row[-1] == end
    assert mine.end_ids == {end, mine.tokenizer.eos_token_id}


def test_without_a_template_there_is_no_chat(model: Model) -> None:
    loaded = LanguageModelPolicy.load(model("gpt2"))
    assert not loaded.chat
    with pytest.raises(UsageError, match="tokenizer of mine has no chat template"):
        LanguageModelPolicy(loaded.model, loaded.tokenizer, name="mine", chat=True)


def test_a_thinking_model_is_asked_not_to_think(model: Model) -> None:
    tokenizer = byte_level_tokenizer(chat=True)
    tokenizer.chat_template += "{% if enable_thinking is false %}<think></think>{% endif %}"
    network = AutoModelForCausalLM.from_pretrained(model("gpt2"))
    mine = LanguageModelPolicy(network, tokenizer, name="mine", chat=True)
    assert tokenizer.decode(mine.encode(PROMPTS[:1], "short")[0]).endswith("assistant\n<think></think>")


def test_a_turn_may_end_with_another_token_than_texts_do(model: Model) -> None:
    tokenizer = sentencepiece_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end_of_turn>"]})
    tokenizer.chat_template = "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }} <end_of_turn>\n{% endfor %}"
    network = AutoModelForCausalLM.from_pretrained(model("llama"))
    mine = LanguageModelPolicy(network, tokenizer, name="mine", chat=True)
    assert mine.encode_reply(PROGRAM)[-1] == tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert mine.end_ids == {tokenizer.convert_tokens_to_ids("<end_of_turn>"), tokenizer.eos_token_id}


def test_generation_stops_at_all_tokens_that_the_model_names(model: Model) -> None:
    mine = LanguageModelPolicy.load(model("gpt2"))
    mine.model.generation_config.eos_token_id = [5, 7]
    assert mine.end_ids == {5, 7, mine.tokenizer.eos_token_id}
    mine.model.generation_config.eos_token_id = None
    assert mine.end_ids == {mine.tokenizer.eos_token_id}


@pytest.mark.parametrize("kind", KINDS)
def test_completions_are_consistent(policy: Callable[..., LanguageModelPolicy], kind: str) -> None:
    mine = policy(kind)
    sampling = Sampling(temperature=0.7, max_new_tokens=9)
    completions = mine.complete(PROMPTS, sampling, 3)
    assert completions == mine.complete(PROMPTS, sampling, 3) != mine.complete(PROMPTS, sampling, 4)
    for row in completions:
        assert 1 <= len(row.token_ids) == len(row.log_probs) <= 9
        assert row.text == mine.decode_reply(row.token_ids)
        assert len(row.token_ids) == 9 or row.token_ids[-1] in mine.end_ids
    replies = [row.token_ids for row in completions]
    again, mask = completion_log_probs(
        mine.model, mine.encode(PROMPTS, "short"), replies, temperature=0.7, pad_token_id=mine.tokenizer.pad_token_id
    )
    told = [value for row in completions for value in row.log_probs]
    assert again[mask].tolist() == pytest.approx(told, abs=1e-4)


def test_greedy_programs_are_those_of_transformers(policy: Callable[..., LanguageModelPolicy]) -> None:
    mine = policy("qwen2")
    texts = [write_prompt(prompt, "short") for prompt in PROMPTS]
    for reply, text in zip(mine.propose(PROMPTS), texts, strict=True):
        encoded = mine.tokenizer(text, return_tensors="pt")
        output = mine.model.generate(**encoded, do_sample=False, max_new_tokens=16, pad_token_id=0)
        assert reply == mine.tokenizer.decode(output[0, encoded["input_ids"].shape[1] :], skip_special_tokens=True) != ""


def test_no_prompts_no_programs(policy: Callable[..., LanguageModelPolicy]) -> None:
    assert policy("llama").propose([]) == policy("llama").complete([], Sampling(1.0), 0) == []


def test_a_missing_padding_token_is_no_new_token(model: Model) -> None:
    tokenizer = byte_level_tokenizer(chat=False)
    assert tokenizer.pad_token is None
    network = AutoModelForCausalLM.from_pretrained(model("gpt2"))
    mine = LanguageModelPolicy(network, tokenizer, name="mine")
    assert mine.tokenizer.pad_token_id == mine.tokenizer.eos_token_id
    assert len(mine.tokenizer) == network.config.vocab_size


def test_saved_and_loaded_it_is_the_same(model: Model, tmp_path: Path) -> None:
    mine = LanguageModelPolicy.load(model("qwen2", chat=True))
    mine.style, mine.training_style, mine.max_new_tokens, mine.batch_size, mine.chat = "comment", "full", 7, 3, False
    mine.save(tmp_path / "saved")
    loaded = LanguageModelPolicy.load(tmp_path / "saved")
    assert loaded.name == "saved"
    for setting in ("style", "training_style", "max_new_tokens", "batch_size", "chat", "quantize"):
        assert getattr(loaded, setting) == getattr(mine, setting)
    sampling = Sampling(temperature=1.0)
    assert loaded.complete(PROMPTS, sampling, 0) == mine.complete(PROMPTS, sampling, 0)
    assert not loaded.model.training
    # Any other program finds a model there, too.
    with quiet():
        tokenizer, network = (
            AutoTokenizer.from_pretrained(tmp_path / "saved"),
            AutoModelForCausalLM.from_pretrained(tmp_path / "saved"),
        )
    assert tokenizer(PROGRAM)["input_ids"] == mine.tokenizer(PROGRAM)["input_ids"]
    assert all(map(torch.equal, network.parameters(), mine.model.parameters()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({"style": "long"}), "is damaged"),
        (json.dumps({"stile": "full"}), "is damaged"),
    ],
)
def test_damaged_settings_are_told(model: Model, tmp_path: Path, text: str, said: str) -> None:
    for file in model("gpt2").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(UsageError, match=rf"policy\.json {said}"):
        LanguageModelPolicy.load(tmp_path)
