"""Optimal play of blackjack with a deck that never runs out, by exact dynamic programming."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from typing import NamedTuple

MAX_TOTAL, DEALER_STANDS = 21, 17

_DRAWS = {value: Fraction(4 if value == 10 else 1, 13) for value in range(1, 11)}
"""Probability of what a card counts; an ace is 1."""


class Total(NamedTuple):
    """What a hand counts.

    Attributes:
        points: The total, with an ace as 11 where that does not exceed 21.
        is_soft: Whether an ace counts 11.
    """

    points: int
    is_soft: bool

    def plus(self, value: int) -> Total:
        """The total with one more card."""
        if value == 1 and self.points + 11 <= MAX_TOTAL:
            return Total(self.points + 11, True)
        points = self.points + value
        return Total(points - 10, False) if points > MAX_TOTAL and self.is_soft else Total(points, self.is_soft)

    @property
    def is_bust(self) -> bool:
        """Whether it exceeds 21."""
        return self.points > MAX_TOTAL

    def __str__(self) -> str:
        return f"soft {self.points}" if self.is_soft else str(self.points)


def total_of(values: Iterable[int]) -> Total:
    """The total of cards that count so much."""
    total = Total(0, False)
    for value in values:
        total = total.plus(value)
    return total


class ActionValues(NamedTuple):
    """The expected return of each action, if play is optimal afterwards."""

    stand: Fraction
    hit: Fraction


@cache
def action_values(total: Total, dealer: int) -> ActionValues:
    """What the actions are worth.

    Args:
        total: The player's total, not above 21.
        dealer: What the dealer's open card counts, from 1 to 10.
    """
    hit = sum((share * _best(total.plus(value), dealer) for value, share in _DRAWS.items()), Fraction(0))
    return ActionValues(_stand(total.points, total_of([dealer])), hit)


def optimal_value() -> Fraction:
    """The expected return of an optimal policy, from before the cards are dealt."""
    return sum(
        (
            _DRAWS[first] * _DRAWS[second] * _DRAWS[dealer] * _best(total_of((first, second)), dealer)
            for first in _DRAWS
            for second in _DRAWS
            for dealer in _DRAWS
        ),
        Fraction(0),
    )


def _best(total: Total, dealer: int) -> Fraction:
    return Fraction(-1) if total.is_bust else max(action_values(total, dealer))


@cache
def _stand(points: int, dealer: Total) -> Fraction:
    """The expected return after the player stands, from what the dealer has so far."""
    if dealer.points < DEALER_STANDS:
        return sum((share * _stand(points, dealer.plus(value)) for value, share in _DRAWS.items()), Fraction(0))
    if dealer.is_bust or dealer.points < points:
        return Fraction(1)
    return Fraction(-1 if dealer.points > points else 0)
