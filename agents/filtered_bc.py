"""Filtered behaviour cloning: a policy learns to write programs from its own programs that earned a reward.

    MLE       imitate a few expert programs
    repeat
      Grow      sample programs for queries of the train split, run them, log every one as experience
      Improve   fine-tune on those that earned 1

This is the self-training of VisReP (Khan et al., CVPR 2024) in the form of ReST's Grow and Improve steps: a policy gradient
with reward 0 or 1 and no baseline, taken offline in batches.

A yes/no question rewards half of all wrong programs, so what earned a reward once is not yet right. Three things keep luck in
check: of all programs that were tried for a query, on whatever scene, the one with the highest mean reward stands for it;
survivors of all iterations stay in the training set; and so do the demonstrations. Training rows are repeated with other nouns
(see `renaming`), since a model without pretraining would learn every noun by heart.

Everything random follows from `Args.seed` and the iteration, and everything learned is read from the experience on disk. A run
that was interrupted is resumed where the last finished phase ended, with the same result.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from vispro_agents.errors import UsageError
from vispro_agents.evaluate import Episode, choose_positions, mean, open_env, play
from vispro_agents.experience import Experience, Phase, Row
from vispro_agents.policies import Policy
from vispro_agents.policies.fixed import ExpertPolicy
from vispro_agents.renaming import rare_words, rename
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.programs.api import API

CURVE = "curve.json"


@dataclass(frozen=True)
class Args:
    """Train a small policy by filtered behaviour cloning."""

    run_dir: Path = Path("runs/filtered_bc")
    """Folder for policies, experience and the curve. A run that is there already is resumed."""
    env: str = "VisProg-GQA-v0"
    """Environment id."""
    data_dir: Path | None = None
    """Root folder of the dataset. None: see the environment; without any data, the generated mini data is used."""
    images: Literal["required", "optional"] = "required"
    """Whether a missing picture is an error."""
    perception: str = "oracle"
    """What programs see through, see `vispro_gym.perception.make_perception`."""
    seed: int = 0
    """Seed of everything."""
    demonstrations: int = 150
    """Expert programs to imitate first."""
    mle_variants: int = 15
    """Variants of each demonstration, about other things, to imitate beside it (see `renaming`)."""
    mle_epochs: int = 2
    """Passes over demonstrations and variants."""
    mle_learning_rate: float = 1.5e-3
    """Peak learning rate of the imitation."""
    iterations: int = 4
    """Rounds of Grow and Improve."""
    queries: int = 700
    """Queries of the train split that Grow asks in each iteration."""
    samples: int = 4
    """Programs that Grow draws per query."""
    temperature: float = 0.8
    """Sampling temperature of Grow."""
    improve_variants: int = 1
    """Variants of each survivor, about other things, to train on beside it."""
    improve_epochs: int = 2
    """Passes over demonstrations, survivors and variants in each iteration."""
    improve_learning_rate: float = 1.5e-3
    """Peak learning rate of Improve."""
    batch_size: int = 8
    """Programs per optimizer step."""
    eval_split: str = "val"
    """Split that the policies are measured on."""
    eval_episodes: int | None = None
    """Samples to measure on; None for the whole split."""


@dataclass(frozen=True)
class Point:
    """One point of the learning curve: a saved policy and what it earns.

    Attributes:
        policy: Name of the policy, also of its folder in `policies/`.
        iteration: Iteration of Improve that it came from; 0 before the first.
        reward: Mean reward of its greedy programs on the evaluation split.
        outcomes: Number of evaluation episodes by outcome.
        by_type: Mean reward by structural type of the question.
        trained_on: Number of `(query, program)` pairs that it was trained on in this phase.
        grow_reward: Mean reward of the programs that Grow sampled before this Improve; None if there was no Grow.
    """

    policy: str
    iteration: int
    reward: float
    outcomes: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, float] = field(default_factory=dict)
    trained_on: int = 0
    grow_reward: float | None = None


def train(args: Args, console: Console | None = None) -> list[Point]:
    """Run filtered behaviour cloning, or resume it.

    Args:
        args: All settings.
        console: Where to report progress; None for a silent run.

    Returns:
        The learning curve: the untrained policy, the one after imitation, and one per iteration.

    Raises:
        UsageError: If the folder holds a run with other settings, or the environment does not exist.
        DatasetError: If data is missing or damaged.
    """
    from vispro_agents.policies.tiny import SamplingPolicy, TinyPolicy  # imports torch
    from vispro_agents.supervised import fine_tune

    points = _read_points(args)
    train_env = open_env(args.env, "train", args.data_dir, args.images, perception=args.perception)
    eval_env = open_env(args.env, args.eval_split, args.data_dir, args.images, perception=args.perception)
    train_size, eval_size = len(train_env.dataset), len(eval_env.dataset)
    # Queries are free, only answers are annotated: vocabulary and variants may know all queries that Grow can ask.
    asked = choose_positions(train_size, min(train_size, 10_000), _seed(args, "vocabulary"))
    queries = [train_env.dataset[position].query for position in asked]
    experience = Experience(args.run_dir / "experience.jsonl")
    policies = args.run_dir / "policies"
    names = ["untrained", "mle", *(f"iteration-{i}" for i in range(1, args.iterations + 1))]
    columns = (TextColumn("{task.description:<34}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())

    with Progress(*columns, console=console or Console(quiet=True)) as progress:
        for phase in range(len(points), len(names)):
            iteration = max(0, phase - 1)
            run = _Trials(args, iteration, experience, progress)
            grow_reward, pairs = None, []

            if phase == 0:
                positions = choose_positions(train_size, args.demonstrations, _seed(args, "demonstrations"))
                run.play(ExpertPolicy(train_env.dataset), train_env, "train", positions, "demonstration")
                programs = [program for _, program in select_pairs(experience.read())]
                if not programs:
                    raise UsageError(
                        f"None of {args.demonstrations} expert programs earned a reward: there is nothing to imitate."
                    )
                texts = [*queries, *(member.name for member in API)]
                policy = TinyPolicy.create(texts, programs, seed=_seed(args, "weights"))
            else:
                policy = TinyPolicy.load(policies / names[phase - 1])

            if phase >= 2:  # Grow
                positions = choose_positions(train_size, args.queries, _seed(args, f"queries {iteration}"))
                sampler = SamplingPolicy(policy, temperature=args.temperature, seed=_seed(args, f"samples {iteration}"))
                episodes = run.play(sampler, train_env, "train", positions, "grow", args.samples)
                grow_reward = mean([episode.outcome.reward for episode in episodes])

            if phase >= 1:  # imitate the demonstrations, or Improve
                pairs = select_pairs([row for row in experience.read() if row.iteration <= iteration])
                rng = random.Random(_seed(args, f"variants {iteration}"))
                repeated = pairs * (args.improve_variants if iteration else args.mle_variants)
                variants = rename(repeated, rare_words(queries), rng)
                task = progress.add_task(f"{names[phase]}: train on {len(pairs)} programs", total=None)
                fine_tune(
                    policy,
                    pairs + variants,
                    epochs=args.improve_epochs if iteration else args.mle_epochs,
                    learning_rate=args.improve_learning_rate if iteration else args.mle_learning_rate,
                    batch_size=args.batch_size,
                    seed=_seed(args, f"training {iteration}"),
                    on_step=partial(_show_step, progress, task),
                )

            policy.name = names[phase]
            policy.save(policies / policy.name)
            positions = choose_positions(eval_size, args.eval_episodes, _seed(args, "evaluation"))
            episodes = run.play(policy, eval_env, args.eval_split, positions, "evaluate")
            points.append(_point(policy.name, iteration, episodes, len(pairs), grow_reward))
            _write_curve(args, points)
            progress.console.print(f"{policy.name}: held-out reward {100 * points[-1].reward:.1f} %")
    return points


def _show_step(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


class _Trials:
    """Plays episodes of one iteration and logs each as experience."""

    def __init__(self, args: Args, iteration: int, experience: Experience, progress: Progress) -> None:
        self.args = args
        self.iteration = iteration
        self.experience = experience
        self.progress = progress

    def play(
        self, policy: Policy, env: VisualProgramEnv, split: str, positions: Sequence[int], phase: Phase, draws: int = 1
    ) -> list[Episode]:
        """Have the policy write `draws` programs for each position."""
        episodes: list[Episode] = []
        task = self.progress.add_task(f"{policy.name}: {_VERBS[phase]}", total=draws * len(positions))
        for draw in range(draws):
            for batch in play(policy, env, positions, batch_size=256):
                self.experience.append([self._row(phase, split, draw, policy.name, episode) for episode in batch])
                episodes += batch
                self.progress.update(task, advance=len(batch))
        return episodes

    def _row(self, phase: Phase, split: str, draw: int, policy: str, episode: Episode) -> Row:
        sample, outcome = episode.sample, episode.outcome
        return Row(
            phase=phase,
            iteration=self.iteration,
            split=split,
            sample_id=sample.sample_id,
            draw=draw,
            policy=policy,
            seed=self.args.seed,
            query=sample.query,
            reply=episode.reply,
            program=outcome.program,
            outcome=outcome.outcome,
            reward=outcome.reward,
        )


_VERBS: dict[Phase, str] = {"demonstration": "write programs", "grow": "sample programs", "evaluate": "evaluate"}


def select_pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Choose what to train on: the demonstrations, and one program per query that Grow asked.

    All programs tried for one query text count, whatever the scene and the iteration. Of those that earned a reward, the one
    with the highest mean reward is kept; of equals the one that was drawn most often, then the latest.

    Args:
        rows: Experience. Rows of held-out evaluation are passed over.

    Returns:
        `(query, program)` pairs, in the order in which the queries came.
    """
    pairs = [(row.query, row.program) for row in rows if row.phase == "demonstration" and row.reward == 1.0 and row.program]
    tried: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.phase == "grow" and row.program is not None:
            programs = tried[row.query]
            # Put the program last: dictionaries keep order, so the latest comes last.
            programs[row.program] = [*programs.pop(row.program, []), row.reward]
    for query, programs in tried.items():
        scores = [(mean(rewards), len(rewards), place, program) for place, (program, rewards) in enumerate(programs.items())]
        best = max(scores)
        if best[0] > 0.0:
            pairs.append((query, best[3]))
    return pairs


