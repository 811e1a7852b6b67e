"""A training run on disk: what every learner shares about trying programs, saving policies, measuring them and going on later.

    RUN/curve.json            settings and learning curve; a phase is finished when its point is here
    RUN/experience/           every program that was tried, see `experience`
    RUN/policies/NAME/        a saved policy per point of the curve
    RUN/tensorboard/          the same figures for TensorBoard

A run may be killed at any moment. The same command goes on after the last finished phase; of an unfinished one, the programs that
were tried are read instead of tried again. Everything random follows from the seed and from what is being done, never from what
was done before, so the result is that of a run that was not interrupted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from vispro_agents.cluster import Chunk, Cluster, Environment, Load, address_of
from vispro_agents.curve import Point, write_curve
from vispro_agents.episodes import Episode, choose_positions, find_scenes, mean, open_env, score
from vispro_agents.errors import UsageError
from vispro_agents.experience import FOLDER, Experience, Phase, Row
from vispro_agents.files import save_folder
from vispro_agents.policies.base import Completion, Prompt, Sampler, Sampling
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.run_args import RunArgs, check, read_points, settings_of
from vispro_agents.run_folder import hold_folder, seed_of
from vispro_agents.tracking import Tracker, open_trackers
from vispro_gym.datasets.location import HUB_PREFIX
from vispro_gym.datasets.sample import Sample
from vispro_gym.programs.experts import UntranslatableError, translate

Write = Callable[[Sequence[Sample], int], list[Completion]]
"""Writes a program for each sample; the number is a seed."""

Log = Callable[[str, Sequence[Episode], Sequence[Completion]], None]
"""Writes a chunk."""

_BATCH = 256


class Run:
    """The state of one run. Made by `open_run`.

    Attributes:
        args: Its settings.
        env: Environment of training.
        experience: Every program that was tried.
        points: The learning curve so far.
        progress: Where progress is shown.
    """

    def __init__(self, args: RunArgs, trackers: Sequence[Tracker], progress: Progress) -> None:
        self.args = args
        self.progress = progress
        self.experience = Experience(args.run_dir / FOLDER)
        self.points = read_points(args)
        self._trackers = trackers
        self._is_claimed = False
        self._executed = self.points[-1].executed if self.points else 0
        options: dict[str, Any] = {"data_dir": args.data_dir, "images": args.images, "perception": args.perception}
        self.env = open_env(args.env, args.train_split, **options, num_scenes=args.num_scenes)
        self._eval_env = open_env(args.env, args.eval_split, **options)
        self._eval_scenes, _ = find_scenes(self._eval_env, args.semantic_scenes)
        self._cluster: Cluster | None = None
        if (address := address_of(args.engine)) is not None:
            if args.data_dir is not None and not str(args.data_dir).startswith(HUB_PREFIX):
                options["data_dir"] = args.data_dir.absolute()  # actors may be elsewhere
            train = Environment(args.env, args.train_split, options | {"num_scenes": args.num_scenes})
            evaluation = Environment(args.env, args.eval_split, options, args.semantic_scenes)
            self._cluster = Cluster(address, args.actors, {"train": train, "evaluation": evaluation})

    def close(self) -> None:
        """Give back what the run holds of a cluster."""
        if self._cluster is not None:
            self._cluster.close()

    def seed(self, what: str) -> int:
        """A seed for one purpose, the same one in every run with this seed."""
        return seed_of(self.args.seed, what)

    def choose(self, count: int, what: str) -> list[int]:
        """Positions of `count` samples of the train split (of all, if there are fewer), drawn anew for each purpose."""
        size = len(self.env.dataset)
        return choose_positions(size, min(count, size), self.seed(what))

    def prompt(self, query: str) -> Prompt:
        """The prompt of a query of the train split that need not be a sample's."""
        return Prompt("", query, self.env.task.instructions, self.env.dataset.image_names)

    def demonstrations(self, count: int) -> list[Row]:
        """Expert programs for `count` samples that earned their reward.

        Raises:
            UsageError: If none of the samples has a functional program, or none of the experts' programs earned a reward.
        """
        if not count:
            return []
        positions = self.choose(count, "demonstrations")

        programs: dict[int, str] = {}
        reason = ""
        for position in positions:
            try:
                programs[position] = translate(self.env.dataset[position])
            except UntranslatableError as error:
                reason = str(error)
        if not programs:
            raise UsageError(f"There are no demonstrations: {reason} Train with --demonstrations 0.")
        by_id = {self.env.dataset[position].sample_id: program for position, program in programs.items()}

        def write(samples: Sequence[Sample], seed: int) -> list[Completion]:
            return [Completion(by_id[sample.sample_id]) for sample in samples]

        rows = self.try_programs("000-1-demonstration", "demonstration", 0, write, list(programs), policy="expert")
        if not any(row.reward for row in rows):
            raise UsageError(f"None of {count} expert programs earned a reward: there is nothing to imitate.")
        return [row for row in rows if row.reward]

    def try_programs(
        self, key: str, phase: Phase, iteration: int, write: Write, positions: Sequence[int], *, policy: str, style: str = "",
        draws: int = 1, step: int = 0, load: Load | None = None,
    ) -> list[Row]:  # fmt: skip
        """Have programs written and scored, and log each as experience; or read what was logged before.

        Args:
            key: Beginning of the keys of the chunks.
            phase: What they are tried for; "evaluate" asks samples of the evaluation split.
            iteration: Iteration.
            write: Function of samples and a seed that gives a `Completion` for each sample.
            positions: Positions of the samples.
            policy: Name of the one who writes.
            style: Style of its prompts.
            draws: Programs per sample.
            step: Optimizer step.
            load: Gets the one who writes in another process, so that actors of a cluster can draw; None if that is not possible.
        """
        evaluating = phase == "evaluate"
        env = self._eval_env if evaluating else self.env
        split = self.args.eval_split if evaluating else self.args.train_split
        rows: list[Row] = []
        task = self.progress.add_task(f"{policy}: {_VERBS[phase]}", total=draws * len(positions))
        chunks = _chunks(key, positions, draws)

        def log(chunk: str, episodes: Sequence[Episode], completions: Sequence[Completion]) -> None:
            made = [
                self._row(episode, completion, phase, iteration, step, split, draw, policy, style)
                for episode, completion, (draw, _) in zip(episodes, completions, chunks[chunk], strict=True)
            ]
            self.experience.write(chunk, made)
            self.progress.update(task, advance=len(made))

        if self._cluster is not None and load is not None:
            self._claim()
            self._grow(self._cluster, {name: batch for name, batch in chunks.items() if not self.experience.has(name)}, load, log)
        for chunk, batch in chunks.items():
            if self.experience.has(chunk):
                self.progress.update(task, advance=len(batch))
            else:
                self._claim()
                samples = [env.dataset[position] for _, position in batch]
                completions = write(samples, self.seed(chunk))
                log(chunk, self._score(evaluating, batch, samples, completions), completions)
            rows += self.experience.read(chunk)
        self.progress.update(task, completed=draws * len(positions))
        return rows

    def _score(
        self,
        evaluating: bool,
        batch: Sequence[tuple[int, int]],
        samples: Sequence[Sample],
        completions: Sequence[Completion],
    ) -> list[Episode]:
        replies = [completion.text for completion in completions]
        if self._cluster is None:
            env, scenes = (self._eval_env, self._eval_scenes) if evaluating else (self.env, None)
            return score(env, samples, replies, scenes)
        asked = [(position, sample.sample_id) for (_, position), sample in zip(batch, samples, strict=True)]
        scored = self._cluster.score("evaluation" if evaluating else "train", asked, replies)
        return [Episode(sample, reply, *found) for sample, reply, found in zip(samples, replies, scored, strict=True)]

    def _grow(self, cluster: Cluster, chunks: Mapping[str, Sequence[tuple[int, int]]], load: Load, log: Log) -> None:
        """Have programs drawn and run on a cluster."""
        asked = []
        for name, batch in chunks.items():
            samples = [self.env.dataset[position] for _, position in batch]
            ids = [(position, sample.sample_id) for (_, position), sample in zip(batch, samples, strict=True)]
            asked.append(Chunk(name, self.seed(name), self._prompts(samples), ids))
        sampling = Sampling(self.args.temperature, self.args.top_p)
        for name, completions, scored in cluster.grow("train", asked, load, sampling) if asked else ():
            samples = [self.env.dataset[position] for _, position in chunks[name]]
            episodes = [
                Episode(sample, completion.text, *found)
                for sample, completion, found in zip(samples, completions, scored, strict=True)
            ]
            log(name, episodes, completions)

    def _row(
        self, episode: Episode, completion: Completion, phase: Phase, iteration: int, step: int, split: str, draw: int,
        policy: str, style: str,
    ) -> Row:  # fmt: skip
        sample, outcome = episode.sample, episode.outcome
        return Row(
            phase=phase,
            iteration=iteration,
            step=step,
            split=split,
            sample_id=sample.sample_id,
            draw=draw,
            question_type=str(sample.fields.get(self.env.dataset.type_field or "", "")),
            policy=policy,
            style=style,
            seed=self.args.seed,
            query=sample.query,
            reply=completion.text,
            program=outcome.program,
            outcome=outcome.outcome,
            reward=outcome.reward,
            answer=None if outcome.answer is None else str(outcome.answer),
            error="{type}, line {line}: {message}".format(**outcome.error).removesuffix(": ") if outcome.error else None,
            semantic=episode.semantic,
            token_ids=completion.token_ids,
            log_probs=completion.log_probs,
        )

    def sample(
        self, key: str, phase: Phase, iteration: int, sampler: Sampler, style: str, positions: Sequence[int],
        draws: int, step: int = 0, load: Load | None = None,
    ) -> list[Row]:  # fmt: skip
        """Draw programs from a policy for samples of the train split, run them and log them; see `try_programs`."""
        sampling = Sampling(self.args.temperature, self.args.top_p)

        def write(samples: Sequence[Sample], seed: int) -> list[Completion]:
            return sampler.complete(self._prompts(samples), sampling, seed)

        return self.try_programs(
            key, phase, iteration, write, positions, policy=sampler.name, style=style, draws=draws, step=step, load=load
        )

    def finish(
        self, policy: LanguageModelPolicy, name: str, iteration: int, *, trained_on: int = 0, grown: Sequence[Row] = ()
    ) -> None:
        """End a phase: save the policy, measure its greedy programs on the evaluation split, and add a point to the curve.

        Args:
            policy: The policy; it is given the name.
            name: Name of the point.
            iteration: Iteration.
            trained_on: Number of programs that it was trained on in this phase.
            grown: The programs that were sampled in this phase.
        """
        policy.name = name
        self._save(policy)
        positions = choose_positions(len(self._eval_env.dataset), self.args.eval_episodes, self.seed("evaluation"))

        def write(samples: Sequence[Sample], seed: int) -> list[Completion]:
            return [Completion(text) for text in policy.propose(self._prompts(samples))]

        key = f"{iteration:03d}-9-evaluate-{name.replace('-', '')}"
        rows = self.try_programs(key, "evaluate", iteration, write, positions, policy=name, style=policy.style)
        by_type: defaultdict[str, list[float]] = defaultdict(list)
        for row in rows:
            by_type[row.question_type].append(row.reward)
        checked = [float(row.semantic) for row in rows if row.semantic is not None]
        before = self.points[-1].executed if self.points else 0
        self._executed = before + len(grown)
        point = Point(
            policy=name,
            iteration=iteration,
            reward=mean([row.reward for row in rows]),
            semantic=mean(checked) if checked else None,
            outcomes=dict(Counter(row.outcome for row in rows).most_common()),
            by_type={kind: mean(rewards) for kind, rewards in sorted(by_type.items())},
            trained_on=trained_on,
            grow_reward=mean([row.reward for row in grown]) if grown else None,
            executed=self._executed,
        )
        self.points.append(point)
        write_curve(self.args.run_dir, settings_of(self.args), self.points)
        figures = {"reward": point.reward, "semantic": point.semantic, "grow_reward": point.grow_reward, "trained_on": trained_on}
        self.log("iteration", {name: value for name, value in figures.items() if value is not None})
        semantic = "" if point.semantic is None else f", semantic accuracy {100 * point.semantic:.1f} %"
        self.progress.console.print(f"{name}: held-out reward {100 * point.reward:.1f} %{semantic}", highlight=False)

    def log(self, group: str, figures: dict[str, float], sampled: int = 0) -> None:
        """Send figures to the trackers.

        Their step is the number of programs sampled so far (plus that of the points, so that it always rises): all learners and
        all figures have one clock, which some trackers ask for.

        Args:
            group: What the figures are about.
            figures: By name.
            sampled: Programs that were sampled in this phase until now.
        """
        step = self._executed + sampled + len(self.points)
        for tracker in self._trackers:
            tracker.log({f"{group}/{name}": value for name, value in figures.items()}, step=step)

    def policy_path(self, name: str) -> Path:
        """Folder of a saved policy."""
        return self.args.run_dir / "policies" / name

    def _prompts(self, samples: Sequence[Sample]) -> list[Prompt]:
        task, names = self.env.task, self.env.dataset.image_names
        return [Prompt(sample.sample_id, sample.query, task.instructions, names) for sample in samples]

    def _claim(self) -> None:
        """Make the folder that of a run with these settings; not before something is tried, so that a mistake leaves no trace."""
        if not self._is_claimed and not self.points:
            write_curve(self.args.run_dir, settings_of(self.args), [])
        self._is_claimed = True

    def _save(self, policy: LanguageModelPolicy) -> None:
        """Save a policy such that its folder is whole or not there."""
        save_folder(self.policy_path(policy.name), policy.save)


