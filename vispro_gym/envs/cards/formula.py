"""Formulas as sequences of tokens, evaluated exactly: numbers, binary `+ - * /`, parentheses, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

BLANK = " "
"""A token that stands for nothing."""

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_MAX_DIGITS = 18


class FormulaError(ValueError):
    """Tokens that are no formula, or one that has no value."""


def evaluate(tokens: Sequence[str]) -> Fraction:
    """The exact value of a formula.

    Operators of equal precedence are taken from left to right, products and quotients before sums and differences. There are no
    signs, and tokens next to each other are not joined: `["2", "4"]` is no number. Blanks are ignored. The number of operations
    on fractions is proportional to the number of tokens.

    Raises:
        FormulaError: If the tokens are no formula, or it divides by zero.
    """
    values: list[Fraction] = []
    pending: list[str] = []
    wants_operand = True
    for token in tokens:
        if token == BLANK:
            continue
        if token in _PRECEDENCE or token == ")":
            if wants_operand:
                raise FormulaError(f"{token!r} stands where a number or '(' is expected")
            strength = _PRECEDENCE.get(token, 0)
            while pending and pending[-1] != "(" and _PRECEDENCE[pending[-1]] >= strength:
                _apply(pending.pop(), values)
            if token != ")":
                pending.append(token)
            elif pending:
                pending.pop()
            else:
                raise FormulaError("')' has no '('")
            wants_operand = token != ")"
            continue
        if not wants_operand:
            raise FormulaError(f"{token!r:.40} stands where an operator is expected")
        if token == "(":
            pending.append(token)
        elif token.isascii() and token.isdigit() and len(token) <= _MAX_DIGITS:
            values.append(Fraction(int(token)))
            wants_operand = False
        else:
            raise FormulaError(f"{token!r:.40} is no token of a formula")
    if wants_operand:
        raise FormulaError("the formula ends where a number or '(' is expected")
    while pending:
        operator = pending.pop()
        if operator == "(":
            raise FormulaError("'(' has no ')'")
        _apply(operator, values)
    return values[0]


def _apply(operator: str, values: list[Fraction]) -> None:
    right = values.pop()
    result = combine(operator, values.pop(), right)
    if result is None:
        raise FormulaError("the formula divides by zero")
    values.append(result)


def combine(operator: str, left: Fraction, right: Fraction) -> Fraction | None:
    """What an operator makes of two numbers; None for a division by zero."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return left / right if right else None
