"""Networks that are trained once per session, and less than usual."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vispro_gym.perception.pixels import PixelsPerception


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[PixelsPerception]:
    """A perception that has learned solids for half a minute, and drawings hardly at all."""
    pytest.importorskip("torch")
    from vispro_gym.perception.pixels.training import PLANS, Plan

    base = tmp_path_factory.getbasetemp()
    shared: Path = base if worker_id == "master" else base.parent  # all workers train once together
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISPRO_CACHE", str(shared / "pixels_cache"))
        patch.setitem(PLANS, "solids", Plan(examples=110, finding=110, describing=250, variation=1.0))
        patch.setitem(PLANS, "drawings", Plan(examples=8, finding=2, describing=2, variation=0.1))
        perception = PixelsPerception()
        perception.identity("detect")
    yield perception


@pytest.fixture
def quick_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Training takes a second and learns nothing; returns the folder of the weights."""
    pytest.importorskip("torch")
    from vispro_gym.perception.pixels.training import PLANS, Plan

    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path))
    monkeypatch.setitem(PLANS, "solids", Plan(examples=4, finding=1, describing=1, variation=1.0))
    monkeypatch.setitem(PLANS, "drawings", Plan(examples=4, finding=1, describing=1, variation=0.1))
    return tmp_path / "pixels"
