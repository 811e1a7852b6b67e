"""OmniLabel (Schulter et al., ICCV 2023), detection by free-form descriptions, in its official layout.

    ROOT/omnilabel_val_v0.1.3/dataset_all_val_v0.1.3.json       also in ROOT itself; v0.1.4 likewise
    ROOT/omnilabel_val_v0.1.3/dataset_all_val_v0.1.3_{coco,object365,openimagesv5}.json
    ROOT/{coco,object365,openimagesv5}/...                      pictures, as "file_name" says; also below ROOT/images/
    ROOT/annotations/instances_*.json                           not official: COCO instances by file name, for the oracle

Pictures of COCO are found in `coco/val2017/` and in COCO's own folder, too (`VISPRO_DATA_COCO`). Downloads:
https://www.omnilabel.org/dataset/download. The test splits have no annotations. The files say nothing of the size of pictures:
where neither a picture nor its instances are there, a sample can be scored but not seen.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.boxes import boxes_of
from vispro_gym.datasets.errors import DatasetError, MissingDataError, logger
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import scan_list
from vispro_gym.datasets.location import folder_of
from vispro_gym.datasets.named_pictures import NamedPictures
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.sample import ImageRef, Sample

_DOWNLOADS = "https://www.omnilabel.org/dataset/download"
_FILE = re.compile(r"dataset_(?P<part>.+?)(?:_v(?P<version>\d+(?:\.\d+)*))?(?P<source>_\w+)?\.json")
_EXPECTED = (
    'an OmniLabel dataset, {"images": [...], "descriptions": [...], "annotations": [...]} (test splits have no annotations)'
)
_FILE_NAME = re.compile(r"(\w[^/\\:\0\ud800-\udfff]{0,100}/){0,6}\w[^/\\:\0\ud800-\udfff]{0,100}")
_LARGEST = 10**9  # two ids together fit into 64 bits
_ANNOUNCED = 1_000_000  # samples from which on building takes so long that one wants to know why
_TAKEN = 100_000  # pairs of an image and a description that are turned into Python's numbers at once
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # spreads neighbouring numbers evenly, as in Fibonacci hashing
_SHORT, _MEDIUM = 3, 8  # words, as the official code groups descriptions


class OmniLabel(Dataset):
    """One split of OmniLabel: all objects that fit a description, which may be none.

    A split is named by its file: "val" for `dataset_all_val_v0.1.4.json` (the newest version that is there), "val_coco" for
    `dataset_all_val_v0.1.4_coco.json`, "sample" for `dataset_sample.json`. A sample is a picture with a description of its label
    space, categories included. Sample ids are "{image_id}-{description_id}"; targets are `vispro_gym.datasets.boxes.Boxes`.

    Label spaces are large and mostly negative: a picture of Objects365 is asked for all of its 365 categories. The form
    "balanced" has, of each picture and type of description, all that fit and as many that do not, always the same ones (at least
    one). The form "all" has everything; it is what the official metric is for.
    """

    name = "OmniLabel"
    forms = {"balanced": "omnilabel", "all": "omnilabel"}  # noqa: RUF012 (the base class declares it)
    fields = ("type", "words", "polarity")
    type_field = "type"

    def _sources(self) -> list[Path]:
        root = self.location.root
        found: dict[str, list[tuple[tuple[int, ...], str, Path]]] = {}
        for folder in (root, *sorted(path for path in root.glob("omnilabel_*") if path.is_dir())):
            for path in folder.glob("dataset_*.json"):
                if match := _FILE.fullmatch(path.name):
                    split = match["part"].removeprefix("all_") + (match["source"] or "")
                    version = tuple(int(number) for number in (match["version"] or "0").split("."))
                    found.setdefault(split, []).append((version, path.name, path))
        if self.split not in found:
            there = f"Splits found there: {', '.join(sorted(found))}." if found else "No dataset files were found there."
            raise MissingDataError(
                f"OmniLabel has no split {self.split!r} in {root}. Expected dataset_all_{self.split}_v0.1.4.json there or in "
                f"omnilabel_{self.split}_v0.1.4/. {there} The official files are at {_DOWNLOADS}."
            )
        self._path = max(found[self.split])[-1]
        self._pictures = NamedPictures(root, self.images)
        return [self._path, *self._pictures.sources]

    def _build(self, builder: Builder) -> None:
        images = builder.table("images", unique="image id")
        descriptions = builder.table("descriptions", unique="description id")
        annotations = builder.table("annotations")
        self._facts: list[tuple[int, dict[str, str | int]]] = []
        self._files: dict[int, str] = {}
        spaces, positive = array("q"), array("q")
        for record in scan_list(self._path, _EXPECTED, ("images", "descriptions", "annotations")):
            where = f"{self._path}, {record.member} {record.key}"
            if record.member == "images":
                image_id = natural(record.value, "id", where, _LARGEST - 1)
                images(str(image_id), record, self._path)
                name = record.value.get("file_name")
                self._files[image_id] = name if isinstance(name, str) else ""
            elif record.member == "descriptions":
                description_id, position = natural(record.value, "id", where, _LARGEST - 1), len(self._facts)
                # a record of some thousand image ids, which would be read again for each of them
                kept = {key: value for key, value in record.value.items() if key != "image_ids"}
                descriptions(str(description_id), kept | {"position": position})
                try:
                    facts = _facts(kept, where)
                except DatasetError:
                    facts = {}  # it stays in the split: reading it says what is wrong
                self._facts.append((description_id, facts))
                spaces.extend(image_id * _LARGEST + position for image_id in _ids(record.value, "image_ids", where))
            else:
                image_id = natural(record.value, "image_id", where, _LARGEST - 1)
                annotations(str(image_id), record, self._path)
                positive.extend(image_id * _LARGEST + number for number in _ids(record.value, "description_ids", where))
        if len(spaces) > _ANNOUNCED:
            logger.warning("Indexing %d samples of %s (once, some minutes) ...", len(spaces), self._path)
        self._pictures.has("")  # damaged instances are an error, not pictures without annotations
        self._has_scene = lru_cache(self._pictures.has)  # the samples of a picture follow each other
        self._add_samples(builder, "image and description", self._pairs(spaces, positive))
        del self._facts, self._files, self._has_scene

    def _pairs(self, spaces: array[int], positive: array[int]) -> Iterator[tuple[str, Any, None]]:
        """The samples, by image id and then in the order of the descriptions, as the official code goes through them."""
        image_ids, positions = np.divmod(np.unique(np.array(spaces, np.int64)), _LARGEST)
        description_ids = np.array([description_id for description_id, _ in self._facts], np.int64)[positions]
        is_positive = np.isin(image_ids * _LARGEST + description_ids, np.array(positive, np.int64))
        if self.form == "balanced":
            kept = self._balanced(image_ids, positions, is_positive)
            image_ids, positions = image_ids[kept], positions[kept]
            description_ids, is_positive = description_ids[kept], is_positive[kept]
        for start in range(0, len(positions), _TAKEN):
            part = slice(start, start + _TAKEN)
            columns = (values[part].tolist() for values in (image_ids, positions, description_ids, is_positive))
            for image_id, position, description_id, found in zip(*columns, strict=True):
                if image_id in self._files:
                    record = {"image_id": image_id, "position": position, "positive": int(found)}
                    yield f"{image_id}-{description_id}", record, None

    def _balanced(
        self, image_ids: NDArray[np.int64], positions: NDArray[np.int64], is_positive: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Which of the pairs of images and descriptions are in the form "balanced"."""
        types = np.array([facts.get("type", "") for _, facts in self._facts])[positions]
        chance = (image_ids.astype(np.uint64) * np.uint64(_LARGEST) + positions.astype(np.uint64)) * _MIXER
        kept = [np.flatnonzero(is_positive)]
        for kind in np.unique(types):
            of_kind = types == kind
            images, positives = np.unique(image_ids[of_kind & is_positive], return_counts=True)
            wanted = dict(zip(images.tolist(), positives.tolist(), strict=True))
            negatives = np.flatnonzero(of_kind & ~is_positive)
            negatives = negatives[np.lexsort((chance[negatives], image_ids[negatives]))]
            starts = np.flatnonzero(np.diff(image_ids[negatives], prepend=-1))
            for start, end in pairwise([*starts.tolist(), len(negatives)]):
                count = max(1, wanted.get(int(image_ids[negatives[start]]), 0))
                kept.append(negatives[start : min(end, start + count)])
        return np.sort(np.concatenate(kept))

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        facts = self._facts[record["position"]][1]
        return {**facts, "polarity": "positive" if record["positive"] else "negative"}

    def _is_annotated(self, record: Any) -> bool:
        name = self._files[record["image_id"]]
        return not name or self._has_scene(name.rpartition("/")[2])

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"OmniLabel {self.split} sample {sample_id}"
        image_key, _, description_key = sample_id.partition("-")
        image = self._index.table("images").get(image_key)
        description = self._index.table("descriptions").get(description_key)
        annotations = self._index.table("annotations").all(image_key)
        meant = [annotation for annotation in annotations if description["id"] in annotation["description_ids"]]
        return Sample(
            sample_id=sample_id,
            query=record_value(description, "text", str, where),
            images=(self._ref(image, where),),
            target=boxes_of(meant, where),
            fields=_facts(description, where) | {"polarity": "positive" if meant else "negative"},
            record={"image": image, "description": description, "annotations": meant},
        )

    def _ref(self, image: Any, where: str) -> ImageRef:
        name = record_value(image, "file_name", str, where)
        if not _FILE_NAME.fullmatch(name):  # it is part of a path: it must not lead out of the folder
            raise DatasetError(f"{where} has the file_name {name!r:.80}. Expected a path such as 'coco/000000000139.jpg'.")
        root, last = self.location.root, name.rpartition("/")[2]
        paths = [root / name, root / "images" / name]
        if name.startswith("coco/"):
            folders = [root / "coco", root / "images" / "coco", *filter(None, [folder_of("COCO")])]
            paths += [folder / "val2017" / last for folder in folders]
        return self._pictures.ref(next((path for path in paths if path.exists()), paths[0]), last)


def _facts(description: Any, where: str) -> dict[str, str | int]:
    words = len(record_value(description, "text", str, where).split())
    return {
        "type": record_value(record_value(description, "anno_info", dict, where), "type", str, where),
        "words": "short" if words <= _SHORT else "medium" if words <= _MEDIUM else "long",
    }


def _ids(record: Any, key: str, where: str) -> list[int]:
    ids: list[int] = record_list(record, key, int, where)
    if ids and not 0 <= min(ids) <= max(ids) < _LARGEST:
        raise DatasetError(
            f"{where} has {key!r} from {min(ids)!r:.40} to {max(ids)!r:.40}. Expected ids from 0 to {_LARGEST - 1}."
        )
    return ids
