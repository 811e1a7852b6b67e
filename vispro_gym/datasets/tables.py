"""Reading an index: records and their fields by position and by key, page by page from an SQLite file.

Every read makes sure that the annotation file is still the one that was indexed: a wrong record would be a wrong reward.
`vispro_gym.datasets.index` makes these files.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from vispro_gym.datasets.errors import DatasetError

# Held while SQLite works, and while the process forks: its users in a process share some state, and a child that was forked in
# the middle of another thread's query would wait for that thread for ever.
sqlite_lock = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=sqlite_lock.acquire, after_in_parent=sqlite_lock.release, after_in_child=sqlite_lock.release)

Value = str | int | float | None
"""A field's value: what records can be filtered by."""


class Version(NamedTuple):
    """What tells a file from itself as it was before: its size in bytes, and the time of its last change in nanoseconds."""

    size: int
    changed: int


def version_of(stat: os.stat_result) -> Version:
    """The version of a file that has this status."""
    return Version(stat.st_size, stat.st_mtime_ns)


def close_connection(connection: sqlite3.Connection) -> None:
    """Closes a connection while no other thread uses SQLite."""
    with sqlite_lock:
        connection.close()


class _Handles:
    """What one process has open. No other process uses it, as SQLite demands."""

    def __init__(self, path: Path) -> None:
        with sqlite_lock:
            self.connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        # Descriptors: an object would warn of being open where the collector of garbage comes to it before it comes to the index.
        self.files: dict[int, int] = {}

    def close(self) -> None:
        close_connection(self.connection)
        while self.files:  # each once: its number may be another file's by then
            os.close(self.files.popitem()[1])


_inherited: list[_Handles] = []  # of the process that this one was forked from: never to be used, nor closed


