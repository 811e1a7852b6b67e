"""A process that confines itself as a worker does and then tries to do harm; run by `vispro_gym.interpreter.doctor`.

Every attempt has a process of its own, since the kernel ends those that go too far. What an attempt does where nothing stops
it is harmless. Needs the standard library only and runs without site packages, as the worker does. Prints JSON:
`{"layers": {...}, "attempts": {what: what became of it}}`.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Callable

MEMORY_BYTES = 256 << 20
SECONDS = 10  # for one attempt

PARENT = os.getpid()


def _function(name: str, *arguments: int) -> Callable[[], object]:
    """A call of a function of the C library that returns -1 where it fails."""

    def call() -> None:
        result = getattr(ctypes.CDLL(None, use_errno=True), name)(*(ctypes.c_long(argument) for argument in arguments))
        if result == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return call


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _new_limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY_BYTES, 2 * MEMORY_BYTES))


ATTEMPTS: dict[str, Callable[[], object]] = {
    "open a file": lambda: os.open(__file__, os.O_RDONLY),
    "create a file in memory": lambda: os.close(os.memfd_create("attempt")),
    "list a folder": lambda: os.listdir("/"),
    "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "connect two sockets": socket.socketpair,
    "start a process": _fork,
    "start a thread": lambda: threading.Thread(target=int).start(),
    "become another program": lambda: os.execv(sys.executable, [sys.executable, "-S", "-c", ""]),
    "send its parent a signal": lambda: os.kill(PARENT, signal.SIGUSR1),
    "trace a process": _function("ptrace", 0, 0, 0, 0),
    "become root": lambda: os.setuid(0),
    "make a user namespace": _function("unshare", 0x1000_0000),
    "run code that it wrote": lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "raise its own limits": _new_limits,
    "take more memory than its limit": lambda: bytearray(2 * MEMORY_BYTES),
    "ignore the timer's signal": lambda: signal.signal(signal.SIGPROF, signal.SIG_IGN),
    "block the timer's signal": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF}),
    "write to another descriptor": lambda: os.write(2, b""),
    "duplicate a descriptor": lambda: os.dup(0),
}


def _in_child(confine: Callable[[int], dict[str, str]], attempt: Callable[[], object]) -> tuple[dict[str, str] | None, str]:
    """Runs one attempt in a confined child; returns the layers and what became of it."""
    from_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(to_parent, 1)
            signal.alarm(SECONDS)
            layers = json.dumps(confine(MEMORY_BYTES))
            os.write(1, layers.encode() + b"\n")
            try:
                attempt()
                os.write(1, b"allowed")
            except AttributeError:
                os.write(1, b"refused: this system has no such thing")
            except Exception as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                os.write(1, f"refused: {reason or type(error).__name__}".encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(to_parent)
    with os.fdopen(from_child) as pipe:
        said, _, report = pipe.read().partition("\n")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        return None, f"not made: the process ended with status {status} before it was confined"
    if not report:  # the kernel ended the process, or it became another program
        report = f"refused: ended by {signal.Signals(-status).name}" if status < 0 else "allowed"
    return json.loads(said), report


def main() -> None:
    """Makes all attempts."""
    confine = runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest", "confine.py"))["confine"]
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    layers: dict[str, str] = {}
    reports = {}
    for what, attempt in ATTEMPTS.items():
        found, reports[what] = _in_child(confine, attempt)
        layers = found or layers
    print(json.dumps({"layers": layers, "attempts": reports}))


if __name__ == "__main__":
    main()
