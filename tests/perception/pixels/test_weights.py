"""The weights: trained once, kept, checked."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.perception.pixels import PixelsPerception
from vispro_gym.perception.pixels import backend as backend_module
from vispro_gym.perception.protocol import BackendError, Identified, identity, needs_scenes


def test_weights_are_trained_once_and_kept(quick_training: Path, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    from vispro_gym.perception.pixels import weights

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = PixelsPerception()
    assert isinstance(first, Identified) and not needs_scenes(first)
    assert not quick_training.exists(), "nothing is trained before it is needed"
    name = identity(first, "detect")
    assert torch.equal(torch.rand(3), expected), "the program's random numbers are left alone"
    (file,) = quick_training.glob("*.pt")
    assert not list(quick_training.glob("*.partial"))
    written = file.stat().st_mtime_ns
    assert identity(PixelsPerception(), "answer") == name
    assert file.stat().st_mtime_ns == written and "damaged" not in caplog.text

    file.write_bytes(file.read_bytes()[:-100])
    assert identity(PixelsPerception(), "detect") == name, "damaged weights are trained anew, and training is seeded"
    assert "damaged" in caplog.text

    others = weights._read(file)
    assert others is not None
    next(iter(others["solids"].values())).mul_(1.001)
    weights._write(file, others)
    assert identity(PixelsPerception(), "detect") != name


@pytest.mark.parametrize("damage", ["none", "cut", "changed", "emptied", "other", "missing"])
def test_damaged_weights_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    torch = pytest.importorskip("torch")
    from vispro_gym.perception.pixels import weights

    file = tmp_path / "file.pt"
    good = {"solids": {"first": torch.ones(3, 2), "second": torch.tensor([True])}}
    weights._write(file, good)
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "other":
        torch.save([1, 2, 3], file)
    elif damage == "missing":
        file.unlink()
    elif damage == "changed":
        kept: dict[str, Any] = torch.load(file, weights_only=True)
        kept["weights"]["solids"]["first"].add_(0.5)
        torch.save(kept, file)
    read = weights._read(file)
    assert (read is not None) == (damage == "none")
    assert ("damaged" in caplog.text) == (damage not in ("none", "missing"))


_PROGRAM = """
from vispro_gym.perception.pixels import PixelsPerception, training
for kind in ("solids", "drawings"):
    training.PLANS[kind] = training.Plan(4, 1, 1, 0.1)
print(PixelsPerception().identity("detect"))
"""


def test_two_processes_train_once(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    environment = {**os.environ, "VISPRO_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in started]
    assert all(process.returncode == 0 for process in started), outputs
    assert outputs[0][0] == outputs[1][0] and outputs[0][0].startswith("pixels ")
    assert sum("Training the networks" in errors for _, errors in outputs) == 1


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(BackendError, match="VISPRO_CACHE"):
        PixelsPerception().identity("detect")


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "find_spec", lambda name: None if name == "torch" else util.find_spec(name))
    with pytest.raises(BackendError, match=r"pip install 'vispro-gym\[vision\]'"):
        PixelsPerception()


def test_importing_it_imports_no_torch() -> None:
    program = "import sys, vispro_gym.perception.pixels; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
