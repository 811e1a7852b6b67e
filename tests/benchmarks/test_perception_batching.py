"""The benchmark of batching and caching runs, and says that all ways give the same. How fast they are depends on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "perception_batching.py"


def test_a_small_run_prints_its_results() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--questions", "3", "--draws", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["programs"] == 6 >= result["distinct_programs"]
    assert set(result["same_outcomes"].values()) == {1.0}
    passes = result["forward_passes"]
    assert passes["one at a time"] > passes["batched"] > passes["cached"] == 0
    assert passes["different, one at a time"] > passes["different, batched"] > 0
    assert result["speedup_batched"] > 0 and result["speedup_cached"] > 0
