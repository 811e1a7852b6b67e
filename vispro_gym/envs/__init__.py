"""Gymnasium environments."""

from vispro_gym.envs.clevr import CLEVREnv
from vispro_gym.envs.gqa import GQAEnv
from vispro_gym.envs.visual_program import VisualProgramEnv

__all__ = ["CLEVREnv", "GQAEnv", "VisualProgramEnv"]
