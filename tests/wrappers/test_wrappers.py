"""Wrappers for classical reinforcement learning."""

from __future__ import annotations

import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FilterObservation
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.programs.experts import translate
from vispro_gym.programs.grammar import Grammar, derive
from vispro_gym.programs.productions import productions_of
from vispro_gym.registration import ENVIRONMENTS
from vispro_gym.wrappers import GrammarAction, ProgramLibraryAction, TokenizeQuery, expert_programs, query_vocabulary

IDS = [row.env_id for row in ENVIRONMENTS]
IDIOMS = {"block": ("return {answer}",), "answer": ("{truth}",)}
SMALL = Grammar(productions_of(["exists"], IDIOMS), literals={"noun": ("cup", "dog")})


def make(env_id: str = IDS[0], **options: Any) -> Any:
    return gym.make(env_id, image_size=36, **options)


def library(env: Any) -> Any:
    return ProgramLibraryAction(TokenizeQuery(env), expert_programs(env, 20))


def grammatical(env: Any) -> Any:
    return GrammarAction(TokenizeQuery(env))


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.parametrize("wrap", [library, grammatical])
@pytest.mark.parametrize("env_id", IDS)
def test_the_checkers_have_nothing_to_say(env_id: str, wrap: Any) -> None:
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    env = wrap(make(env_id))
    check_env(env, skip_render_check=True)
    if len(env.unwrapped.dataset.image_names) > 1:  # which of several pictures would be channels?
        env = FilterObservation(env, [name for name in env.observation_space.spaces if name != "image"])
    sb3_check_env(env)


def test_a_program_of_the_library_is_run() -> None:
    env = ProgramLibraryAction(make(), ["return 'surely wrong'", "return 1 / 0"])
    env.reset(seed=0)
    assert env.step(1)[-1]["outcome"] == "runtime_error"
    env.reset()
    assert env.step(np.int64(0))[-1]["answer"] == "surely wrong"


def test_expert_programs_come_by_frequency_and_earn_rewards() -> None:
    env = make(filter={"detailed": "category"})
    programs = expert_programs(env)
    counts = [sum(translate(sample) == program for sample in env.unwrapped.dataset) for program in programs]
    assert counts == sorted(counts, reverse=True) and sum(counts) == len(env.unwrapped.dataset)
    assert expert_programs(env, 3) == programs[:3]
    wrapped = ProgramLibraryAction(env, programs)
    wrapped.reset(seed=0)
    right = programs.index(translate(env.unwrapped.sample))
    assert wrapped.step(right)[1] == 1.0


@pytest.mark.parametrize(("programs", "error"), [([], ValueError), ("return 1", TypeError), ([1], TypeError)])
def test_what_is_no_library(programs: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="library"):
        ProgramLibraryAction(make(), programs)


def test_queries_become_numbers() -> None:
    env = make()
    words = query_vocabulary(env)
    assert len(words) == len(set(words)) > 100 and words[0] == "the"
    wrapped: Any = TokenizeQuery(env, words, length=30)
    for _ in range(20):
        observation, _ = wrapped.reset()
        query = env.unwrapped.sample.query
        known = [words[number - 2] for number in observation["query"] if number]
        assert known == [word.strip("?,.").lower() for word in query.split()]
    assert wrapped.tokens("the qwertz").tolist()[:3] == [2, 1, 0]
    assert TokenizeQuery(env, ["a"], length=2).tokens("a b c").tolist() == [2, 1]


def test_feedback_is_left_out() -> None:
    env = TokenizeQuery(make(max_attempts=2), ["a"])
    observation, _ = env.reset(seed=0)
    assert set(observation) == set(env.observation_space) == {"image", "query"}


def test_what_cannot_be_tokenized() -> None:
    with pytest.raises(ValueError, match="holds no query"):
        TokenizeQuery(FilterObservation(make(), ["image"]))
    with pytest.raises(ValueError, match="length=0 is no length"):
        TokenizeQuery(make(), ["a"], length=0)


def play(env: Any, choose: Any) -> tuple[int, Any]:
    """Plays one program; returns the number of choices, and the last step."""
    choices = 0
    while True:
        legal = np.flatnonzero(env.action_masks())
        assert len(legal)
        result = env.step(int(choose(legal)))
        assert env.observation_space.contains(result[0])
        choices += 1
        if result[2] or "outcome" in result[4]:
            return choices, result


@pytest.mark.parametrize("env_id", [IDS[0], "VisProg-NLVR2-v0"])
def test_every_derivation_ends_in_time_with_a_program_that_runs(env_id: str) -> None:
    rng = random.Random(0)
    env = GrammarAction(make(env_id), max_choices=12)
    outcomes = set()
    for seed in range(60):
        observation, _ = env.reset(seed=seed)
        assert not observation["derivation"].any()
        choices, (_, _, terminated, _, info) = play(env, rng.choice)
        assert choices <= 12 and terminated
        outcomes.add(info["outcome"])
    assert not outcomes & {"extract_error", "syntax_error", "rejected"}
    assert len(outcomes) > 2


@given(st.data(), st.text(max_size=100), st.integers(3, 40))
def test_no_derivation_needs_more_choices_than_there_are(data: Any, query: str, most: int) -> None:
    count = 0

    def choose(options: Any) -> int:
        nonlocal count
        count += 1
        return int(data.draw(st.integers(0, len(options) - 1)))

    derive(choose, query, max_choices=most)
    assert count <= most


