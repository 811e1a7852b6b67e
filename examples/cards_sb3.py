"""PPO of Stable-Baselines3 learns an environment of cards from its pictures: `python examples/cards_sb3.py`.

Cards-NumberLine-v0 shows two numbers; "-" and "+" move the first one to the second one. The policy is a convolutional network
from scratch, which sees the picture scaled down. A quarter of a minute.
"""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium import spaces
from gymnasium.wrappers import TransformObservation
from PIL import Image
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger

import vispro_gym

torch.set_num_threads(1)
SIDE = 42


def make() -> gym.Env:
    """The environment with small pictures."""
    env = gym.make("Cards-NumberLine-v0")
    space = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
    return TransformObservation(env, lambda picture: np.array(Image.fromarray(picture).resize((SIDE, SIDE))), space)


def main(steps: int = 4096, episodes: int = 200, seed: int = 0) -> None:
    """Trains, and measures the most probable actions.

    Args:
        steps: Steps of training.
        episodes: Episodes of the measurement.
        seed: Seed of everything.
    """
    model = PPO(
        "CnnPolicy",
        make_vec_env(make, n_envs=8, seed=seed),
        n_steps=64, batch_size=64, n_epochs=8, learning_rate=lambda remaining: 1e-3 * remaining, gamma=0.9,
        ent_coef=0.01, seed=seed,
    )  # fmt: skip
    model.set_logger(Logger(None, []))  # else it makes a folder for what it would log
    model.learn(steps)
    test = make_vec_env(make, seed=seed + 1000)
    reward, _ = evaluate_policy(model, test, n_eval_episodes=episodes, deterministic=True)
    print(f"vispro_gym {vispro_gym.__version__}: return {reward:.2f} of 1.00 after {steps} steps")


if __name__ == "__main__":
    tyro.cli(main)
