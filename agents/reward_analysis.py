"""What tuning with a task reward did to a model: three questions of Pinto et al. (ICML 2023), each with a figure.

    distribution.png   Where do the rewards of drawn answers lie, before and after?
    tuning.png         Do the reward of single pictures and the metric of the corpus rise together, or do they part?
    best_of_n.png      How many answers would the model before tuning have to draw, to be as good by choosing among them?

Of N drawn answers, the most likely one can be chosen without knowing the reward; the best one cannot, and bounds what choosing is
worth. The figures' numbers are in `analysis.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from vispro_agents.curve import Point, read_curve
from vispro_agents.episodes import choose_positions
from vispro_agents.errors import UsageError, at_least
from vispro_agents.files import write_whole
from vispro_agents.task_reward_setup import open_reward_env
from vispro_agents.vision_model import load_policy
from vispro_gym.envs.task_reward import TaskRewardEnv

_BATCH = 32
_BEFORE, _AFTER = "#7f8899", "#0072b2"


@dataclass(frozen=True)
class Args:
    """Compare the answers of a model before and after tuning with a reward."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Folder of a run of `task-reward` with at least one iteration."""
    split: str | None = None
    """Split whose pictures are looked at; None for the run's evaluation split."""
    pictures: int = 200
    """Number of pictures."""
    draws: int = 16
    """Answers that are drawn for each picture."""
    seed: int = 0
    """Seed of the draws."""
    out: Path | None = None
    """Folder for figures and numbers; None for RUN/analysis."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a policy answered.

    Attributes:
        rewards: float64 of shape `(pictures, draws)`: rewards of drawn answers.
        log_probs: float64 of that shape: logarithm of the probability of each.
        greedy: float64 of shape `(pictures,)`: reward of the answer whose every token is the most probable one.
    """

    rewards: NDArray[np.float64]
    log_probs: NDArray[np.float64]
    greedy: NDArray[np.float64]


def run(args: Args, console: Console) -> dict[str, Any]:
    """Answer the three questions.

    Returns:
        The numbers, as in `analysis.json`.

    Raises:
        UsageError: If the folder holds no run with a tuned policy.
        DatasetError: If data is missing or damaged.
    """
    at_least(1, pictures=args.pictures)
    at_least(2, draws=args.draws)
    settings, points = read_curve(args.run_dir)
    if settings.get("learner") != "task_reward" or settings.get("objective") != "reward" or len(points) < 2:
        raise UsageError(f"{args.run_dir} holds no policy tuned with a task reward yet. Expected the folder of such a run.")
    folders = [args.run_dir / "policies" / point.policy for point in (points[0], points[-1])]
    policies = [load_policy(folder) for folder in folders]
    env = open_reward_env(
        settings["env"], args.split or settings["eval_split"], settings["data_dir"], settings["images"], settings["reward"],
        policies[0].image_size,
    )  # fmt: skip
    positions = choose_positions(len(env.dataset), min(args.pictures, len(env.dataset)), args.seed)
    before, after = (_draw(policy, env, positions, args, console) for policy in policies)
    out = args.out or args.run_dir / "analysis"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} can be no folder ({error.strerror}). Choose another.") from None
    numbers = {
        "pictures": len(positions),
        "distribution": _distribution(before, after, out / "distribution.png"),
        "tuning": _tuning(points, out / "tuning.png"),
        "best_of_n": _best_of_n(before, after, out / "best_of_n.png"),
    }
    write_whole(out / "analysis.json", f"{json.dumps(numbers, indent=1)}\n".encode())
    console.print(f"Figures and numbers: {out}", soft_wrap=True, highlight=False)
    return numbers


def _draw(policy: Any, env: TaskRewardEnv, positions: list[int], args: Args, console: Console) -> Drawn:
    rewards, log_probs, greedy = [], [], []
    starts = range(0, len(positions), _BATCH)
    for start in track(starts, "draw answers", console=console, transient=True):
        samples = [env.dataset.sample(position) for position in positions[start : start + _BATCH]]
        observations = [env.observe(sample) for sample in samples]
        _, drawn, actions = policy.draw(observations, args.draws, args.seed + start)
        repeated = [sample for sample in samples for _ in range(args.draws)]
        rewards += [scored.reward for scored in env.score(repeated, actions)]
        said = torch.from_numpy(~policy.codec.supervised)[: drawn.shape[1]]  # how sure it is of a box is no part of an answer
        log_probs += (drawn.cpu() * said).double().sum(1).tolist()
        greedy += [scored.reward for scored in env.score(samples, policy.draw(observations)[2])]
    shape = (len(positions), args.draws)
    return Drawn(np.reshape(rewards, shape), np.reshape(log_probs, shape), np.array(greedy))


