"""Evaluation: policies whose rewards are known in advance, and the command."""

from __future__ import annotations

import inspect
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vispro_agents.episodes import TypeScore, choose_positions, open_env
from vispro_agents.errors import UsageError
from vispro_agents.evaluate import EvaluateArgs, evaluate, run
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_agents.policies.tiny import create_tiny
from vispro_gym.registration import ENVIRONMENTS, EnvironmentRow

ENV = "VisProg-GQA-v0"


def answers(folder: Path, split: str = "val") -> list[str]:
    text = (folder / "questions1.2" / f"{split}_balanced_questions.json").read_text()
    return [question["answer"] for question in json.loads(text).values()]


def test_the_expert_earns_everything(small_gqa: Path) -> None:
    result = evaluate("expert", ENV, data_dir=small_gqa)
    assert (result.policy, result.split, result.episodes) == ("expert", "val", 40)
    assert result.reward == 1.0
    assert result.outcomes == {"correct": 40}
    assert result.metric["accuracy"] == 100.0
    assert result.semantic == 1.0
    assert result.by_type == {"query": TypeScore(20, 1.0, 1.0), "verify": TypeScore(20, 1.0, 1.0)}


def test_a_constant_earns_its_share_of_the_answers(small_gqa: Path) -> None:
    golds = Counter(answers(small_gqa))
    for answer in ("yes", "red"):
        result = evaluate(f"constant:{answer}", ENV, data_dir=small_gqa)
        assert 0 < golds[answer] < 40
        assert result.reward == golds[answer] / 40
        assert result.outcomes == {"correct": golds[answer], "wrong": 40 - golds[answer]}


@pytest.mark.parametrize("row", ENVIRONMENTS, ids=lambda row: row.dataset)
def test_every_environment_has_a_split_for_evaluation(row: EnvironmentRow) -> None:
    result = evaluate("expert", row.env_id, episodes=20)
    assert (result.split, result.reward) == (row.evaluation_split, 1.0)
    assert result.semantic == (1.0 if row.dataset in ("GQA", "CLEVR") else None)


def test_a_crash_earns_nothing(small_gqa: Path) -> None:
    result = evaluate("crash", ENV, data_dir=small_gqa, split="train")
    assert result.reward == 0.0
    assert result.outcomes == {"runtime_error": 80}
    assert result.metric["accuracy"] == 0.0


def test_some_episodes_are_a_seeded_choice(small_gqa: Path) -> None:
    assert evaluate("expert", ENV, data_dir=small_gqa, episodes=7).episodes == 7
    assert choose_positions(40, 7, 3) == choose_positions(40, 7, 3) != choose_positions(40, 7, 4)
    assert choose_positions(40, 9, 3)[:7] == choose_positions(40, 7, 3)
    assert sorted(choose_positions(40, 100, 3)) == choose_positions(40, None, 3) == list(range(40))


