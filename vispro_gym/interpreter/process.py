"""One worker process and the wire to it."""

from __future__ import annotations

import json
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

MAX_MESSAGE_BYTES = 16 << 20
START_SECONDS = 30.0

_PACKAGE_DIR = Path(__file__).parents[1]


class WorkerDied(Exception):
    """The worker process ended, stopped answering or sent what no worker sends.

    Attributes:
        signal: Number of the signal that ended it; 0 if none did. `SIGPROF` says that its computing time was up.
    """

    def __init__(self, message: str, signal: int = 0) -> None:
        super().__init__(message)
        self.signal = signal


class InterpreterError(RuntimeError):
    """No worker process could be started."""


class WorkerProcess:
    """A started worker. Not safe for use by several threads at once."""

    def __init__(self, limits: Limits) -> None:
        """Starts the process and waits until it is ready.

        Raises:
            InterpreterError: If it does not start.
        """
        self._errors = tempfile.TemporaryFile()
        # Flags instead of -I, which would ignore PYTHONHASHSEED: the order of sets must not change from worker to worker.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-s", "-S", "-P", "-B", "-X", "utf8", str(_PACKAGE_DIR / "interpreter" / "worker.py")),
                *(str(_PACKAGE_DIR), str(Path(greenlet.__file__).parents[1]), json.dumps(asdict(limits))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={"PYTHONHASHSEED": "0"},
            cwd=os.sep,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._buffer = bytearray()
        self._owner = os.getpid()
        try:
            self.receive(time.monotonic() + START_SECONDS)
        except WorkerDied as error:
            raise InterpreterError(f"the interpreter's worker process did not start: {error}") from None
        except BaseException:
            self.kill()
            raise

    def __del__(self) -> None:
        # A process that nobody holds any more would run until this one ends.
        if hasattr(self, "_owner"):
            self.kill()

    def send(self, message: Any) -> None:
        """Writes one message. Raises WorkerDied if nobody reads any more."""
        data = json.dumps(message, separators=(",", ":")).encode()
        view = memoryview(struct.pack("!I", len(data)) + data)
        try:
            while view:
                view = view[self._input.write(view) :]
        except (OSError, ValueError) as error:
            self.kill()
            raise WorkerDied(f"the process cannot be written to: {error}") from None

    def receive(self, deadline: float) -> Any:
        """Reads one message.

        Args:
            deadline: Value of `time.monotonic()` at which the worker is killed.

        Raises:
            WorkerDied: If it ends, is late, or sends no message of the protocol; the process is gone then.
        """
        size: int | None = None
        while True:
            if size is None and len(self._buffer) >= 4:
                (size,) = struct.unpack_from("!I", self._buffer)
                if size > MAX_MESSAGE_BYTES:
                    self.kill()
                    raise WorkerDied(f"the process sent a message of {size} bytes")
            if size is not None and len(self._buffer) >= 4 + size:
                data = bytes(self._buffer[4 : 4 + size])
                del self._buffer[: 4 + size]
                try:
                    return json.loads(data)
                except (ValueError, RecursionError):
                    self.kill()
                    raise WorkerDied("the process sent no JSON") from None
            # A report that is there counts, however late it is read.
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                self.kill()
                raise WorkerDied("the process ran beyond its deadline", signal.SIGPROF)
            chunk = self._output.read(1 << 20)
            if not chunk:
                status = self.kill()
                raise WorkerDied(f"the process ended with status {status}{self._last_words}", max(0, -status))
            self._buffer += chunk

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
        for stream in (self._input, self._output, self._errors):
            stream.close()
        return self._process.returncode
