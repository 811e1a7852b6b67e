"""How alike a part of a picture and a text are: CLIP and SigLIP, and the contrast of attributes that is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

import torch

from vispro_gym.perception import vocabulary
from vispro_gym.perception.pictures import Pictures
from vispro_gym.perception.protocol import PerceptionError, Similarity, Verify
from vispro_gym.perception.transformers.detection import by_part
from vispro_gym.perception.transformers.network import Memory, Network, Tensors, in_batches, joined

_Embedding = torch.Tensor | PerceptionError


class Matcher:
    """CLIP or SigLIP: every part of a picture and every text is encoded once, and remembered."""

    def __init__(self, network: Network, memory: Memory) -> None:
        self.network = network
        self._memory = memory
        self._limit = network.config.text_config.max_position_embeddings
        # SigLIP was trained on texts of one length; CLIP takes the mask into account.
        fixed: dict[str, Any] = {"padding": "max_length", "max_length": self._limit}
        self._padding = fixed if network.config.model_type == "siglip" else {"padding": True}

    def similarity(self, requests: Sequence[Similarity], pictures: Pictures) -> list[list[float] | PerceptionError]:
        """Cosines of the embeddings of what a box shows and of each text, -1.0 to 1.0."""
        return self._cosines([(request, request.texts) for request in requests], pictures)

    def verify(self, requests: Sequence[Verify], pictures: Pictures, threshold: float) -> list[bool | PerceptionError]:
        """Whether an attribute fits better than others do.

        Each other attribute is compared with it by itself: the softmax of the two scaled cosines is the probability of the one
        asked for. What decides is the mean of those probabilities.
        """
        texts = [tuple(f"{word} {request.name}".strip() for word in contrast(request.attribute)) for request in requests]
        told = self._cosines(list(zip(requests, texts, strict=True)), pictures)
        scale = self.network.model.logit_scale.detach().float().exp().cpu()
        return [one if isinstance(one, PerceptionError) else mean_contrast(one, float(scale)) > threshold for one in told]

    def _cosines(self, asked: Sequence[tuple[Any, Sequence[str]]], pictures: Pictures) -> list[list[float] | PerceptionError]:
        texts = self._texts(dict.fromkeys(text for _, own in asked for text in own))
        parts = self._parts([request for request, own in asked if own], pictures)
        results: list[list[float] | PerceptionError] = []
        for request, own in asked:
            embeddings = [parts[key] for key in by_part([request]) if own] + [texts[text] for text in own]
            error = next((one for one in embeddings if isinstance(one, PerceptionError)), None)
            if error or not own:
                results.append(error or [])
                continue
            seen, *words = (one for one in embeddings if isinstance(one, torch.Tensor))
            # One by one, so that the sum does not depend on how many texts there are.
            results.append([float((word * seen).sum()) for word in words])
        return results

    def _parts(self, requests: Sequence[Any], pictures: Pictures) -> dict[Any, _Embedding]:
        found: dict[Any, _Embedding] = {}

        def prepared() -> Iterator[tuple[Any, Tensors]]:
            for key, same in by_part(requests).items():
                if known := self._memory.get(("matcher", key)):
                    found[key] = known["embedding"]
                    continue
                try:
                    yield key, self.network.looked_at(pictures.part(requests[same[0]].image, requests[same[0]].box))
                except PerceptionError as error:
                    found[key] = error

        for batch in in_batches(prepared(), self.network.batch_size):
            encoded = self.network.run(self.network.model.get_image_features, **joined(tensors for _, tensors in batch))
            for (key, _), row in zip(batch, _unit(encoded), strict=True):
                found[key] = row
                self._memory.put(("matcher", key), {"embedding": row})
        return found

    def _texts(self, texts: dict[str, None]) -> dict[str, _Embedding]:
        found: dict[str, _Embedding] = {}
        waiting: list[str] = []
        for text in texts:
            if known := self._memory.get(("matcher text", text)):
                found[text] = known["embedding"]
            elif error := self.network.too_long(text, self._limit):
                found[text] = error
            else:
                waiting.append(text)
        for start in range(0, len(waiting), self.network.batch_size):
            batch = waiting[start : start + self.network.batch_size]
            tokens = self.network.processor.tokenizer(batch, return_tensors="pt", **self._padding)
            encoded = self.network.run(self.network.model.get_text_features, **tokens)
            for text, row in zip(batch, _unit(encoded), strict=True):
                found[text] = row
                self._memory.put(("matcher text", text), {"embedding": row})
        return found


def _unit(encoded: Any) -> torch.Tensor:
    """Embeddings of length 1, float32 of shape `(batch, width)`, in the computer's own memory."""
    rows: torch.Tensor = encoded.pooler_output.float().cpu()
    return torch.nn.functional.normalize(rows, dim=-1)


def mean_contrast(cosines: Sequence[float], scale: float) -> float:
    """Mean probability of the first against each of the others, 0.0 to 1.0."""
    first, *others = cosines
    return float(torch.sigmoid(scale * (first - torch.tensor(others, dtype=torch.float64))).mean())


def contrast(attribute: str) -> tuple[str, ...]:
    """An attribute, and those that it is contrasted with: the others of its own categories, or all if it is in none.

    Words that mean the same ("grey", "gray") are not contrasted.
    """
    key = vocabulary.attribute_key(attribute)
    own = [words for words in vocabulary.attribute_categories().values() if key in words]
    others = frozenset().union(*own) if own else vocabulary.known_attributes()
    return (attribute, *sorted(others - {key}))


@cache
def contrast_digest() -> str:
    """Digest of all that `contrast` reads, which the results of `verify` depend on."""
    table = {name: sorted(words) for name, words in vocabulary.attribute_categories().items()}
    synonyms = vocabulary.tables()["synonyms"]["attributes"]
    return blake2b(repr((sorted(table.items()), synonyms)).encode(), digest_size=8).hexdigest()
