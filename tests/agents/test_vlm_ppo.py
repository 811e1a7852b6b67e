"""Vision-language models as agents: runs from the command line to the files they leave, gradients, and what is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from rich.progress import Progress
from safetensors.torch import load_file

from tests.agents.policies.vision_models import written
from vispro_agents.acting import act
from vispro_agents.cli import main
from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Row
from vispro_agents.policies.base import Sampling
from vispro_agents.policies.vision_language import VisionLanguageArgs, VisionLanguagePolicy
from vispro_agents.ppo import PPOArgs, look_back
from vispro_agents.text_tasks import ProgramTask
from vispro_agents.vlm_ppo import Args, _Run, train

SMALL = Args(
    thoughts=False, demonstrations=12, sft_steps=2, sft_batch_size=4, iterations=1, updates=2, envs=3, steps=2, epochs=1, batch_size=4,
    micro_batch_size=3, value_updates=0, learning_rate=1e-3, temperature=1.0, eval_episodes=2, log_with=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    return written(tmp_path_factory.mktemp("vision_models"))


@pytest.fixture
def progress() -> Iterator[Progress]:
    with Progress(disable=True) as shown:
        yield shown


def contents(run: Path) -> dict[str, bytes]:
    """All that a run leaves behind, but for the lock and the last state, whose bytes also say which tensors were read from a file."""
    kept = [path for path in run.rglob("*") if path.is_file() and path.name not in (".lock", "state.pt")]
    return {str(path.relative_to(run)): path.read_bytes() for path in kept}


def rows(run: Path, phase: Any = "rollout") -> list[Row]:
    return list(Experience(run / "experience").rows(phases=[phase]))


def weights(run: Path, policy: str) -> dict[str, torch.Tensor]:
    folder = run / "policies" / policy
    return load_file(folder / ("adapter_model.safetensors" if (folder / "adapter_config.json").exists() else "model.safetensors"))


def head(run: Path, policy: str) -> dict[str, torch.Tensor]:
    return load_file(run / "policies" / policy / "value_head.safetensors")


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {name for name, weight in one.items() if not torch.equal(weight, other[name])}


# --- the command, with models of real architectures ---


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_ppo_of_a_model_by_path(
    kind: str, folders: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = {
        "run-dir": run, "model": folders(kind), "env": "Cards-NumberLine-v0", "lora-rank": 2, "max-new-tokens": 8,
        "demonstrations": 6, "sft-steps": 2, "sft-batch-size": 3, "iterations": 1, "updates": 2, "envs": 4, "steps": 3, "epochs": 2,
        "batch-size": 6, "micro-batch-size": 4, "value-updates": 0, "eval-episodes": 2, "temperature": 0.7,
    }  # fmt: skip
    command = ["vlm-ppo", *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "sft: return" in told.out and "ppo-1: return" in told.out
    assert "warn" not in told.err.lower()
    curve = json.loads((run / "curve.json").read_text())
    assert curve["args"]["learner"] == "vlm_ppo"
    assert [(point["policy"], point["iteration"]) for point in curve["points"]] == [("sft", 0), ("ppo-1", 1)]
    assert [(point["trained_on"], point["executed"]) for point in curve["points"]] == [(6, 0), (24, 24)]
    assert list((run / "tensorboard").iterdir())

    before, after = weights(run, "sft"), weights(run, "ppo-1")
    changed = differing(before, after)
    assert all("lora_" in name for name in before), "the adapters alone are saved"
    for part in ("vision_tower" if kind == "llava" else "visual", "language_model"):
        assert any(part in name for name in changed)
    assert differing(head(run, "sft"), head(run, "ppo-1"))

    found = rows(run)
    assert len(found) == 2 * 3 * 4
    assert [row.step for row in found[:8]] == [0] * 4 + [1] * 4
    assert {row.policy for row in found} == {"sft"} and {row.iteration for row in found} == {1}
    assert curve["points"][1]["grow_reward"] == pytest.approx(np.mean([row.reward for row in found]))
    evaluated = rows(run, "evaluate")
    for point in curve["points"]:
        mine = [row for row in evaluated if row.iteration == point["iteration"]]
        assert point["reward"] == pytest.approx(sum(row.reward for row in mine) / 2)
        assert {row.policy for row in mine} == {point["policy"]}
        assert {row.sample_id for row in mine} == {"0", "1"}
        assert point["metric"]["steps"] == len(mine) / 2
        assert point["metric"]["legal"] == pytest.approx(np.mean([row.outcome == "legal" for row in mine]))

    loaded = VisionLanguagePolicy.load(run / "policies" / "sft")
    with Progress(disable=True) as shown:
        model = VisionLanguageArgs(model=str(folders(kind)), lora_rank=2, max_new_tokens=8)
        state = _Run(Args(run_dir=tmp_path / "other", model=model), shown, [])
    envs = state.task.open(4)
    observations, _ = envs.reset(seed=state.seed("episodes 1 0"))
    views = state.task.views(observations, range(4))
    drawn = loaded.complete(views, Sampling(temperature=0.7), state.seed("replies 1 0 0"))
    envs.close()
    assert [each.token_ids for each in drawn] == [row.token_ids for row in found[:4]], "loaded, it acts as it did"
    assert [row.query for row in found[:4]] == [view.text for view in views]
    judged = loaded.judge([loaded.encode(view) for view in views], [each.token_ids for each in drawn], 0.7)
    told_then = [value for row in found[:4] for value in row.log_probs]
    assert judged.log_probs[judged.mask].tolist() == pytest.approx(told_then, abs=1e-4)

    kept = contents(run)
    assert main(command) == 0
    assert {name for name, data in contents(run).items() if kept.get(name) != data} <= {
        str(path.relative_to(run)) for path in (run / "tensorboard").iterdir()
    }, "a finished run is left as it is"
    assert main([*command, "--seed", "1"]) == 2
    assert "--seed 0 (asked is 1)" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["README.md", "docs/vlm_agents.md"])
def test_the_documented_command_of_a_large_model(page: str, folders: Callable[..., Path], tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(r"vispro-agents (vlm-ppo --model (Qwen/\S+) .*--run-dir (\S+) .*)", text)
    assert found
    command = found[1].replace(found[2], str(folders("qwen2_5_vl"))).replace(found[3], str(tmp_path / "run")).split()
    # Only names differ; what follows makes it short.
    sizes = {
        "lora-rank": 2, "max-new-tokens": 6, "demonstrations": 4, "sft-steps": 2, "sft-batch-size": 2, "iterations": 1, "updates": 2,
        "envs": 2, "steps": 2, "epochs": 1, "value-updates": 0, "eval-episodes": 2,
    }  # fmt: skip
    assert main([*command, *(str(part) for name, value in sizes.items() for part in (f"--{name}", value))]) == 0
    assert differing(weights(tmp_path / "run", "sft"), weights(tmp_path / "run", "ppo-1"))


# --- the tiny model ---


@pytest.mark.parametrize(
    ("env", "credit", "thoughts"),
    [
        ("Cards-EZPoints-v0", "action-tokens", False), ("Cards-Blackjack-v0", "action-tokens", False),
        ("Cards-Points24-v0", "reply", False), ("Cards-Blackjack-v0", "action-tokens", True), ("Cards-NumberLine-v0", "reply", True),
    ],
)  # fmt: skip
def test_games_of_cards(env: str, credit: Any, thoughts: bool, tmp_path: Path) -> None:
    args = replace(SMALL, run_dir=tmp_path / "run", env=env, ppo=PPOArgs(credit=credit), thoughts=thoughts, updates=1)
    points = train(args)
    assert [point.policy for point in points] == ["sft", "ppo-1"]
    assert ("distinct_thoughts" in points[0].metric) == thoughts
    assert ("read_right" in points[0].metric) == (thoughts and env != "Cards-Blackjack-v0")
    assert len(rows(args.run_dir)) == 6
    assert all(row.token_ids and len(row.token_ids) == len(row.log_probs) for row in rows(args.run_dir))
    earned = len({row.reward for row in rows(args.run_dir)}) > 1
    assert bool(differing(weights(args.run_dir, "sft"), weights(args.run_dir, "ppo-1"))) or not earned


def test_visual_programs(small_gqa: Path, tmp_path: Path, progress: Progress) -> None:
    args = replace(
        SMALL, run_dir=tmp_path / "run", env="VisProg-GQA-v0", data_dir=str(small_gqa), thoughts=True, demonstrations=80, updates=1,
        steps=1,
    )  # fmt: skip
    run = _Run(args, progress, [])
    assert isinstance(run.task, ProgramTask)
    shown = {view.text: reply for view, reply in run._demonstrations()}
    points = train(args)
    found = rows(args.run_dir)
    assert len(found) == 3
    assert {row.query for row in found} <= set(shown), "questions of the split that is learned from"
    assert all(row.split == "train" for row in found) and all(row.split == "val" for row in rows(args.run_dir, "evaluate"))
    assert {row.outcome for row in found} <= {"extract_error", "syntax_error", "wrong", "correct", "runtime_error", "rejected"}
    assert points[0].metric["steps"] == 1.0 and "read_right" not in points[0].metric


def test_imitation_is_learned(tmp_path: Path) -> None:
    """One sentence, of which one word is to choose."""
    args = replace(
        SMALL, run_dir=tmp_path / "run", sft_steps=60, iterations=0, eval_episodes=4, demonstrations=100, sft_batch_size=8
    )
    [point] = train(args)
    assert (point.policy, point.metric["legal"], point.trained_on) == ("sft", 1.0, 100)


def test_a_model_may_begin_as_it_is(tmp_path: Path) -> None:
    args = replace(SMALL, run_dir=tmp_path / "run", demonstrations=0, iterations=0)
    [point] = train(args)
    assert (point.policy, point.trained_on, point.executed) == ("init", 0, 0)


def test_what_acts_waits_until_values_are_learned(tmp_path: Path) -> None:
    args = replace(SMALL, run_dir=tmp_path / "run", value_updates=2)
    train(args)
    assert not differing(weights(args.run_dir, "sft"), weights(args.run_dir, "ppo-1"))
    assert differing(head(args.run_dir, "sft"), head(args.run_dir, "ppo-1"))


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_first_step_is_that_of_reinforce(weight: float, tmp_path: Path, progress: Progress) -> None:
    """The gradient of a rollout's loss: -A (lambda grad log p(thoughts) + grad log p(action)), mean over replies."""
    args = replace(SMALL, run_dir=tmp_path, thoughts=True, ppo=PPOArgs(thought_weight=weight, value_weight=0.0), temperature=0.8)
    run = _Run(args, progress, [])
    policy, shown = run.policy, run._demonstrations()
    envs = run.task.open(3)
    replies = [reply for _, reply in shown[:3]]

    def write(views: Any, step: int) -> Any:
        drawn = policy.complete(views, Sampling(temperature=0.8), step)
        ids = [policy.replies.encode(reply) for reply in replies]  # some have an action
        return [replace(each, text=policy.replies.decode(mine), token_ids=tuple(mine)) if i else each
                for i, (each, mine) in enumerate(zip(drawn, ids, strict=True))]  # fmt: skip

    turns, last = act(run.task, envs, write, 2, 0, lambda turns, step: None)
    envs.close()
    rollout = look_back(policy, run.task, turns, last, args.ppo, 0.8, 4)
    assert sorted({each.split > 0 for each in rollout}) == [False, True]
    assert np.std([each.advantage for each in rollout]) == pytest.approx(1.0, abs=1e-3)
    figures = run._learn(rollout)
    assert figures["clipped"] == 0.0 and figures["kl"] == pytest.approx(0.0, abs=1e-6)
    found = [weight.grad.clone() for weight in policy.weights if weight.grad is not None]
    policy.model.zero_grad()
    loss: Any = 0.0
    for each in rollout:
        log_probs = policy.judge([policy.encode(each.turn.view)], [each.turn.completion.token_ids], 0.8).log_probs[0]
        loss -= each.advantage * (weight * log_probs[: each.split].sum() + log_probs[each.split :].sum()) / len(rollout)
    loss.backward()
    expected = [weight.grad for weight in policy.weights if weight.grad is not None]
    assert len(found) == len(expected)
    largest = max(grad.abs().max().item() for grad in expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4 * largest)


