"""Models by folder, their adapters, and what is said where they cannot be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertModel,
    MambaConfig,
    MambaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy, completion_log_probs, quiet
from vispro_agents.policies.transformers import ModelArgs, load_model, merge

Model = Callable[..., Path]
PROMPTS = [Prompt("1", "Is there a cup?"), Prompt("2", "What color is the cup on the left?")]
SHORT = ModelArgs(prompt="short", max_new_tokens=12, sampling_batch_size=5)


def train_a_little(policy: LanguageModelPolicy, steps: int = 3) -> None:
    """Move the trainable weights far enough that it shows."""
    weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=0.01)
    prompts = policy.encode(PROMPTS, policy.training_style)
    replies = [policy.encode_reply("return 1"), policy.encode_reply("return 'yes'")]
    policy.model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        log_probs, _ = completion_log_probs(policy.model, prompts, replies, pad_token_id=policy.tokenizer.pad_token_id)
        (-log_probs.sum()).backward()
        optimizer.step()
    policy.model.eval()


def logits(policy: LanguageModelPolicy) -> torch.Tensor:
    with torch.no_grad():
        return policy.model(torch.arange(3, 40)[None]).logits


def test_options_become_the_policy(model: Model) -> None:
    folder = model("qwen2", chat=True)
    policy = load_model(replace(SHORT, model=str(folder), training_prompt="comment", chat="no"))
    assert (policy.name, policy.style, policy.training_style, policy.chat) == (folder.name, "short", "comment", False)
    assert (policy.max_new_tokens, policy.batch_size) == (12, 5)
    assert load_model(replace(SHORT, model=str(folder))).chat
    assert not load_model(replace(SHORT, model=str(model("llama")))).chat
    with pytest.raises(UsageError, match="no chat template"):
        load_model(replace(SHORT, model=str(model("llama")), chat="yes"))


def test_adapters_are_those_of_visrep(model: Model) -> None:
    policy = load_model(replace(SHORT, model=str(model("llama"))))
    trained = {name.split(".self_attn.")[-1] for name, weight in policy.model.named_parameters() if weight.requires_grad}
    assert trained == {f"{part}_proj.lora_{side}.default.weight" for part in "qkvo" for side in "AB"}
    config = policy.model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout, config.bias) == (16, 32, 0.05, "none")


def test_fresh_adapters_change_nothing_and_follow_the_seed(model: Model) -> None:
    args = replace(SHORT, model=str(model("llama")))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    frozen, first, again, other = (
        load_model(replace(args, lora_rank=0)), load_model(args, seed=1), load_model(args, seed=1), load_model(args, seed=2)
    )  # fmt: skip
    assert torch.get_rng_state().equal(state)
    assert torch.equal(logits(frozen), logits(first))

    def start(policy: LanguageModelPolicy) -> torch.Tensor:
        return torch.cat([weight.flatten() for name, weight in policy.model.named_parameters() if "lora_A" in name])

    assert torch.equal(start(first), start(again))
    assert not torch.equal(start(first), start(other))


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
def test_trained_saved_loaded_and_merged_it_says_the_same(model: Model, tmp_path: Path, kind: str, rank: int) -> None:
    policy = load_model(replace(SHORT, model=str(model(kind)), lora_rank=rank, lora_targets="all-linear"))
    before = logits(policy)
    train_a_little(policy)
    assert not torch.allclose(logits(policy), before, atol=0.1)
    policy.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "adapter_config.json").is_file() == (rank > 0)
    loaded = LanguageModelPolicy.load(tmp_path / "saved")
    assert (loaded.style, loaded.max_new_tokens, loaded.batch_size) == ("short", 12, 5)
    assert torch.equal(logits(loaded), logits(policy))
    assert loaded.complete(PROMPTS, Sampling(1.0), 0) == policy.complete(PROMPTS, Sampling(1.0), 0)
    if rank == 0:
        with pytest.raises(UsageError, match="holds no adapter"):
            merge(tmp_path / "saved", tmp_path / "merged")
        return
    merge(tmp_path / "saved", tmp_path / "merged")
    merged = LanguageModelPolicy.load(tmp_path / "merged")
    assert not hasattr(merged.model, "peft_config")
    torch.testing.assert_close(logits(merged), logits(policy), atol=1e-4, rtol=1e-4)
    assert merged.propose(PROMPTS) == policy.propose(PROMPTS)
    assert merged.style == "short"
    # It is a model like any other, and can be given adapters again.
    assert torch.equal(
        logits(load_model(replace(SHORT, model=str(tmp_path / "merged"), lora_targets="all-linear"))), logits(merged)
    )


def test_training_goes_on_where_a_saved_adapter_ended(model: Model, tmp_path: Path) -> None:
    policy = load_model(replace(SHORT, model=str(model("llama")), lora_dropout=0.0))
    train_a_little(policy)
    policy.save(tmp_path / "saved")
    loaded = LanguageModelPolicy.load(tmp_path / "saved")
    assert loaded.model.peft_config["default"].r == 16
    for each in (policy, loaded):
        train_a_little(each)
    assert torch.equal(logits(loaded), logits(policy))


def test_a_policy_is_read_from_any_working_directory(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model("llama")
    monkeypatch.chdir(folder.parent)
    policy = load_model(replace(SHORT, model=folder.name))
    policy.save(tmp_path / "saved")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(logits(LanguageModelPolicy.load(Path("saved"))), logits(policy))


def test_adapters_of_other_programs_are_read(model: Model, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    with quiet(), warnings.catch_warnings(action="ignore"):
        network = AutoModelForCausalLM.from_pretrained(model("qwen2", chat=True))
        adapted = get_peft_model(network, LoraConfig(r=2, target_modules="all-linear"))
        adapted.save_pretrained(tmp_path, save_embedding_layers=False)
    for file in model("qwen2", chat=True).glob("*token*"):
        shutil.copy(file, tmp_path)
    policy = LanguageModelPolicy.load(tmp_path)
    assert (policy.style, policy.training_style) == ("full", "short")


def test_the_number_format_is_that_asked_for(model: Model, tmp_path: Path) -> None:
    args = replace(SHORT, model=str(model("llama")))
    assert load_model(args).model.dtype == torch.float32
    policy = load_model(replace(args, dtype="bfloat16"))
    assert policy.model.get_base_model().model.embed_tokens.weight.dtype == torch.bfloat16
    assert {weight.dtype for weight in policy.model.parameters() if weight.requires_grad} == {torch.float32}
    [completion] = policy.complete(PROMPTS[:1], Sampling(0.7), 0)
    told, _ = completion_log_probs(
        policy.model, policy.encode(PROMPTS[:1], "short"), [completion.token_ids], temperature=0.7,
        pad_token_id=policy.tokenizer.pad_token_id,
    )  # fmt: skip
    assert told.dtype == torch.float32
    assert told[0].tolist() == pytest.approx(completion.log_probs, abs=0.3)
    policy.save(tmp_path / "saved")
    # Merging keeps the format of the model below.
    merge(tmp_path / "saved", tmp_path / "merged")
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "float32"


def refused(args: ModelArgs | Path, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        LanguageModelPolicy.load(args) if isinstance(args, Path) else load_model(args)
    assert "\n" not in str(raised.value)


def test_options_that_do_not_fit_are_refused(model: Model) -> None:
    args = replace(SHORT, model=str(model("gpt2")))
    refused(args, r"--lora-targets 'q_proj,.*' does not fit .* called c_attn, c_fc, c_proj, lm_head; all-linear")
    refused(replace(args, device="gpu"), r"--device 'gpu' is unknown. Expected auto, cpu")
    refused(replace(args, device="cuda"), r"--device 'cuda' asks for a GPU .* this machine has 0")
    refused(replace(args, quantize="4bit"), "--quantize 4bit needs a GPU")


def test_what_is_no_model_is_refused(model: Model, tmp_path: Path) -> None:
    refused(replace(SHORT, model="nobody/nothing"), r"'nobody/nothing' cannot be read: .*hf download nobody/nothing.*a folder")
    refused(replace(SHORT, model="no/such/folder"), "'no/such/folder' cannot be read: there is no such folder.*or a hub id")
    refused(replace(SHORT, model="tiny"), "'tiny' is made from the queries")
    refused(replace(SHORT, model=str(tmp_path)), "holds no model: expected config.json")
    refused(tmp_path, "holds no model: expected config.json")
    refused(tmp_path / "missing", "there is no such folder")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(replace(SHORT, model=str(tmp_path)), "is an adapter, expected a whole model. Merge it first")
    refused(tmp_path, r"adapter_config\.json is damaged")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "nobody/nothing"}))
    refused(tmp_path, r"model below the adapter in .* is not to be had.*hf download nobody/nothing.*adapter_config\.json says")


def test_models_that_write_no_text_are_refused(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    bert = BertModel(BertConfig(intermediate_size=8, **sizes))
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=30, d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1))
    mamba = MambaForCausalLM(MambaConfig(vocab_size=30, hidden_size=8, state_size=2, num_hidden_layers=1))
    for network, said in (
        (bert, r"has no weights for \d+ tensors of BertLMHeadModel"),
        (t5, "is a model of type 't5', expected a causal language model"),
        (mamba, "MambaForCausalLM, which keeps a state"),
    ):
        folder = tmp_path / type(network).__name__
        with quiet():
            network.save_pretrained(folder)
        refused(replace(SHORT, model=str(folder)), said)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_damaged_and_missing_files_are_told(model: Model, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(model("llama"), folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    refused(folder, rf"(model|tokenizer) '{folder}' cannot be read: .*Check the files of the folder")
    (folder / name).unlink()
    if name != "tokenizer_config.json":
        refused(folder, "cannot be read|holds no model")


def test_a_damaged_adapter_is_told(model: Model, tmp_path: Path) -> None:
    load_model(replace(SHORT, model=str(model("llama")))).save(tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    refused(tmp_path, "The adapter .* cannot be read")


def test_the_options_are_known_without_torch() -> None:
    code = "import sys, vispro_agents.policies.transformers\nassert not {'torch', 'transformers', 'peft'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
