from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vispro_gym.datasets import json_stream
from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.json_stream import Record, scan_lines, scan_list, scan_object

WHOLE = json_stream._CHUNK
CHUNKS = st.integers(1, 40) | st.just(WHOLE)
SPACES = st.text(" \t\n\r", max_size=25)


def values(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Whatever JSON can hold."""
    numbers = st.integers(-(10**30), 10**30) | st.floats()
    leaves = st.none() | st.booleans() | numbers | text
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
    )


@st.composite
def written(draw: st.DrawFn, of: type) -> tuple[Any, str]:
    """A dict or a list, and one of the texts that mean it."""
    ascii_only = draw(st.booleans())
    # escapes may be halves of surrogate pairs, characters of a file may not
    text = (
        st.text(max_size=6)
        if not ascii_only
        else st.text(st.characters(exclude_categories=()) | st.characters(max_codepoint=40), max_size=6)
    )
    records = draw(st.dictionaries(text, values(text), max_size=6) if of is dict else st.lists(values(text), max_size=6))
    separators = (f"{draw(SPACES)},{draw(SPACES)}", f"{draw(SPACES)}:{draw(SPACES)}")
    content = json.dumps(
        records, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 0, "\t", " " * 20])), separators=separators
    )
    return json.loads(content), draw(SPACES) + content + draw(SPACES)


@contextmanager
def chunk(size: int, longest: int | None = None) -> Iterator[None]:
    """Files are read so many bytes at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", size)
        if longest is not None:
            patch.setattr(json_stream, "_LONGEST", longest)
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "file.json"


def check(records: list[Record], expected: list[tuple[str, str | int, Any]], content: bytes) -> None:
    """The records are those expected, and each is where it says it is. (Compared as texts, since NaN equals nothing.)"""
    assert repr([(r.member, r.key, r.value) for r in records]) == repr(expected)
    for record in records:
        there = content[record.start : record.start + record.size]
        assert repr(json.loads(there)) == repr(record.value)
        assert there == there.strip()


@settings(deadline=None, max_examples=150)
@given(written(dict), CHUNKS)
def test_an_object_holds_what_json_says(file: Path, case: tuple[Any, str], size: int) -> None:
    expected, text = case
    file.write_text(text, encoding="utf-8", newline="")
    with chunk(size):
        check(list(scan_object(file, "records")), [("", *item) for item in expected.items()], file.read_bytes())


@settings(deadline=None, max_examples=150)
@given(written(list), CHUNKS)
def test_a_list_holds_what_json_says(file: Path, case: tuple[Any, str], size: int) -> None:
    expected, text = case
    file.write_text(text, encoding="utf-8", newline="")
    with chunk(size):
        check(list(scan_list(file, "records")), [("", *item) for item in enumerate(expected)], file.read_bytes())


@settings(deadline=None, max_examples=60)
@given(written(list), written(list), written(dict), CHUNKS)
def test_lists_that_are_members(
    file: Path, one: tuple[Any, str], two: tuple[Any, str], other: tuple[Any, str], size: int
) -> None:
    file.write_text(f'{{"one": {one[1]}, "ö": {other[1]}, "two": {two[1]}}}', encoding="utf-8", newline="")
    expected = [("one", *item) for item in enumerate(one[0])] + [("two", *item) for item in enumerate(two[0])]
    with chunk(size):
        check(list(scan_list(file, "records", ("two", "one"))), expected, file.read_bytes())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(values(st.text(max_size=6)) | st.none().map(lambda _: ...), max_size=6),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", " \n\n"]),
)
def test_lines(file: Path, lines: list[Any], ascii_only: bool, end: str) -> None:
    texts = ["" if line is ... else json.dumps(line, ensure_ascii=ascii_only) for line in lines]
    file.write_text(end.join(texts), encoding="utf-8", newline="")
    content = file.read_bytes()
    records = list(scan_lines(file, "records"))
    step = 2 if end == " \n\n" else 1
    expected = [(1 + step * i, json.loads(text)) for i, text in enumerate(texts) if text]
    assert repr([(r.key, r.value) for r in records]) == repr(expected)
    for record in records:
        assert repr(json.loads(content[record.start : record.start + record.size])) == repr(record.value)


