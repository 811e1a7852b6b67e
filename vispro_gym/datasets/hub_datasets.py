"""The datasets read from rows in place of official files: what each class of `vispro_gym.datasets` does on its own files.

Scenes are looked for where the official layout has them: in the repository's folder, and in that of GQA (`VISPRO_DATA_GQA`, for
`sceneGraphs/`) or of COCO (`VISPRO_DATA_COCO`, for the datasets that name pictures of COCO). Without them there is no oracle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from vispro_gym.datasets.aokvqa import AOKVQA
from vispro_gym.datasets.caption_pools import Caption, Picture, Retrieval
from vispro_gym.datasets.coco_pictures import CocoPictures, box_of
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.gqa import GQA
from vispro_gym.datasets.hub import RowDataset, Rows
from vispro_gym.datasets.hub_layouts import gqa_pictures
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.location import folder_of
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.options import one_line
from vispro_gym.datasets.pope import POPE
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.refcoco import RefCOCO, RefCOCOg, RefCOCOplus
from vispro_gym.datasets.retrieval import COCOCaptions, Flickr30k
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import SceneCache
from vispro_gym.datasets.vqav2 import OKVQA, VQAv2
from vispro_gym.datasets.vsr import VSR
from vispro_gym.datasets.winoground import PARTS, WinoGround

_COCO_FILE = re.compile(r"COCO_(?:train|val)2014_(\d{12})(?:_\d+)?(?:\.jpg)?")


class _CocoRows(CocoPictures):
    """Pictures in rows, with the annotations of COCO."""

    def __init__(self, dataset: RowDataset) -> None:
        super().__init__(dataset.location.root, (), dataset.images)
        self._dataset = dataset

    def ref(self, image_id: int) -> ImageRef:
        """A reference to a picture in a row."""
        return self._dataset.picture(str(image_id), partial(self.scene, image_id))


class _NamedRows(NamedPictures):
    """Pictures in rows that have file names."""

    def __init__(self, dataset: RowDataset) -> None:
        super().__init__(dataset.location.root, dataset.images)
        self._dataset = dataset

    def ref(self, path: Path, file_name: str) -> ImageRef:
        """A reference to a picture in a row; there is no file."""
        return self._dataset.picture(file_name, partial(self.scene, file_name))


class GQARows(RowDataset, GQA):
    """GQA: questions and pictures are rows of two configurations."""

    def _sources(self) -> list[Path]:
        files = self._open_rows()
        self._picture_rows = Rows(self.location, self.name, gqa_pictures(self._place), ("id", "image"))
        name = f"sceneGraphs/{self.split.partition('_')[0]}_sceneGraphs.json"
        folders = [folder for folder in (self.location.root, folder_of("GQA")) if folder is not None]
        self._graphs_path = next((path for folder in folders if (path := folder / name).is_file()), folders[0] / name)
        self._scenes = SceneCache(self._read_scene)
        return [*files, *self._picture_rows.files, self._graphs_path]

    def _build(self, builder: Builder) -> None:
        note = self._picture_table(builder)
        for position, row in self._picture_rows.records(["id"]):
            note(row["id"], position)
        super()._build(builder)

    def _questions(self) -> Iterator[tuple[str, Any, Any]]:
        for _, question_id, record in self._records():
            yield question_id, record, None

    def _picture(self, image_id: str) -> ImageRef:
        return self.picture(image_id, partial(self._scenes.get, image_id))


class VQAv2Rows(RowDataset, VQAv2):
    """VQAv2: a row is a question, its annotation and its picture."""

    def _sources(self) -> list[Path]:
        self._pictures = _CocoRows(self)
        return [*self._open_rows(), *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._has_scene = lru_cache(1024)(self._pictures.has)
        self._has_scene(0)  # a damaged instance file is found here, not at each question
        self._add_samples(builder, "question_id", self._items(builder))
        del self._has_scene

    def _items(self, builder: Builder) -> Iterator[tuple[str, Any, None]]:
        note = self._picture_table(builder)
        add = builder.table("annotations", unique="question_id")
        for position, question_id, record in self._records():
            question, annotation = record["question"], record["annotation"]
            note(question.get("image_id"), position)
            add(question_id, annotation)
            yield question_id, question | {key: annotation[key] for key in self.fields if key in annotation}, None


class OKVQARows(VQAv2Rows, OKVQA):
    """OK-VQA: as VQAv2."""


class AOKVQARows(RowDataset, AOKVQA):
    """A-OKVQA: nothing says which of COCO's the pictures are, so they go by their rows, and there are no scenes."""

    def _sources(self) -> list[Path]:
        self._pictures = _CocoRows(self)
        self._pictures.sources.clear()
        return self._open_rows()

    def _build(self, builder: Builder) -> None:
        self._note = self._picture_table(builder)
        super()._build(builder)
        del self._note

    def _questions(self) -> Iterator[tuple[str, Any, Any]]:
        for position, question_id, record in self._records():
            self._note(position, position)
            if self.form != "direct_answer" or record.get("difficult_direct_answer") is not True:
                yield question_id, {**record, "image_id": position}, None

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        sample = super()._sample(sample_id, record, seed)
        return replace(sample, record={key: value for key, value in record.items() if key != "image_id"})


