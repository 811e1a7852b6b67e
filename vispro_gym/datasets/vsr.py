"""VSR, Visual Spatial Reasoning (Liu et al., TACL 2023), in its official layout.

    ROOT/splits/{random,zeroshot}/{train,dev,test}.jsonl        also below data/, where the repository has them
    ROOT/images/000000239417.jpg                                also in trainval2017/, or in the folder of COCO
    ROOT/annotations/instances_{train,val}2017.json             or in the folder of COCO; for perception="oracle"

Files hold one JSON record per line, `{"image", "caption", "label", "relation", ...}`, the label 1 (true) or 0; the zero-shot
splits name "subj" and "obj", too. Download: https://github.com/cambridgeltl/visual-spatial-reasoning (Apache-2.0, annotations
CC BY 4.0); the pictures are those of COCO 2017.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures, named_image_id
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.sample import Sample
from vispro_gym.datasets.split_files import find_split, split_records

_LAYOUT = tuple(
    (names, f"{folder}splits/{kind}/{{}}.jsonl")
    for names, kind in (("{}", "random"), ("random_{}", "random"), ("zeroshot_{}", "zeroshot"))
    for folder in ("", "data/")
)
_PICTURES = tuple(f"{data}{folder}/{{id:012d}}.jpg" for data in ("", "data/") for folder in ("images", "trainval2017"))
_EXPECTED = "VSR statements, one JSON record per line"
_NAMES = {"relation": "relation", "subject": "subj", "object": "obj"}


class VSR(Dataset):
    """One split of VSR: "random_train", "random_dev", ..., "zeroshot_test"; "train", "dev" and "test" are those of "random".

    Records have no ids; sample ids are their lines, counted from 0. Targets are bool.
    """

    name = "VSR"
    forms = {"statement": "vsr"}  # noqa: RUF012 (the base class declares it)
    fields = tuple(_NAMES)
    type_field = "relation"

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._path = find_split(
            self.name, self.split, root, _LAYOUT, "https://github.com/cambridgeltl/visual-spatial-reasoning/tree/master/data"
        )
        self._pictures = CocoPictures(root, _PICTURES, self.images)
        return [self._path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._pictures.has(0)  # a damaged instance file is found here, not at each statement
        self._add_samples(builder, "line", split_records(f"VSR {self.split}", self._path, _EXPECTED, "label", None))

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {"relation": record_value(record, "relation", str, where)} | {
            field: record_value(record, key, str, where) for field, key in _NAMES.items() if key in record
        }

    def _is_annotated(self, record: Any) -> bool:
        return self._pictures.has(named_image_id(record, "image", ""))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"VSR {self.split} record {sample_id}"
        label = record_value(record, "label", int, where)
        if label not in (0, 1):
            raise DatasetError(f"{where} has the label {label!r:.80}. Expected 0 or 1.")
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "caption", str, where),
            images=(self._pictures.ref(named_image_id(record, "image", where)),),
            target=label == 1,
            fields=self._fields(record, where),
            record=record,
        )
