"""COCO (Lin et al., ECCV 2014) with one sample per picture: its boxes, its captions or its panoptic segments.

    ROOT/annotations/{instances,captions,panoptic}_{train,val}{2017,2014}.json
    ROOT/annotations/panoptic_{train,val}2017/000000039769.png  also ROOT/panoptic_{train,val}2017/
    ROOT/{train,val}2017/000000039769.jpg                       also below ROOT/images/
    ROOT/{train,val}2014/COCO_{train,val}2014_000000039769.jpg  likewise

Any other file annotations/{kind}_{name}.json in the same format is the split `name`. Download:
https://cocodataset.org/#download (annotations CC BY 4.0, pictures under Flickr terms). Here are the pictures and what all three
have in common, the boxes and the captions; panoptic segments are in `vispro_gym.datasets.coco_panoptic`.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.coco_pictures import CocoPictures, box_of, scene_from_instances
from vispro_gym.datasets.coco_splits import find_split, picture_path
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.json_stream import Record, scan_list
from vispro_gym.datasets.records import natural, record_value
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Box

# what the official metric reads of an annotation: outlines, most of the file, are none of it
_KEPT = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")


class CocoCategory(NamedTuple):
    """One of the categories that an annotation file lists.

    Attributes:
        id: The official id.
        name: The official name.
        is_thing: Whether its objects can be counted, as those of "stuff" cannot. True where the file does not say.
    """

    id: int
    name: str
    is_thing: bool


class CocoImages(Dataset):
    """One split of COCO, one sample per picture.

    "train" and "val" mean those of 2017, or else those of 2014. Sample ids are image ids, as text; queries are empty; targets are
    what the subclass reads.

    Subclasses say in `kind`, `members` and `keys_of_annotations` what their files are made of, in `_number` what a record adds to
    the one field that there is, and in `_target` what is asked of a picture.

    Attributes:
        kind: Kind of annotation file, "instances" for example.
        members: The lists in such a file that are read.
        keys_of_annotations: What is unique about the annotations' image ids; None if a picture has several.
        keeps_empty: Whether pictures without annotations are samples.
    """

    kind: ClassVar[str]
    members: ClassVar[tuple[str, ...]] = ("images", "annotations", "categories")
    keys_of_annotations: ClassVar[str | None] = None
    keeps_empty: ClassVar[bool] = False

    def _sources(self) -> list[Path]:
        found = find_split(self.name, self.kind, self.split, self.location.root)
        self._path, self._folder = found.path, found.name
        self._experts_path = self.location.root / f"expert_programs_{found.name}.json"
        self._pictures = CocoPictures(self.location.root, [found.layout], self.images)
        return [self._path]

    def _build(self, builder: Builder) -> None:
        lists = ", ".join(f'"{member}": [...]' for member in self.members)
        (field,) = self.fields
        images = array("q")
        numbers: Counter[int] = Counter()  # by image id
        of_category: Counter[int] = Counter()
        categories: list[tuple[int, Record]] = []
        add_image = builder.table("images", unique="image id")
        add_annotation = builder.table("annotations", unique=self.keys_of_annotations)
        for record in scan_list(self._path, f"COCO {self.kind}, {{{lists}}}", self.members):
            where = f"{self._path}, {record.member} {record.key}"
            if record.member == "images":
                images.append(natural(record.value, "id", where))
                add_image(str(images[-1]), record, self._path)
            elif record.member == "annotations":
                image_id = natural(record.value, "image_id", where)
                number = self._number(record.value, where)
                numbers[image_id] += number
                if type(category := record.value.get("category_id")) is int:
                    of_category[category] += number
                add_annotation(str(image_id), record, self._path)
            else:
                categories.append((natural(record.value, "id", where), record))
        if unlisted := sorted(numbers.keys() - set(images)):
            raise DatasetError(f"{self._path} annotates image {unlisted[0]}, but does not list it. Fetch the file again.")
        add_category = builder.table("categories", ("number",), unique="category id")
        for key, record in categories:
            add_category(str(key), record, self._path, {"number": of_category[key]})
        samples = (i for i in images if self.keeps_empty or i in numbers)
        self._add_samples(builder, "image id", ((str(i), {"image_id": i, field: numbers[i]}, None) for i in samples))

    @abstractmethod
    def _number(self, annotation: Any, where: str) -> int:
        """What an annotation adds to the field of its picture. Raises DatasetError if that cannot be told."""

    @abstractmethod
    def _target(self, annotations: list[Any], image: ImageRef, where: str) -> Any:
        """What is asked of a picture. Raises DatasetError if its annotations are damaged."""

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        return {field: record[field] for field in self.fields}

    def _is_annotated(self, record: Any) -> bool:
        return True

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"{self._path}, image {sample_id}"
        image = self._index.table("images").get(sample_id)
        annotations = self._index.table("annotations").all(sample_id)
        ref = self._ref(record["image_id"], image, where)
        return Sample(
            sample_id=sample_id,
            query="",
            images=(ref,),
            target=self._target(annotations, ref, where),
            fields=self._fields(record, where),
            record={"image": image, "annotations": [self._kept(annotation) for annotation in annotations]},
        )

    def _kept(self, annotation: Any) -> Any:
        """What of an official record a sample carries."""
        return annotation

    def _ref(self, image_id: int, image: Any, where: str) -> ImageRef:
        path = picture_path(self.location.root, self._folder, image.get("file_name"), self._pictures.path(image_id))
        # a scene without objects: it tells the size that the annotations are for, and that saves opening the file
        return image_ref(path, str(image_id), partial(scene_from_instances, image, (), {}, where), self.images)

    @cached_property
    def categories(self) -> tuple[CocoCategory, ...]:
        """The categories that the file lists, sorted by id.

        Raises:
            DatasetError: If there are none, or one is damaged.
        """
        table = self._index.table("categories")
        found = []
        for position in range(len(table)):
            key, record = table.item(position)
            where = f"{self._path}, category {key}"
            is_thing = record_value(record, "isthing", int, where) if "isthing" in record else 1
            found.append(CocoCategory(int(key), record_value(record, "name", str, where), bool(is_thing)))
        if not found:
            raise DatasetError(f'{self._path} lists no categories. Expected {{"categories": [{{"id": int, "name": str}}, ...]}}.')
        return tuple(sorted(found))

    @cached_property
    def labels(self) -> dict[int, int]:
        """Position in `categories` by category id."""
        return {category.id: label for label, category in enumerate(self.categories)}

    def _label(self, record: Any, where: str) -> int:
        category = record_value(record, "category_id", int, where)
        if category not in self.labels:
            raise DatasetError(f"{where} has category_id {category}. Expected that of one of the file's categories.")
        return self.labels[category]


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a picture.

    Attributes:
        boxes: Those that are to be found: `(left, top, right, bottom)` in pixels of the picture, origin upper left.
        labels: The position of each one's category in `CocoImages.categories`.
        crowds: Boxes of regions with too many objects to tell apart.
        crowd_labels: The position of each region's category.
    """

    boxes: tuple[Box, ...]
    labels: tuple[int, ...]
    crowds: tuple[Box, ...]
    crowd_labels: tuple[int, ...]


