from __future__ import annotations

import doctest
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from vispro_gym.rewards import colorization
from vispro_gym.rewards.colorization import HUES, VIVID, color_parts, colorfulness, lab_of, rgb_of

Chroma = NDArray[np.float64]

components = st.one_of(st.sampled_from([0.0, -0.0, 10.0, -10.0, 6.0, 8.0, -40.0]), st.floats(-128, 128))
pictures = arrays.arrays(np.float64, (2, 3, 4, 2), elements=components)
masks = arrays.arrays(np.bool_, (2, 3, 4))


def of_hues(*degrees: float, radius: float = 50.0) -> Chroma:
    angles = np.radians(degrees)
    return radius * np.stack([np.cos(angles), np.sin(angles)], -1).reshape(1, 1, -1, 2)


def slow_colorfulness(chroma: Chroma, mask: NDArray[np.bool_]) -> float:
    bins: Counter[int] = Counter()
    for (a, b), counts in zip(chroma.reshape(-1, 2).tolist(), mask.ravel().tolist(), strict=True):
        if counts and math.hypot(a, b) > 10:
            turn = math.atan2(b, a) / (2 * math.pi) + 0.5
            bins[math.floor(turn * 7) % 7] += 1
    vivid = sum(bins.values())
    entropy = -sum(n / vivid * math.log(n / vivid) for n in bins.values())
    return vivid / int(mask.sum()) * entropy if vivid else 0.0


def test_documentation() -> None:
    results = doctest.testmod(colorization)
    assert (results.failed, results.attempted) == (0, 7)


def test_by_hand() -> None:
    assert (VIVID, HUES) == (10.0, 7)
    centres = [-180 + 360 / 7 * (i + 0.5) for i in range(7)]
    assert colorfulness(of_hues(*centres)) == pytest.approx([math.log(7)])
    assert colorfulness(of_hues(*centres, radius=10.01)) == pytest.approx([math.log(7)])
    assert colorfulness(of_hues(*centres, radius=9.99)).tolist() == [0.0]
    assert color_parts(of_hues(0, 10, -10)).entropy.tolist() == [0.0]  # one hue
    for edge in range(7):  # a little to the left and right of an edge are two hues
        angle = -180 + 360 / 7 * edge
        assert colorfulness(of_hues(angle - 1, angle + 1)) == pytest.approx([math.log(2)])
        assert colorfulness(of_hues(angle + 1, angle + 360 / 7 - 1)) == pytest.approx([0])
    mixed = np.concatenate([of_hues(0, 0, 0, 90), of_hues(0, 90, radius=5)], 2)
    share, entropy = color_parts(mixed)
    assert share == pytest.approx([4 / 6]) and entropy == pytest.approx([-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))])
    assert colorfulness(mixed) == pytest.approx(share * entropy)


def test_edges() -> None:
    # exactly 10 is not vivid; a hue of -pi is one of pi
    assert color_parts(np.array([[[[6.0, 8.0], [-10.0, 0.0], [10.1, 0.0]]]])).share == pytest.approx([1 / 3])
    assert colorfulness(np.array([[[[-20.0, 0.0], [-20.0, -0.0]]]])).tolist() == [0.0]
    assert colorfulness(np.array([[[[-20.0, -0.0], [-20.0, -1.0]]]])).tolist() == [0.0]
    assert colorfulness(np.array([[[[-20.0, 0.0], [-20.0, 1.0]]]])) == pytest.approx([math.log(2)])
    assert colorfulness(np.zeros((0, 3, 3, 2))).shape == (0,)
    assert colorfulness(np.zeros((2, 0, 3, 2))).tolist() == [0.0, 0.0]
    assert np.copysign(1, color_parts(of_hues(3)).entropy).tolist() == [1.0]


@given(pictures, masks)
def test_against_loops(chroma: Chroma, mask: NDArray[np.bool_]) -> None:
    expected = [slow_colorfulness(one, some) for one, some in zip(chroma, mask, strict=True)]
    values = colorfulness(chroma, mask)
    assert values == pytest.approx(expected, abs=1e-12)
    assert (values >= 0).all() and (values <= math.log(7)).all()
    assert values.tolist() == [colorfulness(chroma[i : i + 1], mask[i : i + 1])[0] for i in range(2)]
    assert colorfulness(chroma).tolist() == colorfulness(chroma, np.ones_like(mask)).tolist()
    # what is outside the mask does not count, whatever it is; nor does the order of the pixels
    assert colorfulness(np.where(mask[..., None], chroma, np.nan), mask).tolist() == values.tolist()
    order = np.random.default_rng(0).permutation(12)
    shuffled = chroma.reshape(2, 12, 2)[:, order].reshape(2, 4, 3, 2), mask.reshape(2, 12)[:, order].reshape(2, 4, 3)
    assert colorfulness(*shuffled).tolist() == values.tolist()


