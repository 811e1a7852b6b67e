"""Gymnasium environments for visual programming.

Importing this package registers the environments:

    import gymnasium as gym
    import vispro_gym

    env = gym.make("VisProg-GQA-v0")
"""

from vispro_gym.registration import CARDS, ENVIRONMENTS, TASK_REWARDS, register_environments

__all__ = ["CARDS", "ENVIRONMENTS", "TASK_REWARDS", "__version__", "register_environments"]

__version__ = "0.1.0"

register_environments()
