"""Pictures of COCO and their instance annotations, for all the datasets whose pictures they are.

Pictures are looked for where the dataset's own layout has them, then in the folder of COCO itself (`VISPRO_DATA_COCO`, or
`VISPRO_DATA_ROOT/COCO`). So are the annotations, `annotations/instances_*.json`: they are what the oracle sees; perception that
looks at pixels needs none. An annotation may have a list "attributes", which COCO's own have not; other datasets' pictures can be
annotated in the same format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder, open_index
from vispro_gym.datasets.json_stream import scan_list
from vispro_gym.datasets.location import folder_of
from vispro_gym.datasets.records import LARGEST, number, record_list, record_value
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box, Scene, SceneCache, SceneObject
from vispro_gym.datasets.tables import Index

_STANDARD = tuple(f"{folder}{split}2017/{{id:012d}}.jpg" for folder in ("", "images/") for split in ("train", "val")) + tuple(
    f"{folder}{split}2014/COCO_{split}2014_{{id:012d}}.jpg" for folder in ("", "images/") for split in ("train", "val")
)
_FILE_NAME = re.compile(r"(?:COCO_(?:train|val)2014_)?([0-9]{12})\.jpg")
_EXPECTED = 'COCO instances, {"images": [...], "annotations": [...], "categories": [...]}'


class CocoPictures:
    """Finds pictures and annotations by COCO's image id.

    Args:
        root: Folder of the dataset.
        layout: Where the dataset's own layout has its pictures, below `root`, "{id}" standing for the image id: for example
            "Images/mscoco/val2014/COCO_val2014_{id:012d}.jpg".
        images: "required" or "optional".
        instances: The dataset's own instance files, beside those in `annotations/`; they come first.

    Attributes:
        sources: The instance files that were found.
    """

    def __init__(self, root: Path, layout: Sequence[str], images: str, instances: Sequence[Path] = ()) -> None:
        shared = folder_of("COCO")
        roots = [root] if shared in (None, root) else [root, shared]
        self._images = images
        self._patterns = [(root, pattern) for pattern in layout]
        self._patterns += [(folder, pattern) for folder in roots for pattern in _STANDARD]
        self._scenes = SceneCache(self._read_scene)
        self.sources: list[Path] = list(instances)
        for folder in roots:  # the newer release first: an image may be in both
            self.sources += sorted((folder / "annotations").glob("instances_*.json"), key=lambda p: ("2014" in p.name, p.name))
        self._indexes: list[Index] | None = None

    def has(self, image_id: int) -> bool:
        """Whether a picture is annotated."""
        return any(str(image_id) in index.table("images") for index in self._open())

    def scene(self, image_id: int) -> Scene | None:
        """Annotations of a picture; None if it has none."""
        return self._scenes.get(str(image_id))

    def ref(self, image_id: int) -> ImageRef:
        """A reference to a picture.

        Raises:
            MissingDataError: If the picture is missing and required.
        """
        return image_ref(self.path(image_id), str(image_id), partial(self.scene, image_id), self._images)

    def path(self, image_id: int) -> Path:
        """Where a picture is; where the dataset's own layout would have it, if it is nowhere."""
        for i, (folder, pattern) in enumerate(self._patterns):
            path = folder / pattern.format(id=image_id)
            if path.exists():
                if i > 1:  # the next one is probably in the same folder
                    self._patterns.insert(1, self._patterns.pop(i))
                return path
        folder, pattern = self._patterns[0]
        return folder / pattern.format(id=image_id)

    def _open(self) -> list[Index]:
        if self._indexes is None:
            self._indexes = [open_instances(path) for path in self.sources]
        return self._indexes

    def _read_scene(self, image_id: str) -> Scene | None:
        return read_instances(self._open(), image_id, f"COCO image {image_id}")


def open_instances(path: Path, key: str = "id") -> Index:
    """Opens an instance file.

    Args:
        path: The file.
        key: What its pictures are found by: "id", or "file_name", of which only the last part counts.

    Returns:
        An index whose table "images" holds the pictures by that key.

    Raises:
        DatasetError: If the file is damaged.
    """
    name = path.stem if key == "id" else f"{path.stem}-by-{key}"
    return open_index(name, path.parent, [path], partial(_build, path=path, key=key))


