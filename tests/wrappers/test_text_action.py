"""Actions as text."""

from __future__ import annotations

import copy
import json
import pickle
import re
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import seeding
from gymnasium.utils.env_checker import check_env, data_equivalence
from hypothesis import example, given
from hypothesis import strategies as st

from vispro_gym.envs.spaces import UnicodeText
from vispro_gym.registration import CARDS
from vispro_gym.wrappers import TextAction, action_start, parse_action

IDS = [row.env_id for row in CARDS]
POINTS = (*map(str, range(1, 11)), "+", "-", "*", "/", "(", ")", "=")
STAND_HIT = ("stand", "hit")
DIRECTIONS = ("left", "down", "right", "up")


def make(env_id: str = IDS[0], **options: Any) -> Any:
    return TextAction(gym.make(env_id), **options)


# --- reading replies ---


@pytest.mark.parametrize(
    ("text", "keywords", "index"),
    [
        ('{"action": "hit"}', STAND_HIT, 1),
        ('{"action":"Stand"}', STAND_HIT, 0),
        ('{"thoughts": "I could stand", "action": "hit"}', STAND_HIT, 1),
        ('"ACTION" : HIT', STAND_HIT, 1),
        ('"action"\n\t:\n"hit"', STAND_HIT, 1),
        ('```json\n{"action": "hit"}\n```', STAND_HIT, 1),
        ('{"action": "hit", "again": "hit"}', STAND_HIT, 1),
        ('{"action": "hit", "action": "hit"}', STAND_HIT, 1),
        ('{"action": "hit", "action": "stand"}', STAND_HIT, None),
        ('{"action": "hit or stand"}', STAND_HIT, None),
        ('{"action": "hit", "thoughts": "not stand"}', STAND_HIT, None),
        ('{"action": "fold"}', STAND_HIT, None),
        ('{"action": ""}', STAND_HIT, None),
        ('{"action":', STAND_HIT, None),
        ('{"action" "hit"}', STAND_HIT, None),
        ("action: hit", STAND_HIT, None),
        ("'action': 'hit'", STAND_HIT, None),
        ("hit", STAND_HIT, None),
        ("", STAND_HIT, None),
        ('{"action": "within"}', STAND_HIT, None),
        ('{"action": "hit_"}', STAND_HIT, None),
        ('{"action": "hit!"}', STAND_HIT, 1),
        ('{"action": "10"}', POINTS, 9),
        ('{"action": "1"}', POINTS, 0),
        ('{"action": 10}', POINTS, 9),
        ('{"action": "11"}', POINTS, None),
        ('{"action": "101"}', POINTS, None),
        ('{"action": "1", "x": 1}', POINTS, 0),
        ('{"action": "1 0"}', POINTS, 0),
        ('{"action": "-1"}', POINTS, None),
        ('{"action": "1.5"}', POINTS, None),
        ('{"action": "("}', POINTS, 14),
        ('{"action": "=="}', POINTS, 16),
        ('{"action": "**"}', POINTS, 12),
        ('{"cards": [1, 2], "current formula": "1 +", "action": "2"}', POINTS, 1),
        ('{"action": "+"}', ("-", "+"), 1),
        ('{"action": "go on"}', ("go", "go on"), 1),
        ('{"action": "go, on"}', ("go", "go on"), 0),
        ('{"action": "a|b"}', ("a|b", ".*"), 0),
        ('{"action": "x.*y"}', ("a|b", ".*"), 1),
        ('{"action": "STRASSE"}', ("straße", "weg"), None),
        ('{"action": "ÜBER"}', ("über", "unter"), 0),
        ('{"action": "\u212a"}', ("k", "j"), 0),
    ],
)
def test_parse_action(text: str, keywords: tuple[str, ...], index: int | None) -> None:
    assert parse_action(text, keywords) == parse_action(text, list(keywords)) == index


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('{"action": "hit"}', 1),
        ('{"thoughts": "so", "Action" : "hit", "action": "hit"}', 19),
        ("hit", 0),
        ('{"action", "hit"}', 0),
        ("", 0),
        ('🙂"action":', 1),
    ],
)
def test_action_start(text: str, start: int) -> None:
    assert action_start(text) == start


