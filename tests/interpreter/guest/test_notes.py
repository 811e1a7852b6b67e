from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.interpreter.attacks.benign import benign_program
from tests.interpreter.fuzzed import fuzzed
from tests.interpreter.fuzzing import handler as fuzzing_handler
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import MAX_ASSIGNMENT_CHARACTERS, Call, Execution, Limits, Program
from vispro_gym.trace import Assignment, read_assignments

SIZE = (100, 80)


def handler(calls: Sequence[Call]) -> list[Any]:
    return [[(10, 10, 30, 40), (50, 20, 60, 70)] if call.operation == "detect" else "red" for call in calls]


@pytest.fixture(scope="module")
def interpreter() -> Any:
    interpreter = Interpreter(workers=1)
    yield interpreter
    interpreter.close()


def execute(interpreter: Interpreter, body: str, before: str = "") -> Execution:
    source = f"{before}def execute_command(image):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    (execution,) = interpreter.run_batch([Program(source, (SIZE,))], handler)
    return execution


def assignments(execution: Execution) -> list[Assignment]:
    return list(read_assignments(execution.values, (SIZE,)))


def told(interpreter: Interpreter, body: str, before: str = "") -> list[tuple[int, str, int, str, str]]:
    return [(a.line, a.name, a.count, a.first.text, a.last.text) for a in assignments(execute(interpreter, body, before))]


def test_values_of_all_kinds(interpreter: Interpreter) -> None:
    values = {
        "1": "1", "True": "True", "None": "None", "2.5": "2.5", "'red'": "'red'", "image": "patch", "[]": "[]", "()": "()", "{}": "{}",
        "set()": "set()", "frozenset()": "frozenset()", "(1,)": "(1,)", "[1, 'a', None]": "[1, 'a', None]", "{3}": "{3}",
        "frozenset([1])": "frozenset({1})", "{'a': [1, (2, {3: 4})]}": "{'a': [1, (2, ...)]}", "[[image], image]": "[[patch], patch]",
        "collections.Counter('aab')": "Counter({'a': 2, 'b': 1})", "collections.deque([image])": "deque([patch])",
        "collections.defaultdict(list)": "defaultdict({})", "(x for x in [])": "<generator>", "len": "<builtin_function_or_method>", "lambda: 1": "<function>", "ImagePatch": "<type>",
        "ValueError('x')": "<ValueError>", "1 << 300": "<int of 301 bits>", "float('nan')": "nan", "'\\t\\n\\x1f\\u202e'": r"'\t\n\x1f\u202e'",
    }  # fmt: skip
    body = "import collections\n" + "\n".join(f"v{i} = {source}" for i, source in enumerate(values)) + "\nreturn 1"
    assert [text for _, _, _, text, _ in told(interpreter, body)] == list(values.values())


def test_boxes_of_patches_are_in_image_coordinates(interpreter: Interpreter) -> None:
    found, first = assignments(execute(interpreter, "cups = image.find('cup')\ncup = {'a': cups[1]}\nreturn 1"))
    assert (found.first.text, found.first.boxes) == ("[patch, patch]", ((0, (10, 40, 30, 70)), (0, (50, 10, 60, 60))))
    assert (first.last.text, first.last.boxes) == ("{'a': patch}", ((0, (50, 10, 60, 60)),))


def test_every_way_to_assign(interpreter: Interpreter) -> None:
    body = """\
a = b = 1
c, (d, *e) = 2, (3, 4, 5)
f: int = 6
a += 1
g = 2
g *= 3
h = [1]
h += [2]
for i in [7, 8]:
    pass
for j, k in enumerate("xy"):
    pass
if (m := 9) and any((n := x) for x in [0, 10]):
    pass
_ = 11
h[0] = 12
return 1"""
    assert told(interpreter, body) == [
        (2, "a", 1, "1", "1"), (2, "b", 1, "1", "1"),
        (3, "c", 1, "2", "2"), (3, "d", 1, "3", "3"), (3, "e", 1, "[4, 5]", "[4, 5]"),
        (4, "f", 1, "6", "6"), (5, "a", 1, "2", "2"), (6, "g", 1, "2", "2"), (7, "g", 1, "6", "6"),
        (8, "h", 1, "[1]", "[12, 2]"), (9, "h", 1, "[1, 2]", "[12, 2]"),
        (10, "i", 2, "7", "8"), (12, "j", 2, "0", "1"), (12, "k", 2, "'x'", "'y'"),
        (14, "m", 1, "9", "9"), (14, "n", 2, "0", "10"),
    ]  # fmt: skip


