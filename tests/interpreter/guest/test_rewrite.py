from __future__ import annotations

import pytest

from vispro_gym.interpreter.guest import meter as metering
from vispro_gym.interpreter.guest.language import BUILTINS
from vispro_gym.interpreter.guest.meter import Meter, Stop, nobody
from vispro_gym.interpreter.guest.rewrite import Rejected, prepare

REJECTED = {
    "dunder attribute": "def f(x):\n    return x.__dict__",
    "private attribute": "def f(x):\n    return x._box",
    "dunder name": "x = __builtins__",
    "instrumentation name": "_tick_ = print",
    "instrumentation parameter": "def f(_tick_): pass",
    "instrumentation by exception": "try:\n    pass\nexcept Exception as _tick_:\n    pass",
    "frame": "def f(g):\n    return g.gi_frame",
    "class": "class A: pass",
    "decorated class": "@print\nclass A: pass",
    "with": "with open('x') as f: pass",
    "async": "async def f(): pass",
    "attribute store": "def f(x):\n    x.left = 3",
    "import os": "import os",
    "import submodule": "import os.path",
    "import star in a function": "def f():\n    from math import *",
    "import star of nothing": "from __future__ import *",
    "slice among other targets": "a = [1]\na[::2], b = [1], 2",
    "slice as the target of a loop": "a = [1]\nfor a[::2] in [[1]]: pass",
    "slice as the target of a comprehension": "a = [1]\n[0 for a[::2] in [[1]]]",
    "import private": "from collections import _sys",
    "relative import": "from . import math",
    "return in finally": "def f():\n    try:\n        pass\n    finally:\n        return 1",
    "continue in finally": "for x in []:\n    try:\n        pass\n    finally:\n        if x:\n            continue",
    "bytes": "x = b'a'",
    "nested finally blocks": "".join("  " * i + "try: pass\n" + "  " * i + "finally:\n" for i in range(7)) + "  " * 7 + "pass",
    "complex": "x = 1j",
    "long integer": "x = 0x" + "f" * 9_000,
    "exception group": "try:\n    pass\nexcept* ValueError:\n    pass",
    "yield in an intricate place": "def f(x):\n    x[0] *= (yield)",
    "class pattern": "match 1:\n    case int(real=x): pass",
}


@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name: str) -> None:
    with pytest.raises(Rejected) as error:
        prepare(REJECTED[name])
    assert str(error.value)


@pytest.mark.parametrize(
    "source",
    ["def f(:", "x = 'a", "\0", "'\ud800'", "(" * 3_000 + ")" * 3_000, "-" * 9_000 + "1", "try: a\nexcept: b\nexcept C: d"],
)
def test_no_python(source: str) -> None:
    with pytest.raises(SyntaxError):
        prepare(source)


def run(source: str, steps: int = 1_000) -> dict[str, object]:
    meter = Meter(steps, 10, 100)
    scope = {
        "__builtins__": BUILTINS,
        "__name__": "program",
        "_tick_": meter.tick,
        "_caught_": meter.caught,
        "_note_": meter.notes.note,
    }
    metering.current = meter
    try:
        exec(prepare(source), scope)
    finally:
        metering.current = nobody
    return scope | {"printed": "".join(meter.printed), "steps": meter.steps}


