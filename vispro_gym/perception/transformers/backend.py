"""The backend: which model serves which operation, loaded when it is first asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.derived import Derivation, relate_by_parts, verify_by_question
from vispro_gym.perception.pictures import Pictures, serve_distinct
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
from vispro_gym.perception.transformers.options import one_of, resolve
from vispro_gym.programs.api import OPERATIONS

if TYPE_CHECKING:  # they import torch
    from vispro_gym.perception.transformers.answering import Vilt, Writer
    from vispro_gym.perception.transformers.depth import DepthEstimator
    from vispro_gym.perception.transformers.detection import Dino, Owl
    from vispro_gym.perception.transformers.loading import Checkpoint
    from vispro_gym.perception.transformers.matching import Matcher
    from vispro_gym.perception.transformers.network import Network

_AUTO_CLASSES = {
    "dino": "AutoModelForZeroShotObjectDetection",
    "owl": "AutoModelForZeroShotObjectDetection",
    "vilt": "AutoModelForVisualQuestionAnswering",
    "blip": "AutoModelForImageTextToText",
    "chat": "AutoModelForImageTextToText",
    "clip": "AutoModelForZeroShotImageClassification",
    "siglip": "AutoModelForZeroShotImageClassification",
    "depth": "AutoModelForDepthEstimation",
}


class TransformersPerception:
    """Perception by four models of the transformers library: one finds, one answers, one matches, one tells depths.

    Configurations are read when it is made, those of the models that are named, or of all if none is, so that a wrong name is
    told at once; weights are loaded when an operation needs them. Nothing is fetched if `HF_HUB_OFFLINE=1`.

    A result is a function of the picture's content, the pixels of the box and the arguments: pictures of different shapes are
    never padded together, and texts are padded with masks. What remains is rounding, measured in float32 on a CPU with random
    weights: with the size of a batch, scores of Grounding DINO change by up to 3e-5, those of OWL-ViT and OWLv2, embeddings and
    depths by up to 2e-7. A score that close to a threshold, or two answers that close to each other, can still tip over. In
    bfloat16 that is no rarity: scores of Grounding DINO change by up to 0.25 where other candidates are chosen.

    Args:
        preset: "light" or "viunit", see `vispro_gym.perception.transformers.options.PRESETS`.
        detector: Grounding DINO, MM Grounding DINO, OWL-ViT or OWLv2, by hub id or folder, in place of the preset's.
        answerer: ViLT, BLIP-2, InstructBLIP or a chat model that reads pictures, in place of the preset's.
        matcher: CLIP or SigLIP, in place of the preset's.
        depth: Depth Anything or DPT, in place of the preset's.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".
        dtype: "float32", "bfloat16", "float16" or "auto": bfloat16 for models that write answers on a GPU, else float32.
        batch_size: Most pictures or texts in a forward pass.
        box_threshold: Least score of a box, in place of the preset's.
        max_boxes: Most boxes found for a phrase, in place of the preset's.
        verify: "similarity": a contrast of the attribute with others (`matching.Matcher.verify`), or "question".
        verify_threshold: Least mean probability of the attribute in that contrast, in place of the preset's.

    Attributes:
        derives: Operations that are made of others, see `vispro_gym.perception.derived`.
        forward_passes: Operation -> how many forward passes it took so far. Those that one operation makes through another
            count for the other.

    Raises:
        ValueError: If an option has a value that is not expected.
        BackendError: If a library, a model or the device is missing, or a model is none that its operation takes.
    """

    name = "transformers"

    def __init__(
        self,
        preset: str = "light",
        *,
        detector: str | None = None,
        answerer: str | None = None,
        matcher: str | None = None,
        depth: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
        box_threshold: float | None = None,
        max_boxes: int | None = None,
        verify: str = "similarity",
        verify_threshold: float | None = None,
    ) -> None:
        models = {"detector": detector, "answerer": answerer, "matcher": matcher, "depth": depth}
        self.options = resolve(preset, models, device, dtype, batch_size, box_threshold, max_boxes, verify, verify_threshold)
        self._transformers = _library_version()
        from vispro_gym.perception.transformers.loading import resolve_device
        from vispro_gym.perception.transformers.network import Memory

        self._device = resolve_device(device)
        self._checkpoints: dict[str, Checkpoint] = {}
        named = [role for role, source in models.items() if source is not None]
        for role in named or models:
            self._checkpoint(role)
        self.derives: dict[str, Derivation] = {"relate": partial(relate_by_parts, has_depth=True)}
        if verify == "question":
            self.derives["verify"] = verify_by_question
        self._memory = Memory()
        self._loaded: dict[str, Any] = {}
        self.forward_passes = dict.fromkeys(OPERATIONS, 0)

    def identity(self, operation: str) -> str:
        """What the results of an operation depend on beside the request, as JSON.

        Raises:
            ValueError: If there is no such operation.
        """
        one_of("operation", operation, OPERATIONS)
        return json.dumps(self._identity(operation), sort_keys=True)

    def detect(self, requests: Sequence[Detect]) -> list[list[Box] | PerceptionError]:
        """Boxes found, the best first."""
        return self._serve("detect", self._detector, requests, lambda model, asked, seen: model.detect(asked, seen))

    def answer(self, requests: Sequence[Answer]) -> list[str | PerceptionError]:
        """Short answers in lower case, or as the model's list of answers has them."""
        return self._serve("answer", self._answerer, requests, lambda model, asked, seen: model.answer(asked, seen))

    def similarity(self, requests: Sequence[Similarity]) -> list[list[float] | PerceptionError]:
        """Cosines of embeddings, -1.0 to 1.0."""
        return self._serve("similarity", self._matcher, requests, lambda model, asked, seen: model.similarity(asked, seen))

    def verify(self, requests: Sequence[Verify]) -> list[bool | PerceptionError]:
        """Whether the attribute wins against others, or the answer to a question is yes."""
        if derive := self.derives.get("verify"):
            return derive(self, requests)
        threshold = self.options.verify_threshold
        return self._serve("verify", self._matcher, requests, lambda model, asked, seen: model.verify(asked, seen, threshold))

    def depth(self, requests: Sequence[Depth]) -> list[float | PerceptionError]:
        """Median distances, in metres if the model is metric, else inverse to what it tells."""
        return self._serve("depth", self._depth, requests, lambda model, asked, seen: model.depth(asked, seen))

    def relate(self, requests: Sequence[Relate]) -> list[list[Box] | PerceptionError]:
        """Boxes of what is found in a relation, by positions, depths and questions."""
        return self.derives["relate"](self, requests)

    def _serve(
        self,
        operation: str,
        load: Callable[[], Any],
        requests: Sequence[RequestT],
        work: Callable[[Any, list[RequestT], Pictures], list[Any]],
    ) -> list[Any]:
        if not requests:
            return []
        model = load()
        network: Network = model.network
        before = network.passes
        try:
            return serve_distinct(requests, lambda distinct: work(model, distinct, Pictures()))
        finally:
            self.forward_passes[operation] += network.passes - before

    def _identity(self, operation: str) -> dict[str, Any]:
        options = self.options
        by_question = operation == "verify" and options.verify == "question"
        if operation == "relate":
            return {name: self._identity(name) for name in ("detect", "answer", "depth")}
        if by_question:
            return {"by": "question", "answer": self._identity("answer")}
        role = {"detect": "detector", "answer": "answerer", "depth": "depth"}.get(operation, "matcher")
        checkpoint = self._checkpoint(role)
        facts: dict[str, Any] = {
            "backend": self.name,
            "vispro_gym": version("vispro-gym"),
            "transformers": self._transformers,
            **checkpoint.identity(),
        }
        if operation == "detect":
            facts |= {"box_threshold": self._box_threshold(), "max_boxes": options.max_boxes}
        elif operation == "verify":
            from vispro_gym.perception.transformers.matching import contrast_digest

            facts |= {"verify_threshold": options.verify_threshold, "contrast": contrast_digest()}
        elif checkpoint.family in ("blip", "chat"):
            facts |= {"max_new_tokens": options.max_new_tokens}
            if checkpoint.family == "blip":
                facts |= {"beams": options.beams, "length_penalty": options.length_penalty}
        return facts

    def _box_threshold(self) -> float:
        from vispro_gym.perception.transformers.detection import BOX_THRESHOLDS

        family = self._checkpoint("detector").family
        return BOX_THRESHOLDS[family] if self.options.box_threshold is None else self.options.box_threshold

    def _checkpoint(self, role: str) -> Checkpoint:
        from vispro_gym.perception.transformers.loading import Checkpoint

        if role not in self._checkpoints:
            self._checkpoints[role] = Checkpoint(role, self.options.models[role], self._device, self.options.dtype)
        return self._checkpoints[role]

    def _network(self, role: str) -> Network:
        from vispro_gym.perception.transformers.network import Network

        checkpoint = self._checkpoint(role)
        return Network(checkpoint, _AUTO_CLASSES[checkpoint.family], self.options.batch_size)

    def _once(self, role: str, make: Callable[[], Any]) -> Any:
        if role not in self._loaded:
            self._loaded[role] = make()
        return self._loaded[role]

    def _detector(self) -> Dino | Owl:
        from vispro_gym.perception.transformers.detection import Dino, Owl

        def make() -> Dino | Owl:
            network, threshold, most = self._network("detector"), self._box_threshold(), self.options.max_boxes
            if self._checkpoint("detector").family == "dino":
                return Dino(network, threshold, most)
            return Owl(network, threshold, most, self._memory)

        model: Dino | Owl = self._once("detector", make)
        return model

    def _answerer(self) -> Vilt | Writer:
        from vispro_gym.perception.transformers.answering import Vilt, Writer

        def make() -> Vilt | Writer:
            family, options, network = self._checkpoint("answerer").family, self.options, self._network("answerer")
            if family == "vilt":
                return Vilt(network, self._memory)
            return Writer(network, family == "chat", options.beams, options.length_penalty, options.max_new_tokens)

        model: Vilt | Writer = self._once("answerer", make)
        return model

    def _matcher(self) -> Matcher:
        from vispro_gym.perception.transformers.matching import Matcher

        model: Matcher = self._once("matcher", lambda: Matcher(self._network("matcher"), self._memory))
        return model

    def _depth(self) -> DepthEstimator:
        from vispro_gym.perception.transformers.depth import DepthEstimator

        model: DepthEstimator = self._once("depth", lambda: DepthEstimator(self._network("depth"), self._memory))
        return model


def _library_version() -> str:
    """The version of transformers.

    Raises:
        BackendError: If it or torch is not installed.
    """
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise BackendError(
            f"Vision models need torch and transformers, which cannot be imported: {error}. Install them: pip install "
            "'vispro-gym[vision]'."
        ) from error
    return str(transformers.__version__)
