"""REINFORCE: its gradient is that of cloning the survivors, and a run of it learns, is logged and resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vispro_agents import filtered_bc
from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Row
from vispro_agents.imitation import ImitationArgs
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.reinforce import Args, advantages, policy_gradient_rows, train
from vispro_agents.run import open_run
from vispro_agents.training import TrainingRow, batch_loss, encode_rows

ROW = Row(
    phase="rollout", iteration=1, split="train", sample_id="1", draw=0, policy="mle", seed=0, query="q", reply="a", program="a",
    outcome="correct", reward=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def start(small_gqa: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that earns a reward now and then."""
    folder = tmp_path_factory.mktemp("start") / "run"
    imitation = ImitationArgs(demonstrations=16, mle_epochs=2, mle_variants=11)
    args = filtered_bc.Args(
        run_dir=folder, data_dir=small_gqa, imitation=imitation, iterations=0, eval_episodes=10, semantic_scenes=0
    )
    filtered_bc.train(args)
    return folder / "policies" / "mle"


@pytest.fixture(scope="module")
def settings(small_gqa: Path, start: Path) -> Args:
    args = Args(
        data_dir=small_gqa, imitation=ImitationArgs(demonstrations=0), iterations=2, queries=24, samples=2, eval_episodes=20,
        queries_per_step=8, semantic_scenes=0,
    )  # fmt: skip
    return replace(args, model=replace(args.model, model=str(start)))


