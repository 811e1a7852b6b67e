"""Secrets that no program may learn, and runs of attacks behind a single layer."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from tests.interpreter.attacks import success_of
from tests.interpreter.attacks.base import DROP_FILE, SECRET_FILE, VARIABLE, Attack

Layer = Literal["first", "second", "none"]

_VICTIM = "import sys; kept = sys.stdin.readline(); print('ready', flush=True); sys.stdin.readline(); print(kept.strip())"
_CHILD = Path(__file__).parent / "child.py"


class Secrets:
    """A secret in a file, one in the environment and one in the memory of a process that stands for the trainer."""

    def __enter__(self) -> Secrets:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        self.file, self.environment, self.memory = (
            f"sesame-{kind}-{secrets.token_hex(16)}" for kind in ("file", "environment", "memory")
        )
        self._file = folder / "secret"
        self._file.write_text(self.file)
        self._file.chmod(0o644)
        open_folder = folder / "open"
        open_folder.mkdir()
        open_folder.chmod(0o777)
        self._drop = open_folder / "drop"
        self._victim = subprocess.Popen(
            [sys.executable, "-S", "-c", _VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={VARIABLE: self.environment},
        )
        assert self._victim.stdin is not None and self._victim.stdout is not None
        self._victim.stdin.write(self.memory + "\n")
        self._victim.stdin.flush()
        self._victim.stdout.readline()
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """All secrets."""
        return (self.file, self.environment, self.memory)

    def fill(self, source: str) -> str:
        """A source with the paths and the process for which it has placeholders."""
        source = source.replace(SECRET_FILE, str(self._file)).replace(DROP_FILE, str(self._drop))
        return source.replace("@HOST@", str(self._victim.pid))

    def harm(self) -> str | None:
        """What an attack has done to what it must not touch; None if nothing."""
        if self._drop.exists() or self._drop.is_symlink():
            return "it created a file"
        if not self._file.is_file() or self._file.read_text() != self.file:
            return "it changed a file"
        if self._victim.poll() is not None:
            return "it ended another process"
        return None

    def clean(self) -> None:
        """Makes good what an attack without any sandbox did."""
        if self._drop.is_dir() and not self._drop.is_symlink():
            self._drop.rmdir()
        self._drop.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        said, _ = self._victim.communicate("\n")
        self._folder.cleanup()
        if kind is None:
            assert said.strip() == self.memory, "the process that holds the secret was changed"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of an attack behind one layer.

    Attributes:
        attack: The attack.
        failure: Why the layer did not hold it; None if it did.
        leaked: Whether a secret came out.
    """

    attack: Attack
    failure: str | None
    leaked: bool


def run_alone(layer: Layer, attacks: Sequence[Attack], planted: Secrets, seconds: float = 1.0) -> list[Trial]:
    """Runs attacks behind one layer, each in a process of its own that may compute for so many seconds."""
    command = [sys.executable, "-S", "-P", "-B", "-W", "ignore", str(_CHILD), layer, str(seconds)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONHASHSEED": "0", "PATH": os.defpath},
    )
    assert child.stdin is not None and child.stdout is not None
    trials = []
    for attack in attacks:
        request = {"source": planted.fill(attack.source), "secret": planted.memory}
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        line = child.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that runs attacks ended (status {child.wait()}) with {attack}")
        report = json.loads(line)
        leaked = any(value in report["said"] for value in planted.values)
        failure = _failure(layer, attack, report["end"], report["said"], planted)
        trials.append(Trial(attack, failure, leaked))
        planted.clean()
    child.stdin.close()
    child.stdout.close()
    child.wait()
    return trials


def _failure(layer: Layer, attack: Attack, end: str, said: str, planted: Secrets) -> str | None:
    if any(value in said for value in planted.values):
        return "a secret came out"
    if harm := planted.harm():
        return harm
    if layer != "first":
        # Python is given up here: what counts is that nothing outside the process is reached.
        return next((what for what in ("root:x:0", "executable") if what in said), None)
    if end != "end":
        return f"the process ended with {end}"
    try:
        execution = json.loads(said)
    except ValueError:
        return "the process said something of its own"
    if (execution["error"] or {}).get("message") == "out of memory":
        return "it took more memory than it may"
    return success_of(attack, execution, planted.values)