def best_policy_path(run_dir: Path) -> Path:
    """Folder of a run's policy with the highest held-out reward; of equals the earliest.

    Raises:
        UsageError: If the folder holds no training run.
    """
    _, points = _read_curve(run_dir)
    if not points:
        raise UsageError(f"{run_dir / CURVE} has no finished policy yet. Resume the run with `vispro-agents train`.")
    return run_dir / "policies" / max(points, key=lambda point: point.reward).policy


def _read_curve(run_dir: Path) -> tuple[dict[str, Any], list[Point]]:
    """Settings and finished phases of a run."""
    try:
        curve = json.loads((run_dir / CURVE).read_text(encoding="utf-8"))
        return dict(curve["args"]), [Point(**point) for point in curve["points"]]
    except FileNotFoundError:
        raise UsageError(f"{run_dir} holds no training run: {CURVE} is missing.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{run_dir / CURVE} is damaged ({error}). Expected an object with 'args' and 'points'.") from error


def _read_points(args: Args) -> list[Point]:
    """The finished phases of the run to resume; none if there is no run yet."""
    if not (args.run_dir / CURVE).exists():
        return []
    settings, points = _read_curve(args.run_dir)
    # More iterations may be asked of a finished run; nothing else may differ.
    differing = [key for key, value in _settings(args).items() if settings.get(key) != value and key != "iterations"]
    if differing:
        raise UsageError(
            f"{args.run_dir} holds a run with another {', '.join(differing)}. Choose another --run-dir, or remove the folder."
        )
    return points[: args.iterations + 2]


