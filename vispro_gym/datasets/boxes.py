"""What a detection sample asks for: the target of all datasets whose answers are boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vispro_gym.datasets.coco_pictures import box_of
from vispro_gym.datasets.records import record_value
from vispro_gym.datasets.scene import Box


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of a picture that are to be found.

    Attributes:
        gold: The annotated boxes in image coordinates; none if there is nothing to find.
        ignored: Regions with too many objects to tell apart (COCO's crowds), in which a box is neither right nor wrong.
    """

    gold: tuple[Box, ...]
    ignored: tuple[Box, ...] = ()


def boxes_of(annotations: Sequence[Any], where: str) -> Boxes:
    """The boxes of annotations in the way of COCO.

    Args:
        annotations: `{"bbox": [x, y, width, height], "iscrowd": 0 or 1}`, `(x, y)` the upper left corner, in pixels.
            "iscrowd" may be left out.
        where: What to call the sample in messages.

    Raises:
        DatasetError: If a box or a flag is damaged.
    """
    gold: list[Box] = []
    ignored: list[Box] = []
    for i, record in enumerate(annotations):
        here = f"{where}, annotation {i}"
        crowd = record_value(record, "iscrowd", int, here) if "iscrowd" in record else 0
        (ignored if crowd else gold).append(box_of(record, here))
    return Boxes(tuple(gold), tuple(ignored))
