"""Varies pictures, so that networks learn what does not depend on light, camera and lens: real CLEVR is lit in another way."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def moved(pictures: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures from cameras that stand a bit elsewhere, or in a mirror.

    Args:
        pictures: Shape `(n, 3, height, width)`.
        random: Source of all choices.

    Returns:
        The pictures, and the factors and shifts that take `(x, y)` in the given pictures to where it is in these, in shares of
        the picture from its middle; both of shape `(n, 2)`.
    """
    count = len(pictures)
    scale = _between(0.94, 1.06, (count,), random)
    mirror = 1 - 2 * torch.randint(2, (count,), generator=random)
    factors = torch.stack([scale * mirror, scale], dim=1)
    shifts = _between(-0.025, 0.025, (count, 2), random)
    # grid_sample asks where each pixel comes from; its unit is half the picture
    back = torch.zeros(count, 2, 3)
    back[:, 0, 0], back[:, 1, 1] = 1 / factors[:, 0], 1 / factors[:, 1]
    back[:, :, 2] = -2 * shifts / factors
    grid = functional.affine_grid(back, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False), factors, shifts


def relit(pictures: Tensor, random: torch.Generator, strength: float) -> Tensor:
    """Pictures in another light: brighter or darker here and there, tinted, of more or less contrast and colour, noisy.

    Args:
        pictures: Shape `(n, 3, height, width)`, 0.0 to 1.0.
        random: Source of all choices.
        strength: 1.0 varies much, 0.0 nothing.
    """
    count, _, height, width = pictures.shape
    lamps = 1 + strength * _between(-0.15, 0.15, (count, 1, 3, 4), random)
    light = functional.interpolate(lamps, size=(height, width), mode="bilinear", align_corners=True)
    each = (count, 1, 1, 1)
    gain = torch.exp(strength * _between(-0.35, 0.3, each, random))
    tint = 1 + strength * _between(-0.08, 0.08, (count, 3, 1, 1), random)
    pictures = (pictures * light * gain * tint).clamp(1e-4, 1) ** torch.exp(strength * _between(-0.2, 0.2, each, random))
    gray = pictures.mean(dim=1, keepdim=True)
    pictures = gray + (pictures - gray) * torch.exp(strength * _between(-0.35, 0.2, each, random))
    noise = torch.randn(pictures.shape, generator=random) * _between(0, 0.02 * strength, each, random)
    return (pictures + noise).clamp(0, 1)


def _between(low: float, high: float, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random)
