"""Runs on Ray: the same results as without it, also if actors die on the way."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from vispro_agents.cluster import Environment, Executor, address_of
from vispro_agents.errors import UsageError
from vispro_agents.filtered_bc import Args, loader, train
from vispro_agents.policies.transformers import ModelArgs
from vispro_gym.datasets.errors import DatasetError

COMMAND = [sys.executable, "-c", "from vispro_agents.cli import main; raise SystemExit(main())", "filtered-bc"]
# 80 queries, eight draws: three chunks an iteration.
SMALL = "--demonstrations 12 --mle-epochs 1 --mle-variants 2 --iterations 2 --queries 80 --samples 8 --eval-episodes 20".split()


def start(data: Path, run: Path, *options: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "--data-dir", str(data), "--run-dir", str(run), *SMALL, "--semantic-scenes", "2", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    printed, _ = process.communicate()
    assert process.returncode == 0, printed


def contents(run: Path) -> dict[str, bytes]:
    """All that a run leaves behind, but for the trackers' files, which hold times."""
    kept = [path for path in run.rglob("*") if path.is_file() and "tensorboard" not in path.parts and path.name != ".lock"]
    return {str(path.relative_to(run)): path.read_bytes() for path in kept}


@pytest.fixture(scope="module")
def expected(small_gqa: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run without Ray leaves behind."""
    run = tmp_path_factory.mktemp("local") / "run"
    finish(start(small_gqa, run))
    return contents(run)


def test_a_run_on_ray_is_the_same_although_actors_are_killed(small_gqa: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    """One execution actor is killed for each chunk of experience, and one policy actor for each chunk that it draws."""
    process = start(small_gqa, tmp_path / "run", "--engine", "ray", "--actors", "2")
    rng = random.Random(0)
    killed: dict[str, set[int]] = {"Executor": set(), "MapWorker": set()}
    while process.poll() is None:
        time.sleep(0.05)
        chunks = len(list((tmp_path / "run" / "experience").glob("*.parquet")))
        for name, met in killed.items():
            if chunks not in met and (found := actors(process.pid, name)):
                os.kill(rng.choice(found), signal.SIGKILL)
                met.add(chunks)
    finish(process)
    assert len(killed["Executor"]) >= 5 and len(killed["MapWorker"]) >= 3, killed
    assert contents(tmp_path / "run") == expected


def actors(driver: int, name: str) -> Sequence[int]:
    """Processes of the actors of a class, which Ray has in their titles."""
    found = []
    for process in psutil.Process(driver).children(recursive=True):
        try:
            if process.cmdline() and process.cmdline()[0].startswith(f"ray::{name}"):
                found.append(process.pid)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found


@pytest.mark.parametrize(("engine", "address"), [("local", None), ("ray", ""), ("ray:auto", "auto"), ("ray:h:6379", "h:6379")])
def test_addresses(engine: str, address: str | None) -> None:
    assert address_of(engine) == address


def test_actors_with_other_data_are_noticed(small_gqa: Path) -> None:
    executor = Executor({"train": Environment("VisProg-GQA-v0", "train", {"data_dir": small_gqa})}, {})
    assert executor.open() is None
    ((outcome, semantic),) = executor.score("train", [(0, "train-000")], ["return 'yes'"])  # type: ignore[misc]
    assert outcome.outcome in ("correct", "wrong") and semantic is None
    error = executor.score("train", [(0, "train-001")], ["return 'yes'"])
    assert isinstance(error, UsageError) and "has other data than the run" in str(error)
    missing = Executor({"train": Environment("VisProg-GQA-v0", "nope", {"data_dir": small_gqa})}, {}).open()
    assert isinstance(missing, DatasetError) and isinstance(pickle.loads(pickle.dumps(missing)), DatasetError)


def test_policies_can_be_loaded_elsewhere() -> None:
    load = pickle.loads(pickle.dumps(loader(Path("runs/x/policies/mle"), ModelArgs(device="cuda:1"))))
    path, model = load.args
    assert path.is_absolute() and model.device == "auto"


@pytest.mark.parametrize("engine", ["", "ray:", "spark", "local:", "rays", "local:auto", "ray:ray://head:10001"])
def test_unknown_engines_are_refused(engine: str) -> None:
    with pytest.raises(UsageError, match=r"Expected local, ray, or ray:ADDRESS|Name the cluster itself"):
        address_of(engine)


def test_missing_ray_is_named_with_its_extra(small_gqa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"--engine ray needs a library that is missing .*pip install 'vispro-gym\[ray\]'"):
        train(Args(run_dir=tmp_path, data_dir=small_gqa, engine="ray"))


def test_a_missing_cluster_is_named(small_gqa: Path, tmp_path: Path) -> None:
    process = start(small_gqa, tmp_path / "run", "--engine", "ray:127.0.0.1:1")
    printed, _ = process.communicate()
    assert process.returncode != 0 and "There is no Ray cluster at '127.0.0.1:1'" in " ".join(printed.split())
    assert "Traceback" not in printed
    assert not (tmp_path / "run" / "curve.json").exists(), "a mistake leaves no trace"