def test_first_is_as_it_was_and_last_as_the_program_left_it(interpreter: Interpreter) -> None:
    assert told(interpreter, "names = []\nnames.append('a')\nkinds = {1: 2}\nkinds[1] = 3\nreturn 1") == [
        (2, "names", 1, "[]", "['a']"),
        (4, "kinds", 1, "{1: 2}", "{1: 3}"),
    ]
    long = "x = list(range(50))\nx[0] = 'changed'\nreturn 1"
    ((_, _, _, first, last),) = told(interpreter, long)
    assert first.startswith("[0, 1") and first.endswith("... 50 items]") and last.startswith("['changed', 1")


def test_values_inside_others_are_as_they_were(interpreter: Interpreter) -> None:
    body = "a = {'x': []}\na['x'].append(1)\nb = [[0] * 2]\nb[0][0] = 5\nc = ([],)\nc[0].append(2)\nreturn 1"
    assert [(first, last) for _, _, _, first, last in told(interpreter, body)] == [
        ("{'x': []}", "{'x': [1]}"),
        ("[[0, 0]]", "[[5, 0]]"),
        ("([],)", "([2],)"),
    ]


def test_large_containers_are_not_kept(interpreter: Interpreter) -> None:
    ((_, _, _, first, last), *_) = told(interpreter, "for x in [list(range(2000)), list(range(3000))]:\n    pass\nreturn 1")
    assert first.endswith("... 2000 items]") and last == "<list of 3000 items>"


def test_functions_and_the_top_level_are_recorded_too(interpreter: Interpreter) -> None:
    before = "LIMIT = 3\ndef double(x):\n    y = 2 * x\n    return y\n"
    assert told(interpreter, "return double(LIMIT) + double(1)", before) == [(1, "LIMIT", 1, "3", "3"), (3, "y", 2, "6", "2")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("x = 1\nreturn 1 / 0", "runtime_error"),
        ("x = 1\nwhile True: y = x", "step_limit"),
        ("x = 1\nimage.find('a' * 501)", "runtime_error"),
        ("x = 1\ny = 'a' * 200000", "memory_limit"),
        ("x = 1\nreturn None", "no_answer"),
    ],
)
def test_failed_programs_have_their_values(interpreter: Interpreter, body: str, status: str) -> None:
    execution = execute(interpreter, body)
    assert (execution.status, assignments(execution)[0].name) == (status, "x")


def test_a_program_whose_time_is_up_between_calls_has_its_values() -> None:
    interpreter = Interpreter(Limits(seconds=0.005), workers=1)  # one turn takes about as long
    try:
        body = "x = 1\nfor i in range(200):\n    image.find('cup')\n    sorted(list(range(99999)), reverse=True)\nreturn 1"
        execution = execute(interpreter, body)
    finally:
        interpreter.close()
    assert execution.status == "timeout"
    assert [(a.name, a.first.text) for a in assignments(execution)] == [("x", "1"), ("i", "0")]


def test_what_is_recorded_is_bounded(interpreter: Interpreter) -> None:
    many = "\n".join(f"variable_{i} = image.find('cup') * 50" for i in range(200)) + "\nreturn 1"
    values = execute(interpreter, many).values
    assert len(read_assignments(values, (SIZE,))) == Limits().assignments
    assert len(values) < Limits().assignments * MAX_ASSIGNMENT_CHARACTERS / 2
    wide = [
        "'x' * 90000", "['x' * 90000] * 9", "list(range(99999))", "{i: str(i) * 50 for i in range(999)}", "[[[[[1]]]]] * 99",
        "['\\U0001f600' * 90]", "'\\x00' * 9999", "'\\x00' * 97", "'\\U000e0001' * 18", "['\\U000e0001' * 59] * 3", "[image] * 99999", "10 ** 300", "1e300",
    ]  # fmt: skip
    execution = execute(interpreter, "\n".join(f"v{i} = {source}" for i, source in enumerate(wide)) + "\nreturn 1")
    found = assignments(execution)
    assert execution.status == "answered" and len(found) == len(wide)
    assert all(len(a.first.text) <= 200 and len(a.first.boxes) <= 16 for a in found)
    assert execute(interpreter, f"{'n' * 200} = 1\nreturn 1").values == "", "a name that nobody reads"


