"""Whether an environment can be gamed: what policies earn that do not solve the task.

An environment is *sound* if

* no policy earns anything that gives no answer, or an answer that is right nowhere. One such reward is one too many, so there is
  nothing statistical about it;
* no policy that gives several answers at once earns more than the majority answer, which is the constant that earns most.

Random programs, and choosing the longest or the shortest option, are compared with the majority answer, too. That they earn
more does not make an environment unsound, since the former look at the picture and the latter tell of the data; it is said all
the same.

All policies are asked the same samples. "More" means by more than three standard errors: of the n samples on which exactly one of
two policies is rewarded, each is rewarded on n / 2, give or take sqrt(n) / 2, if neither is better; so the difference of these
numbers is compared with 3 sqrt(n) (McNemar's test). The errors shown are those of a binomial share, sqrt(p (1 - p) / episodes).
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Engine, Job
from vispro_gym.inspection.opening import InspectionError, find_row, open_env
from vispro_gym.inspection.policies import BlindPolicy, Group, policies

STANDARD_ERRORS = 3.0
_BATCH = 1_000


@dataclass(frozen=True)
class Result:
    """What one policy earned.

    Attributes:
        policy: Its name.
        group: What it may earn, see `vispro_gym.inspection.policies`.
        reward: Mean reward.
        error: Standard error of the mean.
        outcomes: Number of episodes by outcome, the most frequent first.
        rewards: Reward of each episode.
    """

    policy: str
    group: Group
    reward: float
    error: float
    outcomes: dict[str, int]
    rewards: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class Audit:
    """What all policies earned, and what follows.

    Attributes:
        results: One per policy.
        majority: The constant that earns most.
        faults: Why the environment is not sound; none if it is.
        notes: What else is worth knowing.
    """

    results: tuple[Result, ...]
    majority: Result
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is rewarded that should not be."""
        return not self.faults

    @property
    def verdict(self) -> str:
        """One line."""
        if self.faults:
            return f"not sound: {' '.join(self.faults)}"
        return (
            "sound: no answer and nonsense earn nothing, and several answers at once no more than the majority answer, "
            f"which earns {_share(self.majority)} ({self.majority.policy})."
        )

    def as_json(self) -> dict[str, Any]:
        """Everything that JSON can hold."""
        return {
            "sound": self.is_sound,
            "verdict": self.verdict,
            "majority": self.majority.policy,
            "faults": list(self.faults),
            "notes": list(self.notes),
            "policies": [
                {name: getattr(result, name) for name in ("policy", "group", "reward", "error", "outcomes")}
                for result in self.results
            ],
        }


def audit(
    dataset: Dataset,
    engine: Engine,
    *,
    episodes: int = 1_000,
    seed: int = 0,
    on_progress: Callable[[str], None] | None = None,
) -> Audit:
    """Has policies that do not solve the task write programs, and judges what they earn.

    Args:
        dataset: What is asked.
        engine: Runs and scores the programs.
        episodes: Samples that are asked: the first of a seeded permutation, at most the whole split.
        seed: Seed of that permutation, of the order of options, and of random programs.
        on_progress: Called with the name of each policy before it is asked.

    Raises:
        InspectionError: If the number of episodes makes no sense.
        DatasetError: If a sample is damaged.
    """
    if episodes < 1:
        raise InspectionError(f"episodes={episodes} is too few. Expected at least 1.")
    samples = _samples(dataset, episodes, seed)
    results = []
    for policy in policies(samples, engine.task, dataset.image_names, seed):
        if on_progress:
            on_progress(policy.name)
        results.append(_ask(policy, engine, samples))
    return judge(results)


def _samples(dataset: Dataset, episodes: int, seed: int) -> list[Sample]:
    rng = random.Random(seed)
    positions = rng.sample(range(len(dataset)), min(episodes, len(dataset)))
    return [dataset.sample(position, rng.getrandbits(31) if dataset.is_shuffled else 0) for position in positions]


def _ask(policy: BlindPolicy, engine: Engine, samples: Sequence[Sample]) -> Result:
    rewards: list[float] = []
    outcomes: Counter[str] = Counter()
    for start in range(0, len(samples), _BATCH):
        for outcome in engine.run([Job(policy.write(sample), sample) for sample in samples[start : start + _BATCH]]):
            rewards.append(outcome.reward)
            outcomes[outcome.outcome] += 1
    mean = sum(rewards) / len(rewards)
    error = math.sqrt(max(0.0, mean * (1.0 - mean)) / len(rewards))
    return Result(policy.name, policy.group, mean, error, dict(outcomes.most_common()), tuple(rewards))