texts = st.text(st.one_of(st.characters(), st.sampled_from('"action: {}()+-*/=0123456789 \n')), max_size=60)


@given(texts, st.sampled_from([STAND_HIT, POINTS, ("-", "+"), DIRECTIONS]))
@example("\ud800", POINTS)
@example('"action":\0' * 100, POINTS)
def test_no_text_is_an_error(text: str, keywords: tuple[str, ...]) -> None:
    for reply in (text, f'"action":{text}'):
        index = parse_action(reply, keywords)
        assert index is None or 0 <= index < len(keywords)
        assert index is None or keywords[index].lower() in reply.lower()
        assert 0 <= action_start(reply) <= len(reply)


@given(st.data(), st.sampled_from([STAND_HIT, POINTS, ("-", "+"), DIRECTIONS]))
def test_a_reply_with_one_keyword_is_that_keyword(data: Any, keywords: tuple[str, ...]) -> None:
    index = data.draw(st.integers(0, len(keywords) - 1))
    fill = st.text(st.sampled_from(' \n"{},.;:!?zq'), max_size=8).map(lambda text: f" {text} ")
    thoughts = data.draw(st.text(max_size=30)).replace('"', "")
    keyword = data.draw(st.sampled_from([keywords[index], keywords[index].upper()]))
    reply = f'{{"thoughts": "{thoughts}", "action":{data.draw(fill)}{keyword}{data.draw(fill)}'
    assert parse_action(reply, keywords) == index
    other = keywords[(index + 1) % len(keywords)]
    assert parse_action(f"{reply} {other}", keywords) is None
    assert parse_action(reply.replace('"action"', "action"), keywords) is None


def test_long_texts_take_no_time() -> None:
    for text in ('"action"' + " " * 300_000, '"action"' * 50_000, '"action": ' + "1" * 300_000, '"action": ' + "( " * 100_000):
        assert parse_action(text, POINTS) in (None, POINTS.index("("))


# --- environments ---


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.parametrize("env_id", IDS)
def test_check_env_has_nothing_else_to_say(env_id: str) -> None:
    check_env(make(env_id), skip_render_check=True)


@pytest.mark.parametrize("env_id", IDS)
def test_the_expert_can_speak(env_id: str) -> None:
    for thoughts, short in ((True, False), (False, True)):
        env = make(env_id, thoughts=thoughts, short=short)
        cards = env.unwrapped
        observation, info = env.reset(seed=0)
        twin = gym.make(env_id).unwrapped
        assert (twin.reset(seed=0)[0] == observation["image"]).all()
        assert (info["action"], info["is_legal"], info["illegal_actions"]) == (-1, True, 0)
        while not cards.has_ended:
            assert env.observation_space.contains(observation)
            assert observation["query"] == cards.instruction(thoughts, short)
            index = cards.expert_action()
            observation, reward, terminated, truncated, info = env.step(cards.expert_reply(thoughts, short))
            expected = twin.step(index)
            assert (observation["image"] == expected[0]).all() and (reward, terminated, truncated) == expected[1:4]
            assert (info.pop("action"), info.pop("is_legal"), info.pop("illegal_actions")) == (index, True, 0)
            assert data_equivalence(info, expected[4])


def replies(env: Any, seed: int) -> list[Any]:
    """Episodes of which every second reply is nonsense."""
    seen: list[Any] = [env.reset(seed=seed)]
    for i in range(60):
        seen.append(env.step("nonsense" if i % 2 else env.unwrapped.expert_reply()))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


@pytest.mark.parametrize("env_id", IDS)
def test_replays_are_the_same(env_id: str) -> None:
    env = make(env_id)
    first = replies(env, 3)
    assert data_equivalence(first, replies(env, 3), exact=True)
    assert data_equivalence(first, replies(make(env_id), 3), exact=True)
    assert not data_equivalence(first, replies(env, 4), exact=True)
    infos = [seen[-1] for seen in first]
    assert len({tuple((key, type(value)) for key, value in info.items()) for info in infos}) == 1
    assert all(isinstance(info["is_legal"], bool) for info in infos)


