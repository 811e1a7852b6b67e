"""Pickles: plain data is read, and nothing else, whatever the file says. Nothing in a file is ever run."""

from __future__ import annotations

import copyreg
import io
import json
import os
import pickle
import random
import struct
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.safe_pickle import LARGEST_FILE, PlainUnpickler, read_plain_pickle

EXPECTED = "some refs"
REFS = [
    {"ref_id": 7, "split": "val", "sent_ids": [1, 2], "sentences": [{"sent_id": 1, "sent": "the café", "tokens": ["the", "café"]}]},
    {"ref_id": 8, "split": "train", "sent_ids": [], "sentences": [], "area": 12.5, "more": None, "last": True, "big": -(1 << 40)},
]  # fmt: skip


def read(data: bytes, folder: Path) -> Any:
    path = folder / "refs(unc).p"
    path.write_bytes(data)
    return read_plain_pickle(path, EXPECTED)


class Attack:
    """Pickled as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data(tmp_path: Path, protocol: int) -> None:
    assert read(pickle.dumps(REFS, protocol), tmp_path) == REFS


def test_what_python_2_wrote(tmp_path: Path) -> None:
    data = b"(lp0\n(dp1\nS'raw'\np2\nS'caf\\xe9'\np3\nsS'id'\np4\nI7\nsS'n'\np5\nVna\\u00efve\np6\nsS'long'\np7\nL5L\nsS'raw2'\np8\ng3\nsa."
    assert read(data, tmp_path) == [{"raw": "café", "id": 7, "n": "naïve", "long": 5, "raw2": "café"}]
    assert read(b"\x80\x02]q\x00U\x04caf\xe9q\x01a.", tmp_path) == ["café"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_all_plain_data_survives(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol), tmp_path_factory.getbasetemp()) == value


@given(data=st.binary(max_size=60))
def test_any_bytes_are_plain_data_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    try:
        json.dumps(read(data, tmp_path_factory.getbasetemp()))
    except DatasetError as error:
        assert "Expected some refs" in str(error)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_calls_are_refused_and_do_not_happen(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    data = pickle.dumps([REFS, Attack(os.mkdir, str(canary))], protocol)
    with pytest.raises(DatasetError, match=r"refs\(unc\)\.p has at byte \d+ the instruction .* Nothing in it was run"):
        read(data, tmp_path)
    with pytest.raises(pickle.UnpicklingError, match=r"it asks for (posix|os)\.mkdir"):
        PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    assert not canary.exists()
    pickle.loads(data)
    assert canary.is_dir(), "the attack does work"


FORBIDDEN = {
    "GLOBAL": b"cos\nsystem\n.",
    "GLOBAL behind data": b"]q\x00(I1\nI2\necos\nsystem\na.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'true'\no.",
    "NEWOBJ": b"ccollections\nOrderedDict\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
    "REDUCE": b"cos\nsystem\n(S'true'\ntR.",
    "BUILD": b"}}b.",
    "PERSID": b"Pabc\n.",
    "BINPERSID": b"U\x03abcQ.",
    "TUPLE": b"(I1\nt.",
    "EMPTY_TUPLE": b").",
    "BINBYTES": b"B\x01\x00\x00\x00a.",
    "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"a.",
    "EMPTY_SET": b"\x80\x04\x8f.",
    "FROZENSET": b"\x80\x04(\x91.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "DUP": b"]2a.",
    "POP": b"]]0.",
    "POP_MARK": b"](1.",
    "no instruction at all": b"\xff.",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_instructions_that_do_not_make_plain_data(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=r"has at byte \d+ the instruction (\w+), which does not make plain data.*was run"):
        read(FORBIDDEN[name], tmp_path)


@pytest.mark.parametrize(
    "name", ["GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "PERSID", "BINPERSID"]
)
def test_the_unpickler_alone_refuses_too(name: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match="it asks for"):
        PlainUnpickler(io.BytesIO(FORBIDDEN[name])).load()


@pytest.fixture
def extension() -> Iterator[int]:
    """The code of a registered extension that is in the interpreter's cache, which no `find_class` is asked about."""
    code = 240
    copyreg.add_extension("collections", "OrderedDict", code)
    assert pickle.loads(bytes([0x82, code]) + b".") is OrderedDict
    yield code
    copyreg.remove_extension("collections", "OrderedDict", code)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_registered_extensions(tmp_path: Path, extension: int, size: int) -> None:
    instruction = {1: b"\x82", 2: b"\x83", 4: b"\x84"}[size] + extension.to_bytes(size, "little")
    assert PlainUnpickler(io.BytesIO(instruction + b"(tR.")).load() == OrderedDict(), "the second barrier alone lets it pass"
    with pytest.raises(DatasetError, match=f"the instruction EXT{size}"):
        read(instruction + b"(tR.", tmp_path)


