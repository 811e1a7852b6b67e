"""Finding all objects of a category, or all that fit a description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.scene import Box
from vispro_gym.tasks.base import Score, Task
from vispro_gym.tasks.metrics.boxes import BoxMatch, from_xywh, iou_matrix, match_boxes, to_xywh
from vispro_gym.tasks.metrics.coco import coco_metric, read_coco_results, write_coco_results
from vispro_gym.tasks.metrics.omnilabel import omnilabel_metric, read_omnilabel_results, write_omnilabel_results

__all__ = ["Boxes", "COCOTask", "DetectionTask", "OmniLabelTask", "read_boxes"]

_IOU = 0.5
_COUNTED = 100  # COCOeval looks at so many detections per picture and category
_LARGEST = 1e9  # far beyond any picture, far below where arithmetic overflows
_SAMPLE_ID = re.compile(r"(0|[1-9]\d{0,17})-(0|[1-9]\d{0,17})")

ScoredBox = tuple[Box, float]


class DetectionTask(Task):
    """The answer is a list of patches, one around each object that is meant; one patch counts as a list of one.

    Boxes are paired with the annotated ones at an IoU of at least 0.5, each with one at most; a box in a crowd region is neither
    right nor wrong. The soft score is the F1 of the pairing, the reward 1 if that reaches the threshold. Where there is nothing
    to find, an empty list is right and nothing else is. The scorer "strict" pairs by overlap, the best first, so that the order
    of the list does not matter; "official" pairs as COCO's evaluation does: one box of the list after the other takes the best
    that is left.

    A patch is a tuple `(left, top, right, bottom)`; numbers that a program lists are none. Predictions, for the metric, are such
    answers, or lists of `[left, top, right, bottom, score]`; without a score it is 1. Anything else detects nothing.
    """

    instructions = (
        "Return the list of the patches of all objects that are meant, one patch for each; an empty list if there are none."
    )
    default_threshold: ClassVar[float | None] = 0.5
    headline = "AP"
    perfect = 1.0

    def score(self, answer: Any, target: Any) -> Score:
        """The verdict on one answer; `target` is a `Boxes`."""
        found = read_boxes(answer) if is_patches(answer) else None
        if found is None:
            return Score(0.0, 0.0, {"boxes": None, "precision": 0.0, "recall": 0.0, "f1": 0.0, "mean_iou": 0.0})
        boxes = [box for box, _ in found]
        if self.scorer == "official":
            match = _match_in_order(boxes[:_COUNTED], target)
        else:
            match = match_boxes(boxes, target.gold, _IOU, target.ignored)
        details = {"precision": match.precision, "recall": match.recall, "f1": match.f1, "mean_iou": match.mean_iou}
        assert self.threshold is not None
        return Score(float(match.f1 >= self.threshold), match.f1, {"boxes": len(boxes), **details})


class COCOTask(DetectionTask):
    """COCO: all objects of a category."""

    name = "coco"

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """What COCOeval prints for boxes, see `vispro_gym.tasks.metrics.coco.coco_metric`.

        Predictions for categories that are not annotated in a picture of the samples are wrong detections, whether they are
        samples or not; such ids are "{image_id}-{category_id}", too. Predictions for other pictures are left out, unless the
        samples are a whole split and the picture is one of it without annotations.
        """
        images: dict[int, Any] = {}
        categories: dict[int, Any] = {}
        annotations: list[Any] = []
        asked: set[tuple[int, int]] = set()
        annotated: dict[int, list[int]] = {}
        for sample in samples:
            record = sample.record
            image_id, category_id = record["image"]["id"], record["category"]["id"]
            images[image_id], categories[category_id] = record["image"], record["category"]
            annotated[image_id] = record["categories_present"]
            asked.add((image_id, category_id))
            annotations += record["annotations"]
        for image in getattr(samples, "empty_images", ()):
            images[image["id"]] = image
        results = [
            result
            for (image_id, category_id), result in _coco_results(predictions)
            if image_id in images and ((image_id, category_id) in asked or category_id not in annotated.get(image_id, ()))
        ]
        return coco_metric(results, list(images.values()), list(categories.values()), annotations)

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the results file of COCO's evaluation server, `[{"image_id", "category_id", "bbox", "score"}, ...]`."""
        write_coco_results(path, (result for _, result in _coco_results(predictions)))

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads a results file with boxes; also its detections of categories that are no samples, by ids of the same form."""
        predictions: dict[str, list[list[float]]] = {}
        for i, record in enumerate(read_coco_results(path)):
            if "bbox" not in record:
                raise DatasetError(f"{path}, record {i}, has a mask and no box. Expected results with 'bbox'.")
            sample_id = f"{record['image_id']}-{record['category_id']}"
            predictions.setdefault(sample_id, []).append([*from_xywh(record["bbox"]), record["score"]])
        return dict(predictions)


class OmniLabelTask(DetectionTask):
    """OmniLabel: all objects that fit a description."""

    name = "omnilabel"
    perfect = 0.999995  # the harmonic mean of two perfect scores, which has a small number in its denominator

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """What omnilabeltools print, see `vispro_gym.tasks.metrics.omnilabel.omnilabel_metric`."""
        images: dict[int, Any] = {}
        descriptions: dict[int, Any] = {}
        annotations: list[Any] = []
        results: list[Any] = []
        for sample in samples:
            image, description = sample.record["image"], sample.record["description"]
            found = _results(image["id"], description["id"], predictions.get(sample.sample_id))
            results += found
            if found or sample.record["annotations"]:  # others change nothing, and whole splits have millions
                images[image["id"]] = image
                descriptions.setdefault(description["id"], {**description, "image_ids": []})["image_ids"].append(image["id"])
                meant = [description["id"]]
                annotations += ({**annotation, "description_ids": meant} for annotation in sample.record["annotations"])
        ordered = sorted(descriptions.values(), key=lambda description: description["position"])
        return omnilabel_metric(results, {"images": list(images.values()), "descriptions": ordered, "annotations": annotations})

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes the official file, `[{"image_id", "bbox", "description_ids", "scores"}, ...]`."""
        pairs = ((_pair(sample_id), answer) for sample_id, answer in predictions.items())
        write_omnilabel_results(path, (result for pair, answer in pairs if pair for result in _results(*pair, answer)))

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads the official file."""
        predictions: dict[str, list[list[float]]] = {}
        for record in read_omnilabel_results(path):
            for description_id, score in zip(record["description_ids"], record["scores"], strict=True):
                sample_id = f"{record['image_id']}-{description_id}"
                predictions.setdefault(sample_id, []).append([*from_xywh(record["bbox"]), score])
        return dict(predictions)


def is_patches(answer: Any) -> bool:
    """Whether an answer is a patch or a list of patches, and not of numbers: those have another origin."""
    return isinstance(answer, tuple) or (isinstance(answer, list) and all(isinstance(item, tuple) for item in answer))


def read_boxes(answer: Any) -> list[ScoredBox] | None:
    """The boxes of a prediction and their scores (1 where there are none); None if it is neither a patch nor a list of boxes."""
    found = []
    for item in [answer] if isinstance(answer, tuple) else answer if isinstance(answer, list) else [None]:
        if not isinstance(item, list | tuple) or len(item) not in (4, 5) or not all(map(_is_number, item)):
            return None
        left, top, right, bottom = box = (item[0], item[1], item[2], item[3])
        if left > right or top > bottom:
            return None
        found.append((box, float(item[4]) if len(item) == 5 else 1.0))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def _match_in_order(boxes: Sequence[Box], target: Boxes) -> BoxMatch:
    """Pairs boxes as COCOeval does at one IoU, given that all scores are equal."""
    overlaps = iou_matrix(boxes, target.gold)
    left = list(range(len(target.gold)))
    pairs = []
    rest = []
    for i, box in enumerate(boxes):
        # the last of equals, as there
        best = max((j for j in left if overlaps[i, j] >= _IOU), key=lambda j: (overlaps[i, j], j), default=None)
        if best is None:
            rest.append(box)
        else:
            left.remove(best)
            pairs.append((i, best, float(overlaps[i, best])))
    pairs.sort(key=lambda pair: -pair[2])
    wrong = match_boxes(rest, (), _IOU, target.ignored).predicted
    return BoxMatch(tuple(pairs), len(pairs) + wrong, len(target.gold))


def _pair(sample_id: Any) -> tuple[int, int] | None:
    """The two numbers of a sample id; None if it is none."""
    match = _SAMPLE_ID.fullmatch(sample_id) if isinstance(sample_id, str) else None
    return (int(match[1]), int(match[2])) if match else None


def _coco_results(predictions: Mapping[str, Any]) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """Records of COCO's results format, and the pairs of image and category that they are for."""
    for sample_id, answer in predictions.items():
        if pair := _pair(sample_id):
            for box, score in read_boxes(answer) or ():
                yield pair, {"image_id": pair[0], "category_id": pair[1], "bbox": to_xywh(box), "score": score}


def _results(image_id: int, description_id: int, answer: Any) -> list[dict[str, Any]]:
    """Records of OmniLabel's results format."""
    return [
        {"image_id": image_id, "bbox": to_xywh(box), "description_ids": [description_id], "scores": [score]}
        for box, score in read_boxes(answer) or ()
    ]
