"""Perception: what programs see through. One protocol, several backends."""

from __future__ import annotations

from vispro_gym.perception.protocol import (
    Answer,
    Depth,
    Detect,
    Perception,
    PerceptionError,
    Relate,
    Request,
    Similarity,
    Verify,
)

__all__ = [
    "BACKENDS",
    "Answer",
    "Depth",
    "Detect",
    "Perception",
    "PerceptionError",
    "Relate",
    "Request",
    "Similarity",
    "Verify",
    "make_perception",
]

BACKENDS = ("oracle",)
"""Names that `make_perception` understands."""


def make_perception(name: str) -> Perception:
    """Builds a perception backend by name.

    Args:
        name: "oracle": answers from the dataset's annotations.

    Raises:
        ValueError: If the name is unknown.
    """
    if name == "oracle":
        from vispro_gym.perception.oracle import OraclePerception

        return OraclePerception()
    raise ValueError(f"perception={name!r} is unknown. Expected one of: {', '.join(map(repr, BACKENDS))}.")
