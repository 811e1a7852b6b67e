"""Says how well this machine confines programs: what the kernel gave, and what a confined process can still do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vispro_gym.interpreter.guest.confine import ACTIVE, UNAVAILABLE, missing

SECONDS = 120.0

# What each layer does to a program.
LAYERS = {
    "user": "does not run as root",
    "capabilities": "holds no capability",
    "privileges": "can gain no privilege",
    "landlock": "reaches no file, no TCP port, no process",
    "limits": "bounded memory, no descriptors, no processes",
    "seccomp": "few system calls",
}


class DoctorError(RuntimeError):
    """The examination could not be made."""


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        layers: For every layer `"active"`, or why it is not.
        attempts: For everything that was tried from inside: `"refused: ..."`, `"allowed"` or `"not made: ..."`.
    """

    layers: dict[str, str]
    attempts: dict[str, str]

    @property
    def problems(self) -> list[str]:
        """Why `isolation="require"` is not met, or should not be trusted; empty if all is well."""
        attempts = [f"{what}: {state}" for what, state in self.attempts.items() if not state.startswith("refused")]
        return missing(self.layers) + attempts


def examine() -> Examination:
    """Starts processes that confine themselves as workers do and has each of them try something harmful.

    Raises:
        DoctorError: If no such process can be started.
    """
    script = Path(__file__).with_name("attempts.py")
    command = [sys.executable, "-s", "-S", "-P", "-B", "-X", "utf8", str(script)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PYTHONHASHSEED": "0"},
            cwd=os.sep,
            start_new_session=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DoctorError(f"the process that makes the attempts did not do so: {error}") from None
    try:
        found = json.loads(done.stdout)
        return Examination(found["layers"], found["attempts"])
    except (ValueError, KeyError):
        said = done.stderr.decode(errors="replace").strip()[-2_000:]
        message = f"the process that makes the attempts ended with status {done.returncode}, expected 0 and a report: {said}"
        raise DoctorError(message) from None


def doctor() -> int:
    """Prints an examination; returns 0 if everything is there that `Interpreter(isolation="require")` needs, else 1.

    Raises:
        DoctorError: If it cannot be made.
    """
    console = Console()
    examination = examine()
    layers = Table("layer", "a program in the worker", "state", title="Confinement of worker processes", title_justify="left")
    for name, state in examination.layers.items():
        harmless = state.startswith(UNAVAILABLE) or state == "not root"
        layers.add_row(name, LAYERS[name], _coloured(state, state == ACTIVE, harmless))
    attempts = Table("attempt", "outcome", title="Attempts of a process confined in that way", title_justify="left")
    for what, state in examination.attempts.items():
        attempts.add_row(what, _coloured(state, state.startswith("refused")))
    console.print(layers)
    console.print(attempts)
    if not examination.problems:
        console.print('Everything is in force that isolation="require" needs.', style="green")
        return 0
    console.print('isolation="require" is not met here:', style="red")
    for problem in examination.problems:
        console.print(f"  {problem}", markup=False)
    console.print(
        "In a container, allow the system calls seccomp, prctl, capset and landlock_* in its profile; elsewhere than on Linux, "
        'run the interpreter in a Linux container, or accept less with isolation="best-effort".'
    )
    return 1


def _coloured(state: str, good: bool, harmless: bool = False) -> str:
    colour = "green" if good else "yellow" if harmless else "red"
    return f"[{colour}]{escape(state)}[/]"
