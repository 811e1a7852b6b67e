"""One worker process and the wire to it."""

from __future__ import annotations

import json
import marshal
import mmap
import os
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import greenlet

from vispro_gym.interpreter.types import Limits

MAX_MESSAGE_BYTES = 64 << 20
_HEADER = struct.Struct("!II")
START_SECONDS = 60.0

# Not -I, which would ignore PYTHONHASHSEED: the order of sets must not change from worker to worker. Nobody reads columns.
_FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8", "-X", "no_debug_ranges")

_PACKAGE_DIR = Path(__file__).parents[1]


class WorkerDied(Exception):
    """The worker process ended, stopped answering or sent what no worker sends.

    Attributes:
        signal: Number of the signal that ended it; 0 if none did. `SIGPROF` says that its computing time was up.
        program: The program that ran at the time, as far as the process can be believed; None if none is known.
    """

    def __init__(self, message: str, signal: int = 0, program: int | None = None) -> None:
        super().__init__(message)
        self.signal = signal
        self.program = program


class InterpreterError(RuntimeError):
    """No worker process could be started, or none that is confined as well as asked for."""


class WorkerProcess:
    """A worker. Not safe for use by several threads at once.

    Attributes:
        layers: What confines it, layer by layer, see `vispro_gym.interpreter.guest.confine`; empty until `wait_until_ready`.
        programs: Number of programs that it has been given.
    """

    def __init__(self, limits: Limits) -> None:
        """Starts the process, without waiting for it.

        Raises:
            InterpreterError: If it cannot be started.
        """
        self.layers: dict[str, str] = {}
        self.programs = 0
        self._errors = tempfile.TemporaryFile()
        # The worker keeps the number of the running program in this page of shared memory.
        with tempfile.TemporaryFile() as page:
            page.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(page.fileno(), mmap.PAGESIZE)
            try:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, *_FLAGS, str(_PACKAGE_DIR / "interpreter" / "guest" / "worker.py")),
                        *(str(_PACKAGE_DIR), str(Path(greenlet.__file__).parents[1])),
                        *(json.dumps(asdict(limits)), str(page.fileno())),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    env={"PYTHONHASHSEED": "0"},
                    cwd=os.sep,
                    bufsize=0,
                    pass_fds=(page.fileno(),),
                    start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
                )
            except OSError as error:
                self._errors.close()
                raise InterpreterError(f"the interpreter's worker process could not be started: {error}") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._buffer = bytearray()
        self._owner = os.getpid()

    def __del__(self) -> None:
        # A process that nobody holds any more would run until this one ends.
        if hasattr(self, "_owner"):
            self.kill()

    def wait_until_ready(self) -> None:
        """Waits until the process is confined and takes programs.

        Raises:
            InterpreterError: If it does not get there.
        """
        if self.layers:
            return
        try:
            _, layers = self.receive(time.monotonic() + START_SECONDS)
            self.layers = {str(layer): str(state) for layer, state in layers.items()}
        except (WorkerDied, AttributeError) as error:
            raise InterpreterError(f"the interpreter's worker process did not start: {error}") from None
        except BaseException:
            self.kill()
            raise

    def send(self, message: Any) -> None:
        """Writes one message. Raises WorkerDied if nobody reads any more."""
        data = marshal.dumps(message)
        view = memoryview(struct.pack("!I", len(data)) + data)
        try:
            while view:
                view = view[self._input.write(view) :]
        except (OSError, ValueError):
            raise self._death("the process reads no more") from None

    def receive(self, deadline: float) -> tuple[bytes, Any]:
        """Reads one message: the records of calls, and what came as JSON.

        Args:
            deadline: Value of `time.monotonic()` at which the worker is killed.

        Raises:
            WorkerDied: If it ends, is late, or sends no message of the protocol; the process is gone then.
        """
        start = _HEADER.size
        middle = end = 0  # of the message: where the records and where the JSON ends; 0 before that is known
        while True:
            if not end and len(self._buffer) >= start:
                first, second = _HEADER.unpack_from(self._buffer)
                middle, end = start + first, start + first + second
                if end > MAX_MESSAGE_BYTES:
                    raise self._death(f"the process sent a message of {end} bytes")
            if end and len(self._buffer) >= end:
                records, data = bytes(self._buffer[start:middle]), bytes(self._buffer[middle:end])
                del self._buffer[:end]
                try:
                    return records, json.loads(data)
                except (ValueError, RecursionError):
                    raise self._death("the process sent no JSON") from None
            # A report that is there counts, however late it is read.
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise self._death("the process ran beyond its deadline", signal.SIGPROF)
            chunk = self._output.read(1 << 20)
            if not chunk:
                raise self._death("the process ended")
            self._buffer += chunk

    def malformed(self, why: str) -> WorkerDied:
        """Ends a process that sent what no worker sends."""
        return self._death(f"the process sent a malformed report: {why}")

    def _death(self, message: str, cause: int | None = None) -> WorkerDied:
        (program,) = struct.unpack_from("I", self._page)
        status = self.kill()
        if cause is None:
            cause = -status if status < 0 and status != -signal.SIGKILL else 0
        return WorkerDied(f"{message} (status {status}){self._last_words}", cause, program)

    def kill(self) -> int:
        """Ends the process, if it still runs, and returns its exit status. In a forked child it only lets go of it."""
        if self._input.closed:
            return self._process.returncode or 0
        self._last_words = ""
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip()[-2_000:]
            self._last_words = f": {said}" if said else ""
        else:
            self._process.returncode = 0  # not ours to wait for
        self._selector.close()
        self._page.close()
        for stream in (self._input, self._output, self._errors):
            stream.close()
        return self._process.returncode
