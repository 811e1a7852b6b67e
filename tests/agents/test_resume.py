"""kill -9 at random moments: the run that goes on ends as one that was never interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("resuming.py")
LANGUAGE_MODEL = {"policies/iteration-2/model.safetensors", "experience/000-1-demonstration-00000.parquet"}


def contents(run: Path) -> dict[str, bytes]:
    """All that a run leaves behind, but for the trackers' files, which hold times, and the last state, which is read no more."""
    files = [path for path in run.rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    kept = [path for path in files if path.name not in (".lock", "state.pt")]
    return {str(path.relative_to(run)): path.read_bytes() for path in kept}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks")
@pytest.mark.parametrize(
    ("learner", "kills", "some"),
    [
        ("filtered_bc", 5, LANGUAGE_MODEL), ("corrections", 5, LANGUAGE_MODEL), ("reinforce", 10, LANGUAGE_MODEL),
        ("vlm_ppo", 8, {"policies/sft/value_head.safetensors", "policies/ppo-2/model.safetensors", "experience/002-9-evaluate.parquet"}),
    ],
)  # fmt: skip
def test_kills_change_nothing(learner: str, kills: int, some: set[str], small_gqa: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), learner, str(small_gqa), str(tmp_path), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["killed"] == kills
    assert len(result["reached"]) >= 3, "the kills came at different phases"
    expected = contents(tmp_path / "whole")
    assert {"curve.json"} | some <= set(expected)
    for number in range(result["runs"]):
        assert contents(tmp_path / f"killed-{number}") == expected
