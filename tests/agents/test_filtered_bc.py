"""Filtered behaviour cloning in miniature: what is trained on, that it is reproducible, and that it resumes."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from vispro_agents.curve import last_policy_path
from vispro_agents.errors import UsageError
from vispro_agents.evaluate import evaluate
from vispro_agents.experience import Experience, Row
from vispro_agents.filtered_bc import Args, select_pairs, train
from vispro_agents.imitation import ImitationArgs
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.transformers import ModelArgs
from vispro_gym.datasets.errors import DatasetError

ROW = Row(
    phase="grow", iteration=1, split="train", sample_id="1", draw=0, policy="mle", seed=0, query="q", reply="a", program="a",
    outcome="correct", reward=1.0,
)  # fmt: skip


def grown(program: str, reward: float, draw: int, **changes: object) -> Row:
    outcome = "correct" if reward else "wrong"
    return replace(ROW, program=program, reply=program, reward=reward, outcome=outcome, draw=draw, **changes)  # type: ignore[arg-type]


def test_only_rewarded_programs_are_chosen() -> None:
    rows = [grown("wrong", 0.0, 0), grown("right", 1.0, 1), replace(ROW, query="h", program=None, reward=0.0)]
    assert select_pairs(rows) == [("q", "right")]


def test_a_program_that_fails_elsewhere_gives_way_to_one_that_does_not() -> None:
    rows = [
        grown("lucky", 1.0, 0), grown("lucky", 1.0, 1), grown("lucky", 0.0, 0, sample_id="2"), grown("right", 1.0, 2),
    ]  # fmt: skip
    assert select_pairs(rows) == [("q", "right")]
    assert select_pairs(rows, cap=2) == [("q", "right"), ("q", "lucky")]


def test_of_equals_the_most_frequent_is_chosen_then_the_latest() -> None:
    rows = [grown("a", 1.0, 0), grown("b", 1.0, 1), grown("b", 1.0, 2), grown("a", 0.0, 3, query="r"), grown("c", 1.0, 4)]
    assert select_pairs(rows) == [("q", "b")]
    assert select_pairs([grown("b", 1.0, 0), grown("a", 1.0, 1)]) == [("q", "a")]
    assert select_pairs([grown("a", 1.0, 0), grown("b", 1.0, 1), grown("a", 1.0, 0, iteration=2)]) == [("q", "a")]


def test_without_a_cap_every_survivor_counts_once() -> None:
    rows = [grown("a", 1.0, 0), grown("a", 1.0, 1), grown("b", 1.0, 2), grown("c", 0.0, 3), grown("a", 1.0, 0, query="r")]
    assert sorted(select_pairs(rows, cap=0)) == [("q", "a"), ("q", "b"), ("r", "a")]


def test_one_iteration_can_be_looked_at_alone() -> None:
    rows = [grown("a", 1.0, 0), grown("a", 0.0, 0, iteration=2), grown("b", 1.0, 0, query="r", iteration=2)]
    assert select_pairs(rows, cap=0, iteration=2) == [("r", "b")]


def test_a_correction_that_earned_its_reward_stands_for_its_query() -> None:
    rows = [
        grown("a", 1.0, 0), grown("fixed", 1.0, 0, phase="correction"),
        grown("b", 1.0, 0, query="r"), grown("wrong fix", 0.0, 0, query="r", phase="correction"),
        grown("only", 1.0, 0, query="s", phase="correction"),
    ]  # fmt: skip
    assert select_pairs(rows) == [("q", "fixed"), ("r", "b"), ("s", "only")]


@pytest.fixture(scope="module")
def settings(small_gqa: Path) -> Args:
    return Args(
        data_dir=small_gqa, imitation=ImitationArgs(demonstrations=16, mle_epochs=2, mle_variants=11), iterations=2, queries=24,
        samples=2, eval_episodes=20, semantic_scenes=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(settings: Args, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    train(replace(settings, run_dir=folder))
    return folder


def experience(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "experience").iterdir()}


def weights(folder: Path, policy: str) -> bytes:
    return (folder / "policies" / policy / "model.safetensors").read_bytes()


def test_every_program_is_logged(run_dir: Path) -> None:
    rows = list(Experience(run_dir / "experience").rows())
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
    grow = [row for row in rows if row.phase == "grow"]
    assert all(row.token_ids and len(row.token_ids) == len(row.log_probs) and row.style == "comment" for row in grow)
    assert {row.question_type for row in grow} == {"exist", "directOf"}


def test_the_curve_tells_what_the_experience_holds(run_dir: Path) -> None:
    rows = list(Experience(run_dir / "experience").rows())
    points = json.loads((run_dir / "curve.json").read_text())["points"]
    assert [point["policy"] for point in points] == ["base", "mle", "iteration-1", "iteration-2"]
    for point in points:
        evaluated = [row for row in rows if row.phase == "evaluate" and row.policy == point["policy"]]
        assert point["reward"] == sum(row.reward for row in evaluated) / 20
        checked = [row.semantic for row in evaluated if row.semantic is not None]
        assert checked and point["semantic"] == sum(checked) / len(checked)
        assert not any(row.semantic and not row.reward for row in evaluated)
        assert sum(point["outcomes"].values()) == 20
    for point in points[2:]:
        chosen = select_pairs([row for row in rows if row.phase == "grow" and row.iteration <= point["iteration"]])
        assert point["trained_on"] == 16 + len(chosen)
    rewards = [row.reward for row in rows if row.phase == "grow" and row.iteration == 2]
    assert points[3]["grow_reward"] == sum(rewards) / 48
    assert [point["executed"] for point in points] == [0, 0, 48, 96]
    assert any(rewards), "no program earned a reward: the run is too small to test anything"


def test_a_run_is_its_last_policy(run_dir: Path, settings: Args) -> None:
    path = last_policy_path(run_dir)
    assert path.name == "iteration-2"
    by_run = evaluate(str(run_dir), settings.env, data_dir=settings.data_dir)
    by_path = evaluate(str(path), settings.env, data_dir=settings.data_dir)
    assert by_run == by_path
    assert by_run.policy == "iteration-2"


def test_the_seed_decides_everything(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    train(replace(settings, run_dir=again, iterations=1))
    train(replace(settings, run_dir=again))  # more iterations may be asked for later
    points = [json.loads((folder / "curve.json").read_text())["points"] for folder in (again, run_dir)]
    assert points[0] == points[1]
    assert experience(again) == experience(run_dir)
    assert weights(again, "iteration-2") == weights(run_dir, "iteration-2")
    train(replace(settings, run_dir=other, iterations=0, seed=1))
    assert weights(other, "mle") != weights(run_dir, "mle")


def test_what_was_tried_in_an_unfinished_phase_is_read(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(run_dir, folder)
    shutil.rmtree(folder / "policies" / "iteration-2")
    curve = json.loads((folder / "curve.json").read_text())
    (folder / "curve.json").write_text(json.dumps({**curve, "points": curve["points"][:3]}))
    (folder / "experience" / "002-9-evaluate-iteration2-00000.parquet").unlink()
    grow = folder / "experience" / "002-0-grow-00000.parquet"
    before = grow.stat().st_mtime_ns

    train(replace(settings, run_dir=folder))
    assert grow.stat().st_mtime_ns == before
    assert (folder / "curve.json").read_bytes() == (run_dir / "curve.json").read_bytes()
    assert experience(folder) == experience(run_dir)
    assert weights(folder, "iteration-2") == weights(run_dir, "iteration-2")


def test_a_finished_run_is_not_run_again(run_dir: Path, settings: Args) -> None:
    before = experience(run_dir)
    assert [point.policy for point in train(replace(settings, run_dir=run_dir))][-1] == "iteration-2"
    assert [point.policy for point in train(replace(settings, run_dir=run_dir, iterations=1))][-1] == "iteration-1"
    assert experience(run_dir) == before


def test_a_run_with_other_settings_is_not_overwritten(run_dir: Path, settings: Args) -> None:
    with pytest.raises(
        UsageError, match=r"other settings: --seed 0 \(asked is 1\), --temperature [\d.]+ \(asked is 0.5\)\. To go on"
    ):
        train(replace(settings, run_dir=run_dir, seed=1, temperature=0.5))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"env": "VisProg-GQQ-v0"}, "VisProg-GQQ-v0"),
        ({"data_dir": Path("/no/such/folder")}, "/no/such/folder"),
        ({"model": ModelArgs(model="/no/such/model")}, "/no/such/model"),
        ({"log_with": ("wandb",)}, "pip install wandb"),
        ({"sampler": "vllm", "model": ModelArgs(model="some/model")}, "vllm"),
        ({"model": ModelArgs(device="abacus")}, "--device 'abacus' is unknown"),
        ({"iterations": -1}, "--iterations -1"),
        ({"eval_episodes": 0}, "--eval-episodes 0"),
        ({"cap": -1}, "--cap -1"),
        ({"improve_epochs": -1}, "--improve-epochs -1"),
        ({"improve_learning_rate": 0.0}, "--improve-learning-rate 0.0"),
    ],
)
def test_a_mistake_leaves_no_trace(
    settings: Args, tmp_path: Path, wrong: dict[str, object], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong command names what is wrong, and the right one after it begins as if nothing had been."""
    for library in ("wandb", "vllm"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    folder = tmp_path / "run"
    with pytest.raises((UsageError, DatasetError), match=named):
        train(replace(settings, **{"run_dir": folder, "iterations": 0, **wrong}))  # type: ignore[arg-type]
    imitation = ImitationArgs(demonstrations=8, mle_epochs=0)
    right = replace(settings, run_dir=folder, iterations=0, eval_episodes=2, imitation=imitation)
    assert [point.policy for point in train(right)] == ["base"]


@pytest.mark.parametrize("number", ["demonstrations", "mle_variants", "mle_epochs", "mle_learning_rate"])
def test_imitation_takes_no_negative_numbers(number: str) -> None:
    with pytest.raises(UsageError, match=f"--{number.replace('_', '-')} -1 makes no sense"):
        ImitationArgs(**{number: -1})


def test_a_run_stands_for_its_last_policy_as_a_model_too(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    model = ModelArgs(model=str(run_dir))
    imitation = ImitationArgs(demonstrations=0)
    (point,) = train(replace(settings, run_dir=tmp_path, iterations=0, eval_episodes=2, model=model, imitation=imitation))
    weights = [folder / "model.safetensors" for folder in (tmp_path / "policies" / point.policy, last_policy_path(run_dir))]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_edited_corrections_are_another_run(settings: Args, tmp_path: Path) -> None:
    file = tmp_path / "corrections.yaml"
    program = "def execute_command(image):\n    return 'yes'\n"
    file.write_text(json.dumps([{"query": "Is there a cup?", "program": program}]))
    imitation = ImitationArgs(demonstrations=8, mle_epochs=0)
    args = replace(
        settings,
        run_dir=tmp_path / "run",
        iterations=0,
        eval_episodes=2,
        imitation=imitation,
        corrections=file,
        semantic_scenes=0,
    )
    train(args)
    moved = file.rename(tmp_path / "moved.yaml")
    train(replace(args, corrections=moved))
    moved.write_text(json.dumps([{"query": "Is there a cup?", "program": program.replace("yes", "no")}]))
    with pytest.raises(UsageError, match="other settings: --corrections"):
        train(replace(args, corrections=moved))


def test_from_the_start_each_time(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    """Without training, an iteration that begins anew has the weights of the imitation, whatever came before."""
    start = run_dir / "policies" / "mle"
    imitation = replace(settings.imitation, mle_epochs=0)
    model = replace(settings.model, model=str(start))
    args = replace(settings, run_dir=tmp_path / "run", model=model, imitation=imitation, carry_over=False, improve_epochs=0)
    points = train(args)
    assert [point.policy for point in points] == ["base", "iteration-1", "iteration-2"]
    assert weights(tmp_path / "run", "iteration-2") == weights(run_dir, "mle") == weights(tmp_path / "run", "base")


def test_corrections_are_tried_and_learned_from(run_dir: Path, settings: Args, tmp_path: Path) -> None:
    file = tmp_path / "corrections.jsonl"
    right = "def execute_command(image):\n    return ImagePatch(image).find('$thing')[0].simple_query('What color is this?')\n"
    wrong = "def execute_command(image):\n    return 'blue whale'\n"
    entries = [
        {"pattern": r"What color is the (?P<thing>\w+)\?", "program": right},
        {"pattern": r"Is there a .*", "program": wrong},
    ]
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    model = replace(settings.model, model=str(run_dir / "policies" / "mle"))
    imitation = replace(settings.imitation, mle_epochs=0)
    args = replace(settings, run_dir=tmp_path / "run", model=model, imitation=imitation, corrections=file, iterations=1)
    train(args)
    rows = list(Experience(tmp_path / "run" / "experience").rows(phases=("grow", "correction")))
    corrected = [row for row in rows if row.phase == "correction"]
    assert len(corrected) == len({row.sample_id for row in rows}) == 24
    assert {(row.question_type, row.reward) for row in corrected} == {("directOf", 1.0), ("exist", 0.0)}
    chosen = dict(select_pairs(rows))
    assert all(chosen[row.query] == row.program for row in corrected if row.reward)
    assert "blue whale" not in str(chosen)


def test_two_processes_do_not_share_a_folder(run_dir: Path, settings: Args) -> None:
    from vispro_agents.run import open_run

    with open_run(replace(settings, run_dir=run_dir)), pytest.raises(UsageError, match="Another process trains"):
        train(replace(settings, run_dir=run_dir))


def test_progress_is_printed(settings: Args, tmp_path: Path) -> None:
    imitation = ImitationArgs(demonstrations=16, mle_epochs=1, mle_variants=0)
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as file:
        again = replace(settings, run_dir=tmp_path / "run", iterations=0, imitation=imitation, eval_split="train")
        train(again, Console(file=file, width=100))
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert "measured on what they learn from" in text
    assert "base: held-out reward" in text
    assert "mle: held-out reward" in text
    assert LanguageModelPolicy.load(tmp_path / "run" / "policies" / "mle").name == "mle"


def test_there_must_be_something_to_imitate(settings: Args, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Ask for some, or name a trained --model"):
        train(replace(settings, run_dir=tmp_path / "run", imitation=ImitationArgs(demonstrations=0)))


def test_figures_are_logged(run_dir: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard"))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("iteration/reward")]
    points = json.loads((run_dir / "curve.json").read_text())["points"]
    steps = (1, 2, 48 + 3, 96 + 4)  # programs sampled so far, and points
    assert logged == [(step, pytest.approx(point["reward"])) for step, point in zip(steps, points, strict=True)]
    assert len(events.Scalars("cloning/loss")) == 3
