"""How far things are: Depth Anything and DPT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from vispro_gym.perception.pictures import Pictures, pixel_box
from vispro_gym.perception.protocol import Depth, PerceptionError
from vispro_gym.perception.transformers.network import Memory, Network, Tensors, in_batches, joined

_NEAREST = 1e-6  # Inverse depths are at least this, so that the farthest things have a distance, too.


class DepthEstimator:
    """Estimates depth on whole pictures, where a model sees what is near what, once for each of them.

    Attributes:
        metric: Whether the model tells distances, in metres, rather than their inverse in a unit of its own.
    """

    def __init__(self, network: Network, memory: Memory) -> None:
        self.network = network
        self._memory = memory
        self.metric = getattr(network.config, "depth_estimation_type", "relative") == "metric"

    def depth(self, requests: Sequence[Depth], pictures: Pictures) -> list[float | PerceptionError]:
        """Median distance inside the box; larger is farther."""
        results: list[Any] = [None] * len(requests)
        groups: dict[str, list[int]] = {}
        for i, request in enumerate(requests):
            groups.setdefault(request.image.content_hash, []).append(i)
        missing = {}
        for key, same in groups.items():
            if known := self._memory.get(("depth", key)):
                self._measure(requests, same, known["map"], results)
            else:
                missing[key] = same

        def prepared() -> Iterator[tuple[str, Tensors]]:
            for key, same in missing.items():
                image = requests[same[0]].image
                try:
                    yield key, self.network.looked_at(pictures.part(image, (0, 0, *image.size)))
                except PerceptionError as error:
                    for i in same:
                        results[i] = error

        for batch in in_batches(prepared(), self.network.batch_size):
            outputs = self.network.run(self.network.model, **joined(tensors for _, tensors in batch))
            sizes = [requests[missing[key][0]].image.size[::-1] for key, _ in batch]
            outputs.predicted_depth = outputs.predicted_depth.float()
            maps = self.network.processor.post_process_depth_estimation(outputs, target_sizes=sizes)
            for (key, _), one, size in zip(batch, maps, sizes, strict=True):
                # The processor drops axes of length 1.
                seen = {"map": one["predicted_depth"].reshape(size).cpu()}
                self._memory.put(("depth", key), seen)
                self._measure(requests, missing[key], seen["map"], results)
        return results

    def _measure(self, requests: Sequence[Depth], same: Sequence[int], depths: torch.Tensor, results: list[Any]) -> None:
        for i in same:
            left, top, right, bottom = pixel_box(requests[i].box, requests[i].image.size)
            median = float(np.median(depths[top:bottom, left:right].numpy()))
            results[i] = median if self.metric else 1 / max(median, _NEAREST)
