"""Environments as tasks for a vision-language model, and acting in many episodes side by side as in one after the other."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from vispro_agents.acting import Turn, act, play_episodes, summarise
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion
from vispro_agents.policies.vision_language import View
from vispro_agents.text_tasks import CardsTask, ProgramTask, TextTask, open_task
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.programs.extract import extract_program
from vispro_gym.registration import CARDS
from vispro_gym.wrappers import TextAction, parse_action

IDS = [row.env_id for row in CARDS]
LINE, POINTS, BLACKJACK = "Cards-NumberLine-v0", "Cards-EZPoints-v0", "Cards-Blackjack-v0"
FORMS = [(True, True), (True, False), (False, True), (False, False)]


def program_task(data_dir: Path | None = None, env_id: str = "VisProg-GQA-v0", **options: Any) -> TextTask:
    given: dict[str, Any] = {"thoughts": True, "short": True, "perception": "oracle", "train_split": "train", "eval_split": "val"}
    return open_task(env_id, data_dir=None if data_dir is None else str(data_dir), **given | options)


def same(view: View | None, other: View | None) -> bool:
    if view is None or other is None:
        return view is other
    return view.text == other.text and np.array_equal(view.image, other.image)


# --- cards ---


@pytest.mark.parametrize(("thoughts", "short"), FORMS)
@pytest.mark.parametrize("env_id", IDS)
def test_the_expert_of_cards_plays_well(env_id: str, thoughts: bool, short: bool) -> None:
    """The same replies in the same episodes: legal, shown the same, and worth what the expert earns."""
    task = CardsTask(env_id, thoughts, short)
    shown = task.demonstrations(15, 0.0, 3)
    env: Any = TextAction(gym.make(env_id), thoughts=thoughts, short=short)
    observation, _ = env.reset(seed=3)
    returns, earned = [], 0.0
    for view, reply in shown:
        assert same(view, task.view(observation))
        assert parse_action(reply, env.keywords) == env.unwrapped.expert_action()
        said = json.loads(reply)
        assert ("thoughts" in said) == thoughts
        start = task.action_start(reply)
        assert reply[start:] == f'"action": "{said["action"]}"}}'
        assert (start == 1) == (not thoughts)
        observation, reward, terminated, truncated, info = env.step(reply)
        assert info["is_legal"]
        earned += reward
        if terminated or truncated:
            returns.append(earned)
            observation, _ = env.reset()
            earned = 0.0
    if env_id in (LINE, POINTS):
        assert returns and set(returns) == {env.unwrapped.optimal_value()}
    assert len({view.text for view, _ in shown}) == 1 or env_id in (POINTS, "Cards-Points24-v0"), "where the query is the state"


def test_random_actions_lead_elsewhere() -> None:
    task = CardsTask(LINE)
    straight, astray, again = (task.demonstrations(60, share, 0) for share in (0.0, 1.0, 1.0))
    assert [reply for _, reply in astray] == [reply for _, reply in again]
    assert same(straight[0].view, astray[0].view)
    assert not all(same(one.view, other.view) for one, other in zip(straight, astray, strict=True))
    assert all(parse_action(reply, ("-", "+")) is not None for _, reply in astray)
    assert task.demonstrations(0, 0.2, 0) == []


def test_what_should_be_read_in_the_picture() -> None:
    for env_id in IDS:
        task = CardsTask(env_id)
        envs = task.open(3)
        envs.reset(seed=0)
        assert isinstance(envs, SyncVectorEnv)
        for reading, env in zip(task.readings(envs), envs.envs, strict=True):
            expected = json.loads(env.unwrapped.expert_reply())
            assert set(reading) == set(expected) - {"thoughts", "action"}
            assert reading == {key: expected[key] for key in reading}
            assert bool(reading) == (env_id != BLACKJACK)
        assert CardsTask(env_id, thoughts=False).readings(envs) == [{}] * 3
        envs.close()


# --- programs ---


@pytest.mark.parametrize(("thoughts", "short"), FORMS)
def test_the_expert_of_programs_is_right(small_gqa: Path, thoughts: bool, short: bool) -> None:
    task = program_task(small_gqa, thoughts=thoughts, short=short)
    shown = task.demonstrations(1000, 0.2, 0)
    assert len(shown) == 80
    assert [one.reply for one in task.demonstrations(7, 0.0, 0)] == [one.reply for one in shown[:7]], "no random actions"
    assert [one.reply for one in task.demonstrations(7, 0.0, 1)] != [one.reply for one in shown[:7]]
    envs = task.open(6)
    observations, _ = envs.reset(seed=1)
    views = task.views(observations, range(6))
    replies = [next(reply for other, reply in shown if same(view, other)) for view in views]
    _, rewards, terminations, _, infos = envs.step(replies)
    assert rewards.tolist() == [1.0] * 6
    assert terminations.all()
    assert [task.outcome(infos["final_info"], i) for i in range(6)] == ["correct"] * 6
    assert [task.sample_id(infos["final_info"], i, 7) for i in range(6)] == list(infos["final_info"]["sample_id"])
    assert [extract_program(reply) for reply in replies] == [task.program(reply) for reply in replies]
    assert task.program("I do not know.") is None
    assert task.readings(envs) == [{}] * 6
    envs.close()
    for view, reply in zip(views, replies, strict=True):
        start = task.action_start(reply)
        assert reply[start:].startswith("def execute_command(image):")
        assert (start > 0) == thoughts == reply.startswith("Steps: ")
        assert ("First say in one sentence which steps" in view.text) == (thoughts and not short)
        assert ("Reply with the function only." in view.text) == (not thoughts and not short)
        assert (len(view.text) < 100) == short


def test_which_split_is_which(small_gqa: Path) -> None:
    task = program_task(small_gqa)
    for evaluation, split in ((False, "train"), (True, "val")):
        envs = task.open(4, evaluation)
        _, infos = envs.reset(seed=0)
        assert all(name.startswith(f"{split}-") for name in infos["sample_id"])
        envs.close()


def test_several_pictures_stand_side_by_side() -> None:
    task = program_task(env_id="VisProg-NLVR2-v0", eval_split="dev", short=False)
    envs = task.open(2)
    observations, _ = envs.reset(seed=0)
    left, right = observations["image"][1]
    [view] = task.views(observations, [1])
    assert np.array_equal(view.image, np.hstack([left, right]))
    assert "Write a Python function execute_command(left_image, right_image)" in view.text
    [(shown, reply)] = task.demonstrations(1, 0.0, 0)
    assert shown.image.shape == view.image.shape
    assert reply[task.action_start(reply) :].startswith("def execute_command(left_image, right_image):")
    assert "execute_command(left_image, right_image)" in program_task(
        env_id="VisProg-NLVR2-v0", eval_split="dev", thoughts=False, short=False
    ).prompt("?")
    envs.close()


@pytest.mark.parametrize(
    ("reply", "action"),
    [
        ("So.\n```python\ndef execute_command(image):\n\treturn 1\n```", "def execute_command(image):\n\treturn 1\n```"),
        ("  def execute_command(image):\r\n      return 1", "def execute_command(image):\r\n      return 1"),
        (
            "A.\ndef execute_command(image):\n    return 1\nB.\ndef execute_command(image):\n    return 1",
            "def execute_command(image):\n    return 1",
        ),
        ("Steps: find cup.\nreturn 'yes'", "return 'yes'"),
        ("Steps: find cup.\n\n    x = 1\n    return x\n", "x = 1\n    return x\n"),
        (
            'Steps.\nx = image.find("lamp")\ny = len(x)\nx = image.find("lamp")\nreturn x',
            'x = image.find("lamp")\ny = len(x)\nx = image.find("lamp")\nreturn x',
        ),
        (
            "  ```python\n  def execute_command(image):\n      return 1\n  ```\nSo I call def execute_command(image): and return it.",
            "def execute_command(image):\n      return 1\n  ```\nSo I call def execute_command(image): and return it.",
        ),
        ("I do not know.", "I do not know."),
        ("", ""),
    ],
)
def test_where_a_program_begins(reply: str, action: str) -> None:
    assert reply[ProgramTask("VisProg-GQA-v0").action_start(reply) :] == action


def test_what_cannot_be_opened(small_gqa: Path, tmp_path: Path) -> None:
    for env_id, named in (
        ("VisProg-Nope-v0", "VisProg-Nope-v0"),
        ("TaskReward-Detection-v0", "no programs"),
        ("CartPole-v1", "CartPole-v1"),
    ):
        with pytest.raises(UsageError, match=named):
            program_task(env_id=env_id)
    with pytest.raises(DatasetError, match="nope"):
        program_task(small_gqa, eval_split="nope")
    for part in ("images", "sceneGraphs"):
        (tmp_path / part).symlink_to(small_gqa / part)
    (tmp_path / "questions1.2").mkdir()
    for path in (small_gqa / "questions1.2").iterdir():
        (tmp_path / "questions1.2" / path.name).write_text(path.read_text().replace('"select"', '"guess"'))
    with pytest.raises(UsageError, match="Train with --demonstrations 0"):
        program_task(tmp_path).demonstrations(1, 0.0, 0)


# --- acting ---


def replying(keywords: Sequence[str], seed: str) -> str:
    """One of the keywords, or none."""
    rng = random.Random(seed)
    return rng.choice([json.dumps({"thoughts": "so", "action": rng.choice(keywords)}), "{", json.dumps({"action": keywords[-1]})])


def completion(text: str) -> Completion:
    return Completion(text, (1, 2), (-0.5, -0.25))


@pytest.mark.parametrize("env_id", IDS)
def test_acting_side_by_side_is_acting_in_each(env_id: str) -> None:
    task = CardsTask(env_id, short=True)
    keywords = gym.make(env_id).unwrapped.keywords  # type: ignore[attr-defined]
    recorded: list[list[Turn]] = []
    envs = task.open(3)

    def write(views: list[View], step: int) -> list[Completion]:
        return [completion(replying(keywords, f"{step} {i}")) for i in range(len(views))]

    turns, last = act(task, envs, write, 25, 11, lambda told, step: recorded.append(told))
    envs.close()
    assert [len(row) for row in turns] == [3] * 25
    assert all(one is other for one, other in zip(turns, recorded, strict=True))
    cuts = 0
    for i in range(3):
        env: Any = TextAction(gym.make(env_id), short=True)
        observation, _ = env.reset(seed=11 + i)
        for step in range(25):
            turn, reply = turns[step][i], replying(keywords, f"{step} {i}")
            reading = json.loads(env.unwrapped.expert_reply(True, True))
            assert same(turn.view, task.view(observation))
            observation, reward, terminated, truncated, info = env.step(reply)
            assert turn.completion.text == reply
            assert (turn.reward, turn.ended, turn.sample_id) == (reward, terminated or truncated, str(i))
            assert turn.outcome == ("legal" if info["is_legal"] else "illegal")
            assert turn.is_read_right == (None if env_id == BLACKJACK else False), reading
            assert same(turn.last_view, task.view(observation) if truncated and not terminated else None)
            cuts += truncated
            if terminated or truncated:
                observation, _ = env.reset()
        assert same(last[i], task.view(observation))
    assert (cuts > 0) == (env_id in (LINE, POINTS))


@pytest.mark.parametrize("env_id", [LINE, POINTS, BLACKJACK])
def test_episodes_side_by_side_are_those_one_after_the_other(env_id: str) -> None:
    task = CardsTask(env_id, short=True)
    keywords = gym.make(env_id).unwrapped.keywords  # type: ignore[attr-defined]
    envs = task.open(2)
    steps: list[int] = []

    def reply_to(view: View) -> str:
        return replying(keywords, f"{view.text} {view.image.sum()}")

    def write(views: list[View], step: int) -> list[Completion]:
        assert 1 <= len(views) <= 2, "those that have ended are not asked"
        steps.append(step)
        return [completion(reply_to(view)) for view in views]

    played = play_episodes(task, envs, write, 5, 20)
    envs.close()
    assert len(played) == 5
    assert steps == list(range(len(steps)))
    assert len(steps) == sum(max(map(len, played[start : start + 2])) for start in (0, 2, 4))
    for number, turns in enumerate(played):
        env: Any = TextAction(gym.make(env_id), short=True)
        observation, _ = env.reset(seed=20 + number)
        ended = False
        for turn in turns:
            assert not ended
            assert same(turn.view, task.view(observation))
            observation, reward, terminated, truncated, _ = env.step(reply_to(turn.view))
            ended = terminated or truncated
            assert (turn.reward, turn.ended, turn.last_view is not None) == (reward, ended, truncated)
        assert ended


def test_episodes_of_programs(small_gqa: Path) -> None:
    task = program_task(small_gqa)
    shown = task.demonstrations(1000, 0.0, 0)
    envs = task.open(3)

    def write(views: list[View], step: int) -> list[Completion]:
        right = [next(reply for other, reply in shown if same(view, other)) for view in views]
        return [completion("nothing" if step and not i else reply) for i, reply in enumerate(right)]

    played = play_episodes(task, envs, write, 5, 0)
    envs.close()
    assert [len(turns) for turns in played] == [1] * 5
    assert [turns[0].outcome for turns in played[:4]] == ["correct"] * 3 + ["extract_error"]
    figures = summarise(task, played)
    assert figures["steps"] == 1.0
    assert figures["legal"] == 0.8
    assert "read_right" not in figures


def test_figures_of_episodes() -> None:
    task, other = CardsTask(LINE), CardsTask(LINE, thoughts=False)
    replies = ['{"thoughts": "a", "action": "+"}', '{"thoughts": "a", "action": "-"}', '{"thoughts": "b", "action": "-"}', "{"]
    rewards, outcomes = (0.0, 1.0, -1.0, 0.0), ("legal", "legal", "legal", "illegal")
    view = View("", np.zeros((2, 2, 3), np.uint8))
    turns = [
        Turn(view, Completion(reply, (0,) * (i + 1)), reward, outcome, False, None, i == 0, 0)
        for i, (reply, reward, outcome) in enumerate(zip(replies, rewards, outcomes, strict=True))
    ]
    played = [turns[:2], turns[2:]]
    expected = {"return": 0.0, "success": 0.5, "steps": 2.0, "legal": 0.75, "tokens": 2.5}
    assert summarise(other, played) == expected
    assert summarise(task, played) == expected | {"distinct_thoughts": 0.75, "read_right": 0.25}


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ('{"current number": 1, "target number": 4, "action": "+"}', True), ('{"current number": "1", "target number": "4"}', True),
        ('{"current number": 1}', False), ('{"current number": 1, "target number": 5}', False), ("[1, 4]", False), ("", False),
        ("[" * 10_000, False), ('{"current number": 1, "target number": 4', False),
    ],
)  # fmt: skip
def test_whether_the_picture_was_read(reply: str, right: bool) -> None:
    task = CardsTask(LINE)
    envs = task.open(1)
    assert isinstance(envs, SyncVectorEnv)
    reset = envs.envs[0].reset
    envs.envs[0].reset = lambda **options: reset(**options | {"options": {"current": 1, "target": 4}})  # type: ignore[method-assign]
    [[turn]], _ = act(task, envs, lambda views, step: [completion(reply)], 1, 0, lambda turns, step: None)
    assert turn.is_read_right is right
    envs.close()
