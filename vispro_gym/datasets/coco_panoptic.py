"""Panoptic segments of COCO (Kirillov et al., CVPR 2019): a label and an instance for every pixel.

The layout is in `vispro_gym.datasets.coco_images`. Each picture has a PNG as large as itself: the number of a pixel's segment is
R + 256 G + 256^2 B, and the JSON file says of which category each segment is. 0 is what nobody annotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.coco_images import CocoImages
from vispro_gym.datasets.coco_splits import FILE_NAME
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.images import read_image
from vispro_gym.datasets.records import natural, record_list, record_value
from vispro_gym.datasets.sample import ImageRef

_LARGEST_SEGMENT = 256**3 - 1


@dataclass(frozen=True)
class Segments:
    """The segments of a picture.

    Attributes:
        path: The PNG with the number of each pixel's segment.
        size: `(width, height)` of the picture in pixels.
        labels: By segment number, the position of its category in `CocoImages.categories` counted from 1; 0 for crowds, which are
            regions with too many objects to tell apart.
        where: What to call the picture in messages.
    """

    path: Path
    size: tuple[int, int]
    labels: dict[int, int]
    where: str

    def pixels(self) -> NDArray[np.int32]:
        """Reads the segments; nothing is kept.

        Returns:
            int32 of shape `(height, width, 2)`: label, counted from 1, and number of the segment within the picture, from 1 in
            the order of the JSON file. Both are 0 where nothing is annotated, and in crowds.

        Raises:
            DatasetError: If the PNG is missing, has another size than the picture, or holds a segment that the JSON file has not.
        """
        try:
            colors = read_image(self.path, self.size).astype(np.int32)
        except MissingDataError:
            raise MissingDataError(
                f"The segments {self.path} are missing. Expected the PNG files of panoptic_annotations_trainval2017.zip, "
                f"unpacked into {self.path.parent}."
            ) from None
        numbers, inverse = np.unique(colors @ np.array([1, 256, 256**2], np.int32), return_inverse=True)
        if unknown := [int(number) for number in numbers if number and int(number) not in self.labels]:
            raise DatasetError(
                f"{self.path} holds segment {unknown[0]}, which {self.where} has not in 'segments_info'. Expected the PNG and "
                "the JSON file of one release. Fetch both again."
            )
        order = {number: i for i, number in enumerate(self.labels, 1)}
        table = np.zeros((len(numbers), 2), np.int32)
        for row, number in enumerate(map(int, numbers)):
            if label := self.labels.get(number, 0):
                table[row] = label, order[number]
        return table[inverse.reshape(colors.shape[:2])]


class CocoPanoptic(CocoImages):
    """All segments of a picture. Targets are `Segments`; pictures without an annotation are left out."""

    name = "COCOPanoptic"
    forms = {"picture": "panoptic"}  # noqa: RUF012 (the base class declares it)
    fields = ("segments",)
    kind = "panoptic"
    keys_of_annotations = "image_id (of annotations)"

    def _number(self, annotation: Any, where: str) -> int:
        return len(record_list(annotation, "segments_info", dict, where))

    def _target(self, annotations: list[Any], image: ImageRef, where: str) -> Segments:
        (annotation,) = annotations
        name = record_value(annotation, "file_name", str, where)
        if not FILE_NAME.fullmatch(name):  # it becomes part of a path: it must not lead out of the folder
            raise DatasetError(f"{where} has 'file_name': {name!r:.80}. Expected the name of a PNG file.")
        labels: dict[int, int] = {}
        for i, segment in enumerate(annotation["segments_info"]):
            here = f"{where}, segment {i}"
            number = natural(segment, "id", here, _LARGEST_SEGMENT)
            if number in labels or not number:
                raise DatasetError(f"{here} has 'id': {number}. Expected a number above 0 that no other segment has.")
            label = self._label(segment, here) + 1
            crowd = record_value(segment, "iscrowd", int, here) if "iscrowd" in segment else 0
            labels[number] = 0 if crowd else label
        folders = [self.location.root / part / f"panoptic_{self._folder}" for part in ("annotations", ".")]
        folder = next((folder for folder in folders if folder.is_dir()), folders[0])
        return Segments(folder / name, image.size, labels, where)
