"""Formulas of a hand that equal a target, as sequences of tokens: all of them, and the shortest that begins in a given way."""

from __future__ import annotations

from collections import deque
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

_Frame = tuple[Fraction, Fraction, bool]
"""What has been read since a parenthesis was opened: a sum, a term, and whether the next operand divides the term. Where an
operator is wanted, the term is complete."""

_State = tuple[tuple[_Frame, ...], tuple[int, ...], bool]
"""What matters of the beginning of a formula: a frame for itself and one for each open parenthesis, the numbers that are left,
and whether an operand is wanted."""

_EMPTY: _Frame = (Fraction(0), Fraction(1), False)


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


@lru_cache(maxsize=4096)
def completion(begun: Tokens, numbers: tuple[int, ...], operators: str, target: int, room: int) -> Tokens | None:
    """The shortest formula that begins so, uses every number once and equals the target.

    Unlike those of `solutions` it may have parentheses that could be left out, but only where they have been opened already.

    Args:
        begun: The first tokens of the formula.
        numbers: The numbers, sorted.
        operators: Some of "+-*/".
        target: What the formula equals; not 0.
        room: The most tokens that the formula may have.

    Returns:
        None if there is none. Of several of a length the first, where ")" comes before operators and numbers before "(".
    """
    state: _State | None = (_EMPTY,), numbers, True
    for token in begun:
        state = state and _after(state, token)
    if state is None or not is_solvable(numbers, operators, target):
        return None
    queue, seen = deque([(begun, state)]), {state}
    while queue:
        tokens, (frames, left, wants_operand) = queue.popleft()
        if len(tokens) + len(frames) - 1 + 2 * len(left) - wants_operand > room or (wants_operand and not left):
            continue
        if len(frames) == 1 and not left and sum(frames[0][:2]) == target:
            return tokens
        following = [")", *(operators if left else ())]
        if wants_operand:
            following = [str(number) for number in dict.fromkeys(left)]
            # Of as many parentheses in a row as there are numbers, two would enclose the same, or one a single number.
            if next((i for i, frame in enumerate(reversed(frames[1:])) if frame != _EMPTY), len(frames) - 1) < len(left) - 1:
                following.append("(")
        for token in following:
            state = _after((frames, left, wants_operand), token)
            if state is not None and not _is_lost(state, target):
                known = len(seen)
                seen.add(state)
                if len(seen) > known:  # hashing fractions is slow, so it is done only once
                    queue.append(((*tokens, token), state))
    return None


def _after(state: _State, token: str) -> _State | None:
    """What a token makes of a state; None where it cannot stand, no such number is left, or it makes a division by zero."""
    frames, left, wants_operand = state
    total, term, _ = frames[-1]
    if wants_operand:
        if token == "(":
            return (*frames, _EMPTY), left, True
        if not token.isdigit() or int(token) not in left:
            return None
        i = left.index(int(token))
        return _with_operand(frames, Fraction(left[i]), left[:i] + left[i + 1 :])
    if token == ")":
        return _with_operand(frames[:-1], total + term, left) if len(frames) > 1 else None
    if token in ("*", "/"):
        return (*frames[:-1], (total, term, token == "/")), left, True
    if token in ("+", "-"):
        return (*frames[:-1], (total + term, Fraction(1 if token == "+" else -1), False)), left, True
    return None


def _is_lost(state: _State, target: int) -> bool:
    """Whether a state of whose value nothing is open any more, but for closing the parentheses, misses the target."""
    frames, left, wants_operand = state
    if len(left) == 1 and wants_operand:
        operand = Fraction(left[0])
    elif not left and not wants_operand:
        *below, (total, term, _) = frames
        frames, operand = tuple(below), total + term
    else:
        return False
    for frame in reversed(frames):
        if frame is not _EMPTY:
            total, term, divides = frame
            value = combine("/" if divides else "*", term, operand)
            if value is None:
                return True
            operand = total + value
    return operand != target


def _with_operand(frames: tuple[_Frame, ...], operand: Fraction, left: tuple[int, ...]) -> _State | None:
    total, term, divides = frames[-1]
    value = combine("/" if divides else "*", term, operand)
    return None if value is None else ((*frames[:-1], (total, value, False)), left, False)


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
