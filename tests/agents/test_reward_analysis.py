"""What tuning did: choosing among answers by hand, figures that show something, and what is refused."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from vispro_agents import reward_analysis, task_reward
from vispro_agents.curve import Point, read_curve, write_curve
from vispro_agents.errors import UsageError
from vispro_agents.reward_analysis import Args, Drawn, _best_of_n, _chosen, _distribution, run
from vispro_agents.task_reward_setup import SequenceArgs, open_reward_env
from vispro_agents.vision_model import VisionModelArgs, load_policy

FIGURES = ("distribution.png", "tuning.png", "best_of_n.png")
QUIET = Console(file=io.StringIO())
TRAINING = task_reward.Args(
    env="TaskReward-Colorization-v0", mle_steps=10, iterations=2, steps=5, batch_size=4, eval_pictures=6, log_with=(),
    mle_learning_rate=3e-3, learning_rate=1e-2, sequence=SequenceArgs(grid=2),
    model=VisionModelArgs(image_size=16, patch_size=8, hidden_size=16, encoder_layers=1, decoder_layers=1, heads=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two iterations; tests write elsewhere."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    task_reward.train(replace(TRAINING, run_dir=folder))
    return folder


@pytest.fixture(scope="module")
def analysed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("analysed") / "analysis"
    return out, run(Args(trained, pictures=5, draws=8, out=out), QUIET)


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.array(image.convert("RGB"))


def drawn(seed: int, pictures: int = 6, draws: int = 8) -> Drawn:
    rng = np.random.default_rng(seed)
    shape = (pictures, draws)
    return Drawn(rng.normal(size=shape).round(1), -rng.random(shape).round(1), rng.normal(size=pictures))


@given(seed=st.integers(0, 2**32 - 1), pictures=st.integers(1, 4), draws=st.integers(1, 9), n=st.integers(1, 9))
def test_choosing_among_n_answers(seed: int, pictures: int, draws: int, n: int) -> None:
    """Answers of a picture in groups of n, one group after the other; the first of those that are equally good."""
    one = drawn(seed, pictures, draws)
    n = min(n, draws)
    for keys in (one.rewards, one.log_probs):
        chosen = []
        for i in range(pictures):
            for start in range(0, draws - n + 1, n):
                place = max(range(start, start + n), key=lambda j: (keys[i, j], -j))
                chosen.append(one.rewards[i, place])
        assert _chosen(one.rewards, keys, n) == pytest.approx(np.mean(chosen))


def test_best_of_n_grows_and_begins_at_one_draw(tmp_path: Path) -> None:
    before, after = drawn(0, 40, 20), drawn(1, 40, 20)
    found = _best_of_n(before, after, tmp_path / "figure.png")
    assert found["n"] == [1, 2, 4, 8, 16]
    assert found["best"] == sorted(found["best"])
    assert found["best"][0] == found["most_likely"][0] == pytest.approx(before.rewards.mean())
    assert all(likely <= best for likely, best in zip(found["most_likely"], found["best"], strict=True))
    assert found["greedy_before"] == before.greedy.mean()
    assert found["draw_after"] == after.rewards.mean()
    assert found["greedy_after"] == after.greedy.mean()


@pytest.mark.parametrize("same", [0.0, 1.5])
def test_a_distribution_of_one_value_can_be_drawn(same: float, tmp_path: Path) -> None:
    flat = Drawn(np.full((3, 4), same), np.zeros((3, 4)), np.full(3, same))
    found = _distribution(flat, flat, tmp_path / "figure.png")
    assert (found["before"]["mean"], found["after"]["std_within_pictures"]) == (same, 0.0)
    assert pixels(tmp_path / "figure.png").std() > 1


def test_the_numbers_are_those_of_the_answers(trained: Path, analysed: tuple[Path, dict[str, Any]]) -> None:
    out, numbers = analysed
    assert json.loads((out / "analysis.json").read_text()) == numbers
    assert numbers.keys() == {"pictures", "distribution", "tuning", "best_of_n"}
    assert numbers["pictures"] == 5
    assert numbers["best_of_n"]["n"] == [1, 2, 4, 8]
    _, points = read_curve(trained)
    assert numbers["tuning"] == [{"policy": p.policy, "reward": p.reward, "metric": p.metric} for p in points]

    # by hand: the first policy's answers to these pictures, one picture after the other
    policy = load_policy(trained / "policies" / "mle")
    env = open_reward_env(TRAINING.env, "val", None, "required", "map", 16)
    positions = reward_analysis.choose_positions(len(env.dataset), 5, 0)
    samples = [env.dataset.sample(position) for position in positions]
    shown = [env.observe(sample) for sample in samples]
    _, log_probs, actions = policy.draw(shown, 8, 0)
    rewards = np.array([[env.score([samples[i]], [actions[8 * i + j]])[0].reward for j in range(8)] for i in range(5)])
    greedy = [env.score([sample], policy.draw([picture])[2])[0].reward for sample, picture in zip(samples, shown, strict=True)]
    before = numbers["distribution"]["before"]
    assert before["mean"] == pytest.approx(rewards.mean())
    assert before["std"] == pytest.approx(rewards.std())
    assert before["std_within_pictures"] == pytest.approx(np.mean([row.std() for row in rewards]))
    assert before["quantiles"]["0.5"] == pytest.approx(np.median(rewards))
    assert numbers["best_of_n"]["best"][-1] == pytest.approx(rewards.max(1).mean())
    likeliest = log_probs.sum(1).reshape(5, 8).argmax(1)
    assert numbers["best_of_n"]["most_likely"][-1] == pytest.approx(rewards[range(5), likeliest].mean())
    assert numbers["best_of_n"]["greedy_before"] == pytest.approx(np.mean(greedy))
    assert numbers["best_of_n"]["draw_after"] == numbers["distribution"]["after"]["mean"]


def test_figures_show_something_that_depends_on_the_run(analysed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, _ = analysed
    other = tmp_path / "other"
    task_reward.train(replace(TRAINING, run_dir=other, seed=1, iterations=1))
    run(Args(other, pictures=5, draws=8), QUIET)
    for name in FIGURES:
        mine, others = pixels(out / name), pixels(other / "analysis" / name)
        assert mine.shape == others.shape
        assert min(mine.shape[:2]) > 300
        assert len(np.unique(mine.reshape(-1, 3), axis=0)) > 20, "there are lines and letters"
        assert 0.001 < (mine != mine[0, 0]).any(-1).mean() < 0.6
        assert (mine != others).any(-1).mean() > 0.001


def test_the_same_seed_draws_the_same_answers(trained: Path, analysed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, numbers = analysed
    again = run(Args(trained, pictures=5, draws=8, out=tmp_path / "again"), QUIET)
    assert again == numbers
    assert all((tmp_path / "again" / name).read_bytes() == (out / name).read_bytes() for name in FIGURES)
    other = run(Args(trained, pictures=5, draws=8, seed=1, out=tmp_path / "other"), QUIET)
    assert other["distribution"] != numbers["distribution"]


def test_more_pictures_than_there_are_and_another_split(trained: Path, tmp_path: Path) -> None:
    """More than a batch of them, too."""
    assert run(Args(trained, pictures=1000, draws=2, out=tmp_path / "val"), QUIET)["pictures"] == 30
    numbers = run(Args(trained, split="train", draws=2, out=tmp_path / "train"), QUIET)
    assert numbers["pictures"] == 60
    assert all(math.isfinite(value) for value in numbers["best_of_n"]["best"])


def test_what_cannot_be_analysed_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--draws 1"):
        run(Args(trained, draws=1), QUIET)
    with pytest.raises(UsageError, match="--pictures 0"):
        run(Args(trained, pictures=0), QUIET)
    with pytest.raises(UsageError, match="holds no training run"):
        run(Args(tmp_path / "nothing"), QUIET)
    settings, points = read_curve(trained)
    write_curve(tmp_path / "short", settings, points[:1])
    with pytest.raises(UsageError, match="no policy tuned with a task reward yet"):
        run(Args(tmp_path / "short"), QUIET)
    write_curve(tmp_path / "other", {"learner": "reinforce"}, [Point("base", 0, 0.5), Point("iteration-1", 1, 0.6)])
    with pytest.raises(UsageError, match="no policy tuned with a task reward yet"):
        run(Args(tmp_path / "other"), QUIET)
    write_curve(tmp_path / "gone", settings, points)
    with pytest.raises(UsageError, match="holds no vision policy"):
        run(Args(tmp_path / "gone"), QUIET)


def test_a_control_was_not_tuned(tmp_path: Path) -> None:
    """Its iterations raise likelihoods: figures that say "after tuning" would be wrong."""
    task_reward.train(replace(TRAINING, run_dir=tmp_path, iterations=1, objective="likelihood"))
    with pytest.raises(UsageError):
        run(Args(tmp_path, pictures=2, draws=2), QUIET)
