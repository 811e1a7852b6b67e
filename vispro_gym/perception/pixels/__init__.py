"""Perception by small networks that look at the pictures of CLEVR and of drawn mini data."""

from __future__ import annotations

from vispro_gym.perception.pixels.backend import PixelsPerception

__all__ = ["PixelsPerception"]
