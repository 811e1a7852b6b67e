"""Tuning with task rewards: losses by hand, runs that learn, stop, go on and share their beginning, and the command."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from rich.progress import Progress

from tests.agents.test_vision_model import save_decoder, save_encoder, teacher_forced
from vispro_agents import task_reward
from vispro_agents.cli import main
from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Row
from vispro_agents.sequences import BOX_TOKENS, BoxCodec
from vispro_agents.task_reward import Args, _Run, train
from vispro_agents.task_reward_setup import SequenceArgs
from vispro_agents.vision_model import VisionModelArgs, load_policy

MODEL = VisionModelArgs(image_size=16, patch_size=8, hidden_size=16, encoder_layers=1, decoder_layers=1, heads=2)
SHORT = SequenceArgs(bins=6, most_boxes=3, grid=2, caption_tokens=6)
SMALL = Args(
    mle_steps=5, iterations=2, steps=5, batch_size=3, eval_pictures=5, save_steps=2, log_with=(), model=MODEL, sequence=SHORT
)
KINDS = ("Detection", "Panoptic", "Colorization", "Captioning")


def small(kind: str, folder: Path, **changes: Any) -> Args:
    return replace(SMALL, env=f"TaskReward-{kind}-v0", run_dir=folder, **changes)


@pytest.fixture
def progress() -> Iterator[Progress]:
    with Progress(disable=True) as shown:
        yield shown


def contents(run: Path) -> dict[str, bytes]:
    """All that a run leaves behind, but for locks, and configurations: transformers notes the dtype of what was loaded."""
    files = (path for path in run.rglob("*") if path.is_file())
    kept = [path for path in files if not path.name.startswith(".lock") and path.name != "config.json"]
    return {str(path.relative_to(run)): path.read_bytes() for path in kept}


def rollouts(run: Path) -> list[Row]:
    return list(Experience(run / "experience").rows(phases=["rollout"]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_is_that_of_the_annotations(kind: str, tmp_path: Path, progress: Progress) -> None:
    run = _Run(small(kind, tmp_path), Accelerator(), progress, [])
    run.network.eval()
    batch = run._batch("mle", 0)
    written: list[list[int]] = []
    encode = run.policy.codec.encode

    def recorded(answer: Any, rng: random.Random) -> list[int]:
        written.append(encode(answer, rng))
        return written[-1]

    run.policy.codec.encode = recorded  # type: ignore[method-assign]
    loss, _ = run._likelihood_loss(batch, "mle", 0)
    assert len(batch) == len(written) == 3
    total, count = 0.0, 0
    for shown, tokens in zip(batch, written, strict=True):
        assert any(encode(answer, random.Random(0))[-1] == tokens[-1] for answer in shown.answers)
        log_probs = run.policy.network(run.policy.pixels([shown.observation]), torch.tensor([tokens]))
        taught = [i for i in range(len(tokens)) if not run.policy.codec.supervised[i]]  # how sure to be is not
        total -= log_probs[0, taught, [tokens[i] for i in taught]].sum().item()
        count += len(taught)
    assert loss.item() == pytest.approx(total / count, rel=1e-5)
    run._likelihood_loss(batch, "mle", 0)
    assert written[:3] == written[3:6]


@pytest.mark.parametrize(("kind", "reward"), [("Detection", "map"), ("Detection", "recall"), *((k, "map") for k in KINDS[1:])])
def test_the_loss_of_tuning_is_that_of_the_paper(kind: str, reward: Any, tmp_path: Path, progress: Progress) -> None:
    args = small(kind, tmp_path, samples=3, reward=reward, confidence_weight=0.7)
    run = _Run(args, Accelerator(), progress, [])
    policy, codec = run.policy, run.policy.codec
    batch = run._batch("tuned-1", 0)
    loss, figures = run._tuning_loss(batch, "tuned-1", 1, 0)
    assert len(run.rows) == 9
    assert [row.sample_id for row in run.rows] == [shown.sample.sample_id for shown in batch for _ in range(3)]
    assert [row.draw for row in run.rows] == [0, 1, 2] * 3
    assert figures["tokens"] == pytest.approx(np.mean([len(row.token_ids) for row in run.rows]))

    expected = entropies = 0.0
    boxes = 0
    for i, row in enumerate(run.rows):
        group = [other.reward for other in run.rows[i - i % 3 : i - i % 3 + 3]]
        advantage = row.reward - (sum(group) - row.reward) / 2
        tokens = torch.tensor([row.token_ids])
        shown = batch[i // 3]
        with torch.no_grad():
            log_probs = policy.network(policy.pixels([shown.observation]), tokens)[0].double()
        chosen = log_probs[range(len(row.token_ids)), row.token_ids]
        is_sure = np.array([kind == "Detection" and place % BOX_TOKENS == 5 for place in range(len(row.token_ids))])
        expected -= advantage * chosen[torch.tensor(~is_sure)].sum().item() / 9
        action = codec.decode(row.token_ids, np.exp(row.log_probs))
        (scored,) = run.env.score([shown.sample], [action])
        assert scored.reward == row.reward
        for place, target in zip(np.flatnonzero(is_sure), scored.details.get("confidence_targets", ()), strict=True):
            wrong, right = log_probs[place, -2:].tolist()
            entropies -= target * right + (1 - target) * wrong
            boxes += 1
    if kind == "Detection" and reward == "map":
        assert boxes > 3
        expected += 0.7 * entropies / boxes
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_step_makes_the_better_of_two_answers_more_probable(tmp_path: Path, progress: Progress) -> None:
    run = _Run(small("Colorization", tmp_path, batch_size=1), Accelerator(), progress, [])
    batch = run._batch("tuned-1", 0)
    loss, _ = run._tuning_loss(batch, "tuned-1", 1, 0)
    one, other = run.rows
    assert one.reward != other.reward
    tokens = torch.tensor([one.token_ids, other.token_ids])
    before = teacher_forced(run.policy, [batch[0].observation], tokens).sum(1)
    torch.testing.assert_close(before, torch.tensor([one.log_probs, other.log_probs]).sum(1))
    loss.backward()
    with torch.no_grad():
        for weight in run.policy.network.parameters():
            if weight.grad is not None:
                weight -= 1e-2 * weight.grad
    gain = teacher_forced(run.policy, [batch[0].observation], tokens).sum(1) - before
    better, worse = (gain[0], gain[1]) if one.reward > other.reward else (gain[1], gain[0])
    assert better > 0 > worse


def test_equal_rewards_change_nothing(tmp_path: Path, progress: Progress) -> None:
    """Boxes of an untrained model find nothing; without the confidence loss, there is nothing to learn from that."""
    run = _Run(small("Detection", tmp_path, reward="recall"), Accelerator(), progress, [])
    loss, figures = run._tuning_loss(run._batch("tuned-1", 0), "tuned-1", 1, 0)
    assert (loss.item(), figures["reward"]) == (0.0, 0.0)
    loss.backward()
    assert not any(weight.grad.any() for weight in run.policy.network.parameters() if weight.grad is not None)


def test_tuning_raises_the_reward(tmp_path: Path) -> None:
    args = small("Colorization", tmp_path, mle_steps=30, mle_learning_rate=3e-3, iterations=1, steps=60, batch_size=8)
    train(replace(args, samples=4, learning_rate=1e-2, save_steps=500, model=replace(MODEL, hidden_size=32)))
    rewards = np.reshape([row.reward for row in rollouts(tmp_path)], (60, 32)).mean(1)
    assert rewards[-10:].mean() > rewards[:10].mean() + 0.1


@pytest.mark.parametrize("optimizer", ["adafactor", "muon"])
def test_imitation_lowers_the_loss(optimizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    likelihood = _Run._likelihood_loss

    def recorded(self: _Run, *arguments: Any) -> Any:
        found = likelihood(self, *arguments)
        losses.append(found[0].item())
        return found

    monkeypatch.setattr(_Run, "_likelihood_loss", recorded)
    args = small("Captioning", tmp_path, mle_steps=40, iterations=1, steps=3, batch_size=16, objective="likelihood")
    points = train(replace(args, mle_optimizer=optimizer, mle_learning_rate=1e-2, save_steps=100))
    assert np.mean(losses[30:40]) < 0.8 * losses[0]
    assert len(losses) == 43
    assert [(point.policy, point.executed) for point in points] == [("mle", 0), ("continued-1", 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_drawn_can_be_read_again(kind: str, tmp_path: Path, progress: Progress) -> None:
    args = small(kind, tmp_path)
    points = train(args)
    rows = list(Experience(tmp_path / "experience").rows())
    drawn, evaluated = ([row for row in rows if row.phase == phase] for phase in ("rollout", "evaluate"))
    steps = [(iteration, step) for iteration in (1, 2) for step in range(1, 6) for _ in range(6)]
    assert [(row.iteration, row.step) for row in drawn] == steps
    assert [row.policy for row in evaluated] == [point.policy for point in points for _ in range(5)]
    assert [point.executed for point in points] == [0, 30, 60]
    assert [point.trained_on for point in points] == [15, 15, 15]
    run = _Run(args, Accelerator(), progress, [])
    for row in rows:
        env = run.env if row.split == "train" else run.eval_env
        action = run.policy.codec.decode(row.token_ids, np.exp(row.log_probs))
        sample = env.dataset.sample(env.dataset.position(row.sample_id))
        assert env.score([sample], [action])[0].reward == row.reward
        assert len(row.token_ids) == len(row.log_probs)
        assert all(math.isfinite(log_prob) and log_prob <= 0 for log_prob in row.log_probs)
        assert row.reply == (action if kind == "Captioning" else "")
    for point in points:
        mine = [row for row in evaluated if row.policy == point.policy]
        assert point.reward == pytest.approx(np.mean([row.reward for row in mine]))
        policy = load_policy(tmp_path / "policies" / point.policy)
        for row in mine:  # greedy answers of the policy that was saved
            sample = run.eval_env.dataset.sample(run.eval_env.dataset.position(row.sample_id))
            tokens, _, _ = policy.draw([run.eval_env.observe(sample)])
            assert tuple(tokens[0, : len(row.token_ids)].tolist()) == row.token_ids
    policy = load_policy(tmp_path / "policies" / "mle")
    if isinstance(policy.codec, BoxCodec):
        policy.begin_confidence(policy.codec)  # as tuning for mAP does first
    for row in drawn[:6]:
        sample = run.env.dataset.sample(run.env.dataset.position(row.sample_id))
        expected = teacher_forced(policy, [run.env.observe(sample)], torch.tensor([row.token_ids]))
        torch.testing.assert_close(torch.tensor(row.log_probs), expected[0], rtol=0, atol=1e-4)


def test_an_epoch_shows_each_picture_once(tmp_path: Path, progress: Progress) -> None:
    run = _Run(small("Colorization", tmp_path, batch_size=7), Accelerator(), progress, [])
    size = len(run.env.dataset)
    shown = [each.sample.sample_id for step in range(2 * size // 7 + 1) for each in run._batch("mle", step)]
    assert set(Counter(shown[:size]).values()) == set(Counter(shown[size : 2 * size]).values()) == {1}
    assert shown[:size] != shown[size : 2 * size]


class Stopped(Exception):
    """As if the process had been killed."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_decoder("gpt2", tmp_path_factory.mktemp("decoder"))  # which has dropout


