"""Policies that learn nothing: what they write is known beforehand."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vispro_agents.episodes import open_env, play
from vispro_agents.policies.base import Prompt, Sampling
from vispro_agents.policies.fixed import ConstantPolicy, CrashPolicy, ExpertPolicy, RandomPolicy

ENV = "VisProg-GQA-v0"
PROMPTS = [Prompt(str(number), f"Is the red cup on table {number}?") for number in range(6)]
prompts = st.lists(st.builds(Prompt, st.text(max_size=5), st.text(max_size=40)), max_size=8)


def test_the_expert_writes_names_and_no_object_ids(small_gqa: Path) -> None:
    dataset = open_env(ENV, "val", small_gqa).dataset
    sample = dataset[1]
    [program] = ExpertPolicy(dataset).propose([Prompt(sample.sample_id, "the query is not read")])
    noun = sample.query.removesuffix("?").split()[-1]
    assert f'image_patch.find("{noun}")' in program
    assert repr(sample.target) not in program


@pytest.mark.parametrize("answer", ["yes", 'it\'s "quoted"', "back\\slash\nline", "", "a:b"])
def test_a_constant_may_hold_any_text(answer: str) -> None:
    scope: dict[str, object] = {}
    exec(ConstantPolicy(answer).propose([Prompt("1", "?")])[0], scope)
    assert scope["execute_command"](None) == answer  # type: ignore[operator]


def test_a_crash_earns_nothing_and_random_programs_run(small_gqa: Path) -> None:
    env = open_env(ENV, "val", small_gqa)
    outcomes = {
        policy.name: [episode.outcome for batch in play(policy, env, range(40)) for episode in batch]
        for policy in (CrashPolicy(), RandomPolicy())
    }
    assert {outcome.outcome for outcome in outcomes["crash"]} == {"runtime_error"}
    assert sum(outcome.reward for outcome in outcomes["crash"]) == 0
    assert not {"extract_error", "syntax_error", "rejected"} & {outcome.outcome for outcome in outcomes["random"]}
    assert any(outcome.answer is not None for outcome in outcomes["random"])


@settings(max_examples=40)
@given(prompts, prompts, st.integers(0, 2**40))
def test_a_random_program_does_not_depend_on_the_batch(some: list[Prompt], others: list[Prompt], seed: int) -> None:
    policy, sampling = RandomPolicy(seed), Sampling(1.0)
    assert policy.propose(others + some)[len(others) :] == policy.propose(some)
    apart = [prompt for prompt in others if prompt not in some]
    assert policy.complete(apart + some, sampling, seed)[len(apart) :] == policy.complete(some, sampling, seed)


def test_random_programs_follow_the_seed_and_a_repeated_prompt_is_drawn_anew() -> None:
    assert RandomPolicy(1).propose(PROMPTS) == RandomPolicy(1).propose(PROMPTS) != RandomPolicy(2).propose(PROMPTS)
    drawn = RandomPolicy().complete([PROMPTS[0]] * 8, Sampling(1.0), 5)
    assert len(set(drawn)) > 4
    assert RandomPolicy(9).complete([PROMPTS[0]] * 8, Sampling(1.0), 5) == drawn  # only the seed of the call counts
    assert RandomPolicy().complete([PROMPTS[0]] * 8, Sampling(1.0), 6) != drawn


def test_random_programs_take_the_pictures_that_there_are() -> None:
    prompt = Prompt("1", "Is it?", image_names=("left", "right"))
    for text in [*RandomPolicy().propose([prompt]), RandomPolicy().complete([prompt], Sampling(), 0)[0].text]:
        [function] = ast.parse(text).body
        assert isinstance(function, ast.FunctionDef)
        assert [argument.arg for argument in function.args.args] == ["left", "right"]