class Index:
    """An open index. May be used by several threads, after a fork, and after pickling: files are opened where they are used."""

    def __init__(self, path: Path, sources: Sequence[Path], versions: Sequence[Version | None]) -> None:
        self.path = path
        self._sources = tuple(sources)
        self._versions = tuple(versions)
        self._handles: dict[int, _Handles] = {}  # by process id
        self._sizes: dict[str, int] = dict(self.rows("SELECT name, size FROM sizes"))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handles": {}}

    def __del__(self) -> None:
        if os is None:  # the interpreter is on its way out, and closes files by itself
            return  # type: ignore[unreachable]
        for process, handles in getattr(self, "_handles", {}).items():
            if process == os.getpid():
                handles.close()
            else:
                _inherited.append(handles)

    def _opened(self) -> _Handles:
        process = os.getpid()
        handles = self._handles.get(process)
        if handles is None:
            with sqlite_lock:
                if process not in self._handles:
                    self._handles[process] = _Handles(self.path)
                handles = self._handles[process]
        return handles

    def table(self, name: str) -> Table:
        """One of the tables."""
        return Table(self, name, self._sizes[name])

    def rows(self, query: str, values: Sequence[Value] = ()) -> Iterator[Any]:
        """The rows that an SQL query finds; none, if a value holds half of a surrogate pair, which no text in the index does.

        Raises:
            DatasetError: If the index is damaged. It is removed then, so that the next open builds it anew.
        """
        try:
            handles = self._opened()
            with sqlite_lock:
                return iter(handles.connection.execute(query, values).fetchall())
        except UnicodeEncodeError:
            return iter(())
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code == sqlite3.SQLITE_ERROR:  # a query that is wrong
                raise
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                with contextlib.suppress(OSError):
                    self.path.unlink()
            raise DatasetError(
                f"The index {self.path} cannot be read ({error}). Open the dataset again: a damaged index is built anew."
            ) from error

    def load(self, source: int | None, start: int, size: int, body: str | None) -> Any:
        """Reads a record, given what its row says.

        Raises:
            DatasetError: If the file is gone, or is not the one that was indexed.
        """
        if source is None:
            return json.loads(body or "null")
        path = self._sources[source]
        try:
            handles = self._opened()
            if source not in handles.files:
                with sqlite_lock:
                    if source not in handles.files:
                        handles.files[source] = os.open(path, os.O_RDONLY)
            file = handles.files[source]
            if version_of(os.fstat(file)) != self._versions[source]:
                raise ValueError("it is not the file that was indexed")
            return json.loads(str(os.pread(file, size, start), "utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} has changed while it was in use: {error}. Open the dataset again.") from error


class Table:
    """The records of one table by position, from 0, and by key."""

    def __init__(self, index: Index, name: str, size: int) -> None:
        self._index, self._name, self._size = index, name, size
        self._select = f'SELECT _source, _start, _size, _body FROM "{name}" WHERE'
        self._item = self._select.replace("SELECT", "SELECT key,")

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.position(key) is not None

    def position(self, key: str) -> int | None:
        """Position of the first record with a key; None if there is none."""
        row = next(self._index.rows(f'SELECT position FROM "{self._name}" WHERE key = ? LIMIT 1', (key,)), None)
        return None if row is None else int(row[0])

    def key(self, position: int) -> str:
        """Key of the record at a position."""
        ((key,),) = self._index.rows(f'SELECT key FROM "{self._name}" WHERE position = ?', (position,))
        return str(key)

    def item(self, position: int) -> tuple[str, Any]:
        """Key and record at a position: as `key` and `at`, in one query."""
        ((key, *row),) = self._index.rows(f"{self._item} position = ?", (position,))
        return key, self._index.load(*row)

    def at(self, position: int) -> Any:
        """The record at a position."""
        ((*row,),) = self._index.rows(f"{self._select} position = ?", (position,))
        return self._index.load(*row)

    def get(self, key: str) -> Any:
        """The first record with a key; None if there is none."""
        row = next(self._index.rows(f"{self._select} key = ? LIMIT 1", (key,)), None)
        return None if row is None else self._index.load(*row)

    def all(self, key: str) -> list[Any]:
        """All records with a key, in file order."""
        return [self._index.load(*row) for row in self._index.rows(f"{self._select} key = ? ORDER BY position", (key,))]

    def fields(self, columns: Sequence[str], positions: NDArray[np.int64] | None = None) -> list[tuple[Any, ...]]:
        """Values of some columns ("key" is one of them) of all records, or of those at some positions, in order."""
        names = ", ".join(f'"{column}"' for column in columns)
        rows = list(self._index.rows(f'SELECT {names} FROM "{self._name}" ORDER BY position'))
        return rows if positions is None else [rows[i] for i in positions]

    def exceptions(self, flag: str) -> int:
        """Number of records for which a column of 0 and 1 is 0."""
        ((number,),) = self._index.rows(f'SELECT COUNT(*) FROM "{self._name}" WHERE NOT "{flag}"')
        return int(number)

    def where(self, condition: str, values: Sequence[Value] = ()) -> NDArray[np.int64]:
        """Positions, in order, of the records for which an SQL condition on the columns holds."""
        rows = self._index.rows(f'SELECT position FROM "{self._name}" WHERE {condition} ORDER BY position', values)
        return np.fromiter((row[0] for row in rows), np.int64)


class Keys(Sequence[str]):
    """The keys of the records at some positions (in order), looked up when asked for."""

    def __init__(self, table: Table, positions: NDArray[np.int64] | None) -> None:
        self._table, self._positions = table, positions

    def __len__(self) -> int:
        return len(self._table) if self._positions is None else len(self._positions)

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> list[str]: ...
    def __getitem__(self, position: int | slice) -> str | list[str]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        i = range(len(self))[position]
        return self._table.key(i if self._positions is None else int(self._positions[i]))

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._table.fields(["key"], self._positions))

    def find(self, key: object) -> int | None:
        """Where the first record with a key is among these; None if it is not."""
        position = self._table.position(key) if isinstance(key, str) else None
        if position is None or self._positions is None:
            return position
        found = int(np.searchsorted(self._positions, position))
        return found if found < len(self._positions) and self._positions[found] == position else None

    def __contains__(self, key: object) -> bool:
        return self.find(key) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"<{len(self)} keys>"
