from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vispro_gym.rewards.panoptic import panoptic_counts
from vispro_gym.tasks.metrics.panoptic import panoptic_metric

THINGS, STUFF = [3, 1], [2, 7]
Map = NDArray[np.int64]


@pytest.fixture
def library() -> None:
    pytest.importorskip("torchmetrics", reason="needs torchmetrics")


def row(*values: tuple[int, int]) -> Map:
    return np.array(values, np.int64).reshape(1, -1, 2)


def random_maps(rng: np.random.Generator) -> tuple[Map, Map]:
    """Blocks of 2 x 2 pixels, void among them, and the same with noise."""
    categories = rng.choice([0, 1, 2, 3, 7], (5, 6))
    gold = np.stack([categories, np.where(np.isin(categories, THINGS), rng.integers(0, 2, (5, 6)), 0)], -1)
    gold = gold.repeat(2, 0).repeat(2, 1)
    categories = rng.choice([0, 1, 2, 3, 7], gold.shape[:2])
    noise = np.stack([categories, np.where(np.isin(categories, THINGS), 5, 0)], -1)
    return np.where(rng.random(gold.shape[:2])[..., None] < 0.2, noise, gold), gold


def by_category(predicted: Map, gold: Map, category: int) -> NDArray[np.float64]:
    """matched, unmatched, missed, iou: gold keeps all its void, other categories become one that nobody asks for."""

    def only(picture: Map, rest: int) -> Map:
        is_other = ~np.isin(picture[..., :1], [0, category])
        return np.where(is_other, np.array([rest, 0]), picture)[None]

    # different numbers, so that what is left over never matches; what is unmatched or missed of it is taken off
    counts = panoptic_counts(only(predicted, 98), only(gold, 99))
    matched, unmatched, missed, iou = (float(part[0]) for part in counts)
    left = panoptic_counts(np.where(only(predicted, 98)[..., :1] == 98, only(predicted, 98), 0), only(gold, 99))
    is_missed = bool((only(gold, 99)[..., 0] == 99).any())
    return np.array([matched, unmatched - float(left.unmatched[0]), missed - is_missed, iou])


@pytest.mark.usefixtures("library")
def test_by_hand() -> None:
    gold = [row((1, 1), (1, 1), (1, 1), (1, 1), (2, 0), (2, 0)), row((1, 1), (2, 0), (2, 0), (2, 0), (0, 0), (0, 0))]
    predicted = [row((1, 9), (1, 9), (1, 9), (1, 8), (2, 4), (2, 4)), row((2, 0), (2, 0), (2, 0), (2, 0), (1, 1), (0, 0))]
    # 1: one match of 3/4, one unmatched, one missed; the prediction in void does not count. 2: matches of 1 and 3/4
    metric = panoptic_metric(predicted, gold, THINGS, STUFF)
    assert metric == pytest.approx(
        {
            "PQ": (0.75 / 2 + 1.75 / 2) / 2,
            "SQ": (0.75 + 1.75 / 2) / 2,
            "RQ": (1 / 2 + 1) / 2,
            "PQ_things": 0.75 / 2,
            "PQ_stuff": 1.75 / 2,
        }
    )


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("seed", range(8))
def test_against_the_counts_of_the_reward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = [random_maps(rng) for _ in range(1 + seed % 3)]
    parts = {}
    for category in (1, 3, 2, 7):
        parts[category] = sum(by_category(*picture, category) for picture in pictures)
    # nothing is lost: the categories together are the whole
    whole = panoptic_counts(*(np.stack(maps) for maps in zip(*pictures, strict=True)))
    assert sum(parts.values()) == pytest.approx([float(part.sum()) for part in whole])
    quality = {c: iou / (matched + unmatched / 2 + missed / 2) for c, (matched, unmatched, missed, iou) in parts.items()}
    metric = panoptic_metric(iter(p for p, _ in pictures), iter(g for _, g in pictures), THINGS, STUFF)
    assert metric["PQ"] == pytest.approx(np.mean(list(quality.values())), abs=1e-6)  # torchmetrics' IoU has single precision
    assert metric["PQ_things"] == pytest.approx((quality[1] + quality[3]) / 2, abs=1e-6)
    assert metric["PQ_stuff"] == pytest.approx((quality[2] + quality[7]) / 2, abs=1e-6)
    assert 0 < metric["PQ"] < 1 and metric["SQ"] >= metric["PQ"] and metric["RQ"] >= metric["PQ"]


@pytest.mark.usefixtures("library")
def test_predicted_void_is_no_excuse() -> None:
    gold = row((1, 1), (1, 1), (1, 1), (1, 1))
    # torchmetrics alone says 1 and nothing
    assert panoptic_metric([row((1, 1), (1, 1), (1, 1), (0, 0))], [gold], THINGS, STUFF)["PQ"] == pytest.approx(3 / 4)
    assert panoptic_metric([row(*[(0, 5)] * 4)], [gold], THINGS, STUFF) == {"PQ": 0, "SQ": 0, "RQ": 0, "PQ_things": 0}


@pytest.mark.usefixtures("library")
def test_perfect_and_no_maps() -> None:
    _, gold = random_maps(np.random.default_rng(0))
    assert set(panoptic_metric([gold.astype(np.uint8)], [gold], THINGS, STUFF).values()) == {1.0}
    assert panoptic_metric([], [], THINGS, STUFF) == {}
    assert panoptic_metric([gold], [gold * 0], THINGS, STUFF) == {}  # all in void
    assert set(panoptic_metric([row((2, 1))], [row((2, 5))], [], STUFF)) == {"PQ", "SQ", "RQ", "PQ_stuff"}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (row((1, 1)), row((1, 1), (1, 1)), "the gold map of picture 1 .* alike"),
        (row((1, 1)).astype(float), row((1, 1)), "the predicted map of picture 1 is float64"),
        (row((1, 1))[0], row((1, 1)), r"Expected integers of shape \(H, W, 2\)"),
        (row((4, 1)), row((1, 1)), r"the predicted map of picture 1 has the categories \[4\]"),
        (row((1, 1)), row((-1, 1)), r"the gold map of picture 1 has the categories \[-1\]"),
    ],
)
def test_bad_maps(predicted: Any, gold: Any, expected: str) -> None:
    good = row((1, 1))
    with pytest.raises(ValueError, match=expected):
        panoptic_metric([good, predicted], [good, gold], THINGS, STUFF)


@pytest.mark.usefixtures("library")
def test_bad_arguments() -> None:
    good = row((1, 1))
    for things, stuff in (([], []), ([0, 1], [2]), ([1], [1, 2])):
        with pytest.raises(ValueError, match="Expected categories above 0, none in both"):
            panoptic_metric([good], [good], things, stuff)
    with pytest.raises(ValueError, match="zip"):
        panoptic_metric([good, good], [good], THINGS, STUFF)


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics.detection", None)
    with pytest.raises(ImportError, match=r'pip install "vispro-gym\[rewards\]"'):
        panoptic_metric([], [], THINGS, STUFF)
