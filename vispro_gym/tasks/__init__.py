"""Tasks: what an answer means, and how a split is scored."""

from __future__ import annotations

from vispro_gym.tasks.aokvqa import AOKVQADirectAnswerTask, AOKVQAMultipleChoiceTask
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.detection import COCOTask, OmniLabelTask
from vispro_gym.tasks.gqa import GQATask
from vispro_gym.tasks.grounding import RefCOCOgTask, RefCOCOplusTask, RefCOCOTask
from vispro_gym.tasks.nlvr import NLVR2Task, NLVRTask
from vispro_gym.tasks.pope import POPETask
from vispro_gym.tasks.retrieval import (
    COCOCaptionsImageToText,
    COCOCaptionsTextToImage,
    Flickr30kImageToText,
    Flickr30kTextToImage,
)
from vispro_gym.tasks.soft_vqa import OKVQATask, SoftVQATask
from vispro_gym.tasks.sugarcrepe import SugarCREPETask, SugarCREPEYesNo
from vispro_gym.tasks.tallyqa import TallyQATask
from vispro_gym.tasks.vqa import CLEVRTask, VisualQuestionAnswering
from vispro_gym.tasks.vsr import VSRTask
from vispro_gym.tasks.winoground import WinoGroundCaption, WinoGroundImage, WinoGroundYesNo

__all__ = ["TASKS", "Score", "Task"]

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        VisualQuestionAnswering,
        GQATask,
        CLEVRTask,
        SoftVQATask,
        OKVQATask,
        TallyQATask,
        AOKVQAMultipleChoiceTask,
        AOKVQADirectAnswerTask,
        POPETask,
        VSRTask,
        NLVR2Task,
        NLVRTask,
        OmniLabelTask,
        COCOTask,
        RefCOCOTask,
        RefCOCOplusTask,
        RefCOCOgTask,
        WinoGroundYesNo,
        WinoGroundCaption,
        WinoGroundImage,
        SugarCREPETask,
        SugarCREPEYesNo,
        Flickr30kImageToText,
        Flickr30kTextToImage,
        COCOCaptionsImageToText,
        COCOCaptionsTextToImage,
    )
}
"""Task classes by name."""
