"""PPO of Stable-Baselines3 and MaskablePPO of sb3-contrib learn visual programs from rewards alone.

    python benchmarks/sb3.py           three arms, three seeds: 8 minutes on two cores
    python benchmarks/sb3.py --quick   two arms, one seed, fewer programs: under a minute

The environment is mini GQA, reduced to a few kinds of question ("What kind of fruit is this?", "What place is shown?", "Is there
a dog?"). Policies see the words of the query and no picture: programs look.

    library         PPO names one of the expert programs of the training split (`ProgramLibraryAction`), kinds category and place
    grammar         MaskablePPO derives programs from a grammar (`GrammarAction`), the same kinds
    grammar_exist   the same with the kinds exist and existC as well

Measured in between: the share of questions whose greedy program is right, all of train and all of val. Val has other pictures,
but mostly the same texts; "new" are its questions whose text does not occur in train, measured at the end. Draws a figure,
prints a table and ends with one line of JSON.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
import tyro
from gymnasium.wrappers import FilterObservation
from rich.console import Console
from rich.table import Table
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import vispro_gym
from vispro_gym.wrappers import (
    Grammar,
    GrammarAction,
    ProgramLibraryAction,
    TokenizeQuery,
    expert_programs,
    productions_of,
    query_vocabulary,
)

assert vispro_gym.ENVIRONMENTS
ENV_ID = "VisProg-GQA-v0"
GRAMMAR = Grammar(
    productions_of(
        ["find", "exists", "simple_query"],
        {
            "block": ("return {answer}",),
            "answer": ("{text}", "{number}", "{truth}"),
            "number": ("len({patches})",),
            "patch": ("{patches}[0]",),
        },
    ),
    literals={"question": ("What is this?", "What place is this?")},
    max_depth=4,
    max_words=12,
)


@dataclass(frozen=True)
class Arm:
    """One way of learning.

    Attributes:
        kinds: Kinds of question.
        uses_grammar: Whether programs are derived, or else chosen.
        steps: Steps of training, choices of a derivation counted one by one.
    """

    kinds: tuple[str, ...]
    uses_grammar: bool
    steps: int


ARMS = {
    "library": Arm(("category", "place"), uses_grammar=False, steps=12_288),
    "grammar": Arm(("category", "place"), uses_grammar=True, steps=32_768),
    "grammar_exist": Arm(("category", "place", "exist", "existC"), uses_grammar=True, steps=49_152),
}


@dataclass(frozen=True)
class Args:
    """Train PPO and MaskablePPO."""

    arms: tuple[str, ...] = tuple(ARMS)
    """Arms to run."""
    seeds: int = 3
    """Number of seeds."""
    points: int = 6
    """Measurements per run, after the one before training."""
    scale: float = 1.0
    """Factor for the number of steps."""
    out: Path | None = None
    """Folder for sb3.json and sb3.png."""
    quick: bool = False
    """The arms library and grammar_exist, one seed, two measurements, a third of the steps."""


def make(arm: Arm, split: str) -> gym.Env[Any, Any]:
    """The environment of an arm. Vocabulary and library are those of train."""
    family = {"detailed": list(arm.kinds)}
    train = gym.make(ENV_ID, filter=family)
    # Pictures are as small as can be, because nobody sees them.
    env: Any = FilterObservation(gym.make(ENV_ID, split=split, filter=family, image_size=1), ["query"])
    env = TokenizeQuery(env, query_vocabulary(train), length=12)
    if arm.uses_grammar:
        return GrammarAction(env, GRAMMAR, max_choices=12)
    return ProgramLibraryAction(env, expert_programs(train))


def learner(arm: Arm, seed: int) -> Any:
    """PPO or MaskablePPO on eight environments."""
    envs = make_vec_env(lambda: make(arm, "train"), n_envs=8, seed=seed)
    common: dict[str, Any] = {"n_epochs": 6, "ent_coef": 0.05, "gamma": 1.0, "gae_lambda": 1.0, "seed": seed}
    if arm.uses_grammar:
        return MaskablePPO("MultiInputPolicy", envs, n_steps=256, batch_size=256, learning_rate=1e-3, **common)
    return PPO("MultiInputPolicy", envs, n_steps=32, batch_size=64, learning_rate=2e-3, **common)


def right(model: Any, env: Any, sample_ids: Sequence[str]) -> float:
    """Share of questions whose greedy program is right; 0 of none."""
    rewards = 0.0
    for sample_id in sample_ids:
        observation, _ = env.reset(options={"sample_id": sample_id})
        ended = False
        while not ended:
            legal = {"action_masks": env.action_masks()} if isinstance(env, GrammarAction) else {}
            action, _ = model.predict(observation, deterministic=True, **legal)
            observation, reward, ended, _, _ = env.step(int(action))
        rewards += reward
    return rewards / max(1, len(sample_ids))


def run(arm: Arm, seed: int, steps: int, points: int) -> dict[str, Any]:
    """Trains; the curve is measured at equal distances."""
    model = learner(arm, seed)
    envs = {split: make(arm, split) for split in ("train", "val")}
    ids = {split: env.unwrapped.dataset.sample_ids for split, env in envs.items()}  # type: ignore[attr-defined]
    known = {sample.query for sample in envs["train"].unwrapped.dataset}  # type: ignore[attr-defined]
    new = [sample.sample_id for sample in envs["val"].unwrapped.dataset if sample.query not in known]  # type: ignore[attr-defined]
    training = 0.0
    curve = [{"steps": 0} | {split: right(model, env, ids[split]) for split, env in envs.items()}]
    for point in range(1, points + 1):
        start = time.perf_counter()
        model.learn(steps * point // points - model.num_timesteps, reset_num_timesteps=False)
        training += time.perf_counter() - start
        curve.append({"steps": model.num_timesteps} | {split: right(model, env, ids[split]) for split, env in envs.items()})
    return {
        "seed": seed,
        "curve": curve,
        "new": right(model, envs["val"], new),
        "training_seconds": round(training, 1),
        "questions": {split: len(chosen) for split, chosen in ids.items()} | {"new": len(new)},
    }


def main(args: Args) -> None:
    """Trains all, prints and draws."""
    logging.getLogger("vispro_gym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    names, seeds, points, scale = args.arms, args.seeds, args.points, args.scale
    if args.quick:
        names, seeds, points, scale = ("library", "grammar_exist"), 1, 2, 0.3
    console = Console()
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        found[name] = []
        for seed in range(seeds):
            found[name].append(run(ARMS[name], seed, int(ARMS[name].steps * scale), points))
            last, seconds = found[name][-1]["curve"][-1], found[name][-1]["training_seconds"]
            console.print(
                f"{name}, seed {seed}: train {last['train']:.3f}, val {last['val']:.3f}, {seconds:.0f} s", highlight=False
            )
    table = Table("arm", "steps", "train: start", "end", "val: start", "end, mean (range)", "new texts")
    for name, runs in found.items():
        ends = [one["curve"][-1]["val"] for one in runs]
        table.add_row(
            name,
            str(runs[0]["curve"][-1]["steps"]),
            *(f"{statistics.mean(one['curve'][place]['train'] for one in runs):.3f}" for place in (0, -1)),
            f"{statistics.mean(one['curve'][0]['val'] for one in runs):.3f}",
            f"{statistics.mean(ends):.3f} ({min(ends):.3f} to {max(ends):.3f})",
            f"{statistics.mean(one['new'] for one in runs):.3f} of {runs[0]['questions']['new']}",
        )
    console.print(table)
    result = {
        "final": {
            name: {split: [one["curve"][-1][split] for one in runs] for split in ("train", "val")} for name, runs in found.items()
        },
        "arms": found,
    }
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "sb3.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        draw(result["arms"], args.out / "sb3.png")
    print(json.dumps(result))


def draw(arms: dict[str, Any], path: Path) -> None:
    """Curves: mean over seeds and their range."""
    import matplotlib.ticker
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(arms), sharey=True, squeeze=False)[0]
    for axes, (name, runs) in zip(panels, arms.items(), strict=True):
        steps = [point["steps"] for point in runs[0]["curve"]]
        for split, color in (("train", "#0072b2"), ("val", "#d55e00")):  # told apart by all eyes
            shares = [[point[split] for point in one["curve"]] for one in runs]
            axes.plot(
                steps,
                [statistics.mean(at) for at in zip(*shares, strict=True)],
                marker="o",
                markersize=3,
                color=color,
                label=split,
            )
            axes.fill_between(
                steps, *([pick(at) for at in zip(*shares, strict=True)] for pick in (min, max)), color=color, alpha=0.15
            )
        axes.set_title(name)
        axes.set_xlabel("steps")
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("questions answered right")
    panels[-1].legend(loc="lower right")
    figure.savefig(path)


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
