"""Retrieval between pictures and captions (Flickr30k, COCO captions; Karpathy's splits have five captions per picture).

Recall at k is the fraction of queries for which something that belongs to the query is among the k best candidates. From
text to image every caption is a query; from image to text every picture, and any of its captions will do.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vispro_gym.datasets.errors import DatasetError

CUTOFFS = (1, 5, 10)
"""The k of the recalls that are reported."""


def retrieval_metric(scores: ArrayLike, image_of_caption: Sequence[int]) -> dict[str, float]:
    """Computes "text_to_image/R@1", R@5, R@10 and "image_to_text/R@1", R@5, R@10, as fractions.

    Ties count against what is looked for: equal scores for everything find nothing.

    Args:
        scores: How well a picture and a caption match, larger is better, of shape `(pictures, captions)`.
        image_of_caption: For each caption the row of its picture.

    Raises:
        DatasetError: If the shapes disagree, a score is NaN, or a row has no caption.
    """
    matrix = np.asarray(scores, dtype=np.float64)
    owner = np.asarray(image_of_caption, dtype=np.int64)
    if matrix.ndim != 2 or matrix.shape[1:] != owner.shape or np.isnan(matrix).any():
        raise DatasetError(
            f"Scores of shape {matrix.shape} for {len(owner)} captions. Expected numbers of shape (pictures, captions)."
        )
    if set(owner.tolist()) != set(range(len(matrix))):
        raise DatasetError(
            f"The captions belong to {len(set(owner.tolist()))} pictures. Expected some for each of {len(matrix)}."
        )
    own = owner[None, :] == np.arange(len(matrix))[:, None]
    # how many wrong candidates stand before the first right one, or beside it
    image_ranks = ((matrix >= matrix[owner, np.arange(len(owner))]) & ~own).sum(axis=0)
    best = np.where(own, matrix, -np.inf).max(axis=1, initial=-np.inf)
    caption_ranks = ((matrix >= best[:, None]) & ~own).sum(axis=1)
    return _recalls("text_to_image/", image_ranks) | _recalls("image_to_text/", caption_ranks)


def ranking_metric(rankings: Mapping[Any, Sequence[Hashable]], relevant: Mapping[Any, Set[Hashable]]) -> dict[str, float]:
    """Computes "R@1", "R@5" and "R@10" of ranked lists, as fractions.

    Args:
        rankings: Candidates by query, best first; they may be cut off anywhere. A query without a ranking finds nothing.
        relevant: For each query asked the candidates that belong to it.

    Raises:
        DatasetError: If a ranking holds a candidate twice.
    """
    for query, ranking in rankings.items():
        if len(set(ranking)) != len(ranking):
            raise DatasetError(f"The ranking for {query!r:.80} holds a candidate twice. Expected each candidate once.")
    ranks = [
        next((rank for rank, candidate in enumerate(rankings.get(query, ())) if candidate in wanted), max(CUTOFFS))
        for query, wanted in relevant.items()
    ]
    return _recalls("", np.array(ranks, dtype=np.int64))


def pool_metric(choices: Mapping[str, int | None], targets: Mapping[str, int]) -> dict[str, float]:
    """Computes the "accuracy" of choosing the match from a small pool, as a fraction. Guessing earns one over its size.

    Args:
        choices: Position of the chosen candidate by sample id; None, or no entry, is wrong.
        targets: Position of the match by sample id, of all samples asked.
    """
    if not targets:
        return {}
    return {"accuracy": sum(choices.get(i) == target for i, target in targets.items()) / len(targets)}


def _recalls(prefix: str, ranks: NDArray[Any]) -> dict[str, float]:
    return {f"{prefix}R@{k}": float(np.mean(ranks < k)) for k in CUTOFFS} if len(ranks) else {}