def judge(results: Sequence[Result]) -> Audit:
    """What follows from the results of all policies.

    Args:
        results: Of policies that were asked the same samples in the same order; at least one of the group "constant".
    """
    majority = max((result for result in results if result.group == "constant"), key=lambda result: result.reward)
    faults: list[str] = []
    notes: list[str] = []
    for result in results:
        if result.group in ("silent", "nonsense") and any(result.rewards):
            what = "gives no answer" if result.group == "silent" else "gives an answer that is right nowhere"
            faults.append(f"The policy ({result.policy}) {what} and earns {_share(result)}.")
        elif result.group in ("hedge", "query", "random") and _earns_more(result, majority):
            more = (
                f"The policy ({result.policy}) earns {_share(result)}, {result.reward - majority.reward:.3f} more than the "
                f"majority answer ({majority.policy}) with {_share(majority)}."
            )
            (faults if result.group == "hedge" else notes).append(more)
        elif result.group == "expert" and result.reward < 1.0:
            failed = len(result.rewards) - sum(map(bool, result.rewards))
            notes.append(f"The expert fails on {failed} of {len(result.rewards)} samples.")
    if all(result.group != "expert" for result in results):
        notes.append("There is no expert: neither the dataset nor its folder has programs for these samples.")
    return Audit(tuple(results), majority, tuple(faults), tuple(notes))


def _earns_more(result: Result, other: Result) -> bool:
    pairs = list(zip(result.rewards, other.rewards, strict=True))
    differing = sum(a != b for a, b in pairs)
    return sum(a - b for a, b in pairs) > STANDARD_ERRORS * math.sqrt(differing)


def _share(result: Result) -> str:
    return f"{result.reward:.3f} ± {result.error:.3f}"


def audit_env(
    env_id: str, split: str | None, form: str | None, data_dir: Path | None, episodes: int, seed: int, as_json: bool
) -> int:
    """Prints the audit of a registered environment; returns 0 if it is sound, else 1.

    Pictures are not needed: the policies look at annotations, if at anything.

    Args:
        env_id: Environment id.
        split: Split; None for the second one of the dataset, or the only one.
        form: Form; None for the first.
        data_dir: Root folder of the dataset; None as in the environment.
        episodes: See `audit`.
        seed: See `audit`.
        as_json: Whether to print one line of JSON instead of a table.

    Raises:
        InspectionError: If there is no such environment, an option makes no sense, or no program can be run.
        DatasetError: If the data is missing or damaged.
    """
    env = open_env(env_id, split=split or find_row(env_id).evaluation_split, form=form, data_dir=data_dir, images="optional")
    with Console(stderr=True).status("") as status:
        try:
            found = audit(
                env.dataset, env.engine, episodes=episodes, seed=seed, on_progress=lambda name: status.update(escape(name))
            )
        except RuntimeError as error:  # this machine does not confine programs
            raise InspectionError(f"No program can be run: {error}") from error
    asked = {
        "env": env_id,
        "split": env.dataset.split,
        "form": env.dataset.form,
        "data": "mini" if env.dataset.is_mini else "official",
        "episodes": len(found.majority.rewards),
        "seed": seed,
    }
    if as_json:
        print(json.dumps(asked | found.as_json()))
    else:
        _print(found, asked)
    return 0 if found.is_sound else 1


def _print(found: Audit, asked: dict[str, Any]) -> None:
    console = Console()
    title = "{env}, {split}, {form}: {episodes} episodes, seed {seed}, {data} data".format(**asked)
    table = Table("policy", "group", title=title, title_justify="left")
    table.add_column("reward", justify="right")
    table.add_column("±", justify="right")
    table.add_column("outcomes")
    groups = [result.group for result in found.results]
    for i, result in enumerate(found.results):
        outcomes = ", ".join(f"{name} {count}" for name, count in result.outcomes.items())
        best = "bold" if result is found.majority else None
        table.add_row(
            escape(result.policy),
            result.group,
            f"{result.reward:.3f}",
            f"{result.error:.3f}",
            outcomes,
            style=best,
            end_section=groups[i + 1 : i + 2] != [result.group],
        )
    console.print(table)
    for note in found.notes:
        console.print(note, style="yellow", markup=False, soft_wrap=True)
    console.print(found.verdict, style="green" if found.is_sound else "red", markup=False, soft_wrap=True)
