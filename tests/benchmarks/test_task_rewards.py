"""The benchmark of task rewards runs and goes on. What it measures is not tested: that takes an hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "task_rewards.py"
TASKS = ("detection_map", "captioning")


def test_a_small_run_prints_its_results_and_is_resumed(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    command += ["--processes", "1", "--tasks", *TASKS]
    results = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout.splitlines()[-1])["tasks"])
    assert results[0] == results[1], "finished runs are read, not run again"
    told = json.loads((tmp_path / "out" / "task_rewards.json").read_text())
    assert told["seeds"] == [0]
    assert set(told["tasks"]) == set(results[0]) == set(TASKS)
    for task, stages in told["tasks"].items():
        assert set(stages) == {"mle", "mle_continued", "tuned"}
        for stage, figures in stages.items():
            assert len(figures["reward"]) == len(figures["metric"]) == len(figures["looked_for"]) == 1
            assert abs(results[0][task][stage]["metric"] - figures["metric"][0]) < 1e-4
    for name in ("task_rewards.png", "task_rewards_answers.png"):
        assert (tmp_path / "out" / name).stat().st_size > 10_000
