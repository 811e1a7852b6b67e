"""Perception by vision models that the transformers library runs, by hub id or from a local folder."""

from __future__ import annotations

from vispro_gym.perception.transformers.backend import TransformersPerception

__all__ = ["TransformersPerception"]
