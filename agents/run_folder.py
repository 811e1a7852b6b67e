"""The folder of a run while a process trains in it: held by one, with progress shown and figures sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vispro_agents.errors import UsageError
from vispro_agents.tracking import Tracker


@contextmanager
def hold_folder(run_dir: Path, console: Console | None, process: int = 0) -> Iterator[tuple[Progress, list[Tracker]]]:
    """Make the folder of a run, if need be, and hold it.

    Args:
        run_dir: The folder.
        console: Where to report progress; None for a silent run.
        process: Number of this process among those that train together, each of which holds the folder.

    Yields:
        Where progress is shown, and a list for the trackers that are opened, which are finished at the end whatever happens.

    Raises:
        UsageError: If another process holds the folder, or it can be no folder.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--run-dir {run_dir} can be no folder ({error.strerror}). Choose another.") from None
    columns = (TextColumn("{task.description:<34}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    lock = FileLock(run_dir / (f".lock-{process}" if process else ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"Another process trains in {run_dir}. Wait for it, or choose another --run-dir.") from None
    trackers: list[Tracker] = []
    try:
        with Progress(*columns, console=console or Console(quiet=True)) as progress:
            yield progress, trackers
    finally:
        for tracker in trackers:
            tracker.finish()
        lock.release()


def seed_of(seed: int, what: str) -> int:
    """A seed for one purpose, the same one in every run with this seed."""
    return int.from_bytes(blake2b(f"{seed} {what}".encode(), digest_size=4).digest(), "big") >> 1