NUMBERS = [
    "0",
    "-0",
    "1",
    "-12345",
    "1.5",
    "-0.25",
    "1e5",
    "1E+05",
    "-1.25e-10",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "true",
    "null",
    '"1"',
]


@pytest.mark.parametrize("size", [*range(1, 40), WHOLE])
def test_numbers_at_the_edges_of_the_window(file: Path, size: int) -> None:
    numbers = NUMBERS * 3
    file.write_text("[" + ",".join(numbers) + "]")
    with chunk(size):
        check(list(scan_list(file, "numbers")), [("", i, json.loads(text)) for i, text in enumerate(numbers)], file.read_bytes())


SMALL = {"ä": {"a": [1, -2.5e-3, True, None, 'x\\"\u20ac\U0001f600'], "b": {}}, "0007": "\ud800", "n": [-1.5, False]}


@pytest.mark.parametrize("size", [1, 2, 7, WHOLE])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_file_that_is_cut_short_anywhere(file: Path, size: int, ascii_only: bool) -> None:
    records = SMALL if ascii_only else SMALL | {"0007": "ß"}
    content = json.dumps(records, ensure_ascii=ascii_only).encode()
    with chunk(size):
        for end in range(len(content)):
            file.write_bytes(content[:end])
            found: dict[str | int, Any] = {}
            with pytest.raises(DatasetError, match=r"(?s)file\.json is damaged or cut short .*Expected small records"):
                for record in scan_object(file, "small records"):
                    found[record.key] = record.value
            assert found.items() <= records.items() and len(found) < 4
        file.write_bytes(content)
        assert {record.key: record.value for record in scan_object(file, "small records")} == records


@pytest.mark.parametrize("size", [1, 2, 7, WHOLE])
def test_members_that_are_cut_short_anywhere(file: Path, size: int) -> None:
    content = b'{"info": {"a": [1.5]}, "rows": [{"b": "c"}, 12]} '
    with chunk(size):
        for end in range(len(content) - 1):
            file.write_bytes(content[:end])
            with pytest.raises(DatasetError, match=r"file\.json is damaged or cut short"):
                list(scan_list(file, "rows", ("rows",)))
        file.write_bytes(content)
        assert len(list(scan_list(file, "rows", ("rows",)))) == 2


DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \n ",
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": '{"ä": 1}'.encode("latin-1"),
    "half of a surrogate pair as bytes": b'{"a": "\xed\xa0\x80"}',
    "NUL bytes": b'{"a": 1}\0\0',
    "only NUL bytes": b"\0" * 100,
    "NUL in a text": b'{"a": "\0"}',
    "something behind it": b'{"a": 1} x',
    "two objects": b'{"a": 1}{"b": 2}',
    "no comma": b'{"a": 1 "b": 2}',
    "a comma too many": b'{"a": 1,}',
    "no colon": b'{"a" 1}',
    "no value": b'{"a": }',
    "a key that is no text": b"{1: 1}",
    "single quotes": b"{'a': 1}",
    "half a literal": b'{"a": tru}',
    "an escape that is none": b'{"a": "\\x"}',
    "a line break in a text": b'{"a": "\n"}',
    "no number": b'{"a": 1.}',
    "another one": b'{"a": 01}',
    "the wrong bracket": b'{"a": 1]',
    "an integer of 5,000 digits": b'{"a": ' + b"1" * 5_000 + b"}",
    "nested too deeply": b'{"a": ' + b"[" * 100_000,
    "nested too deeply, but closed": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("size", [1, 5, WHOLE])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(DAMAGED[name])
    with chunk(size), pytest.raises(DatasetError, match=r"(?s)file\.json is damaged or cut short \(.*Expected records, as JSON"):
        list(scan_object(path, "records"))


