"""What a policy earns on a split: one program per sample, scored by the environment's own engine."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import gymnasium as gym

from vispro_agents.errors import UsageError
from vispro_agents.policies import Policy, Prompt, load_policy
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.registration import ENVIRONMENTS

_MOST_ERRORS = 5


@dataclass(frozen=True)
class Evaluation:
    """What a policy earned.

    Attributes:
        env: Environment id.
        policy: Name of the policy.
        split: Split of the dataset.
        episodes: Number of samples asked.
        reward: Mean reward, 0.0 to 1.0.
        outcomes: Number of episodes by outcome, the most frequent first.
        metric: The dataset's official metric on the same answers, in its own unit.
        by_type: Mean reward by structural type of the question, for datasets that tell it.
        perception_errors: Number of episodes by what perception said when it could not serve a call, the most frequent first.
    """

    env: str
    policy: str
    split: str
    episodes: int
    reward: float
    outcomes: dict[str, int]
    metric: dict[str, float]
    by_type: dict[str, float]
    perception_errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Episode:
    """One sample, what the policy replied, and what became of it."""

    sample: Sample
    reply: str
    outcome: Outcome


def open_env(
    env_id: str, split: str, data_dir: str | PathLike[str] | None = None, images: str = "required", **options: Any
) -> VisualProgramEnv:
    """Make an environment and take off Gymnasium's wrappers.

    Args:
        env_id: Environment id.
        split: Split of the dataset.
        data_dir: Root folder of the dataset; see the environment.
        images: "required" or "optional"; see the environment.
        **options: Further options of the environment.

    Raises:
        UsageError: If there is no such environment or option, or it is not one of visual programs.
        DatasetError: If the data or the split is missing or damaged.
    """
    try:
        env = gym.make(env_id, split=split, data_dir=data_dir, images=images, **options).unwrapped
    except DatasetError:
        raise
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise UsageError(f"The environment {env_id!r} cannot be made: {error} `vispro-gym list` shows what there is.") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"The environment {env_id!r} cannot be made: {error}") from error
    if not isinstance(env, VisualProgramEnv):
        raise UsageError(
            f"{env_id!r} is {type(env).__name__}, expected a VisualProgramEnv. `vispro-gym list` shows what there is."
        )
    return env


def play(policy: Policy, env: VisualProgramEnv, positions: Sequence[int], batch_size: int = 1000) -> Iterator[list[Episode]]:
    """Have a policy write one program for each of some samples, and score them.

    Args:
        policy: The policy.
        env: The environment whose dataset and engine are used.
        positions: Positions in the dataset. A position may occur several times.
        batch_size: Samples that the policy and the engine receive at once.

    Yields:
        The episodes of one batch, in order.

    Raises:
        UsageError: If the policy does not return one text per prompt.
    """
    for start in range(0, len(positions), batch_size):
        samples = [env.dataset[position] for position in positions[start : start + batch_size]]
        replies = policy.propose(
            [Prompt(sample.sample_id, sample.query, env.task.instructions, env.dataset.image_names) for sample in samples]
        )
        if len(replies) != len(samples) or not all(isinstance(reply, str) for reply in replies):
            raise UsageError(
                f"The policy {policy.name!r} was given {len(samples)} prompts and returned {len(replies)} replies. "
                "Expected one str per prompt."
            )
        outcomes = env.engine.run([Job(reply, sample) for reply, sample in zip(replies, samples, strict=True)])
        yield [Episode(*parts) for parts in zip(samples, replies, outcomes, strict=True)]


def choose_positions(size: int, count: int | None, seed: int) -> list[int]:
    """All positions of a split, or the first `count` of its seeded permutation.

    Raises:
        UsageError: If `count` is less than 1.
    """
    if count is None:
        return list(range(size))
    if count < 1:
        raise UsageError(f"Expected at least one episode, got {count}.")
    permutation = list(range(size))
    random.Random(seed).shuffle(permutation)
    return permutation[:count]


def evaluate(
    policy: Policy | str,
    env_id: str,
    *,
    split: str | None = None,
    data_dir: str | PathLike[str] | None = None,
    images: str = "required",
    episodes: int | None = None,
    seed: int = 0,
    submission: str | PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measure a policy.

    Args:
        policy: A policy, or what `load_policy` understands.
        env_id: Environment id.
        split: Split of the dataset; None for the one on which the environment's row has policies measured.
        data_dir: Root folder of the dataset; see the environment.
        images: "required" or "optional"; see the environment.
        episodes: Number of samples; None for the whole split. A smaller number takes the first of a seeded permutation.
        seed: Seed of that permutation.
        submission: Where to write the answers as the file that the dataset's official code reads; None to write none.
        on_progress: Called after each batch with `(episodes done, episodes in total)`.
        **options: Further options of the environment, for example `form="direct_answer"`.

    Raises:
        UsageError: If environment, policy or number of episodes make no sense.
        DatasetError: If the data or the split is missing or damaged.
    """
    split = split or next((row.evaluation_split for row in ENVIRONMENTS if row.env_id == env_id), "val")
    env = open_env(env_id, split, data_dir, images, **options)
    if submission is not None and not Path(submission).absolute().parent.is_dir():
        raise UsageError(f"The submission {submission} would be in a folder that does not exist. Create it first.")
    if isinstance(policy, str):
        policy = load_policy(policy, env.dataset)
    positions = choose_positions(len(env.dataset), episodes, seed)
    rewards: list[float] = []
    outcomes: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    answers: dict[str, object] = {}
    types: defaultdict[str, list[float]] = defaultdict(list)
    for batch in play(policy, env, positions):
        for episode in batch:
            rewards.append(episode.outcome.reward)
            outcomes[episode.outcome.outcome] += 1
            if episode.outcome.outcome == "perception_error" and episode.outcome.error:
                errors[episode.outcome.error["message"]] += 1
            answers[episode.sample.sample_id] = episode.outcome.answer
            if "structural" in episode.sample.fields:
                types[str(episode.sample.fields["structural"])].append(episode.outcome.reward)
        if on_progress:
            on_progress(len(rewards), len(positions))
    asked = env.dataset if episodes is None else [env.dataset[position] for position in positions]
    if submission is not None:
        env.task.write_submission(Path(submission), answers, asked)
    return Evaluation(
        env=env_id,
        policy=policy.name,
        split=split,
        episodes=len(rewards),
        reward=mean(rewards),
        outcomes=dict(outcomes.most_common()),
        metric=env.task.metric(answers, asked),
        by_type={name: mean(values) for name, values in sorted(types.items())},
        perception_errors=dict(errors.most_common(_MOST_ERRORS)),
    )


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0.0 of nothing."""
    return sum(values) / len(values) if values else 0.0