def test_progress_is_reported_to_the_end(small_gqa: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate("crash", ENV, data_dir=small_gqa, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (40, 40)


class Mute:
    name = "mute"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        return []


def test_a_policy_that_does_not_reply_is_named(small_gqa: Path) -> None:
    with pytest.raises(UsageError, match="'mute' was given 40 prompts and returned 0 replies"):
        evaluate(Mute(), ENV, data_dir=small_gqa)


@pytest.mark.parametrize("env_id", ["VisProg-Nope-v0", "no_such_module:X-v0", "CartPole-v1", "not an id"])
def test_an_environment_that_is_none_is_named(env_id: str) -> None:
    with pytest.raises(UsageError, match="The environment '.*' cannot be made"):
        open_env(env_id, "val")


def test_options_of_the_environment_and_the_official_submission(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    env = "VisProg-AOKVQA-v0"
    result = evaluate("expert", env, form="direct_answer", subset=None, episodes=20, submission=path)
    assert (result.reward, result.episodes) == (1.0, 20) and result.metric["direct_answer"] > 0
    assert len(json.loads(path.read_text())) == 20
    assert evaluate("constant:A", env, scorer="strict").reward < 0.6
    with pytest.raises(UsageError, match="would be in a folder that does not exist"):
        evaluate("expert", env, submission=tmp_path / "nowhere" / "predictions.json")
    with pytest.raises(UsageError, match="form='song' is unknown to AOKVQA"):
        evaluate("expert", env, form="song")


def test_policies_that_do_not_look_run_on_any_number_of_pictures() -> None:
    assert evaluate("constant:yes", "VisProg-NLVR-v0", split="dev", episodes=40).outcomes.keys() == {"correct", "wrong"}
    assert evaluate("crash", "VisProg-NLVR-v0", split="dev", episodes=4).outcomes == {"runtime_error": 4}


def arguments(folder: Path, *policies: str, **changes: Any) -> EvaluateArgs:
    return EvaluateArgs(policies, ENV, data_dir=folder, **changes)


def test_several_policies_make_a_leaderboard(small_gqa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "board.json"
    board = run(arguments(small_gqa, "crash", "expert", "constant:yes", out=out, json=True))
    assert [item.policy for item in board.evaluations] == ["expert", "constant:yes", "crash"]
    share = Counter(answers(small_gqa))["yes"] / 40
    assert [item.differences["reward"] for item in board.comparisons] == [share - 1.0, -1.0]
    table, _, line = capsys.readouterr().out.rstrip("\n").rpartition("\n")
    assert json.loads(line) == json.loads(out.read_text())
    assert json.loads(line)["policies"][1]["reward"] == share
    assert "difference to the" in table


def test_one_policy_is_written_as_markdown(small_gqa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "expert.md"
    run(arguments(small_gqa, "expert", out=out))
    assert "| expert | 1.0000 (1.000–1.000) |" in out.read_text()
    assert "semantic accuracy" in capsys.readouterr().out


def test_what_was_measured_survives_the_next_policy(small_gqa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "board.json"
    with pytest.raises(UsageError, match="'experts'"):
        run(arguments(small_gqa, "expert", "experts", "crash", out=out))
    assert [found["policy"] for found in json.loads(out.read_text())["policies"]] == ["expert"]
    assert "expert on VisProg-GQA-v0" in capsys.readouterr().out


class Yes:
    name = "same"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        return ["def execute_command(image):\n    return 'yes'\n"] * len(prompts)

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        replies = ["yes" if random.Random(f"{seed} {i}").random() < 0.5 else "no" for i in range(len(prompts))]
        return [Completion(f"def execute_command(image):\n    return {reply!r}\n") for reply in replies]


class No(Yes):
    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        return ["def execute_command(image):\n    return 'no'\n"] * len(prompts)


def test_policies_of_one_name_are_told_apart(small_gqa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "my_policies", sys.modules[__name__])
    board = run(arguments(small_gqa, "my_policies:Yes", "my_policies:No", samples=8, semantic_scenes=0))
    assert {item.policy for item in board.evaluations} == {"same", "same (my_policies:No)"}
    for item in board.evaluations:
        # Half of the questions are answered by yes or no, and half of the draws are right there.
        assert item.pass_at["pass@1"] == pytest.approx(0.25, abs=0.05)
        assert item.pass_at["pass@8"] == pytest.approx(0.5 * (1 - 0.5**8), abs=0.02)


def test_policies_of_folders_are_named_by_them(small_gqa: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_tiny(["Is there a cup?"], ["x"], seed=0, hidden_size=32, num_layers=1).save(tmp_path / name / "iteration-1")
    folders = [str(tmp_path / name / "iteration-1") for name in ("a", "b")]
    board = run(arguments(small_gqa, *folders, episodes=2, semantic_scenes=0))
    assert [item.policy for item in board.evaluations] == folders
    assert run(arguments(small_gqa, folders[0], episodes=2, semantic_scenes=0)).evaluations[0].policy == "iteration-1"


def test_pass_at_k_needs_a_policy_that_can_draw(small_gqa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="'crash' writes one: it has no method 'complete'"):
        run(arguments(small_gqa, "crash", samples=2))
    assert capsys.readouterr().out == ""
    run(arguments(small_gqa, "crash", "expert", samples=2))
    assert "none of these policies can draw" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("policies", "changes", "said"),
    [
        ((), {}, "Expected one policy or several different ones"),
        (("crash", "crash"), {}, "several different ones"),
        (("crash", "expert"), {"submission": Path("answers.json")}, "answers of one policy, got 2"),
        (("crash",), {"out": Path("board.html")}, "ends in .json or .md"),
        (("crash",), {"out": Path("no/such/folder/board.md")}, "a folder that does not exist"),
        (("crash",), {"submission": Path("no/such/folder/x.json")}, "a folder that does not exist"),
        (("crash",), {"pass_at": (1,)}, "Say how many with --samples"),
        (("crash",), {"samples": -1}, "a positive number"),
        (("crash",), {"samples": 2, "pass_at": (5,)}, "cannot be told from 2 samples"),
        (("crash",), {"samples": 2, "temperature": 0.0}, "a temperature above 0"),
        (("crash",), {"samples": 2, "top_p": 1.5}, "a temperature above 0 and a top-p"),
        (("crash",), {"semantic_scenes": -1}, "scenes from 0 on, got -1"),
        (("crash",), {"by": "color"}, "have no field 'color' to score by. Expected one of: structural"),
    ],
)
def test_mistakes_are_found_before_the_work(
    small_gqa: Path, capsys: pytest.CaptureFixture[str], policies: tuple[str, ...], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        run(arguments(small_gqa, *policies, **changes))
    assert said in str(error.value)
    assert capsys.readouterr().out == ""


def test_every_option_is_explained() -> None:
    source = inspect.getsource(EvaluateArgs)
    assert source.count('"""') == 2 * (len(EvaluateArgs.__dataclass_fields__) + 1)