# --- going on, and the same again ---


def test_the_same_run_again_is_the_same_and_more_iterations_go_on(tmp_path: Path) -> None:
    first, second = (
        replace(SMALL, run_dir=tmp_path / name, iterations=2, updates=1, save_steps=1) for name in ("first", "second")
    )
    torch.manual_seed(5)
    state = torch.get_rng_state()
    train(first)
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state is kept"
    train(replace(second, iterations=1))
    kept = contents(second.run_dir)
    points = train(second)
    assert [point.policy for point in points] == ["sft", "ppo-1", "ppo-2"]
    assert {name for name, data in contents(second.run_dir).items() if kept.get(name, data) != data} == {"curve.json"}
    assert contents(first.run_dir) == contents(second.run_dir)
    assert len(train(replace(second, iterations=1))) == 2
    assert contents(first.run_dir) == contents(second.run_dir)
    saved = VisionLanguageArgs(model=str(first.run_dir / "policies" / "ppo-2"))
    train(replace(second, run_dir=tmp_path / "from", model=saved, demonstrations=0, iterations=0, seed=1))
    assert {row.query for row in rows(tmp_path / "from", "evaluate")} == {row.query for row in rows(first.run_dir, "evaluate")}
    train(replace(second, run_dir=tmp_path / "third", iterations=0, seed=1))
    assert differing(weights(first.run_dir, "sft"), weights(tmp_path / "third", "sft"))
    for change, named in (
        ({"steps": 3}, "--steps 2 .asked is 3"), ({"ppo": PPOArgs(thought_weight=0.25)}, "--thought-weight 0.5 .asked is 0.25"),
        ({"model": VisionLanguageArgs(lora_rank=3)}, "--lora-rank 128"), ({"thoughts": True}, "--thoughts False"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=named):
            train(replace(first, **change))  # type: ignore[arg-type]
    with FileLock(first.run_dir / ".lock"), pytest.raises(UsageError, match="Another process trains"):
        train(first)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"demonstrations": -1}, "--demonstrations -1"), ({"sft_steps": -1}, "--sft-steps -1"), ({"iterations": -1}, "--iterations -1"),
        ({"updates": 0}, "--updates 0"), ({"envs": 0}, "--envs 0"), ({"steps": 0}, "--steps 0"), ({"epochs": 0}, "--epochs 0"),
        ({"batch_size": 0}, "--batch-size 0"), ({"micro_batch_size": 0}, "--micro-batch-size 0"), ({"save_steps": 0}, "--save-steps 0"),
        ({"sft_batch_size": 0}, "--sft-batch-size 0"), ({"eval_episodes": 0}, "--eval-episodes 0"),
        ({"value_updates": -1}, "--value-updates -1"), ({"learning_rate": 0.0}, "--learning-rate 0.0"),
        ({"sft_learning_rate": math.nan}, "--sft-learning-rate nan"), ({"temperature": 0.0}, "--temperature 0.0"),
        ({"max_grad_norm": 0.0}, "--max-grad-norm 0.0"), ({"random_actions": 1.5}, "--random-actions 1.5"),
        ({"random_actions": -0.1}, "--random-actions -0.1"), ({"model": VisionLanguageArgs(max_new_tokens=0)}, "--max-new-tokens 0"),
        ({"model": VisionLanguageArgs(sampling_batch_size=0)}, "--sampling-batch-size 0"),
        ({"model": VisionLanguageArgs(lora_rank=8, device="cpu")}, "The tiny model has settings of its own: leave out --lora-rank, or"),
        ({"model": VisionLanguageArgs(model="/no/such")}, "no such folder"), ({"env": "Cards-Nope-v0"}, "Cards-Nope-v0"),
        ({"log_with": ("abacus",)}, "abacus"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=named):
        train(replace(SMALL, run_dir=tmp_path / "run", **wrong))
    assert not (tmp_path / "run" / "curve.json").exists()
