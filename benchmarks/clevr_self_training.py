"""CLEVR from 270 demonstrations and rewards: a model with random weights becomes a policy that answers held-out questions.

    MLE         imitate 270 expert programs in thousands of variants (`vispro_agents.phrases`)
    repeat
      Grow      sample programs for train questions not solved yet, half of them of a pattern that has no program yet
      Improve   train on variants of the programs that were rewarded, and of the demonstrations

The demonstrations are the only expert programs that are read: a third are of questions drawn at random, from which phrases are
learned, the others of the most frequent patterns of questions that are not covered then. A program is rewarded if it is right on
its own picture and on four counterfactual scenes. As questions of one pattern have one program but for its literals, programs of
a pattern vote on what the rest of it is, and on which phrase of the question goes where; those that differ are not trained on.

Measured after each iteration: reward and semantic accuracy (right on eight counterfactual scenes, too) of greedy programs on
questions of val, and reward on pictures of train that are held out (dev): on such pictures this recipe was chosen. The number
of iterations is fixed, and the last policy is the result: it is measured on all of val. Can be interrupted; the same command
goes on, with the same result. A finished run goes on with more --iterations.

    python benchmarks/clevr_self_training.py --data-dir CLEVR_v1.0      under 90 minutes on two cores
    python benchmarks/clevr_self_training.py --quick                    under a minute: shows only that everything works

`--data-dir` is a folder with `scenes/` and `questions/`; pictures are not looked at. Without one, drawn mini data is used.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rich.console import Console

from vispro_agents.agreement import Solved
from vispro_agents.canonical import canonical
from vispro_agents.episodes import choose_positions, find_scenes, mean, open_env, play
from vispro_agents.experience import Row
from vispro_agents.files import write_whole
from vispro_agents.measure import Evaluation, measure
from vispro_agents.phrases import Phrases
from vispro_agents.policies.base import Completion
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.tiny import create_tiny
from vispro_agents.run import Run, open_run
from vispro_agents.run_args import RunArgs
from vispro_agents.training import Optimizer, OptimizerArgs, encode_rows, training_mode
from vispro_gym.datasets.sample import Sample
from vispro_gym.programs.experts import translate

ANCHOR = "NS-VQA (Yi et al. 2018), on pictures, from 270 programs plus all questions and answers of the train split: 99.8 %"


@dataclass(frozen=True)
class Args:
    """Learn CLEVR from 270 demonstrations and rewards."""

    data_dir: Path | None = None
    """Folder of CLEVR; None for mini data."""
    runs: Path = Path("runs/clevr_self_training")
    """Folder of the run."""
    out: Path = Path("docs/results")
    """Folder for clevr_self_training.json and clevr_self_training.png."""
    seed: int = 0
    """Seed."""
    iterations: int = 12
    """Iterations of Grow and Improve."""
    threads: int = 2
    """Threads of torch."""
    imitate_only: bool = False
    """Control: no Grow, so Improve has as many steps on the demonstrations alone; draws no figure."""
    quick: bool = False
    """Under a minute: one iteration of a small model; writes nothing to the folder of results."""


@dataclass(frozen=True)
class Recipe(RunArgs):
    """Everything that the result depends on."""

    env: str = "VisProg-CLEVR-v0"
    images: Literal["required", "optional"] = "optional"
    num_scenes: int = 4
    iterations: int = 12
    queries: int = 1500
    samples: int = 2
    temperature: float = 1.0
    eval_episodes: int | None = 1000
    demonstrations: int = 270
    dev_episodes: int = 500
    hidden_size: int = 128
    num_layers: int = 3
    optimizer: OptimizerArgs = field(default_factory=lambda: OptimizerArgs(batch_size=32, optimizer="muon"))
    mle_rows: int = 24_000
    mle_learning_rate: float = 6e-3
    improve_rows: int = 8_000
    improve_learning_rate: float = 3e-3
    easy_share: float = 0.25
    """Weight in Improve of patterns that never fail; that of those that always fail is larger by 1."""


def recipe(args: Args) -> Recipe:
    """The recipe that the arguments ask for."""
    name = "quick" if args.quick else f"seed-{args.seed}"
    full = Recipe(
        run_dir=args.runs / (f"{name}-imitate-only" if args.imitate_only else name),
        data_dir=args.data_dir,
        seed=args.seed,
        iterations=args.iterations,
        queries=0 if args.imitate_only else Recipe.queries,
    )
    if not args.quick:
        return full
    return replace(
        full,
        iterations=1,
        queries=min(full.queries, 128),
        num_scenes=2,
        semantic_scenes=2,
        eval_episodes=48,
        demonstrations=120,
        dev_episodes=48,
        hidden_size=64,
        num_layers=2,
        optimizer=replace(full.optimizer, batch_size=16),
        mle_rows=2400,
        improve_rows=240,
    )


class Questions:
    """Questions of the train split: those to learn from, and those of held-out pictures.

    Attributes:
        run: The run.
        samples: All samples of the split.
        train: Positions to learn from, in an order drawn once.
        dev: Positions whose pictures are held out, in an order drawn once.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.samples: list[Sample] = [run.env.dataset[position] for position in range(len(run.env.dataset))]
        pictures = sorted({sample.images[0].image_id for sample in self.samples})
        held_out = set(random.Random(run.seed("dev")).sample(pictures, len(pictures) // 10))
        order = choose_positions(len(self.samples), len(self.samples), run.seed("questions"))
        self.train = [position for position in order if self.samples[position].images[0].image_id not in held_out]
        self.dev = [position for position in order if self.samples[position].images[0].image_id in held_out]

    @cached_property
    def queries(self) -> list[str]:
        """Texts of the questions to learn from."""
        return [self.samples[position].query for position in self.train]


def demonstrate(run: Run, questions: Questions, count: int) -> list[tuple[str, str]]:
    """Choose questions, read the expert's programs for them, and no others, and write these in canonical form."""

    def write(samples: Sequence[Sample], seed: int) -> list[Completion]:
        return [Completion(canonical(translate(sample))) for sample in samples]

    def show(key: str, positions: Sequence[int]) -> list[tuple[str, str]]:
        rows = run.try_programs(f"000-{key}-demonstration", "demonstration", 0, write, positions, policy="expert")
        return [(row.query, row.program or "") for row in rows]

    first = questions.train[: count // 3]
    shown = show("0", first)
    phrases = Phrases(shown, questions.queries)
    by_pattern: dict[str, int] = {}
    for position in questions.train[count // 3 :]:
        by_pattern.setdefault(phrases.pattern(questions.samples[position].query), position)
    covered = {phrases.pattern(query) for query, _ in shown}
    frequency = Counter(map(phrases.pattern, questions.queries))
    missing = [pattern for pattern, _ in frequency.most_common() if pattern in by_pattern and pattern not in covered]
    return shown + show("1", [by_pattern[pattern] for pattern in missing[: count - len(first)]])


def improve(run: Run, policy: LanguageModelPolicy, pairs: Sequence[tuple[str, str]], learning_rate: float, what: str) -> None:
    """Train on `(query, program)` pairs, each once, in batches of rows of similar length."""
    args: OptimizerArgs = run.args.optimizer  # type: ignore[attr-defined]
    rng = random.Random(run.seed(f"order {what}"))
    rows = encode_rows(policy, [(run.prompt(query), program) for query, program in pairs])
    rng.shuffle(rows)
    many, size = 20 * args.batch_size, args.batch_size
    rows = [
        row
        for start in range(0, len(rows), many)
        for row in sorted(rows[start : start + many], key=lambda row: len(row.prompt_ids) + len(row.completion_ids))
    ]
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    rng.shuffle(batches)
    task = run.progress.add_task(f"{what}: train on {len(pairs)} programs", total=len(batches))
    with training_mode(policy, run.seed(f"training {what}")):
        optimizer = Optimizer(policy, args, learning_rate, len(batches))
        losses = []
        for batch in batches:
            losses.append(optimizer.step(batch, sum(len(row.completion_ids) for row in batch)))
            run.progress.advance(task)
    run.log("cloning", {"loss": mean(losses)})


def choose_queries(run: Run, questions: Questions, solved: Solved, phrases: Phrases, what: str) -> list[int]:
    """Positions of questions that are not solved: up to half of patterns without a program, the rest from all."""
    rng = random.Random(run.seed(what))
    unsolved = [position for position in questions.train if questions.samples[position].query not in solved.programs]
    rng.shuffle(unsolved)
    unknown = [position for position in unsolved if phrases.pattern(questions.samples[position].query) not in solved.patterns]
    first = unknown[: run.args.queries // 2]
    taken = set(first)
    return [*first, *(position for position in unsolved if position not in taken)][: run.args.queries]


def training_rows(
    args: Recipe, solved: Solved, tried: Sequence[Row], demonstrations: Sequence[tuple[str, str]], phrases: Phrases,
    frequency: Mapping[str, int], rng: random.Random,
) -> list[tuple[str, str]]:  # fmt: skip
    """Variants of demonstrations and of rewarded programs: more of patterns that are frequent, and of those that failed."""
    examples: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for query, program in [*demonstrations, *solved.programs.items()]:
        examples[phrases.pattern(query)].append((query, program))
    failures: Counter[str] = Counter()
    tries: Counter[str] = Counter()
    for row in tried:
        pattern = phrases.pattern(row.query)
        tries[pattern] += 1
        failures[pattern] += row.reward == 0.0
    patterns = list(examples)
    weights = [
        frequency[pattern] ** 0.5 * (args.easy_share + (failures[pattern] + 1) / (tries[pattern] + 4)) for pattern in patterns
    ]
    chosen = rng.choices(patterns, weights, k=args.improve_rows)
    return [phrases.variant(*rng.choice(examples[pattern]), rng) for pattern in chosen]


def train(args: Recipe, console: Console | None = None) -> dict[str, Any]:
    """Run the recipe, or resume it; then measure the first and the last policy on all of val."""
    with open_run(args, console) as run:
        clock = Clock(args.run_dir / "phases.json")
        questions = Questions(run)
        demonstrations = demonstrate(run, questions, args.demonstrations)
        phrases = Phrases(demonstrations, questions.queries)
        frequency = Counter(map(phrases.pattern, questions.queries))

        # MLE
        if run.points:
            policy = LanguageModelPolicy.load(run.policy_path(run.points[-1].policy), device="cpu")
        else:
            programs = [program for _, program in demonstrations]
            policy = create_tiny(
                questions.queries, programs, seed=run.seed("weights"), hidden_size=args.hidden_size, num_layers=args.num_layers,
                spaced_words=True,
            )  # fmt: skip
            rng = random.Random(run.seed("variants mle"))
            repeated = [demonstrations[number % len(demonstrations)] for number in range(args.mle_rows)]
            pairs = [phrases.variant(query, program, rng) for query, program in repeated]
            improve(run, policy, pairs, args.mle_learning_rate, "mle")
            clock.note("mle", dev=dev_reward(run, questions, policy))
            run.finish(policy, "mle", 0, trained_on=len(demonstrations))

        for iteration in range(run.points[-1].iteration + 1, args.iterations + 1):
            # Grow
            before = list(run.experience.rows(phases=("grow",), max_iteration=iteration - 1))
            solved = Solved(before, demonstrations, phrases)
            positions = choose_queries(run, questions, solved, phrases, f"queries {iteration}")
            grown = run.sample(f"{iteration:03d}-0-grow", "grow", iteration, policy, policy.style, positions, args.samples)

            # Improve
            solved = Solved(before + grown, demonstrations, phrases)
            rng = random.Random(run.seed(f"variants {iteration}"))
            pairs = training_rows(args, solved, grown, demonstrations, phrases, frequency, rng)
            improve(run, policy, pairs, args.improve_learning_rate, f"iteration {iteration}")
            clock.note(
                f"iteration-{iteration}",
                dev=dev_reward(run, questions, policy),
                solved=len(solved.programs),
                patterns=len(solved.patterns),
                executions=executions(run, questions, grown),
            )
            run.finish(policy, f"iteration-{iteration}", iteration, trained_on=len(solved.programs), grown=grown)

        final = {name: measure_all(args, run, name) for name in ("mle", run.points[-1].policy)}
        clock.note("final measurement")
        return summarise(args, run, questions, clock, final)


def dev_reward(run: Run, questions: Questions, policy: LanguageModelPolicy) -> float:
    """Mean reward of greedy programs on held-out pictures of train; like all rewards there, on counterfactual scenes, too."""
    positions = questions.dev[: run.args.dev_episodes]  # type: ignore[attr-defined]
    return mean([episode.outcome.reward for batch in play(policy, run.env, positions) for episode in batch])


def executions(run: Run, questions: Questions, grown: Sequence[Row]) -> int:
    """Number of programs that were executed for rewards: once on the own picture, and if right there on each other scene."""
    assert run.env.engine.scenes is not None
    by_id = {sample.sample_id: sample for sample in questions.samples}
    checked = [by_id[row.sample_id] for row in grown if row.outcome in ("correct", "lucky")]
    return len(grown) + sum(map(len, run.env.engine.scenes.samples(checked)))


def measure_all(args: Recipe, run: Run, name: str) -> Evaluation:
    """Measure a saved policy on the whole evaluation split; in a quick run, on as much as the curve."""
    policy = LanguageModelPolicy.load(run.policy_path(name), device="cpu")
    env = open_env(args.env, args.eval_split, args.data_dir, args.images)
    positions = choose_positions(
        len(env.dataset), None if args.demonstrations == Recipe.demonstrations else args.eval_episodes, 0
    )
    scenes, note = find_scenes(env, args.semantic_scenes)
    return measure(policy, env, positions, scenes=scenes, scenes_note=note).evaluation


class Clock:
    """Seconds and figures of each phase, on disk. What a killed process did not finish is not counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.phases: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._start = time.monotonic()

    def note(self, phase: str, **figures: float) -> None:
        """A phase has ended."""
        now = time.monotonic()
        self.phases[phase] = {"seconds": round(now - self._start, 1), **figures}
        self._start = now
        write_whole(self.path, f"{json.dumps(self.phases, indent=1)}\n".encode())


def summarise(args: Recipe, run: Run, questions: Questions, clock: Clock, final: dict[str, Evaluation]) -> dict[str, Any]:
    """Everything that is reported."""
    phases = [clock.phases[point.policy] for point in run.points]

    def figures(evaluation: Evaluation) -> dict[str, Any]:
        return {
            "episodes": evaluation.episodes,
            "reward": evaluation.reward,
            "semantic": evaluation.semantic,
            "intervals": evaluation.intervals,
            "by_function": {name: asdict(score) for name, score in evaluation.by_type.items()},
        }

    mle, last = final.values() if len(final) > 1 else list(final.values()) * 2
    return {
        "data": last.data,
        "seed": args.seed,
        "demonstrations": args.demonstrations,
        "train_questions": len(questions.train),
        "parameters": LanguageModelPolicy.load(run.policy_path("mle"), device="cpu").num_parameters,
        "iterations": args.iterations,
        "mle": figures(mle),
        "final": figures(last),
        "sampled_programs": run.points[-1].executed,
        "executed_programs": sum(int(phase.get("executions", 0)) for phase in phases),
        "minutes": round(sum(phase["seconds"] for phase in clock.phases.values()) / 60, 1),
        "anchor": ANCHOR,
        "curve": [
            {
                "iteration": point.iteration,
                "reward": point.reward,
                "semantic": point.semantic,
                "grow_reward": point.grow_reward,
                "sampled": point.executed,
                **phase,
            }
            for point, phase in zip(run.points, phases, strict=True)
        ],
    }


def table(result: dict[str, Any]) -> str:
    """The curve and the two measured policies, as Markdown."""

    def percent(value: float | None) -> str:
        return "" if value is None else f"{100 * value:.1f}"

    lines = ["| iteration | val reward | semantic | dev | Grow | solved queries | patterns |", "|---|---|---|---|---|---|---|"]
    for point in result["curve"]:
        cells = [percent(point[name]) for name in ("reward", "semantic", "dev", "grow_reward")]
        lines.append(f"| {point['iteration']} | {' | '.join(cells)} | {point.get('solved', '')} | {point.get('patterns', '')} |")
    mle, final = result["mle"], result["final"]
    lines += ["", f"| all {final['episodes']} of val | MLE | final |", "|---|---|---|"]
    for name in ("reward", "semantic"):
        lines.append(f"| {name} | {percent(mle[name])} | {percent(final[name])} |")
    for kind, score in final["by_function"].items():
        lines.append(
            f"| {kind} ({score['episodes']}) | {percent(mle['by_function'][kind]['reward'])} | {percent(score['reward'])} |"
        )
    lines += [
        "",
        f"{result['demonstrations']} demonstrations, {result['sampled_programs']} programs sampled, "
        f"{result['executed_programs']} executions for rewards, {result['minutes']} minutes. {ANCHOR}.",
    ]
    return "\n".join(lines)


def draw(result: dict[str, Any], path: Path) -> None:
    """Reward and semantic accuracy over iterations, and final reward by function."""
    import matplotlib.ticker
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    curve = result["curve"]
    iterations = [point["iteration"] for point in curve]
    for name, label, color in (
        ("reward", "reward on val", "#0072b2"),
        ("semantic", "semantic accuracy on val", "#d55e00"),
        ("dev", "reward on dev, 4 scenes", "#999999"),
    ):
        left.plot(iterations, [point[name] for point in curve], marker="o", markersize=3, color=color, label=label)
    left.set_xlabel("iteration (0: imitation of 270 demonstrations)".replace("270", str(result["demonstrations"])))
    left.set_title("greedy programs")
    left.legend()
    kinds = list(result["final"]["by_function"])
    for shift, name, color in ((-0.2, "mle", "#56b4e9"), (0.2, "final", "#0072b2")):
        heights = [result[name]["by_function"][kind]["reward"] for kind in kinds]
        right.barh([place + shift for place in range(len(kinds))], heights, 0.4, color=color, label=name)
    right.set_yticks(range(len(kinds)), [re.sub("_", " ", kind) for kind in kinds])
    right.invert_yaxis()
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=2)
    right.set_title("reward on all of val")
    for axis in (left.yaxis, right.xaxis):
        axis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    left.grid(alpha=0.3)
    figure.savefig(path)


def main(args: Args) -> None:
    """Run, then write figure, table and JSON."""
    torch.set_num_threads(args.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    result = train(recipe(args), Console(stderr=True))
    print(table(result))
    if not args.quick:
        args.out.mkdir(parents=True, exist_ok=True)
        name = "clevr_imitation" if args.imitate_only else "clevr_self_training"
        (args.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if not args.imitate_only:
            draw(result, args.out / f"{name}.png")
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