def test_a_list_that_holds_itself(interpreter: Interpreter) -> None:
    ((_, _, _, _, last),) = told(interpreter, "x = []\nx.append(x)\nreturn 1")
    assert last == "[[[...]]]"


SUBTLE = [
    # What the program runs meanwhile deletes the variable.
    """\
    b = [0]
    def f():
        nonlocal a
        del a
        return 0
    a, b[f()] = 1, 2
    return "ok"
""",
    """\
    def g():
        nonlocal a
        del a
        yield 1
        yield 2
    a, (b, c) = 1, g()
    return "ok"
""",
    # Two mistakes, of which one is told; what is too deep for the compiler.
    "    a, b = 1, 2\n    global a\n    return 1\n",
    "    a += 1\n    global a\n    return 1\n",
    *[f"    x = {'-' * depth}1\n    return 1\n" for depth in range(2_984, 2_996)],
    *[f"    x = {'a.' * depth}b\n    return 1\n" for depth in range(2_984, 2_996)],
    # Recursion up to the limit.
    *[
        f"    def f(n):\n        if n == 0:\n            {last}\n            return 1\n        return f(n - 1)\n    return f({depth})\n"
        for last in ("x = []", "x = zip([])", "x = [[1]]", "[x := {}]", "for x in [[1]]: pass")
        for depth in range(884, 896)
    ],
    "    def f(n):\n        y = 1\n        k = lambda p: p.left\n        z = [k]\n        return f(n + 1)\n    return f(0)\n",
    # Values that take long to hash, and many that are not looked into.
    "    t = ()\n    for _ in range(18):\n        t = (t, t)\n    d = {t: 1}\n"
    + "".join(f"    a{i} = d\n" for i in range(60))
    + "    return 1\n",
    f"    for i in range(2000):\n        {' = '.join(f'a{i}' for i in range(16))} = len\n    return 1\n",
    "    " + "".join(f"a{i} = {i}\n    " for i in range(500)) + "return a499\n",
]


def test_recording_can_be_switched_off_and_changes_no_result() -> None:
    subtle = [f"def execute_command(image):\n{body}" for body in SUBTLE]
    sources = [*subtle, *map(benign_program, range(80)), *map(fuzzed, range(3_000_000, 3_000_160))]
    programs = [Program(source, (SIZE,)) for source in sources]
    results = []
    for limit in (64, 3, 0):
        interpreter = Interpreter(Limits(steps=5_000, calls=32, seconds=5.0, assignments=limit), workers=1)
        results.append(interpreter.run_batch(programs, fuzzing_handler))
        interpreter.close()
    for program, *executions in zip(programs, *results, strict=True):
        if any(e.status == "timeout" or (e.error or {}).get("message") == "out of memory" for e in executions):
            continue
        a, b, c = [
            (e.status, e.answer, e.error, e.output, e.steps, [(x.arguments, x.line, r) for x, r in e.calls]) for e in executions
        ]
        assert a == b == c, program.source
        assert executions[2].values == ""
    assert sum(bool(execution.values) for execution in results[0]) > 100


@pytest.mark.parametrize(
    "forged",
    ["x", "1\ta\t1\t2", "1\ta\tone\t2\t", "1\ta\t1\t2\t\t", "1\ta\t1\tpatch\x1f9,0,0,1,1\t", "1\ta\t1\tpatch\x1f0,0,0,999,1\t",
     "1\ta\t1\tpatch\x1f0,0,0,1\t", "1\ta\t1\t" + "x" * 201 + "\t", "1\ta\t1\tp\x1f" + ";".join(["0,0,0,1,1"] * 17) + "\t",
     "1\ta\t1\tp\x1f0,5,5,1,1\t", "9" * 5_000 + "\ta\t1\t2\t"],
)  # fmt: skip
def test_what_no_honest_worker_tells_reads_as_nothing(forged: str) -> None:
    assert read_assignments(forged, (SIZE,)) == ()
