"""Results of perception on disk: one SQLite file that any number of processes share.

SQLite's write-ahead log keeps the file whole when a process is killed in the middle of a write. What it cannot mend (a file cut
short, overwritten or lost in part) is found when it is read: each value carries a digest of itself and its key, and a file that
SQLite calls malformed is given up for a new one. The files are numbered and made under a lock, and a number is never used again,
so that a process that still holds an old file cannot harm the new one. Connections are closed before a fork: locks of files
belong to processes, and a child that inherits a connection would write without any. A store that cannot be read or written
costs time, never a result.
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
_MOST_TOUCHED = 1_000  # Entries that were read and not yet marked as used.

# What SQLite says of a file that is no database, that is broken, or that has other tables than ours. Anything else, such as a
# disk that is full or a file that is in use, is no fault of the file.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS backends (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS results (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, digest BLOB NOT NULL, operation TEXT NOT NULL, backend INTEGER NOT NULL,
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
        max_bytes: Size above which the entries that were not read or written for the longest time are dropped.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., Store] | None = None
        self._file = folder
        self._inode = 0
        self._touched: set[bytes] = set()
        _stores.add(self)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """The values of those keys that are there and undamaged."""

        def read(connection: sqlite3.Connection) -> dict[bytes, Any]:
            found: dict[bytes, Any] = {}
            for start in range(0, len(keys), _IN_ONE_QUESTION):
                some = keys[start : start + _IN_ONE_QUESTION]
                marks = ",".join("?" * len(some))
                for key, value, digest in connection.execute(
                    f"SELECT cast(key AS BLOB), cast(value AS BLOB), digest FROM results WHERE key IN ({marks})", some
                ):
                    if digest == _digest(key, value):
                        found[key] = json.loads(value)
            self._touched.update(found)
            if len(self._touched) > _MOST_TOUCHED:
                _transact(connection, self._mark_used)
            return found

        return self._attempt(read, {})

    def put(self, operation: str, backend: str, items: Iterable[tuple[bytes, Any]]) -> None:
        """Keeps values; once this returns they survive the end of the process, whatever ends it.

        Args:
            operation: What was asked, for `kinds`.
            backend: The identity of the backend, for `kinds`.
            items: Keys and values.
        """
        rows = [(key, value := json.dumps(item).encode(), _digest(key, value)) for key, item in items]

        def write(connection: sqlite3.Connection) -> None:
            # Asked each time: another process may have cleared the table.
            number = _backend(connection, backend.encode(errors="backslashreplace").decode())
            now = int(time.time())
            connection.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)", [(*row, operation, number, now) for row in rows]
            )
            self._mark_used(connection)

        def attempt(connection: sqlite3.Connection) -> None:
            _transact(connection, write)
            self._drop_oldest(connection)

        self._attempt(attempt, None)

    def kinds(self) -> list[StoredKind]:
        """What is stored, the most frequent kind first."""
        question = (
            "SELECT operation, coalesce(identity, 'unknown') AS name, count(*) FROM results LEFT JOIN backends ON backend = id "
            "GROUP BY operation, name ORDER BY count(*) DESC, operation, name"
        )
        return self._attempt(lambda connection: [StoredKind(*row) for row in connection.execute(question)], [])

    def exists(self) -> bool:
        """Whether there is a file; asking makes none."""
        return self._newest() is not None

    def size(self) -> int:
        """Bytes that the entries take on disk."""
        return self._attempt(_live_bytes, 0)

    def clear(self) -> bool:
        """Drops everything and gives the space back. Processes that run keep what they have in memory.

        Returns:
            Whether it could be done.
        """

        def drop(connection: sqlite3.Connection) -> bool:
            self._touched.clear()
            _transact(connection, lambda c: [c.execute(f"DELETE FROM {table}") for table in ("results", "backends")])
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return True

        return self._attempt(drop, False)

    def close(self) -> None:
        """Closes the file. The next question opens it again."""
        if self._touched and self._connection is not None:
            self._attempt(lambda connection: _transact(connection, self._mark_used), None)
        with self._lock:
            self._close()

    def _attempt(self, ask: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        """Asks the file; if it is damaged, a new one; if that is impossible, says so once and returns `otherwise`."""
        with self._lock:
            reason = "three files in a row were damaged"
            for _ in range(3):
                try:
                    return ask(self._open())
                except (sqlite3.Error, OSError) as error:
                    reason = str(error)
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    self._close()
                    if code == sqlite3.SQLITE_CANTOPEN and not self._file.exists():
                        continue  # another process has just given it up
                    if code not in _DAMAGED or not self._give_up_file():
                        break
            say_once(
                f"The perception cache in {self.folder} cannot be used: {reason}. Results are kept in memory only.",
                topic=f"perception cache {self.folder}",
            )
            return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and _inode(self._file) != self._inode:
            self._close()  # another process has given the file up
        if self._connection is None:
            self._file = self._newest() or self._first()
            address = f"{self._file.absolute().as_uri()}?mode=rw"  # never makes a file
            connection = sqlite3.connect(address, uri=True, timeout=_SECONDS, isolation_level=None, check_same_thread=False)
            self._connection = connection
            self._finalizer = weakref.finalize(self, connection.close)
            self._inode = _inode(self._file)
            connection.text_factory = lambda text: text.decode(errors="replace")
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=16777216"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_SCHEMA)
        return self._connection

    def _close(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._connection = self._finalizer = None

    def _first(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._making():
            file = self._newest() or self._numbered(1)
            file.touch()
            return file

    def _give_up_file(self) -> bool:
        """Leaves a damaged file for a new one, unless another process has done so already; returns whether that worked."""
        damaged = self._file
        try:
            with self._making():
                if self._newest() == damaged:
                    self._numbered(_number(damaged) + 1).touch()
                    say_once(
                        f"The perception cache {damaged} is damaged. It is given up; results are computed again.",
                        topic=f"damaged {damaged}",
                    )
                for file in (damaged, *(damaged.with_name(damaged.name + end) for end in ("-wal", "-shm"))):
                    file.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _making(self) -> FileLock:
        return FileLock(self.folder / "results.lock", timeout=_SECONDS)

    def _newest(self) -> Path | None:
        return max(self.folder.glob(f"{_PREFIX}*.sqlite"), key=_number, default=None)

    def _numbered(self, number: int) -> Path:
        return self.folder / f"{_PREFIX}{number}.sqlite"

    def _mark_used(self, connection: sqlite3.Connection) -> None:
        now = int(time.time())
        connection.executemany("UPDATE results SET used = ? WHERE key = ?", [(now, key) for key in self._touched])
        self._touched.clear()

    def _drop_oldest(self, connection: sqlite3.Connection) -> None:
        size = _live_bytes(connection)
        if size <= self._max_bytes:
            return
        count = connection.execute("SELECT count(*) FROM results").fetchone()[0]
        drop = int(count * (1.0 - _LEFT * self._max_bytes / size)) + 1
        connection.execute("DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used LIMIT ?)", (drop,))


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    """Does all of something or nothing."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        work(connection)


def _backend(connection: sqlite3.Connection, identity: str) -> int:
    connection.execute("INSERT OR IGNORE INTO backends (identity) VALUES (?)", (identity,))
    return int(connection.execute("SELECT id FROM backends WHERE identity = ?", (identity,)).fetchone()[0])


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return -1


def _digest(key: bytes, value: bytes) -> bytes:
    return blake2b(key + value, digest_size=8).digest()


def _live_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _number(file: Path) -> int:
    digits = file.stem.removeprefix(_PREFIX)
    return int(digits) if digits.isdecimal() else 0


_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_fork = threading.Lock()  # one fork at a time
_held: list[Store] = []


def _before_fork() -> None:
    _fork.acquire()
    for store in list(_stores):
        store._lock.acquire()
        _held.append(store)
        store._close()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()
    _fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
