"""Formulas, and all that are right for a hand."""

from __future__ import annotations

import ast
import warnings
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.envs.cards.deck import RANKS, Card, name_cards, read_cards
from vispro_gym.envs.cards.formula import FormulaError, evaluate
from vispro_gym.envs.cards.solutions import is_solvable, solutions, solvable_share

OPERATIONS: dict[Any, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}

trees = st.recursive(st.integers(1, 13), lambda part: st.tuples(st.sampled_from("+-*/"), part, part), max_leaves=12)


def value(tree: Any) -> Fraction:
    return Fraction(tree) if isinstance(tree, int) else OPERATIONS[tree[0]](value(tree[1]), value(tree[2]))


def with_all_parentheses(tree: Any) -> list[str]:
    if isinstance(tree, int):
        return [str(tree)]
    return ["(", *with_all_parentheses(tree[1]), tree[0], *with_all_parentheses(tree[2]), ")"]


def with_some_parentheses(tree: Any) -> list[str]:
    """As Python's own printer sets them, which goes by the rules of precedence."""
    names = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}

    def node(tree: Any) -> ast.expr:
        return ast.Constant(tree) if isinstance(tree, int) else ast.BinOp(node(tree[1]), names[tree[0]](), node(tree[2]))

    return ast.unparse(node(tree)).replace("(", "( ").replace(")", " )").split()


@given(trees, st.randoms(use_true_random=False))
def test_formulas_have_the_value_of_their_tree(tree: Any, rng: Any) -> None:
    for tokens in (with_all_parentheses(tree), with_some_parentheses(tree)):
        blanks = [part for token in tokens for part in ([" "] * rng.randrange(2) + [token])]
        for text in (tokens, blanks, [*tokens, " ", " "]):
            try:
                expected = value(tree)
            except ZeroDivisionError:
                with pytest.raises(FormulaError, match="divides by zero"):
                    evaluate(text)
            else:
                assert evaluate(text) == expected


