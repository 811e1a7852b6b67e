"""Rewards of colorization: colorfulness, for batches of pictures, and the colour space it is measured in.

The reward of Pinto, Kolesnikov, Shi, Beyer and Zhai, "Tuning computer vision models with task rewards" (ICML 2023):

    R = share of vivid pixels * entropy of the hues of the vivid pixels

in CIE Lab, L from 0 to 100, a from green to red, b from blue to yellow. A pixel is vivid if sqrt(a^2 + b^2) > 10. Its hue is
atan2(b, a), in 7 equal bins from -pi on. The entropy is in nats, so that R is from 0 to ln 7. R does not ask whether colours are
right: the paper tunes with it to make a colorization vivid, not more faithful.

One row of four pixels, one grey, one barely coloured, two of hues a half turn apart:

>>> chroma = np.array([[[[0, 0], [9, 0], [30, 5], [-30, -5]]]], float)
>>> color_parts(chroma)
ColorParts(share=array([0.5]), entropy=array([0.69314718]))
>>> colorfulness(chroma)  # ln 2 / 2
array([0.34657359])
>>> colorfulness(chroma, np.array([[[False, False, True, True]]]))
array([0.69314718])

Pillow's ImageCms (LittleCMS) converts from and to sRGB; the white of its Lab is D50, as in all ICC profiles, and numbers for D65
differ by a few units. It rounds L to 100/255, a and b to 1:

>>> red_and_grey = np.array([[[[255, 0, 0], [128, 128, 128]]]], np.uint8)
>>> lab_of(red_and_grey).round(1)
array([[[[54.1, 81. , 70. ],
         [53.7,  0. ,  0. ]]]], dtype=float32)
>>> rgb_of(lab_of(red_and_grey))
array([[[[255,   0,   0],
         [128, 128, 128]]]], dtype=uint8)
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

VIVID = 10.0
HUES = 7


class ColorParts(NamedTuple):
    """The factors of `colorfulness`, float64 of shape `(B,)` each.

    Attributes:
        share: Vivid pixels, as a fraction of the pixels that count.
        entropy: Entropy of the hues of the vivid pixels in nats, from 0 to ln 7.
    """

    share: NDArray[np.float64]
    entropy: NDArray[np.float64]


def colorfulness(chroma: NDArray[np.floating], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """How vivid and how varied the colours of pictures are.

    Args:
        chroma: Floats of shape `(B, H, W, 2)`: a and b of CIE Lab.
        mask: bool of shape `(B, H, W)`, the pixels that count, such as all but padding; None for all.

    Returns:
        float64 of shape `(B,)`, from 0 to ln 7; 0 if no pixel is vivid, or none counts.

    Raises:
        ValueError: If dtypes or shapes are others, or a pixel that counts holds NaN or infinity.
    """
    share, entropy = color_parts(chroma, mask)
    return share * entropy


def color_parts(chroma: NDArray[np.floating], mask: NDArray[np.bool_] | None = None) -> ColorParts:
    """The share of vivid pixels and the entropy of their hues.

    Args:
        chroma: Floats of shape `(B, H, W, 2)`: a and b of CIE Lab.
        mask: bool of shape `(B, H, W)`, the pixels that count; None for all.

    Raises:
        ValueError: If dtypes or shapes are others, or a pixel that counts holds NaN or infinity.
    """
    chroma = np.asarray(chroma)
    if chroma.dtype.kind != "f" or chroma.ndim != 4 or chroma.shape[3] != 2:
        raise ValueError(f"chroma is {chroma.dtype} of shape {chroma.shape}. Expected floats of shape (B, H, W, 2): a and b.")
    if mask is None:
        mask = np.ones(chroma.shape[:3], np.bool_)
    if mask.dtype != np.bool_ or mask.shape != chroma.shape[:3]:
        raise ValueError(f"mask is {mask.dtype} of shape {mask.shape}. Expected bool of shape {chroma.shape[:3]}.")
    # outside the mask anything may stand; + 0.0 makes -0.0 0.0, which atan2 tells apart
    a, b = np.moveaxis(np.where(mask[..., None], chroma, 0.0).astype(np.float64) + 0.0, 3, 0)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("chroma holds NaN or infinity. Expected finite numbers where the mask is true.")
    picture, row, column = np.nonzero(np.hypot(a, b) > VIVID)
    hue = np.arctan2(b[picture, row, column], a[picture, row, column])
    bins = np.floor((hue + math.pi) / (2 * math.pi) * HUES).astype(np.int64) % HUES  # pi is -pi
    counts = np.bincount(picture * HUES + bins, minlength=len(chroma) * HUES).reshape(-1, HUES).astype(np.float64)
    vivid = counts.sum(1)
    # sum of p ln(1/p), each term of which is at least 0
    surprise = np.log(np.divide(vivid[:, None], counts, out=np.ones_like(counts), where=counts > 0))
    entropy = np.minimum((counts * surprise).sum(1) / np.maximum(vivid, 1), math.log(HUES))
    return ColorParts(vivid / np.maximum(mask.sum((1, 2)), 1), entropy)


def lab_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Converts sRGB to CIE Lab (white D50).

    Args:
        rgb: uint8 of shape `(B, H, W, 3)`.

    Returns:
        float32 of shape `(B, H, W, 3)`: L from 0 to 100, a and b from -128 to 127.

    Raises:
        ValueError: If dtype or shape is another.
    """
    rgb = np.asarray(rgb)
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
        raise ValueError(f"rgb is {rgb.dtype} of shape {rgb.shape}. Expected uint8 of shape (B, H, W, 3).")
    stored = _converted(rgb, "RGB", "LAB")
    # Pillow stores L from 0 to 255 in a byte, and a and b as signed bytes
    return np.concatenate([stored[..., :1] * np.float32(100 / 255), stored[..., 1:].view(np.int8)], 3, dtype=np.float32)


