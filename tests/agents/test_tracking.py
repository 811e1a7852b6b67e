"""Figures go where they were asked to go, and nothing goes to the makers of libraries."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from vispro_agents.errors import UsageError
from vispro_agents.tracking import PROJECT, open_trackers


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tracker,) = open_trackers(["tensorboard"], tmp_path, {"seed": 0})
    tracker.log({"a/b": 0.25}, step=3)
    tracker.finish()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("a/b")] == [(3, 0.25)]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_missing_library_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(UsageError, match=f"--log-with {name} needs a library that is missing .*: pip install {name}"):
        open_trackers([name], tmp_path, {})


def test_wandb_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="the library wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tracker,) = open_trackers(["wandb"], tmp_path, {"seed": 0})
    tracker.log({"a/b": 0.25}, step=3)
    tracker.finish()
    wandb.teardown()  # waits for the process that writes the file
    (log,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert b"a/b" in log.read_bytes()


def test_trackio_is_told(tmp_path: Path) -> None:
    if not importlib.util.find_spec("trackio"):
        pytest.skip("the library trackio is not installed")
    # In a process of its own: it reads its folder from the environment when it is imported, and other libraries import it.
    code = (
        "import pathlib, sys\nfrom vispro_agents.tracking import open_trackers\n"
        "(tracker,) = open_trackers(['trackio'], pathlib.Path(sys.argv[1]), {'seed': 0})\n"
        "tracker.log({'a/b': 0.25}, step=3)\ntracker.finish()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TRACKIO_DIR"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, env=environment)
    with closing(sqlite3.connect(tmp_path / "trackio" / f"{PROJECT}.db")) as database:
        ((step, metrics),) = database.execute("select step, metrics from metrics")
    assert (step, json.loads(metrics)) == (3, {"a/b": 0.25})


def test_no_tracker_is_a_choice(tmp_path: Path) -> None:
    assert open_trackers([], tmp_path, {}) == []
    assert list(tmp_path.iterdir()) == []


def test_telemetry_of_libraries_is_off() -> None:
    """As the libraries themselves see it, in a process that sets nothing."""
    code = (
        "import vispro_agents, os\n"
        "from huggingface_hub import constants\n"
        "print(constants.HF_HUB_DISABLE_TELEMETRY, os.environ['DO_NOT_TRACK'], os.environ['VLLM_NO_USAGE_STATS'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PATH": ""})
    assert done.stdout.split() == ["True", "1", "1"]
