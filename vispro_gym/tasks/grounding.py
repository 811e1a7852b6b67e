"""Finding the one object that an expression refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.scene import Box, iou
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.detection import is_patches, read_boxes
from vispro_gym.tasks.metrics.refcoco import read_refcoco_results, refcoco_metric, write_refcoco_results


class RefCOCOTask(Task):
    """The answer is one patch, right if its IoU with the object's box is at least 0.5.

    The soft score is the IoU. The scorer "strict" also takes a list of exactly one patch; "official" takes a patch and no list,
    as the evaluations of ViperGPT and lmms-eval do (refer itself has none). Predictions, for the metric, are such answers: a
    tuple `(left, top, right, bottom)` in image coordinates for a patch.
    """

    name = "refcoco"
    instructions = "Return the patch of the one object that is meant."
    default_threshold: ClassVar[float | None] = 0.5
    headline = "accuracy@0.5"
    perfect = 1.0

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is the object's box."""
        box = self._read(answer)
        overlap = 0.0 if box is None else iou(box, target)
        assert self.threshold is not None
        return Score(float(overlap >= self.threshold), overlap, {"iou": overlap, "box": None if box is None else list(box)})

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Accuracies and mean IoU, see `vispro_gym.tasks.metrics.refcoco.refcoco_metric`."""
        pairs, heights = [], []
        for sample in samples:
            pairs.append((self._read(predictions.get(sample.sample_id)), sample.target))
            heights.append(sample.record["image"]["height"])
        return refcoco_metric(pairs, heights)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes `[{"sent_id": int, "bbox": [x, y, width, height]}, ...]`; there is no official format."""
        write_refcoco_results(path, {sample.sample_id: self._read(predictions.get(sample.sample_id)) for sample in samples})

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the same."""
        return {sent_id: tuple(box) for sent_id, box in read_refcoco_results(path).items()}

    def _read(self, answer: Any) -> Box | None:
        found = read_boxes(answer) if is_patches(answer) else None
        if found is None or len(found) != 1 or (self.scorer == "official" and isinstance(answer, list)):
            return None
        return found[0][0]


class RefCOCOplusTask(RefCOCOTask):
    """RefCOCO+, scored as RefCOCO."""

    name = "refcocoplus"


class RefCOCOgTask(RefCOCOTask):
    """RefCOCOg, scored as RefCOCO."""

    name = "refcocog"