ACCEPTED = {
    "comprehensions": ("r = [x * y for x in range(4) for y in range(3) if x if y]", [1, 2, 2, 4, 3, 6]),
    "generator": ("def g():\n    yield 1\n    yield from [2, 3]\nr = list(g())", [1, 2, 3]),
    "lambda key": ("r = sorted([3, 1, 2], key=lambda x: -x)", [3, 2, 1]),
    "closure": (
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    g()\n    return g()\nr = f()",
        2,
    ),
    "try": (
        "try:\n    r = [][0]\nexcept (IndexError, KeyError) as error:\n    r = str(error)\nfinally:\n    pass",
        "list index out of range",
    ),
    "bare except": ("try:\n    r = 1 / 0\nexcept:\n    r = 'caught'", "caught"),
    "while else": ("n = 0\nwhile n < 3:\n    n += 1\nelse:\n    r = n", 3),
    "walrus": ("r = [y for x in [1, 2] if (y := x * 2) > 2]", [4]),
    "match": ("match ['a', 3]:\n    case ['a', x]:\n        r = x", 3),
    "unpacking": ("a, *b = [1, 2, 3]\nr = [*b, a, *{'k': 1}]", [2, 3, 1, "k"]),
    "f-string": ("x = 2.345\nr = f'{x:.1f} {x!r:>6}'", "2.3  2.345"),
    "percent": ("r = '%d %s' % (3, 'x')", "3 x"),
    "format": ("r = '{} {b:>3}'.format(1, b='x')", "1   x"),
    "imports": ("import math\nfrom collections import Counter as C\nr = math.floor(C('aab')['a'] + 0.5)", 2),
    "typing": ("from typing import List\ndef f(x: List[int]) -> int:\n    return x[0]\nr = f([4])", 4),
    "getattr": ("r = getattr('abc', 'upper')()", "ABC"),
    "type": ("r = type(3) is int and isinstance('', str)", True),
    "print": ("r = print('hello', end='')", None),
    "future": ("from __future__ import annotations\ndef f(x: Unknown) -> List[str]:\n    return x\nr = f(1)", 1),
    "loop in finally": ("try:\n    pass\nfinally:\n    for r in [1, 2]:\n        if r:\n            break", 1),
    "long elif chain": (
        "x = 140\nif x == 0:\n    r = 0\n" + "".join(f"elif x == {i}:\n    r = {i}\n" for i in range(1, 150)),
        140,
    ),
    "format as a value": ("r = list(map('{:02d}'.format, [1, 2]))", ["01", "02"]),
    "method of a class": ("r = sorted(['b', 'A'], key=str.lower) + list(map(str.strip, [' x ']))", ["A", "b", "x"]),
    "name of a type": ("r = type(3).__name__ + (3).__class__.__name__", "intint"),
    "item in place": ("r = {'a': 2}\nr['a'] *= 3\nr['a'] -= 1", {"a": 5}),
    "slice in place": ("r = [1, 2, 3]\nr[1:] = [4, 5]\nr[0:1] += [6]", [1, 6, 4, 5]),
    "list in place": ("r = x = [1]\nx += [2]\nx *= 2", [1, 2, 1, 2]),
    "format with attributes": ("r = '{0.real} {1[0]} {a[k]:>{w}}'.format(3, [4], a={'k': 5}, w=3)", "3 4   5"),
    "operator": ("import operator\nr = sorted([(1, 'b'), (2, 'a')], key=operator.itemgetter(1))", [(2, "a"), (1, "b")]),
    "hints": ("def f(x: List[ImagePatch], *, y: Unknown = 1) -> 'Nothing':\n    z: Also = x\n    return z\nr = f(2)", 2),
    "chain": ("import itertools\nr = list(itertools.chain.from_iterable([[1], [2]]))", [1, 2]),
    "mapping pattern": ("match {'a': 1, 'b': 2}:\n    case {'a': x, **rest}:\n        r = (x, rest)", (1, {"b": 2})),
    "assert": ("assert True, 'no'\nr = 1", 1),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    source, expected = ACCEPTED[name]
    assert run(source)["r"] == expected


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "for i in range(10 ** 6): pass",
        "[0 for i in range(10 ** 6)]",
        "sum(1 for i in range(10 ** 6))",
        "list(map(lambda x: x, range(10 ** 6)))",
        "def f(): f()\nfor i in range(600): f and len('')\nwhile 1:\n    try:\n        raise ValueError\n    except Exception:\n        pass",
    ],
)
def test_steps_end_what_does_not_end(source: str) -> None:
    with pytest.raises(Stop) as stop:
        run(source)
    assert stop.value.status == "step_limit"


