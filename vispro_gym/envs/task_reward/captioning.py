"""Captioning with the CIDEr reward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.coco_images import CocoCaptioning
from vispro_gym.datasets.errors import logger
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.episode import letterbox
from vispro_gym.envs.spaces import UnicodeText
from vispro_gym.envs.task_reward.base import Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.frames import PICTURE, frame
from vispro_gym.envs.task_reward.page import documented
from vispro_gym.rewards import captioning
from vispro_gym.rewards.captioning import DocumentFrequencies, cider_d, tokenize
from vispro_gym.tasks.metrics.captions import caption_metric

MAX_CAPTION_CHARACTERS = 4_096

_ANNOUNCED = 10_000  # pictures from which on counting words takes so long that one wants to know why


@documented
class CaptioningEnv(TaskRewardEnv):
    """A sentence that describes a picture.

    ## Description
    Captioning as Pinto et al. ("Tuning computer vision models with task rewards", ICML 2023) tune models for it: what a caption
    earns is what the metric CIDEr says of it. Pictures and captions are those of COCO (Chen et al., "Microsoft COCO captions",
    2015), mostly five captions per picture.

    ## Action Space
    `UnicodeText`: any string of at most 4096 characters.

    ## Rewards
    A real number from 0.0 to 10.0: the CIDEr-D of the caption (Vedantam et al., CVPR 2015), how much it says of what the
    picture's captions say and those of other pictures do not. In how many pictures a phrase occurs is counted over the captions
    of the whole split, whatever `filter` and `ids` keep of it. Case and punctuation do not matter. A caption without words
    earns 0.0.

    Papers print 100 times the mean over a split. Annotated captions themselves earn less than 10.0: they differ from each other.

    ## Information
    - `words`: number of words in the caption.

    ## Arguments
    """

    dataset_class = CocoCaptioning
    page = {  # noqa: RUF012
        "kind": "captions",
        "files": "`annotations/captions_{train,val}{2017,2014}.json`",
        "field": "captions",
        "number": "the number of captions",
    }
    dataset: CocoCaptioning

    def __init__(self, split: str = "train", **options: Any) -> None:
        super().__init__(split, **options)
        self.action_space = UnicodeText(MAX_CAPTION_CHARACTERS)

    @cached_property
    def frequencies(self) -> DocumentFrequencies:
        """In how many pictures of the split phrases occur. Counted once and kept in the cache folder.

        Raises:
            DatasetError: If a caption is damaged, or the cache folder cannot be written.
        """
        # what a word is, is a matter of the code: another version of it must not find the counts of this one
        code = blake2b(Path(captioning.__file__).read_bytes(), digest_size=10).hexdigest()
        return DocumentFrequencies.cached(f"{self.dataset.version}-{code}", self._references)

    def _references(self) -> Iterator[list[str]]:
        pictures = len(self.dataset)
        if pictures >= _ANNOUNCED:
            logger.warning("Counting the words in the captions of %s %s (once) ...", self.dataset.name, self.dataset.split)
        return (_words(captions) for captions in self.dataset.references())

    def score(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Scored]:
        """What captions are worth, see the class and `TaskRewardEnv.score`."""
        captions = _words(self._read_all(samples, actions))
        rewards = cider_d(captions, [_words(sample.target) for sample in samples], self.frequencies)
        return [Scored(float(reward), {"words": len(caption.split())}) for reward, caption in zip(rewards, captions, strict=True)]

    def answers(self, sample: Sample) -> list[Any]:
        """The annotated captions, in file order, as they were written."""
        return list(sample.target)

    def metric(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None = None) -> dict[str, float]:
        """CIDEr and BLEU-1 to BLEU-4 by pycocoevalcap, see `vispro_gym.tasks.metrics.captions`.

        CIDEr counts phrases over the pictures that are scored together, as in papers, not over the split as the reward does. The
        rest is as in `TaskRewardEnv.metric`; an ImportError says so if pycocoevalcap is missing.
        """
        pairs = list(self._pairs(predictions, samples))
        if not pairs:
            return {}
        captions = {sample.sample_id: "" if action is None else self.read(action) for sample, action in pairs}
        return caption_metric(captions, {sample.sample_id: sample.target for sample, _ in pairs})

    def read(self, action: Any) -> str:
        """A caption, checked.

        Raises:
            TypeError: If it is no string.
            ValueError: If it is too long.
        """
        if not isinstance(action, str):
            raise TypeError(f"the action is of type {type(action).__name__}. Expected a str that holds a caption.")
        if len(action) > MAX_CAPTION_CHARACTERS:
            raise ValueError(f"the action has {len(action)} characters. Expected at most {MAX_CAPTION_CHARACTERS}.")
        return action

    def draw_frame(self, sample: Sample, action: Any, reward: float | None) -> NDArray[np.uint8]:
        """The picture with the caption below, see `TaskRewardEnv.draw_frame`."""
        return frame(letterbox(sample.images[0].pixels(), PICTURE), reward, action or "")


def _words(captions: Sequence[str]) -> list[str]:
    """The words of captions, with spaces between them."""
    return [" ".join(tokenize(caption)) for caption in captions]
