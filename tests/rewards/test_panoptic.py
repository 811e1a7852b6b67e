from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vispro_gym.rewards import panoptic
from vispro_gym.rewards.panoptic import panoptic_counts, panoptic_reward

Map = NDArray[np.int64]

# Few rows of few values: segments of several pixels, void, matches and near misses are all common.
pixels = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1)), min_size=12, max_size=12)


def as_map(values: list[tuple[int, int]], shape: tuple[int, int] = (3, 4)) -> Map:
    return np.array(values, np.int64).reshape(1, *shape, 2)


@st.composite
def maps(draw: st.DrawFn) -> tuple[Map, Map]:
    """A gold map, and a predicted one that is the gold map but for some pixels."""
    gold, noise = draw(pixels), draw(pixels)
    changed = draw(st.lists(st.booleans(), min_size=12, max_size=12))
    predicted = [other if change else value for value, other, change in zip(gold, noise, changed, strict=True)]
    return as_map(predicted), as_map(gold)


def row(text: str) -> Map:
    """A map of one row: a letter for the category ("." is void), a digit for the instance."""
    values = [(0 if part[0] == "." else ord(part[0]) - 96, int(part[1:] or 0)) for part in text.split()]
    return as_map(values, (1, len(values)))


def slow_counts(predicted: Map, gold: Map) -> tuple[int, int, int, float]:
    """By sets of pixels, after the loops of panopticapi's evaluation.py."""
    found: dict[Any, set[int]] = {}
    truth: dict[Any, set[int]] = {}
    for i, (one, other) in enumerate(zip(predicted.reshape(-1, 2).tolist(), gold.reshape(-1, 2).tolist(), strict=True)):
        found.setdefault(tuple(one), set()).add(i)
        truth.setdefault(tuple(other), set()).add(i)
    void = {i for key, members in truth.items() if key[0] == 0 for i in members}
    matches: dict[Any, Any] = {}
    total = 0.0
    for key, members in truth.items():
        for other, others in found.items():
            if key[0] == other[0] != 0:
                iou = len(members & others) / len(members | (others - void))
                if iou > 0.5:
                    matches[key] = other
                    total += iou
    missed = [key for key in truth if key[0] and key not in matches]
    unmatched = [
        key
        for key, members in found.items()
        if key[0] and key not in matches.values() and len(members & void) <= len(members) / 2
    ]
    return len(matches), len(unmatched), len(missed), total


def numbers(predicted: Map, gold: Map) -> tuple[float, ...]:
    return tuple(part[0] for part in panoptic_counts(predicted, gold))


def test_documentation() -> None:
    results = doctest.testmod(panoptic)
    assert (results.failed, results.attempted) == (0, 4)


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ("a1 a1 b1 b1", "a5 a5 b9 b9", (2, 0, 0, 2.0)),
        ("a1 a1 a1 b1", "a1 a1 b1 b1", (1, 1, 1, 2 / 3)),  # b has IoU 1/2, which does not exceed 1/2
        ("a1 a1 a2 a2", "a1 a1 a1 a1", (0, 2, 1, 0.0)),
        ("a1 a1 a1 a1", "a1 a1 a1 a2", (1, 0, 1, 3 / 4)),
        ("b1 b1 b1 b1", "a1 a1 a1 a1", (0, 1, 1, 0.0)),
        (". . . .", "a1 a1 b1 b1", (0, 0, 2, 0.0)),  # labelling nothing costs no penalty, but what it misses
        ("a1 a1 a1 a1", ". . . .", (0, 0, 0, 0.0)),  # in void
        ("a1 a1 a1 a1", ". . b1 b1", (0, 1, 1, 0.0)),  # half in void is not mostly in void
        ("a1 a1 a1 a1", ". . . b1", (0, 0, 1, 0.0)),
        ("a1 a1 a1 a1", ". . . a1", (1, 0, 0, 1.0)),  # mostly in void, but what is not matches
        ("a1 a1 . .", "a1 a1 a1 .", (1, 0, 0, 2 / 3)),  # predicted void is no excuse
        ("a1 a1 .1 .2", "a1 a1 .3 .4", (1, 0, 0, 1.0)),  # void has no instances
        ("a1 b1 a1 b1", "a1 b1 a1 b1", (2, 0, 0, 2.0)),  # not connected
        ("a1 a1 b1 b1", "b1 b1 a1 a1", (0, 2, 2, 0.0)),
    ],
)
def test_by_hand(predicted: str, gold: str, expected: tuple[float, ...]) -> None:
    assert numbers(row(predicted), row(gold)) == pytest.approx(expected)
    assert panoptic_reward(row(predicted), row(gold)) == pytest.approx([expected[3] - 0.5 * expected[1]])
    assert panoptic_reward(row(predicted), row(gold), 2.0) == pytest.approx([expected[3] - 2 * expected[1]])


