"""What was tried, on disk: one row for every program that a policy wrote and the environment scored.

The file is JSON Lines, only ever appended to. An append writes whole lines, flushes and syncs them, so that a crash leaves at
most one unfinished last line; the reader passes over it, and the next append removes it. A phase that was interrupted and is
run again writes its rows again; the reader keeps the last of the rows with one key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

Phase = Literal["demonstration", "grow", "evaluate"]


@dataclass(frozen=True, slots=True)
class Row:
    """One tried program.

    Attributes:
        phase: What it was tried for: a demonstration of the expert, the Grow step, or held-out evaluation. Only the first
            two may be trained on.
        iteration: Iteration of self-training, counted from 1; 0 is what comes before the first.
        split: Split of the dataset that the sample is from.
        sample_id: The sample.
        draw: Number of the program among those written for this sample in this phase, from 0.
        policy: Name of the saved policy that wrote it, or "expert".
        seed: Seed of the run.
        query: The text query.
        reply: What the policy wrote.
        program: The program found in the reply; None if there is none.
        outcome: How it ended, for example "correct".
        reward: 0.0 or 1.0.
    """

    phase: Phase
    iteration: int
    split: str
    sample_id: str
    draw: int
    policy: str
    seed: int
    query: str
    reply: str
    program: str | None
    outcome: str
    reward: float

    @property
    def key(self) -> tuple[str, int, str, str, str, int]:
        """What identifies a trial within a run."""
        return (self.phase, self.iteration, self.policy, self.split, self.sample_id, self.draw)


_FIELDS = frozenset(field.name for field in fields(Row))


class Experience:
    """The rows of one run.

    Args:
        path: The file. It need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows and return once they are on disk."""
        # ASCII escapes keep lone surrogates, which a policy may write and UTF-8 cannot hold.
        data = "".join(json.dumps(asdict(row), ensure_ascii=True) + "\n" for row in rows).encode("ascii")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            _drop_unfinished_line(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Row]:
        """All rows, in the order in which their keys first came.

        Raises:
            ValueError: If a finished line is not a row; the message names file and line.
        """
        if not self.path.exists():
            return []
        rows: dict[tuple[str, int, str, str, str, int], Row] = {}
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                row = _parse(line, f"{self.path}, line {number}")
                rows[row.key] = row
        return list(rows.values())


def _parse(line: bytes, where: str) -> Row:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: expected one JSON object, got {line[:80]!r}. Remove the line to go on.") from error
    if not isinstance(record, dict) or record.keys() != _FIELDS:
        raise ValueError(f"{where}: expected the fields {sorted(_FIELDS)}, got {line[:80]!r}. Remove the line to go on.")
    return Row(**record)


def _drop_unfinished_line(descriptor: int) -> None:
    """Cut the file after its last line feed."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    keep = end
    while keep > 0:
        start = max(0, keep - 65536)
        block = os.pread(descriptor, keep - start, start)
        found = block.rfind(b"\n")
        if found >= 0:
            keep = start + found + 1
            break
        keep = start
    if keep < end:
        os.ftruncate(descriptor, keep)
