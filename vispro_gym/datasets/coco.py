"""COCO detection (Lin et al., ECCV 2014) in its official layout.

    ROOT/annotations/instances_{train,val}{2017,2014}.json
    ROOT/{train,val}2017/000000039769.jpg                       also below ROOT/images/
    ROOT/{train,val}2014/COCO_{train,val}2014_000000039769.jpg  likewise

Any other file annotations/instances_{name}.json in the same format is the split `name`. Download:
https://cocodataset.org/#download (annotations CC BY 4.0, pictures under Flickr terms). The annotations of the test sets are not
public.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.boxes import boxes_of
from vispro_gym.datasets.coco_pictures import CocoPictures, read_instances
from vispro_gym.datasets.coco_splits import find_split, picture_path
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import scan_list
from vispro_gym.datasets.records import LARGEST_ID, natural
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene, SceneCache

_EXPECTED = 'COCO instances, {"images": [...], "annotations": [...], "categories": [...]}'
_MOST_CATEGORIES = 10**6  # an image id and a category id together fit into 64 bits
# what the official metric reads of an annotation: outlines, most of the file, are none of it
_KEPT = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")


class COCO(Dataset):
    """One split of COCO: all objects of one category in one picture.

    "train" and "val" mean those of 2017, or else those of 2014. The form "present" asks for the categories that are annotated in
    a picture; "balanced" also for as many that are not, for which an empty list is right. Sample ids are
    "{image_id}-{category_id}"; targets are `vispro_gym.datasets.boxes.Boxes`.
    """

    name = "COCO"
    forms = {"present": "coco", "balanced": "coco"}  # noqa: RUF012 (the base class declares it)
    fields = ("category", "supercategory", "objects")
    type_field = "category"

    def _sources(self) -> list[Path]:
        found = find_split(self.name, "instances", self.split, self.location.root)
        self._path, self._folder = found.path, found.name
        self._experts_path = self.location.root / f"expert_programs_{found.name}.json"
        self._pictures = CocoPictures(self.location.root, [found.layout], self.images)
        self._scenes = SceneCache(self._read_scene)
        return [self._path]

    def _build(self, builder: Builder) -> None:
        add = {
            "images": builder.table("images", unique="image id"),
            "annotations": builder.table("annotations"),
            "categories": builder.table("categories", unique="category id"),
        }
        pairs, crowds, ids = array("q"), array("q"), array("q")
        categories: dict[int, Any] = {}
        for record in scan_list(self._path, _EXPECTED, tuple(add)):
            where = f"{self._path}, {record.member} {record.key}"
            if record.member == "annotations":
                key = natural(record.value, "image_id", where)
                pairs.append(key * _MOST_CATEGORIES + natural(record.value, "category_id", where, _MOST_CATEGORIES - 1))
                ids.append(natural(record.value, "id", where, (1 << 63) - 1))
                if record.value.get("iscrowd"):
                    crowds.append(pairs[-1])
            else:
                key = natural(record.value, "id", where, LARGEST_ID if record.member == "images" else _MOST_CATEGORIES - 1)
                if record.member == "categories":
                    categories[key] = record.value
            add[record.member](str(key), record, self._path)
        _check_once(ids, self._path)
        self._add_samples(builder, "image and category", self._pairs(pairs, crowds, categories))

    def _pairs(self, pairs: array[int], crowds: array[int], categories: dict[int, Any]) -> Iterator[tuple[str, Any, None]]:
        """The samples, by image id and category id."""
        unique, counts = np.unique(np.array(pairs, np.int64), return_counts=True)
        uncounted, numbers = np.unique(np.array(crowds, np.int64), return_counts=True)
        counts[np.searchsorted(unique, uncounted)] -= numbers
        image_ids, category_ids = unique // _MOST_CATEGORIES, unique % _MOST_CATEGORIES
        starts = np.flatnonzero(np.diff(image_ids, prepend=-1))
        for start, end in pairwise([*starts, len(unique)]):
            image_id = int(image_ids[start])
            asked = Counter({int(category_ids[i]): int(counts[i]) for i in range(start, end)})
            if self.form == "balanced":
                asked.update(dict.fromkeys(absent_categories(image_id, asked, categories), 0))
            for category_id in sorted(asked):
                category = categories.get(category_id)
                known = category if isinstance(category, dict) else {}
                facts = {
                    "category": known.get("name"),
                    "supercategory": known.get("supercategory"),
                    "objects": asked[category_id],
                }
                yield f"{image_id}-{category_id}", {"image_id": image_id, "category_id": category_id, **facts}, None

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        if not isinstance(record["category"], str) or not isinstance(record["supercategory"], str | None):
            raise DatasetError(
                f"{where}: {self._path} has no category {record['category_id']} with a name. "
                'Expected {"id": int, "name": str, "supercategory": str} in its list of categories.'
            )
        return {key: record[key] for key in self.fields if record[key] is not None}

    def _is_annotated(self, record: Any) -> bool:
        return True

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        image_id, category_id = record["image_id"], record["category_id"]
        where = f"COCO {self.split} image {image_id}, category {category_id}"
        fields = self._fields(record, where)
        image = self._index.table("images").get(str(image_id))
        if image is None:
            raise DatasetError(
                f"{where}: {self._path} has annotations of this image, but does not list it. Fetch the file again."
            )
        annotations = self._index.table("annotations").all(str(image_id))
        asked = [annotation for annotation in annotations if annotation["category_id"] == category_id]
        return Sample(
            sample_id=sample_id,
            query=str(fields["category"]),
            images=(self._ref(image_id, image),),
            target=boxes_of(asked, where),
            fields=fields,
            record={
                "image": image,
                "category": self._index.table("categories").get(str(category_id)),
                "annotations": [{key: record[key] for key in _KEPT if key in record} for record in asked],
                "categories_present": sorted({annotation["category_id"] for annotation in annotations}),
            },
        )

    def _ref(self, image_id: int, image: Any) -> ImageRef:
        path = picture_path(self.location.root, self._folder, image.get("file_name"), self._pictures.path(image_id))
        return image_ref(path, str(image_id), partial(self._scenes.get, str(image_id)), self.images)

    def _read_scene(self, image_id: str) -> Scene | None:
        return read_instances([self._index], image_id, f"COCO image {image_id}")

    @property
    def empty_images(self) -> list[Any]:
        """Records of the images without annotations, on which everything that is detected is wrong.

        None if the split is restricted: what is left of it does not ask about them.
        """
        if len(self) < len(self._samples):
            return []
        annotated = {key for (key,) in self._index.table("annotations").fields(["key"])}
        images = self._index.table("images")
        return [images.at(position) for position, (key,) in enumerate(images.fields(["key"])) if key not in annotated]


def absent_categories(image_id: int, present: Collection[int], categories: Collection[int]) -> list[int]:
    """Ids of categories that are not annotated in a picture, as many as are (fewer, if there are not so many), ascending.

    Which ones follows from the ids alone: those for which a hash of image id and category id is smallest.
    """
    absent = [category_id for category_id in categories if category_id not in present]
    absent.sort(key=lambda category_id: blake2b(f"{image_id}-{category_id}".encode(), digest_size=8).digest())
    return sorted(absent[: len(present)])


def _check_once(ids: array[int], path: Path) -> None:
    unique, counts = np.unique(np.array(ids, np.int64), return_counts=True)
    if len(unique) < len(ids):
        twice = int(unique[np.argmax(counts)])
        raise DatasetError(f"{path} has annotation id {twice} twice. Expected every annotation id once. Fetch the file again.")
