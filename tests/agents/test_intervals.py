"""pass@k against counting all subsets, and intervals against data whose truth is known."""

from __future__ import annotations

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.intervals import interval, pass_at_k, resampled_means


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_program(right: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(right)))
    subsets = [any(subset) for subset in combinations(right, k)]
    (found,) = pass_at_k([sum(right)], len(right), k)
    assert found == pytest.approx(sum(subsets) / len(subsets), abs=1e-12)


@given(st.integers(1, 40), st.floats(0, 1), st.data())
def test_pass_at_k_has_no_bias(samples: int, chance: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, samples))
    counts = np.arange(samples + 1)
    weights = [comb(samples, int(c)) * chance**c * (1 - chance) ** (samples - c) for c in counts]
    assert float(np.dot(weights, pass_at_k(counts, samples, k))) == pytest.approx(1 - (1 - chance) ** k, abs=1e-9)


@pytest.mark.parametrize(("right", "k"), [([0], 0), ([0], 6), ([6], 1), ([-1], 1)])
def test_pass_at_k_out_of_range(right: list[int], k: int) -> None:
    with pytest.raises(ValueError, match=r"xpected .* from [01] to 5"):
        pass_at_k(right, 5, k)


def covered(pictures: int, questions: int, chance: float, of_pictures: bool) -> float:
    """How often the interval holds the truth, where all questions on one picture end alike."""
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        values = np.repeat(rng.random(pictures) < chance, questions)
        clusters = np.repeat(np.arange(pictures), questions) if of_pictures else np.arange(pictures * questions)
        low, high = interval(resampled_means(values[:, None], clusters.tolist(), trial)[:, 0])
        hits += low <= chance <= high
    return hits / 200


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    assert 0.91 < covered(60, 1, 0.3, of_pictures=True) < 0.98
    assert 0.91 < covered(60, 5, 0.3, of_pictures=True) < 0.98


def test_intervals_of_episodes_would_be_too_narrow() -> None:
    assert covered(60, 5, 0.3, of_pictures=False) < 0.75


def test_the_spread_is_that_of_a_binomial_share() -> None:
    values = np.array([1.0] * 30 + [0.0] * 70)[:, None]
    means = resampled_means(values, list(range(100)), 0, resamples=20_000)  # more than are drawn at once
    assert means.shape == (20_000, 1)
    assert means.mean() == pytest.approx(0.3, abs=0.005)
    assert means.std() == pytest.approx(sqrt(0.3 * 0.7 / 100), rel=0.05)


def test_pictures_are_drawn_whole() -> None:
    means = resampled_means(np.array([[1.0], [0.0], [0.0], [0.0]]), ["a", "b", "b", "b"], 0)
    assert set(means[:, 0]) == {1.0, 0.25, 0.0}


def test_episodes_that_do_not_count_are_left_out() -> None:
    nan = float("nan")
    means = resampled_means(np.array([[1.0, nan], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), ["a", "b", "b", "b"], 0)
    drawn = {(round(one, 3), "none" if np.isnan(other) else round(other, 3)) for one, other in means.tolist()}
    assert drawn == {(1.0, "none"), (0.25, 0.333), (0.0, 0.333)}
    assert interval(means[:, 1]) == pytest.approx((1 / 3, 1 / 3))


@given(st.integers(2, 40), st.integers(0, 1000))
def test_equal_policies_do_not_differ_and_draws_are_paired(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random(size).round(), rng.random(size).round()
    clusters = rng.integers(0, 5, size).tolist()
    both = resampled_means(np.column_stack([one, other]), clusters, seed, resamples=50)
    assert np.array_equal(both[:, 0], resampled_means(one[:, None], clusters, seed, resamples=50)[:, 0])
    assert np.allclose(both[:, 0] - both[:, 1], resampled_means((one - other)[:, None], clusters, seed, resamples=50)[:, 0])
