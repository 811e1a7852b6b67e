"""Exports: what they hold, what they never hold, and who can read them."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.agents.test_experience import ROW
from vispro_agents.curve import write_curve
from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Phase, Row
from vispro_agents.export import ExportArgs, export, preference_records, sft_records
from vispro_gym.inspection.attribution import read_programs
from vispro_gym.programs.prompt import build_prompt

EVERY_OUTCOME = ["wrong", "no_answer", "lucky", "runtime_error", "timeout", "syntax_error", "rejected", "perception_error"]


def tried(program: str | None, outcome: str, query: str = "Is there a cup?", phase: Phase = "grow", **others: Any) -> Row:
    reward = float(outcome == "correct")
    return replace(ROW, program=program, outcome=outcome, reward=reward, query=query, phase=phase, **others)


def sft(rows: list[Row]) -> list[tuple[Any, Any]]:
    return [(record["prompt"], record["completion"]) for record in sft_records(rows, str.upper)]


def pairs(rows: list[Row], most: int = 10) -> list[tuple[Any, Any]]:
    return [(record["chosen"], record["rejected"]) for record in preference_records(rows, str.upper, most)]


def test_sft_holds_each_rewarded_program_of_a_query_once() -> None:
    rows = [
        tried("a", "correct", "q1"), tried("a", "correct", "q1", draw=1), tried("b", "correct", "q1"), tried("c", "wrong", "q1"),
        tried("a", "correct", "q2", "rollout"), tried("d", "correct", "q3", "demonstration"),
        tried("e", "correct", "q4", "correction"), tried(None, "extract_error", "q5"),
    ]  # fmt: skip
    assert sft(rows) == [("Q1", "a"), ("Q1", "b"), ("Q2", "a"), ("Q3", "d"), ("Q4", "e")]


def test_lucky_programs_are_no_examples_but_rejected() -> None:
    on_another_scene = [tried("x", "correct", sample_id="1"), tried("x", "wrong", sample_id="2"), tried("y", "correct")]
    for rows in (on_another_scene, on_another_scene[::-1], [tried("x", "correct", semantic=False), tried("y", "correct")]):
        assert sft(rows) == [("IS THERE A CUP?", "y")]
        assert pairs(rows) == [("y", "x")]


def test_pairs_reject_what_is_nearly_right_first() -> None:
    rows = [
        tried("syntax", "syntax_error"), tried("early", "runtime_error"), tried("wrong", "wrong"), tried("right", "correct"),
        tried("lucky", "lucky"), tried("steps", "step_limit"), tried("rejected", "rejected"), tried("also right", "correct"),
        tried("other", "wrong", "another query"), tried("lonely", "correct", "a third"),
    ]  # fmt: skip
    assert pairs(rows) == [
        ("right", "wrong"), ("also right", "lucky"), ("right", "early"), ("also right", "steps"), ("right", "syntax"),
        ("also right", "rejected"),
    ]  # fmt: skip
    assert pairs(rows, most=3) == pairs(rows)[:3]


@pytest.mark.parametrize("outcome", EVERY_OUTCOME)
def test_nothing_without_reward_is_an_example(outcome: str) -> None:
    rows = [tried("bad", outcome), tried("good", "correct")]
    assert sft(rows) == [("IS THERE A CUP?", "good")]
    assert pairs(rows) == [("good", "bad")]


def test_held_out_rows_are_never_exported() -> None:
    held_out = [tried("a", "correct", phase="evaluate"), tried("b", "wrong", phase="evaluate"), tried("c", "wrong")]
    assert sft(held_out) == pairs(held_out) == []


def test_texts_that_no_tokenizer_takes_are_left_out() -> None:
    rows = [tried("a\ud800", "correct"), tried("b", "correct"), tried("c\udfff", "wrong")]
    assert sft(rows) == [("IS THERE A CUP?", "b")]
    assert pairs(rows) == []


@pytest.fixture
def run_dir(tmp_path: Path, small_gqa: Path) -> Path:
    """A run with experience of two chunks and the settings that the export needs."""
    folder = tmp_path / "run"
    experience = Experience(folder / "experience")
    experience.write("a", [tried("right\n", "correct", 'Où is "it"?'), tried("wrong\n", "wrong", 'Où is "it"?', draw=1)])
    held_out = replace(tried("held out", "correct", phase="evaluate"), split="val", sample_id="9", token_ids=(1, 2))
    experience.write("b", [tried(None, "extract_error", reply="\ud800 no program \0"), held_out])
    settings = {"env": "VisProg-GQA-v0", "train_split": "train", "data_dir": str(small_gqa), "images": "required"}
    write_curve(folder, settings, [])
    return folder


def load(path: Path) -> datasets.Dataset:
    return datasets.load_dataset("json", data_files=str(path), cache_dir=str(path.parent / "cache"), split="train")


def test_files_load_as_data_sets(run_dir: Path, tmp_path: Path) -> None:
    for style in ("short", "full"):
        assert export(ExportArgs(run_dir, tmp_path / f"{style}.jsonl", "sft", style)) == 1
        (record,) = load(tmp_path / f"{style}.jsonl").to_list()
        assert record["completion"] == "right\n"
        assert record["prompt"].endswith('Query: Où is "it"?\nProgram:\n')
    assert record["prompt"].startswith(build_prompt("", "", ("image",))[:200])
    assert export(ExportArgs(run_dir, tmp_path / "pairs.jsonl", "preference")) == 1
    (record,) = load(tmp_path / "pairs.jsonl").to_list()
    assert (record["chosen"], record["rejected"]) == ("right\n", "wrong\n")


def test_all_rows_are_exported_as_they_are(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "rows.jsonl"
    assert export(ExportArgs(run_dir, out, "jsonl")) == 4
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    expected = [asdict(row) for row in Experience(run_dir / "experience").rows()]
    assert lines == json.loads(json.dumps(expected))
    assert lines[2]["reply"] == "\ud800 no program \0"
    assert [(item.sample_id, item.program) for item in read_programs(out, "val")] == [("9", "held out")]
    assert len(read_programs(out, "train")) == 3


def test_what_cannot_be_exported_is_said(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match="holds no experience"):
        export(ExportArgs(tmp_path, out))
    with pytest.raises(UsageError, match="at least 1, got 0"):
        export(ExportArgs(run_dir, out, pairs=0))
    (run_dir / "experience" / "a.parquet").unlink()
    for format in ("sft", "preference"):
        with pytest.raises(UsageError, match="holds no .* of training"):
            export(ExportArgs(run_dir, out, format))
    assert not out.exists()


def test_trl_trains_on_the_files(run_dir: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    for format in ("sft", "preference"):
        export(ExportArgs(run_dir, tmp_path / f"{format}.jsonl", format))
    letters = {letter: number for number, letter in enumerate(["<pad>", "<eos>", *pre_tokenizers.ByteLevel.alphabet()])}
    backend = Tokenizer(models.BPE(letters, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")
    config = LlamaConfig(vocab_size=len(letters), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    common = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "report_to": "none", "max_steps": 1, "disable_tqdm": True,
              "save_strategy": "no", "logging_strategy": "no", "dataloader_pin_memory": False, "max_length": None}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL's own
        data = {name: load(tmp_path / f"{name}.jsonl") for name in ("sft", "preference")}
        model, reference = LlamaForCausalLM(config), LlamaForCausalLM(config)
        sft = SFTTrainer(model, SFTConfig(**common), train_dataset=data["sft"], processing_class=tokenizer)
        dpo = DPOTrainer(model, reference, DPOConfig(**common), train_dataset=data["preference"], processing_class=tokenizer)
        assert sft.train().training_loss > 0
        assert dpo.train().training_loss > 0