@pytest.mark.parametrize("place", [100, 5_000, 100_000])
def test_the_place_of_a_damage_is_told(tmp_path: Path, place: int) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b'{"key": "' + b"x" * (place - 14) + b'", "k! 1}')
    content = path.read_bytes().replace(b'"k!', b"!k!")
    path.write_bytes(content)
    with chunk(1_000), pytest.raises(DatasetError, match=rf"near byte {content.index(b'!')}\)"):
        list(scan_object(path, "records"))


def test_a_damage_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for content, peak in ((b'{"a": 1, "b": [nope, ', 20_000_000), (b'{"a": 1, "b": "never closed', 2_000_000)):
        with path.open("wb") as opened:
            opened.write(content + b" " * 100_000)
            opened.truncate(300_000_000)
        size = WHOLE if peak > WHOLE else 1_000
        with chunk(size, longest=None if peak > WHOLE else 50_000):
            tracemalloc.start()
            with pytest.raises(DatasetError, match="damaged or cut short"):
                list(scan_object(path, "records"))
            assert tracemalloc.get_traced_memory()[1] < peak, "the rest of the file is not read"
            tracemalloc.stop()


@pytest.mark.parametrize("content", [b"[1]", b"12", b'"text"', b"true", b"null", b"-1.5e3"])
def test_no_object(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    name = type(json.loads(content)).__name__
    with pytest.raises(DatasetError, match=rf"file\.json holds a JSON {name}\. Expected records: a JSON object"):
        list(scan_object(file, "records"))


def test_no_list(file: Path) -> None:
    file.write_text('{"rows": {"a": 1}}')
    with pytest.raises(DatasetError, match=r"file\.json holds a JSON dict\. Expected records: a JSON list"):
        list(scan_list(file, "records"))
    with pytest.raises(DatasetError, match=r"file\.json, member 'rows', holds a JSON dict\. Expected records: a JSON list"):
        list(scan_list(file, "records", ("rows",)))
    with pytest.raises(DatasetError, match=r"file\.json has no key 'columns'\. Expected records"):
        list(scan_list(file, "records", ("columns",)))


def test_keys_that_occur_twice(file: Path) -> None:
    file.write_text('{"a": 1, "a": 2}')
    assert [(record.key, record.value) for record in scan_object(file, "records")] == [("a", 1), ("a", 2)], "the index finds out"
    file.write_text('{"rows": [1], "rows": [2]}')
    with pytest.raises(DatasetError, match=r"file\.json has the key 'rows' twice"):
        list(scan_list(file, "records", ("rows",)))


@pytest.mark.parametrize("scan", [scan_object, scan_list, scan_lines])
def test_files_that_cannot_be_opened(tmp_path: Path, scan: Any) -> None:
    with pytest.raises(MissingDataError, match=r"none\.json is missing\. Expected records"):
        list(scan(tmp_path / "none.json", "records"))
    with pytest.raises(DatasetError, match=r"cannot be read: .*Expected records"):
        list(scan(tmp_path, "records"))


@pytest.mark.parametrize("line", [b"{", b"\xff", b"\xef\xbb\xbf1", b"1\0", b"\0" * 4, b"1 2", b"[" * 100_000, b"1" * 5_000])
def test_damaged_lines(file: Path, line: bytes) -> None:
    file.write_bytes(b'{"a": 1}\n\n' + line + b"\n2\n")
    records = scan_lines(file, "records")
    assert next(records) == Record("", 1, {"a": 1}, 0, 9)
    with pytest.raises(
        DatasetError, match=r"(?s)file\.json, line 3, is damaged or cut short \(.*Expected records, as lines of JSON"
    ):
        next(records)


def test_a_file_without_lines_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    with path.open("wb") as opened:
        opened.truncate(100_000_000)
    tracemalloc.start()
    with chunk(WHOLE, longest=100_000), pytest.raises(DatasetError, match="line 1, is damaged or cut short"):
        list(scan_lines(path, "records"))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
