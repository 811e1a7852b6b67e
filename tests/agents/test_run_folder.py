"""The folder of a run is held by one process, and let go whatever happens."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from vispro_agents.errors import UsageError
from vispro_agents.run_folder import hold_folder, seed_of


class Recorder:
    """A tracker that knows how often it was finished."""

    def __init__(self) -> None:
        self.finished = 0

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        raise AssertionError("nothing is logged here")

    def finish(self) -> None:
        self.finished += 1


def test_a_folder_is_made_and_held_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    with hold_folder(folder, None):
        assert folder.is_dir()
        with pytest.raises(UsageError, match=f"Another process trains in {folder}.*another --run-dir"), hold_folder(folder, None):
            pass
    with hold_folder(folder, None):
        pass


def test_processes_that_train_together_hold_it_together(tmp_path: Path) -> None:
    with hold_folder(tmp_path, None), hold_folder(tmp_path, None, process=1):
        with pytest.raises(UsageError, match="Another process"), hold_folder(tmp_path, None, process=1):
            pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(UsageError, match=f"--run-dir {path} can be no folder"), hold_folder(path, None):
            pass
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("fails", [False, True])
def test_trackers_are_finished_and_the_folder_let_go(tmp_path: Path, fails: bool) -> None:
    tracker = Recorder()
    try:
        with hold_folder(tmp_path, None) as (_, trackers):
            trackers.append(tracker)
            if fails:
                raise RuntimeError("the training fails")
    except RuntimeError as error:
        assert fails and str(error) == "the training fails"
    assert tracker.finished == 1
    with hold_folder(tmp_path, None):
        pass


def test_progress_is_shown_where_asked(tmp_path: Path) -> None:
    text = io.StringIO()
    with hold_folder(tmp_path, Console(file=text, width=100)) as (progress, _):
        progress.advance(progress.add_task("sft", total=7), 3)
    assert "sft" in text.getvalue() and "3/7" in text.getvalue()


def test_seeds_differ_by_purpose_and_by_seed() -> None:
    seeds = [seed_of(seed, what) for seed in range(20) for what in ("model", "episodes 1 0", "episodes 1 1")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds), "what every generator takes"
    assert seed_of(0, "model") == 1335263114, "another number would break every run that is to be resumed"
