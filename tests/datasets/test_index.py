from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vispro_gym.datasets import index as module
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder, Index, Keys, open_index
from vispro_gym.datasets.json_stream import scan_object

RECORDS = {f"{i:04}": {"name": f"näme {i}", "size": i % 7, "more": ["x" * (i % 50)]} for i in range(500)}
NAME = "Data-val-form"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "records.json"
    path.parent.mkdir()
    path.write_text(json.dumps(RECORDS, ensure_ascii=False))
    return path


def fill(builder: Builder, source: Path) -> None:
    add = builder.table("samples", ("size", "annotated"), unique="record id")
    other = builder.table("names")
    for record in scan_object(source, "records"):
        add(record.key, record, source, {"size": record.value["size"], "annotated": int(record.value["size"] < 5)})
        other(f"size {record.value['size']}", [record.key])


def opened(source: Path, name: str = NAME, root: Path | None = None) -> Index:
    return open_index(name, root or source.parent, [source], lambda builder: fill(builder, source))


def contents(index: Index) -> dict[str, Any]:
    table = index.table("samples")
    return dict(table.item(i) for i in range(len(table)))


def files(cache: Path, ending: str = "") -> list[str]:
    return sorted(path.name for path in (cache / "index").glob(f"*/{NAME}-*{ending}"))


def test_records_fields_and_keys(source: Path) -> None:
    index = opened(source)
    table = index.table("samples")
    assert len(table) == 500 and contents(index) == RECORDS
    assert table.position("0123") == 123 and table.key(123) == "0123" and table.at(123) == table.get("0123") == RECORDS["0123"]
    assert "0123" in table and "123" not in table and 123 not in table
    assert table.position("123") is None and table.get("123") is None and table.all("123") == []
    assert table.fields(["key", "size"])[8:10] == [("0008", 1), ("0009", 2)]
    assert table.fields(["size"], np.array([3, 9])) == [(3,), (2,)]
    assert table.where("size = ? AND position < ?", (2, 10)).tolist() == [2, 9]
    assert table.exceptions("annotated") == sum(record["size"] >= 5 for record in RECORDS.values())
    names = index.table("names")
    assert names.all("size 3") == [[key] for key, record in RECORDS.items() if record["size"] == 3]
    assert names.get("size 3") == ["0003"]


def test_a_second_open_builds_nothing(source: Path) -> None:
    opened(source)
    with_nobody_to_build: Callable[[Builder], None] = pytest.fail
    assert contents(open_index(NAME, source.parent, [source], with_nobody_to_build)) == RECORDS


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4), st.text() | st.integers() | st.none(), max_size=30
    ),
    st.data(),
)
def test_keys_are_a_sequence(tmp_path_factory: pytest.TempPathFactory, records: dict[str, Any], data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("keys") / "records.json"
    path.write_text(json.dumps(records))

    def build(builder: Builder) -> None:
        add = builder.table("samples", unique="key")
        for record in scan_object(path, "records"):
            add(record.key, record, path)

    table = open_index("keys", path.parent, [path], build).table("samples")
    assert {table.key(i): table.at(i) for i in range(len(table))} == records
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(records))) if records else st.nothing())))
    for positions in (None, np.array(chosen, np.int64)):
        keys = Keys(table, positions)
        expected = list(records) if positions is None else [list(records)[i] for i in chosen]
        assert keys == expected and list(keys) == expected and len(keys) == len(expected)
        assert [keys[i] for i in range(-len(keys), len(keys))] == expected * 2
        part = data.draw(st.slices(len(expected)))
        assert keys[part] == expected[part]
        assert [key in keys for key in [*records, "\ud800", 3]] == [key in expected for key in records] + [False, False]
        with pytest.raises(IndexError):
            keys[len(keys)]


def test_damaged_sources_leave_nothing(source: Path, cache: Path) -> None:
    source.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"records\.json is damaged or cut short"):
        opened(source)
    source.write_text(json.dumps(RECORDS)[:-10])
    with pytest.raises(DatasetError, match=r"records\.json is damaged or cut short"):
        opened(source)
    assert files(cache) == []


