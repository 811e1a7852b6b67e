"""Programs beside others that take the time, the memory or the process that all of them share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.interpreter.test_pool import handler, program
from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.types import Limits


def test_neighbours_of_a_hog_get_their_own_results() -> None:
    interpreter = Interpreter(Limits(memory_mb=128))
    hog, glutton, good = (
        program("import re", "return re.search('(a+)+b', 'a' * 40)"),
        program("t = [0] * 63", f"return len([[{'t[:], ' * 12}] for i in range(90_000)])"),  # seven kilobytes for a step
        program("return len(image.find('x'))"),
    )
    executions = interpreter.run_batch([good] * 20 + [hog] + [good] * 20 + [glutton] + [good] * 30, handler)
    interpreter.close()
    statuses = [e.status for e in executions]
    assert statuses[20] == "timeout" and statuses[41] == "memory_limit"
    assert all((e.status, e.answer) == ("answered", 2) for i, e in enumerate(executions) if i not in (20, 41))


def test_programs_are_not_refused_because_neighbours_hold_the_memory() -> None:
    interpreter = Interpreter(workers=1)
    holder = program(f"x = [[{'[0] * 63, ' * 12}] for i in range(6_000)]", *["image.find('x')"] * 6, "return len(x)")
    long = program(*["x = image.width + 1"] * 800, "return x")
    executions = interpreter.run_batch([holder] * 20 + [program("return 1")] * 108 + [long] * 60, handler)
    interpreter.close()
    assert [(e.status, e.answer) for e in executions] == [("answered", 6_000)] * 20 + [("answered", 1)] * 108 + [
        ("answered", 101)
    ] * 60


def test_many_programs_that_harm_their_process_end_soon() -> None:
    crash = program("x = None", "for i in range(60_000):", "    x = [filter(None, x or [])] and (x,) * 1", "return str(hash(x))")
    hang = program("import re", "return re.search('(a+)+b', 'a' * 40)")
    interpreter = Interpreter(Limits(seconds=0.2), workers=1)
    executions = interpreter.run_batch([hang, crash, *[program("return len(image.find('x'))")] * 30] * 8, handler)
    interpreter.close()
    assert [e.status for e in executions[::32]] == ["timeout"] * 8
    assert {(e.status, e.answer) for i, e in enumerate(executions) if i % 32 > 1} == {("answered", 2)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the size of a process from /proc")
def test_programs_whose_time_is_up_between_calls_leave_no_memory_behind() -> None:
    holder = program(
        "import re", "keep = [list(range(90_000)) for i in range(12)]",
        "for i in range(60):", "    re.match('(a+)+$', 'a' * 18 + 'b')", "    image.find('x')", "return 1",
    )  # fmt: skip
    interpreter = Interpreter(Limits(seconds=0.2), workers=1)
    sizes = []
    for _ in range(6):
        executions = interpreter.run_batch([holder, program("return 1")], handler)
        assert [e.status for e in executions] == ["timeout", "answered"]
        status = Path(f"/proc/{interpreter._workers[0]._process.pid}/status").read_text()
        sizes.append(int(status.split("VmRSS:")[1].split()[0]) >> 10)
    interpreter.close()
    assert sizes[-1] - sizes[0] < 80, sizes  # each holds 40 MiB
