"""The benchmark of vector environments runs, and says that all three earn the same. How fast they are depends on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vector.py"


def test_a_small_run_prints_its_results() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--sizes", "1", "3", "--programs", "6", "--blocks", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    for key in ("ratio_to_sync", "ratio_to_async"):
        assert set(result[key]) == {"1", "3"} and all(ratio > 0 for ratio in result[key].values())
