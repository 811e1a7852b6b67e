"""Never the same question twice: results kept by what they depend on, and by nothing else.

The key of a result is a digest of the picture's content, the whole pixels of the box, the operation, its texts, and the backend's
identity (model, weights, thresholds: `vispro_gym.perception.protocol.Identified`). A changed model or threshold is another key,
and an equal picture under another name the same.

Results are kept in memory up to a number, and on disk up to a size. What is not known is asked in one call of the inner backend.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.perception.dispatch import Dispatching
from vispro_gym.perception.pictures import request_key
from vispro_gym.perception.protocol import (
    EXPECTED,
    BackendError,
    Perception,
    PerceptionError,
    checked_backend,
    identity,
    needs_scenes,
)
from vispro_gym.perception.store import Store

FOLDER = "perception"
"""Name of the default folder inside the package's cache folder."""


class CachedPerception(Dispatching):
    """Keeps the results of another backend.

    Operations for which the backend has no identity, such as those of the oracle, go through unchanged. Of operations that the
    backend makes of others (`vispro_gym.perception.derived`) the parts are kept. Errors are not kept.

    Args:
        inner: The backend.
        memory: Results that are kept in memory, at least 0; those that were not used for the longest time are dropped first.
        folder: Folder of the file that all processes share; None for `perception` in the package's cache folder.
        disk_mb: Largest size of that file in MiB; 0 for no file.

    Attributes:
        counts: Number of distinct requests by where their results came from: "memory", "disk" or "backend".

    Raises:
        ValueError: If a size is none.
        TypeError: If the inner backend is none.
    """

    def __init__(
        self, inner: Perception, *, memory: int = 100_000, folder: str | Path | None = None, disk_mb: float = 1_024.0
    ) -> None:
        for name, size in {"memory": memory, "disk_mb": disk_mb}.items():
            if isinstance(size, bool) or not isinstance(size, int | float) or not size >= 0:
                raise ValueError(f"{name}={size!r} is no size. Expected a number of at least 0.")
        self.inner: Perception = checked_backend(inner)
        self.name = inner.name
        self.counts: Counter[str] = Counter()
        self._memory: OrderedDict[bytes, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._most = memory
        where = Path(folder).expanduser() if folder is not None else default_folder()
        self._store = Store(where, int(disk_mb * 2**20)) if disk_mb else None

    @property
    def needs_scenes(self) -> bool:
        """Whether the inner backend answers from annotations."""
        return needs_scenes(self.inner)

    def identity(self, operation: str) -> str | None:
        """The inner backend's identity."""
        return identity(self.inner, operation)

    def _serve(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        if derive := getattr(self.inner, "derives", {}).get(operation):
            made: list[Any] = derive(self, requests)  # through this cache
            return made
        backend = identity(self.inner, operation)
        if backend is None:
            results: list[Any] = getattr(self.inner, operation)(requests)
            return results
        keys = [_key(operation, backend, request) for request in requests]
        distinct = dict(zip(keys, requests, strict=True))
        known = self._recall(list(distinct))
        missing = {key: request for key, request in distinct.items() if key not in known}
        return [_fresh(operation, result) for result in map((known | self._ask(operation, backend, missing)).__getitem__, keys)]

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        known: dict[bytes, Any] = {}
        with self._lock:
            for key in keys:
                if key in self._memory:
                    self._memory.move_to_end(key)
                    known[key] = self._memory[key]
        self.counts["memory"] += len(known)
        if self._store is not None and len(known) < len(keys):
            stored = self._store.get([key for key in keys if key not in known])
            self.counts["disk"] += len(stored)
            self._remember(stored)
            known |= stored
        return known

    def _ask(self, operation: str, backend: str, requests: Mapping[bytes, Any]) -> dict[bytes, Any]:
        if not requests:
            return {}
        try:
            results = getattr(self.inner, operation)(list(requests.values()))
        except BackendError as error:  # what was paid for is not lost
            self._keep(operation, backend, {key: r for key, r in zip(requests, error.served, strict=False) if r is not None})
            raise BackendError(str(error)) from error
        if len(results) != len(requests):
            raise RuntimeError(
                f"perception {self.name!r} returned {len(results)} results to {len(requests)} {operation} requests"
            )
        self.counts["backend"] += len(results)
        return self._keep(operation, backend, dict(zip(requests, results, strict=True)))

    def _keep(self, operation: str, backend: str, results: Mapping[bytes, Any]) -> dict[bytes, Any]:
        """Keeps results; returns all in the form in which they are kept, so that the first time is like every other."""
        plain = {key: r if isinstance(r, PerceptionError) else self._plain(operation, r) for key, r in results.items()}
        good = {key: result for key, result in plain.items() if not isinstance(result, PerceptionError)}
        self._remember(good)
        if self._store is not None and good:
            self._store.put(operation, backend, good.items())
        return plain

    def _plain(self, operation: str, result: Any) -> Any:
        try:
            return _plain(operation, result)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"perception {self.name!r} answered {operation!r} with {result!r:.100}. Expected {EXPECTED[operation]}."
            ) from error

    def _remember(self, results: Mapping[bytes, Any]) -> None:
        with self._lock:
            self._memory.update(results)
            while len(self._memory) > self._most:
                self._memory.popitem(last=False)


def default_folder() -> Path:
    """Where results are kept unless told otherwise."""
    return cache_dir() / FOLDER


def _key(operation: str, backend: str, request: Any) -> bytes:
    asked = json.dumps([operation, backend, *request_key(request)])
    return blake2b(asked.encode(), digest_size=20).digest()


def _plain(operation: str, result: Any) -> Any:
    """A result as JSON gives it back."""
    match operation:
        case "detect" | "relate":
            boxes = [tuple(float(side) for side in box) for box in result]
            if not all(len(box) == 4 and all(map(math.isfinite, box)) for box in boxes):
                raise ValueError("no boxes")
            return boxes
        case "similarity":
            return [float(score) for score in result]
        case "depth":
            return float(result)
        case "verify" if isinstance(result, bool | np.bool_):
            return bool(result)
        case "answer" if isinstance(result, str):
            return result
    raise TypeError(type(result).__name__)


def _fresh(operation: str, result: Any) -> Any:
    """A kept result in the form of the protocol, for the caller to own."""
    if isinstance(result, PerceptionError):
        return result
    if operation in ("detect", "relate"):
        return [tuple(box) for box in result]
    return list(result) if operation == "similarity" else result
