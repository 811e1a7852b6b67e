"""The backend: estimates a scene from the pixels of a picture, and answers from it as the oracle does from annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.datasets.scene import Box, Scene
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.pictures import pixel_box
from vispro_gym.perception.pixels.kinds import LEARNED
from vispro_gym.perception.protocol import (
    Answer,
    BackendError,
    Depth,
    Detect,
    PerceptionError,
    Relate,
    RequestT,
    Similarity,
    Verify,
)

if TYPE_CHECKING:
    from vispro_gym.perception.pixels.network import Eyes

# What results depend on beside the weights: files of `vispro_gym.perception`.
_CODE: tuple[str, ...] = ("oracle.py", "language.py", "scene_index.py", "vocabulary.py", "vocabulary.toml", "pictures.py")
_CODE += tuple(f"pixels/{name}.py" for name in ("backend", "kinds", "looking", "network", "parts", "relations", "scenes"))
_MOST_SCENES = 1024


class PixelsPerception:
    """Perception of the pictures of CLEVR and of drawn mini data, by small networks that look at the pixels.

    It never reads an annotation, and gets things wrong as perception does. The networks are trained at the first use, on pictures
    that are drawn for it, and kept in the cache folder. Pictures of other sizes than 480x320 and 480x360 pixels are refused; what
    it sees in photographs of just that size makes no sense.

    Raises:
        BackendError: If torch is not installed.
    """

    name = "pixels"

    def __init__(self) -> None:
        if find_spec("torch") is None:
            raise BackendError("Perception 'pixels' needs torch: pip install 'vispro-gym[vision]'")
        self._oracle = OraclePerception()
        self._trained: tuple[dict[str, Eyes], str] | None = None
        self._scenes: dict[str, Scene] = {}

    def identity(self, operation: str) -> str:
        """Digests of the code and of the weights: the same for all operations. Trains the networks if need be."""
        return f"pixels {_code_digest()} {self._eyes()[1]}"

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """Boxes of the things that the phrase names, from left to right."""
        return self._served(requests, self._oracle.detect)

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether any thing of that name looks as if it had the attribute."""
        return self._served(requests, self._oracle.verify)

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """Answers to the questions that the oracle understands."""
        return self._served(requests, self._oracle.answer)

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """Share of each text's words that are true of what the box shows, from 0 to 1."""
        return self._served(requests, self._oracle.similarity)

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Distance in the unit of CLEVR; drawings have no depth."""
        return self._served(requests, self._oracle.depth)

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """Boxes of the related things, from left to right."""
        return self._served(requests, self._oracle.relate)

    def _served(self, requests: Sequence[RequestT], serve: Callable[[Any], list[Any]]) -> list[Any]:
        """What the oracle says of the pictures' estimated scenes."""
        seen: dict[str, Scene | PerceptionError] = {}  # the pictures of these requests, however many the memory holds
        results: list[Any] = [None] * len(requests)
        rewritten: list[tuple[int, RequestT]] = []
        for i, request in enumerate(requests):
            key = request.image.content_hash
            if key not in seen:
                try:
                    seen[key] = self.scene(request.image)
                except PerceptionError as error:
                    seen[key] = error
            scene = seen[key]
            if isinstance(scene, PerceptionError):
                results[i] = scene
            else:
                image = ImageRef(request.image.image_id, (scene.width, scene.height), request.image.pixels, scene=scene)
                rewritten.append((i, replace(request, image=image, box=pixel_box(request.box, image.size))))
        for (i, _), result in zip(rewritten, serve([request for _, request in rewritten]), strict=True):
            results[i] = result
        return results

    def scene(self, image: ImageRef) -> Scene:
        """What a picture seems to show; equal pictures have one and the same scene, which the oracle indexes by its identity.

        Raises:
            PerceptionError: If the picture is of no kind that is understood.
            DatasetError: If the picture is missing or damaged.
        """
        from vispro_gym.perception.pixels.looking import look
        from vispro_gym.perception.pixels.scenes import scene_of

        key = image.content_hash
        if key in self._scenes:
            return self._scenes[key]
        pixels = image.pixels()
        size = pixels.shape[1], pixels.shape[0]
        kind = next((kind for kind in LEARNED if kind.size == size), None)
        if kind is None:
            known = " or ".join(f"{width}x{height} ({kind.name})" for kind in LEARNED for width, height in [kind.size])
            raise PerceptionError(
                f"Perception 'pixels' has learned pictures of {known}, and picture {image.image_id!r} is of {size[0]}x{size[1]} "
                "pixels. Use another perception."
            )
        while len(self._scenes) >= _MOST_SCENES:
            self._scenes.pop(next(iter(self._scenes)))
        scene = self._scenes[key] = scene_of(kind, *look(self._eyes()[0][kind.name], pixels))
        return scene

    def _eyes(self) -> tuple[dict[str, Eyes], str]:
        if self._trained is None:
            from vispro_gym.perception.pixels.weights import trained_eyes

            eyes, digest = trained_eyes()
            self._trained = dict(eyes), digest
        return self._trained


@cache
def _code_digest() -> str:
    root = Path(__file__).parents[1]
    return blake2b(b"".join((root / name).read_bytes() for name in _CODE), digest_size=8).hexdigest()