def stop_at(patch: pytest.MonkeyPatch, where: str) -> None:
    """Stop before a step of a phase, or before its point is written."""
    name, _, step = where.rpartition(" ")
    before = _Run._batch
    write = task_reward.write_curve

    def batch(self: _Run, phase: str, number: int) -> Any:
        if f"{phase} {number}" == where:
            raise Stopped
        return before(self, phase, number)

    def curve(run_dir: Path, settings: Any, points: Any) -> None:
        if step == "end" and points and points[-1].policy == name:
            raise Stopped
        write(run_dir, settings, points)

    patch.setattr(_Run, "_batch", batch)
    patch.setattr(task_reward, "write_curve", curve)


@pytest.mark.parametrize("kind", ["Detection", "Captioning"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(kind: str, checkpoint: str, tmp_path: Path) -> None:
    model = replace(MODEL, decoder=checkpoint if kind == "Captioning" else "")
    optimizer: Any = "muon" if kind == "Detection" else "adafactor"
    args = small(kind, tmp_path / "whole", model=model, mle_optimizer=optimizer, learning_rate=1e-3)
    points = train(args)
    assert [point.policy for point in points] == ["mle", "tuned-1", "tuned-2"]
    stopped = replace(args, run_dir=tmp_path / "stopped")
    for where in ("mle 1", "mle 3", "mle end", "tuned-1 0", "tuned-1 3", "tuned-1 end", "tuned-2 4"):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, where)
            with pytest.raises(Stopped):
                train(stopped)
    assert train(stopped) == points
    assert contents(stopped.run_dir) == contents(args.run_dir)
    assert not (stopped.run_dir / "state.pt").exists()


def test_how_often_it_is_saved_changes_no_result(tmp_path: Path) -> None:
    args = small("Colorization", tmp_path / "whole", iterations=1, steps=6)
    other = replace(args, run_dir=tmp_path / "other", save_steps=3)
    points, others = train(args), train(other)
    assert [point.metric for point in points] == [point.metric for point in others]
    assert rollouts(other.run_dir) == rollouts(args.run_dir)
    with pytest.raises(UsageError, match="--save-steps 3"):  # chunks of answers begin where it was saved
        train(replace(other, save_steps=2))


def test_a_run_without_a_point_has_settings_too(tmp_path: Path) -> None:
    """Else what is left of it, such as logged answers, would be taken for that of other settings."""
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, "mle end")
        with pytest.raises(Stopped):
            train(small("Colorization", tmp_path, mle_steps=1))
    assert Experience(tmp_path / "experience").keys() == ["000-9-evaluate"]
    with pytest.raises(UsageError, match="--seed 0"):
        train(small("Colorization", tmp_path, mle_steps=1, seed=1))


