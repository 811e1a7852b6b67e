"""The benchmark of baselines runs: PPO of Stable-Baselines3 solves the number line from its pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cards_baselines.py"


def test_a_quick_run_solves_the_number_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary, out = tmp_path / "temporary", tmp_path / "out"
    temporary.mkdir()
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 0, done.stderr
    assert not list(temporary.glob("SB3*"))
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == json.loads((out / "cards_baselines.json").read_text())
    assert result["seeds"] == [0]
    rows = {(row["env"], row["policy"]): row for row in result["rows"]}
    envs = {"NumberLine", "EZPoints", "Points24", "Blackjack"}
    assert set(rows) == {(env, policy) for env in envs for policy in ("random", "optimal")} | {("NumberLine", "PPO")}
    for env in envs:
        random, optimal = rows[env, "random"], rows[env, "optimal"]
        for row in (random, optimal):
            assert row["interval"][0] <= row["return"] <= row["interval"][1]
        half = optimal["return"] - optimal["interval"][0]
        assert abs(optimal["return"] - optimal["optimal_value"]) <= 2 * half + 1e-9, "four standard errors"
        assert random["interval"][1] < optimal["interval"][0]
        assert random["success"] < optimal["success"]
    for env in ("NumberLine", "EZPoints"):
        assert rows[env, "optimal"]["success"] == 1.0
    learned = rows["NumberLine", "PPO"]
    assert learned["success"] >= 0.9 and learned["return"] >= 0.4
    assert learned["steps"] == 4096 and learned["seconds"] > 0


def test_an_unknown_environment_is_refused() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--envs", "Chess"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no environment 'Chess'. Expected one of: NumberLine, EZPoints, Points24, Blackjack." in done.stderr