def test_what_names_nothing_is_played_at_random_without_shifting_the_environment() -> None:
    env = make("Cards-EZPoints-v0")
    played = []
    _, plain = gym.make("Cards-EZPoints-v0").reset(seed=7)
    for text in ("", "hello", '{"action": "7 or 8"}', '{"action": "-"}', "1" * 100_000, "\ud800\0"):
        _, info = env.reset(seed=7)
        assert info["cards"] == plain["cards"]
        *_, info = env.step(text)
        assert (info["is_legal"], info["illegal_actions"]) == (False, 1)
        played.append(info["action"])
    assert len(set(played)) == 1, "one seed, one action"
    drawn = []
    for seed in range(400):
        env.reset(seed=seed)
        drawn.append(env.step("")[-1]["action"])
    assert np.bincount(drawn, minlength=13).min() > 10, "all of them are drawn"
    same = [number == int(seeding.np_random(seed)[0].integers(13)) for seed, number in enumerate(drawn)]
    assert np.mean(same) < 0.2, "not the numbers that the environment draws"
    single = gym.make("Cards-EZPoints-v0")
    single.reset(seed=7)
    env.reset(seed=7)
    env.step("")
    assert env.reset()[1]["cards"] == single.reset()[1]["cards"]


def test_illegal_actions_are_counted_by_episode() -> None:
    env = make()
    env.reset(seed=0, options={"current": 0, "target": 5})
    counts = [env.step(text)[-1]["illegal_actions"] for text in ("", '"action": "-"', "nothing", '"action": "+-"')]
    assert counts == [1, 1, 2, 3]
    assert env.reset()[1]["illegal_actions"] == 0


def test_any_string_is_an_action_and_nothing_else_is() -> None:
    env = make()
    assert env.action_space == UnicodeText(1 << 24)
    for action in (1, None, b'"action": "+"', np.str_, ["+"]):
        env.reset(seed=0)
        with pytest.raises(TypeError, match="the action is of type .*Expected a str that names one of"):
            env.step(action)
    env.reset(seed=0)
    assert env.step(np.str_('"action": "+"'))[-1]["action"] == 1
    with pytest.raises(gym.error.ResetNeeded):
        make().step("")


def test_other_environments_need_names_and_an_instruction() -> None:
    env: Any = TextAction(gym.make("FrozenLake-v1", is_slippery=False), keywords=DIRECTIONS, instruction="Reach the goal.")
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation) and observation["image"] == 0
    lines = observation["query"].splitlines()
    assert lines[0] == "Reach the goal." and 'keywords are: "left", "down", "right", "up".' in lines[1]
    assert re.findall(r'"([a-z]+)": ', lines[-1]) == ["thoughts", "action"]
    observation, *_, info = env.step('{"action": "Down"}')
    assert observation["image"] == 4 and info["action"] == 1 and "prob" in info
    env = TextAction(gym.make("FrozenLake-v1"), thoughts=False, keywords=DIRECTIONS, instruction="Go.")
    assert json.loads(env.reset()[0]["query"].splitlines()[-1]) == {"action": "<keyword>"}
    env = TextAction(gym.make("FrozenLake-v1"), short=True, keywords=DIRECTIONS, instruction="Go.")
    assert env.reset()[0]["query"] == "Go."


