"""The benchmark of Stable-Baselines3 runs: a short one learns something already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sb3.py"


def test_a_small_run_learns(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, "--seeds", "1", "--points", "1", "--scale", "0.12", "--out", tmp_path]
    done = subprocess.run([*command, "--arms", "library", "grammar"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == json.loads((tmp_path / "sb3.json").read_text())
    assert (tmp_path / "sb3.png").stat().st_size > 10_000
    for name in ("library", "grammar"):
        ((before, after),) = [run["curve"] for run in result["arms"][name]]
        assert after["val"] >= before["val"] + 0.3
