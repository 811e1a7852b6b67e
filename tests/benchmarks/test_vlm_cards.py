"""The benchmark of agents runs and goes on. What it measures is not tested: that takes the better part of an hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vlm_cards.py"


def test_a_small_run_prints_its_results_and_is_resumed(tmp_path: Path) -> None:
    folders = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    command = [sys.executable, str(SCRIPT), "--quick", "--games", "EZPoints", *folders]
    results = []
    for _ in range(2):
        done = subprocess.run([*command, "--processes", "1"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout.splitlines()[-1])["success"])
    assert results[0] == results[1], "finished runs are read, not run again"
    told = json.loads((tmp_path / "out" / "vlm_cards.json").read_text())
    assert told["seeds"] == [0]
    assert set(told["arms"]) == {"EZPoints"} and set(told["arms"]["EZPoints"]) == {"action only", "lambda 0.5"}
    for arm, (run,) in told["arms"]["EZPoints"].items():
        assert len(run["curve"]) == 2
        assert run["steps"] == 6 * 6 * 8
        assert ("read_right" in run["curve"][0]) == (arm != "action only")
        assert "rollout_reward" in run["curve"][1]
        for point in run["curve"]:  # the same episodes, counted twice
            kinds = [point["success_sums"], point["success_products"]]
            assert min(kinds) <= point["success"] <= max(kinds)
        assert results[0]["EZPoints"][arm] == {"sft": run["curve"][0]["success"], "ppo": run["curve"][1]["success"]}
    assert (tmp_path / "out" / "vlm_cards.png").stat().st_size > 10_000