class Shifted(gym.Env[int, int]):
    """Actions are 5, 6 and 7."""

    observation_space = gym.spaces.Discrete(20)
    action_space = gym.spaces.Discrete(3, start=5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        return action, 0.0, False, False, {"own": True}


def test_actions_that_do_not_start_at_zero() -> None:
    env: Any = TextAction(Shifted(), keywords=["a", "b", "c"], instruction="Go.")
    env.reset(seed=0)
    observation, *_, info = env.step('"action": c')
    assert observation["image"] == 7 and info == {"own": True, "action": 2, "is_legal": True, "illegal_actions": 0}
    for _ in range(30):
        observation, *_, info = env.step("")
        assert observation["image"] == 5 + info["action"]


def test_own_names_for_the_actions_of_cards() -> None:
    with pytest.raises(ValueError, match="there is no instruction"):
        make(keywords=["down", "up"])
    env = make(keywords=["down", "up"], instruction="Reach the target.")
    env.reset(options={"current": 1, "target": 2})
    assert env.step('{"action": "up"}')[1] == 1.0
    env = make(keywords=["-", "+"])
    assert env.reset(seed=0)[0]["query"] == env.unwrapped.instruction()
    env = make(instruction="Own words.")
    assert env.reset(seed=0)[0]["query"].startswith('Own words.\nThe legal keywords are: "-", "+".')


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "there are no keywords. Expected 4, one for each action"),
        ({"keywords": DIRECTIONS}, ValueError, "there is no instruction. Expected the task in words"),
        ({"keywords": DIRECTIONS[:3], "instruction": "x"}, ValueError, "there are 3 keywords. Expected 4"),
        ({"keywords": ["a", "b", "c", "A"], "instruction": "x"}, ValueError, "says one twice"),
        ({"keywords": ["a", "b", "c", " "], "instruction": "x"}, ValueError, "holds an empty one"),
        ({"keywords": ["a", "b", "c", ""], "instruction": "x"}, ValueError, "holds an empty one"),
        ({"keywords": "abcd", "instruction": "x"}, TypeError, "are no keywords"),
        ({"keywords": [1, 2, 3, 4], "instruction": "x"}, TypeError, "are no keywords"),
        ({"keywords": DIRECTIONS, "instruction": 3}, TypeError, "instruction=3 is no text"),
        ({"keywords": DIRECTIONS, "instruction": "x" * 5000}, ValueError, "characters long. Expected at most 4096"),
    ],
)
def test_wrong_options(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TextAction(gym.make("FrozenLake-v1"), **options)


def test_only_discrete_actions_can_be_named() -> None:
    for env in (gym.make("Pendulum-v1"), make()):
        with pytest.raises(ValueError, match="Expected a Discrete one"):
            TextAction(env, keywords=["a"], instruction="x")


@pytest.mark.parametrize("env_id", IDS)
def test_the_spec_survives_json(env_id: str) -> None:
    env = make(env_id, thoughts=False, short=True)
    assert env.spec is not None
    again: Any = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert (again.thoughts, again.short, again.keywords) == (False, True, env.keywords)
    assert again.observation_space == env.observation_space and again.action_space == env.action_space
    assert data_equivalence(replies(env, 1), replies(again, 1))
    lake = TextAction(gym.make("FrozenLake-v1"), keywords=DIRECTIONS, instruction="Go.")
    assert lake.spec is not None
    assert gym.make(EnvSpec.from_json(lake.spec.to_json())).reset()[0]["query"] == lake.reset()[0]["query"]


@pytest.mark.parametrize("env_id", IDS)
def test_many_side_by_side(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = gym.make_vec(env_id, num_envs=3, vectorization_mode="sync", wrappers=[TextAction])
    single = make(env_id)
    observations, _ = envs.reset(seed=4)
    for i in range(3):
        observation, _ = single.reset(seed=4 + i)
        assert (observations["image"][i] == observation["image"]).all() and observations["query"][i] == observation["query"]
    expected = single.step("nonsense")[-1]
    _, _, _, _, infos = envs.step(("nonsense",) * 3)
    assert infos["action"][2] == expected["action"] and infos["illegal_actions"].tolist() == [1, 1, 1]
    assert infos["is_legal"].tolist() == [False] * 3
    envs.close()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_wrapped_environments_can_be_copied(copied: Any) -> None:
    env = TextAction(gym.make("Cards-Points24-v0").unwrapped)
    env.reset(seed=2)
    env.step("nonsense")
    twin: Any = copied(env)
    for text in ("nonsense", '{"action": "("}', ""):
        assert data_equivalence(twin.step(text), env.step(text))
    assert twin.unwrapped is twin._cards