def _distribution(before: Drawn, after: Drawn, path: Path) -> dict[str, Any]:
    """Histograms of the rewards of drawn answers."""
    figure, axes = _figure()
    edges = np.histogram_bin_edges(np.concatenate([before.rewards.ravel(), after.rewards.ravel()]), 40)
    for drawn, name, color in ((before, "before", _BEFORE), (after, "after tuning", _AFTER)):
        weights = np.full(drawn.rewards.size, 1 / drawn.rewards.size)
        axes.hist(drawn.rewards.ravel(), edges, weights=weights, alpha=0.6, color=color, label=name)
        axes.axvline(drawn.rewards.mean(), color=color, linestyle="--", label=f"mean {drawn.rewards.mean():.3f}")
    axes.set_xlabel("reward of a drawn answer")
    axes.set_ylabel("share of answers")
    axes.legend(frameon=False)
    figure.savefig(path)
    return {
        name: {
            "mean": float(drawn.rewards.mean()),
            "std": float(drawn.rewards.std()),
            # how much the answers to one picture differ: what is left of the model's doubt
            "std_within_pictures": float(drawn.rewards.std(1).mean()),
            "quantiles": {str(q): float(np.quantile(drawn.rewards, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)},
        }
        for name, drawn in (("before", before), ("after", after))
    }


def _tuning(points: list[Point], path: Path) -> list[dict[str, Any]]:
    """The reward and the first metric over the iterations."""
    (name, *_) = points[-1].metric
    figure, axes = _figure()
    places = [point.iteration for point in points]
    axes.plot(places, [point.reward for point in points], marker="o", color=_AFTER, label="mean reward of a picture")
    axes.set_xlabel("iteration")
    axes.set_ylabel("mean reward of a picture", color=_AFTER)
    axes.set_xticks(places)
    other = axes.twinx()
    other.plot(places, [point.metric[name] for point in points], marker="s", linestyle="--", color="#d55e00")
    other.set_ylabel(f"{name} of the corpus", color="#d55e00")
    other.spines["top"].set_visible(False)
    figure.savefig(path)
    return [{"policy": point.policy, "reward": point.reward, "metric": point.metric} for point in points]


def _best_of_n(before: Drawn, after: Drawn, path: Path) -> dict[str, Any]:
    """What choosing among N answers of the model before tuning would be worth."""
    draws = before.rewards.shape[1]
    counts = [2**k for k in range(draws.bit_length()) if 2**k <= draws]
    likely = [_chosen(before.rewards, before.log_probs, n) for n in counts]
    best = [_chosen(before.rewards, before.rewards, n) for n in counts]
    figure, axes = _figure()
    axes.plot(counts, best, marker="^", color=_BEFORE, label="before: the best of N (needs the reward)")
    axes.plot(counts, likely, marker="o", color="#d55e00", label="before: the most likely of N")
    axes.axhline(before.greedy.mean(), color=_BEFORE, linestyle=":", label="before: greedy")
    axes.axhline(after.rewards.mean(), color=_AFTER, linestyle="--", label="after: one draw")
    axes.axhline(after.greedy.mean(), color=_AFTER, label="after: greedy")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.set_xlabel("answers N")
    axes.set_ylabel("mean reward")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)
    return {
        "n": counts,
        "most_likely": likely,
        "best": best,
        "greedy_before": float(before.greedy.mean()),
        "draw_after": float(after.rewards.mean()),
        "greedy_after": float(after.greedy.mean()),
    }


def _chosen(rewards: NDArray[np.float64], keys: NDArray[np.float64], n: int) -> float:
    """Mean reward where of each n answers to a picture the one with the largest key is taken."""
    groups = rewards.shape[1] // n
    shape = (len(rewards), groups, n)
    places = keys[:, : groups * n].reshape(shape).argmax(-1)
    return float(np.take_along_axis(rewards[:, : groups * n].reshape(shape), places[..., None], -1).mean())


def _figure() -> tuple[Figure, Any]:
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure, axes
