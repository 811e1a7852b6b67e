"""All formulas of a hand that equal a target, as sequences of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, product

from vispro_gym.envs.cards.deck import RANKS
from vispro_gym.envs.cards.formula import combine

Tokens = tuple[str, ...]

_NUMBER, _SUM, _PRODUCT = range(3)

_Form = tuple[Tokens, int]
"""A formula, and what its last operation is."""

_Forms = frozenset[_Form]


@lru_cache(maxsize=1024)
def solutions(numbers: tuple[int, ...], operators: str, target: int) -> tuple[Tokens, ...]:
    """All formulas that use every number once and equal the target.

    Numbers stand in all orders, and all groupings are tried, but there are no parentheses that could be left out: `2 + (3 + 4)`
    is not among them, since `2 + 3 + 4` is.

    Args:
        numbers: The numbers, two or more, in any order; ask with sorted ones to find what has been computed before.
        operators: Some of "+-*/".
        target: What the formulas equal; not 0.

    Returns:
        The shortest first, and those of a length in the order of their tokens.
    """
    found = {
        tokens
        for operator, lefts, rights in _meetings(tuple(sorted(numbers)), operators, Fraction(target))
        for left, right in product(lefts, rights)
        if (tokens := _joined(operator, left, right)) is not None
    }
    return tuple(sorted(found, key=lambda tokens: (len(tokens), tokens)))


def is_solvable(numbers: tuple[int, ...], operators: str, target: int) -> bool:
    """Whether there is any such formula, see `solutions`."""
    return next(_meetings(tuple(sorted(numbers)), operators, Fraction(target)), None) is not None


@lru_cache(maxsize=8)
def solvable_share(cards: int, operators: str, target: int) -> Fraction:
    """The probability that a hand is solvable whose ranks are drawn uniformly with replacement; J, Q and K count 10."""
    values = [min(rank, 10) for rank in range(1, len(RANKS) + 1)]
    hands: dict[tuple[int, ...], int] = {(): 1}
    for _ in range(cards):
        longer: dict[tuple[int, ...], int] = {}
        for (hand, ways), value in product(hands.items(), values):
            key = tuple(sorted((*hand, value)))
            longer[key] = longer.get(key, 0) + ways
        hands = longer
    solvable = sum(ways for hand, ways in hands.items() if is_solvable(hand, operators, target))
    return Fraction(solvable, sum(hands.values()))


def _meetings(hand: tuple[int, ...], operators: str, target: Fraction) -> Iterator[tuple[str, _Forms, _Forms]]:
    """Last operations that lead to the target: the operator, and the formulas on its left and on its right."""
    for left, right in _splits(hand):
        lefts, rights = _formulas(left, operators), _formulas(right, operators)
        for operator in operators:
            if len(lefts) <= len(rights):
                for value, forms in lefts.items():
                    missing = _missing_right(operator, value, target)
                    if missing in rights:
                        yield operator, forms, rights[missing]
            else:
                for value, forms in rights.items():
                    missing = _missing_left(operator, value, target)
                    if missing in lefts:
                        yield operator, lefts[missing], forms


def _missing_right(operator: str, left: Fraction, target: Fraction) -> Fraction | None:
    """The number for which `left operator number` is the target, which is not 0."""
    if operator == "+":
        return target - left
    if operator == "-":
        return left - target
    if not left:
        return None
    return target / left if operator == "*" else left / target


def _missing_left(operator: str, right: Fraction, target: Fraction) -> Fraction | None:
    """The number for which `number operator right` is the target, which is not 0."""
    if operator == "+":
        return target - right
    if operator == "-":
        return target + right
    if not right:
        return None
    return target / right if operator == "*" else target * right


@lru_cache(maxsize=4096)
def _formulas(hand: tuple[int, ...], operators: str) -> dict[Fraction, _Forms]:
    """All formulas of numbers by their value. Asked for part of a hand, so that hands share what they have in common."""
    if len(hand) == 1:
        return {Fraction(hand[0]): frozenset({((str(hand[0]),), _NUMBER)})}
    found: dict[Fraction, set[_Form]] = {}
    for left, right in _splits(hand):
        pairs = product(_formulas(left, operators).items(), _formulas(right, operators).items())
        for (a, lefts), (b, rights) in pairs:
            for operator in operators:
                value = combine(operator, a, b)
                if value is None:
                    continue
                kind = _SUM if operator in "+-" else _PRODUCT
                forms = found.setdefault(value, set())
                for one, other in product(lefts, rights):
                    tokens = _joined(operator, one, other)
                    if tokens is not None:
                        forms.add((tokens, kind))
    return {value: frozenset(forms) for value, forms in found.items()}


@lru_cache(maxsize=4096)
def _splits(hand: tuple[int, ...]) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """All ways to put numbers on the left and on the right of an operator, each once; the parts are as sorted as the hand is."""
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
    for count in range(1, len(hand)):
        for chosen in combinations(range(len(hand)), count):
            left = tuple(hand[i] for i in chosen)
            right = tuple(number for i, number in enumerate(hand) if i not in chosen)
            found[left, right] = None
    return tuple(found)


def _joined(operator: str, left: _Form, right: _Form) -> Tokens | None:
    """`left operator right` with the parentheses that it needs; None if the same can be said with fewer of them."""
    (left_tokens, left_kind), (right_tokens, right_kind) = left, right
    if (operator, right_kind) in (("+", _SUM), ("*", _PRODUCT)):
        return None
    if operator in "*/" and left_kind == _SUM:
        left_tokens = ("(", *left_tokens, ")")
    if right_kind == _SUM or (operator == "/" and right_kind == _PRODUCT):
        right_tokens = ("(", *right_tokens, ")")
    return (*left_tokens, operator, *right_tokens)