@pytest.mark.parametrize("count", [2, 50_000])
def test_ids_that_occur_twice(source: Path, cache: Path, count: int) -> None:
    content = ", ".join(f'"{i}": {{"size": 1}}' for i in [*range(count), count // 2])
    source.write_text(f"{{{content}}}")
    with pytest.raises(DatasetError, match=rf"records\.json has record id {count // 2} twice\. Expected every record id once"):
        opened(source)
    assert files(cache) == []


@pytest.mark.parametrize(("key", "size"), [("\\ud800", 1), ("a", 1 << 63)])
def test_what_no_text_file_can_hold(source: Path, cache: Path, key: str, size: int) -> None:
    source.write_text(f'{{"{key}": {{"size": {size}}}}}')
    with pytest.raises(DatasetError, match=r"records\.json, record '.*', holds what no text file can"):
        opened(source)
    assert files(cache) == []


def test_fields_may_be_called_as_they_like(source: Path) -> None:
    names = ("source", "start", "size", "body", "order", "select", "a b", "ü")

    def build(builder: Builder) -> None:
        builder.table("samples", names)("k", {"r": 1}, None, dict.fromkeys(names, "v"))

    table = open_index(NAME, source.parent, [source], build).table("samples")
    assert table.fields(names) == [("v",) * len(names)] and table.at(0) == {"r": 1}


def test_a_build_that_fails_leaves_nothing(source: Path, cache: Path) -> None:
    def build(builder: Builder) -> None:
        fill(builder, source)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_index(NAME, source.parent, [source], build)
    assert files(cache) == []
    assert contents(opened(source)) == RECORDS


def test_a_changed_source_gets_a_new_index(source: Path, cache: Path) -> None:
    others = [opened(source, f"{NAME}-more"), opened(source, "Data-val")]
    opened(source)
    (before,) = set(files(cache, ".sqlite")) - {others[0].path.name}
    os.utime(source, ns=(1, 1))
    opened(source)
    (after,) = set(files(cache, ".sqlite")) - {others[0].path.name}
    assert before != after, "the old one is removed"
    assert all(other.path.exists() for other in others), "others are not, whatever their names begin with"
    source.write_text('{"1": {"size": 3}}')
    assert contents(opened(source)) == {"1": {"size": 3}}


def test_sources_may_be_absent_and_appear(source: Path) -> None:
    extra = source.parent / "extra.json"
    built = []

    def build(builder: Builder) -> None:
        built.append(extra.is_file())
        builder.table("samples")("k", {})

    for _ in range(2):
        open_index(NAME, source.parent, [source, extra, source / "below a file"], build)
    extra.write_text("{}")
    open_index(NAME, source.parent, [source, extra, source / "below a file"], build)
    assert built == [False, True]
    with pytest.raises(DatasetError, match=r"x+ cannot be read: .*File name too long"):
        open_index(NAME, source.parent, [source.parent / ("x" * 300)], build)


def test_indexes_of_removed_folders_are_forgotten(tmp_path: Path, source: Path, cache: Path) -> None:
    other = tmp_path / "other" / "records.json"
    other.parent.mkdir()
    other.write_bytes(source.read_bytes())
    lost, kept = opened(source), opened(other)
    source.unlink()
    source.parent.rmdir()
    os.utime(other, ns=(1, 1))
    opened(other)
    assert not lost.path.parent.exists() and kept.path.parent.exists()


def test_a_source_that_changes_while_it_is_indexed(source: Path, cache: Path) -> None:
    def build(builder: Builder) -> None:
        fill(builder, source)
        os.utime(source, ns=(1, 1))

    with pytest.raises(DatasetError, match=r"records\.json changed while being indexed"):
        open_index(NAME, source.parent, [source], build)
    assert files(cache) == []


AWKWARD = [
    "with spaces",
    "quote ' and \" quotes",
    "what?mode=rw",
    "a#b",
    "100%41",
    "Größe 日本",
    "semi;colon&x=1",
    "file:x",
    "\\back\nslash",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_paths(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "cache" / name))
    source = tmp_path / name / f"{name}.json"
    source.parent.mkdir()
    source.write_text(json.dumps(RECORDS))
    for _ in range(2):
        index = opened(source, name=f"{name} [x]-val")
        assert contents(index) == RECORDS
        assert index.path.is_relative_to(tmp_path / "cache" / name)


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system has no such names")
    (folder / "records.json").write_text(json.dumps(RECORDS))
    assert contents(opened(folder / "records.json")) == contents(opened(folder / "records.json")) == RECORDS


def test_a_relative_cache_folder(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISPRO_CACHE", "here")
    index = opened(source)
    monkeypatch.chdir("/")
    assert contents(pickle.loads(pickle.dumps(index))) == RECORDS


def test_a_cache_folder_that_is_a_file(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (source, source / "below"):
        monkeypatch.setenv("VISPRO_CACHE", str(place))
        with pytest.raises(DatasetError, match=r"The index of Data-val-form cannot be written to .*Set VISPRO_CACHE to a folder"):
            opened(source)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_folder_that_is_read_only(tmp_path: Path, source: Path, cache: Path) -> None:
    index = opened(source)
    locked = [index.path.parent, cache]
    for folder in locked:
        folder.chmod(0o500)
    assert contents(opened(source)) == RECORDS, "what is there can be read"
    os.utime(source, ns=(1, 1))
    with pytest.raises(DatasetError, match="Set VISPRO_CACHE to a folder that can be written"):
        opened(source)
    for folder in locked:
        folder.chmod(0o700)


SCRIPT = """
import json, os, resource, signal, sys, threading, time
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


def test_a_build_that_is_killed_leaves_nothing_that_is_read(source: Path, tmp_path: Path, cache: Path) -> None:
    builds = tmp_path / "builds"
    process = started("midway = lambda: os.kill(os.getpid(), signal.SIGKILL)\nopened()", source, builds)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert [Path(name).suffix for name in files(cache)] == [".partial"]
    os.utime(source, ns=(1, 1))  # also what was killed before the source changed is cleared away
    process = started("print(len(opened()))", source, builds)
    assert process.communicate(timeout=120) == ("500\n", "")
    assert [Path(name).suffix for name in files(cache)] == [".sqlite"]


def test_a_disk_that_is_full(source: Path, tmp_path: Path, cache: Path) -> None:
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    opened()
except DatasetError as error:
    print(error)
"""
    out, err = started(script, source, tmp_path / "builds").communicate(timeout=120)
    assert "The index of Data-val-form cannot be written to" in out and "Set VISPRO_CACHE" in out, err
    assert files(cache, ".sqlite") == []
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


def open_files(cache: Path, source: Path) -> list[str]:
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in links if link.startswith((str(cache), str(source.parent)))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no list of open files")
def test_an_index_closes_what_it_opened(source: Path, cache: Path) -> None:
    index = opened(source)
    assert contents(index) == RECORDS and len(open_files(cache, source)) == 2
    copy = pickle.loads(pickle.dumps(index))
    assert len(open_files(cache, source)) == 2 and contents(copy) == RECORDS and len(open_files(cache, source)) == 4
    del index, copy
    assert open_files(cache, source) == []


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
    with pytest.raises(module.sqlite3.OperationalError):
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