@pytest.mark.parametrize("name", ["__class__", "gi_frame", "_box", "encode"])
def test_getattr_keeps_to_the_allow_list(name: object) -> None:
    with pytest.raises((AttributeError, TypeError)):
        run(f"getattr('x', {name!r})")
    assert run(f"r = hasattr('x', {name!r})")["r"] is False


@pytest.mark.parametrize("template", ["{0.__class__}", "{0.real.__class__}", "{0:{0.__class__}}", "{0.__init__.__globals__}"])
def test_format_reads_attributes_of_the_language_only(template: str) -> None:
    with pytest.raises(AttributeError):
        run(f"{template!r}.format('x')")


def test_types_are_no_way_to_classes() -> None:
    assert run("r = [type(3) is int, type('') is str, type(ValueError()) is ValueError]")["r"] == [True, True, True]
    for expression in ("type(int)", "type(type(3))", "type(lambda: 1)", "type(x for x in [])"):
        with pytest.raises(TypeError):
            run(expression)


def test_what_stopped_a_program_is_remembered() -> None:
    meter = Meter(5, 0, 0)
    for _ in range(3):
        with pytest.raises(Stop) as stop:
            meter.charge(10)
        assert (stop.value, meter.steps) == (meter.stop, 6)


BOMBS = {
    "multiplied text": "x = 'x' * 10 ** 10",
    "multiplied list": "x = 10 ** 10 * [0]",
    "multiplied in place": "x = [0]\nx *= 10 ** 10",
    "multiplied item": "x = {'a': [0]}\nx['a'] *= 10 ** 10",
    "power": "x = 7 ** 10 ** 9",
    "power of a variable": "x = 7\nx **= 10 ** 9",
    "pow": "x = pow(7, 10 ** 9)",
    "shift": "x = 1 << 10 ** 9",
    "shift in place": "x = 1\nx <<= 10 ** 9",
    "factorial": "import math\nx = math.factorial(10 ** 6)",
    "binomial": "import math\nx = math.comb(10 ** 6, 5 * 10 ** 5)",
    "permutations": "import math\nx = math.perm(10 ** 6)",
    "product": "import math\nx = math.prod([10 ** 4000] * 2)",
    "rounding": "x = round(5, -10 ** 9)",
    "width": "x = '%999999999d' % 1",
    "hidden width": "x = '%(a(b))999999999d' % {'a(b)': 1}",
    "star width": "x = '%*d' % (999999999, 1)",
    "format width": "x = '{:999999999}'.format(1)",
    "nested format width": "x = '{:{}}'.format(1, 999999999)",
    "format of a class": "x = str.format('{:999999999}', 1)",
    "f-string width": "x = f'{1:999999999}'",
    "f-string nested width": "w = 999999999\nx = f'{1:{w}}'",
    "format builtin": "x = format(1, '999999999')",
    "ljust": "x = 'x'.ljust(10 ** 9)",
    "zfill by getattr": "x = getattr('x', 'zfill')(10 ** 9)",
    "expandtabs": "x = '\\t'.expandtabs(10 ** 9)",
    "join": "x = ('x' * 1000).join(['y'] * 10_000)",
    "join of a class": "x = str.join('x' * 1000, ['y'] * 10_000)",
    "replace": "x = ('a' * 10_000).replace('a', 'b' * 1000)",
    "substitution": "import re\nx = re.sub('a', 'b' * 10_000, 'a' * 10_000)",
    "compiled substitution": "import re\nx = re.compile('a').sub('b' * 10_000, 'a' * 10_000)",
    "range": "x = range(10 ** 9)",
    "shared lists as text": "x = [1]\nfor i in range(60): x = [x, x]\ny = str(x)",
    "shared lists in an f-string": "x = [1]\nfor i in range(60): x = [x, x]\ny = f'{x}'",
    "elements": "from collections import Counter\nx = list(Counter({'a': 10 ** 9}).elements())",
    "factors": "import itertools\nx = itertools.product([1], repeat=10 ** 9)",
    "added text": "x = 'x' * 600_000\ny = x + x",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_big_ends_the_program(name: str) -> None:
    with pytest.raises(Stop) as stop:
        run(f"try:\n    pass\nfinally:\n    pass\n{BOMBS[name]}", steps=100_000)
    assert stop.value.status == "memory_limit", stop.value.message


SLOW = {
    "doubling in place": "x = [0]\nwhile True: x += x",
    "doubling text in place": "x = 'x'\nwhile True: x += x",
    "doubling by stars": "x = [0]\nwhile True: x = [*x, *x]",
    "doubling by slices": "x = [0]\nwhile True: x[len(x):] = x",
    "doubling by extend": "x = [0]\nwhile True: x.extend(x)",
    "doubling by f-strings": "x = 'x'\nwhile True: x = f'{x}{x}'",
    "count": "import itertools\nsum(itertools.count())",
    "a name for count": "import itertools\nf = list\nf(itertools.count())",
    "cycle": "import itertools\nx = 5 in itertools.cycle([1])",
    "endless calls": "x = list(iter(int, 1))",
    "sums": "x = list(range(100_000))\nwhile True: y = sum(x)",
    "sorting": "x = list(range(100_000))\nwhile True: x.sort()",
    "sum of lists": "x = sum([[0]] * 100_000, [])",
    "statistics": "import statistics\nwhile True: x = statistics.mean(range(50_000))",
    "unpacking": "import itertools\na, *b = itertools.repeat(1)",
}


@pytest.mark.parametrize("name", SLOW)
def test_what_takes_long_costs_steps(name: str) -> None:
    with pytest.raises(Stop) as stop:
        run(SLOW[name], steps=20_000)
    assert stop.value.status in ("step_limit", "memory_limit")


def test_finalizers_of_an_ended_program_stop_at_their_first_step() -> None:
    scope = run(
        "def g():\n    try:\n        yield 1\n    finally:\n        for i in range(3): done.append(i)\ndone = []\nx = g()\nnext(x)"
    )
    scope["_tick_"].__self__.close()  # type: ignore[attr-defined]
    with pytest.raises(Stop):
        scope["x"].close()  # type: ignore[attr-defined]
    assert scope["done"] == []


def test_printing_is_captured_and_bounded() -> None:
    scope = run("print('a', 1, [2], sep='-', end='!')\nprint()")
    assert scope["printed"] == "a-1-[2]!\n"
    with pytest.raises(Stop) as stop:
        run("while True: print('x' * 20)")
    assert stop.value.status == "output_limit"


NESTED = {
    "loops": ["for i in [1]:", "while i:"] * 10,
    "tries": ["try:"] * 10 + ["for i in [1]:"] * 10,
    "handlers": ["try:\n{0}    1 / 0\n{0}except ZeroDivisionError as e:"] * 10,
    "finally": ["try:\n{0}    pass\n{0}finally:"] * 5 + ["for i in [1]:"] * 15,
    "handlers before finally": ["try:\n{0}    1 / 0\n{0}finally:\n{0}    pass\n{0}for i in [1]:"] * 20,
}


@pytest.mark.parametrize("name", NESTED)
def test_nesting_has_a_limit(name: str) -> None:
    """Not deeper than CPython's compiler can bear: of comprehensions it does not see for itself."""

    def nested(extra: str) -> str:
        lines = [f"{'    ' * depth}{line.format('    ' * depth)}" for depth, line in enumerate(NESTED[name], start=1)]
        indent = "    " * (len(lines) + 1)
        body = [*lines, f"{indent}x = {extra}"]
        ends = [
            f"{'    ' * d}except ValueError: pass" for d, line in reversed(list(enumerate(lines, 1))) if line.endswith("try:")
        ]
        return "\n".join(["def execute_command(image):", *body, *ends, "    return 1", ""])

    prepare(nested("1"))
    with pytest.raises(Rejected, match="nested too deeply"):
        prepare(nested("[i for i in [1]]"))
    prepare(nested("1"))  # what was refused leaves nothing behind