def test_the_expert_can_be_derived_choice_by_choice() -> None:
    grammar = Grammar(productions_of(["exists", "find"], IDIOMS | {"truth": ("len({patches}) > 0",)}))
    env = GrammarAction(make(filter={"detailed": "exist"}), grammar, max_choices=8)
    observation, _ = env.reset(options={"sample_id": is_there_a_thing(env.unwrapped.dataset)})
    words = observation["query"].rstrip("?").split()
    noun = env.unwrapped.sample.functional_program[0]["argument"].split(" (")[0]
    name = f"word {words.index(noun)}"
    path = [
        ("block", "return {answer}"),
        ("answer", "{truth}"),
        ("truth", "len({patches}) > 0"),
        ("patches", "{patch}.find({noun})"),
        ("patch", "variable 0"),
        ("noun", name),
    ]
    for i, option in enumerate(path):
        assert env.symbols[observation["symbol"]] == option[0]
        assert observation["derivation"].tolist() == [env.options.index(o) + 1 for o in path[:i]] + [0] * (8 - i)
        assert env.action_masks()[env.options.index(option)]
        observation, reward, terminated, _, info = env.step(env.options.index(option))
    assert (reward, terminated, info["outcome"]) == (1.0, True, "correct")
    assert info["program"] == f"def execute_command(image):\n    return len(image.find({noun!r})) > 0\n"


def is_there_a_thing(dataset: Any) -> str:
    """The id of a question on whether there is a thing, whose name is a word of the question and annotated."""
    for sample in dataset:
        noun = sample.functional_program[0]["argument"].split(" (")[0]
        if sample.target == "yes" and noun in sample.query.rstrip("?").split():
            return str(sample.sample_id)
    raise AssertionError("there is none")


def test_an_illegal_choice_ends_the_attempt() -> None:
    env = GrammarAction(make(max_attempts=2), SMALL, max_choices=5)
    env.reset(seed=0)
    env.step(0)
    illegal = int(np.flatnonzero(~env.action_masks())[0])
    observation, reward, terminated, _, info = env.step(illegal)
    assert (reward, terminated, info["outcome"]) == (0.0, False, "extract_error")
    assert not observation["derivation"].any() and observation["feedback"]
    env.step(0)
    assert env.step(illegal)[2]


def test_several_attempts_begin_anew() -> None:
    env = GrammarAction(make(max_attempts=2), SMALL, max_choices=5)
    env.reset(seed=0)
    choices, (observation, *_) = play(env, lambda legal: legal[0])
    assert choices == 5 and not observation["derivation"].any() and env.action_masks()[0]


def test_what_is_no_environment_or_grammar() -> None:
    with pytest.raises(ValueError, match="cannot hold a derivation"):
        GrammarAction(GrammarAction(make(), SMALL))
    with pytest.raises(ValueError, match="max_choices=4 is too few for any program. Expected 5 or more"):
        GrammarAction(make(), SMALL, max_choices=4)
    with pytest.raises(gym.error.ResetNeeded):
        GrammarAction(make(), SMALL).step(0)
    with pytest.raises(ValueError, match="no program can be derived"):
        Grammar({"block": ("return {answer}",)})
    with pytest.raises(ValueError, match="no program can be derived"):
        Grammar(SMALL.productions, literals={"noun": ()})
    with pytest.raises(ValueError, match="no member 'nope'. Expected some of: left,"):
        productions_of(["nope"])


def test_actions_are_taken_once_only_and_queries_too() -> None:
    library, words = ProgramLibraryAction(make(), ["return 1"]), TokenizeQuery(make(), ["a"])
    for wrap in (lambda: GrammarAction(library, SMALL), lambda: ProgramLibraryAction(library, ["return 1"])):
        with pytest.raises(ValueError, match="Expected that of an environment of programs"):
            wrap()
    with pytest.raises(ValueError, match="holds no query"):
        TokenizeQuery(words, ["a"])


def test_an_ended_episode_has_to_be_reset() -> None:
    env = GrammarAction(make(), SMALL, max_choices=5)
    env.reset(seed=0)
    _, (observation, *_) = play(env, lambda legal: legal[0])
    assert env.observation_space.contains(observation) and env.action_masks().any()
    with pytest.raises(gym.error.ResetNeeded, match="begun and not ended"):
        env.step(0)
    env.reset()
    env.step(0)


def test_a_failure_of_the_environment_is_not_hidden_by_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    env = GrammarAction(make(), SMALL, max_choices=5)
    env.reset(seed=0)
    with monkeypatch.context() as patch:
        patch.setattr(type(env.unwrapped), "step", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            play(env, lambda legal: legal[0])
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_specs_survive_json() -> None:
    derived = GrammarAction(make(), SMALL, max_choices=5)
    assert derived.spec is not None
    twin: Any = gym.make(EnvSpec.from_json(derived.spec.to_json()))
    assert (twin.options, twin.symbols) == (derived.options, derived.symbols)
    assert twin.observation_space == derived.observation_space
    env = ProgramLibraryAction(TokenizeQuery(make(), ["a", "cup"], length=5), ["return 1"])
    assert env.spec is not None
    again: Any = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.action_space == env.action_space and again.observation_space == env.observation_space
    assert again.programs == ("return 1",)
