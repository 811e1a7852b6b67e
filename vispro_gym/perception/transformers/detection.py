"""Finding what a phrase names: Grounding DINO, and OWL-ViT and its successor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.pictures import Pictures, PixelBox, pixel_box
from vispro_gym.perception.protocol import Detect, PerceptionError
from vispro_gym.perception.transformers.network import Memory, Network, Tensors, in_batches, joined

Found = list[Box] | PerceptionError

BOX_THRESHOLDS = {"dino": 0.35, "owl": 0.1}
"""Least scores of boxes by family, where neither preset nor option says another: those of the models' own demonstrations."""

_DIGITS = 2  # of coordinates: far finer than a pixel, and coarser than what the neighbours in a batch change


class Dino:
    """Grounding DINO: one forward pass looks for one phrase in one part of a picture; a batch has parts of one shape.

    The phrase is given in lower case and with a full stop, as the model was trained; nothing else is done to it, also to an empty
    one.
    """

    def __init__(self, network: Network, threshold: float, max_boxes: int) -> None:
        self.network = network
        self._threshold = threshold
        self._max_boxes = max_boxes
        config = network.config
        self._limit = min(config.max_text_len, config.text_config.max_position_embeddings)

    def detect(self, requests: Sequence[Detect], pictures: Pictures) -> list[Found]:
        """Boxes of distinct requests."""
        results: list[Found] = [[] for _ in requests]
        network = self.network
        for batch in in_batches(self._prepared(requests, pictures, results), network.batch_size):
            chosen = [i for i, _ in batch]
            text = network.processor.tokenizer(
                [_caption(requests[i].text) for i in chosen], padding=True, return_tensors="pt", return_token_type_ids=True
            )
            try:
                outputs = network.run(network.model, **joined(tensors for _, tensors in batch), **text)
            except RuntimeError as error:
                if "selected index k out of range" not in str(error):
                    raise
                # All parts of the batch have one shape, one that gives fewer candidates than the model must choose.
                for i in chosen:
                    results[i] = network.too_narrow(pictures.part(requests[i].image, requests[i].box), error)
                continue
            boxes = [pixel_box(requests[i].box, requests[i].image.size) for i in chosen]
            found = network.processor.post_process_grounded_object_detection(
                SimpleNamespace(
                    logits=outputs.logits.float(), pred_boxes=outputs.pred_boxes.float(), input_ids=outputs.input_ids
                ),
                threshold=self._threshold,
                target_sizes=[_size(box) for box in boxes],
            )
            for i, box, one in zip(chosen, boxes, found, strict=True):
                results[i] = best_boxes(one["boxes"], one["scores"], box, self._max_boxes)
        return results

    def _prepared(self, requests: Sequence[Detect], pictures: Pictures, results: list[Found]) -> Iterator[tuple[int, Tensors]]:
        for same in by_part(requests).values():
            asked = []
            for i in same:
                if error := self.network.too_long(_caption(requests[i].text), self._limit):
                    results[i] = error
                else:
                    asked.append(i)
            if not asked:
                continue
            try:
                tensors = self.network.looked_at(pictures.part(requests[asked[0]].image, requests[asked[0]].box))
            except PerceptionError as error:
                for i in asked:
                    results[i] = error
                continue
            for i in asked:
                yield i, tensors


