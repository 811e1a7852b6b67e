"""TallyQA (Acharya, Kafle and Kanan, AAAI 2019) in its official layout.

    ROOT/{train,test}.json
    ROOT/train2014/COCO_train2014_{image_id:012d}.jpg         also val2014; also in `images/`
    ROOT/VG_100K/{id}.jpg                                     also VG_100K_2; also in `images/`
    ROOT/annotations/instances_VG_100K*.json                  annotations of pictures of Visual Genome, in COCO's format

Pictures of COCO and their annotations are found as in `vispro_gym.datasets.coco_pictures`, too. Ids of Visual Genome and of COCO
overlap: annotations of the former are found by file name, in instance files that are named after the folders of the pictures;
none are distributed.

Download: https://github.com/manoja328/TallyQA_dataset (Apache 2.0; pictures under Flickr terms and CC BY 4.0). Questions of the
test split are marked as simple or complex, those of train are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.records import natural, record_value
from vispro_gym.datasets.sample import ImageRef, Sample

_EXPECTED = "an official TallyQA file, a list of questions"
_DOWNLOADS = "https://github.com/manoja328/TallyQA_dataset"
_IMAGE = re.compile(
    r"(?:VG_100K|VG_100K_2)/(?P<genome>\d{1,12}\.jpg)|(?P<split>train|val)2014/COCO_(?P=split)2014_(?P<coco>\d{12})\.jpg",
    re.ASCII,
)


class TallyQA(Dataset):
    """One split of TallyQA: "train" or "test". Sample ids are the question ids; the target is a count, an int."""

    name = "TallyQA"
    forms = {"question": "tallyqa"}  # noqa: RUF012 (the base class declares it)
    fields = ("complexity", "data_source")
    type_field = "complexity"

    def _sources(self) -> list[Path]:
        root = self.location.root
        self._questions_path = root / f"{self.split}.json"
        if not self._questions_path.is_file():
            raise MissingDataError(
                f"TallyQA has no split {self.split!r} in {root}. Expected {self.split}.json; the official splits are "
                f"train and test. The official files are at {_DOWNLOADS}."
            )
        self._coco = CocoPictures(root, (), self.images)
        self._coco.sources = [path for path in self._coco.sources if "VG_100K" not in path.name]
        self._genome = NamedPictures(root, self.images)
        self._genome.sources = [path for path in self._genome.sources if "VG_100K" in path.name]
        return [self._questions_path, *self._coco.sources, *self._genome.sources]

    def _build(self, builder: Builder) -> None:
        self._coco.has(0), self._genome.has("")  # damaged instance files are found here, not at each question
        self._add_samples(builder, "question_id", self._questions())

    def _questions(self) -> Iterator[tuple[str, Record, Path]]:
        path = self._questions_path
        for record in scan_list(path, _EXPECTED):
            question_id = natural(record.value, "question_id", f"{path}, question {record.key}")
            if not record.key and "answer" not in record.value:
                raise DatasetError(f"{path} has no answers (question {question_id}). Rewards need a split with annotations.")
            yield str(question_id), record, path

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        fields: dict[str, str | int] = {}
        if "issimple" in record:
            fields["complexity"] = "simple" if record_value(record, "issimple", bool, where) else "complex"
        if "data_source" in record:
            fields["data_source"] = record_value(record, "data_source", str, where)
        return fields

    def _is_annotated(self, record: Any) -> bool:
        image = _image(record, "")
        return self._genome.has(image["genome"]) if image["genome"] else self._coco.has(int(image["coco"]))

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"TallyQA {self.split} question {sample_id}"
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "question", str, where),
            images=(self._picture(_image(record, where)),),
            target=natural(record, "answer", where),
            fields=self._fields(record, where),
            record=record,
        )

    def _picture(self, image: re.Match[str]) -> ImageRef:
        root = self.location.root
        if image["genome"]:
            places = (root / image[0], root / "images" / image[0])
            return self._genome.ref(next((place for place in places if place.exists()), places[0]), image["genome"])
        image_id = int(image["coco"])
        path = self._coco.path(image_id)
        return image_ref(
            path if path.exists() else root / image[0], str(image_id), partial(self._coco.scene, image_id), self.images
        )


def _image(record: Any, where: str) -> re.Match[str]:
    value = record_value(record, "image", str, where)
    match = _IMAGE.fullmatch(value)
    if match is None:  # it is part of a path, which must not lead out of the folder
        raise DatasetError(
            f"{where} has 'image': {value!r:.80}. Expected the path of a picture of Visual Genome or of COCO, such as "
            "'VG_100K_2/2410408.jpg' or 'train2014/COCO_train2014_000000000009.jpg'."
        )
    return match
