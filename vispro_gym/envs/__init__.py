"""Gymnasium environments."""

from vispro_gym.envs.questions import CLEVREnv, GQAEnv
from vispro_gym.envs.visual_program import VisualProgramEnv

__all__ = ["CLEVREnv", "GQAEnv", "VisualProgramEnv"]
