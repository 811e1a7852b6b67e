"""The process that runs programs.

Started by the pool as `python worker.py PACKAGE_DIR GREENLET_DIR LIMITS PAGE` without site packages and with an empty
environment. The parent speaks marshal on its stdin; it answers on its stdout with records of calls (`types.RECORD`) and JSON;
all messages have their lengths before them. Each program runs in a greenlet until it asks perception something; then the next
one runs. A message from the parent carries answers for waiting programs and new programs; the reply carries the calls that are
now pending and the programs that ended. So the parent sees the calls of all programs at once and can serve them in one batch.

The process holds the programs' sources and the sizes of pictures, nothing else.
"""

from __future__ import annotations

import gc
import json
import marshal
import mmap
import os
import re
import signal
import struct
import sys
import time
import types
import warnings
from typing import Any

PACKAGE_DIR, GREENLET_DIR, LIMITS, PAGE = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
for _name in ("vispro_gym", "vispro_gym.programs", "vispro_gym.interpreter", "vispro_gym.interpreter.guest"):
    # Bare package objects: the real __init__ modules would import Gymnasium, which has no business here.
    _package = types.ModuleType(_name)
    _package.__path__ = [os.path.join(PACKAGE_DIR, *_name.split(".")[1:])]
    sys.modules[_name] = _package
sys.path.append(GREENLET_DIR)

import greenlet  # noqa: E402

from vispro_gym.interpreter.guest import execute  # noqa: E402
from vispro_gym.interpreter.guest import meter as metering  # noqa: E402
from vispro_gym.interpreter.guest.confine import confine  # noqa: E402
from vispro_gym.interpreter.guest.meter import Meter, nobody, without_addresses  # noqa: E402
from vispro_gym.interpreter.types import RECORD  # noqa: E402
from vispro_gym.programs.api import OPERATIONS  # noqa: E402

PROGRAMS_PER_COLLECTION = 256
READ_BYTES = 1 << 16
# Seconds. Shorter turns do not count towards a program's computing time, nor do they wind up the timer again.
LONG_TURN = 0.0005

hub = greenlet.getcurrent()


class Task:
    """One program: what it may use, and what became of it."""

    __slots__ = ("code", "meter", "result", "runner", "seconds", "sizes")

    def __init__(self, code: types.CodeType | list[Any], sizes: list[list[int]]) -> None:
        self.code = code
        self.sizes = sizes
        self.meter = new_meter()
        self.seconds = 0.0
        self.result: execute.Result | None = None
        self.runner = idle.pop() if idle else greenlet.greenlet(run)


# Greenlets without a program. A new one costs as much as running a short program does.
idle: list[Any] = []


def run(task: Task) -> None:
    """What a greenlet runs: programs, one after the other."""
    while True:
        task.result = execute.execute(task.meter, task.code, task.sizes)
        task = hub.switch(None)


def new_meter() -> Meter:
    """A meter with the limits of this process."""
    return Meter(LIMITS["steps"], LIMITS["calls"], LIMITS["output_characters"], LIMITS["assignments"])


def timed_out(task: Task) -> None:
    """Ends a program whose computing time is up."""
    message = f"more than {LIMITS['seconds']:g} seconds"
    error = {"type": "Timeout", "message": message, "line": 0}
    output = without_addresses("".join(task.meter.printed))
    task.result = ["timeout", None, error, output, task.meter.steps, task.meter.notes.report()]
    task.meter.close()
    task.meter.notes.clear()
    metering.current = task.meter
    task.runner.throw(greenlet.GreenletExit)  # nothing would ever free what a suspended program holds


def receive() -> Any:
    """Reads one message of the parent, which sends the next one after a reply; leaves when the parent has gone."""
    data = b""
    size = 4
    while len(data) < size:
        chunk = os.read(0, READ_BYTES)
        if not chunk:
            os._exit(0)
        data += chunk
        if len(data) >= 4:
            size = 4 + int.from_bytes(data[:4], "big")
    return marshal.loads(memoryview(data)[4:])


encode = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


def send(message: Any, records: bytes = b"") -> None:
    """Writes one message to the parent."""
    data = encode(message).encode()
    data = struct.pack("!II", len(records), len(data)) + records + data
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Serves the parent until it goes away."""
    sys.setrecursionlimit(execute.RECURSION_LIMIT)
    sys.unraisablehook = lambda *_: None
    sys.stdout = None  # type: ignore[assignment]  # the parent reads there; the standard library prints what it compiles, if asked to
    warnings.simplefilter("ignore")  # compilers write theirs to stderr
    execute.ask = hub.switch
    metering.current = new_meter()
    result = execute.execute(metering.current, execute.prepared(execute.WARM_UP), [[1, 1]])
    if result[0] != "answered":
        sys.exit(f"the warm-up program ended with {result}")
    metering.current = nobody
    # The parent reads here which program ran when the process died. It is a hint, no more.
    running = memoryview(mmap.mmap(PAGE, mmap.PAGESIZE)).cast("I")
    os.close(PAGE)
    # Garbage is collected between turns only: finalizers of one program must not run inside another.
    gc.disable()
    gc.collect()
    gc.freeze()
    send(confine(LIMITS["memory_mb"] << 20))
    monotonic, pack, allowed = time.monotonic, RECORD.pack, LIMITS["seconds"]
    codes = {operation: code for code, operation in enumerate(OPERATIONS)}
    tasks: dict[int, Task] = {}
    finished = 0
    recording = LIMITS["assignments"] > 0
    task: Any
    while True:
        answers, programs, seconds = receive()
        # The kernel ends the process when this much computing time is up; no program can keep it from that. It is wound up again
        # after every program that took long, so that the one that is running at the end is the one to blame.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        records, arguments, done = [], [], []
        turns: list[tuple[int, Task, Any]] = [(number, tasks[number], reply) for number, reply in answers]
        then = monotonic()
        for number, source, sizes in programs:  # all compile before the first one runs, which suits the processor's caches
            running[0] = number
            task = tasks[number] = Task(execute.prepared(source, recording), sizes)
            turns.append((number, task, task))
            now = monotonic()
            if now - then > LONG_TURN:
                signal.setitimer(signal.ITIMER_PROF, seconds)
            then = now
        then = monotonic()
        computed = time.process_time()  # what compiling took belongs to no turn
        for number, task, value in turns:
            running[0] = number
            metering.current = task.meter
            call = task.runner.switch(value)
            now = monotonic()
            if now - then > LONG_TURN:
                # The processor's clock costs a system call; that of the wall bounds what is read from it.
                total = time.process_time()
                task.seconds += min(now - then, total - computed)
                computed = total
                signal.setitimer(signal.ITIMER_PROF, seconds)
            then = now
            if task.result is not None:
                idle.append(task.runner)
            elif task.seconds > allowed:
                timed_out(task)
            else:
                line, operation, image, box, texts = call
                records.append(pack(number, line, codes[operation], image, *box))
                arguments.append(texts)
                continue
            del tasks[number]
            done.append([number, *task.result])
        metering.current = nobody
        del turns, answers, programs
        task = value = call = box = texts = None  # nothing of a program outlives its turn here
        finished += len(done)
        if finished >= PROGRAMS_PER_COLLECTION:
            finished = 0
            gc.collect()
            re.purge()  # compiled expressions of one program are of no use to others
        send([arguments, done], b"".join(records))


if __name__ == "__main__":
    main()
