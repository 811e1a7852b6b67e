"""Retrieval between pictures and captions: Flickr30k (Young et al., TACL 2014) and the captions of COCO (Chen et al., 2015).

Flickr30k:

    ROOT/dataset_flickr30k.json                     Karpathy and Fei-Fei's split, CVPR 2015: train, val, test
    ROOT/flickr30k-images/{number}.jpg

or, without that file, ROOT/results_20130124.token ("{number}.jpg#{0..4}<tab>caption" per line) and the lists of picture numbers
of Flickr30k Entities, ROOT/{train,val,test}.txt or in `flickr30k_entities/`, whose splits differ a little.

COCO:

    ROOT/dataset_coco.json                          Karpathy and Fei-Fei's split: train (with "restval"), val, test
    ROOT/annotations/captions_{split}.json          the official files, for splits of their names: "train2017", "val2014"

with pictures and instance annotations as in `vispro_gym.datasets.coco_pictures`; Karpathy's pictures are those of 2014. For
Flickr30k those of `vispro_gym.datasets.named_pictures` are looked for. Karpathy's files may also be in `annotations/` or
`karpathy/`. Downloads: https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip,
https://shannon.cs.illinois.edu/DenotationGraph/ (research only), https://cocodataset.org/#download (captions CC BY 4.0, pictures
under Flickr terms).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vispro_gym.datasets.caption_pools import Caption, Picture, Retrieval
from vispro_gym.datasets.coco_pictures import CocoPictures
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.options import one_line
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.sample import ImageRef

_KARPATHY = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
_KARPATHY_FOLDERS = (".", "annotations", "karpathy")
_KARPATHY_SPLITS = {"train": ("train", "restval"), "val": ("val",), "test": ("test",)}
_KARPATHY_FILE = 'captions in Karpathy\'s format, {"images": [{"split", "sentences": [{"sentid", "raw"}], ...}]}'
_FLICKR_NAME = re.compile(r"([\w-]{1,60})\.jpg")
_TOKEN_LINE = re.compile(r"(([\w-]{1,60})\.jpg#[0-9]{1,3})\t(.*)")


class Flickr30k(Retrieval):
    """Flickr30k: 29,000 pictures for training, 1,014 for validation and 1,000 for testing (Karpathy), each with five captions."""

    name = "Flickr30k"
    forms = {"image_to_text": "flickr30k_image_to_text", "text_to_image": "flickr30k_text_to_image"}  # noqa: RUF012

    def _sources(self) -> list[Path]:
        root, split = self.location.root, self.split
        self._karpathy = _find_karpathy(root, "dataset_flickr30k.json")
        self._tokens = root / "results_20130124.token"
        lists = (root, root / "flickr30k_entities")
        self._list = next((path for folder in lists if (path := folder / f"{split}.txt").is_file()), None)
        if self._karpathy is None and (self._list is None or not self._tokens.is_file()):
            raise MissingDataError(
                f"Flickr30k has no split {split!r} in {root}. Expected dataset_flickr30k.json, from {_KARPATHY}, or "
                f"results_20130124.token with {split}.txt of Flickr30k Entities, and the folder flickr30k-images."
            )
        names = ("flickr30k-images", "flickr30k_images", "images")
        self._folder = next((root / name for name in names if (root / name).is_dir()), root / names[0])
        self._pictures = NamedPictures(root, self.images)
        files = [self._karpathy] if self._karpathy else [self._tokens, self._list]
        return [*(path for path in files if path is not None), *self._pictures.sources]

    def _scan(self, builder: Builder) -> Iterator[Picture]:
        if self._karpathy is None:
            yield from self._scan_tokens(builder)
            return
        for record in _scan_karpathy(self._karpathy, self.split):
            where = f"{self._karpathy}, picture {record.key}"
            name = record_value(record.value, "filename", str, where)
            match = _FLICKR_NAME.fullmatch(name)
            if match is None:  # it becomes part of a path: it must not lead out of the folder
                raise DatasetError(f"{where} has 'filename': {name!r:.80}. Expected a name such as '1000092795.jpg'.")
            yield Picture(match[1], record, self._karpathy, _sentence_ids(record.value))

    def _scan_tokens(self, builder: Builder) -> Iterator[Picture]:
        assert self._list is not None
        ids = list(dict.fromkeys(line.strip() for _, line in _lines(self._list, "picture numbers") if line.strip()))
        sentences: dict[str, list[str]] = {image_id: [] for image_id in ids}
        add = builder.table("captions")
        for i, line in _lines(self._tokens, "lines of a picture's name, '#', a number, a tab and a caption"):
            match = _TOKEN_LINE.fullmatch(line.rstrip("\r\n"))
            if match is None:
                raise DatasetError(
                    f"{self._tokens}, line {i}, is {line!r:.80}. Expected '1000092795.jpg#0', a tab and a caption."
                )
            if match[2] in sentences:
                sentences[match[2]].append(match[1])
                add(match[2], [match[1], match[3]])
        for image_id in ids:
            if not _FLICKR_NAME.fullmatch(f"{image_id}.jpg"):
                raise DatasetError(f"{self._list} holds {image_id!r:.80}. Expected picture numbers such as 1000092795.")
            yield Picture(image_id, None, None, sentences[image_id])

    def _captions(self, image_id: str, record: Any, where: str) -> list[Caption]:
        if self._karpathy is not None:
            return _karpathy_captions(record, where)
        captions = [Caption(key, one_line(text)) for key, text in self._index.table("captions").all(image_id)]
        if not captions:
            raise DatasetError(f"{where} has no captions in {self._tokens}. Expected some for each picture of {self._list}.")
        return captions

    def _has_scene(self, image_id: str) -> bool:
        return self._pictures.has(f"{image_id}.jpg")

    def _ref(self, image_id: str) -> ImageRef:
        return self._pictures.ref(self._folder / f"{image_id}.jpg", f"{image_id}.jpg")


class COCOCaptions(Retrieval):
    """COCO's captions: in Karpathy's split 113,287 pictures for training and 5,000 each for validation and testing."""

    name = "COCOCaptions"
    forms = {"image_to_text": "coco_captions_image_to_text", "text_to_image": "coco_captions_text_to_image"}  # noqa: RUF012

    def _sources(self) -> list[Path]:
        root, split = self.location.root, self.split
        official = root / "annotations" / f"captions_{split}.json"
        self._official = official if official.is_file() else None
        self._karpathy = _find_karpathy(root, "dataset_coco.json") if self._official is None else None
        if self._official is None and self._karpathy is None:
            splits = sorted(path.stem.removeprefix("captions_") for path in (root / "annotations").glob("captions_*.json"))
            there = f"Splits found there: {', '.join(splits)}." if splits else "No captions were found there."
            raise MissingDataError(
                f"COCOCaptions has no split {split!r} in {root}. Expected dataset_coco.json, from {_KARPATHY}, or "
                f"annotations/captions_{split}.json, from https://cocodataset.org/#download. {there}"
            )
        years = {"train": "train2014", "val": "val2014", "test": "val2014"} if self._karpathy else {}
        folder = years.get(split, split)
        prefix = f"COCO_{folder}_" if folder.endswith("2014") else ""
        self._pictures = CocoPictures(root, (f"{folder}/{prefix}{{id:012d}}.jpg",), self.images)
        return [*(path for path in (self._official, self._karpathy) if path is not None), *self._pictures.sources]

    def _scan(self, builder: Builder) -> Iterator[Picture]:
        if self._official is not None:
            yield from self._scan_official(builder, self._official)
            return
        assert self._karpathy is not None
        for record in _scan_karpathy(self._karpathy, self.split):
            image_id = _id(record.value, "cocoid", f"{self._karpathy}, picture {record.key}")
            yield Picture(image_id, record, self._karpathy, _sentence_ids(record.value))

    def _scan_official(self, builder: Builder, path: Path) -> Iterator[Picture]:
        add = builder.table("captions")
        sentences: dict[str, list[str]] = {}
        expected = 'official COCO captions, {"images": [...], "annotations": [...]}'
        for record in scan_list(path, expected, ("images", "annotations")):
            where = f"{path}, {record.member} {record.key}"
            if record.member == "images":
                sentences.setdefault(_id(record.value, "id", where), [])
                continue
            image_id = _id(record.value, "image_id", where)
            sentences.setdefault(image_id, []).append(_id(record.value, "id", where))
            add(image_id, record, path)
        for image_id, ids in sentences.items():
            if ids:
                yield Picture(image_id, None, None, ids)

    def _captions(self, image_id: str, record: Any, where: str) -> list[Caption]:
        if self._karpathy is not None:
            return _karpathy_captions(record, where)
        return [
            Caption(_id(item, "id", where), one_line(record_value(item, "caption", str, where)))
            for item in self._index.table("captions").all(image_id)
        ]

    def _has_scene(self, image_id: str) -> bool:
        return self._pictures.has(int(image_id))

    def _ref(self, image_id: str) -> ImageRef:
        return self._pictures.ref(int(image_id))


def _find_karpathy(root: Path, name: str) -> Path | None:
    return next((path for folder in _KARPATHY_FOLDERS if (path := root / folder / name).is_file()), None)


def _scan_karpathy(path: Path, split: str) -> Iterator[Record]:
    """The records of a split in a file of Karpathy's."""
    if split not in _KARPATHY_SPLITS:
        raise MissingDataError(f"{path} has no split {split!r}. Expected one of: {', '.join(_KARPATHY_SPLITS)}.")
    for record in scan_list(path, _KARPATHY_FILE, ("images",)):
        if record_value(record.value, "split", str, f"{path}, picture {record.key}") in _KARPATHY_SPLITS[split]:
            yield record


def _sentence_ids(record: Any) -> list[str]:
    """Ids of the captions of a record of Karpathy's; none if it is damaged, which reading it says."""
    try:
        return [caption.sentence_id for caption in _karpathy_captions(record, "")]
    except DatasetError:
        return []


def _karpathy_captions(record: Any, where: str) -> list[Caption]:
    sentences = record_list(record, "sentences", dict, where)
    if not sentences:
        raise DatasetError(f"{where} has an empty list of sentences. Expected captions.")
    return [
        Caption(_id(sentence, "sentid", f"{where}, sentence {i}"), one_line(record_value(sentence, "raw", str, where)))
        for i, sentence in enumerate(sentences)
    ]


def _id(record: Any, key: str, where: str) -> str:
    return str(natural(record, key, where))


def _lines(path: Path, expected: str) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from enumerate(file, 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error
