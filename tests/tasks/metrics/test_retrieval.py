from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.retrieval import pool_metric, ranking_metric, retrieval_metric


def recalls(first: float, five: float, ten: float) -> dict[str, float]:
    return {"R@1": first, "R@5": five, "R@10": ten}


def test_scores_by_hand() -> None:
    scores = [
        # captions of picture 0, 0, 1, 1
        [0.9, 0.2, 0.8, 0.1],
        [0.3, 0.4, 0.2, 0.1],
    ]
    assert retrieval_metric(scores, [0, 0, 1, 1]) == {
        # caption 0 finds its picture; 1 and 2 find the other one; 3 ties
        "text_to_image/R@1": 1 / 4,
        "text_to_image/R@5": 1.0,
        "text_to_image/R@10": 1.0,
        # picture 0 finds caption 0; picture 1 finds those of picture 0 first
        "image_to_text/R@1": 1 / 2,
        "image_to_text/R@5": 1.0,
        "image_to_text/R@10": 1.0,
    }


def test_cutoffs() -> None:
    # 12 pictures with one caption each; caption k has its own picture at rank k
    scores = np.array([[float(image != caption) * (1 + (image - caption) % 12) for caption in range(12)] for image in range(12)])
    for caption in range(12):
        others = sorted((s for image, s in enumerate(scores[:, caption]) if image != caption), reverse=True)
        scores[caption, caption] = others[caption - 1] - 0.5 if caption else others[0] + 1
    metric = retrieval_metric(scores, range(12))
    assert {name: value for name, value in metric.items() if name.startswith("text")} == {
        "text_to_image/R@1": 1 / 12,
        "text_to_image/R@5": 5 / 12,
        "text_to_image/R@10": 10 / 12,
    }


def test_ties_find_nothing() -> None:
    metric = retrieval_metric(np.zeros((20, 100)), np.repeat(np.arange(20), 5))
    assert set(metric.values()) == {0.0}
    # but the captions of a picture do not stand in each other's way
    assert set(retrieval_metric(np.kron(np.eye(20), np.ones((1, 5))), np.repeat(np.arange(20), 5)).values()) == {1.0}


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_scores_agree_with_rankings(pictures: int, captions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.permutation(pictures * pictures * captions).reshape(pictures, pictures * captions)
    owner = random.permutation(np.repeat(np.arange(pictures), captions))
    metric = retrieval_metric(scores, owner.tolist())
    to_image = ranking_metric(
        {c: np.argsort(-scores[:, c]).tolist() for c in range(len(owner))}, {c: {int(i)} for c, i in enumerate(owner)}
    )
    to_text = ranking_metric(
        {i: np.argsort(-scores[i]).tolist() for i in range(pictures)},
        {i: set(np.nonzero(owner == i)[0].tolist()) for i in range(pictures)},
    )
    assert metric == {f"text_to_image/{k}": v for k, v in to_image.items()} | {
        f"image_to_text/{k}": v for k, v in to_text.items()
    }


@pytest.mark.parametrize(
    ("scores", "owner", "expected"),
    [
        ([[1.0, 2.0]], [0], "shape \\(1, 2\\) for 1 captions"),
        ([1.0, 2.0], [0, 0], "shape \\(pictures, captions\\)"),
        ([[1.0, float("nan")]], [0, 0], "Expected numbers"),
        ([[1.0], [2.0]], [0], "some for each of 2"),
        ([[1.0, 2.0]], [0, 1], "some for each of 1"),
    ],
)
def test_bad_scores(scores: list[list[float]], owner: list[int], expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        retrieval_metric(scores, owner)


def test_rankings_by_hand() -> None:
    wanted = {"a": {1}, "b": {2, 3}, "c": {9}, "d": {4}}
    rankings = {"a": [1, 2], "b": [5, 6, 3], "c": list(range(12)), "x": [1]}
    assert ranking_metric(rankings, wanted) == recalls(1 / 4, 2 / 4, 3 / 4)
    assert ranking_metric({}, wanted) == recalls(0.0, 0.0, 0.0)
    assert ranking_metric(rankings, {}) == {}
    with pytest.raises(DatasetError, match="'a' holds a candidate twice"):
        ranking_metric({"a": [1, 1]}, wanted)


def test_pools_by_hand() -> None:
    targets = {"a": 0, "b": 3, "c": 1, "d": 2}
    assert pool_metric({"a": 0, "b": 3, "c": 2, "d": None, "e": 1}, targets) == {"accuracy": 0.5}
    assert pool_metric({}, targets) == {"accuracy": 0.0}
    assert pool_metric({}, {}) == {}
