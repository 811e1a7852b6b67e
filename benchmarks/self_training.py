"""What self-training does: the three findings of VisReP (Khan et al., CVPR 2024) at a size that a laptop can repeat.

A model of 0.7 million parameters imitates 150 expert programs of GQA mini (MLE). From that one policy per seed, each arm goes on
for ten iterations, in each of which the arms that learn from rewards sample the same number of programs:

    mle                         goes on imitating the demonstrations
    filtered_bc                 plain filtered behaviour cloning: trains on all programs of the last Grow that earned a reward
    filtered_bc_replay          the same with the package's defaults: survivors of all iterations, the best program per query
    filtered_bc_corrections     plain, with fewer than 50 hand-written corrections mixed in
    filtered_bc_num_scenes4     plain, a program is rewarded only if it is right on four counterfactual scenes, too
    reinforce                   REINFORCE without a baseline
    rloo_or_grpo                RLOO of TRL (leave-one-out baseline)

Counterfactual executions are not counted: a rewarded program of num_scenes4 is run up to five times. Where an arm clones, its
training set also has the demonstrations and a renamed variant of each program; REINFORCE and RLOO learn from what was drawn
alone. REINFORCE has the same optimizer as cloning, RLOO TRL's AdamW, which begins anew in each iteration.

Measured after each iteration on the same held-out questions of val: reward of greedy programs, and semantic accuracy, the share
of programs that are also right on eight counterfactual scenes. Nothing was tuned on val. Draws a figure, prints a table and ends
with one line of JSON. Every run can be interrupted; the same command goes on.

    python benchmarks/self_training.py             under 90 minutes on two cores
    python benchmarks/self_training.py --quick     under a minute: a small run that only shows that everything works
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from vispro_agents import filtered_bc, reinforce
from vispro_agents.corrections import MINI_GQA
from vispro_agents.curve import Point
from vispro_agents.errors import UsageError
from vispro_agents.filtered_bc import Args as FilteredBC
from vispro_agents.imitation import ImitationArgs
from vispro_agents.policies.transformers import ModelArgs
from vispro_agents.reinforce import Args as Reinforce
from vispro_agents.run_args import RunArgs

ARMS = (
    "mle",
    "filtered_bc",
    "filtered_bc_replay",
    "filtered_bc_corrections",
    "filtered_bc_num_scenes4",
    "reinforce",
    "rloo_or_grpo",
)


@dataclass(frozen=True)
class Args:
    """Compare ways of self-training."""

    runs: Path = Path("runs/self_training")
    """Folder with one run per arm and seed."""
    out: Path = Path("docs/results")
    """Folder for self_training.json and self_training.png."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds."""
    arms: tuple[str, ...] = ARMS
    """Arms to run."""
    workers: int = 2
    """Runs at once, each with one thread."""
    quick: bool = False
    """Under a minute: one seed, one iteration, few queries; writes nothing to the folder of results."""


def settings(args: Args) -> dict[str, Any]:
    """Fields of `RunArgs` that all arms share."""
    shared = {"iterations": 10, "queries": 300, "samples": 4, "eval_episodes": 400}
    if args.quick:
        shared = {"iterations": 1, "queries": 16, "samples": 2, "eval_episodes": 40, "semantic_scenes": 2}
    return shared


def start(args: Args, seed: int) -> Path:
    """The policy that all arms of a seed begin with: trained once, by imitation."""
    folder = args.runs / f"seed-{seed}" / "start"
    imitation = ImitationArgs(demonstrations=24, mle_variants=2, mle_epochs=1) if args.quick else ImitationArgs()
    shared = settings(args) | {"iterations": 0}
    filtered_bc.train(FilteredBC(run_dir=folder, seed=seed, imitation=imitation, **shared))
    return folder / "policies" / "mle"


