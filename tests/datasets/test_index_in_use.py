from __future__ import annotations

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.indexed import RECORDS, contents, files, opened
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.tables import Index

pytestmark = pytest.mark.usefixtures("index_cache")


SCRIPT = """
import json, os, resource, signal, sys, threading, time
import sqlite3
from pathlib import Path
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import open_index
from vispro_gym.datasets.json_stream import scan_object

source, builds = Path(sys.argv[1]), Path(sys.argv[2])

def build(builder):
    with builds.open("a") as note:
        note.write("build\\n")
    add = builder.table("samples", ("size",), unique="record id")
    for i, record in enumerate(scan_object(source, "records")):
        add(record.key, record, source, {"size": record.value["size"]})
        if i == 100:
            midway()

def midway():
    pass

def opened():
    return open_index("Data-val-form", source.parent, [source], build).table("samples")
"""


def started(script: str, source: Path, builds: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT + script, str(source), str(builds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(builds: Path) -> None:
    end = time.monotonic() + 60
    while not (builds.exists() and builds.read_text()):
        assert time.monotonic() < end, "no build has begun"
        time.sleep(0.01)


def test_of_processes_that_want_the_same_index_one_builds_it(source: Path, tmp_path: Path) -> None:
    builds, go = tmp_path / "builds", tmp_path / "go"
    script = f"""
def midway():
    while not os.path.exists({str(go)!r}):
        time.sleep(0.01)
table = opened()
print(json.dumps({{table.key(i): table.at(i) for i in range(len(table))}}))
"""
    processes = [started(script, source, builds)]
    wait_for(builds)
    processes += [started(script, source, builds) for _ in range(2)]
    time.sleep(1)  # so that they find the index being built; sooner or later, the outcome is the same
    go.touch()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert json.loads(out) == RECORDS
    assert builds.read_text() == "build\n"


def test_a_build_that_is_killed_leaves_nothing_that_is_read(source: Path, tmp_path: Path, index_cache: Path) -> None:
    builds = tmp_path / "builds"
    process = started("midway = lambda: os.kill(os.getpid(), signal.SIGKILL)\nopened()", source, builds)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert [Path(name).suffix for name in files(index_cache)] == [".partial"]
    os.utime(source, ns=(1, 1))  # also what was killed before the source changed is cleared away
    process = started("print(len(opened()))", source, builds)
    assert process.communicate(timeout=120) == ("500\n", "")
    assert [Path(name).suffix for name in files(index_cache)] == [".sqlite"]


def test_a_disk_that_is_full(source: Path, tmp_path: Path, index_cache: Path) -> None:
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    opened()
except DatasetError as error:
    print(error)
"""
    out, err = started(script, source, tmp_path / "builds").communicate(timeout=120)
    assert "The index of Data-val-form cannot be written to" in out and "Set VISPRO_CACHE" in out, err
    assert files(index_cache, ".sqlite") == []
    assert contents(opened(source)) == RECORDS


def test_forks_among_threads(source: Path, tmp_path: Path) -> None:
    script = """
expected = json.loads(source.read_text())
table = opened()
stopped = threading.Event()
wrong = []

def read(offset):
    while not stopped.is_set():
        for i in range(offset, 500, 7):
            key, record = table.item(i)
            if expected[key] != record or table.position(key) != i:
                wrong.append(key)

threads = [threading.Thread(target=read, args=(i,)) for i in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if not child:
        signal.alarm(60)  # rather than wait for ever
        good = all(expected[key] == record for key, record in map(table.item, range(500)))
        del table
        os._exit(0 if good else 1)
    print(os.waitpid(child, 0)[1])
stopped.set()
for thread in threads:
    thread.join()
print(wrong)
"""
    out, err = started(script, source, tmp_path / "builds").communicate(timeout=200)
    assert out.split("\n") == ["0"] * 20 + ["[]", ""], err


def test_threads_open_files_once(source: Path) -> None:
    opened(source)
    for _ in range(10):
        index = opened(source)
        index = pickle.loads(pickle.dumps(index))  # nothing is open yet
        barrier, found = threading.Barrier(8), []

        def read(index: Index = index, barrier: threading.Barrier = barrier, found: list[Any] = found) -> None:
            barrier.wait()
            found.append(contents(index) == RECORDS)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 8


def open_files(index_cache: Path, source: Path) -> list[str]:
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in links if link.startswith((str(index_cache), str(source.parent)))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no list of open files")
def test_an_index_closes_what_it_opened(source: Path, index_cache: Path) -> None:
    index = opened(source)
    assert contents(index) == RECORDS and len(open_files(index_cache, source)) == 2
    copy = pickle.loads(pickle.dumps(index))
    assert len(open_files(index_cache, source)) == 2 and contents(copy) == RECORDS and len(open_files(index_cache, source)) == 4
    del index, copy
    assert open_files(index_cache, source) == []


def zeros(content: bytes) -> bytes:
    return content[:4096] + bytes(len(content) - 8192) + content[-4096:]


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut within a page": lambda content: content[: len(content) // 2 + 100],
    "cut by a few bytes": lambda content: content[:-100],
    "only a header": lambda content: content[:100],
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "pages are missing": lambda content: content[: len(content) // 8192 * 4096],
    "the last page is missing": lambda content: content[:-4096],
    "something else": lambda content: b"This is no index" * 4096,
    "zeros": lambda content: bytes(len(content)),
    "zeros in the middle": zeros,
}


@pytest.mark.parametrize("name", CUTS)
def test_an_index_that_is_cut_is_none(source: Path, name: str) -> None:
    path = opened(source).path
    path.write_bytes(CUTS[name](path.read_bytes()))
    assert contents(opened(source)) == RECORDS


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_index_is_built_anew(source: Path, name: str) -> None:
    path = opened(source).path
    path.write_bytes(DAMAGES[name](path.read_bytes()))
    with pytest.raises(DatasetError, match=r"The index .*\.sqlite cannot be read \(.*Open the dataset again"):
        contents(opened(source))
    assert not path.exists()
    assert contents(opened(source)) == RECORDS


def test_an_index_that_is_gone(source: Path) -> None:
    index = opened(source)
    copy = pickle.dumps(index)
    index.path.unlink()
    assert contents(index) == RECORDS, "who has it open keeps it"
    with pytest.raises(DatasetError, match="cannot be read .*Open the dataset again"):
        contents(pickle.loads(copy))


def test_a_wrong_query_does_not_cost_the_index(source: Path) -> None:
    index = opened(source)
    with pytest.raises(sqlite3.OperationalError):
        index.table("samples").where("no such column = 1")
    assert index.path.exists() and contents(index) == RECORDS


@pytest.fixture
def replacement(source: Path) -> Iterator[Path]:
    """As long as the source, with the records in another order."""
    path = source.parent / "replacement.json"
    path.write_text(json.dumps(dict(reversed(RECORDS.items())), ensure_ascii=False))
    assert path.stat().st_size == source.stat().st_size
    yield path


CHANGED = r"records\.json has changed while it was in use: .*Open the dataset again"


def test_a_source_that_is_replaced_before_it_is_read(source: Path, replacement: Path) -> None:
    index = opened(source)
    os.replace(replacement, source)
    with pytest.raises(DatasetError, match=CHANGED):
        index.table("samples").at(0)
    assert contents(opened(source)) == RECORDS


def test_a_source_that_is_replaced_while_it_is_read(source: Path, replacement: Path) -> None:
    index = opened(source)
    first = index.table("samples").at(0)
    os.replace(replacement, source)
    assert first == RECORDS["0000"] and contents(index) == RECORDS, "the file that was opened is still there"


def test_a_source_that_is_written_over_while_it_is_read(source: Path, replacement: Path) -> None:
    index = opened(source)
    assert index.table("samples").at(0) == RECORDS["0000"]
    time.sleep(0.02)  # longer than a tick of the file system's clock
    source.write_bytes(replacement.read_bytes())
    with pytest.raises(DatasetError, match=CHANGED):
        index.table("samples").at(0)


def test_a_source_that_is_removed_or_cut(source: Path) -> None:
    index = opened(source)
    copy = pickle.loads(pickle.dumps(index))
    assert index.table("samples").at(0) == RECORDS["0000"]
    os.truncate(source, 100)
    source.unlink()
    for which in (index, copy):
        with pytest.raises(DatasetError, match=CHANGED):
            which.table("samples").at(499)
