"""The benchmark of the datasets' index runs. What it measures is not tested: it depends on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "dataset_index.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads resident memory as Linux tells it")
def test_a_small_run_prints_its_results(tmp_path: Path) -> None:
    options = ["--questions", "500", "--fetches", "100", "--rounds", "1"]
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "everything is cleared away"
    result = json.loads(done.stdout.splitlines()[-1])
    headline = ("reopen_s", "rss_mb", "fetch_per_s", "build_ratio_to_json_load", "reset_ms_median", "reset_ms_p95", "make_s")
    assert all(0 < result[key] < 1e9 for key in headline)
    assert result["questions"] == 500 and 0.4 < result["files_mb"] < 1.5
    assert {"this project", "json.load"} <= set(result["table"]) == set(result["first_opens_s"])
    assert set(result["table"]) | set(result["not_measured"]) == {"this project", "json.load", "Hugging Face datasets"}
    for row in result["table"].values():
        assert row["first_open_s"] > 0 and row["fetch_per_s"] > 0
        assert 5 < row["imported_mb"] <= row["opened_mb"] <= row["fetched_mb"] <= row["first_open_peak_mb"] * 1.2
    mine = result["table"]["this project"]
    assert result["reopen_s"] == mine["later_open_s"] and 0 < mine["disk_mb"] < result["files_mb"]
    assert result["reset_ms_median"] <= result["reset_ms_p95"]
