from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datasets.indexed import NAME, RECORDS, contents, files, fill, opened
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.index import Builder, open_index
from vispro_gym.datasets.json_stream import scan_object
from vispro_gym.datasets.tables import Keys

pytestmark = pytest.mark.usefixtures("index_cache")


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


def test_damaged_sources_leave_nothing(source: Path, index_cache: Path) -> None:
    source.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"records\.json is damaged or cut short"):
        opened(source)
    source.write_text(json.dumps(RECORDS)[:-10])
    with pytest.raises(DatasetError, match=r"records\.json is damaged or cut short"):
        opened(source)
    assert files(index_cache) == []


@pytest.mark.parametrize("count", [2, 50_000])
def test_ids_that_occur_twice(source: Path, index_cache: Path, count: int) -> None:
    content = ", ".join(f'"{i}": {{"size": 1}}' for i in [*range(count), count // 2])
    source.write_text(f"{{{content}}}")
    with pytest.raises(DatasetError, match=rf"records\.json has record id {count // 2} twice\. Expected every record id once"):
        opened(source)
    assert files(index_cache) == []


@pytest.mark.parametrize(("key", "size"), [("\\ud800", 1), ("a", 1 << 63)])
def test_what_no_text_file_can_hold(source: Path, index_cache: Path, key: str, size: int) -> None:
    source.write_text(f'{{"{key}": {{"size": {size}}}}}')
    with pytest.raises(DatasetError, match=r"records\.json, record '.*', holds what no text file can"):
        opened(source)
    assert files(index_cache) == []


def test_fields_may_be_called_as_they_like(source: Path) -> None:
    names = ("source", "start", "size", "body", "order", "select", "a b", "ü")

    def build(builder: Builder) -> None:
        builder.table("samples", names)("k", {"r": 1}, None, dict.fromkeys(names, "v"))

    table = open_index(NAME, source.parent, [source], build).table("samples")
    assert table.fields(names) == [("v",) * len(names)] and table.at(0) == {"r": 1}


def test_a_build_that_fails_leaves_nothing(source: Path, index_cache: Path) -> None:
    def build(builder: Builder) -> None:
        fill(builder, source)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_index(NAME, source.parent, [source], build)
    assert files(index_cache) == []
    assert contents(opened(source)) == RECORDS


def test_a_changed_source_gets_a_new_index(source: Path, index_cache: Path) -> None:
    others = [opened(source, f"{NAME}-more"), opened(source, "Data-val")]
    opened(source)
    (before,) = set(files(index_cache, ".sqlite")) - {others[0].path.name}
    os.utime(source, ns=(1, 1))
    opened(source)
    (after,) = set(files(index_cache, ".sqlite")) - {others[0].path.name}
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


def test_indexes_of_removed_folders_are_forgotten(tmp_path: Path, source: Path, index_cache: Path) -> None:
    other = tmp_path / "other" / "records.json"
    other.parent.mkdir()
    other.write_bytes(source.read_bytes())
    lost, kept = opened(source), opened(other)
    source.unlink()
    source.parent.rmdir()
    os.utime(other, ns=(1, 1))
    opened(other)
    assert not lost.path.parent.exists() and kept.path.parent.exists()


def test_a_source_that_changes_while_it_is_indexed(source: Path, index_cache: Path) -> None:
    def build(builder: Builder) -> None:
        fill(builder, source)
        os.utime(source, ns=(1, 1))

    with pytest.raises(DatasetError, match=r"records\.json changed while being indexed"):
        open_index(NAME, source.parent, [source], build)
    assert files(index_cache) == []


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


WITHOUT_OVERRIDE = """
import ctypes, os, sys

if os.geteuid() == 0:  # permissions hold for root as for others once it gives up two capabilities and starts anew
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""

READ_ONLY = """
import os, sys
from pathlib import Path
from tests.datasets.indexed import RECORDS, contents, opened
from vispro_gym.datasets.errors import DatasetError

source = Path(sys.argv[1])
index = opened(source)
for folder in (index.path.parent, Path(os.environ["VISPRO_CACHE"])):
    folder.chmod(0o500)
assert contents(opened(source)) == RECORDS, "what is there can be read"
os.utime(source, ns=(1, 1))
try:
    opened(source)
except DatasetError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write anywhere and cannot give that up")
def test_a_cache_folder_that_is_read_only(source: Path, index_cache: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_OVERRIDE, READ_ONLY, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for folder in (index_cache, *(index_cache / "index").glob("*")):
        folder.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert "Set VISPRO_CACHE to a folder that can be written" in done.stdout