@given(pictures, st.sampled_from([0.0, 4.0, 10.0]))
def test_a_grey_pixel_lowers_it(chroma: Chroma, a: float) -> None:
    grey = np.broadcast_to(np.array([a, 0.0]), (2, 3, 1, 2))
    before, after = colorfulness(chroma), colorfulness(np.concatenate([chroma, grey], 2))
    assert after == pytest.approx(before * 12 / 15)


def test_single_precision() -> None:
    chroma = np.random.default_rng(1).normal(0, 30, (3, 20, 20, 2)).astype(np.float32)
    assert colorfulness(chroma) == pytest.approx(colorfulness(chroma.astype(np.float64)))


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # CIE Lab of the sRGB primaries, adapted to D50 (Bradford), as in brucelindbloom.com's calculator
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (54.29, 80.81, 69.89)),
        ((0, 255, 0), (87.82, -79.29, 80.99)),
        ((0, 0, 255), (29.57, 68.30, -112.03)),
        ((255, 255, 0), (97.61, -15.75, 93.39)),
        ((128, 128, 128), (53.59, 0.0, 0.0)),
    ],
)
def test_known_colors(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    found = lab_of(np.array(rgb, np.uint8).reshape(1, 1, 1, 3))
    assert found.dtype == np.float32
    assert found[0, 0, 0] == pytest.approx(lab, abs=1.0)


def test_round_trips() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (3, 40, 50, 3)).astype(np.uint8)
    lab = lab_of(rgb)
    assert lab.shape == rgb.shape and lab[..., 0].min() >= 0 and lab[..., 0].max() <= 100
    back = rgb_of(lab)
    assert back.dtype == np.uint8 and back.shape == rgb.shape
    assert np.abs(back.astype(int) - rgb).mean() < 2
    assert np.abs(lab_of(back) - lab).mean() < 1
    # muted colours, which sRGB has and where a byte is fine enough
    muted = np.stack([rng.uniform(40, 80, (2, 9, 9)), *rng.uniform(-20, 20, (2, 2, 9, 9))], -1)
    assert np.abs(lab_of(rgb_of(muted)) - muted).max() < 2.5
    greys = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 1, 256, 1), 3, 3)
    assert np.abs(rgb_of(lab_of(greys)).astype(int) - greys).max() <= 1
    # a batch is one by one, in the layout it came in
    assert np.array_equal(lab_of(rgb[1:2, ::-1]), lab[1:2, ::-1]) and np.array_equal(rgb_of(lab[2:]), back[2:])
    assert np.array_equal(rgb_of(lab.astype(np.float64)), back)
    assert lab_of(rgb[:0]).shape == rgb_of(lab[:0]).shape == (0, 40, 50, 3)


def test_beyond_the_range() -> None:
    extreme = np.array([[[[200.0, 0, 0], [-5, 0, 0], [50, 1000, 0], [50, -1000, 0]]]])
    white, black, red, green = rgb_of(extreme)[0, 0].astype(int)
    assert white.min() > 250 and black.max() < 5
    assert red[0] > red[1] and green[1] > green[0]


def test_a_colourless_picture_has_none() -> None:
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 256, (1, 9, 9, 1)).astype(np.uint8), 3, 3)
    bright = rng.choice(np.array([0, 255], np.uint8), (1, 9, 9, 3))
    assert colorfulness(lab_of(grey)[..., 1:]).tolist() == [0.0]
    assert colorfulness(lab_of(bright)[..., 1:])[0] > 1


def test_bad_arrays() -> None:
    good = of_hues(1, 2)
    for bad in (good.astype(int), good[0], good[..., :1]):
        with pytest.raises(ValueError, match=r"Expected floats of shape \(B, H, W, 2\)"):
            colorfulness(bad)
    for mask in (np.ones((1, 1, 2), int), np.ones((1, 1, 3), bool)):
        with pytest.raises(ValueError, match=r"Expected bool of shape \(1, 1, 2\)"):
            colorfulness(good, mask)
    with pytest.raises(ValueError, match="NaN or infinity"):
        colorfulness(good * np.inf)
    for rgb in (np.zeros((1, 1, 1, 3)), np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 1, 4), np.uint8)):
        with pytest.raises(ValueError, match="Expected uint8 of shape"):
            lab_of(rgb)
    for lab in (np.zeros((1, 1, 1, 3), int), np.zeros((1, 1, 3)), np.full((1, 1, 1, 3), np.nan)):
        with pytest.raises(ValueError, match="Expected finite floats of shape"):
            rgb_of(lab)
