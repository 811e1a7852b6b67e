"""The process that runs programs.

Started by the pool as `python worker.py PACKAGE_DIR GREENLET_DIR LIMITS` without site packages and with an empty
environment; talks in length-prefixed JSON over stdin and stdout. Each program runs in a greenlet until it asks perception
something; then the next one runs. A message from the parent carries answers for waiting programs and new programs; the
reply carries the calls that are now pending and the programs that ended. So the parent sees the calls of all programs at
once and can serve them in one batch.

The process holds the programs' sources and the sizes of pictures, nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import signal
import struct
import sys
import time
import types
from typing import Any

PACKAGE_DIR, GREENLET_DIR, LIMITS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
for _name in ("vispro_gym", "vispro_gym.programs", "vispro_gym.interpreter"):
    # Bare package objects: the real __init__ modules would import Gymnasium, which has no business here.
    _package = types.ModuleType(_name)
    _package.__path__ = [os.path.join(PACKAGE_DIR, *_name.split(".")[1:])]
    sys.modules[_name] = _package
sys.path.append(GREENLET_DIR)

import greenlet  # noqa: E402

from vispro_gym.interpreter import runtime  # noqa: E402
from vispro_gym.interpreter.guard import FILENAME, Counter, Rejected, Stop, namespace, prepare  # noqa: E402
from vispro_gym.programs.api import ENTRY_POINT  # noqa: E402

MAX_ANSWER_CHARACTERS = 2_000
MAX_ANSWER_ITEMS = 200
MAX_ERROR_CHARACTERS = 200
RECURSION_LIMIT = 400
PARSER_RECURSION_LIMIT = 3_000
CODE_CACHE_CHARACTERS = 2_000_000  # of source; compiled code takes a few times as many bytes
PROGRAMS_PER_COLLECTION = 256

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

hub = greenlet.getcurrent()


class CodeCache:
    """Compiled programs by source."""

    def __init__(self) -> None:
        self._codes: dict[str, types.CodeType] = {}
        self._characters = 0

    def get(self, source: str) -> types.CodeType:
        """The program's code; raises what `prepare` raises."""
        code = self._codes.get(source)
        if code is None:
            sys.setrecursionlimit(PARSER_RECURSION_LIMIT)
            try:
                code = prepare(source)
            finally:
                sys.setrecursionlimit(RECURSION_LIMIT)
            if self._characters > CODE_CACHE_CHARACTERS:
                self._codes.clear()
                self._characters = 0
            self._codes[source] = code
            self._characters += len(source)
        return code


code_cache = CodeCache()


class Task(greenlet.greenlet):
    """One running program."""

    def __init__(self) -> None:
        super().__init__(body)
        self.counter = Counter(LIMITS["steps"])
        self.calls = 0
        self.seconds = 0.0
        self.result: list[Any] | None = None


def perceive(operation: str, image: int, box: tuple[int, int, int, int], arguments: tuple[Any, ...]) -> Any:
    """Hands a call to the parent and waits for its reply; runs in the program's greenlet."""
    task = greenlet.getcurrent()
    if not isinstance(task, Task):  # a generator's finally block that the garbage collector runs
        raise Stop("runtime_error", "RuntimeError", "perception was called outside a program")
    if task.counter.stop is not None:
        raise task.counter.stop
    if task.calls >= LIMITS["calls"]:
        task.counter.end("call_limit", "CallLimit", f"more than {LIMITS['calls']} perception calls")
    task.calls += 1
    frame = sys._getframe(1)
    while frame.f_code.co_filename != FILENAME and frame.f_back is not None:
        frame = frame.f_back
    reply = hub.switch([frame.f_lineno, operation, image, box, arguments])
    if isinstance(reply, dict):
        task.counter.end("perception_error", "PerceptionError", reply["failure"])
    return reply


def execute(counter: Counter, source: str, sizes: list[list[int]]) -> list[Any]:
    """Runs one program; returns `[status, answer, error, steps]`."""

    def ended(status: str, kind: str, message: str, line: int | None) -> list[Any]:
        message = _ADDRESS.sub("", message).replace("\n", " ")[:MAX_ERROR_CHARACTERS]
        return [status, None, {"type": kind, "message": message, "line": line or 0}, counter.steps]

    def stopped(stop: Stop, error: BaseException) -> list[Any]:
        return ended(stop.status, stop.kind, stop.message, program_line(error))

    try:
        code = code_cache.get(source)
        scope = namespace(counter, runtime.NAMES)
        exec(code, scope)
        entry = scope.get(ENTRY_POINT)
        if not callable(entry):
            return ended("no_answer", "NameError", f"the program defines no function {ENTRY_POINT}", None)
        images = [runtime.make_patch(i, (0, 0, width, height)) for i, (width, height) in enumerate(sizes)]
        value = entry(*images)
        if counter.stop is not None:
            return stopped(counter.stop, counter.stop)
        if value is None:
            return ended("no_answer", "TypeError", "the program returned None", None)
        try:
            return ["answered", plain(value), None, counter.steps]
        except (TypeError, ValueError) as error:
            return ended("no_answer", type(error).__name__, str(error), None)
    except SyntaxError as error:
        return ended("syntax_error", type(error).__name__, error.msg or "", error.lineno)
    except Rejected as error:
        return ended("rejected", "Rejected", str(error), error.line)
    except Stop as stop:
        return stopped(counter.stop or stop, stop)
    except RecursionError as error:
        return ended("runtime_error", "RecursionError", "maximum recursion depth exceeded", program_line(error))
    except MemoryError as error:
        return ended("memory_limit", "MemoryError", f"more than {LIMITS['memory_mb']} MiB", program_line(error))
    except Exception as error:
        if counter.stop is not None:
            return stopped(counter.stop, error)
        try:
            message = str(error)
        except Exception:
            message = ""
        return ended("runtime_error", type(error).__name__, message, program_line(error))


