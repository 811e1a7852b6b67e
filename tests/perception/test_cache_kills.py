"""Processes that share a cache and are killed in the middle of what they do: no wrong answer, no lost store."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.perception.hammer import PICTURES
from tests.perception.seeing import MeanPerception
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.protocol import Depth

KILLS = 16


def start(folder: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.perception.hammer", str(folder), str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    assert process.poll() is None, f"a process ended by itself with {process.returncode}: 3 and 4 mean a wrong answer"
    process.kill()
    process.communicate()


def test_two_processes_with_kills_in_between(tmp_path: Path) -> None:
    rng = random.Random(0)
    processes = [start(tmp_path, seed) for seed in (1, 2)]
    for number in range(KILLS):
        time.sleep(rng.uniform(0.05, 0.5))
        kill(processes[number % 2])
        processes[number % 2] = start(tmp_path, 100 + number)
    for process in processes:
        kill(process)
    assert [file.name for file in tmp_path.glob("*.sqlite")] == ["results-v1-1.sqlite"]  # the first file was never given up
    with sqlite3.connect(tmp_path / "results-v1-1.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    inner = MeanPerception()
    perception = CachedPerception(inner, folder=tmp_path)
    requests = [Depth(image, (0, 0, width, height)) for image in PICTURES for width in range(1, 25) for height in range(1, 17)]
    assert perception.depth(requests) == MeanPerception().depth(requests)
    assert perception.counts["disk"] > 1_000  # what they found out before they were killed
