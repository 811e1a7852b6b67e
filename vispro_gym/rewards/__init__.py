"""Task rewards for whole outputs of vision models, in numpy and for batches.

Those of Pinto, Kolesnikov, Shi, Beyer and Zhai, "Tuning computer vision models with task rewards" (ICML 2023): each maps an
output and an annotation to a number for this one picture, so that a model can be tuned by policy gradient for what metrics
measure over a whole data set.

- `detection`: `recall_reward` and `map_reward` of sets of boxes, `confidence_targets`, `class_weights`;
- `panoptic`: `panoptic_reward` of maps of segments;
- `colorization`: `colorfulness` of colours, `lab_of` and `rgb_of`;
- `captioning`: `cider_d` of captions, `tokenize`, `DocumentFrequencies`.

The metrics themselves are in `vispro_gym.tasks.metrics`: `coco`, `panoptic`, `captions`.
"""

from vispro_gym.rewards.captioning import DocumentFrequencies, cider_d, tokenize
from vispro_gym.rewards.colorization import ColorParts, color_parts, colorfulness, lab_of, rgb_of
from vispro_gym.rewards.detection import (
    DUPLICATE_PENALTY,
    IOU_THRESHOLDS,
    BoxBatch,
    BoxCounts,
    box_counts,
    class_weights,
    confidence_targets,
    map_reward,
    recall_reward,
)
from vispro_gym.rewards.panoptic import UNMATCHED_PENALTY, PanopticCounts, panoptic_counts, panoptic_reward

__all__ = [
    "DUPLICATE_PENALTY",
    "IOU_THRESHOLDS",
    "UNMATCHED_PENALTY",
    "BoxBatch",
    "BoxCounts",
    "ColorParts",
    "DocumentFrequencies",
    "PanopticCounts",
    "box_counts",
    "cider_d",
    "class_weights",
    "color_parts",
    "colorfulness",
    "confidence_targets",
    "lab_of",
    "map_reward",
    "panoptic_counts",
    "panoptic_reward",
    "recall_reward",
    "rgb_of",
    "tokenize",
]
