"""What a run of task rewards is made of: the environment, and how its actions are written as tokens."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym

from vispro_agents.errors import UsageError, at_least
from vispro_agents.sequences import BoxCodec, CaptionCodec, ChromaCodec, Codec, SegmentCodec
from vispro_agents.vision_model import load_tokenizer, word_tokenizer
from vispro_gym.envs.task_reward import CaptioningEnv, ColorizationEnv, DetectionEnv, PanopticEnv, TaskRewardEnv
from vispro_gym.envs.task_reward.detection import MAX_BOXES
from vispro_gym.registration import TASK_REWARDS


@dataclass(frozen=True)
class SequenceArgs:
    """How answers are written as tokens; each task reads its own."""

    bins: int = 64
    """Tokens for the coordinates of boxes."""
    most_boxes: int = 8
    """Boxes of an answer at most."""
    grid: int = 8
    """Cells per side of maps of segments and colours."""
    caption_tokens: int = 24
    """Tokens of a caption at most."""

    def __post_init__(self) -> None:
        at_least(1, bins=self.bins, most_boxes=self.most_boxes, grid=self.grid)
        at_least(2, caption_tokens=self.caption_tokens)
        if self.most_boxes > MAX_BOXES:
            raise UsageError(f"--most-boxes {self.most_boxes}: answers have {MAX_BOXES} boxes at most.")


def open_reward_env(env_id: str, split: str, data_dir: Path | None, images: str, reward: str, image_size: int) -> TaskRewardEnv:
    """An environment of task rewards.

    Raises:
        UsageError: If there is no such environment.
        DatasetError: If data is missing or damaged.
    """
    ids = [row.env_id for row in TASK_REWARDS]
    if env_id not in ids:
        raise UsageError(f"--env {env_id} is no environment of task rewards. Expected one of: {', '.join(ids)}.")
    for task, library in (("Panoptic", "torchmetrics"), ("Captioning", "pycocoevalcap")):
        if task in env_id and find_spec(library) is None:
            raise UsageError(f'The metric of {env_id} needs {library}: pip install "vispro-gym[rewards]"')
    options: dict[str, Any] = {"split": split, "data_dir": data_dir, "images": images, "image_size": image_size}
    if "Detection" in env_id:
        options["reward"] = reward
    env = gym.make(env_id, disable_env_checker=True, **options).unwrapped
    assert isinstance(env, TaskRewardEnv)
    return env


def make_codec(env: TaskRewardEnv, args: SequenceArgs, decoder: str = "") -> Codec:
    """How the actions of an environment are written as tokens.

    Args:
        env: The environment of training.
        args: Sizes.
        decoder: Name of a decoder's checkpoint, whose tokenizer captions are written in; "" makes one of the split's words.
    """
    size = env.image_size
    if isinstance(env, DetectionEnv):
        return BoxCodec(size, len(env.categories), args.bins, args.most_boxes)
    if isinstance(env, PanopticEnv):
        things = [label for label, category in enumerate(env.dataset.categories, start=1) if category.is_thing]
        stuff = [label for label, category in enumerate(env.dataset.categories, start=1) if not category.is_thing]
        return SegmentCodec(size, stuff, things, args.grid)
    if isinstance(env, ColorizationEnv):
        return ChromaCodec(size, args.grid)
    assert isinstance(env, CaptioningEnv)
    if decoder:
        return CaptionCodec(load_tokenizer(decoder), args.caption_tokens)
    return CaptionCodec(
        word_tokenizer(caption for captions in env.dataset.references() for caption in captions), args.caption_tokens
    )


def check_codec(env: TaskRewardEnv, codec: Codec, name: str) -> None:
    """Raise a `UsageError` if the answers of a saved policy are not actions of an environment."""
    match env, codec:
        case DetectionEnv(), BoxCodec():
            fits = codec.labels == len(env.categories)
        case PanopticEnv(), SegmentCodec():
            fits = sorted(codec.stuff + codec.things) == list(range(1, len(env.categories) + 1))
        case (ColorizationEnv(), ChromaCodec()) | (CaptioningEnv(), CaptionCodec()):
            fits = True
        case _:
            fits = False
    if not fits:
        raise UsageError(
            f"{name} holds a policy whose answers are no actions of {type(env).__name__} on this data ({type(codec).__name__}). "
            "Expected one of the same task and categories."
        )
