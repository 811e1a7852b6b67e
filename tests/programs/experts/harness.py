"""Runs programs in this process: a plain `ImagePatch` over the oracle, for tests of the translators only."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box, Scene
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.protocol import Answer, Detect, PerceptionError, Relate, Verify

ORACLE = OraclePerception()


def image_of(scene: Scene) -> ImageRef:
    def load() -> np.ndarray:
        return np.zeros((scene.height, scene.width, 3), np.uint8)

    return ImageRef("scene", (scene.width, scene.height), load, scene=scene)


def result(results: list[Any]) -> Any:
    (value,) = results
    if isinstance(value, PerceptionError):
        raise value
    return value


class ImagePatch:
    def __init__(
        self, image: ImageRef, left: int = 0, lower: int = 0, right: int | None = None, upper: int | None = None
    ) -> None:
        self.image = image
        self.left, self.lower = left, lower
        self.right = image.width if right is None else right
        self.upper = image.height if upper is None else upper
        self.width, self.height = self.right - self.left, self.upper - self.lower
        self.area = self.width * self.height
        self.horizontal_center, self.vertical_center = (self.left + self.right) / 2, (self.lower + self.upper) / 2

    @property
    def box(self) -> Box:
        return (self.left, self.image.height - self.upper, self.right, self.image.height - self.lower)

    def _patch(self, box: Box) -> ImagePatch:
        left, top, right, bottom = map(round, box)
        return ImagePatch(self.image, left, self.image.height - bottom, right, self.image.height - top)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImagePatch) and self.box == other.box

    def __hash__(self) -> int:
        return hash(self.box)

    def find(self, name: str) -> list[ImagePatch]:
        return [self._patch(box) for box in result(ORACLE.detect([Detect(self.image, self.box, name)]))]

    def exists(self, name: str) -> bool:
        return bool(self.find(name))

    def verify_property(self, name: str, attribute: str) -> bool:
        return result(ORACLE.verify([Verify(self.image, self.box, name, attribute)]))

    def simple_query(self, question: str = "What is this?") -> str:
        return result(ORACLE.answer([Answer(self.image, self.box, question)]))

    def related(self, relation: str, name: str | None = None, role: str = "subject") -> list[ImagePatch]:
        return [self._patch(box) for box in result(ORACLE.relate([Relate(self.image, self.box, relation, name, role)]))]


def bool_to_yesno(value: bool) -> str:
    return "yes" if value else "no"


def run(program: str, scene: Scene) -> Any:
    """What the program returns."""
    namespace: dict[str, Any] = {"ImagePatch": ImagePatch, "bool_to_yesno": bool_to_yesno}
    exec(compile(program, "program", "exec"), namespace)
    execute: Callable[[ImageRef], Any] = namespace["execute_command"]
    return execute(image_of(scene))


def assigned_names(program: str) -> list[str]:
    """Variables that the program assigns by statements, in order."""
    tree = ast.parse(program)
    return [
        node.targets[0].id for node in ast.walk(tree) if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
