"""POPE (Li et al., EMNLP 2023), questions on objects in pictures of COCO, in its official layout.

    ROOT/coco/coco_pope_{random,popular,adversarial}.json       also in output/coco/, where the repository has them, or in ROOT
    ROOT/val2014/COCO_val2014_000000310196.jpg                  or in the folder of COCO
    ROOT/annotations/instances_val2014.json                     likewise; for perception="oracle"

Files hold one JSON record per line, `{"question_id", "image", "text", "label"}`. Download:
https://github.com/RUCAIBox/POPE (MIT); the pictures are those of COCO's val2014.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures, named_image_id
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.split_files import find_split, split_records

_LAYOUT = tuple(("{}", f"{folder}coco_pope_{{}}.json") for folder in ("coco/", "output/coco/", ""))
_EXPECTED = "POPE questions, one JSON record per line"
_QUESTION = re.compile(r"Is there an? (.+?) in the \w+\?")


class POPE(Dataset):
    """One split of POPE: "random", "popular" or "adversarial", after how the absent objects were chosen.

    Sample ids are the question ids. Targets are bool.
    """

    name = "POPE"
    forms = {"question": "pope"}  # noqa: RUF012 (the base class declares it)
    fields = ("object",)
    type_field = "object"

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._path = find_split(self.name, self.split, root, _LAYOUT, "https://github.com/RUCAIBox/POPE")
        self._pictures = CocoPictures(root, ["val2014/COCO_val2014_{id:012d}.jpg"], self.images)
        return [self._path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._pictures.has(0)  # a damaged instance file is found here, not at each question
        records = split_records(f"POPE {self.split}", self._path, _EXPECTED, "label", "question_id", int)
        self._add_samples(builder, "question_id", records)

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        match = _QUESTION.fullmatch(record_value(record, "text", str, where))
        return {"object": match[1]} if match else {}

    def _is_annotated(self, record: Any) -> bool:
        return self._pictures.has(named_image_id(record, "image", ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"POPE {self.split} question {sample_id}"
        record_value(record, "question_id", int, where)
        label = record_value(record, "label", str, where)
        if label not in ("yes", "no"):
            raise DatasetError(f"{where} has the label {label!r:.80}. Expected 'yes' or 'no'.")
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "text", str, where),
            images=(self._pictures.ref(named_image_id(record, "image", where)),),
            target=label == "yes",
            fields=self._fields(record, where),
            record=record,
        )
