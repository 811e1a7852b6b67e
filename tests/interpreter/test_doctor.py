from __future__ import annotations

import subprocess
import sys

import pytest

from vispro_gym.interpreter import attempts
from vispro_gym.interpreter import doctor as module
from vispro_gym.interpreter.attempts import ATTEMPTS
from vispro_gym.interpreter.doctor import LAYERS, DoctorError, Examination, doctor, examine
from vispro_gym.interpreter.guest.confine import ACTIVE, UNAVAILABLE, missing

GOOD = Examination(dict.fromkeys(LAYERS, ACTIVE), dict.fromkeys(ATTEMPTS, "refused: ended by SIGSYS"))


def shown(examination: Examination, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    monkeypatch.setattr(module, "examine", lambda: examination)
    status = doctor()
    return status, capsys.readouterr().out


def test_examines_what_a_confined_process_can_do() -> None:
    examination = examine()
    assert list(examination.layers) and set(examination.layers) == set(LAYERS)
    assert set(examination.attempts) == set(ATTEMPTS)
    if not missing(examination.layers):
        assert examination.problems == []
        assert all(state.startswith("refused: ") for state in examination.attempts.values())
    else:
        assert examination.problems


def test_notices_what_is_allowed() -> None:
    """The attempts succeed where nothing confines them."""
    script = f"""
import runpy
attempts = runpy.run_path({attempts.__file__!r})
for what in ("open a file", "list a folder", "start a process", "start a thread", "become another program", "send its parent a signal",
             "write to another descriptor", "duplicate a descriptor", "run code that it wrote", "take more memory than its limit"):
    print(attempts["_in_child"](lambda memory: {{}}, attempts["ATTEMPTS"][what])[1])
"""
    # The parent of the attempts ignores the signal that one of them sends.
    script = "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n" + script
    done = subprocess.run([sys.executable, "-s", "-S", "-P", "-B", "-c", script], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["allowed"] * 10, done.stdout + done.stderr


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = shown(GOOD, monkeypatch, capsys)
    assert status == 0
    assert all(name in text for name in (*LAYERS, *ATTEMPTS))


def test_kernel_without_landlock_is_enough(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    layers = GOOD.layers | {"landlock": UNAVAILABLE + "not in this kernel", "user": "not root"}
    assert shown(Examination(layers, GOOD.attempts), monkeypatch, capsys)[0] == 0


@pytest.mark.parametrize("layer", ["limits", "privileges", "capabilities", "seccomp", "landlock"])
def test_missing_layer(layer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    examination = Examination(GOOD.layers | {layer: "why [not]"}, GOOD.attempts)
    status, text = shown(examination, monkeypatch, capsys)
    assert status == 1
    assert f"{layer}: why [not]" in text


@pytest.mark.parametrize("state", ["allowed", "not made: the process ended"])
def test_attempt_that_was_not_refused(state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = shown(Examination(GOOD.layers, GOOD.attempts | {"open a file": state}), monkeypatch, capsys)
    assert status == 1
    assert f"open a file: {state}" in text


@pytest.mark.parametrize("executable", ["/no/such/python", "/bin/true", "/bin/false"])
def test_no_examination(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(DoctorError):
        examine()