def program_line(error: BaseException) -> int | None:
    """The innermost line of the program in a traceback."""
    line, entry = None, error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == FILENAME:
            line = entry.tb_lineno
        entry = entry.tb_next
    return line


def plain(value: Any, depth: int = 0) -> Any:
    """An answer as JSON data. Only exact builtin types and patches pass, so no code of the program runs in here.

    Raises:
        TypeError: If the value is of another type.
        ValueError: If it is too long or not finite.
    """
    kind = type(value)
    if kind is str:
        value = _ADDRESS.sub("", value)
        if len(value) > MAX_ANSWER_CHARACTERS:
            raise ValueError(f"the answer has {len(value)} characters, expected at most {MAX_ANSWER_CHARACTERS}")
        return value
    if kind is bool:
        return value
    if kind is int:
        if value.bit_length() > 63:
            raise ValueError("the answer is an integer of more than 64 bits")
        return value
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("the answer is not a finite number")
        return value
    if kind is runtime.ImagePatch:
        return {"image": value._image, "box": list(value._box)}
    if kind in (list, tuple):
        if depth >= 1 or len(value) > MAX_ANSWER_ITEMS:
            raise ValueError(f"the answer is a list that is nested or has more than {MAX_ANSWER_ITEMS} items")
        return [plain(item, depth + 1) for item in value]
    raise TypeError(f"the answer is of type {kind.__name__}, expected a string, number, bool, patch or list of these")


def advance(task: Task, *values: Any) -> list[Any] | None:
    """Runs a program until its next call (returned) or its end (None), and keeps account of its computing time."""
    start = time.process_time()
    call: list[Any] | None = task.switch(*values)
    task.seconds += time.process_time() - start
    if task.seconds > LIMITS["seconds"]:
        message = f"more than {LIMITS['seconds']:g} seconds"
        task.counter.stop = Stop("timeout", "Timeout", message)  # its finally blocks, if any, end at their first step
        task.result = ["timeout", None, {"type": "Timeout", "message": message, "line": 0}, task.counter.steps]
    return None if task.result is not None else call


def body(source: str, sizes: list[list[int]]) -> None:
    """What a task's greenlet runs."""
    task = greenlet.getcurrent()
    assert isinstance(task, Task)
    result = execute(task.counter, source, sizes)
    task.result = task.result or result


def read_exactly(size: int) -> bytes:
    """Reads from the parent; leaves when the parent has gone."""
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            os._exit(0)
        data += chunk
    return data


def send(message: Any) -> None:
    """Writes one message to the parent."""
    data = json.dumps(message, separators=(",", ":")).encode()
    data = struct.pack("!I", len(data)) + data
    while data:
        data = data[os.write(1, data) :]


def confine() -> None:
    """Bounds the memory of the process and takes away its right to open files and, for ordinary users, to start processes.

    macOS does not enforce the bound on memory.
    """
    bounds = {"RLIMIT_AS": LIMITS["memory_mb"] << 20, "RLIMIT_NOFILE": 3, "RLIMIT_FSIZE": 0, "RLIMIT_NPROC": 0, "RLIMIT_CORE": 0}
    for name, bound in bounds.items():
        try:
            resource.setrlimit(getattr(resource, name), (bound, bound))
        except (ValueError, OSError):
            pass  # a stricter bound is in force already


WARM_UP = """\
import collections
def execute_command(image):
    try:
        return f"{collections.Counter('a').most_common(1)[0][0]!r:>4} {'{}'.format(1.5)}"
    except Exception:
        raise
"""


def main() -> None:
    """Serves the parent until it goes away."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    sys.set_int_max_str_digits(2_000)
    sys.unraisablehook = lambda *_: None
    runtime.perceive = perceive
    execute(Counter(LIMITS["steps"]), WARM_UP, [[1, 1]])  # imports what the standard library imports late
    # Garbage is collected between turns only: finalizers of one program must not run inside another.
    gc.disable()
    gc.freeze()
    confine()
    send("ready")
    tasks: dict[int, Task] = {}
    finished = 0
    while True:
        answers, programs, seconds = json.loads(read_exactly(struct.unpack("!I", read_exactly(4))[0]))
        # The kernel ends the process when its computing time is up; no program can keep it from that.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        calls, done = [], []
        started = [(number, Task(), (source, sizes)) for number, source, sizes in programs]
        for number, task, values in [(number, tasks[number], (reply,)) for number, reply in answers] + started:
            call = advance(task, *values)
            if call is None:
                tasks.pop(number, None)
                done.append([number, *(task.result or [])])
            else:
                tasks[number] = task
                calls.append([number, *call])
        finished += len(done)
        if finished >= PROGRAMS_PER_COLLECTION:
            finished = 0
            gc.collect()
        signal.setitimer(signal.ITIMER_PROF, 0)
        send([calls, done])


if __name__ == "__main__":
    main()
