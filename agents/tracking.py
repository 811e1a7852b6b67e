"""Where figures of a run are sent while it trains, by the trackers of accelerate."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from vispro_agents.errors import UsageError

PROJECT = "vispro_gym"


class Tracker(Protocol):
    """What is used of accelerate's trackers."""

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        """Send figures."""

    def finish(self) -> None:
        """Send the last ones and stop."""


def open_trackers(names: Sequence[str], run_dir: Path, settings: Mapping[str, Any]) -> list[Tracker]:
    """Start trackers.

    Args:
        names: Of "tensorboard" (files in `RUN/tensorboard`), "wandb" and "trackio", which are to be installed beside.
        run_dir: Folder of the run; its name is that of the run.
        settings: Settings to show with the run.

    Raises:
        UsageError: If the library of a tracker is missing.
    """
    from accelerate import PartialState, tracking

    PartialState()  # accelerate's trackers ask it whether they are in the main process
    trackers: list[Tracker] = []
    for name in names:
        try:
            match name:
                case "tensorboard":
                    tracker = tracking.TensorBoardTracker("tensorboard", run_dir)
                case "wandb":
                    tracker = tracking.WandBTracker(PROJECT, name=run_dir.name, config=dict(settings), dir=str(run_dir))
                case "trackio":
                    os.environ.setdefault("TRACKIO_DIR", str(run_dir.absolute() / "trackio"))
                    tracker = tracking.TrackioTracker(PROJECT, name=run_dir.name, config=dict(settings))
                case _:
                    raise UsageError(f"--log-with {name!r} is unknown. Expected tensorboard, wandb or trackio.")
            tracker.start()
        except ImportError as error:
            raise UsageError(f"--log-with {name} needs a library that is missing ({error}): pip install {name}") from error
        trackers.append(tracker)
    return trackers
