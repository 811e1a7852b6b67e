"""The small numpy of programs against the real one."""

from __future__ import annotations

import ast
import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vispro_gym.interpreter.guest import meter
from vispro_gym.interpreter.guest.arrays import MAX_ELEMENTS, Array
from vispro_gym.interpreter.guest.language import MODULES
from vispro_gym.interpreter.guest.numeric import ARRAY_ATTRIBUTES, NUMPY_NAMES

NUMPY = MODULES["numpy"]


@pytest.fixture(autouse=True)
def steps() -> Iterator[meter.Meter]:
    """A meter, as a program has one."""
    before, meter.current = meter.current, meter.Meter(10**9, 0, 0)
    yield meter.current
    meter.current = before


def plain(value: Any) -> Any:
    """A value of either numpy as plain values, marked by what they were."""
    if isinstance(value, Array):
        return ("array", value.shape, [plain(v) for v in value.flatten().tolist()])
    if isinstance(value, np.ndarray):
        return ("array", value.shape, [plain(v) for v in value.ravel().tolist()])
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else value, math.copysign(1.0, value) if value == 0 else 0)
    return (type(value).__name__, value)


def close(a: Any, b: Any) -> bool:
    """Whether two results of `plain` are equal but for the last digits of floats."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(close, a, b))
    if type(a) is float and type(b) is float:
        return a == b or math.isclose(a, b, rel_tol=1e-13)
    return bool(type(a) is type(b) and a == b)


def outcome(expression: str, numpy: Any, names: dict[str, Any]) -> Any:
    """What an expression (or statements and an expression) gives with one of the two."""
    tree = ast.parse(expression)
    last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    scope = {"np": numpy, **names}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        exec(compile(tree, "<test>", "exec"), scope)
        return plain(eval(compile(last, "<test>", "eval"), scope))


def same(expression: str, **names: Any) -> None:
    got, expected = outcome(expression, NUMPY, names), outcome(expression, np, names)
    assert close(got, expected), f"{expression}: got {got}, expected {expected}"


EXPRESSIONS = """
np.mean([1, 2, 4]); np.mean([]); np.mean([True, False, True]); np.mean(3); np.mean([[1, 2], [3, 5]]); np.mean([[1, 2], [3, 5]], axis=0)
np.mean([[1, 2], [3, 5]], axis=1); np.mean([[1, 2], [3, 5]], axis=-1); np.mean([[1, 2], [3, 5]], -2); np.mean((1.5, 2)); np.mean(range(5))
np.average([1, 2, 4]); np.median([3, 1, 2]); np.median([4, 1, 2, 3]); np.median([1.0, np.nan]); np.median([]); np.median([[1, 5], [2, 8]], axis=0)
np.std([1, 2, 4]); np.std([1, 2, 4], ddof=1); np.var([2.5, 1]); np.var([1], ddof=1); np.std([]); np.std([[1, 2], [5, 9]], axis=1); np.std([True, False])
np.sum([1, 2]); np.sum([0.1] * 10); np.sum([True, True]); np.sum([]); np.sum([[1, 2], [3, 4]], axis=0); np.sum([[1, 2], [3, 4]]); np.sum(5)
np.sum(np.array([1, 2])[np.array([1, 2]) > 5]); np.prod(np.array([1, 2])[np.array([1, 2]) > 5])
np.max([3, 1]); np.max([1.0, np.nan, 2.0]); np.max([True, False]); np.amax([[1, 9], [3, 4]], axis=1); np.min((4, 2.5)); np.amin([1]); np.min([[1, 2], [0, 4]], axis=0)
np.abs(-3); np.abs([-1.5, 2]); np.abs([True]); np.absolute([[1, -2], [-3, 4]]); np.sqrt(16); np.sqrt([1, 4, 9]); np.sqrt(-1); np.sqrt(-0.0); np.square([1, -2]); np.square(1.5)
np.argmax([1, 3, 3]); np.argmin([2, 1, 1]); np.argmax([1.0, np.nan, 5.0]); np.argmax([[1, 5], [7, 2]]); np.argmax([[1, 5], [7, 2]], axis=1); np.argmin([[1, 5], [7, 2]], axis=0)
np.argsort([3, 1, 2]); np.argsort([3, 1, 2])[::-1]; np.argsort([0.5, np.nan, -1.0]); np.sort([3, 1, 2]); np.sort([[3, 1], [2, 0]]); np.sort([np.nan, 1.0]); np.sort(['b', 'a'])
np.round(2.5); np.round(3.14159, 2); np.round([0.5, 1.5, 2.675], 2); np.round(7); np.round([1, 2], 1); np.around(-0.4); np.round(1234.5, -2); np.round([np.inf, np.nan])
np.floor(2.7); np.floor([-1.5, 3.0]); np.floor(3); np.ceil(-0.5); np.ceil([1.2, 2]); np.trunc(-2.7); np.floor(np.inf); np.sign([-2, 0, 5]); np.sign([-0.5, np.nan, 0.0])
np.prod([2, 3]); np.prod([0.5, 4]); np.prod([]); np.cumsum([1, 2, 3]); np.cumsum([0.1, 0.2, 0.3]); np.cumsum([True, True]); np.cumsum([[1, 2], [3, 4]])
np.dot([1, 2], [3, 4]); np.dot([0.5, 1], [2, 2]); np.dot([], []); np.clip(5, 0, 3); np.clip([1, 5, 9], 2, 6); np.clip([1.5, 9], 2, None); np.clip([1, 5], None, 2.5); np.clip([1, 2], 5, 3)
np.clip([1, 5, 9], [0, 6, 0], 8); np.any([0, 1]); np.all([1, 0]); np.any([]); np.all([]); np.any([[0, 0], [0, 1]], axis=1); np.all([[1, 0], [1, 1]], axis=0); np.any([np.nan]); np.all(True)
np.count_nonzero([0, 2, 0, 3]); np.count_nonzero([True, False]); np.where([True, False], 1, 2); np.where([True, False], 1, 2.5); np.where([1, 0, 3]); np.where([[0, 1], [1, 0]])
np.where([True, False], 'a', 'bc'); np.where(np.array([1, 5]) > 2, [10, 20], 0); np.where(np.array([[1, 5], [7, 2]]) > 2, [10, 20], 0); np.where([]); np.unique([3, 1, 3, 2])
np.unique([3, 1, 3], return_counts=True); np.unique(['b', 'a', 'b'], return_counts=True); np.unique([1.0, np.nan, np.nan]); np.unique([[2, 1], [1, 2]]); np.unique([]); np.unique([True, False, True])
np.diff([1, 4, 9]); np.diff([0.5, 2]); np.diff([3]); np.diff([]); np.arange(5); np.arange(2, 5); np.arange(10, 0, -3); np.arange(0, 1, 0.3); np.arange(3.5); np.arange(5, 2); np.arange(-2, 2.5)
np.linspace(0, 1, 5); np.linspace(0, 10); np.linspace(1, 2, 1); np.linspace(1, 2, 0); np.linspace(2, 2, 3); np.linspace(0, 1, 4, endpoint=False); np.linspace(5, 1, 3); np.linspace(0, 1, 1, endpoint=False)
np.zeros(3); np.zeros((2, 2)); np.zeros(2, dtype=int); np.ones(2); np.ones((1, 3), dtype=bool); np.full(2, 7); np.full((2, 1), 0.5); np.full(2, 'a'); np.zeros(0); np.zeros([2, 3])
np.array([]); np.array([1, 2.5]); np.array([True, 2]); np.array([[1, 2], [3, 4.5]]); np.array(((1, 2), (3, 4))); np.array([], dtype=int); np.array([1.9, -1.9], dtype=int); np.array([0, 2], dtype=bool)
np.array([[], []]); np.array(range(3)); np.asarray([1]); np.array(['a', 'b']); np.array([np.array([1, 2]), [3, 4]]); np.array(np.array([1])); np.concatenate([[1, 2], [0.5]]); np.concatenate(([1], [2]))
np.linalg.norm([3, 4]); np.linalg.norm([1.5, 2, 3]); np.linalg.norm(-2.0); np.linalg.norm([[3, 4], [6, 8]], axis=1); np.linalg.norm([[1, 2], [3, 4]]); np.linalg.norm([]); np.linalg.norm(np.array([1, 2]) - np.array([4, 6]))
np.isnan(np.nan); np.isnan([1.0, np.nan]); np.isnan([1, 2]); np.isinf([np.inf, 1]); np.isfinite([np.nan, 1.0]); np.exp(0); np.exp([1, 2.5]); np.exp(1000); np.log(0); np.log([1, 10]); np.log(-1); np.log2(8); np.log10([100, 0])
np.sin(0.5); np.cos([0, 1]); np.tan(1); np.sin(np.inf); np.degrees(np.pi); np.radians([180.0]); np.arctan2(1, -1); np.arctan2([1, 0], [0, 1]); np.hypot(3, 4); np.hypot([3, 5], [4, 12]); np.hypot(1, np.inf)
np.power(2, 3); np.power([1, 2, 3], 2); np.power(2.0, -1); np.power(2, 0.5); np.power(0.0, -1); np.power(-8.0, 1 / 3); np.power(-2.0, 3); np.power(-0.0, -3); np.minimum([1, 5], [3, 2]); np.maximum([1, 5], 3); np.maximum(1.5, np.nan)
np.minimum(np.nan, 1); np.maximum([True, False], [False, False]); np.add([1, 2], [3, 4]); np.subtract(5, [1, 2]); np.multiply([1, 2], 0.5); np.divide([1, 2], [4, 0]); np.floor_divide([7, -7], 2); np.remainder([7, -7], 3)
np.array([1, 2]) + 1; np.array([1, 2]) + [3, 4]; [3, 4] + np.array([1, 2]); (3, 4) - np.array([1, 2]); 2 * np.array([1, 2]); [1, 2] * np.array([3, 4]); np.array([1, 2]) * 2.5; 10 - np.array([1, 2]); 1 / np.array([1, 2, 0])
np.array([1, -1, 0]) / 0; np.array([0.5, -7]) // 2; np.array([5, -5]) // 0; np.array([5, -5]) % 0; np.array([5.5, -5.5]) % 2; np.array([5.5, -5.5]) // 0; np.array([5.5]) % 0; 7 // np.array([2, -2]); 7 % np.array([4, -4]); np.array([2, 3]) ** 2
np.array([2.0, 9.0]) ** 0.5; 2 ** np.array([1, 2]); np.array([4, 9]) ** 0.5; np.array([2.0]) ** -1; -np.array([1, -2.5]); +np.array([1]); abs(np.array([-1, 2])); ~np.array([True, False]); np.array([True, False]) & np.array([True, True])
np.array([True, False]) | [False, False]; np.array([True, False]) ^ True; np.array([True, False]) + np.array([True, True]); np.array([True, False]) * np.array([True, True]); np.array([True, False]) + 1; np.array([True, True]) / 2; np.array([True]) - 1
np.array([1, 2, 3]) > 2; np.array([1, 2]) == [1, 3]; np.array([1, 2]) != 1; 2 >= np.array([1, 2, 3]); np.array([1.5]) == np.array([1.5]); np.array(['a', 'b']) == 'a'; np.array(['a', 'b']) < 'b'; np.array([True, False]) == True
np.array([[1, 2], [3, 4]]) + np.array([10, 20]); np.array([[1, 2], [3, 4]]) + np.array([[10], [20]]); np.array([1, 2]) + np.array([[10], [20]]); np.array([[1, 2], [3, 4]]) * 2; np.array([1]) + np.array([1, 2, 3]); np.array([]) + 1
np.array([1, 2, 3])[0]; np.array([1, 2, 3])[-1]; np.array([1, 2, 3])[1:]; np.array([1, 2, 3])[::-1]; np.array([1, 2, 3])[np.array([True, False, True])]; np.array([1, 2, 3])[[0, 2]]; np.array([1, 2, 3])[[True, False, True]]; np.array([1, 2, 3])[[]]
np.array([1, 2, 3])[np.argsort([3, 1, 2])]; np.array([1, 2, 3])[np.array([-1, 0, 0])]; np.array([[1, 2], [3, 4]])[0]; np.array([[1, 2], [3, 4]])[1][0]; np.array([[1, 2], [3, 4]])[1, 0]; np.array([[1, 2], [3, 4]])[:, 1]; np.array([[1, 2], [3, 4]])[-1, :]
np.array([[1, 2], [3, 4], [5, 6]])[1:, ::-1]; np.array([[1, 2], [3, 4], [5, 6]])[::2]; np.array([[1, 2], [3, 4]])[np.array([False, True])]; np.array([[1, 2], [3, 4]])[np.array([[True, False], [False, True]])]; np.array([[1, 2], [3, 4]])[[1, 1, 0]]
len(np.array([1, 2])); len(np.array([[1, 2, 3]])); list(np.array([1, 2])); [list(row) for row in np.array([[1, 2], [3, 4]])]; list(reversed(np.array([1, 2]))); sorted(np.array([3, 1])); max(np.array([3, 1])); sum(np.array([1.5, 2])); 2 in np.array([1, 2]); 5 in np.array([[1, 2]])
np.array([1, 2]).mean(); np.array([1, 2]).sum(); np.array([1, 2]).max(); np.array([1, 2]).min(); np.array([1, 2]).std(); np.array([1, 2]).var(); np.array([1, 2]).argmax(); np.array([1, 2]).argmin(); np.array([2, 1]).argsort(); np.array([1, 2]).tolist()
np.array([[1, 2], [3, 4]]).tolist(); np.array([[1, 2], [3, 4]]).sum(axis=0); np.array([[1, 2], [3, 4]]).mean(1); np.array([[1, 2, 3]]).shape; np.array([1, 2]).shape; np.array([[1, 2]]).size; np.array([[1, 2]]).ndim; np.array([[1, 2], [3, 4]]).T
np.array([1.7, -1.7]).astype(int); np.array([0, 2]).astype(bool); np.array([1, 2]).astype(float); np.array([1.25]).round(1); np.array([5]).item(); np.array([[1, 2]]).flatten(); np.array([1, 2]).copy(); np.array([1, 0]).any(); np.array([1, 0]).all()
np.array([3, 4]).dot(np.array([1, 2])); np.array([1, 2]).cumsum(); np.array([1, 9]).clip(2, 5); np.array([1, 2]).prod(); bool(np.array([0])); bool(np.array([[2]])); 5 if np.array([True]) else 6; np.e; np.pi; np.inf; np.nan
a = np.zeros(3); a[1] = 5; a
a = np.zeros(3, dtype=int); a[1] += 2.9; a
a = np.array([1, 2, 3]); b = a[1:]; b[0] = 9; a
a = np.array([1, 2, 3]); b = a[a > 1]; b[0] = 9; a
a = np.array([1, 2, 3]); b = a; b += 1; a
a = np.array([1, 2, 3]); b = a[::2]; b *= 2; a
a = np.array([1, 2, 3]); a[a > 1] = 0; a
a = np.array([1, 2, 3]); a[[0, 2]] = [7, 8]; a
a = np.array([1, 2, 3]); a[1:] = a[:-1]; a
a = np.array([1, 2, 3]); a[a > 1] += 10; a
a = np.zeros((2, 2)); a[0, 1] = 5; a[1] = [3, 4]; a
a = np.zeros((2, 2)); a[:, 0] = [3, 4]; a.T[1] = 7; a
a = np.zeros((2, 3)); a[:] = [1, 2, 3]; a
a = np.zeros((2, 2)); [row.sum() for row in a]; a[0][1] = 3; a
a = np.asarray([1.5]); b = np.asarray(a); b[0] = 2; a
a = np.array([1.5, 2]); a /= 2; a -= 1; a **= 2; a //= 1; a %= 3; a
a = np.array([True, False]); a |= True; a &= [True, False]; a
"""  # fmt: skip


@pytest.mark.parametrize("line", [line for line in EXPRESSIONS.strip().splitlines()])
def test_expressions(line: str) -> None:
    if line.startswith("a = "):
        same(line)
    else:
        for expression in line.split("; "):
            same(expression)


ERRORS = """
np.max([]); np.argmin([]); np.array([[1, 2], [3]]); np.array([1, [2]]); np.array([1, 2]) + np.array([1, 2, 3]); np.array([1, 2])[5]; np.array([1, 2])[-3]; np.array([1, 2])[1.0]; np.array([1, 2])['a']
np.array([1, 2])[np.array([True])]; np.array([1, 2])[np.array([0.5])]; np.array([1, 2])[0, 1]; bool(np.array([1, 2])); bool(np.array([])); np.array([1, 2]).item(); np.array([2]) ** np.array([-1]); np.power(2, -1); -np.array([True])
np.array([True]) - np.array([True]); ~np.array([1.5]); np.array([1, 2]) + None; np.array([1]) + {}; None * np.array([1]); np.array([1.5]) & np.array([1.5]); hash(np.array([1])); {np.array([1]): 1}; np.mean([1, 2], axis=1); np.mean([[1]], axis=2)
np.mean('abc'); np.mean(['a']); np.mean([None]); np.sqrt('a'); np.sqrt(['a']); np.sqrt(None); np.arange(); np.arange(0, 1, 0); np.arange('a'); np.linspace(0, 1, -1); np.linspace('a', 1); np.zeros(-1); np.zeros('a'); np.zeros(1.5)
np.dot([1, 2], [1, 2, 3]); np.concatenate([]); np.concatenate([1, 2]); np.argsort([1], kind='bogus'); np.where([True], 1); np.array([1, 2]).nothing; np.array([1, 2], 'bogus'); np.unique([1], bogus=True); np.clip([1])
np.mean({}); np.mean([1, 2], keep=True); np.round('a'); np.round([1.5], 'a'); np.sum([1, 2], axis='a'); np.sum(x for x in [1]); np.abs('a'); np.array([1, 'a']) + 1; np.mean(x for x in [1]); np.std([1], ddof='a'); np.array([1, 2]).astype('bogus')
int(np.array([1, 2])); float(np.array([1.5, 2])); math.sqrt(np.array([1, 4])); range(np.array([1, 2])); [1, 2][np.array([0.5])]; 'a' * np.array([2, 3]); 'a' + np.array([1]); np.array(['a']) * 2; np.array(['a']) - 'a'; sorted([np.array([1, 2]), np.array([0, 3])])
a = np.array([1]); a += 0.5; a
a = np.array([1, 2]); a /= 2; a
a = np.array([1]); a += np.array([1, 2]); a
a = np.array([1, 2]); a[5] = 1; a
a = np.array([1, 2]); a[0] = None; a
a = np.array([1, 2]); a[0] = 'x'; a
a = np.array([1, 2]); a[:] = [1, 2, 3]; a
a = np.array([1, 2]); a[0] = [1, 2]; a
a = np.array([1, 2]); a[0] = np.nan; a
"""  # fmt: skip


@pytest.mark.parametrize("line", [line for line in ERRORS.strip().splitlines()])
def test_errors(line: str) -> None:
    for expression in [line] if line.startswith("a = ") else line.split("; "):
        for numpy in (NUMPY, np):
            if expression == "np.clip([1])" and numpy is np:
                continue  # numpy returns the array
            try:
                result = outcome(expression, numpy, {"math": math})
            except (ValueError, TypeError, IndexError, OverflowError, AttributeError, ZeroDivisionError):
                continue
            pytest.fail(f"{expression}: {numpy} gave {result}")


REFUSED = [
    "np.array(['a', 1])", "np.array(5)", "np.array([2 ** 63])", "np.array([2 ** 62]) * 4", "np.array([10]) ** 30", "np.sum([2 ** 62, 2 ** 62])",
    "np.prod([2 ** 40, 2 ** 40])", "np.cumsum([2 ** 62, 2 ** 62])", "np.abs([-2 ** 63])", "np.array([[[1]]])", "np.array([None])", "np.array([{}])",
    "np.array([1, 2]) == None", "np.array([1, 2]) == 'a'", "np.sqrt(True)", "np.exp([True])", "np.round(True)", "np.round(1234, -2)", "np.round(1.5, 200)",
    "np.mean({1, 2})", "np.max(None)", "np.dot([[1]], [[1]])", "np.dot(2, 3)", "np.diff([[1, 2]])", "np.argsort([[1, 2]])", "np.array(['a\\0'])", "np.mean([1], dtype=float)",
    "np.array([True]) // np.array([True])", "np.array([1, 2])[True]", "np.array([1, 2])[None]", "np.array([1, 2])[...]", "np.sum(map(int, ['1']))",
    "float(np.array([1.5]))", "np.array(x for x in [1])", "np.array(['a'])[0:1].astype(int)", "np.power(10, 10 ** 9)", "np.cumsum([1, 2], 0)", "np.unique([1], True)",
]  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_not_there_is_refused(expression: str) -> None:
    """Numpy does something here that this one does not: it must say so."""
    with pytest.raises((TypeError, ValueError, OverflowError, IndexError)):
        outcome(expression, NUMPY, {})


SIZES = [
    "np.zeros(10 ** 9)", "np.zeros((101, 100))", "np.ones((10 ** 9, 10 ** 9))", "np.full(10_001, 1)", "np.arange(10 ** 12)", "np.arange(0, 1, 1e-9)", "np.arange(0.0, 1e300, 1e-300)",
    "np.arange(-10 ** 18, 10 ** 18)", "np.linspace(0, 1, 10 ** 9)", "np.array(range(10 ** 15))", "np.mean(range(10 ** 15))", "np.array([[0] * 200] * 200)", "np.array([range(10 ** 15)])",
    "np.concatenate([np.zeros(9_000)] * 2)", "np.zeros((1, 5_000)) + np.zeros((5_000, 1))", "np.where(np.zeros((1, 5_000)), np.zeros((5_000, 1)), 0)", "np.zeros((10, 1_000))[[0] * 100]",
    "np.zeros(10)[[0] * 20_000]",
]  # fmt: skip


@pytest.mark.parametrize("expression", SIZES)
def test_sizes_are_bounded(expression: str) -> None:
    with pytest.raises(ValueError, match="at most 10,000 elements|expects fewer"):
        outcome(expression, NUMPY, {})


@pytest.mark.parametrize("function", ["array", "asarray", "mean", "sort", "unique"])
def test_endless_iterables_are_refused(function: str) -> None:
    with pytest.raises(TypeError, match="expected an array"):
        getattr(NUMPY, function)(itertools.count())


@pytest.mark.parametrize(
    "expression",
    ["a + 1", "a.mean()", "a[:]", "a[::-1]", "m[0]", "np.sort(a)", "a[1:] == a[:-1]", "a.tolist()", "a[a > 5]", "list(a)", "np.where(a > 5, a, 0)", "str(a)", "repr([a])", "5 in a", "a.T.copy()"],
)  # fmt: skip
def test_work_burns_steps(expression: str, steps: meter.Meter) -> None:
    array, matrix = NUMPY.arange(1_000), NUMPY.zeros((2, 1_000))
    before = steps.steps
    eval(expression, {"np": NUMPY, "a": array, "m": matrix})
    assert steps.steps - before >= 999


def test_out_of_steps() -> None:
    meter.current = meter.Meter(500, 0, 0)  # the fixture puts the meter back
    with pytest.raises(meter.Stop, match="more than 500 steps"):
        NUMPY.zeros(501)


def test_text_of_arrays() -> None:
    assert repr(NUMPY.array([1, 2.5])) == "array([1.0, 2.5])"
    assert str(NUMPY.array([[1, 2], [3, 4]])) == "[[1 2] [3 4]]"
    with pytest.raises(meter.Stop, match="characters"):
        repr(NUMPY.array(["x" * 200_000] * 6))


def test_names_are_those_of_numpy() -> None:
    assert {name for name in NUMPY_NAMES - {"norm"} if not hasattr(np, name)} == set()
    assert {name for name in ARRAY_ATTRIBUTES if not hasattr(np.ndarray, name)} == set()
    assert {name for name in ARRAY_ATTRIBUTES if not hasattr(Array, name)} == set()
    assert set(vars(NUMPY)) <= NUMPY_NAMES


few = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

integers = st.integers(-1000, 1000)
# The order of the two zeros is undefined in numpy, so only the positive one occurs.
floats = st.floats(-1e6, 1e6, width=32).map(lambda x: x + 0.0) | st.sampled_from([math.nan, math.inf, -math.inf, 0.1, 1e-300])
finite = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.1, 0.25, 1 / 3])
vectors = st.lists(integers, max_size=40) | st.lists(floats, max_size=40) | st.lists(st.booleans(), max_size=10)
long_vectors = st.lists(finite, min_size=1, max_size=300)
matrices = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(st.lists(integers, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0])
)


def either(expression: str, **names: Any) -> None:
    """The same value, or an exception here where this one refuses what numpy does in 16 bits or wraps around."""
    try:
        expected = outcome(expression, np, names)
    except (TypeError, ValueError, IndexError):
        with pytest.raises((TypeError, ValueError, IndexError)):
            outcome(expression, NUMPY, names)
        return
    try:
        got = outcome(expression, NUMPY, names)
    except (TypeError, OverflowError):
        assert any(type(v) is bool for value in names.values() for v in (value if isinstance(value, list) else [value]))
        return
    assert close(got, expected), f"{expression} {names}: got {got}, expected {expected}"


@pytest.mark.parametrize(
    "name",
    "mean median sum prod max min argmax argmin any all count_nonzero sort unique cumsum diff abs sqrt floor ceil sign isnan array".split(),
)
@few
@given(values=vectors)
def test_functions_of_one_vector(name: str, values: list[Any]) -> None:
    if name == "prod":
        values = values[:5]
    either(f"np.{name}(x)", x=values)


@pytest.mark.parametrize("name", "std var".split())
@few
@given(values=vectors)
def test_spread(name: str, values: list[Any]) -> None:
    either(f"np.{name}(x)", x=values)


@pytest.mark.parametrize("name", "mean sum std var".split())
@few
@given(values=long_vectors)
def test_sums_are_equal_to_the_last_digit(name: str, values: list[float]) -> None:
    expected = getattr(np, name)(np.array(values)).item()
    assert getattr(NUMPY, name)(values) == expected


@pytest.mark.parametrize("operator", "+ - * / // % ** < <= == != > >=".split())
@few
@given(values=vectors, other=integers | floats | st.booleans())
def test_operators_with_a_number(operator: str, values: list[Any], other: Any) -> None:
    if operator == "**":  # numpy wraps around
        values = [v for v in values if abs(v) < 10 or type(v) is float]
        other = other if type(other) is float else abs(other) % 5
    either(f"np.array(x) {operator} y", x=values, y=other)
    if operator != "**":
        either(f"y {operator} np.array(x)", x=values, y=other)


@pytest.mark.parametrize("operator", "+ - * / // % < ==".split())
@few
@given(a=matrices, b=matrices)
def test_operators_of_matrices(operator: str, a: list[list[int]], b: list[list[int]]) -> None:
    either(f"np.array(x) {operator} np.array(y)", x=a, y=b)


@pytest.mark.parametrize("name", "mean sum max min argmax argmin std median any all".split())
@few
@given(values=matrices, axis=st.sampled_from([None, 0, 1, -1, -2, 2]))
def test_reductions_of_matrices(name: str, values: list[list[int]], axis: int | None) -> None:
    either(f"np.{name}(x, axis=axis)", x=values, axis=axis)


@few
@given(
    values=vectors,
    index=st.integers(-5, 5) | st.slices(8) | st.lists(st.integers(-3, 3), max_size=4) | st.lists(st.booleans(), max_size=5),
)
def test_indexing(values: list[Any], index: Any) -> None:
    either("np.array(x)[index]", x=values, index=index)


@few
@given(values=matrices, index=st.tuples(st.integers(-4, 4) | st.slices(4), st.integers(-4, 4) | st.slices(4)))
def test_indexing_of_matrices(values: list[list[int]], index: Any) -> None:
    either("np.array(x)[index]", x=values, index=index)
    either("a = np.array(x); b = a[index]; a[index] = 7; (a, b if hasattr(b, 'shape') and b.shape else 0)", x=values, index=index)  # fmt: skip


@few
@given(start=st.floats(-50, 50), stop=st.floats(-50, 50), step=st.sampled_from([0.1, 0.25, -0.3, 1, 7.5, -2]))
def test_ranges_of_floats(start: float, stop: float, step: float) -> None:
    either("np.arange(a, b, c)", a=start, b=stop, c=step)


@few
@given(start=finite, stop=finite, number=st.integers(0, 30), endpoint=st.booleans())
def test_linspace(start: float, stop: float, number: int, endpoint: bool) -> None:
    either("np.linspace(a, b, n, endpoint=e)", a=start, b=stop, n=number, e=endpoint)


@few
@given(value=st.floats(-1e4, 1e4), decimals=st.integers(-3, 8))
def test_rounding(value: float, decimals: int) -> None:
    either("np.round(x, n)", x=value, n=decimals)


def test_the_bound_is_what_the_messages_say() -> None:
    assert NUMPY.zeros(MAX_ELEMENTS).size == MAX_ELEMENTS
