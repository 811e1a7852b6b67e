"""MaskablePPO of sb3-contrib writes programs choice by choice: `python examples/sb3_maskable_ppo.py`.

Four kinds of question of mini GQA. An action fills the next hole of a program by a production of the grammar or by a word of the
query; the reward comes when the program is complete. Names of things are pointed at, so what is learned holds for names that were
never met before. A minute.
"""

from __future__ import annotations

import gymnasium as gym
import torch
import tyro
from gymnasium.wrappers import FilterObservation
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from stable_baselines3.common.env_util import make_vec_env

import vispro_gym
from vispro_gym.wrappers import Grammar, GrammarAction, TokenizeQuery, productions_of, query_vocabulary

torch.set_num_threads(1)
FAMILY = {"detailed": ["category", "place", "exist", "existC"]}
GRAMMAR = Grammar(
    productions_of(
        ["find", "exists", "simple_query"],  # operations of the program language, from its table
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


def main(steps: int = 32768, episodes: int = 200, seed: int = 0) -> None:
    """Trains on the train split and measures on the val split.

    Args:
        steps: Choices to make; a program takes three to seven.
        episodes: Episodes of the measurement.
        seed: Seed of everything.
    """
    words = query_vocabulary(gym.make("VisProg-GQA-v0", filter=FAMILY))

    def make(split: str) -> gym.Env:
        env = FilterObservation(gym.make("VisProg-GQA-v0", split=split, filter=FAMILY, image_size=16), ["query"])
        return GrammarAction(TokenizeQuery(env, words, length=12), GRAMMAR, max_choices=12)

    model = MaskablePPO(
        "MultiInputPolicy",
        make_vec_env(lambda: make("train"), n_envs=8, seed=seed),
        n_steps=256, batch_size=256, n_epochs=6, learning_rate=1e-3, ent_coef=0.05, gamma=1.0, gae_lambda=1.0, seed=seed,
    )  # fmt: skip
    model.learn(steps)
    test = make_vec_env(lambda: make("val"), seed=seed)
    reward, _ = evaluate_policy(model, test, n_eval_episodes=episodes, deterministic=True)
    print(f"vispro_gym {vispro_gym.__version__}, {len(GRAMMAR.options())} choices: {reward:.2f} of val after {steps} of them")


if __name__ == "__main__":
    tyro.cli(main)
