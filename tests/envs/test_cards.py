"""What must hold for every registered environment of cards."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.utils.env_match import check_environments_match

from vispro_gym.cli import main
from vispro_gym.envs.cards import CardsEnv
from vispro_gym.envs.cards.page import HEADINGS, documented
from vispro_gym.registration import CARDS, register_environments
from vispro_gym.wrappers import action_start, parse_action

IDS = [row.env_id for row in CARDS]
KEYWORDS = {
    "Cards-NumberLine-v0": ("-", "+"),
    "Cards-EZPoints-v0": (*map(str, range(1, 11)), "+", "*", "="),
    "Cards-Points24-v0": (*map(str, range(1, 11)), "+", "-", "*", "/", "(", ")", "="),
    "Cards-Blackjack-v0": ("stand", "hit"),
}
REPLY_KEYS = {
    "Cards-NumberLine-v0": ["current number", "target number", "thoughts", "action"],
    "Cards-EZPoints-v0": ["cards", "current formula", "thoughts", "action"],
    "Cards-Points24-v0": ["cards", "current formula", "thoughts", "action"],
    "Cards-Blackjack-v0": ["thoughts", "action"],
}
STARTS: dict[str, dict[str, Any]] = {
    "Cards-NumberLine-v0": {"current": 1, "target": 4},
    "Cards-EZPoints-v0": {"cards": "10H 2S"},
    "Cards-Points24-v0": {"cards": "3H 3S 8D 8C"},
    "Cards-Blackjack-v0": {"player": "5H 2S", "dealer": "9C QD"},
}


@pytest.fixture(params=IDS)
def env_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(env_id: str, **options: Any) -> Any:
    return gym.make(env_id, **options).unwrapped


def steps(env: Any, seed: int, count: int) -> list[Any]:
    """What a random policy sees from a seed on, over the ends of episodes."""
    rng = np.random.default_rng(seed)
    seen: list[Any] = [env.reset(seed=seed)]
    for _ in range(count):
        action = env.unwrapped.expert_action() if rng.random() < 0.5 else int(rng.integers(env.action_space.n))
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


def test_check_env_has_nothing_to_say(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(env_id))


def test_the_checker_of_stable_baselines_has_nothing_to_say(env_id: str) -> None:
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    sb3_check_env(make(env_id))


def test_the_spec_survives_json_and_has_no_time_limit(env_id: str) -> None:
    env = gym.make(env_id, render_mode="ansi")
    assert env.spec is not None and env.spec.max_episode_steps is None
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec
    check_environments_match(gym.make(env_id), gym.make(again, render_mode=None), num_steps=20)
    before = gym.spec(env_id)
    register_environments()
    assert gym.spec(env_id) is before, "a second time does nothing"


def test_spaces_and_keywords(env_id: str) -> None:
    env = make(env_id)
    assert isinstance(env, CardsEnv) and env.keywords == KEYWORDS[env_id]
    assert env.action_space == gym.spaces.Discrete(len(env.keywords))
    assert env.observation_space == gym.spaces.Box(0, 255, (300, 300, 3), np.uint8)


def test_the_same_seed_and_actions_give_the_same_episodes(env_id: str) -> None:
    env = make(env_id)
    first = steps(env, 5, 60)
    assert data_equivalence(first, steps(env, 5, 60), exact=True)
    assert data_equivalence(first, steps(make(env_id), 5, 60), exact=True)
    assert not data_equivalence(first, steps(env, 6, 60), exact=True)


def test_infos_keep_their_keys_and_types(env_id: str) -> None:
    env = make(env_id)
    infos = [seen[-1] for seen in steps(env, 0, 80)]
    assert len({tuple((key, type(value)) for key, value in info.items()) for info in infos}) == 1
    assert type(infos[0]["is_success"]) is bool


def test_rewards_and_flags_have_pythons_types(env_id: str) -> None:
    for seen in steps(make(env_id), 1, 40):
        assert len(seen) == 2 or [type(part) for part in seen[1:4]] == [float, bool, bool]


def test_success_is_a_positive_return(env_id: str) -> None:
    env = make(env_id)
    earned, successes = 0.0, []
    for seen in steps(env, 2, 200):
        if len(seen) == 2:
            earned = 0.0
            assert seen[1]["is_success"] is False
            continue
        earned += seen[1]
        assert seen[4]["is_success"] == ((seen[2] or seen[3]) and earned > 0)
        successes.append(seen[4]["is_success"])
    assert any(successes) and not all(successes)


def test_observations_are_fresh(env_id: str) -> None:
    env = make(env_id)
    first, _ = env.reset(seed=0, options=STARTS[env_id])
    kept = first.copy()
    first[:] = 0
    again, _ = env.reset(seed=0, options=STARTS[env_id])
    assert (again == kept).all() and again.flags.writeable and not np.shares_memory(first, again)
    assert not (env.step(env.expert_action())[0] == kept).all(), "what happens is seen"


def test_a_start_can_be_chosen_without_shifting_later_episodes(env_id: str) -> None:
    env = make(env_id)
    env.reset(seed=0)
    free = env.reset()
    env.reset(seed=0, options={})
    assert data_equivalence(free, env.reset())
    _, info = env.reset(seed=0, options=STARTS[env_id])
    assert data_equivalence(free, env.reset())
    if env_id != "Cards-Blackjack-v0":
        assert STARTS[env_id].items() <= info.items()
    else:
        assert (info["player"], info["player_total"], info["dealer"]) == ("5H 2S", 7, "9C")


def begun_twice(env_id: str) -> tuple[Any, Any]:
    """Two environments in the same state, one step from the start."""
    env, twin = make(env_id), make(env_id)
    for each in (env, twin):
        each.reset(seed=0, options=STARTS[env_id])
        each.step(1)
    return env, twin


def assert_they_go_on_alike(env: Any, twin: Any) -> None:
    """Plays both to the end of the episode, and starts the next one."""
    rng = np.random.default_rng(0)
    while not twin.has_ended:
        # Away from the target, so that the number line is played up to its last step; without "=" the formulas are as well.
        action = 1 - twin.expert_action() if twin.action_space.n == 2 else int(rng.integers(twin.action_space.n - 1))
        assert data_equivalence(env.step(action), twin.step(action), exact=True)
    assert data_equivalence(env.reset(), twin.reset(), exact=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ([1], TypeError, r"options=\[1\] is no dict. Expected None or \{'"),
        ({"nope": 1}, ValueError, "the reset options are 'nope'. Exp"),
    ],
)
def test_wrong_reset_options_change_nothing(env_id: str, options: Any, error: type[Exception], message: str) -> None:
    env, twin = begun_twice(env_id)
    with pytest.raises(error, match=message):
        env.reset(seed=1, options=options)
    assert_they_go_on_alike(env, twin)


WRONG_STARTS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("Cards-NumberLine-v0", {"current": 1, "target": 6}, ValueError, "'target' is 6. Expected 0 to 5"),
    ("Cards-NumberLine-v0", {"current": True, "target": 2}, TypeError, "'current' is True. Expected an integer"),
    ("Cards-NumberLine-v0", {"current": 2, "target": 2}, ValueError, "say 2 twice"),
    ("Cards-NumberLine-v0", {"current": 2}, ValueError, "Expected {'current': ..., 'target': ...}"),
    ("Cards-EZPoints-v0", {"cards": "10H"}, ValueError, "names 1 cards. Expected 2"),
    ("Cards-EZPoints-v0", {"cards": "10H 1S"}, ValueError, "'1S' is no card. Expected a rank"),
    ("Cards-EZPoints-v0", {"cards": ["10H", "2S"]}, TypeError, "Expected a str such as"),
    ("Cards-Points24-v0", {"cards": "10H 2S 3X 4D"}, ValueError, "'3X' is no card"),
    ("Cards-Blackjack-v0", {"player": "10H 9S 8D", "dealer": "2H 3H"}, ValueError, "exceed 21"),
    ("Cards-Blackjack-v0", {"player": "10H", "dealer": "2H 3H"}, ValueError, "Expected 2 to 21"),
]


@pytest.mark.parametrize(("env_id", "options", "error", "message"), WRONG_STARTS)
def test_starts_that_cannot_be(env_id: str, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(env_id).reset(options=options)
    env, twin = begun_twice(env_id)
    with pytest.raises(error, match=message):
        env.reset(seed=1, options=options)
    assert_they_go_on_alike(env, twin)


def test_nothing_can_be_done_before_the_first_reset(env_id: str) -> None:
    env = make(env_id, render_mode="ansi")
    for call in (lambda: env.step(0), env.render, env.instruction, env.expert_action, env.expert_reply, env.describe):
        with pytest.raises(gym.error.ResetNeeded, match="before reset"):
            call()
    assert env.has_ended is False and env.optimal_value() == make(env_id).optimal_value()


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (-1, ValueError),
        (99, ValueError),
        (np.int64(17), ValueError),
        (0.0, TypeError),
        ("+", TypeError),
        (None, TypeError),
        ([0], TypeError),
    ],
)
def test_illegal_actions_are_refused_and_change_nothing(env_id: str, action: Any, error: type[Exception]) -> None:
    env, twin = begun_twice(env_id)
    for _ in range(2):
        with pytest.raises(error, match="the action is .*Expected an integer from 0 to"):
            env.step(action)
        assert_they_go_on_alike(env, twin)


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8, np.array])
def test_integers_of_all_kinds_are_actions(env_id: str, kind: Any) -> None:
    env = make(env_id)
    env.reset(seed=3)
    expected = env.step(1)
    env.reset(seed=3)
    assert data_equivalence(env.step(kind(1)), expected)


def play_expert(env: Any) -> list[Any]:
    seen = []
    while not env.has_ended:
        seen.append(env.step(env.expert_action()))
    return seen


def test_a_step_after_the_end_changes_and_earns_nothing(env_id: str) -> None:
    env = make(env_id)
    env.reset(seed=0, options=STARTS[env_id])
    last = play_expert(env)[-1]
    assert last[2] or last[3]
    for action in range(len(env.keywords)):
        after = env.step(action)
        assert after[1] == 0.0 and data_equivalence(after[2:], last[2:]) and (after[0] == last[0]).all()
    assert env.instruction() and json.loads(env.expert_reply())
    env.reset()
    assert not env.has_ended


def test_no_episode_is_longer_than_the_table_says(env_id: str) -> None:
    row = next(row for row in CARDS if row.env_id == env_id)
    env = make(env_id)
    longest = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        env.reset(seed=seed)
        count = 0
        while not env.has_ended:
            legal = [i for i, keyword in enumerate(env.keywords) if keyword not in ("=", "stand")]
            env.step(legal[int(rng.integers(len(legal)))] if env_id != "Cards-NumberLine-v0" else 1 - env.expert_action())
            count += 1
        longest = max(longest, count)
    assert longest == row.horizon if env_id != "Cards-Blackjack-v0" else longest <= row.horizon


@pytest.mark.parametrize("thoughts", [True, False])
@pytest.mark.parametrize("short", [True, False])
def test_the_expert_replies_as_it_is_told(env_id: str, thoughts: bool, short: bool) -> None:
    env = make(env_id)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        env.reset(seed=seed)
        while not env.has_ended:
            instruction, reply = env.instruction(thoughts, short), env.expert_reply(thoughts, short)
            said = json.loads(reply)
            assert list(said) == (REPLY_KEYS[env_id] if thoughts else ["action"])
            assert reply == json.dumps(said)
            assert env.keywords[env.expert_action()] == said["action"]
            assert parse_action(reply, env.keywords) == env.expert_action()
            assert reply[action_start(reply) :] == f'"action": "{said["action"]}"}}'
            if not short:
                form = instruction.splitlines()[-1]
                assert re.findall(r'"([a-z ]+)": ', form) == list(said)
                assert all(f'"{keyword}"' in instruction for keyword in env.keywords)
                assert not re.search(r"\d[HSDC]\b", instruction), "it does not say what has to be read in the picture"
            else:
                assert len(instruction) < 80 and len(said.get("thoughts", "")) < 60
            env.step(env.expert_action() if rng.random() < 0.7 else int(rng.integers(len(env.keywords))))


def test_instructions_of_few_words() -> None:
    expected = {"NumberLine": "Number line.", "EZPoints": "Formula: 10 +", "Points24": "Formula: 3 *", "Blackjack": "Blackjack."}
    for env_id, text in zip(IDS, expected.values(), strict=True):
        env = make(env_id)
        env.reset(options=STARTS[env_id])
        if "Formula" in text:
            assert env.instruction(short=True) == "Formula:" and "so far: (empty)" in env.instruction()
            for token in text.split()[1:]:
                env.step(env.keywords.index(token))
            assert f"The formula so far: {text[9:]}\n" in env.instruction()
        assert env.instruction(short=True) == text


def test_rendering(env_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = make(env_id, render_mode="rgb_array")
    observation, _ = env.reset(seed=1)
    assert (env.render() == observation).all() and not np.shares_memory(env.render(), observation)
    env = make(env_id, render_mode="ansi")
    env.reset(seed=1)
    assert env.render() == env.describe() and env.describe().count("\n") == 2
    env = make(env_id, render_mode="human")
    env.reset(seed=1)
    assert env.render() is None and env.step(0)
    env.close()
    env.reset()
    env.close()
    env.close()
    env = make(env_id)
    env.reset()
    with pytest.warns(UserWarning, match="needs a render mode"):
        assert env.render() is None
    with pytest.raises(ValueError, match="render_mode='video' is unknown. Expected one of"):
        load_env_creator(str(gym.spec(env_id).entry_point))(render_mode="video")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_environments_can_be_copied_in_an_episode(env_id: str, copied: Any) -> None:
    env = make(env_id)
    env.reset(seed=2, options=STARTS[env_id])
    env.step(env.expert_action())
    twin = copied(env)
    assert data_equivalence(play_expert(twin), play_expert(env)) and data_equivalence(twin.reset(), env.reset())


def test_many_side_by_side(env_id: str) -> None:
    envs = gym.make_vec(env_id, num_envs=3)
    single = make(env_id)
    observations, infos = envs.reset(seed=4)
    for i in range(3):
        observation, info = single.reset(seed=4 + i)
        assert (observations[i] == observation).all()
        assert all(np.array_equal(infos[key][i], value) for key, value in info.items())
    for _ in range(30):
        observations, rewards, _, _, infos = envs.step(envs.action_space.sample())
        assert rewards.shape == (3,) and infos["is_success"].dtype == bool
    envs.close()


def test_the_class_docstring_is_a_documentation_page(env_id: str) -> None:
    cls = load_env_creator(str(gym.spec(env_id).entry_point))
    doc = cls.__doc__ or ""
    assert re.findall("^## (.*)$", doc, re.MULTILINE) == list(HEADINGS)
    arguments = doc.partition("## Arguments")[2].partition("## Differences")[0]
    for name in inspect.signature(cls).parameters:
        assert f"- `{name}`: " in arguments, name
    information = doc.partition("## Information")[2].partition("## Arguments")[0]
    for key in make(env_id).reset()[1]:
        assert f"`{key}`" in information, key
    page = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
    assert f"## {env_id}\n" in page


def test_a_page_with_an_unknown_section_is_refused() -> None:
    cls = type("Odd", (), {"__doc__": "Odd.\n\n## Nonsense\nText."})
    with pytest.raises(ValueError, match=r"Odd has the sections \['Nonsense'\]"):
        documented(cls)


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(env_id in printed for env_id in IDS)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, gymnasium as gym\n"
        "env = gym.make('vispro_gym:Cards-Blackjack-v0')\n"
        "env.reset(seed=0); env.step(0)\n"
        "assert not {'torch', 'pygame', 'transformers', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
