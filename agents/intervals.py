"""How sure a figure is: pass@k without bias, and bootstrap intervals.

The bootstrap draws pictures, not episodes. Datasets ask several questions about one picture (CLEVR ten, GQA about as many), and
what makes one of them easy or hard, such as an empty scene or a thing that perception misses, does so for the others. Intervals
that took such episodes for independent would be too narrow. Where every picture has one question, both are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1_000
_LEVEL = 95.0
_CELLS = 1 << 20  # of the matrix of weights that is in memory at once


def pass_at_k(right: ArrayLike, samples: int, k: int) -> NDArray[np.float64]:
    """Chance that of k programs at least one is right, estimated from more than k (Chen et al. 2021, arXiv:2107.03374).

    It is the share of the subsets of k programs that hold a right one, `1 - C(n - c, k) / C(n, k)`, whose expectation is the
    chance itself. `1 - (1 - c / n) ** k` would be too low.

    Args:
        right: Number c of right programs of each episode, integers of shape `(episodes,)`.
        samples: Number n of programs that were drawn for each.
        k: From 1 to n.

    Returns:
        float64 of shape `(episodes,)`.

    Raises:
        ValueError: If k or a number of right programs is out of range.
    """
    counts = np.asarray(right, np.int64)
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} cannot be told from {samples} samples. Expected k from 1 to {samples}.")
    if counts.size and not 0 <= counts.min() <= counts.max() <= samples:
        raise ValueError(f"expected numbers of right programs from 0 to {samples}, got {counts.min()} to {counts.max()}.")
    table = [1.0 - comb(samples - number, k) / comb(samples, k) for number in range(samples + 1)]
    return np.array(table)[counts]


def resampled_means(
    values: ArrayLike, clusters: Sequence[Hashable], seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Means of episodes of pictures that are drawn with replacement.

    The draw depends on seed and clusters alone. So figures of two policies on the same episodes are resampled alike, and
    differences of their rows are the paired bootstrap.

    Args:
        values: float of shape `(episodes, figures)`; NaN where an episode does not count for a figure.
        clusters: What each episode is about: episodes with equal ones are drawn together.
        seed: Seed of the draws.
        resamples: Number of draws.

    Returns:
        float64 of shape `(resamples, figures)`; NaN where none of the episodes that were drawn counts.
    """
    table = np.asarray(values, np.float64)
    numbers: dict[Hashable, int] = {}
    members = np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], np.int64)
    size = len(numbers)
    sums = np.zeros((size, 2 * table.shape[1]))
    np.add.at(sums, members, np.hstack([np.nan_to_num(table), ~np.isnan(table)]))
    rng = np.random.default_rng(seed)
    rows = max(1, _CELLS // size)
    totals = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = rng.integers(size, size=(count, size)) + size * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
        totals.append(weights @ sums)
    total, number = np.hsplit(np.concatenate(totals), 2)
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def interval(means: ArrayLike) -> tuple[float, float]:
    """The 95 % percentile interval of resampled means, float of shape `(resamples,)`.

    Where all episodes ended alike it has no width, however few they were: the bootstrap knows nothing but what it saw.
    """
    low, high = np.nanpercentile(np.asarray(means, np.float64), [(100.0 - _LEVEL) / 2, (100.0 + _LEVEL) / 2])
    return float(low), float(high)
