"""Retrieval from a small pool: choosing the caption that belongs to a picture, or the picture that belongs to a caption.

Recall at 1, 5 and 10 over a whole split, for models that rank, is in `vispro_gym.tasks.metrics.retrieval`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.tasks.choice import ChoiceTask
from vispro_gym.tasks.metrics.files import add_once, read_record_lines
from vispro_gym.tasks.metrics.retrieval import pool_metric

_EXPECTED = 'choices, one {"sample_id": str, "chosen": str or null} per line'


class RetrievalTask(ChoiceTask):
    """Which of the candidates belongs to the picture, or to the caption?

    Attributes:
        direction: "image_to_text" or "text_to_image".
    """

    direction: ClassVar[str]

    def metric(self, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> dict[str, float]:
        """Share of samples whose match was chosen, in percent: "accuracy", and the same by the direction's name."""
        samples = list(samples)
        chosen = {sample.sample_id: self.chosen(predictions.get(sample.sample_id), sample.target) for sample in samples}
        metric = pool_metric(chosen, {sample.sample_id: sample.target.index for sample in samples})
        return {name: 100.0 * metric["accuracy"] for name in ("accuracy", f"{self.direction}/accuracy") if metric}

    def write_submission(self, path: Path | str, predictions: Mapping[str, Any], samples: Iterable[Sample]) -> None:
        """Writes JSON lines {"sample_id", "chosen"}, the caption's text or the picture's id, as there is no official file."""
        lines = []
        for sample in samples:
            chosen = self.chosen(predictions.get(sample.sample_id), sample.target)
            name = None if chosen is None else _names(sample)[chosen]
            lines.append(json.dumps({"sample_id": sample.sample_id, "chosen": name}))
        Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def read_submission(self, path: Path | str, samples: Iterable[Sample]) -> dict[str, Any]:
        """Reads such lines.

        Raises:
            DatasetError: If the file is missing or damaged, or chooses what was not among the candidates.
        """
        chosen: dict[str, Any] = {}
        for where, record in read_record_lines(path, _EXPECTED):
            sample_id, name = record.get("sample_id"), record.get("chosen")
            if not isinstance(sample_id, str) or not isinstance(name, str | None):
                raise DatasetError(f"{where} is {record!r:.80}. Expected {_EXPECTED}.")
            add_once(chosen, sample_id, name, where)
        answers: dict[str, Any] = {}
        for sample in samples:
            name = chosen.get(sample.sample_id)
            names = _names(sample)
            if name is not None and name not in names:
                raise DatasetError(
                    f"{path} chooses {name!r:.80} for sample {sample.sample_id!r}. Expected one of its {len(names)} candidates: "
                    "the samples must be those of the same pool_size and seed."
                )
            if name is not None and sample.target.texts is None:
                name = ascii_uppercase[names.index(name)]
            answers[sample.sample_id] = name
        return answers


def _names(sample: Sample) -> list[str]:
    """The candidates by names that do not depend on the order."""
    return list(sample.record["pool"] if sample.target.texts is None else sample.target.texts)


class _ImageToText(RetrievalTask):
    direction = "image_to_text"
    instructions = "Return the text that matches the image, or its letter."


class _TextToImage(RetrievalTask):
    direction = "text_to_image"
    instructions = "Return the image that matches the text, as an ImagePatch."


class Flickr30kImageToText(_ImageToText):
    """Flickr30k: which caption belongs to the picture?"""

    name = "flickr30k_image_to_text"


class Flickr30kTextToImage(_TextToImage):
    """Flickr30k: which picture belongs to the caption?"""

    name = "flickr30k_text_to_image"


class COCOCaptionsImageToText(_ImageToText):
    """COCO: which caption belongs to the picture?"""

    name = "coco_captions_image_to_text"


class COCOCaptionsTextToImage(_TextToImage):
    """COCO: which picture belongs to the caption?"""

    name = "coco_captions_text_to_image"
