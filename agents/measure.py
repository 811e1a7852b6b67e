"""What a policy earns on a split: one program per sample, scored by the environment's own engine.

Beside the reward there are figures that tell whether it was earned. *Semantic accuracy* is the share of programs that are right
on their own picture and on counterfactual scenes, too: other pictures, for which the dataset's functional program says what the
answer is there. Samples for which there is no such scene are left out, whatever the program. A wrong program that earns 1 on a
third of all single scenes seldom passes eight. *pass@k* is the chance that of k programs drawn at random one is right, which
says what there is for self-training to find. Both and the reward come with bootstrap intervals (`vispro_agents.intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vispro_agents.episodes import Tally, TypeScore, choose_type_field, is_sampler, play
from vispro_agents.errors import UsageError
from vispro_agents.intervals import interval, pass_at_k, resampled_means
from vispro_agents.policies.base import Policy, Sampling
from vispro_gym.envs.visual_program import VisualProgramEnv

if TYPE_CHECKING:
    from vispro_gym.counterfactual import CounterfactualScenes

_MOST_ERRORS = 5


@dataclass(frozen=True)
class Draws:
    """How pass@k is measured.

    Attributes:
        samples: Programs that are drawn for each sample of the dataset.
        at: The numbers k, each at most `samples`.
        sampling: How they are drawn.

    Raises:
        UsageError: If a k is out of range.
    """

    samples: int
    at: tuple[int, ...]
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, top_p=0.9))

    def __post_init__(self) -> None:
        if self.samples < 1 or not self.at or not all(1 <= k <= self.samples for k in self.at):
            raise UsageError(
                f"pass@k for k of {list(self.at)} cannot be told from {self.samples} samples. Expected k from 1 to their number."
            )


@dataclass(frozen=True)
class Evaluation:
    """What a policy earned.

    Attributes:
        env: Environment id.
        policy: Name of the policy.
        split: Split of the dataset.
        data: "mini" for the generated data, else "official".
        perception: Name of what programs saw through.
        episodes: Number of samples asked.
        pictures: Number of different pictures (or groups of pictures) that they were about.
        reward: Mean reward of the policy's best guesses, 0.0 to 1.0.
        semantic: Share of programs that are right on their own picture and on the counterfactual scenes; None if it was not asked
            or cannot be told.
        semantic_note: Why it cannot be told; "" if it was.
        semantic_episodes: Number of samples that have counterfactual scenes: those that semantic figures are about.
        pass_at: "pass@k", and "semantic pass@k" where there are scenes, by that name; empty if it was not asked, or the policy
            cannot draw.
        intervals: 95 % intervals `(low, high)` of the figures "reward", "semantic" and those of `pass_at`, by name; empty with
            less than two pictures.
        outcomes: Number of episodes by outcome, the most frequent first.
        metric: The dataset's official metric on the same answers, in its own unit.
        type_field: The field of the samples that `by_type` goes by; None if the dataset has none.
        by_type: Scores by type of the question, in alphabetical order.
        perception_errors: Number of episodes by what perception said when it could not serve a call, the most frequent first.
    """

    env: str
    policy: str
    split: str
    data: str
    perception: str
    episodes: int
    pictures: int
    reward: float
    semantic: float | None
    semantic_note: str
    semantic_episodes: int
    pass_at: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    outcomes: dict[str, int]
    metric: dict[str, float]
    type_field: str | None
    by_type: dict[str, TypeScore]
    perception_errors: dict[str, int]


@dataclass(frozen=True)
class Measured:
    """An evaluation, and what it takes to compare it with another.

    Attributes:
        evaluation: The figures.
        resampled: Bootstrap means by figure, float64 of shape `(resamples,)`. Those of two policies on the same positions with
            the same seed are paired.
    """

    evaluation: Evaluation
    resampled: dict[str, NDArray[np.float64]]


def figures(evaluation: Evaluation) -> dict[str, float]:
    """The figures of an evaluation that have intervals, by name."""
    semantic = {} if evaluation.semantic is None else {"semantic": evaluation.semantic}
    return {"reward": evaluation.reward, **semantic, **evaluation.pass_at}


def measure(
    policy: Policy,
    env: VisualProgramEnv,
    positions: Sequence[int],
    *,
    scenes: CounterfactualScenes | None = None,
    scenes_note: str = "not asked",
    draws: Draws | None = None,
    by: str | None = None,
    seed: int = 0,
    submission: str | PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Measured:
    """Measure a policy on samples of an environment that is open already.

    Args:
        policy: The policy.
        env: The environment.
        positions: Positions in its dataset, each once.
        scenes: Counterfactual scenes, see `find_scenes`; None for no semantic accuracy.
        scenes_note: Why there are none.
        draws: How pass@k is measured; None, or a policy that cannot draw, for no pass@k.
        by: Field by which scores are told; None for the dataset's kinds of question.
        seed: Seed of draws and bootstrap.
        submission: Where to write the answers as the file that the dataset's official code reads; None to write none.
        on_progress: Called after each batch with `(programs scored, programs in total)`.

    Raises:
        UsageError: If the policy does not return one text per prompt, there is no such field, or no folder for the submission.
    """
    if submission is not None and not Path(submission).absolute().parent.is_dir():
        raise UsageError(f"The submission {submission} would be in a folder that does not exist. Create it first.")
    tally = Tally(choose_type_field(env.dataset, by))
    draws = draws if is_sampler(policy) else None
    repeated = [position for position in positions for _ in range(draws.samples)] if draws else []
    total = len(positions) + len(repeated)
    for batch in play(policy, env, positions, scenes=scenes):
        tally.add(batch)
        if on_progress:
            on_progress(len(tally.rewards), total)
    values = {"reward": np.array(tally.rewards)}
    is_tested = np.array([verdict is not None for verdict in tally.verdicts])
    if is_tested.any():
        values["semantic"] = np.array(tally.verdicts, np.float64)  # None becomes NaN
    pass_at: dict[str, NDArray[np.float64]] = {}
    if draws:
        drawn = Tally()
        for batch in play(policy, env, repeated, scenes=scenes, sampling=draws.sampling, seed=seed):
            drawn.add(batch)
            if on_progress:
                on_progress(len(positions) + len(drawn.rewards), total)
        shape = (len(positions), draws.samples)
        for k in draws.at:
            pass_at[f"pass@{k}"] = pass_at_k(np.array(drawn.rewards, np.int64).reshape(shape).sum(1), draws.samples, k)
        for k in draws.at if is_tested.any() else ():
            right = np.array(drawn.verdicts, bool).reshape(shape).sum(1)
            pass_at[f"semantic pass@{k}"] = np.where(is_tested, pass_at_k(right, draws.samples, k), np.nan)
    values |= pass_at
    pictures = len(set(tally.pictures))
    resampled: dict[str, NDArray[np.float64]] = {}
    if pictures > 1:
        means = resampled_means(np.column_stack(list(values.values())), tally.pictures, seed)
        resampled = dict(zip(values, means.T, strict=True))
    # Only the dataset itself, not a list of its samples, holds what some official figures need beside the samples.
    is_whole = list(positions) == list(range(len(env.dataset)))
    asked = env.dataset if is_whole else [env.dataset[position] for position in positions]
    if submission is not None:
        env.task.write_submission(Path(submission), tally.answers, asked)
    if scenes is not None:
        scenes_note = "" if is_tested.any() else "no counterfactual scene was found for any sample."
    evaluation = Evaluation(
        env=env.spec.id if env.spec else type(env).__name__,
        policy=policy.name,
        split=env.dataset.split,
        data="mini" if env.dataset.is_mini else "official",
        perception=env.engine.perception.name,
        episodes=len(tally.rewards),
        pictures=pictures,
        reward=tally.reward,
        semantic=tally.semantic,
        semantic_note=scenes_note,
        semantic_episodes=int(is_tested.sum()),
        pass_at={name: float(np.nanmean(chances)) for name, chances in pass_at.items()},
        intervals={name: interval(means) for name, means in resampled.items()},
        outcomes=dict(tally.outcomes.most_common()),
        metric=env.task.metric(tally.answers, asked),
        type_field=tally.type_field,
        by_type=tally.by_type,
        perception_errors=dict(tally.perception_errors.most_common(_MOST_ERRORS)),
    )
    return Measured(evaluation, resampled)
