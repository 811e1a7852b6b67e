"""Baselines for the environments of cards: random actions, the optimal policy, and PPO of Stable-Baselines3 on the pictures.

    python benchmarks/cards_baselines.py           four environments, one seed: 5 minutes on one core
    python benchmarks/cards_baselines.py --quick   PPO on the number line alone, fewer episodes: under a minute

    random    actions are drawn uniformly
    optimal   `expert_action()`; the exact value of what it should earn, `optimal_value()`, stands beside what it earned
    PPO       a small convolutional network from scratch, which sees the picture scaled to 84 x 84 and nothing else; then measured
              with its most probable actions

Points24 is played as it is registered: with the hands that have no solution, on which nobody succeeds. Success is a positive
return. Intervals are those of the mean, 95 %, by its standard error. Seconds are of processor time. Prints a table and ends with
one line of JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import vispro_gym

assert vispro_gym.ENVIRONMENTS
SIDE = 84
NUM_ENVS = 8
FIRST_MEASURED = 1_000_000  # seeds of measured episodes, far from those of training


@dataclass(frozen=True)
class Setting:
    """How PPO learns one environment.

    Attributes:
        steps: Steps of training, a multiple of `NUM_ENVS * n_steps`.
        n_steps: Steps of each of the environments between two updates.
        batch_size: Steps of a gradient.
        n_epochs: How often the steps of an update are seen.
        learning_rate: In the beginning.
        decays: Whether the learning rate falls to zero.
        gamma: Discount factor.
        ent_coef: Weight of the entropy.
    """

    steps: int
    n_steps: int
    batch_size: int
    n_epochs: int
    learning_rate: float
    decays: bool
    gamma: float
    ent_coef: float


SETTINGS = {
    "NumberLine": Setting(4_096, 64, 64, 8, 1e-3, True, 0.9, 0.01),
    "EZPoints": Setting(20_480, 256, 128, 4, 5e-4, False, 1.0, 0.05),
    "Points24": Setting(20_480, 256, 128, 4, 5e-4, False, 1.0, 0.05),
    "Blackjack": Setting(40_960, 256, 128, 4, 5e-4, False, 1.0, 0.01),
}


@dataclass(frozen=True)
class Args:
    """Measure baselines on the environments of cards."""

    envs: tuple[str, ...] = tuple(SETTINGS)
    """Environments: the names between Cards- and -v0."""
    steps: int | None = None
    """Steps of training, rounded up to whole updates; None for those of each environment's setting."""
    seeds: int = 1
    """Number of seeds, of episodes and of training."""
    episodes: int = 2000
    """Episodes of a measurement, at least 2."""
    out: Path | None = None
    """Folder for cards_baselines.json."""
    quick: bool = False
    """PPO on NumberLine alone, one seed, 300 episodes."""


