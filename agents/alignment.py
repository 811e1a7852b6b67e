"""Which word of a text becomes which word of another, learned from pairs of texts.

IBM Model 1 (Brown et al. 1993, "The mathematics of statistical machine translation"), by expectation maximisation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

_ROUNDS = 20


def align(pairs: Sequence[tuple[Mapping[str, int], Mapping[str, int]]]) -> dict[str, dict[str, float]]:
    """Learn the probabilities of translations.

    Args:
        pairs: Words of two texts that mean the same, each with how often it occurs. Order does not matter.

    Returns:
        For each word of the first texts the words of the second that it may become, with their probabilities. What no word
        explains better is attributed to an empty word, which is left out.
    """
    chances: dict[str, dict[str, float]] = {}
    for sources, targets in pairs:
        for source in [*sources, ""]:
            chances.setdefault(source, {}).update(dict.fromkeys(targets, 1.0))
    for _ in range(_ROUNDS):
        counts: dict[str, defaultdict[str, float]] = {source: defaultdict(float) for source in chances}
        for sources, targets in pairs:
            weights = {**sources, "": 1}
            for target, times in targets.items():
                total = sum(chances[source][target] * weight for source, weight in weights.items())
                for source, weight in weights.items():
                    counts[source][target] += times * chances[source][target] * weight / total
        chances = {
            source: {target: count / total for target, count in targets.items()}
            for source, targets in counts.items()
            if (total := sum(targets.values()))
        }
    return {source: targets for source, targets in chances.items() if source}
