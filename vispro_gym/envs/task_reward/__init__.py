"""Environments of task rewards: a picture in, boxes, segments, colours or a caption out, a real number back."""

from vispro_gym.envs.task_reward.base import Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.captioning import CaptioningEnv
from vispro_gym.envs.task_reward.colorization import ColorizationEnv
from vispro_gym.envs.task_reward.detection import DetectionEnv
from vispro_gym.envs.task_reward.panoptic import PanopticEnv

__all__ = ["CaptioningEnv", "ColorizationEnv", "DetectionEnv", "PanopticEnv", "Scored", "TaskRewardEnv"]
