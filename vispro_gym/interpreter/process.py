"""One worker process and the wire to it."""

from __future__ import annotations

import json
import os
import selectors
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
        timed_out: Whether it was ended because it ran beyond its deadline.
    """

    def __init__(self, message: str, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


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
        environment = {"PYTHONHASHSEED": "0"} | {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-B", "-X", "utf8", str(_PACKAGE_DIR / "interpreter" / "worker.py")),
                *(str(_PACKAGE_DIR), str(Path(greenlet.__file__).parents[1]), json.dumps(asdict(limits))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            cwd=os.sep,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._buffer = bytearray()
        try:
            self.receive(time.monotonic() + START_SECONDS)
        except WorkerDied as error:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip()[-2_000:]
            raise InterpreterError(f"the interpreter's worker process did not start: {error}\n{said}") from None

    def send(self, message: Any) -> None:
        """Writes one message. Raises WorkerDied if nobody reads any more."""
        data = json.dumps(message, separators=(",", ":")).encode()
        view = memoryview(struct.pack("!I", len(data)) + data)
        try:
            while view:
                view = view[self._input.write(view) :]
        except OSError as error:
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
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._selector.select(remaining):
                self.kill()
                raise WorkerDied("the process ran beyond its deadline", timed_out=True)
            chunk = self._output.read(1 << 20)
            if not chunk:
                code = self.kill()
                raise WorkerDied(f"the process ended with status {code}")
            self._buffer += chunk

    def kill(self) -> int:
        """Ends the process, if it still runs, and returns its exit status."""
        self._process.kill()
        status = self._process.wait()
        self.forget()
        return status

    def forget(self) -> None:
        """Closes this side of the wire without touching the process (which may be a parent's)."""
        self._selector.close()
        self._input.close()
        self._output.close()
        self._errors.close()
