"""What tuning with task rewards is worth, against MLE that goes on for as long.

    python benchmarks/task_rewards.py           five tasks, three seeds: about an hour on two cores
    python benchmarks/task_rewards.py --quick   one seed, hardly any training: under a minute

Each task begins with a model without pretraining that imitates the annotations of 12,000 small still lifes (MLE). From the same
model begin the tuning with the reward and, as its control, more MLE, which is given at least as much computing time. Reward and
metric are those of the most probable answers for 500 other pictures.

    detection_recall   recall reward                        AR100
    detection_map      mAP reward and confidences           AP
    panoptic           IoU of matched segments              PQ
    colorization       colourfulness                        mean colourfulness
    captioning         CIDEr-D                              CIDEr

Panoptic segmentation is done with a small grid of tokens, unlike the paper's UViM. A killed benchmark goes on where it was. Draws
two figures, prints a table and ends with one line of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import statistics
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from training_runs import learn_all, rounded, seconds_of

from vispro_agents.curve import read_curve
from vispro_agents.sequences import BoxCodec
from vispro_agents.task_reward import Args as Training
from vispro_agents.task_reward import train
from vispro_agents.task_reward_setup import SequenceArgs
from vispro_agents.vision_model import VisionModelArgs
from vispro_gym.datasets.mini.still_lifes import write_still_lifes

STAGES = ("mle", "mle_continued", "tuned")


@dataclass(frozen=True)
class Setting:
    """How one task is learned.

    Attributes:
        env: Environment id.
        metric: Name of the metric that counts.
        mle_steps: Steps of MLE.
        steps: Steps of an iteration of tuning.
        control: Steps of the control, in one go, so that it computes for at least as long.
        learning_rate: Peak learning rate of tuning.
        reward: For detection: which reward.
    """

    env: str
    metric: str
    mle_steps: int
    steps: int
    control: int
    learning_rate: float
    reward: str = "recall"

    @property
    def base(self) -> str:
        """Name of the MLE run, which the two tasks of detection share."""
        return self.env.split("-")[1].lower()


# Detection is learned in both settings from the same MLE.
SETTINGS = {
    "detection_recall": Setting("TaskReward-Detection-v0", "AR100", 2400, 90, 1900, 1e-4, "recall"),
    "detection_map": Setting("TaskReward-Detection-v0", "AP", 2400, 90, 1900, 1e-4, "map"),
    "panoptic": Setting("TaskReward-Panoptic-v0", "PQ", 900, 20, 700, 3e-4),
    "colorization": Setting("TaskReward-Colorization-v0", "colorfulness", 450, 12, 350, 1e-4),
    "captioning": Setting("TaskReward-Captioning-v0", "CIDEr", 2200, 50, 1200, 3e-4),
}
# Small models learn all that they can within minutes: what tuning adds is then not what more of the same would have added.
MODEL = VisionModelArgs(image_size=32, patch_size=8, hidden_size=64, encoder_layers=2, decoder_layers=2)
SEQUENCE = SequenceArgs(bins=32, most_boxes=8, grid=8, caption_tokens=24)
PICTURES = {"train2017": (12_000, 1), "val2017": (500, 500_001)}


@dataclass(frozen=True)
class Args:
    """Tune vision models with task rewards, and compare them with MLE."""

    tasks: tuple[str, ...] = tuple(SETTINGS)
    """Tasks to run."""
    seeds: int = 3
    """Number of seeds."""
    iterations: int = 4
    """Iterations of tuning, each of which is measured."""
    scale: float = 1.0
    """Factor for the number of steps."""
    work: Path = Path("runs/task_rewards")
    """Folder for data and runs; what is there already is not done again."""
    processes: int = 2
    """Runs side by side, each on one core."""
    out: Path | None = None
    """Folder for task_rewards.json and the figures; None for the working folder."""
    quick: bool = False
    """One seed, one iteration, a hundredth of the steps."""


def pictures_of(args: Args) -> dict[str, tuple[int, int]]:
    """Number of pictures and first image id by split; fewer for a run of fewer steps."""
    return {split: (max(64, round(min(1.0, 5 * args.scale) * n)), first) for split, (n, first) in PICTURES.items()}


def data_of(args: Args) -> Path:
    """The folder of the pictures, which tells how many they are."""
    return args.work / "-".join(["data", *(str(n) for n, _ in pictures_of(args).values())])


def runs_of(task: str, seed: int, args: Args) -> dict[str, Training]:
    """The three runs of a task, by stage."""
    setting = SETTINGS[task]
    folder = args.work / f"seed-{seed}"
    mle = Training(
        run_dir=folder / f"{setting.base}-mle", env=setting.env, reward="recall", data_dir=data_of(args), seed=seed,
        mle_steps=max(1, round(args.scale * setting.mle_steps)), mle_optimizer="muon", mle_learning_rate=1e-2, iterations=0,
        samples=4,
        log_with=(), model=MODEL, sequence=SEQUENCE,
    )  # fmt: skip
    common = replace(mle, init=mle.run_dir / "policies" / "mle", iterations=args.iterations)
    return {
        "mle": mle,
        "mle_continued": replace(
            common, run_dir=folder / f"{setting.base}-continued", objective="likelihood", iterations=1,
            steps=max(1, round(args.scale * setting.control)), learning_rate=3e-3,
        ),
        "tuned": replace(
            common, run_dir=folder / task, reward=setting.reward, steps=max(1, round(args.scale * setting.steps)),
            learning_rate=setting.learning_rate,
        ),
    }  # fmt: skip


def answers_of(training: Training, reward: str, by_label: bool = False) -> tuple[Any, list[Any], list[Any]]:
    """What the last policy of a run answered for the evaluation split: the environment, the samples and the actions.

    Args:
        training: The run.
        reward: For detection: which reward the environment gives.
        by_label: For detection: whether scores are those of labels alone, as after MLE, also where confidences were learned.
    """
    from vispro_agents.experience import FOLDER, Experience
    from vispro_agents.task_reward_setup import open_reward_env
    from vispro_agents.vision_model import load_policy

    _, points = read_curve(training.run_dir)
    policy = load_policy(training.run_dir / "policies" / points[-1].policy)
    env = open_reward_env(training.env, "val", training.data_dir, "required", reward, policy.image_size)
    rows = Experience(training.run_dir / FOLDER).read(f"{points[-1].iteration:03d}-9-evaluate")
    samples = [env.dataset.sample(env.dataset.position(row.sample_id)) for row in rows]
    if by_label and isinstance(policy.codec, BoxCodec):
        policy.codec.is_confident = False
    return env, samples, [policy.codec.decode(row.token_ids, np.exp(np.array(row.log_probs, np.float32))) for row in rows]


def measure(task: str, seed: int, args: Args) -> dict[str, dict[str, Any]]:
    """By stage the reward, the metric, and what tells whether the reward was got honestly."""
    setting = SETTINGS[task]
    found: dict[str, dict[str, Any]] = {}
    for stage, training in runs_of(task, seed, args).items():
        env, samples, actions = answers_of(training, setting.reward)
        scored = env.score(samples, actions)
        metric = env.metric({sample.sample_id: action for sample, action in zip(samples, actions, strict=True)}, samples)
        _, points = read_curve(training.run_dir)
        found[stage] = {
            "reward": statistics.mean(each.reward for each in scored),
            "metric": metric[setting.metric],
            "metrics": metric,
            "looked_for": suspicions(setting, scored, actions, metric) | ranked_alike(setting, training),
            "seconds": seconds_of(training),
        }
        if stage == "tuned":
            found[stage]["curve"] = [{"reward": point.reward, "metric": point.metric[setting.metric]} for point in points]
    return found


def suspicions(setting: Setting, scored: Sequence[Any], actions: Sequence[Any], metric: Mapping[str, float]) -> dict[str, float]:
    """Figures that rise or fall if a model found a way to the reward that nobody wanted, per picture."""

    def mean(key: str) -> float:
        return statistics.mean(float(each.details[key]) for each in scored)

    match setting.base:
        case "detection":
            kinds = {key: mean(key) for key in ("matched", "duplicates", "unmatched")}
            boxes = sum(kinds.values())
            return {"boxes": boxes, **kinds, "precision": kinds["matched"] / boxes if boxes else 0.0, "AP": metric["AP"]}
        case "panoptic":
            return {key: mean(key) for key in ("matched", "unmatched", "missed")}
        case "colorization":
            return {key: metric[key] for key in ("vivid", "hue_entropy", "chroma_error")}
        case _:
            words = [action.split() for action in actions]
            return {
                "words": statistics.mean(map(len, words)),
                "distinct_captions": len(set(actions)) / len(actions),
                "repeated_words": statistics.mean(len(each) - len(set(each)) for each in words),
                "BLEU-4": metric["BLEU-4"],
            }


def ranked_alike(setting: Setting, training: Training) -> dict[str, float]:
    """For detection: AP with scores that are those of labels alone in all stages. What tuning adds to it, boxes brought."""
    if setting.base != "detection":
        return {}
    env, samples, actions = answers_of(training, setting.reward, by_label=True)
    metric = env.metric({sample.sample_id: action for sample, action in zip(samples, actions, strict=True)}, samples)
    return {"AP_by_label": metric["AP"]}


def main(args: Args) -> None:
    """Learns, measures, prints and draws."""
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.quick:
        args = replace(args, seeds=1, iterations=1, scale=0.01, work=args.work.with_name(f"{args.work.name}_quick"))
    console = Console()
    start = time.perf_counter()
    pictures = pictures_of(args)
    if not data_of(args).exists():
        scratch = args.work / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        write_still_lifes(scratch, pictures)
        scratch.rename(data_of(args))
    seeds = list(range(args.seeds))
    runs = [runs_of(task, seed, args) for seed in seeds for task in args.tasks]
    learn_all(train, [(run["mle"], run[stage]) for run in runs for stage in STAGES[1:]], args.processes, console)
    measured = {task: [measure(task, seed, args) for seed in seeds] for task in args.tasks}
    table = Table("task", "", *STAGES, "tuned - continued, by seed")
    for task, by_seed in measured.items():
        for what, name in (("reward", "reward"), ("metric", SETTINGS[task].metric)):
            values = {stage: [one[stage][what] for one in by_seed] for stage in STAGES}
            gains = [b - a for a, b in zip(values["mle_continued"], values["tuned"], strict=True)]
            means = [f"{statistics.mean(values[stage]):.3f}" for stage in STAGES]
            table.add_row(task, name, *means, " ".join(f"{gain:+.3f}" for gain in gains))
    console.print(table)
    hacking = Table("task", "looked for", *STAGES)
    for task, by_seed in measured.items():
        for key in by_seed[0]["mle"]["looked_for"]:
            hacking.add_row(
                task, key, *(f"{statistics.mean(one[stage]['looked_for'][key] for one in by_seed):.3f}" for stage in STAGES)
            )
    console.print(hacking)
    result = {
        "seeds": seeds,
        "pictures": {split: count for split, (count, _) in pictures.items()},
        "tasks": {
            task: {stage: {key: [one[stage][key] for one in by_seed] for key in by_seed[0][stage]} for stage in STAGES}
            for task, by_seed in measured.items()
        },
    }
    out = args.out or args.work
    out.mkdir(parents=True, exist_ok=True)
    (out / "task_rewards.json").write_text(f"{json.dumps(rounded(result), indent=1)}\n")
    draw_figures(measured, args, out)
    last = {
        "seconds": round(time.perf_counter() - start),
        "tasks": {
            task: {
                stage: {key: round(statistics.mean(one[stage][key] for one in by_seed), 4) for key in ("reward", "metric")}
                for stage in STAGES
            }
            for task, by_seed in measured.items()
        },
    }
    print(json.dumps(last))


def draw_figures(measured: Mapping[str, Sequence[Mapping[str, Any]]], args: Args, out: Path) -> None:
    """task_rewards.png: reward and metric of each stage, a point per seed. task_rewards_answers.png: what changed, to look at."""
    colors = dict(zip(STAGES, ("#7f8899", "#d55e00", "#0072b2"), strict=True))
    figure = Figure(figsize=(2.5 * len(measured), 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(measured), squeeze=False)
    for column, (task, by_seed) in enumerate(measured.items()):
        for row, what in enumerate(("reward", "metric")):
            axes = grid[row][column]
            for place, stage in enumerate(STAGES):
                values = [one[stage][what] for one in by_seed]
                axes.bar(place, statistics.mean(values), 0.7, color=colors[stage], alpha=0.55)
                axes.scatter([place] * len(values), values, color=colors[stage], s=16, zorder=3)
            axes.set_xticks(range(3), ["MLE", "MLE\ncontinued", "tuned"], fontsize=8)
            axes.set_ylabel("reward" if what == "reward" else SETTINGS[task].metric)
            axes.spines[["top", "right"]].set_visible(False)
        grid[0][column].set_title(task.replace("_", ", "), fontsize=10)
    figure.savefig(out / "task_rewards.png")
    draw_answers(list(measured), args, out)


def draw_answers(tasks: Sequence[str], args: Args, out: Path) -> None:
    """The first pictures of the evaluation split as the control and the tuned model answer, first seed."""
    rows = []
    for task in tasks:
        runs = runs_of(task, 0, args)
        for stage in STAGES[1:]:
            env, samples, actions = answers_of(runs[stage], SETTINGS[task].reward)
            shown = list(zip(samples, actions, env.score(samples[:5], actions[:5]), strict=False))
            pictures = [env.draw_frame(sample, action, None)[:720, 40:760] for sample, action, _ in shown]
            texts = [f"reward {scored.reward:.2f}" for *_, scored in shown]
            if SETTINGS[task].base == "captioning":
                texts = [textwrap.fill(f"{text}: {action}", 34) for text, (_, action, _) in zip(texts, shown, strict=True)]
            rows.append((f"{task}, {stage}".replace("_", " "), pictures, texts))
    figure = Figure(figsize=(9.5, 2.15 * len(rows)), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    for axes_row, (title, pictures, texts) in zip(figure.subplots(len(rows), 5, squeeze=False), rows, strict=True):
        for axes, picture, text in zip(axes_row, pictures, texts, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            axes.set_title(text, y=-0.05, va="top", fontsize=7)
        axes_row[0].text(0, 1.04, title, transform=axes_row[0].transAxes, fontsize=9, in_layout=False)
    figure.savefig(out / "task_rewards_answers.png")


if __name__ == "__main__":
    main(tyro.cli(Args))