def end_with_parent() -> None:
    """Make this worker end when its parent is killed: it would train on, and keep whoever resumes from the folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_arm(args: Args, arm: str, seed: int) -> tuple[str, int, list[Point]]:
    """Train one arm with one seed, or resume it."""
    folder = args.runs / f"seed-{seed}"
    # The same seed gives the same demonstrations as in `start`; they are imitated already.
    imitation = ImitationArgs(demonstrations=24 if args.quick else 150, mle_epochs=0)
    common = settings(args) | {"run_dir": folder / arm, "seed": seed}
    model = ModelArgs(model=str(folder / "start" / "policies" / "mle"))
    plain = FilteredBC(**common, model=model, imitation=imitation, replay="last", cap=0, improve_epochs=1)
    match arm:
        case "mle":
            points = filtered_bc.train(replace(plain, queries=0))
        case "filtered_bc":
            points = filtered_bc.train(plain)
        case "filtered_bc_replay":
            points = filtered_bc.train(replace(plain, replay="all", cap=1))
        case "filtered_bc_corrections":
            points = filtered_bc.train(replace(plain, corrections=MINI_GQA))
        case "filtered_bc_num_scenes4":
            points = filtered_bc.train(replace(plain, num_scenes=4))
        case "reinforce":
            points = reinforce.train(Reinforce(**common, model=model, imitation=imitation))
        case "rloo_or_grpo":
            points = train_rloo(RLOO(**common, temperature=1.0), model)
        case _:
            raise UsageError(f"--arms {arm} is unknown. Expected some of: {', '.join(ARMS)}.")
    return arm, seed, points


@dataclass(frozen=True)
class RLOO(RunArgs):
    """Settings of the arm that TRL trains."""

    learning_rate: float = 3e-4
    """Peak learning rate, reached after three of an iteration's ten steps: TRL's AdamW begins each iteration anew."""


def train_rloo(args: RLOO, model: ModelArgs) -> list[Point]:
    """RLOO as TRL has it, with a trainer per iteration, which samples as many programs as an iteration of the other arms."""
    import datasets
    from transformers.trainer_callback import PrinterCallback
    from trl import RLOOConfig, RLOOTrainer

    from vispro_agents.experience import Row
    from vispro_agents.imitation import begin
    from vispro_agents.policies.base import Completion
    from vispro_agents.policies.language_model import quiet
    from vispro_agents.run import open_run
    from vispro_agents.training import OptimizerArgs

    datasets.disable_progress_bars()
    warnings.simplefilter("ignore")  # TRL still sets what transformers has renamed
    with open_run(args) as run:
        policy, _ = begin(run, model, ImitationArgs(demonstrations=0), OptimizerArgs())
        for iteration in range(run.points[-1].iteration + 1, args.iterations + 1):
            positions = run.choose(args.queries, f"queries {iteration}")
            prompts = policy.encode([run.prompt(run.env.dataset[position].query) for position in positions], policy.style)
            rows: list[Row] = []

            def reward(prompts: list[str], completions: list[str], position: list[int], **_: Any) -> list[float]:
                texts = iter(completions)
                rows.extend(  # noqa: B023 (called within the iteration)
                    run.try_programs(
                        f"{iteration:03d}-0-rollout-{len(rows):06d}", "rollout", iteration,  # noqa: B023
                        lambda samples, seed: [Completion(next(texts)) for _ in samples],
                        position, policy=policy.name, step=1 + len(rows) // programs_per_step,  # noqa: B023
                    )
                )  # fmt: skip
                return [row.reward for row in rows[-len(completions) :]]  # noqa: B023

            # TRL leaves out programs that do not fill a step.
            total = args.samples * len(positions)
            programs_per_step = next(size for size in range(min(128, total), 0, -1) if total % size == 0)
            trainer = RLOOTrainer(
                model=policy.model,
                reward_funcs=reward,
                processing_class=policy.tokenizer,
                train_dataset=datasets.Dataset.from_list(
                    [
                        {"prompt": policy.tokenizer.decode(ids), "position": position}
                        for ids, position in zip(prompts, positions, strict=True)
                    ]
                ),
                args=RLOOConfig(
                    output_dir=str(args.run_dir / "trl"),
                    num_generations=args.samples,
                    per_device_train_batch_size=programs_per_step,
                    temperature=args.temperature,
                    max_completion_length=policy.max_new_tokens,
                    beta=0.0,
                    learning_rate=args.learning_rate,
                    lr_scheduler_type="constant_with_warmup",
                    warmup_steps=3,
                    adam_beta2=0.98,
                    num_train_epochs=1,
                    seed=run.seed(f"rloo {iteration}"),
                    use_cpu=True,
                    bf16=False,
                    activation_checkpointing=False,
                    disable_dropout=True,
                    save_strategy="no",
                    logging_strategy="no",
                    report_to="none",
                    disable_tqdm=True,
                ),
            )
            trainer.remove_callback(PrinterCallback)
            with quiet():
                trainer.train()
            assert len(rows) == total, f"{len(rows)} programs were sampled, expected {total}"
            run.finish(policy, f"iteration-{iteration}", iteration, grown=rows)
        return run.points


def main(args: Args) -> None:
    """Run all arms with all seeds, then write figure, table and JSON."""
    if args.quick:
        args = replace(args, seeds=args.seeds[:1], runs=args.runs / "quick")
    # One thread per run: the models are too small for more, and there are more runs than cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    curves: dict[str, dict[int, list[Point]]] = {arm: {} for arm in args.arms}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, context, initializer=end_with_parent) as pool:
        list(pool.map(start, [args] * len(args.seeds), args.seeds))
        jobs = [pool.submit(run_arm, args, arm, seed) for seed in args.seeds for arm in args.arms]
        for job in as_completed(jobs):
            arm, seed, points = job.result()
            curves[arm][seed] = points
            print(f"{arm}, seed {seed}: {100 * points[0].reward:.1f} % to {100 * points[-1].reward:.1f} %", flush=True)
    result = summarise(args, curves)
    print(table(result))
    if not args.quick and set(args.arms) == set(ARMS):  # the results of a part would replace those of the whole
        draw(result, args.out / "self_training.png")
        (args.out / "self_training.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


def summarise(args: Args, curves: dict[str, dict[int, list[Point]]]) -> dict[str, Any]:
    """Curves by arm and seed; the first value of each is the policy that all arms begin with."""
    return {
        "quick": args.quick,
        "seeds": list(args.seeds),
        "arms": {
            arm: {
                name: [[asdict(point)[name] for point in by_seed[seed]] for seed in args.seeds]
                for name in ("reward", "semantic", "grow_reward", "trained_on", "executed")
            }
            for arm, by_seed in curves.items()
        },
    }


def table(result: dict[str, Any]) -> str:
    """Means over seeds in percent, as Markdown: start, best iteration, last iteration, and when the best was reached."""
    lines = ["| arm | reward: start | best (iteration) | last | semantic: start | best | last |", "|---|---|---|---|---|---|---|"]
    for arm, curves in result["arms"].items():
        cells = []
        for name in ("reward", "semantic"):
            curve = mean_curve(curves[name])
            best = max(curve)
            where = f" ({curve.index(best)})" if name == "reward" else ""
            cells += [f"{100 * curve[0]:.1f}", f"{100 * best:.1f}{where}", f"{100 * curve[-1]:.1f}"]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_curve(curves: list[list[float]]) -> list[float]:
    """Mean over seeds."""
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


def draw(result: dict[str, Any], path: Path) -> None:
    """Reward and semantic accuracy over iterations: mean over seeds, and the range of seeds as a band."""
    import matplotlib.ticker
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    colors = ("#999999", "#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#e69f00")  # told apart by all eyes
    for axes, name, title in zip(panels, ("reward", "semantic"), ("held-out reward", "semantic accuracy"), strict=True):
        for (arm, curves), color in zip(result["arms"].items(), colors, strict=False):
            iterations = range(len(curves[name][0]))
            axes.plot(iterations, mean_curve(curves[name]), marker="o", markersize=3, color=color, label=arm)
            low, high = (list(map(pick, zip(*curves[name], strict=True))) for pick in (min, max))
            axes.fill_between(iterations, low, high, color=color, alpha=0.12, linewidth=0)
        axes.set_title(title)
        axes.set_xlabel("iteration")
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    figure.savefig(path)


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
