from __future__ import annotations

import pytest

from vispro_gym.interpreter.guard import Counter, Rejected, Stop, namespace, prepare

REJECTED = {
    "dunder attribute": "def f(x):\n    return x.__class__",
    "private attribute": "def f(x):\n    return x._box",
    "dunder name": "x = __builtins__",
    "instrumentation name": "_tick_ = print",
    "instrumentation parameter": "def f(_tick_): pass",
    "instrumentation by exception": "try:\n    pass\nexcept Exception as _tick_:\n    pass",
    "frame": "def f(g):\n    return g.gi_frame",
    "class": "class A: pass",
    "decorator": "@print\ndef f(): pass",
    "with": "with open('x') as f: pass",
    "async": "async def f(): pass",
    "attribute store": "def f(x):\n    x.left = 3",
    "import os": "import os",
    "import submodule": "import os.path",
    "import star": "from math import *",
    "import private": "from collections import _sys",
    "relative import": "from . import math",
    "return in finally": "def f():\n    try:\n        pass\n    finally:\n        return 1",
    "continue in finally": "for x in []:\n    try:\n        pass\n    finally:\n        if x:\n            continue",
    "format as a value": "f = '{0.x}'.format",
    "class pattern": "match 1:\n    case int(real=x): pass",
}


@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name: str) -> None:
    with pytest.raises(Rejected) as error:
        prepare(REJECTED[name])
    assert str(error.value)


@pytest.mark.parametrize("source", ["def f(:", "x = 'a", "\0", "'\ud800'", "(" * 3_000 + ")" * 3_000, "-" * 9_000 + "1"])
def test_no_python(source: str) -> None:
    with pytest.raises((SyntaxError, MemoryError)):  # CPython's parser says MemoryError of some deep nesting
        prepare(source)


def run(source: str, steps: int = 1_000) -> dict[str, object]:
    scope = namespace(Counter(steps), {})
    exec(prepare(source), scope)
    return scope


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


@pytest.mark.parametrize("name", ["__class__", "gi_frame", "_box", 3])
def test_getattr_keeps_to_the_allow_list(name: object) -> None:
    with pytest.raises(AttributeError):
        run(f"getattr('x', {name!r})")
    assert run(f"r = hasattr('x', {name!r})")["r"] is False


@pytest.mark.parametrize("template", ["{0.__class__}", "{0[0]}", "{:{0.__class__}}"])
def test_format_reads_no_attributes(template: str) -> None:
    with pytest.raises(ValueError, match="format fields"):
        run(f"{template!r}.format('x')")


def test_types_are_no_way_to_classes() -> None:
    assert run("r = [type(3) is int, type('') is str, type(ValueError()) is ValueError]")["r"] == [True, True, True]
    for expression in ("type(int)", "type(type(3))", "type(lambda: 1)", "type(x for x in [])"):
        with pytest.raises(TypeError):
            run(expression)


def test_what_stopped_a_program_is_remembered() -> None:
    counter = Counter(5)
    with pytest.raises(Stop):
        exec(prepare("while True: pass"), namespace(counter, {}))
    assert counter.stop is not None and counter.stop.status == "step_limit"
