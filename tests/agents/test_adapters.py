"""Language models by path with LoRA adapters, through the very commands that the README gives for CodeLlama."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.agents.policies import models, vllm_stand_in
from vispro_agents import filtered_bc
from vispro_agents.cli import main
from vispro_agents.experience import Experience
from vispro_agents.imitation import ImitationArgs
from vispro_agents.policies.base import Prompt
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.transformers import ModelArgs
from vispro_agents.training import OptimizerArgs

README = Path(__file__).parents[2] / "README.md"
PROMPT = Prompt("", "Is there a cup?")


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def checkpoint(request: pytest.FixtureRequest, small_gqa: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that writes a right program now and then, as a folder like those of the hub: weights and tokenizer."""
    kind = request.param
    root = tmp_path_factory.mktemp(kind)
    random = models.write(kind, root / "random", chat=kind == "qwen2")
    filtered_bc.train(
        filtered_bc.Args(
            run_dir=root / "run", data_dir=small_gqa, iterations=0, eval_episodes=2, semantic_scenes=0,
            model=ModelArgs(model=str(random), prompt="short", training_prompt="short", lora_rank=0, max_new_tokens=60),
            imitation=ImitationArgs(demonstrations=24, mle_variants=15, mle_epochs=2, mle_learning_rate=5e-3),
            optimizer=OptimizerArgs(batch_size=8, optimizer="adamw"),
        )
    )  # fmt: skip
    folder = root / "run" / "policies" / "mle"
    (folder / "policy.json").unlink()
    return folder


def readme_command(name: str, **changes: str) -> list[str]:
    """The README's command for CodeLlama with other values for some of its options."""
    text = README.read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.strip().startswith(name)]
    words = shlex.split(line)[1:]
    for option, value in changes.items():
        flag = f"--{option.replace('_', '-')}"
        words[words.index(flag) + 1] = value
    return words


def adapter(policy: Path) -> dict[str, torch.Tensor]:
    return load_file(policy / "adapter_model.safetensors")


def test_the_readmes_command_with_other_names(checkpoint: Path, small_gqa: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = readme_command(
        "vispro-agents filtered-bc --run-dir runs/codellama",
        run_dir=str(run), model=str(checkpoint), data_dir=str(small_gqa), train_split="train", eval_split="val",
        perception="oracle", queries="32", samples="2", iterations="2",
    )  # fmt: skip
    sizes = ["--eval-episodes", "6", "--max-new-tokens", "60", "--prompt", "short"]
    assert main([*command, *sizes]) == 0
    policies = [run / "policies" / name for name in ("base", "iteration-1", "iteration-2")]
    grown = [row for row in Experience(run / "experience").rows() if row.phase == "grow"]
    assert len(grown) == 128 and any(row.reward for row in grown), "no program earned a reward: nothing was learned from"
    assert json.loads((policies[0] / "adapter_config.json").read_text())["r"] == 16
    before, first, second = map(adapter, policies)
    assert not any(value.any() for key, value in before.items() if "lora_B" in key), "fresh adapters change nothing"
    assert all((first[key] != before[key]).any() for key in first if "lora_B" in key)
    assert any((second[key] != first[key]).any() for key in first)
    assert not (policies[2] / "model.safetensors").exists(), "the weights below the adapter are not written again"

    merged = tmp_path / "merged"
    assert main(readme_command("vispro-agents merge", policy=str(run), out=str(merged))) == 0
    assert not (merged / "adapter_config.json").exists()
    logits = []
    for folder in (policies[2], merged, checkpoint):
        policy = LanguageModelPolicy.load(folder)
        ids = torch.tensor(policy.encode([PROMPT], "short"))
        with torch.no_grad():
            logits.append(policy.model(input_ids=ids).logits)
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-3, atol=1e-3)
    assert (logits[0] - logits[2]).abs().max() > 1e-2


def test_reinforce_with_adapters(checkpoint: Path, small_gqa: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = {
        "run-dir": run, "model": checkpoint, "data-dir": small_gqa, "prompt": "short", "demonstrations": 0, "iterations": 2,
        "queries": 32, "samples": 2, "queries-per-step": 16, "eval-episodes": 6, "max-new-tokens": 60, "learning-rate": 1e-3,
    }  # fmt: skip
    assert main(["reinforce", *(str(word) for option, value in arguments.items() for word in (f"--{option}", value))]) == 0
    rows = [row for row in Experience(run / "experience").rows() if row.phase == "rollout"]
    assert len(rows) == 128 and any(row.reward for row in rows), "no program earned a reward: nothing was learned from"
    before, after = adapter(run / "policies" / "base"), adapter(run / "policies" / "iteration-2")
    assert any((after[key] != before[key]).any() for key in before if "lora_B" in key)
    assert (run / "optimizer-2.pt").exists() and not (run / "optimizer-1.pt").exists()
    policy = LanguageModelPolicy.load(run / "policies" / "iteration-2")
    assert policy.style == "short" and policy.max_new_tokens == 60


@pytest.mark.parametrize("checkpoint", ["llama"], indirect=True)
def test_vllm_draws_with_the_adapters_of_each_iteration(
    checkpoint: Path, small_gqa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class LLM(vllm_stand_in.LLM):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)

    for name, module in vllm_stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys.modules["vllm"], "LLM", LLM)
    run = tmp_path / "run"
    settings = filtered_bc.Args(
        run_dir=run, data_dir=small_gqa, iterations=2, queries=8, samples=2, eval_episodes=2, semantic_scenes=0, sampler="vllm",
        model=ModelArgs(model=str(checkpoint), prompt="short", training_prompt="short", max_new_tokens=60),
        imitation=ImitationArgs(demonstrations=0),
    )  # fmt: skip
    filtered_bc.train(settings)
    (vllm,) = started
    adapters = [call[2].lora_path for call in vllm.calls]
    assert list(dict.fromkeys(adapters)) == [str(run / "policies" / name) for name in ("base", "iteration-1")]
    grown = [row for row in Experience(run / "experience").rows() if row.phase == "grow"]
    assert len(grown) == 32 and any(row.reward for row in grown)
    assert [point.iteration for point in filtered_bc.train(settings)] == [0, 1, 2]
    assert len(started) == 1, "a finished run needs no vLLM"