class POPERows(RowDataset, POPE):
    """POPE: the rows of a category; the pictures are COCO's by name."""

    def _sources(self) -> list[Path]:
        self._pictures = _CocoRows(self)
        return [*self._open_rows(), *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._add_samples(builder, "question_id", self._items(builder))

    def _items(self, builder: Builder) -> Iterator[tuple[str, Any, None]]:
        note = self._picture_table(builder)
        for position, question_id, record in self._records():
            note(_coco_id(record["image"]), position)
            yield question_id, record, None


class VSRRows(RowDataset, VSR):
    """VSR: rows name pictures of COCO 2017, which are looked for as files: in `images/` or in the folder of COCO."""

    def _sources(self) -> list[Path]:
        self._pictures = CocoPictures(self.location.root, ("images/{id:012d}.jpg",), self.images)
        return [*self._open_rows(), *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._add_samples(builder, "row", ((sample_id, record, None) for _, sample_id, record in self._records()))


class RefCOCORows(RowDataset, RefCOCO):
    """RefCOCO: a row is an object with its sentences. Sample ids number the sentences, from 0."""

    def _sources(self) -> list[Path]:
        self._pictures = _CocoRows(self)
        return [*self._open_rows(), *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._add_samples(builder, "sentence", self._items(builder))

    def _items(self, builder: Builder) -> Iterator[tuple[str, Any, None]]:
        note = self._picture_table(builder)
        number = count()
        for position, _, record in self._records():
            note(_coco_id(record["file_name"]), position)
            sentences = record.pop("sentences")
            for sentence in sentences if isinstance(sentences, list) else [sentences]:
                yield str(next(number)), {"ref": record, "sentence": {"sent": sentence}}, None

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {"words": len(record_value(record["sentence"], "sent", str, where).split())}

    def _is_annotated(self, record: Any) -> bool:
        image_id = _coco_id(record["ref"]["file_name"])
        return image_id is not None and self._pictures.has(image_id)

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"{self.name} {self.split} sentence {sample_id}"
        ref = record["ref"]
        image_id = _coco_id(record_value(ref, "file_name", str, where))
        if image_id is None:
            raise DatasetError(
                f"{where} has 'file_name': {ref['file_name']!r:.80}. "
                "Expected a name such as 'COCO_train2014_000000546154_298801.jpg'."
            )
        picture = self._pictures.ref(image_id)
        width, height = picture.size
        return Sample(
            sample_id=sample_id,
            query=record_value(record["sentence"], "sent", str, where),
            images=(picture,),
            target=box_of(ref, where),
            fields=self._fields(record, where),
            record={
                **record,
                "image": {"id": image_id, "width": width, "height": height},
                "annotation": {"id": ref["ann_id"], "image_id": image_id, "bbox": ref["bbox"]},
            },
        )


class RefCOCOplusRows(RefCOCORows, RefCOCOplus):
    """RefCOCO+: as RefCOCO."""


class RefCOCOgRows(RefCOCORows, RefCOCOg):
    """RefCOCOg: as RefCOCO."""


class WinoGroundRows(RowDataset, WinoGround):
    """Winoground: a row is an example with both pictures. There are no tags but its own."""

    def _sources(self) -> list[Path]:
        self._new_tags: Mapping[str, str] = {}
        self._folder = self.location.root
        self._pictures = _NamedRows(self)
        return [*self._open_rows(), *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        self._note = self._picture_table(builder)
        super()._build(builder)
        del self._note

    def _parts(self) -> Iterator[tuple[str, Any, Any]]:
        for position, _, record in self._records():
            for column in ("image_0", "image_1"):
                self._note(f"{record[column]}.png", position, column)
            example = record.get("id", f"row_{position}")
            for part in PARTS[self.form]:
                yield f"{example}-{part}", record, None


class _CaptionRows(RowDataset, Retrieval):
    """Pictures with captions: a row is a picture with all of its own."""

    _picture_name: ClassVar[str] = "{}"

    def _scan(self, builder: Builder) -> Iterator[Picture]:
        note = self._picture_table(builder)
        for position, _, record in self._records():
            image_id, captions = record["image"], record["captions"]
            image_id = str(image_id) if isinstance(image_id, int | str) else f"row {position}"  # reading it says what is wrong
            note(self._picture_name.format(image_id), position)
            yield Picture(image_id, captions, None, [sentence_id for sentence_id, _ in captions or ()])

    def _captions(self, image_id: str, record: Any, where: str) -> list[Caption]:
        if not record or not all(isinstance(text, str) for _, text in record):
            raise DatasetError(f"{where} has captions that are no texts, or none, or not as many as ids. Expected some.")
        return [Caption(sentence_id, one_line(text)) for sentence_id, text in record]


class Flickr30kRows(_CaptionRows, Flickr30k):
    """Flickr30k: pictures by the names of their files."""

    _picture_name = "{}.jpg"

    def _sources(self) -> list[Path]:
        self._folder = self.location.root
        self._pictures = _NamedRows(self)
        return [*self._open_rows(), *self._pictures.sources]


class COCOCaptionsRows(_CaptionRows, COCOCaptions):
    """COCO's captions: pictures by COCO's image ids."""

    def _sources(self) -> list[Path]:
        self._pictures = _CocoRows(self)
        return [*self._open_rows(), *self._pictures.sources]

    def _has_scene(self, image_id: str) -> bool:
        return image_id.isdigit() and self._pictures.has(int(image_id))


ROW_DATASETS: Mapping[str, type[RowDataset]] = {
    cls.name: cls
    for cls in (
        GQARows,
        VQAv2Rows,
        OKVQARows,
        AOKVQARows,
        POPERows,
        VSRRows,
        RefCOCORows,
        RefCOCOplusRows,
        RefCOCOgRows,
        WinoGroundRows,
        Flickr30kRows,
        COCOCaptionsRows,
    )
}
"""By dataset."""


def _coco_id(file_name: Any) -> int | None:
    """COCO's image id in the name of a picture, which refer follows by the annotation's; None if it is no such name."""
    match = _COCO_FILE.fullmatch(file_name) if isinstance(file_name, str) else None
    return int(match[1]) if match else None