def test_more_iterations_can_be_asked_of_a_finished_run(tmp_path: Path) -> None:
    args = small("Colorization", tmp_path / "whole", iterations=2)
    points = train(args)
    later = replace(args, run_dir=tmp_path / "later")
    assert train(replace(later, iterations=0)) == points[:1]
    assert train(replace(later, iterations=1)) == points[:2]
    state = torch.get_rng_state()
    assert train(later) == points
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state is kept"
    mine, others = contents(later.run_dir), contents(args.run_dir)
    assert mine.pop("curve.json") == others.pop("curve.json")
    assert mine == others
    assert train(replace(later, iterations=1)) == points[:2], "fewer are read"
    with pytest.raises(UsageError, match="--seed 0"):
        train(replace(later, seed=1))
    with pytest.raises(UsageError, match="objective"):
        train(replace(later, objective="likelihood"))
    with pytest.raises(UsageError, match="grid"):
        train(replace(later, sequence=replace(SHORT, grid=3)))


def test_runs_can_share_their_beginning(tmp_path: Path) -> None:
    start = small("Colorization", tmp_path / "start", iterations=0)
    (mle,) = train(start)
    shared = replace(start, iterations=1, init=start.run_dir / "policies" / "mle", learning_rate=1e-3)
    tuned = train(replace(shared, run_dir=tmp_path / "tuned"))
    control = train(replace(shared, run_dir=tmp_path / "control", objective="likelihood"))
    assert [point.policy for point in tuned] == ["init", "tuned-1"]
    assert [point.policy for point in control] == ["init", "continued-1"]
    for first in (tuned[0], control[0]):
        assert (first.reward, first.metric, first.trained_on) == (mle.reward, mle.metric, 0)
    assert contents(tmp_path / "tuned" / "policies" / "init") == contents(tmp_path / "control" / "policies" / "init")
    assert contents(tmp_path / "tuned" / "policies" / "tuned-1") != contents(tmp_path / "control" / "policies" / "continued-1")
    train(replace(shared, run_dir=tmp_path / "whole", init=None))  # goes on with the same steps
    assert contents(tmp_path / "whole" / "policies" / "tuned-1") == contents(tmp_path / "tuned" / "policies" / "tuned-1")