@pytest.fixture(scope="module")
def run_dir(settings: Args, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    train(replace(settings, run_dir=folder))
    return folder


def gradient(policy: LanguageModelPolicy, rows: list[TrainingRow], normalizer: float) -> torch.Tensor:
    policy.model.zero_grad()
    batch_loss(policy.model, rows, normalizer, 1.0, policy.tokenizer.pad_token_id).backward()
    return torch.cat([weight.grad.flatten() for weight in policy.model.parameters() if weight.grad is not None])


def test_a_step_of_filtered_cloning_on_fresh_samples_is_a_step_of_reinforce(settings: Args, tmp_path: Path) -> None:
    """The identity of docs/learners.md in numbers, through the code of both learners."""
    with open_run(replace(settings, run_dir=tmp_path / "run")) as run:
        policy = LanguageModelPolicy.load(Path(settings.model.model))
        drawn = run.sample("001-0-rollout", "rollout", 1, policy, policy.style, run.choose(24, "queries"), 2)
        # Where a word was spelled in other tokens than the tokenizer's, the text alone cannot tell what was drawn.
        rows = [row for row in drawn if row.token_ids == tuple(policy.encode_reply(row.reply))]
        assert len(rows) > len(drawn) / 2
        survivors = [row for row in rows if row.reward == 1.0]
        assert 0 < len(survivors) < len(rows)

        reinforce = gradient(policy, policy_gradient_rows(run, policy, rows, "none"), len(rows))
        pairs = [(run.prompt(row.query), row.program or "") for row in survivors]
        cloning = gradient(policy, encode_rows(policy, pairs), len(survivors))

    # By hand: -(R * log pi).mean(), one program at a time, no padding, no code of ours.
    policy.model.zero_grad()
    for row in rows:
        prompt = policy.tokenizer(f"# {row.query}\n")["input_ids"]
        ids = torch.tensor([[*prompt, *row.token_ids]])
        scores = policy.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        log_prob = scores.gather(1, ids[0, len(prompt) :, None]).sum()
        (-(row.reward * log_prob) / len(rows)).backward()
    by_hand = torch.cat([weight.grad.flatten() for weight in policy.model.parameters() if weight.grad is not None])

    scale = by_hand.abs().max().item()
    assert scale > 1e-3
    torch.testing.assert_close(reinforce, by_hand, rtol=1e-3, atol=1e-4 * scale)
    torch.testing.assert_close(cloning * (len(survivors) / len(rows)), by_hand, rtol=1e-3, atol=1e-4 * scale)


def test_the_baseline_leaves_one_out() -> None:
    rewards = {"a": [1.0, 0.0, 0.0], "b": [1.0, 1.0, 1.0]}
    rows = [replace(ROW, sample_id=name, reward=reward) for name, group in rewards.items() for reward in group]
    assert advantages(rows, "none") == [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert advantages(rows, "leave-one-out") == [1.0, -0.5, -0.5, 0.0, 0.0, 0.0]


def test_every_step_is_logged(run_dir: Path) -> None:
    rows = [row for row in Experience(run_dir / "experience").rows() if row.phase == "rollout"]
    assert [(row.iteration, row.step) for row in rows] == [(i, step) for i in (1, 2) for step in (1, 2, 3) for _ in range(16)]
    assert all(row.token_ids and len(row.token_ids) == len(row.log_probs) for row in rows)
    points = json.loads((run_dir / "curve.json").read_text())["points"]
    assert [(point["policy"], point["executed"]) for point in points] == [("base", 0), ("iteration-1", 48), ("iteration-2", 96)]
    assert points[1]["grow_reward"] == sum(row.reward for row in rows[:48]) / 48 > 0


def test_log_probabilities_are_those_of_the_policy_that_drew(run_dir: Path, settings: Args) -> None:
    """Those of the first step are by the policy that the run began with."""
    policy = LanguageModelPolicy.load(Path(settings.model.model))
    rows = [
        row for row in Experience(run_dir / "experience").rows() if row.phase == "rollout" and (row.iteration, row.step) == (1, 1)
    ]
    with torch.no_grad():
        for row in rows:
            prompt = policy.tokenizer(f"# {row.query}\n")["input_ids"]
            ids = torch.tensor([[*prompt, *row.token_ids]])
            scores = policy.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
            expected = scores.gather(1, ids[0, len(prompt) :, None]).squeeze(1)
            torch.testing.assert_close(torch.tensor(row.log_probs), expected, rtol=0, atol=1e-4)


def test_steps_of_an_unfinished_iteration_are_taken_again(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    train(replace(settings, run_dir=folder, iterations=1))
    for name in ("002-0-rollout-00001-00000", "002-0-rollout-00002-00000"):
        shutil.copy(run_dir / "experience" / f"{name}.parquet", folder / "experience")
    train(replace(settings, run_dir=folder))
    for path in (run_dir / "experience").iterdir():
        assert (folder / "experience" / path.name).read_bytes() == path.read_bytes()
    name = Path("policies", "iteration-2", "model.safetensors")
    assert (folder / name).read_bytes() == (run_dir / name).read_bytes()
    assert (folder / "curve.json").read_bytes() == (run_dir / "curve.json").read_bytes()


def test_fewer_iterations_than_finished_are_read(run_dir: Path, settings: Args) -> None:
    assert [point.policy for point in train(replace(settings, run_dir=run_dir, iterations=1))] == ["base", "iteration-1"]
    assert [point.policy for point in train(replace(settings, run_dir=run_dir))][-1] == "iteration-2"


def test_states_that_a_killed_process_left_are_removed(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    shutil.copytree(run_dir, folder)
    (folder / "optimizer-1.pt").write_bytes(b"left behind")
    train(replace(settings, run_dir=folder))
    assert [path.name for path in folder.glob("optimizer-*")] == ["optimizer-2.pt"]


def test_impossible_settings_are_refused(settings: Args, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--samples 2 or more, got 1"):
        train(replace(settings, run_dir=tmp_path / "a", samples=1, baseline="leave-one-out"))
    with pytest.raises(UsageError, match="--top-p 0.9"):
        train(replace(settings, run_dir=tmp_path / "b", top_p=0.9))
    for wrong in ({"temperature": 0.0}, {"queries_per_step": 0}, {"queries": 0}):
        with pytest.raises(UsageError, match="expected numbers above 0"):
            train(replace(settings, run_dir=tmp_path / "c", **wrong))  # type: ignore[arg-type]
