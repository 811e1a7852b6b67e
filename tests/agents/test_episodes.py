"""Playing: what policies are given, what comes back, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gymnasium as gym
import pytest

from vispro_agents.episodes import Episode, Tally, TypeScore, choose_type_field, find_scenes, open_env, play, score
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_agents.policies.fixed import ConstantPolicy, ExpertPolicy
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Outcome
from vispro_gym.envs.visual_program import VisualProgramEnv

ENV = "VisProg-GQA-v0"
HOT = Sampling(temperature=1.0)


class Recorder:
    """Notes what it is asked, and answers "yes"."""

    name = "recorder"

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], Sampling, int]] = []

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        return ["def execute_command(image):\n    return 'no'\n"] * len(prompts)

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        self.calls.append(([prompt.sample_id for prompt in prompts], sampling, seed))
        return [Completion("def execute_command(image):\n    return 'yes'\n")] * len(prompts)


@pytest.fixture(scope="module")
def env(small_gqa: Path) -> VisualProgramEnv:
    return open_env(ENV, "val", small_gqa)


def test_draws_come_in_order_each_batch_with_a_seed_of_its_own(env: VisualProgramEnv) -> None:
    seeds = []
    for seed in (0, 0, 1):
        policy = Recorder()
        batches = list(play(policy, env, [3, 3, 5], batch_size=2, sampling=HOT, seed=seed))
        ids = [env.dataset.sample_ids[position] for position in (3, 3, 5)]
        assert [[episode.sample.sample_id for episode in batch] for batch in batches] == [ids[:2], ids[2:]]
        assert [call[0] for call in policy.calls] == [ids[:2], ids[2:]]
        assert all(call[1] == HOT for call in policy.calls)
        assert all(episode.outcome.answer == "yes" for batch in batches for episode in batch)
        seeds.append([call[2] for call in policy.calls])
    assert seeds[0] == seeds[1] and len({*seeds[0], *seeds[2]}) == 4


def test_best_guesses_are_not_drawn(env: VisualProgramEnv) -> None:
    policy = Recorder()
    (batch,) = play(policy, env, [0, 1])
    assert [episode.outcome.answer for episode in batch] == ["no", "no"]
    assert not policy.calls


def test_a_policy_that_cannot_draw_is_named(env: VisualProgramEnv) -> None:
    with pytest.raises(UsageError, match="'constant:yes' cannot draw"):
        list(play(ConstantPolicy("yes"), env, [0], sampling=HOT))


def test_lucky_programs_are_told_from_right_ones(env: VisualProgramEnv) -> None:
    scenes, note = find_scenes(env, 8)
    assert scenes is not None and note == ""
    everything = range(len(env.dataset))
    (experts,) = play(ExpertPolicy(env.dataset), env, everything, scenes=scenes)
    assert all(episode.outcome.reward == 1.0 and episode.semantic is not False for episode in experts)
    tested = [episode.semantic is not None for episode in experts]
    assert sum(tested) > 30
    for answer in ("yes", "no", "red"):
        (batch,) = play(ConstantPolicy(answer), env, everything, scenes=scenes)
        assert {episode.outcome.reward for episode in batch} == {0.0, 1.0}
        # Every object is in some pictures and not in others, and has all colors somewhere.
        assert not any(episode.semantic for episode in batch)
        assert [episode.semantic is not None for episode in batch] == tested


def test_without_scenes_there_is_no_verdict(env: VisualProgramEnv) -> None:
    assert find_scenes(env, 0) == (None, "not asked")
    (batch,) = play(ExpertPolicy(env.dataset), env, [0, 1])
    assert [episode.semantic for episode in batch] == [None, None]
    with pytest.raises(UsageError, match="from 0 on, got -1"):
        find_scenes(env, -1)


def test_datasets_without_functional_programs_say_so() -> None:
    scenes, note = find_scenes(open_env("VisProg-POPE-v0", "popular"), 8)
    assert scenes is None
    assert "functional programs" in note


def test_replies_that_somebody_else_wrote_are_scored(env: VisualProgramEnv) -> None:
    samples = env.dataset[:2]
    episodes = score(env, samples, ["no program", f"def execute_command(image):\n    return {samples[1].target!r}\n"])
    assert [episode.outcome.outcome for episode in episodes] == ["extract_error", "correct"]
    assert [episode.sample for episode in episodes] == samples


def episode(kind: str | None, reward: float, semantic: bool | None) -> Episode:
    fields = {} if kind is None else {"structural": kind}
    outcome = Outcome("correct" if reward else "wrong", reward, "1", answer="yes")
    return Episode(Sample("1", "", (), "yes", fields), "", outcome, semantic)


def test_what_a_tally_says() -> None:
    tally = Tally("structural")
    tally.add([episode("verify", 1.0, True), episode("verify", 1.0, False), episode("query", 0.0, False)])
    tally.add([episode("query", 1.0, None), episode("choose", 0.0, None), episode(None, 0.0, False)])
    assert tally.reward == 3 / 6
    assert tally.semantic == 1 / 4  # two samples have no scene
    assert tally.by_type == {
        "choose": TypeScore(1, 0.0, None), "query": TypeScore(2, 0.5, 0.0), "verify": TypeScore(2, 1.0, 0.5),
    }  # fmt: skip
    assert tally.outcomes == {"correct": 3, "wrong": 3}


def test_a_tally_without_scenes_says_nothing_of_meaning() -> None:
    tally = Tally("structural")
    tally.add([episode("verify", 1.0, None), episode("verify", 0.0, None)])
    assert tally.semantic is None
    assert tally.by_type == {"verify": TypeScore(2, 0.5, None)}
    assert Tally().semantic is None and Tally().reward == 0.0


@pytest.mark.parametrize(
    ("env_id", "field"),
    [
        (ENV, "structural"),
        ("VisProg-CLEVR-v0", "function"),
        ("VisProg-VSR-v0", "relation"),
        ("VisProg-TallyQA-v0", "complexity"),
        ("VisProg-Flickr30k-v0", None),
    ],
)
def test_kinds_of_questions(env_id: str, field: str | None) -> None:
    dataset = gym.make(env_id).unwrapped.dataset  # type: ignore[attr-defined]
    assert choose_type_field(dataset) == field
    with pytest.raises(UsageError, match="have no field 'color'"):
        choose_type_field(dataset, "color")


def test_a_field_may_be_chosen(env: VisualProgramEnv) -> None:
    assert choose_type_field(env.dataset, "detailed") == "detailed"