def test_words_that_a_shared_policy_does_not_know_have_a_loss(tmp_path: Path, progress: Progress) -> None:
    start = small("Captioning", tmp_path / "start", iterations=0, mle_steps=0)
    train(start)
    mini = Path(task_reward.open_reward_env(start.env, "val", None, "required", "map", 16).dataset.location.root)
    shutil.copytree(mini, tmp_path / "data")
    for path in (tmp_path / "data" / "annotations").glob("captions_*.json"):
        path.write_text(path.read_text().replace(" a ", " unheard-of "))
    init = start.run_dir / "policies" / "mle"
    run = _Run(small("Captioning", tmp_path / "run", data_dir=tmp_path / "data", init=init), Accelerator(), progress, [])
    for step in range(5):
        loss, _ = run._likelihood_loss(run._batch("continued-1", step), "continued-1", step)
        assert torch.isfinite(loss)


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    """As launchers start them: `accelerate launch --cpu` itself asks for MPI, and else starts one process only."""
    start = small("Detection", tmp_path / "start", iterations=0, mle_steps=1)
    train(start)
    shape = "--image-size 16 --bins 6 --most-boxes 3 --batch-size 10 --eval-pictures 5 --steps 6 --iterations 1 --save-steps 4"
    init = str(start.run_dir / "policies" / "mle")
    command = [sys.executable, "-m", "vispro_agents", "task-reward", "--run-dir", str(tmp_path / "run"), "--init", init]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    shared |= {"ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [*command, *shape.split()], env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in ("0", "1")
    ]
    errors = [process.communicate(timeout=200)[1].decode()[-2000:] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert (tmp_path / "run" / ".lock-1").exists(), "there were two"
    rows = rollouts(tmp_path / "run")
    assert Counter(row.step for row in rows) == dict.fromkeys(range(1, 7), 20)
    seen = Counter(row.sample_id for row in rows)
    assert (len(seen), set(seen.values())) == (60, {2}), "an epoch of six steps shows all 60 pictures, each to one of the two"
    evaluated = [row for row in Experience(tmp_path / "run" / "experience").rows(phases=["evaluate"]) if row.iteration == 1]
    assert len({row.sample_id for row in evaluated}) == len(evaluated) == 5
    assert [point["policy"] for point in json.loads((tmp_path / "run" / "curve.json").read_text())["points"]] == [
        "init",
        "tuned-1",
    ]


@pytest.mark.parametrize("kind", ["Detection", "Captioning"])
def test_the_commands_on_real_pictures(
    kind: str, realdata: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "coco", tmp_path / "run"
    (data / "annotations").mkdir(parents=True)
    source = realdata / "coco"
    for part in ("train2017", "val2017"):
        (data / part).symlink_to(source / part)
        for name, file in (("instances", f"instances_{part}.json"), ("captions", "captions_tiny.json")):
            shutil.copy(source / "annotations" / file, data / "annotations" / f"{name}_{part}.json")
    settings = {
        "run-dir": run, "env": f"TaskReward-{kind}-v0", "data-dir": data, "encoder": save_encoder(tmp_path / "vit"),
        "decoder": checkpoint, "mle-steps": 2, "iterations": 1, "steps": 2, "batch-size": 3, "eval-pictures": 4,
        "bins": 8, "most-boxes": 3, "caption-tokens": 6, "images": "optional",  # captions are of pictures that are not there
    }  # fmt: skip
    arguments = ["task-reward", *(part for name, value in settings.items() for part in (f"--{name}", str(value)))]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "tuned-1: held-out reward" in out
    assert f"vispro-agents reward-analysis {run}" in out
    assert main(["reward-analysis", str(run), "--pictures", "3", "--draws", "3"]) == 0
    assert str(run / "analysis") in capsys.readouterr().out
    assert json.loads((run / "analysis" / "analysis.json").read_text())["pictures"] == 3
    assert main([*arguments, "--seed", "1"]) == 2
    assert "--seed 0" in capsys.readouterr().err


def test_confidences_count_once_they_are_learned(tmp_path: Path) -> None:
    start = small("Detection", tmp_path / "start", iterations=0, mle_steps=1)
    train(start)
    assert not load_policy(start.run_dir / "policies" / "mle").codec.settings()["is_confident"]
    for reward in ("recall", "map"):
        args = small("Detection", tmp_path / reward, iterations=1, reward=reward, init=start.run_dir / "policies" / "mle")
        train(args)
        assert load_policy(args.run_dir / "policies" / "tuned-1").codec.settings()["is_confident"] == (reward == "map")
