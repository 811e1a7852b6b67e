"""The benchmark of self-training runs and goes on. What it measures is not tested: that takes an hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "self_training.py"
ARMS = ("mle", "reinforce", "rloo_or_grpo")  # one of each kind of code; all take a minute


def test_a_small_run_prints_its_results_and_is_resumed(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--runs", str(tmp_path), "--workers", "1", "--arms", *ARMS]
    results = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout.splitlines()[-1]))
    result = results[0]
    assert result == results[1], "finished runs are read, not run again"
    assert result["seeds"] == [0]
    assert set(result["arms"]) == set(ARMS)
    for arm, curves in result["arms"].items():
        (reward,), (semantic,), (executed,) = curves["reward"], curves["semantic"], curves["executed"]
        assert len(reward) == len(semantic) == 2
        assert all(0.0 <= right <= earned <= 1.0 for right, earned in zip(semantic, reward, strict=True))
        assert executed == [0, 0 if arm == "mle" else 32]
