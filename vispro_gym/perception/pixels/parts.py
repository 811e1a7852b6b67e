"""Cuts what networks see out of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vispro_gym.datasets.scene import Box
from vispro_gym.perception.pixels.network import MARGIN, SHRINK, SIDE


def shrunk(image: Image.Image) -> NDArray[np.uint8]:
    """What the finder sees of a picture, uint8 of shape `(height / 2, width / 2, 3)`."""
    return np.asarray(image.reduce(SHRINK))


def cut(image: Image.Image, box: Sequence[float] | Box) -> NDArray[np.uint8]:
    """What the describer sees of a box, uint8 of shape `(SIDE, SIDE, 3)`; less of a margin at the edge of the picture."""
    left, top, right, bottom = box
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    left, top = min(max(left - across, 0), image.width - 2), min(max(top - down, 0), image.height - 2)
    right, bottom = min(max(right + across, left + 2), image.width), min(max(bottom + down, top + 2), image.height)
    part = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    return np.asarray(part)


def as_tensor(pixels: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Pictures of one size as float32 of shape `(n, 3, height, width)`, 0.0 to 1.0."""
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
