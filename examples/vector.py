"""Many episodes side by side: `python examples/vector.py`.

`make_vec` runs the programs of all episodes in one call of the engine, and begins the next episode in the step in which one ends.
The "policy" here says yes to half of the questions and no to the other half.
"""

from __future__ import annotations

from collections import Counter

import gymnasium as gym
import tyro

import vispro_gym

assert vispro_gym.ENVIRONMENTS  # importing the package registers them


def main(num_envs: int = 64, steps: int = 20) -> None:
    """Plays.

    Args:
        num_envs: Episodes side by side.
        steps: Programs per environment.
    """
    envs = gym.make_vec("VisProg-GQA-v0", num_envs=num_envs, filter={"structural": "verify"})
    observations, _ = envs.reset(seed=0)
    outcomes: Counter[str] = Counter()
    total = 0.0
    for _ in range(steps):
        programs = [f"return {'yes' if len(query) % 2 else 'no'!r}" for query in observations["query"]]
        observations, rewards, terminations, _, infos = envs.step(programs)
        assert terminations.all()  # one program is an episode; what the program did is in final_info
        outcomes.update(infos["final_info"]["outcome"])
        total += rewards.sum()
    envs.close()
    print(f"{num_envs * steps} programs, mean reward {total / (num_envs * steps):.2f}, outcomes {dict(outcomes)}")
    print(f"observations: image {observations['image'].shape}, query {observations['query'][0]!r}")


if __name__ == "__main__":
    tyro.cli(main)
