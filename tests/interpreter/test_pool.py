"""The interpreter as a whole, with real worker processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from vispro_gym.interpreter.pool import Interpreter
from vispro_gym.interpreter.shared import shared_interpreter
from vispro_gym.interpreter.types import Call, CallFailure, Limits, PatchAnswer, Program


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    interpreter = Interpreter(Limits(seconds=1.0))
    yield interpreter
    interpreter.close()


def program(*lines: str, sizes: tuple[tuple[int, int], ...] = ((100, 80),)) -> Program:
    return Program("def execute_command(image):\n" + "".join(f"    {line}\n" for line in lines), sizes)


def handler(calls: Sequence[Call]) -> list[Any]:
    replies: list[Any] = []
    for call in calls:
        match call.operation:
            case "detect" | "relate":
                replies.append([(10, 10, 30, 40), (50, 10, 60, 20)])
            case "answer":
                replies.append(CallFailure("cannot read that") if call.arguments == ("?",) else "red")
            case "verify":
                replies.append(True)
            case "similarity":
                replies.append([float(len(text)) for text in call.arguments[0]])
            case "depth":
                replies.append(float(call.box[0]))
    return replies


ANSWERS: dict[str, tuple[list[str], Any]] = {
    "find": (["return len(image.find('cup'))"], 2),
    "exists": (["return image.exists('cup')"], True),
    "attributes": (["p = image.find('x')[0]", "return [p.left, p.lower, p.right, p.upper, p.width, p.height, p.area]"], [10, 10, 30, 40, 20, 30, 600]),
    "centres": (["p = image.find('x')[0]", "return [p.horizontal_center, p.vertical_center]"], [20.0, 25.0]),
    "whole": (["return ImagePatch(image)"], PatchAnswer(0, (0, 0, 100, 80))),
    "part": (["return ImagePatch(image, 10, 20, 300, 40.7)"], PatchAnswer(0, (10, 20, 100, 40))),
    "crop is absolute": (["return image.crop(20, 20, 90, 70).crop(30, 30, 95, 75)"], PatchAnswer(0, (30, 30, 90, 70))),
    "query": (["return image.simple_query()"], "red"),
    "verify": (["return image.verify_property('cup', 'red')"], True),
    "best text": (["return image.best_text_match(['a', 'abc', 'xyz'])"], "abc"),
    "best image": (["return best_image_match(image.find('x'), ['ab'], return_index=True)"], 0),
    "best of nothing": (["return best_image_match([], ['ab']) is None"], True),
    "key with a call": (["return max(image.find('x'), key=lambda p: p.compute_depth())"], PatchAnswer(0, (50, 10, 60, 20))),
    "relation": (["return len(image.related('on', 'cup', role='object'))"], 2),
    "overlap": (["a, b = image.find('x')", "return [a.overlaps_with(30, 40, 50, 60), a.overlaps_with(31, 0, 40, 5)]"], [True, False]),
    "distance": (["a, b = image.find('x')", "return [distance(a, b), distance(a, a), distance(3, 5)]"], [20.0, -1.0, 2.0]),
    "equality": (["a, b = image.find('x')", "return [a == image.find('x')[0], a == b, a in {b: 1}]"], [True, False, False]),
    "isinstance": (["return isinstance(image, ImagePatch)"], True),
    "yes and no": (["return bool_to_yesno(image.find('x')) + bool_to_yesno([])"], "yesno"),
    "numbers": (["return [coerce_to_numeric(t) for t in ('1,200 cups', 'about two', '-3.5')]"], [1200.0, 2.0, -3.5]),
    "perception in a generator": (["return [s for s in (p.simple_query('a') for p in image.find('x'))]"], ["red", "red"]),
}  # fmt: skip


def test_answers(interpreter: Interpreter) -> None:
    executions = interpreter.run_batch([program(*lines) for lines, _ in ANSWERS.values()], handler)
    got = dict(zip(ANSWERS, [(e.status, e.answer, e.error) for e in executions], strict=True))
    assert got == {name: ("answered", expected, None) for name, (_, expected) in ANSWERS.items()}


FAILURES: dict[str, tuple[list[str], str, str, int]] = {
    "missing argument": (["return image.find()"], "runtime_error", "TypeError", 2),
    "wrong argument": (["return image.find(3)"], "runtime_error", "TypeError", 2),
    "empty crop": (["return image.crop(5, 5, 5, 9)"], "runtime_error", "ValueError", 2),
    "index": (["x = 1", "return image.find('cup')[7]"], "runtime_error", "IndexError", 3),
    "name": (["return image_pach"], "runtime_error", "NameError", 2),
    "raised": (["raise ValueError('a\\nb')"], "runtime_error", "ValueError", 2),
    "recursion": (["def f():", "    return f()", "return f()"], "runtime_error", "RecursionError", 3),
    "none": (["pass"], "no_answer", "TypeError", 0),
    "dict": (["return {'a': 1}"], "no_answer", "TypeError", 0),
    "nested list": (["return [[1]]"], "no_answer", "ValueError", 0),
    "long text": (["return 'x' * 3000"], "output_limit", "OutputLimit", 0),
    "long list": (["return [0] * 300"], "output_limit", "OutputLimit", 0),
    "printing": (["while True:", "    print('x')"], "output_limit", "OutputLimit", 3),
    "nan": (["return float('nan')"], "no_answer", "ValueError", 0),
    "huge integer": (["return 2 ** 70"], "no_answer", "ValueError", 0),
    "perception": (["try:", "    return image.simple_query('?')", "except Exception:", "    return 'caught'"], "perception_error", "PerceptionError", 3),
    "calls": (["for i in range(300):", "    image.exists('x')"], "call_limit", "CallLimit", 3),
    "steps": (["while True:", "    pass"], "step_limit", "StepLimit", 3),
    "swallowed steps": (["while True:", "    try:", "        while True: pass", "    except Exception:", "        pass"], "step_limit", "StepLimit", 4),
    "time": (["import re", "return re.search('(a+)+b', 'a' * 40)"], "timeout", "Timeout", 0),
    "memory": (["x = []", "for i in range(9000):", "    x.append(list(range(10 ** 6)))"], "memory_limit", "MemoryLimit", 4),
    "size": (["return len('x' * 10 ** 10)"], "memory_limit", "MemoryLimit", 2),
}  # fmt: skip


def test_failures(interpreter: Interpreter) -> None:
    executions = interpreter.run_batch([program(*lines) for lines, *_ in FAILURES.values()], handler)
    got = {name: (e.status, e.error["type"] if e.error else None, e.error["line"] if e.error else 0)
           for name, e in zip(FAILURES, executions, strict=True)}  # fmt: skip
    assert got == {name: tuple(expected) for name, (_, *expected) in FAILURES.items()}
    assert all(e.answer is None for e in executions)


@pytest.mark.parametrize(
    "tail",
    [
        "print(execute_command(image))",
        "result = execute_command(image)",
        "if __name__ == '__main__':\n    x()",
        "answer = execute_command('a.jpg')\nprint(f'Answer: {answer}')",
        "results = [execute_command(i) for i in ['a', 'b']]\nfor result in results:\n    print(result)\nlast = result\nprint(last)",
    ],
)
def test_trial_runs_at_the_end_are_left_out(interpreter: Interpreter, tail: str) -> None:
    (execution,) = interpreter.run_batch([Program(program("return 3").source + tail + "\n", ((9, 9),))], handler)
    assert (execution.status, execution.answer) == ("answered", 3)


def test_no_entry_point(interpreter: Interpreter) -> None:
    (execution,) = interpreter.run_batch([Program("x = 1\n", ((9, 9),))], handler)
    assert (execution.status, execution.error and execution.error["type"]) == ("no_answer", "NameError")


def test_a_long_source_is_rejected(interpreter: Interpreter) -> None:
    (execution,) = interpreter.run_batch([program("return 1", "#" * 20_000)], handler)
    assert execution.status == "rejected"


def test_several_images(interpreter: Interpreter) -> None:
    source = "def execute_command(left_image, right_image):\n    return [right_image.width, right_image.find('x')[0].left]\n"
    (execution,) = interpreter.run_batch([Program(source, ((100, 80), (70, 40)))], handler)
    assert execution.answer == [70, 10]
    assert execution.calls[0][0].image == 1


def test_calls_are_batched_across_programs(interpreter: Interpreter) -> None:
    sizes: list[int] = []

    def counting(calls: Sequence[Call]) -> list[Any]:
        sizes.append(len(calls))
        return handler(calls)

    interpreter.run_batch([program("image.find('a')", "image.find('b')", "return 1")] * 40, counting)
    assert sizes == [40, 40]


def test_the_result_does_not_depend_on_the_batch(interpreter: Interpreter) -> None:
    programs = [
        program(*lines)
        for lines, *_ in [*ANSWERS.values(), *FAILURES.values()]
        if "10 **" not in str(lines) and "(a+)" not in str(lines)
    ]
    together = interpreter.run_batch(programs, handler)
    backwards = interpreter.run_batch(programs[::-1], handler)[::-1]
    single = [interpreter.run_batch([p], handler)[0] for p in programs]

    def essence(executions: Sequence[Any]) -> list[Any]:
        return [
            (e.status, e.answer, e.error, e.steps, [(c.line, c.operation, c.arguments, r) for c, r in e.calls])
            for e in executions
        ]

    assert essence(together) == essence(backwards) == essence(single)


CHEATS = {
    "a class by type": (["T = type(int)", "return str(T('S', (str,), {}))"], "runtime_error"),
    "format by getattr": (["return getattr('{0.find.__globals__}', 'format')(image)"], "runtime_error"),
    "an error thrown away by finally": (["try:", "    image.simple_query('?')", "finally:", "    return 'yes'"], "rejected"),
    "break in finally": (["while True:", "    try:", "        image.simple_query('?')", "    finally:", "        break", "return 'yes'"], "rejected"),
    "memory handled": (["try:", "    x = 'x' * 10 ** 10", "except Exception:", "    return 'yes'"], "memory_limit"),
    "recursion handled": (["def f():", "    f()", "try:", "    f()", "except:", "    return 'yes'"], "runtime_error"),
    "time in small pieces": (["for i in range(60):", "    image.find('x'); sum(range(10 ** 6)); max(range(10 ** 6))", "return 'yes'"], "step_limit"),
    "memory kept in cycles": (["for i in range(20):", "    x = list(range(90_000))", "    x[0] = x", "return 'yes'"], "answered"),
    "deep stack in C": (["x = [1]", "for i in range(90_000):", "    x = map(int, x)", "return list(x)"], "step_limit"),
    "deep generators": (["x = [1]", "for i in range(90_000):", "    x = (y for y in x)", "return list(x)"], "step_limit"),
    "recursion in finally": (["def f():", "    try: f()", "    finally: f()", "f()"], "runtime_error"),
    "identifiers beyond ASCII": (["é = 1", "return image.ﬁnd('x')[0].left + é"], "answered"),
    "methods without a patch": (["return ImagePatch.simple_query(ImagePatch, 'x')"], "runtime_error"),
    "long texts": (["return image.best_text_match(['\U0001f600' * 500] * 100)"], "runtime_error"),
    "a long error": (["x = [1]", "for i in range(60): x = [x, x]", "raise ValueError(x)"], "runtime_error"),
    "a long error as text": (["x = [1]", "for i in range(60): x = [x, x]", "return str(ValueError(x))"], "memory_limit"),
    "a long text by map": (["x = [1]", "for i in range(60): x = [x, x]", "return ''.join(map(str, [x]))"], "memory_limit"),
    "memory claimed": (["raise MemoryError"], "runtime_error"),
    "a regular expression": (["import re", "return re.search('(a+)+b', 'a' * 40) is None"], "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_end_where_they_should_and_harm_nobody(interpreter: Interpreter, name: str) -> None:
    lines, status = CHEATS[name]
    good = program("image.find('x')", "return len(image.find('x'))")
    executions = interpreter.run_batch([good] * 5 + [program(*lines)] + [good] * 5, handler)
    assert [e.status for e in executions] == ["answered"] * 5 + [status] + ["answered"] * 5
    (after,) = interpreter.run_batch([good], handler)
    assert after.answer == 2


def test_a_finalizer_cannot_spend_the_calls_of_a_neighbour(interpreter: Interpreter) -> None:
    spender = program(
        "def g():", "    try:", "        yield", "    finally:", "        for i in range(200): image.find('x')",
        "a = [g()]", "next(a[0])", "a.append(a)", "return 1",
    )  # fmt: skip
    worker = program(*["x = [[i] for i in range(2000)]", "image.find('x')"] * 20, "return 1")
    executions = interpreter.run_batch([spender, worker] * 8, handler)
    assert [(e.status, len(e.calls)) for e in executions] == [("answered", 0), ("answered", 20)] * 8


def test_sets_have_one_order_in_all_workers() -> None:
    orders = set()
    for _ in range(3):
        interpreter = Interpreter(workers=1)
        (execution,) = interpreter.run_batch([program("return list({'yes', 'no', 'maybe', 'perhaps', 'never'})")], handler)
        orders.add(tuple(execution.answer))
        interpreter.close()
    assert len(orders) == 1


def test_answers_hold_no_addresses(interpreter: Interpreter) -> None:
    (execution,) = interpreter.run_batch([program("return repr(lambda: 1)")], handler)
    assert "0x" not in execution.answer


def test_a_worker_cannot_open_files() -> None:
    interpreter = Interpreter(workers=1)
    interpreter.run_batch([program("return 1")], handler)
    with open(f"/proc/{interpreter._workers[0]._process.pid}/limits") as file:
        limits = {line[:26].strip(): line[26:].split()[0] for line in file}
    assert (limits["Max open files"], limits["Max file size"]) == ("0", "0")
    interpreter.close()


def test_dropped_interpreters_and_interrupted_batches_leave_no_process() -> None:
    interpreter = Interpreter(workers=1)
    interpreter.run_batch([program("return 1")], handler)
    pids = [interpreter._workers[0]._process.pid]

    def interrupting(calls: Sequence[Call]) -> list[Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interpreter.run_batch([program("image.find('x')")], interrupting)
    interpreter.run_batch([program("return 1")], handler)
    pids.append(interpreter._workers[0]._process.pid)
    del interpreter
    gc.collect()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_program_leaves_nothing_to_the_next() -> None:
    interpreter = Interpreter(workers=1)
    first = Program(
        "import math\nkept = 1\nmath_was = math\ndef execute_command(image):\n    global kept\n    kept = 2\n    return kept\n",
        ((9, 9),),
    )
    second = Program("def execute_command(image):\n    return kept\n", ((9, 9),))
    executions = interpreter.run_batch([first, second], handler) + interpreter.run_batch([second], handler)
    assert [e.status for e in executions] == ["answered", "runtime_error", "runtime_error"]
    interpreter.close()


def test_an_exception_of_the_handler_reaches_the_caller_and_breaks_nothing(interpreter: Interpreter) -> None:
    def broken(calls: Sequence[Call]) -> list[Any]:
        raise ConnectionError("down")

    with pytest.raises(ConnectionError, match="down"):
        interpreter.run_batch([program("return image.exists('x')")] * 3, broken)
    (execution,) = interpreter.run_batch([program("return image.exists('x')")], handler)
    assert execution.answer is True


def test_a_killed_worker_costs_no_result() -> None:
    interpreter = Interpreter(workers=1)

    def killing(calls: Sequence[Call]) -> list[Any]:
        if len(calls) > 1:
            os.kill(interpreter._workers[0]._process.pid, signal.SIGKILL)
        return handler(calls)

    executions = interpreter.run_batch([program("image.exists('x')", "return 3")] * 5, killing)
    assert [e.answer for e in executions] == [3] * 5
    interpreter.close()


def test_a_worker_that_stands_still_for_a_while_costs_no_result() -> None:
    interpreter = Interpreter(Limits(seconds=0.01), workers=1)

    def stopping(calls: Sequence[Call]) -> list[Any]:
        pid = interpreter._workers[0]._process.pid
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (pid, signal.SIGCONT)).start()  # far more than computing time times patience
        return handler(calls)

    (execution,) = interpreter.run_batch([program("image.exists('x')", "return 3")], stopping)
    interpreter.close()
    assert (execution.status, execution.answer) == ("answered", 3)


def test_threads_may_share_an_interpreter(interpreter: Interpreter) -> None:
    results: list[list[Any]] = []

    def work(number: int) -> None:
        results.append(
            [
                e.answer == number
                for e in interpreter.run_batch([program(f"image.exists('x')\n    return {number}")] * 10, handler)
            ]
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[True] * 10] * 4


def _answer_in_child(queue: Any) -> None:
    (execution,) = shared_interpreter().run_batch([program("return 5")], handler)
    queue.put(execution.answer)
    shared_interpreter().close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes_have_workers_of_their_own(method: str) -> None:
    (before,) = shared_interpreter().run_batch([program("return 5")], handler)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_answer_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == 5
    child.join(60)
    assert child.exitcode == 0
    (after,) = shared_interpreter().run_batch([program("return 5")], handler)
    assert before.answer == after.answer == 5


def test_workers_end_with_their_parent() -> None:
    source = (
        "import time\n"
        "from vispro_gym.interpreter.shared import shared_interpreter\n"
        "from vispro_gym.interpreter.types import Program\n"
        "i = shared_interpreter()\n"
        "i.run_batch([Program('def execute_command(image):\\n    return 1\\n', ((9, 9),))], list)\n"
        "print(i._workers[0]._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def test_the_worker_holds_no_environment_variables_and_no_modules_of_ours() -> None:
    os.environ["VISPRO_TEST_SECRET"] = "do-not-pass-on"
    try:
        interpreter = Interpreter(workers=1)
        interpreter.run_batch([program("return 1")], handler)
        pid = interpreter._workers[0]._process.pid
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"do-not-pass-on" not in file.read()
        with open(f"/proc/{pid}/maps") as file:
            assert "_multiarray_umath" not in file.read()
        interpreter.close()
    finally:
        del os.environ["VISPRO_TEST_SECRET"]


@pytest.mark.parametrize(
    ("line", "reply", "answer"),
    [
        ("image.find('x')", np.array([[-5.0, 2.0, 500.0, 30.0], [90.0, 90.0, 99.0, 99.0]]), PatchAnswer(0, (0, 2, 100, 30))),
        ("image.verify_property('x', 'y')", np.bool_(False), False),
        ("image.simple_query('x')", np.str_("red"), "red"),
        ("image.simple_query('x')", "\ud800", "?"),
        ("image.compute_depth()", np.float32(1.5), 1.5),
        ("image.best_text_match(['a', 'b'])", np.array([0.25, 0.5]), "b"),
    ],
)
def test_replies_become_plain_values(interpreter: Interpreter, line: str, reply: Any, answer: Any) -> None:
    (execution,) = interpreter.run_batch([program(f"x = {line}", "return x[0] if isinstance(x, list) else x")], lambda _: [reply])
    assert (execution.answer, type(execution.answer)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("image.find('x')", [(1, 2, 3)]),
        ("image.find('x')", None),
        ("image.simple_query('x')", 3),
        ("image.compute_depth()", "far"),
        ("image.best_text_match(['a', 'b'])", [0.5]),
    ],
)
def test_a_reply_of_a_wrong_type_is_the_callers_error(interpreter: Interpreter, line: str, reply: Any) -> None:
    with pytest.raises(TypeError, match=r"perception returned .* to (detect|answer|depth|similarity)"):
        interpreter.run_batch([program(f"return {line}")], lambda _: [reply])
