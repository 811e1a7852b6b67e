"""Filtered behaviour cloning in miniature: what is trained on, that it is reproducible, and that it resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from vispro_agents.errors import UsageError
from vispro_agents.evaluate import evaluate
from vispro_agents.experience import Experience, Row
from vispro_agents.filtered_bc import Args, best_policy_path, select_pairs, train
from vispro_agents.policies.tiny import TinyPolicy

ROW = Row(
    phase="grow", iteration=1, split="train", sample_id="1", draw=0, policy="mle", seed=0, query="q", reply="a", program="a",
    outcome="correct", reward=1.0,
)  # fmt: skip


def grown(program: str, reward: float, draw: int, **changes: object) -> Row:
    outcome = "correct" if reward else "wrong"
    return replace(ROW, program=program, reply=program, reward=reward, outcome=outcome, draw=draw, **changes)  # type: ignore[arg-type]


def test_only_rewarded_programs_of_the_right_phases_are_chosen() -> None:
    rows = [
        replace(ROW, phase="demonstration", query="d", program="good"),
        replace(ROW, phase="demonstration", query="e", program="bad", reward=0.0),
        replace(ROW, phase="evaluate", query="f", program="held out"),
        grown("wrong", 0.0, 0, query="g"),
        grown("right", 1.0, 1, query="g"),
        replace(ROW, query="h", program=None, reward=0.0),
    ]
    assert select_pairs(rows) == [("d", "good"), ("g", "right")]


def test_a_program_that_fails_elsewhere_gives_way_to_one_that_does_not() -> None:
    rows = [
        grown("lucky", 1.0, 0), grown("lucky", 1.0, 1), grown("lucky", 0.0, 0, sample_id="2"), grown("right", 1.0, 2),
    ]  # fmt: skip
    assert select_pairs(rows) == [("q", "right")]


def test_of_equals_the_most_frequent_is_chosen_then_the_latest() -> None:
    rows = [grown("a", 1.0, 0), grown("b", 1.0, 1), grown("b", 1.0, 2), grown("a", 0.0, 3, query="r"), grown("c", 1.0, 4)]
    assert select_pairs(rows) == [("q", "b")]
    assert select_pairs([grown("b", 1.0, 0), grown("a", 1.0, 1)]) == [("q", "a")]
    assert select_pairs([grown("a", 1.0, 0), grown("b", 1.0, 1), grown("a", 1.0, 0, iteration=2)]) == [("q", "a")]


@pytest.fixture(scope="module")
def settings(small_gqa: Path) -> Args:
    return Args(
        data_dir=small_gqa, demonstrations=16, mle_epochs=2, mle_variants=11, iterations=2, queries=24, samples=2,
        batch_size=8, eval_episodes=20,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(settings: Args, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    train(replace(settings, run_dir=folder))
    return folder


def test_every_program_is_logged(run_dir: Path) -> None:
    rows = Experience(run_dir / "experience.jsonl").read()
    count = {
        (phase, iteration): sum(row.phase == phase and row.iteration == iteration for row in rows)
        for phase in ("demonstration", "grow", "evaluate")
        for iteration in (0, 1, 2)
    }
    assert count == {
        ("demonstration", 0): 16, ("demonstration", 1): 0, ("demonstration", 2): 0,
        ("grow", 0): 0, ("grow", 1): 48, ("grow", 2): 48,
        ("evaluate", 0): 40, ("evaluate", 1): 20, ("evaluate", 2): 20,
    }  # fmt: skip
    assert {row.split for row in rows if row.phase == "evaluate"} == {"val"}
    assert {row.split for row in rows if row.phase != "evaluate"} == {"train"}
    assert all((row.reward == 1.0) == (row.outcome == "correct") for row in rows)


def test_the_curve_tells_what_the_experience_holds(run_dir: Path) -> None:
    rows = Experience(run_dir / "experience.jsonl").read()
    points = json.loads((run_dir / "curve.json").read_text())["points"]
    assert [point["policy"] for point in points] == ["untrained", "mle", "iteration-1", "iteration-2"]
    for point in points:
        rewards = [row.reward for row in rows if row.phase == "evaluate" and row.policy == point["policy"]]
        assert point["reward"] == sum(rewards) / 20
        assert sum(point["outcomes"].values()) == 20
    for point in points[1:]:
        chosen = select_pairs([row for row in rows if row.iteration <= point["iteration"]])
        assert point["trained_on"] == len(chosen)
    rewards = [row.reward for row in rows if row.phase == "grow" and row.iteration == 2]
    assert points[3]["grow_reward"] == sum(rewards) / 48
    assert any(rewards), "no program earned a reward: the run is too small to test anything"


def test_the_best_policy_is_the_one_that_loads(run_dir: Path, settings: Args) -> None:
    points = json.loads((run_dir / "curve.json").read_text())["points"]
    best = max(point["reward"] for point in points)
    path = best_policy_path(run_dir)
    assert next(point["reward"] for point in points if point["policy"] == path.name) == best
    by_run = evaluate(str(run_dir), settings.env, data_dir=settings.data_dir)
    by_path = evaluate(str(path), settings.env, data_dir=settings.data_dir)
    assert by_run == by_path
    assert by_run.policy == path.name


def weights(run_dir: Path, policy: str) -> bytes:
    return (run_dir / "policies" / policy / "model.safetensors").read_bytes()


def test_the_seed_decides_everything(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    train(replace(settings, run_dir=again, iterations=1))
    train(replace(settings, run_dir=again))  # more iterations may be asked for later
    assert (again / "curve.json").read_bytes() == (run_dir / "curve.json").read_bytes()
    assert (again / "experience.jsonl").read_bytes() == (run_dir / "experience.jsonl").read_bytes()
    assert weights(again, "iteration-2") == weights(run_dir, "iteration-2")
    train(replace(settings, run_dir=other, iterations=0, seed=1))
    assert weights(other, "mle") != weights(run_dir, "mle")


def test_an_interrupted_run_ends_like_an_uninterrupted_one(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(run_dir, folder)
    shutil.rmtree(folder / "policies" / "iteration-2")
    curve = json.loads((folder / "curve.json").read_text())
    (folder / "curve.json").write_text(json.dumps({**curve, "points": curve["points"][:3]}))
    lines = (folder / "experience.jsonl").read_bytes().splitlines(keepends=True)
    # Cut in the middle of the last Grow, in the middle of a line.
    (folder / "experience.jsonl").write_bytes(b"".join(lines[: 16 + 40 + 48 + 20 + 30]) + lines[-1][:40])

    train(replace(settings, run_dir=folder))
    assert (folder / "curve.json").read_bytes() == (run_dir / "curve.json").read_bytes()
    assert Experience(folder / "experience.jsonl").read() == Experience(run_dir / "experience.jsonl").read()
    assert weights(folder, "iteration-2") == weights(run_dir, "iteration-2")


def test_a_finished_run_is_not_run_again(run_dir: Path, settings: Args) -> None:
    before = (run_dir / "experience.jsonl").read_bytes()
    assert [point.policy for point in train(replace(settings, run_dir=run_dir))][-1] == "iteration-2"
    assert [point.policy for point in train(replace(settings, run_dir=run_dir, iterations=1))][-1] == "iteration-1"
    assert (run_dir / "experience.jsonl").read_bytes() == before


def test_a_run_with_other_settings_is_not_overwritten(run_dir: Path, settings: Args) -> None:
    with pytest.raises(UsageError, match="with another seed, temperature"):
        train(replace(settings, run_dir=run_dir, seed=1, temperature=0.5))


def test_progress_is_printed(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as file:
        train(
            replace(settings, run_dir=tmp_path / "run", iterations=0, mle_epochs=1, mle_variants=0), Console(file=file, width=100)
        )
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert "untrained: held-out reward" in text
    assert "mle: held-out reward" in text
    assert TinyPolicy.load(tmp_path / "run" / "policies" / "mle").name == "mle"