@given(maps())
def test_against_sets(case: tuple[Map, Map]) -> None:
    assert numbers(*case) == pytest.approx(slow_counts(*case))


@given(maps(), st.permutations(range(12)), st.permutations([-(2**62), -1, 7]), st.permutations([1, 2**40, 2**62]))
def test_order_and_numbers_do_not_matter(case: tuple[Map, Map], places: list[int], some: list[int], others: list[int]) -> None:
    before = numbers(*case)
    moved = [picture.reshape(1, 12, 2)[:, places].reshape(1, 4, 3, 2) for picture in case]
    assert numbers(*moved) == before  # to the last bit
    renamed = [picture.copy() for picture in case]
    for picture, names in zip(renamed, (some, others), strict=True):
        picture[..., 1] = np.array(names)[picture[..., 1] + 1]
    assert numbers(*renamed) == before


@given(st.lists(maps(), min_size=1, max_size=4))
def test_batch_is_one_by_one(cases: list[tuple[Map, Map]]) -> None:
    predicted, gold = (np.concatenate(pictures) for pictures in zip(*cases, strict=True))
    assert panoptic_reward(predicted, gold).tolist() == [panoptic_reward(*case)[0] for case in cases]
    for parts, alone in zip(zip(*panoptic_counts(predicted, gold), strict=True), cases, strict=True):
        assert parts == numbers(*alone)
    assert panoptic_reward(predicted[::-1], gold[::-1]).tolist() == panoptic_reward(predicted, gold)[::-1].tolist()


@given(maps())
def test_bounds(case: tuple[Map, Map]) -> None:
    predicted, gold = case
    matched, _, missed, iou = numbers(predicted, gold)
    segments = {tuple(value) for value in gold.reshape(-1, 2).tolist() if value[0]}
    assert matched + missed == len(segments) and matched / 2 <= iou <= matched
    value = float(panoptic_reward(predicted, gold)[0])
    assert -0.5 * 12 <= value <= len(segments)
    assert numbers(gold, gold) == (len(segments), 0, 0, len(segments))
    # an additional segment that is right brings 1, the same of another category costs the penalty
    wider = np.concatenate([gold, as_map([(3, 5)] * 3, (3, 1))], 2)
    hit, false, nothing = (np.concatenate([predicted, as_map([value] * 3, (3, 1))], 2) for value in ((3, 1), (4, 1), (0, 0)))
    assert panoptic_reward(hit, wider) == pytest.approx([value + 1])
    assert panoptic_reward(false, wider) == pytest.approx([value - 0.5])
    assert panoptic_reward(nothing, wider) == pytest.approx([value])


def test_large_maps_and_no_maps() -> None:
    gold = np.zeros((1, 200, 200, 2), np.uint8)
    gold[..., 0] = 1
    noise = np.stack([np.ones((1, 200, 200), np.int64), np.arange(40_000).reshape(1, 200, 200)], -1)
    assert numbers(noise, gold) == (0, 40_000, 1, 0.0)
    assert numbers(noise, noise) == (40_000, 0, 0, 40_000)
    assert panoptic_reward(noise[:0], gold[:0]).shape == (0,)
    assert panoptic_reward(noise[:, :0], gold[:, :0]).tolist() == [0.0]


def test_bad_maps() -> None:
    good = row("a1 a1")
    for bad in (good.astype(float), good[0], good[..., :1], good > 0):
        with pytest.raises(ValueError, match=r"predicted is .* Expected integers of shape \(B, H, W, 2\)"):
            panoptic_reward(bad, good)
        with pytest.raises(ValueError, match="gold is"):
            panoptic_reward(good, bad)
    with pytest.raises(ValueError, match="Expected the same"):
        panoptic_reward(good, row("a1 a1 a1"))
