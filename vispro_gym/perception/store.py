"""Results of perception on disk: one SQLite file that any number of processes share.

SQLite's write-ahead log keeps the file whole when a process is killed in the middle of a write. What it cannot mend (a file cut
short, overwritten or lost in part) is found when it is read: each value carries a digest of itself and its key, and a file that
SQLite calls malformed is given up for a new one. The files are numbered, and a number is never used twice, so that a process that
still holds the old file cannot harm the new one. A store that cannot be read or written costs time, never a result.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from vispro_gym.datasets.errors import say_once

_Result = TypeVar("_Result")

_PREFIX = "results-v1-"
_SECONDS = 30.0  # How long to wait for another process that writes.
_IN_ONE_QUESTION = 500
_LEFT = 0.9  # When the limit is passed, the oldest entries go until about this share of it is left.
_MOST_TOUCHED = 10_000

# The file is there, but not for us now: in use, not to be written, no room. Anything else means that it is damaged.
_UNAVAILABLE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS backends (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS results (
    key BLOB PRIMARY KEY, value TEXT NOT NULL, digest BLOB NOT NULL, operation TEXT NOT NULL, backend INTEGER NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_used ON results (used);
"""


@dataclass(frozen=True)
class StoredKind:
    """How many results of one operation of one backend a store holds."""

    operation: str
    backend: str
    results: int


