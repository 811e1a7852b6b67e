"""PPO of Stable-Baselines3 chooses programs from a library: `python examples/sb3_ppo.py`.

Two kinds of question of mini GQA ("What kind of fruit is this?", "What place is shown?"). The policy reads the words and names
one of the expert programs of the training split; with one program per episode this is a contextual bandit. Half a minute.
"""

from __future__ import annotations

import gymnasium as gym
import torch
import tyro
from gymnasium.wrappers import FilterObservation
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import vispro_gym
from vispro_gym.wrappers import ProgramLibraryAction, TokenizeQuery, expert_programs, query_vocabulary

torch.set_num_threads(1)
FAMILY = {"detailed": ["category", "place"]}


def main(steps: int = 8192, episodes: int = 200, seed: int = 0) -> None:
    """Trains on the train split and measures on the val split.

    Args:
        steps: Programs to try.
        episodes: Episodes of the measurement.
        seed: Seed of everything.
    """
    train = gym.make("VisProg-GQA-v0", filter=FAMILY)
    words, library = query_vocabulary(train), expert_programs(train)

    def make(split: str) -> gym.Env:
        env = FilterObservation(gym.make("VisProg-GQA-v0", split=split, filter=FAMILY, image_size=16), ["query"])
        return ProgramLibraryAction(TokenizeQuery(env, words, length=12), library)

    model = PPO(
        "MultiInputPolicy",
        make_vec_env(lambda: make("train"), n_envs=8, seed=seed),
        n_steps=32, batch_size=64, n_epochs=6, learning_rate=2e-3, ent_coef=0.05, gamma=1.0, seed=seed,
    )  # fmt: skip
    model.learn(steps)
    test = make_vec_env(lambda: make("val"), seed=seed)
    reward, _ = evaluate_policy(model, test, n_eval_episodes=episodes, deterministic=True)
    print(f"vispro_gym {vispro_gym.__version__}, library of {len(library)}: {reward:.2f} of val after {steps} programs")


if __name__ == "__main__":
    tyro.cli(main)
