"""Gymnasium environments."""

from vispro_gym.envs.boxes import COCOEnv, OmniLabelEnv, RefCOCOEnv, RefCOCOgEnv, RefCOCOplusEnv
from vispro_gym.envs.matching import COCOCaptionsEnv, Flickr30kEnv, SugarCREPEEnv, WinoGroundEnv
from vispro_gym.envs.open_questions import AOKVQAEnv, OKVQAEnv, TallyQAEnv, VQAv2Env
from vispro_gym.envs.questions import CLEVREnv, GQAEnv
from vispro_gym.envs.task_reward import CaptioningEnv, ColorizationEnv, DetectionEnv, PanopticEnv, Scored, TaskRewardEnv
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.envs.yes_no import NLVR2Env, NLVREnv, POPEEnv, VSREnv

__all__ = [
    "AOKVQAEnv",
    "CLEVREnv",
    "COCOCaptionsEnv",
    "COCOEnv",
    "CaptioningEnv",
    "ColorizationEnv",
    "DetectionEnv",
    "Flickr30kEnv",
    "GQAEnv",
    "NLVR2Env",
    "NLVREnv",
    "OKVQAEnv",
    "OmniLabelEnv",
    "POPEEnv",
    "PanopticEnv",
    "RefCOCOEnv",
    "RefCOCOgEnv",
    "RefCOCOplusEnv",
    "Scored",
    "SugarCREPEEnv",
    "TallyQAEnv",
    "TaskRewardEnv",
    "VQAv2Env",
    "VSREnv",
    "VisualProgramEnv",
    "WinoGroundEnv",
]