class Store:
    """A dictionary on disk, from keys to values that JSON can hold. Safe for threads, processes and forks.

    Args:
        folder: Where the file is; made if it is not there.
        max_bytes: Size above which the entries that were not used for the longest time are dropped.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: Path | None = None
        self._process = os.getpid()
        self._finalizer: weakref.finalize[..., Store] | None = None
        self._touched: set[bytes] = set()
        self._backends: dict[str, int] = {}

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """The values of those keys that are there and undamaged."""

        def read(connection: sqlite3.Connection) -> dict[bytes, Any]:
            found: dict[bytes, Any] = {}
            for start in range(0, len(keys), _IN_ONE_QUESTION):
                some = keys[start : start + _IN_ONE_QUESTION]
                marks = ",".join("?" * len(some))
                for key, value, digest in connection.execute(
                    f"SELECT key, value, digest FROM results WHERE key IN ({marks})", some
                ):
                    if digest == _digest(key, value):
                        found[key] = json.loads(value)
            if len(self._touched) < _MOST_TOUCHED:
                self._touched.update(found)
            return found

        return self._attempt(read, {})

    def put(self, operation: str, backend: str, items: Iterable[tuple[bytes, Any]]) -> None:
        """Keeps values; once this returns they survive the end of the process, whatever ends it.

        Args:
            operation: What was asked, for `kinds`.
            backend: The identity of the backend, for `kinds`.
            items: Keys and values.
        """
        rows = [(key, text := json.dumps(value), _digest(key, text)) for key, value in items]

        def write(connection: sqlite3.Connection) -> None:
            now = int(time.time())
            with connection:  # one transaction
                connection.execute("BEGIN IMMEDIATE")
                number = self._backend(connection, backend)
                connection.executemany(
                    "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                    [(*row, operation, number, now) for row in rows],
                )
                connection.executemany("UPDATE results SET used = ? WHERE key = ?", [(now, key) for key in self._touched])
            self._touched.clear()
            self._drop_oldest(connection)

        self._attempt(write, None)

    def kinds(self) -> list[StoredKind]:
        """What is stored, the most frequent kind first."""
        question = (
            "SELECT operation, identity, count(*) FROM results JOIN backends ON backend = id "
            "GROUP BY operation, identity ORDER BY count(*) DESC, operation, identity"
        )
        return self._attempt(lambda connection: [StoredKind(*row) for row in connection.execute(question)], [])

    def exists(self) -> bool:
        """Whether there is a file; asking makes none."""
        return self._newest() is not None

    def size(self) -> int:
        """Bytes that the entries take on disk."""
        return self._attempt(_live_bytes, 0)

    def clear(self) -> None:
        """Drops everything and gives the space back. Processes that run keep what they have in memory."""

        def drop(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM results")
            connection.execute("DELETE FROM backends")
            self._backends.clear()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        self._touched.clear()
        self._attempt(drop, None)

    def close(self) -> None:
        """Closes the file. The next question opens it again."""
        if self._process != os.getpid():
            self._forget_parent()
        with self._lock:
            self._close()

    def _attempt(self, ask: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        """Asks the file; if it is damaged, a new one; if that is impossible, says so once and returns `otherwise`."""
        if self._process != os.getpid():
            self._forget_parent()
        with self._lock:
            reason = "three files in a row were damaged"
            for _ in range(3):
                try:
                    return ask(self._open())
                except (sqlite3.DatabaseError, OSError, ValueError) as error:
                    code = getattr(error, "sqlite_errorcode", None)
                    if code == sqlite3.SQLITE_READONLY_DBMOVED:
                        self._close()  # another process has given the file up
                    elif isinstance(error, OSError) or (code is not None and code & 0xFF in _UNAVAILABLE):
                        reason = str(error)
                        break
                    else:
                        self._give_up_file()
            say_once(
                f"The perception cache in {self.folder} cannot be used: {reason}. Results are kept in memory only.",
                topic=f"perception cache {self.folder}",
            )
            self._close()
            return otherwise

    def _forget_parent(self) -> None:
        """After a fork: the connection is the parent's, and a lock that was held would never be released."""
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = self._finalizer = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self._newest() or self._numbered(1)
            self._backends.clear()
            self._connection = sqlite3.connect(self._file, timeout=_SECONDS, isolation_level=None, check_same_thread=False)
            self._finalizer = weakref.finalize(self, _close_own, self._connection, os.getpid())
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=16777216"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
        return self._connection

    def _close(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._connection = None

    def _give_up_file(self) -> None:
        """Leaves a damaged file for a new one, unless another process has done so already."""
        damaged = self._file
        self._close()
        if damaged is None:
            return
        with FileLock(self.folder / "results.lock"):
            if self._newest() == damaged:
                self._numbered(_number(damaged) + 1).touch()
                say_once(
                    f"The perception cache {damaged} is damaged. It is given up; results are computed again.",
                    topic=f"damaged {damaged}",
                )
            for file in (damaged, *(damaged.with_name(damaged.name + end) for end in ("-wal", "-shm"))):
                file.unlink(missing_ok=True)

    def _newest(self) -> Path | None:
        return max(self.folder.glob(f"{_PREFIX}*.sqlite"), key=_number, default=None)

    def _numbered(self, number: int) -> Path:
        return self.folder / f"{_PREFIX}{number}.sqlite"

    def _backend(self, connection: sqlite3.Connection, identity: str) -> int:
        if identity not in self._backends:
            connection.execute("INSERT OR IGNORE INTO backends (identity) VALUES (?)", (identity,))
            row = connection.execute("SELECT id FROM backends WHERE identity = ?", (identity,)).fetchone()
            self._backends[identity] = row[0]
        return self._backends[identity]

    def _drop_oldest(self, connection: sqlite3.Connection) -> None:
        size = _live_bytes(connection)
        if size <= self._max_bytes:
            return
        count = connection.execute("SELECT count(*) FROM results").fetchone()[0]
        drop = int(count * (1.0 - _LEFT * self._max_bytes / size)) + 1
        connection.execute("DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used LIMIT ?)", (drop,))


_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process, which must be neither used nor closed after a fork."""


def _close_own(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()


def _digest(key: bytes, value: str) -> bytes:
    return blake2b(key + value.encode(), digest_size=8).digest()


def _live_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _number(file: Path) -> int:
    digits = file.stem.removeprefix(_PREFIX)
    return int(digits) if digits.isdecimal() else 0
