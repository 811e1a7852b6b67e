"""The benchmark of self-training on CLEVR runs, and goes on where it was interrupted. What it reaches is not tested here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "clevr_self_training.py"


def run(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--threads", "1", "--runs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """What has to be the same: all but times."""
    kept = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".safetensors") or path.name == "curve.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_a_quick_run_that_is_interrupted_ends_as_one_that_is_not(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result["data"] == "mini"
    assert result["demonstrations"] == 120
    assert [point["iteration"] for point in result["curve"]] == [0, 1]
    assert all(0.0 <= result[name]["reward"] <= 1.0 and 0.0 <= result[name]["semantic"] <= 1.0 for name in ("mle", "final"))
    assert result["sampled_programs"] == 256 <= result["executed_programs"] <= 256 * 3
    expected = contents(tmp_path)
    assert sum(name.endswith("model.safetensors") for name in expected) == 2
    # As if the process had been killed in the first iteration, after Grow.
    curve = tmp_path / "quick" / "curve.json"
    points = json.loads(curve.read_text(encoding="utf-8"))
    curve.write_text(json.dumps(points | {"points": points["points"][:1]}), encoding="utf-8")
    for chunk in (tmp_path / "quick" / "experience").glob("001-9-*"):
        chunk.unlink()
    again = run(tmp_path)
    assert contents(tmp_path) == expected
    assert {key: again[key] for key in ("mle", "final", "executed_programs")} == {
        key: result[key] for key in ("mle", "final", "executed_programs")
    }
