"""Figures go where they were asked to go, and nothing goes to the makers of libraries."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from vispro_agents.errors import UsageError
from vispro_agents.tracking import open_trackers


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tracker,) = open_trackers(["tensorboard"], tmp_path, {"seed": 0})
    tracker.log({"a/b": 0.25}, step=3)
    tracker.finish()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("a/b")] == [(3, 0.25)]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_missing_library_is_named(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(name):
        pytest.skip(f"{name} is installed here")
    with pytest.raises(UsageError, match=f"--log-with {name} needs a library that is missing .*: pip install {name}"):
        open_trackers([name], tmp_path, {})


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