_VERBS: dict[Phase, str] = {
    "demonstration": "write programs",
    "grow": "sample programs",
    "rollout": "sample programs",
    "correction": "correct programs",
    "evaluate": "evaluate",
}


@contextmanager
def open_run(args: RunArgs, console: Console | None = None) -> Iterator[Run]:
    """Begin a run, or resume it.

    Args:
        args: All settings.
        console: Where to report progress; None for a silent run.

    Raises:
        UsageError: If the folder holds a run with other settings, another process trains in it, or there is no such environment.
        DatasetError: If data is missing or damaged.
    """
    check(args)
    with hold_folder(args.run_dir, console) as (progress, trackers):
        run = Run(args, trackers, progress)
        if args.eval_split == args.train_split:
            progress.console.print(f"Policies are measured on what they learn from: both splits are {args.eval_split!r}.")
        try:
            trackers += open_trackers(args.log_with, args.run_dir, settings_of(args))
            yield run
        finally:
            run.close()


def _chunks(key: str, positions: Sequence[int], draws: int) -> dict[str, list[tuple[int, int]]]:
    """Units of work by their keys: number of the draw and position of the sample, for each program."""
    asked = [(draw, position) for draw in range(draws) for position in positions]
    return {f"{key}-{number:05d}": asked[start : start + _BATCH] for number, start in enumerate(range(0, len(asked), _BATCH))}
