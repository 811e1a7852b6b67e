"""Evaluation: the three policies whose rewards are known in advance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from vispro_agents.errors import UsageError
from vispro_agents.evaluate import choose_positions, evaluate, open_env
from vispro_agents.policies import Prompt
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
    assert result.by_type == {"query": 1.0, "verify": 1.0}


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
