"""Colorization with the colourfulness reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vispro_gym.datasets.coco_images import CocoDetection
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.task_reward.base import Placement, Scored, TaskRewardEnv
from vispro_gym.envs.task_reward.frames import frame
from vispro_gym.envs.task_reward.page import documented
from vispro_gym.rewards.colorization import color_parts, lab_of, rgb_of

_BATCH = 64  # pictures that are scored at a time: each takes 5 MB at 224 pixels
_LIGHTNESS_TOLERANCE = 5.0


@documented
class ColorizationEnv(TaskRewardEnv):
    """Colours for a picture that is shown in shades of grey.

    ## Description
    Colorization as Pinto et al. ("Tuning computer vision models with task rewards", ICML 2023) tune models for it: the policy
    sees the lightness of a picture of COCO (Lin et al., ECCV 2014) and returns its colours, and what they earn is how vivid and
    varied they are. Models that were trained to predict the most likely colour of each pixel prefer dull ones.

    ## Action Space
    `Box(-128, 127, (S, S, 2), float32)`: a and b of CIE Lab (white D50) for each pixel of the observation: a goes from green to
    red, b from blue to yellow, 0 is grey.

    ## Observation Space
    `Box(0, 255, (S, S, 1), uint8)`: the lightness L of CIE Lab, 255 for L = 100, of the picture letterboxed to a square of side
    S = `image_size`: scaled to fit, in the middle of black.

    ## Rewards
    A real number from 0.0 to ln 7 = 1.95: the share of vivid pixels, times the entropy of their hues in nats. A pixel is vivid
    if the length of (a, b) is above 10; hues are counted in seven equal bins. Only pixels of the picture count, not the black
    around it. Whether colours are right does not matter: tune a model that was trained on right ones, and watch `chroma_error`.

    What counts is the picture as a screen shows it: lightness and action are converted to sRGB and back. A colour that no screen
    can show at its lightness becomes a near one; where that changes the lightness by more than 5 of 100, the pixel counts as
    grey, or black and white could be painted over.

    ## Information
    - `vivid`: share of vivid pixels. `hue_entropy`: entropy of their hues in nats. The reward is the product.
    - `chroma_error`: mean absolute difference in a and b between the picture as shown and the original, over the pixels of the
      picture.

    ## Arguments
    """

    dataset_class = CocoDetection  # whose annotations nobody looks at: it lists the pictures
    page = {  # noqa: RUF012
        "kind": "instances",
        "files": "`annotations/instances_{train,val}{2017,2014}.json`, which lists the pictures,",
        "field": "objects",
        "number": "the number of annotated objects",
    }

    def __init__(self, split: str = "train", **options: Any) -> None:
        super().__init__(split, **options)
        self.observation_space = spaces.Box(0, 255, (self.image_size, self.image_size, 1), np.uint8)
        self.action_space = spaces.Box(-128, 127, (self.image_size, self.image_size, 2), np.float32)

    def observe(self, sample: Sample) -> NDArray[np.uint8]:
        """The lightness of a sample's picture, see `TaskRewardEnv.observe`."""
        lightness = lab_of(super().observe(sample)[None])[0, ..., :1]
        stored: NDArray[np.uint8] = np.rint(lightness * 2.55).astype(np.uint8)
        return stored

    def score(self, samples: Sequence[Sample], actions: Sequence[Any]) -> list[Scored]:
        """What colours are worth, see the class and `TaskRewardEnv.score`."""
        colors = self._read_all(samples, actions)
        starts = range(0, len(colors), _BATCH)
        return [each for i in starts for each in self._score(samples[i : i + _BATCH], colors[i : i + _BATCH])]

    def _score(self, samples: Sequence[Sample], colors: Sequence[NDArray[np.float32]]) -> list[Scored]:
        chroma = np.stack(colors)
        originals = lab_of(np.stack([super(ColorizationEnv, self).observe(sample) for sample in samples]))
        seen = lab_of(rgb_of(np.concatenate([originals[..., :1], chroma], 3)))
        shown = seen[..., 1:]
        # Else black and white could be painted over: a screen shows what it cannot show at one lightness at another.
        kept = np.abs(seen[..., :1] - originals[..., :1]) <= _LIGHTNESS_TOLERANCE
        mask = np.zeros(shown.shape[:3], np.bool_)
        for i, sample in enumerate(samples):
            mask[i][Placement.of(sample.images[0].size, self.image_size).area] = True
        vivid, entropy = color_parts(np.where(kept, shown, 0.0), mask)
        scored = []
        for i in range(len(samples)):
            error = np.abs(shown[i] - originals[i, ..., 1:])[mask[i]].mean(dtype=np.float64)
            details = {"vivid": float(vivid[i]), "hue_entropy": float(entropy[i]), "chroma_error": float(error)}
            scored.append(Scored(float(vivid[i] * entropy[i]), details))
        return scored

    def answers(self, sample: Sample) -> list[Any]:
        """The colours of the picture itself. They do not earn the most that can be earned."""
        return [lab_of(super().observe(sample)[None])[0, ..., 1:]]

    def metric(self, predictions: Mapping[str, Any], samples: Sequence[Sample] | None = None) -> dict[str, float]:
        """Means of the reward ("colorfulness") and of what `info` says: "vivid", "hue_entropy" and "chroma_error".

        The rest is as in `TaskRewardEnv.metric`: a sample without a prediction counts as grey.
        """
        grey = np.zeros(self.action_space.shape or (), np.float32)
        pairs = list(self._pairs(predictions, samples))
        rows = []
        for start in range(0, len(pairs), _BATCH):
            some, actions = zip(*pairs[start : start + _BATCH], strict=True)
            scored = self.score(some, [grey if action is None else action for action in actions])
            rows += [{"colorfulness": item.reward} | item.details for item in scored]
        return {key: float(np.mean([row[key] for row in rows])) for key in (rows[0] if rows else ())}

    def read(self, action: Any) -> NDArray[np.float32]:
        """Colours, checked: float32 of shape `(S, S, 2)`.

        Raises:
            TypeError: If they are no array of numbers.
            ValueError: If the shape is another, or a value is out of bounds or NaN.
        """
        expected = f"Expected an array of floats of shape {self.action_space.shape} from -128 to 127."
        if not isinstance(action, np.ndarray) or action.dtype.kind not in "iuf":
            kind = action.dtype if isinstance(action, np.ndarray) else type(action).__name__
            raise TypeError(f"the action is of type {kind}. {expected}")
        if action.shape != self.action_space.shape:
            raise ValueError(f"the action has the shape {action.shape}. {expected}")
        if not ((action >= -128) & (action <= 127)).all():  # nor is NaN
            raise ValueError(f"the action holds NaN or values out of bounds. {expected}")
        return action.astype(np.float32)

    def draw_frame(self, sample: Sample, action: Any, reward: float | None) -> NDArray[np.uint8]:
        """The picture in the colours of an action, see `TaskRewardEnv.draw_frame`."""
        lab = lab_of(super().observe(sample)[None])
        lab[0, ..., 1:] = 0 if action is None else self.read(action)
        return frame(rgb_of(lab)[0], reward)