class SmallPicture(gym.ObservationWrapper[NDArray[np.uint8], Any, NDArray[np.uint8]]):
    """Scales the picture."""

    def __init__(self, env: gym.Env[NDArray[np.uint8], Any]) -> None:
        super().__init__(env)
        self.observation_space = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)

    def observation(self, observation: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same picture, smaller: means of areas."""
        return np.array(Image.fromarray(observation).resize((SIDE, SIDE), Image.Resampling.BOX))


class Features(BaseFeaturesExtractor):
    """A convolutional network with a quarter of the computations of Stable-Baselines3's own."""

    def __init__(self, observation_space: spaces.Box, features_dim: int = 128) -> None:
        super().__init__(observation_space, features_dim)
        self.layers = nn.Sequential(
            nn.Conv2d(observation_space.shape[0], 16, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 9 * 9, features_dim),
            nn.ReLU(),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features of pictures, whose channels come first and whose values are from 0 to 1."""
        features: torch.Tensor = self.layers(observations)
        return features


def make(name: str) -> gym.Env[NDArray[np.uint8], Any]:
    """An environment as PPO sees it."""
    return SmallPicture(gym.make(f"Cards-{name}-v0"))


def train(name: str, seed: int, steps: int | None) -> tuple[PPO, float]:
    """The trained model, and the seconds that it took."""
    setting = SETTINGS[name]
    rate = setting.learning_rate
    model = PPO(
        "CnnPolicy",
        make_vec_env(lambda: make(name), n_envs=NUM_ENVS, seed=seed * NUM_ENVS),
        learning_rate=(lambda remaining: rate * remaining) if setting.decays else rate,
        n_steps=setting.n_steps,
        batch_size=setting.batch_size,
        n_epochs=setting.n_epochs,
        gamma=setting.gamma,
        ent_coef=setting.ent_coef,
        policy_kwargs={"features_extractor_class": Features},
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(None, []))  # else it makes folders for what it would log
    start = time.process_time()
    model.learn(setting.steps if steps is None else steps)
    return model, time.process_time() - start


def measure(env: gym.Env[Any, Any], act: Callable[[Any], int], episodes: int, seed: int) -> dict[str, Any]:
    """Plays; what the episodes earned."""
    observation, info = env.reset(seed=FIRST_MEASURED + seed)
    returns, successes = np.zeros(episodes), np.zeros(episodes)
    for episode in range(episodes):
        ended = False
        while not ended:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            returns[episode] += float(reward)
            ended = terminated or truncated
        successes[episode] = info["is_success"]
        observation, info = env.reset()
    mean, half = returns.mean(), 1.96 * returns.std(ddof=1) / np.sqrt(episodes)
    return {
        "episodes": episodes,
        "success": round(float(successes.mean()), 4),
        "return": round(float(mean), 4),
        "interval": [round(float(mean - half), 4), round(float(mean + half), 4)],
    }


def run(name: str, seed: int, episodes: int, steps: int | None, learns: bool) -> list[dict[str, Any]]:
    """Rows of all policies in one environment."""
    env: Any = gym.make(f"Cards-{name}-v0")
    env.action_space.seed(seed)
    common = {"env": name, "seed": seed, "optimal_value": round(env.unwrapped.optimal_value(), 4)}
    rows = [
        {"policy": policy, **common, **measure(env, act, episodes, seed), "steps": 0, "seconds": 0.0}
        for policy, act in (
            ("random", lambda observation: env.action_space.sample()),
            ("optimal", lambda observation: env.unwrapped.expert_action()),
        )
    ]
    if learns:
        model, seconds = train(name, seed, steps)
        found = measure(make(name), lambda picture: int(model.predict(picture, deterministic=True)[0]), episodes, seed)
        rows.append({"policy": "PPO", **common, **found, "steps": model.num_timesteps, "seconds": round(seconds, 1)})
    return rows


def main(args: Args) -> None:
    """Measures all and prints."""
    torch.set_num_threads(1)
    learn, seeds, episodes = (("NumberLine",), 1, 300) if args.quick else (args.envs, args.seeds, args.episodes)
    if unknown := set(args.envs) - set(SETTINGS):
        raise SystemExit(f"There is no environment {min(unknown)!r}. Expected one of: {', '.join(SETTINGS)}.")
    console = Console()
    rows: list[dict[str, Any]] = []
    for name in args.envs:
        for seed in range(seeds):
            rows += run(name, seed, episodes, args.steps, name in learn)
            console.print(f"{name}, seed {seed}: {rows[-1]['policy']} earns {rows[-1]['return']:.3f}", highlight=False)
    table = Table("environment", "policy", "success", "return, 95 %", "optimum", "steps", "seconds")
    for row in rows:
        learned = (f"{row['steps']:,}", f"{row['seconds']:.0f}") if row["steps"] else ("", "")
        table.add_row(
            row["env"] if seeds == 1 else f"{row['env']} {row['seed']}",
            row["policy"],
            f"{row['success']:.1%}",
            f"{row['return']:.2f} ± {row['interval'][1] - row['return']:.2f}",
            f"{row['optimal_value']:.2f}",
            *learned,
        )
    console.print(table)
    result = {"seeds": list(range(seeds)), "rows": rows}
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "cards_baselines.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