def shared(levels: int, times: int) -> Any:
    value: Any = ["x"]
    for _ in range(levels):
        value = [value] * times
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append({"again": value})
    return value


HEAVY = {
    "lists that are meant many times": (pickle.dumps(shared(20, 10), 2), "unfolds to many times its size"),
    "dicts that are meant many times": (pickle.dumps([{str(i): shared(5, 9) for i in range(9)}] * 9, 2), "unfolds to many"),
    "a text that is meant many times": (pickle.dumps(["x" * 10_000] * 10_000, 2), "unfolds to many times its size"),
    "a key that is meant many times": (pickle.dumps([{"x" * 10_000: 1} for _ in range(3)] * 9_000, 2), "unfolds to many"),
    "what holds itself": (pickle.dumps(cycle(), 2), "is nested more than|unfolds to many"),
    "a deep list": (b"]" * 100_000 + b"a" * 99_999 + b".", "is nested more than 32 deep"),
    "a slot far away": (b"]r\xff\xff\xff\x7f.", "wants at byte 1 memory slot 2147483647 after 1 instructions"),
    "a slot far away, in words": (b"]p999999999\n.", "memory slot 999999999"),
    "a negative slot": (b"]p-1\n.", "memory slot -1"),
    "a number of many bytes": (pickle.dumps([1 << 100_000], 2), "a number of more than 64 bits"),
    "a number of many digits": (b"L" + b"9" * 5_000 + b"L\n.", "damaged or cut short"),
    "a text of a billion bytes": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"x.", "damaged or cut short"),
    "a number of a billion bytes": (b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"x.", "damaged or cut short"),
    "a frame of a billion bytes": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"].", "damaged or cut short"),
    "nothing but marks": (b"(" * 1_000_000 + b".", "damaged or cut short"),
}


@pytest.mark.parametrize("name", HEAVY)
def test_what_would_take_long_or_much_memory(tmp_path: Path, name: str) -> None:
    data, message = HEAVY[name]
    with pytest.raises(DatasetError, match=rf"refs\(unc\)\.p .*({message}).*Expected some refs"):
        read(data, tmp_path)


WRONG = {
    "numbers as keys": ({1: 2}, "holds a dict with a key that is no text"),
    "no text, inside": ([[{"a": {2: 3}}]], "holds a dict with a key that is no text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_content(tmp_path: Path, name: str) -> None:
    value, message = WRONG[name]
    with pytest.raises(DatasetError, match=message):
        read(pickle.dumps(value, 2), tmp_path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_truncated_file_is_an_error(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps(REFS, protocol)
    for end in range(len(data)):
        with pytest.raises(DatasetError, match=r"refs\(unc\)\.p is damaged or cut short.*Fetch the file again"):
            read(data[:end], tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_changed_bytes_give_plain_data_or_an_error(tmp_path: Path, protocol: int) -> None:
    rng = random.Random(protocol)
    data = pickle.dumps(REFS, protocol)
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            json.dumps(read(bytes(changed), tmp_path))
        except DatasetError:
            refused += 1
    assert refused > 80


def test_files_that_are_too_large_missing_or_folders(tmp_path: Path) -> None:
    path = tmp_path / "refs.p"
    path.write_bytes(pickle.dumps(REFS))
    with pytest.raises(DatasetError, match=r"refs\.p has more than 20 bytes\. Expected some refs"):
        read_plain_pickle(path, EXPECTED, 20)
    assert LARGEST_FILE > 5 * 50_000_000
    with pytest.raises(MissingDataError, match="is missing. Expected some refs"):
        read_plain_pickle(tmp_path / "none.p", EXPECTED)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_plain_pickle(tmp_path, EXPECTED)


def test_the_real_file(realdata: Path) -> None:
    folder = realdata / "refcoco" / "refcocog"
    assert read_plain_pickle(folder / "refs(umd).p", EXPECTED) == json.loads((folder / "refs(umd).json").read_text())
