"""The benchmark of the interpreter runs. What it measures is not tested: it depends on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "interpreter.py"


@pytest.mark.skipif(
    sys.platform != "linux", reason="the benchmark reads the processor time of running processes as Linux tells it"
)
def test_the_quick_run_prints_its_results() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    headline = ("ratio_to_exec_batch64", "ratio_to_exec_batch64_repeated", "gpu_model_fraction", "gpu_model_one_at_a_time")
    assert all(result[key] > 0 for key in headline)
    assert isinstance(result["us_per_call_batch64"], float)
    assert result["trace_cost"] < 1 and result["trace_cost_repeated"] < 1
    assert {"bare exec", "checked, in this process", "interpreter"} <= set(result["table"])
    assert {"parse", "check and rewrite", "compile", "run", "wire and greenlets"} == set(result["worker_us"])
