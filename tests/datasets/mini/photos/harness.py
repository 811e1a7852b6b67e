"""Photos as loaders show them, and the engine that runs programs on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from vispro_gym.datasets.mini.photos import Photo, coco_instances, take_photos
from vispro_gym.datasets.sample import ImageRef, Sample
from vispro_gym.datasets.scene import Scene, SceneObject
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.tasks import VisualQuestionAnswering


class Case(NamedTuple):
    """A program, the photo it looks at, the answer it has to give, and what it is for."""

    program: str
    image_id: int
    answer: Any
    label: Any


@cache
def photos(seed: str = "tests", count: int = 160) -> tuple[Photo, ...]:
    return tuple(take_photos(seed, count, 1))


def image_refs(some: Iterable[Photo]) -> dict[int, ImageRef]:
    """Pictures with scenes made of nothing but what the instance file says."""
    instances = coco_instances(some, "val2017")
    names = {category["id"]: category["name"] for category in instances["categories"]}
    objects: dict[int, dict[str, SceneObject]] = {image["id"]: {} for image in instances["images"]}
    for annotation in instances["annotations"]:
        x, y, width, height = annotation["bbox"]
        key = str(annotation["id"])
        objects[annotation["image_id"]][key] = SceneObject(
            key, names[annotation["category_id"]], (x, y, x + width, y + height), tuple(annotation["attributes"])
        )
    return {image["id"]: _ref(image, objects[image["id"]]) for image in instances["images"]}


def _ref(image: Mapping[str, Any], objects: dict[str, SceneObject]) -> ImageRef:
    size = (image["width"], image["height"])

    def blank() -> np.ndarray:
        return np.zeros((size[1], size[0], 3), np.uint8)

    return ImageRef(str(image["id"]), size, blank, scene=Scene(*size, objects))


def mistakes(some: Sequence[Photo], cases: Sequence[Case]) -> list[tuple[Case, Any, Any]]:
    """The cases whose program gives another answer (type included) through the real engine, with that answer and the error."""
    refs = image_refs(some)
    jobs = [Job(case.program, Sample(str(i), "", (refs[case.image_id],), "")) for i, case in enumerate(cases)]
    outcomes = Engine(VisualQuestionAnswering(), OraclePerception()).run(jobs)
    return [
        (case, outcome.answer, outcome.error)
        for case, outcome in zip(cases, outcomes, strict=True)
        if type(outcome.answer) is not type(case.answer) or outcome.answer != case.answer
    ]
