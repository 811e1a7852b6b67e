"""Episodes: opening an environment, having a policy play it, and what that amounts to."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeGuard

import gymnasium as gym

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Policy, Prompt, Sampler, Sampling
from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.registration import CARDS, TASK_REWARDS

if TYPE_CHECKING:
    from vispro_gym.counterfactual import CounterfactualScenes

SEMANTIC_SCENES = 8
"""Counterfactual scenes on which programs that earned a reward are run again."""

_KINDS_OF_QUESTION = ("structural", "function")  # coarser than the types that subsets go by, of which GQA has a hundred


@dataclass(frozen=True, slots=True)
class Episode:
    """One sample, what the policy replied, and what became of it.

    Attributes:
        sample: The sample.
        reply: What the policy wrote.
        outcome: What the engine made of it.
        semantic: Whether the program is right here and on the counterfactual scenes; None if that was not asked, or there is no
            scene for the sample, whatever the program.
    """

    sample: Sample
    reply: str
    outcome: Outcome
    semantic: bool | None = None


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
    if any(env_id == row.env_id for row in TASK_REWARDS):
        raise UsageError(
            f"{env_id} is an environment of task rewards, whose actions are no programs. "
            "Expected one of visual programs; `vispro-agents task-reward` trains in the others."
        )
    if any(env_id == row.env_id for row in CARDS):
        raise UsageError(
            f"{env_id} is an environment of cards, whose actions are no programs. "
            "Expected one of visual programs; `vispro-agents vlm-ppo` trains in the others."
        )
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


def find_scenes(env: VisualProgramEnv, num_scenes: int, seed: int = 0) -> tuple[CounterfactualScenes | None, str]:
    """Counterfactual scenes for an environment's samples.

    Args:
        env: The environment. Its reward is best one of single scenes (`num_scenes=0`), so that both figures can be compared.
        num_scenes: Scenes for each sample; 0 for none.
        seed: Seed of their choice.

    Returns:
        The scenes and "", or None and why there are none.

    Raises:
        UsageError: If `num_scenes` is negative.
    """
    if num_scenes < 0:
        raise UsageError(f"Expected a number of counterfactual scenes from 0 on, got {num_scenes}.")
    if num_scenes == 0:
        return None, "not asked"
    from vispro_gym.counterfactual import CounterfactualScenes

    try:
        return CounterfactualScenes(env.dataset, env.engine, num_scenes, seed), ""
    except (DatasetError, ValueError) as error:
        return None, str(error)


def is_sampler(policy: Policy) -> TypeGuard[Sampler]:
    """Whether a policy can draw different replies to one prompt."""
    return callable(getattr(policy, "complete", None))


def play(
    policy: Policy,
    env: VisualProgramEnv,
    positions: Sequence[int],
    batch_size: int = 1000,
    *,
    scenes: CounterfactualScenes | None = None,
    sampling: Sampling | None = None,
    seed: int = 0,
) -> Iterator[list[Episode]]:
    """Have a policy write one program for each of some samples, and score them.

    Args:
        policy: The policy.
        env: The environment whose dataset and engine are used.
        positions: Positions in the dataset. A position may occur several times.
        batch_size: Samples that the policy and the engine receive at once.
        scenes: Where programs that earn a reward are run again; None leaves `Episode.semantic` None.
        sampling: How replies are drawn, by a policy that is a `Sampler`; None for the policy's best guesses.
        seed: Seed of the draws.

    Yields:
        The episodes of one batch, in order.

    Raises:
        UsageError: If the policy cannot draw, or does not return one text per prompt.
    """
    for start in range(0, len(positions), batch_size):
        chosen = positions[start : start + batch_size]
        known = {position: env.dataset[position] for position in dict.fromkeys(chosen)}
        samples = [known[position] for position in chosen]
        prompts = [Prompt(sample.sample_id, sample.query, env.task.instructions, env.dataset.image_names) for sample in samples]
        if sampling is None:
            replies = policy.propose(prompts)
        elif is_sampler(policy):
            completions = policy.complete(prompts, sampling, random.Random(f"{seed} {start}").getrandbits(32))
            replies = [completion.text for completion in completions]
        else:
            raise UsageError(
                f"The policy {policy.name!r} cannot draw: it has no method 'complete'. See vispro_agents.policies.base."
            )
        if len(replies) != len(samples) or not all(isinstance(reply, str) for reply in replies):
            raise UsageError(
                f"The policy {policy.name!r} was given {len(samples)} prompts and returned {len(replies)} replies. "
                "Expected one str per prompt."
            )
        yield score(env, samples, replies, scenes)


def score(
    env: VisualProgramEnv, samples: Sequence[Sample], replies: Sequence[str], scenes: CounterfactualScenes | None = None
) -> list[Episode]:
    """The episodes in which each reply was said to its sample; see `play` for the arguments.

    Which samples have a verdict on meaning does not depend on the replies. If programs that earn nothing counted where there is
    no scene, and those that earn a reward did not, the share of right ones would be too low.
    """
    jobs = [Job(reply, sample) for reply, sample in zip(replies, samples, strict=True)]
    outcomes = env.engine.run(jobs)
    semantic: list[bool | None] = [None] * len(jobs)
    if scenes is not None:
        verdicts = zip(scenes.samples(samples), scenes.check(jobs, outcomes), strict=True)
        semantic = [verdict if others else None for others, verdict in verdicts]
    return [Episode(*parts) for parts in zip(samples, replies, outcomes, semantic, strict=True)]


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


def choose_type_field(dataset: Dataset, by: str | None = None) -> str | None:
    """The field that scores are told by: the one asked for, or the dataset's kinds of question, or its types; None without any.

    Raises:
        UsageError: If the dataset has no such field.
    """
    if by is not None and by not in dataset.fields:
        known = f"Expected one of: {', '.join(dataset.fields)}." if dataset.fields else "It has no fields."
        raise UsageError(f"Samples of {dataset.name} have no field {by!r:.80} to score by. {known}")
    return by or next((name for name in _KINDS_OF_QUESTION if name in dataset.fields), dataset.type_field)


@dataclass(frozen=True)
class TypeScore:
    """What a policy earned on the questions of one type.

    Attributes:
        episodes: Their number.
        reward: Mean reward.
        semantic: Semantic accuracy; None if none of them has counterfactual scenes.
    """

    episodes: int
    reward: float
    semantic: float | None


class Tally:
    """What is kept of episodes: enough for every figure, little enough for a million of them.

    Args:
        type_field: Field of the samples by which scores are told; None for none.
    """

    def __init__(self, type_field: str | None = None) -> None:
        self.type_field = type_field
        self.rewards: list[float] = []
        self.verdicts: list[bool | None] = []
        self.pictures: list[tuple[str, ...]] = []
        self.outcomes: Counter[str] = Counter()
        self.perception_errors: Counter[str] = Counter()
        self.answers: dict[str, Any] = {}
        self._types: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, episodes: Sequence[Episode]) -> None:
        """Count episodes."""
        for episode in episodes:
            sample, outcome = episode.sample, episode.outcome
            if self.type_field is not None and self.type_field in sample.fields:
                self._types[str(sample.fields[self.type_field])].append(len(self.rewards))
            self.rewards.append(outcome.reward)
            self.verdicts.append(episode.semantic)
            self.pictures.append(tuple(image.image_id for image in sample.images))
            self.outcomes[outcome.outcome] += 1
            if outcome.outcome == "perception_error" and outcome.error:
                self.perception_errors[outcome.error["message"]] += 1
            self.answers[sample.sample_id] = outcome.answer

    @property
    def reward(self) -> float:
        """Mean reward."""
        return mean(self.rewards)

    @property
    def semantic(self) -> float | None:
        """Share of right programs among episodes that have counterfactual scenes; None if none has."""
        return _share(self.verdicts)

    @property
    def by_type(self) -> dict[str, TypeScore]:
        """Scores by type, in alphabetical order."""
        return {
            name: TypeScore(
                len(members),
                mean([self.rewards[i] for i in members]),
                _share([self.verdicts[i] for i in members]),
            )
            for name, members in sorted(self._types.items())
        }


def _share(verdicts: Sequence[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return sum(known) / len(known) if known else None


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0.0 of nothing."""
    return sum(values) / len(values) if values else 0.0
