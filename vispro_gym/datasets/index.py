"""Random access to annotation files of any size: where each record is, and its fields, in an SQLite file in the cache folder.

The index of a file is built once, in one pass that holds one record at a time, and read page by page afterwards. It is named by
the identity of the files that it was made from (path, size and time of the last change) and of the code that made it, so that a
changed file gets a new index. It is written under another name and renamed when complete: a build that is interrupted leaves
nothing that would be read. When several processes want the same index, one builds it and the others wait.
`vispro_gym.datasets.tables` reads it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import FileLock

from vispro_gym.datasets.cache import cache_dir
from vispro_gym.datasets.errors import DatasetError, logger
from vispro_gym.datasets.tables import Index, Value, Version, close_connection, sqlite_lock, version_of

_PAGE = 4_096  # bytes, of SQLite's files
_ANNOUNCED = 100_000_000  # bytes from which on building takes so long that one wants to know why


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
        with sqlite_lock:
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
            versions.append(version_of(path.stat()))
        except (FileNotFoundError, NotADirectoryError):
            versions.append(None)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error}. Expected an annotation file, or none.") from error
    return versions


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
    with sqlite_lock:
        connection = sqlite3.connect(partial, isolation_level=None)
    try:
        builder = Builder(connection, sources)
        build(builder)
        builder.finish()
        if _versions(sources) != versions:
            files = ", ".join(map(str, sources))
            raise DatasetError(f"{files} changed while being indexed. Open the dataset again once nobody writes to it.")
    except BaseException:
        close_connection(connection)
        partial.unlink(missing_ok=True)
        raise
    close_connection(connection)
    for other in old:
        if other != partial:
            other.unlink(missing_ok=True)  # whoever has it open keeps it
    os.replace(partial, path)


def _forget_lost_roots(indexes: Path) -> None:
    for note in indexes.glob("*/root.txt"):
        with contextlib.suppress(OSError):
            if not Path(note.read_text(encoding="utf-8", errors="surrogateescape")).exists():
                shutil.rmtree(note.parent, ignore_errors=True)