class Owl:
    """OWL-ViT and OWLv2: a part of a picture is encoded once, and so is a phrase; each phrase is then compared with the part."""

    def __init__(self, network: Network, threshold: float, max_boxes: int, memory: Memory) -> None:
        self.network = network
        self._threshold = threshold
        self._max_boxes = max_boxes
        self._memory = memory
        self._limit = network.config.text_config.max_position_embeddings

    def detect(self, requests: Sequence[Detect], pictures: Pictures) -> list[Found]:
        """Boxes of distinct requests."""
        results: list[Found] = [[] for _ in requests]
        phrases = self._phrases(requests, results)
        groups = by_part(requests)
        for key, same in groups.items():
            groups[key] = [i for i in same if requests[i].text in phrases]
        missing = {}
        for key, same in groups.items():
            if not same:
                continue
            known = self._memory.get(("owl", key))
            if known is None:
                missing[key] = same
            else:
                self._compare(requests, same, known, phrases, results)
        for batch in in_batches(self._prepared(requests, missing, pictures, results), self.network.batch_size):
            features = self.network.run(self._encode, **joined(tensors for _, tensors in batch))
            for row, (key, _) in enumerate(batch):
                seen = {name: tensor[row : row + 1] for name, tensor in features.items()}
                self._memory.put(("owl", key), seen)
                self._compare(requests, missing[key], seen, phrases, results)
        return results

    def _prepared(
        self, requests: Sequence[Detect], missing: dict[Any, list[int]], pictures: Pictures, results: list[Found]
    ) -> Iterator[tuple[Any, Tensors]]:
        for key, same in missing.items():
            try:
                yield key, self.network.looked_at(pictures.part(requests[same[0]].image, requests[same[0]].box))
            except PerceptionError as error:
                for i in same:
                    results[i] = error

    def _encode(self, pixel_values: torch.Tensor) -> Tensors:
        """Features of the patches, float of shape `(batch, patches, width)`, and their boxes, `(batch, patches, 4)`."""
        feature_map, _ = self.network.model.image_embedder(pixel_values)
        features = feature_map.flatten(1, 2)
        return {"features": features, "boxes": self.network.model.box_predictor(features, feature_map)}

    def _phrases(self, requests: Sequence[Detect], results: list[Found]) -> dict[str, torch.Tensor]:
        """Embedding of every phrase that can be asked for, each of shape `(width,)`."""
        network = self.network
        embedded: dict[str, torch.Tensor] = {}
        waiting: list[str] = []
        refused: dict[str, PerceptionError] = {}
        for text in dict.fromkeys(request.text for request in requests):
            if known := self._memory.get(("owl text", text)):
                embedded[text] = known["embedding"]
            elif error := network.too_long(text, self._limit):
                refused[text] = error
            else:
                waiting.append(text)
        for start in range(0, len(waiting), network.batch_size):
            texts = waiting[start : start + network.batch_size]
            tokens = network.processor.tokenizer(texts, padding="max_length", max_length=self._limit, return_tensors="pt")
            rows = network.run(network.model.base_model.get_text_features, **tokens).pooler_output
            for text, row in zip(texts, rows / rows.norm(dim=-1, keepdim=True), strict=True):
                embedded[text] = row
                self._memory.put(("owl text", text), {"embedding": row})
        for i, request in enumerate(requests):
            if request.text in refused:
                results[i] = refused[request.text]
        return embedded

    def _compare(
        self,
        requests: Sequence[Detect],
        same: Sequence[int],
        seen: Tensors,
        phrases: dict[str, torch.Tensor],
        results: list[Found],
    ) -> None:
        """Finds the phrases of several requests in the part of a picture that all of them look at."""
        box = pixel_box(requests[same[0]].box, requests[same[0]].image.size)
        with torch.inference_mode():
            queries = torch.stack([phrases[requests[i].text] for i in same])[None]
            logits = self.network.model.class_predictor(seen["features"], queries)[0]  # of shape (1, patches, phrases)
        found = self.network.processor.post_process_grounded_object_detection(
            # Every phrase as a picture of its own: the processor would give each patch to one phrase only.
            SimpleNamespace(logits=logits.float().permute(2, 1, 0), pred_boxes=seen["boxes"].float().expand(len(same), -1, -1)),
            threshold=self._threshold,
            target_sizes=[_size(box)] * len(same),
        )
        for i, one in zip(same, found, strict=True):
            results[i] = best_boxes(one["boxes"], one["scores"], box, self._max_boxes)


def best_boxes(boxes: torch.Tensor, scores: torch.Tensor, part: PixelBox, most: int) -> list[Box]:
    """The boxes with the highest scores, in pixels of the whole picture and inside the part that was looked at.

    Args:
        boxes: `(left, top, right, bottom)` in pixels of the part, float of shape `(n, 4)`.
        scores: Float of shape `(n,)`.
        part: What was looked at.
        most: How many are kept. What lies outside the part, such as where the model pads it, is no box.
    """
    left, top, right, bottom = (float(edge) for edge in part)
    order = torch.sort(scores, descending=True, stable=True).indices
    best: list[Box] = []
    for x0, y0, x1, y1 in boxes[order].tolist():
        box = (
            round(min(max(left + x0, left), right), _DIGITS),
            round(min(max(top + y0, top), bottom), _DIGITS),
            round(min(max(left + x1, left), right), _DIGITS),
            round(min(max(top + y1, top), bottom), _DIGITS),
        )
        if box[0] < box[2] and box[1] < box[3]:
            best.append(box)
        if len(best) == most:
            break
    return best


def by_part(requests: Sequence[Any]) -> dict[tuple[str, PixelBox], list[int]]:
    """Positions of requests by the part of a picture that they look at, in order."""
    groups: dict[tuple[str, PixelBox], list[int]] = {}
    for i, request in enumerate(requests):
        groups.setdefault((request.image.content_hash, pixel_box(request.box, request.image.size)), []).append(i)
    return groups


def _caption(phrase: str) -> str:
    return phrase.lower().strip().rstrip(".") + "."


def _size(box: PixelBox) -> tuple[int, int]:
    """`(height, width)` of a box."""
    return box[3] - box[1], box[2] - box[0]
