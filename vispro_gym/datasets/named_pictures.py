"""Pictures that are known by their file names, with annotations in COCO's format, for datasets that have none of their own.

A folder may hold `annotations/instances_*.json`, COCO instances whose images are found by the last part of "file_name". They are
what the oracle sees; perception that looks at pixels needs none.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vispro_gym.datasets.coco_pictures import open_instances, read_instances
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Scene, SceneCache
from vispro_gym.datasets.tables import Index


class NamedPictures:
    """Finds annotations by the file name of a picture.

    Args:
        root: Folder of the dataset.
        images: "required" or "optional".

    Attributes:
        sources: The instance files that were found.
    """

    def __init__(self, root: Path, images: str) -> None:
        self._images = images
        self._scenes = SceneCache(self._read_scene)
        self.sources: list[Path] = sorted((root / "annotations").glob("instances_*.json"))
        self._indexes: list[Index] | None = None

    def has(self, file_name: str) -> bool:
        """Whether a picture is annotated."""
        return any(file_name in index.table("images") for index in self._open())

    def scene(self, file_name: str) -> Scene | None:
        """Annotations of a picture; None if it has none. Raises DatasetError if they are damaged."""
        return self._scenes.get(file_name)

    def ref(self, path: Path, file_name: str) -> ImageRef:
        """A reference to a picture, which goes by its file name.

        Args:
            path: Where the file should be.
            file_name: Its name, without folders.

        Raises:
            MissingDataError: If the picture is missing and required.
        """
        return image_ref(path, file_name, partial(self.scene, file_name), self._images)

    def _open(self) -> list[Index]:
        if self._indexes is None:
            self._indexes = [open_instances(path, "file_name") for path in self.sources]
        return self._indexes

    def _read_scene(self, file_name: str) -> Scene | None:
        return read_instances(self._open(), file_name, f"Picture {file_name}")
