"""What PPO adds to a small vision-language model that plays cards, with chain of thought and without.

    python benchmarks/vlm_cards.py           two games, five arms, three seeds: about an hour on two cores
    python benchmarks/vlm_cards.py --quick   one game, two arms, hardly any training: under a minute

A model of LLaVA's architecture with random weights (0.3 million) imitates an expert for a few steps (SFT), so few that it still
misreads pictures. From there PPO goes on with nothing but the rewards of the game:

    action only   replies are the action alone
    lambda 0 .. 1 replies read the picture, reason and act; PPO weighs lambda * log p(thoughts) + log p(action)

Success is the share of 200 episodes, with seeds of their own, whose return is above 0, of most probable replies. Beside it:
whether what replies read in the picture is there, and how many different thoughts there are, which falls when thoughts collapse;
and the mean reward per step of rollouts, which are drawn at temperature 1. A killed benchmark goes on where it was. Draws a
figure, prints a table and ends with one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from training_runs import learn_all, rounded, seconds_of

import vispro_gym  # noqa: F401 (registers the environments)
from vispro_agents.curve import read_curve
from vispro_agents.experience import FOLDER, Experience
from vispro_agents.policies.vision_language import VisionLanguageArgs
from vispro_agents.ppo import PPOArgs
from vispro_agents.run_folder import seed_of
from vispro_agents.vlm_ppo import Args as Training
from vispro_agents.vlm_ppo import train

ARMS: dict[str, float | None] = {"action only": None, "lambda 0": 0.0, "lambda 0.2": 0.2, "lambda 0.5": 0.5, "lambda 1": 1.0}
"""Name of each arm -> weight of thoughts; None for no thoughts."""

Measured = dict[str, dict[str, list[dict[str, Any]]]]
"""By game and arm, a curve for each seed."""

FIGURES = ("success", "return", "legal", "read_right", "distinct_thoughts", "tokens", "steps")


@dataclass(frozen=True)
class Setting:
    """How one game is learned.

    Attributes:
        sft_steps: Steps of SFT.
        demonstrations: Replies of the expert.
        iterations: Iterations of PPO, each of six rollouts of 512 steps; the first two rollouts are for the value head.
    """

    sft_steps: int
    demonstrations: int
    iterations: int


GAMES = {"NumberLine": Setting(200, 2000, 3), "EZPoints": Setting(150, 4000, 5)}


@dataclass(frozen=True)
class Args:
    """Train a small vision-language model on two games of cards."""

    games: tuple[str, ...] = tuple(GAMES)
    """Games to play."""
    arms: tuple[str, ...] = tuple(ARMS)
    """Arms to run."""
    seeds: int = 3
    """Number of seeds."""
    episodes: int = 200
    """Episodes of a measurement."""
    scale: float = 1.0
    """Factor for the demonstrations and steps of SFT and the size of rollouts."""
    work: Path = Path("runs/vlm_cards")
    """Folder for runs; what is there already is not done again."""
    processes: int = 2
    """Runs side by side, each on one core."""
    out: Path | None = None
    """Folder for vlm_cards.json and the figure; None for the working folder."""
    quick: bool = False
    """One seed, one game, two arms, one iteration, a fraction of the steps."""


def sft_of(game: str, arm: str, seed: int, args: Args) -> Training:
    """The run that an arm begins with; all arms with thoughts share one."""
    setting = GAMES[game]
    thoughts = ARMS[arm] is not None
    return Training(
        run_dir=args.work / f"seed-{seed}" / f"{game}-sft-{'thoughts' if thoughts else 'action'}", env=f"Cards-{game}-v0",
        seed=seed, thoughts=thoughts, prompt="short", demonstrations=max(100, round(args.scale * setting.demonstrations)),
        sft_steps=max(2, round(args.scale * setting.sft_steps)), iterations=0, eval_episodes=args.episodes, log_with=(),
        learning_rate=4e-5, temperature=1.0, envs=64, steps=8, updates=6,
    )  # fmt: skip


def ppo_of(game: str, arm: str, seed: int, args: Args) -> Training:
    """The run of an arm."""
    sft = sft_of(game, arm, seed, args)
    envs = max(1, round(args.scale * sft.envs))
    return replace(
        sft, run_dir=sft.run_dir.with_name(f"{game}-{arm.replace(' ', '-')}"), demonstrations=0,
        model=VisionLanguageArgs(model=str(sft.run_dir / "policies" / "sft")),
        iterations=1 if args.quick else GAMES[game].iterations, envs=envs, ppo=PPOArgs(thought_weight=ARMS[arm] or 0.0),
    )  # fmt: skip


def measure(game: str, arm: str, seed: int, args: Args) -> dict[str, Any]:
    """The curve of an arm, from SFT on, and what it took."""
    run = ppo_of(game, arm, seed, args)
    _, points = read_curve(run.run_dir)
    curve = [{key: point.metric[key] for key in FIGURES if key in point.metric} for point in points]
    for figures, point in zip(curve[1:], points[1:], strict=True):
        figures["rollout_reward"] = point.grow_reward or 0.0
    if game == "EZPoints":
        curve = [figures | success_by_solution(run, iteration) for iteration, figures in enumerate(curve)]
    return {
        "curve": curve,
        "steps": points[-1].executed,
        "seconds": {
            "sft": seconds_of(sft_of(game, arm, seed, args)),
            "ppo": seconds_of(run),
        },
    }


def success_by_solution(run: Training, iteration: int) -> dict[str, float]:
    """Success in EZPoints where a sum of the two cards is 12, and where only their product is."""
    env = gym.make(run.env)
    rows = Experience(run.run_dir / FOLDER).read(f"{iteration:03d}-9-evaluate")
    starts = [place for place, row in enumerate(rows) if row.step == 0]
    successes: dict[str, list[bool]] = {"success_sums": [], "success_products": []}
    for episode, (start, end) in enumerate(itertools.pairwise([*starts, len(rows)])):
        _, info = env.reset(seed=seed_of(run.seed, "evaluation") + episode)  # as `play_episodes` does
        kind = "success_sums" if sum(info["numbers"]) == 12 else "success_products"
        successes[kind].append(sum(row.reward for row in rows[start:end]) > 0)
    return {kind: statistics.mean(found) for kind, found in successes.items() if found}


def mean(by_seed: Sequence[Mapping[str, Any]], key: str, place: int) -> float | None:
    """Mean over seeds of a figure at a place of the curves; None if it is not there, as those of thoughts without any."""
    values = [one["curve"][place].get(key) for one in by_seed]
    return None if None in values else statistics.mean(values)


def table_of(measured: Measured) -> Table:
    """Means over seeds after SFT and after PPO; of rollouts in the first and the last iteration."""
    columns = ("read_right", 0), ("read_right", -1), ("rollout_reward", 1), ("rollout_reward", -1), ("distinct_thoughts", -1)
    table = Table(
        "game", "arm", "success: SFT", "PPO", "by seed", "readings: SFT", "PPO", "drawn: first", "last", "thoughts: PPO"
    )
    for game, arms in measured.items():
        for arm, by_seed in arms.items():
            ends = " ".join(f"{one['curve'][-1]['success']:.3f}" for one in by_seed)
            shown = [mean(by_seed, *column) for column in (("success", 0), ("success", -1), *columns)]
            cells = ["" if figure is None else f"{figure:.3f}" for figure in shown]
            table.add_row(game, arm, *cells[:2], ends, *cells[2:])
    return table


def draw_figure(measured: Measured, path: Path) -> None:
    """Figures after each iteration, of rollouts in each: means over seeds, and a thin line for each seed."""
    rows = {
        "success": "success", "rollout_reward": "reward per step of rollouts", "read_right": "readings that are right",
        "distinct_thoughts": "different thoughts per reply",
    }  # fmt: skip
    colors = dict(zip(ARMS, ("#7f8899", "#d55e00", "#e69f00", "#0072b2", "#009e73"), strict=True))
    figure = Figure(figsize=(4.6 * len(measured), 10.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(measured), squeeze=False)
    for column, (game, arms) in enumerate(measured.items()):
        for row, (key, label) in enumerate(rows.items()):
            axes = grid[row][column]
            for arm, by_seed in arms.items():
                curves = np.array([[point.get(key, np.nan) for point in one["curve"]] for one in by_seed])
                if np.isnan(curves).all():  # there are no thoughts
                    continue
                for curve in curves:
                    axes.plot(curve, color=colors[arm], alpha=0.3, linewidth=0.8)
                axes.plot(curves.mean(0), color=colors[arm], linewidth=2, label=arm.replace("lambda", "λ ="))
            axes.set_ylabel(label)
            if key != "rollout_reward":
                axes.set_ylim(bottom=0.0)
            axes.set_xticks(range(len(next(iter(arms.values()))[0]["curve"])))
            axes.spines[["top", "right"]].set_visible(False)
        grid[0][column].set_title(game)
        grid[0][column].legend(frameon=False, fontsize=8)
        grid[-1][column].set_xlabel("iterations of PPO after SFT")
    figure.savefig(path)


def main(args: Args) -> None:
    """Learns, measures, prints and draws."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.quick:
        args = replace(
            args, games=args.games[:1], arms=("action only", "lambda 0.5"), seeds=1, episodes=20, scale=0.1,
            work=args.work.with_name(f"{args.work.name}_quick"),
        )  # fmt: skip
    console = Console()
    start = time.perf_counter()
    seeds = list(range(args.seeds))
    runs = itertools.product(seeds, args.games, args.arms)
    pairs = [(sft_of(game, arm, seed, args), ppo_of(game, arm, seed, args)) for seed, game, arm in runs]
    learn_all(train, pairs, args.processes, console)
    measured = {game: {arm: [measure(game, arm, seed, args) for seed in seeds] for arm in args.arms} for game in args.games}
    console.print(table_of(measured))
    out = args.out or args.work
    out.mkdir(parents=True, exist_ok=True)
    result = {"seeds": seeds, "episodes": args.episodes, "arms": measured}
    (out / "vlm_cards.json").write_text(f"{json.dumps(rounded(result), indent=1)}\n")
    draw_figure(measured, out / "vlm_cards.png")
    success = {
        game: {arm: {"sft": mean(by_seed, "success", 0), "ppo": mean(by_seed, "success", -1)} for arm, by_seed in arms.items()}
        for game, arms in measured.items()
    }
    print(json.dumps(rounded({"seconds": round(time.perf_counter() - start), "success": success})))


if __name__ == "__main__":
    main(tyro.cli(Args))