def _write_curve(args: Args, points: Sequence[Point]) -> None:
    """Replace the curve in one step, so that a crash leaves the old one or the new one."""
    text = json.dumps({"args": _settings(args), "points": [asdict(point) for point in points]}, indent=1)
    scratch = args.run_dir / f"{CURVE}.new"
    scratch.write_text(text + "\n", encoding="utf-8")
    os.replace(scratch, args.run_dir / CURVE)


def _settings(args: Args) -> dict[str, Any]:
    """The arguments as JSON, without the folder, which may be moved."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(args).items() if key != "run_dir"}


def _point(policy: str, iteration: int, episodes: Sequence[Episode], trained_on: int, grow_reward: float | None) -> Point:
    types: defaultdict[str, list[float]] = defaultdict(list)
    for episode in episodes:
        if "structural" in episode.sample.fields:
            types[str(episode.sample.fields["structural"])].append(episode.outcome.reward)
    return Point(
        policy=policy,
        iteration=iteration,
        reward=mean([episode.outcome.reward for episode in episodes]),
        outcomes=dict(Counter(episode.outcome.outcome for episode in episodes).most_common()),
        by_type={name: mean(rewards) for name, rewards in sorted(types.items())},
        trained_on=trained_on,
        grow_reward=grow_reward,
    )


def _seed(args: Args, purpose: str) -> int:
    """A seed of its own for each purpose; strings seed `random.Random` alike in all processes."""
    return random.Random(f"{args.seed} {purpose}").getrandbits(32)
