"""NLVR (Suhr et al., ACL 2017), statements on drawn boxes of coloured shapes, in its official layout.

    ROOT/{train,dev,test,hidden}/{train,dev,test,hidden}.json
    ROOT/{split}/images/{directory}/{split}-{identifier}-{0..5}.png

ROOT may also be the folder that holds `nlvr/`. Files hold one JSON record per line, `{"identifier", "sentence", "label",
"directory", "structured_rep", ...}`, the label "true" or "false"; the records of "hidden" name no directory. Download:
https://github.com/lil-lab/nlvr/tree/master/nlvr (CC BY 4.0).

A picture of 400x100 pixels shows three boxes of 100x100 side by side, with bars of 50 pixels between them. "structured_rep" lists
their objects, `{"x_loc", "y_loc", "size", "type", "color"}`: the upper left corner inside the box and the side of the bounding
square, in pixels. Of each example there are six pictures, which show the boxes in every order; what is said of them does not
depend on it. Picture k shows them in the k-th order of `ORDERS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.base import Dataset
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.index import Builder
from vispro_gym.datasets.nlvr2 import directory_of, truth_of
from vispro_gym.datasets.records import number, record_list, record_value
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene, SceneCache, SceneObject
from vispro_gym.datasets.split_files import find_split, split_records

SIDE = 100
"""Side of a box in pixels."""
BAR = 50
"""Width of the bar between two boxes in pixels."""
BOXES = 3
ORDERS = tuple(permutations(range(BOXES)))
"""Which boxes of "structured_rep" picture k shows, from left to right."""
TOWER_X, TOWER_SIZE = 40, 20
"""Where the blocks of towers are, and how large; everything else is scattered."""

_EXPECTED = "NLVR statements, one JSON record per line"
_IDENTIFIER = re.compile(r"\d{1,9}-\d{1,9}")
_COLORS = {"#0099ff": "blue"}
_SIZES = {10: "small", 20: "medium", 30: "large"}


class NLVR(Dataset):
    """One split of NLVR: "train", "dev", "test" or "hidden".

    Sample ids are the identifiers. Targets are bool. Programs receive the three boxes as pictures of their own. Which of the six
    pictures a sample has depends on the seed of `sample`: it is picture `seed % 6`.
    """

    name = "NLVR"
    forms = {"statement": "nlvr"}  # noqa: RUF012 (the base class declares it)
    fields = ("arrangement", "objects", "directory")
    type_field = "arrangement"

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the pictures of a sample, in the order in which programs receive them."""
        return ("box_1", "box_2", "box_3")

    @property
    def is_shuffled(self) -> bool:
        """Whether samples depend on a seed: the boxes come in any order."""
        return True

    def _sources(self) -> list[Path]:
        layout = (("{}", "{}/{}.json"), ("{}", "nlvr/{}/{}.json"))
        address = "https://github.com/lil-lab/nlvr/tree/master/nlvr"
        self._path = find_split(self.name, self.split, self.location.root, layout, address)
        self._scenes = SceneCache(self._read_scene)
        self._folder = self._path.parent / "images"
        return [self._path]

    def _build(self, builder: Builder) -> None:
        records = split_records(f"NLVR {self.split}", self._path, _EXPECTED, "label", "identifier")
        self._add_samples(builder, "identifier", records)

    def _fields(self, record: Any, where: str) -> dict[str, str | int]:
        fields: dict[str, str | int] = {}
        if "structured_rep" in record:
            items = [item for box in _boxes(record, where) for item in box]
            is_scatter = any(item.get("x_loc") != TOWER_X or item.get("size") != TOWER_SIZE for item in items)
            fields |= {"arrangement": "scatter" if is_scatter else "tower", "objects": len(items)}
        if "directory" in record:
            fields["directory"] = directory_of(record, where)
        return fields

    def _is_annotated(self, record: Any) -> bool:
        return "structured_rep" in record

    def _sample(self, sample_id: str, record: Any, seed: int) -> Sample:
        where = f"NLVR {self.split} example {sample_id}"
        identifier = record_value(record, "identifier", str, where)
        if not _IDENTIFIER.fullmatch(identifier):  # it is part of a path: it must not lead out of the folder
            raise DatasetError(f"{where} has the identifier {identifier!r:.80}. Expected two numbers, such as '1572-0'.")
        return Sample(
            sample_id=sample_id,
            query=record_value(record, "sentence", str, where),
            images=tuple(self._refs(identifier, record, seed % len(ORDERS), where)),
            target=truth_of(record, where),
            fields=self._fields(record, where),
            record=record,
        )

    def _refs(self, identifier: str, record: Any, order: int, where: str) -> Iterator[ImageRef]:
        name = f"{self.split}-{identifier}-{order}.png"
        row = image_ref(self._find(name, record, where), name, _size_of_row, self.images)
        for i, box in enumerate(ORDERS[order]):
            scene = partial(self._scenes.get, f"{identifier} {box}")
            yield ImageRef(f"{name}, box {i + 1}", (SIDE, SIDE), partial(_cut, row, i), scene=scene)

    def _find(self, name: str, record: Any, where: str) -> Path:
        """Where a picture is; where the official layout would have it, if it is nowhere."""
        if "directory" in record:
            return self._folder / str(directory_of(record, where)) / name
        folders = [self._folder, *sorted(path for path in self._folder.glob("*") if path.is_dir())]
        return next((folder / name for folder in folders if (folder / name).exists()), self._folder / name)

    def _read_scene(self, key: str) -> Scene | None:
        identifier, _, box = key.partition(" ")
        record = self._samples.get(identifier)
        if "structured_rep" not in record:
            return None
        where = f"NLVR {self.split} example {identifier}"
        return scene_from_box(_boxes(record, where)[int(box)], f"{where}, structured_rep, box {box}")


def scene_from_box(items: list[Any], where: str) -> Scene:
    """Translates one box of a "structured_rep".

    Objects are called "circle", "square" or "triangle" and are "black", "blue" or "yellow", and "small", "medium" or "large".

    Args:
        items: The objects of the box.
        where: What to call the box in messages.

    Raises:
        DatasetError: If a key is missing or of the wrong type, or a number makes no sense.
    """
    objects = {}
    for i, item in enumerate(items):
        here = f"{where}, object {i}"
        left, top, size = (
            number(record_value(item, key, object, here), f"{here}, {key!r}") for key in ("x_loc", "y_loc", "size")
        )
        color = record_value(item, "color", str, here)
        objects[str(i)] = SceneObject(
            object_id=str(i),
            name=record_value(item, "type", str, here).lower(),
            box=(left, top, left + size, top + size),
            attributes=tuple(word for word in (_SIZES.get(int(size)), _COLORS.get(color.lower(), color.lower())) if word),
        )
    return Scene(SIDE, SIDE, objects)


def _boxes(record: Any, where: str) -> list[list[Any]]:
    boxes = record_list(record, "structured_rep", list, where)
    if len(boxes) != BOXES:
        raise DatasetError(f"{where} has a structured_rep of {len(boxes)} boxes. Expected {BOXES}.")
    for i, box in enumerate(boxes):
        for item in box:
            if not isinstance(item, dict):
                raise DatasetError(f"{where} has a structured_rep whose box {i} holds {item!r:.80}. Expected objects.")
    return boxes


def _size_of_row() -> Scene:
    return Scene(BOXES * SIDE + (BOXES - 1) * BAR, SIDE, {})


def _cut(row: ImageRef, i: int) -> NDArray[np.uint8]:
    left = i * (SIDE + BAR)
    return np.ascontiguousarray(row.pixels()[:, left : left + SIDE])
