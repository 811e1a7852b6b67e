"""Perception by a vision-language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from vispro_gym.perception.openai.backend import OpenAIPerception

__all__ = ["OpenAIPerception"]