def by_python(tokens: list[str]) -> Fraction | None:
    """The value of tokens that Python reads as nothing but binary operations on numbers; None if it does not."""

    def walk(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return Fraction(node.value)
        names = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
        if not isinstance(node, ast.BinOp) or type(node.op) not in names:
            raise SyntaxError
        return OPERATIONS[names[type(node.op)]](walk(node.left), walk(node.right))  # type: ignore[no-any-return]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return walk(ast.parse(" ".join(tokens).strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError):
        return None


@given(st.lists(st.sampled_from(["1", "2", "3", "10", "+", "-", "*", "/", "(", ")", " "]), max_size=9))
def test_any_tokens_are_a_formula_or_none(tokens: list[str]) -> None:
    expected = by_python(tokens)
    try:
        found = evaluate(tokens)
    except FormulaError:
        found = None
    assert found == expected


@given(st.lists(st.text(max_size=4)))
def test_no_tokens_fail_in_another_way(tokens: list[str]) -> None:
    try:
        assert isinstance(evaluate(tokens), Fraction)
    except FormulaError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "ends where a number"),
        (["2", "4"], "'4' stands where an operator is expected"),
        (["2", "*", "*", "3"], r"'\*' stands where a number"),
        (["7", "/", "/", "2"], "'/' stands where a number"),
        (["-", "2"], "'-' stands where"),
        (["2", "(", "3", ")"], r"'\(' stands where an operator"),
        (["(", ")"], r"'\)' stands where a number"),
        (["(", "2"], r"'\(' has no '\)'"),
        (["2", ")"], r"'\)' has no '\('"),
        (["2", "+"], "ends where a number"),
        (["2", "/", "(", "3", "-", "3", ")"], "divides by zero"),
        (["2", "**", "3"], r"'\*\*' stands where an operator"),
        (["**"], r"'\*\*' is no token"),
        (["-2"], "'-2' is no token"),
        (["1.5"], "is no token"),
        (["1e9"], "is no token"),
        (["²"], "is no token"),
        (["٣"], "is no token"),
        (["9" * 5000], "is no token"),
        (["__import__('os')"], "is no token"),
        ([""], "is no token"),
    ],
)
def test_what_is_no_formula(tokens: list[str], message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        evaluate(tokens)


def test_depth_is_no_danger() -> None:
    deep = ["("] * 50_000 + ["7"] + [")"] * 50_000
    assert evaluate(deep) == 7
    with pytest.raises(FormulaError):
        evaluate(deep[:-1])
    assert evaluate(["1", "-"] * 20_000 + ["1"]) == -19_999


HANDS = [
    ((3, 3, 8, 8), True),
    ((1, 5, 5, 5), True),
    ((1, 3, 4, 6), True),
    ((4, 4, 10, 10), True),
    ((1, 4, 5, 6), True),
    ((2, 2, 11, 11), True),
    ((1, 1, 1, 1), False),
    ((10, 10, 10, 10), False),
    ((1, 1, 1, 8), True),
    ((1, 1, 1, 7), False),
    ((1, 6, 7, 7), False),
]


@pytest.mark.parametrize(("numbers", "expected"), HANDS)
def test_hands_that_are_known(numbers: tuple[int, ...], expected: bool) -> None:
    assert is_solvable(numbers, "+-*/", 24) == is_solvable(numbers[::-1], "+-*/", 24) == expected
    assert bool(solutions(numbers, "+-*/", 24)) == expected


def test_eight_over_three_minus_eight_thirds() -> None:
    assert [" ".join(tokens) for tokens in solutions((3, 3, 8, 8), "+-*/", 24)] == ["8 / ( 3 - 8 / 3 )"]
    assert [" ".join(tokens) for tokens in solutions((2, 6), "+*", 12)] == ["2 * 6", "6 * 2"]
    assert [" ".join(tokens) for tokens in solutions((6, 6), "+*", 12)] == ["6 + 6"]


def test_solutions_are_right_different_and_in_order() -> None:
    for numbers in [(1, 2, 3, 4), (4, 4, 6, 10), (2, 3, 5, 10), (6, 6, 6, 6), (1, 1, 4, 6)]:
        found = solutions(numbers, "+-*/", 24)
        assert len(found) == len(set(found)) > 0
        assert list(found) == sorted(found, key=lambda tokens: (len(tokens), tokens))
        for tokens in found:
            assert evaluate(tokens) == 24
            assert sorted(int(token) for token in tokens if token.isdigit()) == list(numbers)


def without_needless_parentheses(text: str, count: int) -> str:
    """Takes pairs away as long as the value stays the same whatever the numbers are. Numbers are the letters a, b, ..."""
    samples = [
        dict(zip("abcd"[:count], map(Fraction, numbers), strict=True)) for numbers in ((7, 19, 53, 131), (977, 13, 3, 401))
    ]
    i = 0
    while i < len(text):
        if text[i] == "(":
            depth, j = 1, i
            while depth:
                j += 1
                depth += {"(": 1, ")": -1}.get(text[j], 0)
            shorter = text[:i] + text[i + 1 : j] + text[j + 1 :]
            if all(eval(shorter, {}, sample) == eval(text, {}, sample) for sample in samples):
                text, i = shorter, -1
        i += 1
    return text


TEMPLATES = ["(({}{}{}){}{}){}{}", "({}{}({}{}{})){}{}", "({}{}{}){}({}{}{})", "{}{}(({}{}{}){}{})", "{}{}({}{}({}{}{}))"]


@pytest.mark.parametrize("numbers", [(1, 2, 3, 4), (3, 3, 8, 8), (4, 4, 6, 10), (2, 4, 10, 10)])
def test_no_solution_is_missing(numbers: tuple[int, ...]) -> None:
    expected = set()
    for order in set(permutations(numbers)):
        sample = dict(zip("abcd", map(Fraction, order), strict=True))
        for template, x, y, z in product(TEMPLATES, "+-*/", "+-*/", "+-*/"):
            text = template.format("a", x, "b", y, "c", z, "d")
            try:
                is_right = eval(text, {}, sample) == 24
            except ZeroDivisionError:
                continue
            if is_right:
                minimal = without_needless_parentheses(text, 4)
                expected.add(tuple(str(sample[token]) if token in sample else token for token in minimal))
    assert set(solutions(numbers, "+-*/", 24)) == expected


def can_make(numbers: list[float], target: float) -> bool:
    """Puts two numbers together until one is left."""
    if len(numbers) == 1:
        return abs(numbers[0] - target) < 1e-6
    for i, j in combinations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
        results = [a + b, a - b, b - a, a * b, *([a / b] if b else []), *([b / a] if a else [])]
        if any(can_make([*rest, result], target) for result in results):
            return True
    return False


def test_the_number_of_solvable_hands() -> None:
    hands = list(combinations_with_replacement(range(1, 11), 4))
    found = [is_solvable(hand, "+-*/", 24) for hand in hands]
    assert (sum(found), len(hands)) == (566, 715)
    assert found == [can_make(list(map(float, hand)), 24) for hand in hands]
    assert sum(is_solvable(hand, "+-*/", 24) for hand in combinations_with_replacement(range(1, 14), 4)) == 1362


def test_the_share_of_solvable_hands() -> None:
    solvable = {hand for hand in combinations_with_replacement(range(1, 11), 4) if is_solvable(hand, "+-*/", 24)}
    values = [min(rank, 10) for rank in range(1, 14)]
    count = sum(tuple(sorted(hand)) in solvable for hand in product(values, repeat=4))
    assert solvable_share(4, "+-*/", 24) == Fraction(count, 13**4)


@given(st.lists(st.builds(Card, st.integers(1, 13), st.sampled_from("HSDC")), max_size=6))
def test_names_of_cards_can_be_read(cards: list[Card]) -> None:
    assert read_cards(name_cards(cards), 0, 6) == cards
    assert all(card.face == RANKS[card.rank - 1] and 1 <= card.value <= 10 for card in cards)
