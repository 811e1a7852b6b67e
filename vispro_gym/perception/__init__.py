"""Perception: what programs see through. One protocol, several backends."""

from __future__ import annotations

from vispro_gym.perception.protocol import (
    Answer,
    BackendError,
    Depth,
    Detect,
    Identified,
    Perception,
    PerceptionError,
    Relate,
    Request,
    Similarity,
    Verify,
)
from vispro_gym.perception.spec import BACKENDS, make_perception

__all__ = [
    "BACKENDS",
    "Answer",
    "BackendError",
    "Depth",
    "Detect",
    "Identified",
    "Perception",
    "PerceptionError",
    "Relate",
    "Request",
    "Similarity",
    "Verify",
    "make_perception",
]