def read_instances(indexes: Sequence[Index], key: str, where: str) -> Scene | None:
    """Annotations of a picture, from the first instance file that has it; None if none has.

    Args:
        indexes: As opened by `open_instances`.
        key: Key of the picture in the table "images".
        where: What to call the picture in messages.

    Raises:
        DatasetError: If the annotations are damaged.
    """
    for index in indexes:
        image = index.table("images").get(key)
        if image is not None:
            annotations = index.table("annotations").all(str(record_value(image, "id", int, where)))
            names = {}
            for category in {r["category_id"] for r in annotations if isinstance(r, dict) and type(r.get("category_id")) is int}:
                if (found := index.table("categories").get(str(category))) is not None:
                    names[category] = record_value(found, "name", str, f"COCO category {category}")
            return scene_from_instances(image, annotations, names, where)
    return None


def _build(builder: Builder, path: Path, key: str) -> None:
    add = {
        "images": builder.table("images", unique="image id" if key == "id" else key),
        "annotations": builder.table("annotations"),
        "categories": builder.table("categories", unique="category id"),
    }
    for record in scan_list(path, _EXPECTED, tuple(add)):
        where = f"{path}, {record.member} {record.key}"
        if record.member == "images" and key == "file_name":
            name = PurePosixPath(record_value(record.value, "file_name", str, where)).name
        else:
            name = str(record_value(record.value, "image_id" if record.member == "annotations" else "id", int, where))
        add[record.member](name, record, path)


def scene_from_instances(image: Any, annotations: Sequence[Any], categories: dict[int, str], where: str) -> Scene:
    """Translates the annotations of one picture.

    Args:
        image: `{"width", "height", ...}`.
        annotations: `{"id", "category_id", "bbox": [x, y, width, height], ...}`, `(x, y)` the upper left corner, in pixels;
            optionally "attributes", a list of adjectives.
        categories: Names of the categories by id.
        where: What to call the picture in messages.

    Raises:
        DatasetError: If a key is missing or of the wrong type.
    """
    objects = {}
    for i, record in enumerate(annotations):
        here = f"{where}, annotation {i}"
        object_id = str(record_value(record, "id", int, here))
        category = record_value(record, "category_id", int, here)
        if category not in categories:
            raise DatasetError(f"{here} has category_id {category}. Expected that of one of the file's categories.")
        objects[object_id] = SceneObject(
            object_id=object_id,
            name=categories[category],
            box=box_of(record, here),
            attributes=tuple(record_list(record, "attributes", str, here)) if "attributes" in record else (),
        )
    width, height = (int(number(record_value(image, key, object, where), f"{where}, {key!r}", 1)) for key in ("width", "height"))
    return Scene(width, height, objects)


def box_of(record: Any, where: str) -> Box:
    """The box of a record with "bbox", `[x, y, width, height]` in pixels, as `(left, top, right, bottom)`.

    Raises:
        DatasetError: If it is no such list.
    """
    values = record_value(record, "bbox", list, where)
    if len(values) != 4:
        raise DatasetError(f"{where} has a bbox of {len(values)} numbers. Expected 4: x, y, width and height.")
    x, y = (number(value, f"{where}, bbox", -LARGEST) for value in values[:2])
    w, h = (number(value, f"{where}, bbox") for value in values[2:])
    return (x, y, x + w, y + h)


def named_image_id(record: Any, key: str, where: str) -> int:
    """The image id in the file name that a record has under a key: "COCO_val2014_000000310196.jpg" or "000000310196.jpg".

    Raises:
        DatasetError: If it is no such name. Names are not used as paths: they could lead out of the folder.
    """
    name = record_value(record, key, str, where)
    match = _FILE_NAME.fullmatch(name)
    if match is None:
        raise DatasetError(
            f"{where} has {key!r}: {name!r:.80}. Expected the name of a COCO picture, "
            "as in '000000222235.jpg' or 'COCO_val2014_000000222235.jpg'."
        )
    return int(match[1])
