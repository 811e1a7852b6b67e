"""Runs attacks one by one, each in a forked process of its own, behind one layer only. Started by `layers.run_alone`.

    python child.py LAYER SECONDS < lines of JSON > lines of JSON

A line in is `{"source": ..., "secret": ...}`, the line out says how the process ended and what it had to say. Layers:

- "first": the check and the instruments in an ordinary process that can do everything;
- "second": bare `exec` with all builtins in a process that the kernel confines;
- "none": bare `exec` in an ordinary process, which shows that an attack is one.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

LAYER, SECONDS = sys.argv[1], float(sys.argv[2])
PACKAGE = Path(__file__).parents[3] / "vispro_gym"
for _name in ("vispro_gym", "vispro_gym.programs", "vispro_gym.interpreter", "vispro_gym.interpreter.guest"):
    # Bare package objects, as in the worker.
    _package = types.ModuleType(_name)
    _package.__path__ = [str(PACKAGE.joinpath(*_name.split(".")[1:]))]
    sys.modules[_name] = _package

from vispro_gym.interpreter.guest import execute, meter, runtime  # noqa: E402
from vispro_gym.interpreter.guest.confine import confine  # noqa: E402

STEPS, CALLS, OUTPUT, ASSIGNMENTS = 100_000, 256, 2_000, 64
MEMORY = 512 << 20
MAX_REPORT = 1 << 20
PATIENCE = 4
"""A process that does not use up its computing time is ended after this many times the seconds on the wall."""
REPLIES: dict[str, Any] = {"detect": [(10, 10, 30, 40), (50, 10, 60, 20)], "verify": True, "answer": "red", "depth": 1.0}


def reply(operation: str, arguments: Any) -> Any:
    """What perception says."""
    if operation == "similarity":
        return [float(len(text)) for text in arguments[0]]
    if tuple(arguments) == ("?",):
        return {"failure": "cannot read that"}
    return REPLIES.get(operation, REPLIES["detect"])


def checked(source: str, secret: str) -> Any:
    """Runs a program behind the first layer."""
    for module in (sys.modules["__main__"], runtime, execute, meter):
        vars(module)["SESAME"] = secret
    os.environ["VISPRO_SESAME"] = secret
    execute.ask = lambda call: reply(call[1], call[4])
    sys.setrecursionlimit(execute.RECURSION_LIMIT)
    meter.current = meter.Meter(STEPS, CALLS, OUTPUT, ASSIGNMENTS)
    status, answer, error, output, steps, values = execute.execute(meter.current, execute.prepared(source), [[100, 80]])
    return {"status": status, "answer": answer, "error": error, "output": output, "steps": steps, "values": values}


def bare(source: str) -> Any:
    """Runs a program with all that Python has."""
    runtime.perceive = lambda operation, image, box, arguments: reply(operation, arguments)
    scope: dict[str, Any] = {"__name__": "program", **runtime.NAMES}
    try:
        exec(compile(source, "<program>", "exec"), scope)
        answer = scope["execute_command"](runtime.make_patch(0, (0, 0, 100, 80)))
        return {"status": "answered", "answer": str(answer)[:100_000]}
    except BaseException as error:
        return {"status": "runtime_error", "answer": f"{type(error).__name__}: {str(error)[:1000]}"}


def attack(source: str, secret: str) -> None:
    """What the forked process does."""
    if LAYER == "second":
        confine(MEMORY)
    else:
        resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # computing time, so that a busy machine changes nothing
    if LAYER == "none":
        os.environ["VISPRO_SESAME"] = vars(sys.modules["__main__"])["SESAME"] = secret
    try:
        report = checked(source, secret) if LAYER == "first" else bare(source)
        data = json.dumps(report, default=repr).encode()[:MAX_REPORT]
    except MemoryError:
        data = b'{"status": "memory_limit", "answer": null, "error": {"message": "out of memory"}}'
    while data:
        data = data[os.write(1, data) :]


def supervise(pid: int, pipe: int) -> tuple[str, bytes]:
    """Waits for a forked process; returns how it ended and what it said."""
    said = b""
    deadline = time.monotonic() + PATIENCE * SECONDS
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(pipe, 1 << 16) if ready else b""
        said += chunk
        if not chunk or len(said) > MAX_REPORT:
            break
    os.close(pipe)
    if ready:
        deadline = time.monotonic() + 1.0  # an honest end
        while time.monotonic() < deadline and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            time.sleep(0.001)
    try:
        os.killpg(pid, signal.SIGKILL)  # what it forked, too
    except ProcessLookupError:
        pass
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if not ready or code in (-signal.SIGKILL, -signal.SIGPROF):
        return "hang", said
    return ("end" if code == 0 else signal.Signals(-code).name if code < 0 else f"exit {code}"), said


def main() -> None:
    """Serves lines."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for line in sys.stdin:
        request = json.loads(line)
        receiver, sender = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.dup2(nothing, 0)
                os.dup2(sender, 1)
                os.dup2(nothing, 2)
                os.closerange(3, 64)
                attack(**request)
            finally:
                os._exit(0)
        os.close(sender)
        how, said = supervise(pid, receiver)
        print(json.dumps({"end": how, "said": said.decode(errors="replace")}), flush=True)


if __name__ == "__main__":
    main()
