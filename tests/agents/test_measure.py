"""Figures of a policy whose figures are known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from vispro_agents.episodes import TypeScore, find_scenes, open_env
from vispro_agents.errors import UsageError
from vispro_agents.measure import Draws, Measured, measure
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_agents.policies.fixed import ConstantPolicy, ExpertPolicy
from vispro_gym.envs.visual_program import VisualProgramEnv


@pytest.fixture(scope="module")
def env(small_gqa: Path) -> VisualProgramEnv:
    return open_env("VisProg-GQA-v0", "val", small_gqa)


def program(answer: str) -> str:
    return f"def execute_command(image):\n    return {answer!r}\n"


class InTurn:
    """Best guess "yes"; of the programs that it draws for one sample, the first says "yes", the second "no", then it starts anew."""

    name = "in-turn"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        return [program("yes")] * len(prompts)

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        drawn: Counter[str] = Counter()
        replies = []
        for prompt in prompts:
            replies.append(Completion(program("no" if drawn[prompt.sample_id] % 2 else "yes")))
            drawn[prompt.sample_id] += 1
        return replies


def measured(policy: object, env: VisualProgramEnv, draws: Draws | None = None) -> Measured:
    scenes, _ = find_scenes(env, 8)
    return measure(policy, env, range(len(env.dataset)), scenes=scenes, draws=draws)  # type: ignore[arg-type]


def test_pass_at_k_of_known_draws(env: VisualProgramEnv) -> None:
    # Half of the questions are about existence: of four programs two are right. The others ask for a color: none is.
    result = measured(InTurn(), env, Draws(4, (1, 2, 3))).evaluation
    assert result.pass_at == pytest.approx(
        {
            "pass@1": 0.5 * 1 / 2,
            "pass@2": 0.5 * 5 / 6,  # 6 pairs, of which one holds no right program
            "pass@3": 0.5,
            "semantic pass@1": 0.0,
            "semantic pass@2": 0.0,
            "semantic pass@3": 0.0,
        }
    )
    assert result.intervals.keys() == {"reward", "semantic", *result.pass_at}
    for name, value in result.pass_at.items():
        low, high = result.intervals[name]
        assert low <= value <= high
    # Every picture has one question of each kind: however pictures are drawn, half of the questions are about existence.
    assert result.intervals["pass@2"] == pytest.approx((5 / 12, 5 / 12))
    low, high = result.intervals["reward"]
    assert low < result.reward < high


def test_figures_of_a_constant(env: VisualProgramEnv) -> None:
    right = sum(sample.target == "yes" for sample in env.dataset)
    result = measured(ConstantPolicy("yes"), env).evaluation
    assert (result.reward, result.semantic, result.semantic_note) == (right / 40, 0.0, "")
    assert (result.episodes, result.pictures, result.data, result.perception) == (40, 20, "official", "oracle")
    assert result.type_field == "structural"
    assert result.by_type == {"query": TypeScore(20, 0.0, 0.0), "verify": TypeScore(20, right / 20, 0.0)}
    assert result.pass_at == {}


def test_the_expert_is_right_everywhere(env: VisualProgramEnv) -> None:
    result = measured(ExpertPolicy(env.dataset), env).evaluation
    assert (result.reward, result.semantic) == (1.0, 1.0)
    assert result.intervals == {"reward": (1.0, 1.0), "semantic": (1.0, 1.0)}


def test_a_policy_that_cannot_draw_has_no_pass_at_k(env: VisualProgramEnv) -> None:
    assert measured(ConstantPolicy("yes"), env, Draws(2, (1,))).evaluation.pass_at == {}


def test_one_picture_tells_nothing_of_the_spread(env: VisualProgramEnv) -> None:
    result = measure(ExpertPolicy(env.dataset), env, [0, 1])
    assert result.evaluation.pictures == 1
    assert result.evaluation.intervals == {} == result.resampled
    assert result.evaluation.semantic is None and result.evaluation.semantic_note == "not asked"


def test_figures_follow_from_the_seed(env: VisualProgramEnv) -> None:
    def resampled(seed: int) -> list[float]:
        return measure(ConstantPolicy("yes"), env, range(40), seed=seed).resampled["reward"].tolist()

    assert resampled(3) == resampled(3) != resampled(4)


def test_progress_counts_the_draws(env: VisualProgramEnv) -> None:
    seen: list[tuple[int, int]] = []
    measure(InTurn(), env, range(10), draws=Draws(3, (1,)), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(10, 40), (40, 40)]


def test_everything_is_json(env: VisualProgramEnv) -> None:
    result = measured(InTurn(), env, Draws(2, (1, 2))).evaluation
    record = json.loads(json.dumps(asdict(result)))
    assert record["reward"] == result.reward
    assert record["intervals"]["pass@1"] == list(result.intervals["pass@1"])
    assert record["by_type"]["verify"]["semantic"] == 0.0


@pytest.mark.parametrize(("samples", "at"), [(0, (1,)), (3, ()), (3, (0,)), (3, (1, 4))])
def test_more_than_was_drawn_cannot_be_told(samples: int, at: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=f"cannot be told from {samples} samples"):
        Draws(samples, at)