class CocoDetection(CocoImages):
    """All objects of a picture. Targets are `Objects`; pictures without objects are samples, too."""

    name = "COCODetection"
    forms = {"picture": "detection"}  # noqa: RUF012 (the base class declares it)
    fields = ("objects",)
    kind = "instances"
    keeps_empty = True

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of annotated objects of each category in the whole split, crowds not counted, in the order of `categories`."""
        numbers = dict(self._index.table("categories").fields(["key", "number"]))
        return tuple(int(numbers[str(category.id)]) for category in self.categories)

    def _number(self, annotation: Any, where: str) -> int:
        return 0 if annotation.get("iscrowd") else 1

    def _kept(self, annotation: Any) -> Any:
        return {key: annotation[key] for key in _KEPT if key in annotation}

    def _target(self, annotations: list[Any], image: ImageRef, where: str) -> Objects:
        found: tuple[list[tuple[Box, int]], ...] = ([], [])
        for i, record in enumerate(annotations):
            here = f"{where}, annotation {i}"
            crowd = record_value(record, "iscrowd", int, here) if "iscrowd" in record else 0
            found[bool(crowd)].append((box_of(record, here), self._label(record, here)))
        (boxes, labels), (crowds, crowd_labels) = (zip(*pairs, strict=True) if pairs else ((), ()) for pairs in found)
        return Objects(tuple(boxes), tuple(labels), tuple(crowds), tuple(crowd_labels))


class CocoCaptioning(CocoImages):
    """All captions of a picture, mostly five. Targets are tuples of them, in file order; pictures without any are left out."""

    name = "COCOCaptioning"
    forms = {"picture": "captioning"}  # noqa: RUF012
    fields = ("captions",)
    kind = "captions"
    members = ("images", "annotations")

    @property
    def version(self) -> str:
        """Digest of what the split is made from, the path, size and time of change of its file, in letters and digits."""
        return self._index.path.stem.rpartition("-")[2]

    def references(self) -> Iterator[tuple[str, ...]]:
        """The captions of each picture of the whole split, also of one that was restricted, in file order.

        Raises:
            DatasetError: If one is damaged.
        """
        annotations = self._index.table("annotations")
        for (key,) in self._samples.fields(["key"]):
            yield self._texts(annotations.all(key), f"{self._path}, image {key}")

    def _number(self, annotation: Any, where: str) -> int:
        return 1

    def _target(self, annotations: list[Any], image: ImageRef, where: str) -> tuple[str, ...]:
        return self._texts(annotations, where)

    def _texts(self, annotations: list[Any], where: str) -> tuple[str, ...]:
        return tuple(record_value(record, "caption", str, f"{where}, annotation {i}") for i, record in enumerate(annotations))