def rgb_of(lab: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Converts CIE Lab (white D50) to sRGB. Colours that sRGB lacks become near ones.

    Args:
        lab: Floats of shape `(B, H, W, 3)`: L from 0 to 100, a and b from -128 to 127. What is beyond is clipped.

    Returns:
        uint8 of shape `(B, H, W, 3)`. After `lab_of` near the picture one started from, but not equal: the rounding of a and b
        shows in dark and in saturated colours.

    Raises:
        ValueError: If dtype or shape is another, or a value is NaN or infinity.
    """
    lab = np.asarray(lab)
    if lab.dtype.kind != "f" or lab.ndim != 4 or lab.shape[3] != 3 or not np.isfinite(lab).all():
        raise ValueError(f"lab is {lab.dtype} of shape {lab.shape}. Expected finite floats of shape (B, H, W, 3).")
    lightness = np.clip(np.rint(lab[..., :1] * 2.55), 0, 255).astype(np.uint8)
    chroma = np.clip(np.rint(lab[..., 1:]), -128, 127).astype(np.int8)
    return _converted(np.concatenate([lightness, chroma.view(np.uint8)], 3), "LAB", "RGB")


def _converted(pictures: NDArray[np.uint8], source: str, target: str) -> NDArray[np.uint8]:
    if not pictures.size:
        return pictures.copy()
    batch, height, width, _ = pictures.shape
    tall = Image.frombytes(source, (width, batch * height), pictures.tobytes())
    converted = ImageCms.applyTransform(tall, _transform(source, target))
    if converted is None:
        raise RuntimeError("Pillow converted the picture in place. Expected a new one.")
    return np.array(converted, np.uint8).reshape(pictures.shape)


@functools.cache
def _transform(source: str, target: str) -> ImageCms.ImageCmsTransform:
    profiles = {"RGB": ImageCms.createProfile("sRGB"), "LAB": ImageCms.createProfile("LAB")}
    # unless told not to, LittleCMS interpolates in a coarse table, which is off by several units
    return ImageCms.buildTransform(profiles[source], profiles[target], source, target, flags=ImageCms.Flags.NOOPTIMIZE)
