"""Random access to annotation files of any size: where each record is, and its fields, in an SQLite file in the cache folder.

The index of a file is built once, in one pass that holds one record at a time, and read page by page afterwards. It is named by
the identity of the files that it was made from (path, size and time of the last change) and of the code that made it, so that a
changed file gets a new index. It is written under another name and renamed when complete: a build that is interrupted leaves
nothing that would be read. When several processes want the same index, one builds it and the others wait. Every read makes sure
that the file is still the one that was indexed: a wrong record would be a wrong reward.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, NamedTuple, overload

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.datasets.errors import DatasetError, logger

_PAGE = 4_096  # bytes, of SQLite's files
_ANNOUNCED = 100_000_000  # bytes from which on building takes so long that one wants to know why

# Held while SQLite works, and while the process forks: its users in a process share some state, and a child that was forked in
# the middle of another thread's query would wait for that thread for ever.
_sqlite = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_sqlite.acquire, after_in_parent=_sqlite.release, after_in_child=_sqlite.release)

Value = str | int | float | None
"""A field's value: what records can be filtered by."""


class Version(NamedTuple):
    """What tells a file from itself as it was before: its size in bytes, and the time of its last change in nanoseconds."""

    size: int
    changed: int


class Builder:
    """Writes the tables of an index. Passed to the function that `open_index` calls when there is no index yet."""

    def __init__(self, connection: sqlite3.Connection, sources: Sequence[Path]) -> None:
        self._connection = connection
        self._sources = {path: i for i, path in enumerate(sources)}
        self._keys: dict[str, str | None] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        # Nobody else sees the file, and it is thrown away if anything happens: neither a journal on disk nor flushing is needed.
        for query in (f"PRAGMA page_size = {_PAGE}", "PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "BEGIN"):
            self._execute(query)

    def table(self, name: str, columns: Sequence[str] = (), unique: str | None = None) -> Callable[..., None]:
        """Starts a table.

        Args:
            name: Its name.
            columns: Names of the fields that records are filtered by; none of them "position" or "key".
            unique: What the keys identify ("questionId"), for the message about a key that occurs twice; None if several
                records may have the same key.

        Returns:
            A function `add(key, record, source, fields)` that appends a row: its key, the `Record` and the file that it is in (or
            anything that JSON can hold and None, to keep the record itself), and the values of the columns, by name.
        """
        names = "".join(f', "{column}"' for column in columns)
        self._execute(
            f'CREATE TABLE "{name}" (position INTEGER PRIMARY KEY, key TEXT, '
            f"_source INTEGER, _start INTEGER, _size INTEGER, _body TEXT{names})"
        )
        self._keys[name] = unique
        self._columns[name] = tuple(columns)
        insert = f'INSERT INTO "{name}" VALUES (?,?,?,?,?,?{",?" * len(columns)})'
        execute = self._execute
        sources = self._sources
        position = 0

        def add(key: str, record: Any, source: Path | None = None, fields: Mapping[str, Value] | None = None) -> None:
            nonlocal position
            values = [fields.get(column) for column in columns] if fields else [None] * len(columns)
            if source is None:
                row = (position, key, None, None, None, json.dumps(record), *values)
            else:
                row = (position, key, sources[source], record.start, record.size, None, *values)
            try:
                execute(insert, row)
            except (UnicodeEncodeError, OverflowError) as error:  # half of a surrogate pair; an integer of more than 64 bits
                raise DatasetError(
                    f"{source or name}, record {key!r:.80}, holds what no text file can ({error}). Fetch the file again."
                ) from error
            position += 1

        return add

    def _execute(self, query: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        with _sqlite:
            return self._connection.execute(query, values)

    def finish(self) -> None:
        """Indexes the keys, notes the sizes of the tables, and writes it all.

        Raises:
            DatasetError: If a key that should be unique occurs twice.
        """
        self._execute("CREATE TABLE sizes (name TEXT PRIMARY KEY, size INTEGER)")
        for name, unique in self._keys.items():
            try:
                self._execute(f'CREATE {"UNIQUE" if unique else ""} INDEX "key of {name}" ON "{name}" (key)')
            except sqlite3.IntegrityError:
                ((key,),) = self._execute(f'SELECT key FROM "{name}" GROUP BY key HAVING COUNT(*) > 1 LIMIT 1')
                files = ", ".join(map(str, self._sources))
                raise DatasetError(
                    f"{files} has {unique} {key} twice. Expected every {unique} once. Fetch the file again."
                ) from None
            if "annotated" in self._columns[name]:  # mostly 1: the exceptions are found at once
                self._execute(f'CREATE INDEX "not annotated in {name}" ON "{name}" (annotated) WHERE NOT annotated')
            self._execute(f'INSERT INTO sizes VALUES (?, (SELECT COUNT(*) FROM "{name}"))', (name,))
        self._execute("COMMIT")


@cache
def _code_digest() -> bytes:
    """Digest of the code that reads files and fills tables: an index that another version has made is not used."""
    digest = blake2b(digest_size=10)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def open_index(name: str, root: Path, sources: Sequence[Path], build: Callable[[Builder], None]) -> Index:
    """Opens the index of some files, building it if there is none for the files as they are now.

    Args:
        name: What is indexed, for example "GQA-train_balanced"; part of a file name.
        root: Folder that the files belong to; its indexes are kept together and are removed once it is gone.
        sources: The files. Those that are absent count as such: an index is made anew when they appear.
        build: Reads the files and fills the tables.

    Raises:
        DatasetError: If the files are damaged, or the cache folder cannot be written.
    """
    versions = _versions(sources)
    identity = blake2b(_code_digest(), digest_size=10)
    for source, version in zip(sources, versions, strict=True):
        if version is not None:
            identity.update(f"\0{source}\0{version.size}\0{version.changed}".encode("utf-8", "surrogateescape"))
    folder = cache_dir() / "index" / blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
    path = folder.absolute() / f"{name}-{identity.hexdigest()}.sqlite"
    try:
        if not _is_built(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.parent / f"{name}.lock"):
                if not _is_built(path):
                    _build(path, name, root, sources, versions, build)
    # filelock raises the last one where a file system has no locks
    except (OSError, sqlite3.OperationalError, NotImplementedError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(
            f"The index of {name} cannot be written to {folder}: {error}. Set VISPRO_CACHE to a folder that can be written."
        ) from error
    return Index(path, sources, versions)


def _versions(sources: Sequence[Path]) -> list[Version | None]:
    """The files as they are now; None for those that are absent."""
    versions: list[Version | None] = []
    for path in sources:
        try:
            versions.append(_version(path.stat()))
        except (FileNotFoundError, NotADirectoryError):
            versions.append(None)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error}. Expected an annotation file, or none.") from error
    return versions


def _version(stat: os.stat_result) -> Version:
    return Version(stat.st_size, stat.st_mtime_ns)


def _is_built(path: Path) -> bool:
    """Whether there is an index. A file that is no whole number of pages is what a machine leaves that lost its power."""
    try:
        size = path.stat().st_size
        return size > 0 and size % _PAGE == 0
    except FileNotFoundError:
        return False


def _build(
    path: Path,
    name: str,
    root: Path,
    sources: Sequence[Path],
    versions: Sequence[Version | None],
    build: Callable[[Builder], None],
) -> None:
    size = sum(version.size for version in versions if version is not None)
    if size >= _ANNOUNCED:
        logger.warning("Indexing %s (%.1f GB, once) ...", name, size / 1e9)
    _forget_lost_roots(path.parent.parent)
    (path.parent / "root.txt").write_text(str(root), encoding="utf-8", errors="surrogateescape")
    # The lock is ours: whatever else has this name is of the files as they were, or of a process that was killed.
    old = [p for p in path.parent.iterdir() if p.name.startswith(f"{name}-") and len(p.stem) == len(path.stem)]
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with _sqlite:
        connection = sqlite3.connect(partial, isolation_level=None)
    try:
        builder = Builder(connection, sources)
        build(builder)
        builder.finish()
        if _versions(sources) != versions:
            files = ", ".join(map(str, sources))
            raise DatasetError(f"{files} changed while being indexed. Open the dataset again once nobody writes to it.")
    except BaseException:
        _close(connection)
        partial.unlink(missing_ok=True)
        raise
    _close(connection)
    for other in old:
        if other != partial:
            other.unlink(missing_ok=True)  # whoever has it open keeps it
    os.replace(partial, path)


def _close(connection: sqlite3.Connection) -> None:
    with _sqlite:
        connection.close()


def _forget_lost_roots(indexes: Path) -> None:
    for note in indexes.glob("*/root.txt"):
        with contextlib.suppress(OSError):
            if not Path(note.read_text(encoding="utf-8", errors="surrogateescape")).exists():
                shutil.rmtree(note.parent, ignore_errors=True)


class _Handles:
    """What one process has open. No other process uses it, as SQLite demands."""

    def __init__(self, path: Path) -> None:
        with _sqlite:
            self.connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self.files: dict[int, BinaryIO] = {}

    def close(self) -> None:
        _close(self.connection)
        for file in self.files.values():
            file.close()


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
        for process, handles in getattr(self, "_handles", {}).items():
            if process == os.getpid():
                handles.close()
            else:
                _inherited.append(handles)

    def _opened(self) -> _Handles:
        process = os.getpid()
        handles = self._handles.get(process)
        if handles is None:
            with _sqlite:
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
            with _sqlite:
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
                with _sqlite:
                    if source not in handles.files:
                        handles.files[source] = path.open("rb", buffering=0)
            file = handles.files[source].fileno()
            if _version(os.fstat(file)) != self._versions[source]:
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

    def __contains__(self, key: object) -> bool:
        position = self._table.position(key) if isinstance(key, str) else None
        if position is None or self._positions is None:
            return position is not None
        found = int(np.searchsorted(self._positions, position))
        return found < len(self._positions) and bool(self._positions[found] == position)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"<{len(self)} keys>"
