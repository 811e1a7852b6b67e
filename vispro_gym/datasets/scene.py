"""What is in a picture, in one form for every dataset.

Dataset files describe pictures in their own ways (GQA scene graphs, CLEVR scenes, ...). Each loader translates its
files into a `Scene`; annotation-backed perception, renderings and counterfactual scenes read only this form.

Coordinates here are image coordinates: pixels, origin in the upper left corner, y pointing down. The program
language has its origin in the lower left corner (`vispro_gym.programs.api`); the engine converts between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Box = tuple[float, float, float, float]
"""`(left, top, right, bottom)` in pixels, origin upper left, `left <= right` and `top <= bottom`."""


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, from 0 to 1.

    Boxes without area overlap nothing, not even themselves; nor do boxes that hold NaN or infinity.
    """
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if not (width > 0 and height > 0):
        return 0.0
    common = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if math.isfinite(common) and math.isfinite(union) else 0.0


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One annotated object.

    Attributes:
        object_id: Identifier, unique within the scene.
        name: Noun as annotated, singular or plural ("cup", "bananas", "wine glass").
        box: Bounding box in image coordinates.
        attributes: Flat adjectives as annotated ("red", "metal", "sitting").
        relations: Outgoing edges `(relation, other_object_id)`, read "this object <relation> the other object",
            for example `("to the left of", "17")`.
        depth: Distance from the camera in the dataset's own unit, larger is farther; None if not annotated.
    """

    object_id: str
    name: str
    box: Box
    attributes: tuple[str, ...] = ()
    relations: tuple[tuple[str, str], ...] = ()
    depth: float | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """All annotations of one picture.

    Attributes:
        width: Picture width in pixels.
        height: Picture height in pixels.
        objects: Objects by id, in the order of the file.
        properties: Facts on the picture as a whole, for example `{"location": "outdoors", "weather": "cloudy"}`.
    """

    width: int
    height: int
    objects: Mapping[str, SceneObject]
    properties: Mapping[str, str] = field(default_factory=dict)


class SceneCache:
    """The scenes that were asked for last. Equal pictures get the same object, which perception indexes by its identity."""

    def __init__(self, read: Callable[[str], Scene | None], size: int = 1024) -> None:
        self._read, self._size = read, size
        self._scenes: dict[str, Scene | None] = {}

    def get(self, image_id: str) -> Scene | None:
        """The scene of a picture, None if it is not annotated. Raises whatever `read` raises."""
        if image_id in self._scenes:
            return self._scenes[image_id]
        scene = self._read(image_id)
        while len(self._scenes) >= self._size:
            self._scenes.pop(next(iter(self._scenes)), None)
        self._scenes[image_id] = scene
        return scene
