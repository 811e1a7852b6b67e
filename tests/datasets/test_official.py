from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from vispro_gym.datasets import DATASETS, MissingDataError, open_dataset
from vispro_gym.datasets.official import COUNTS, RELEASES, OfficialFile, difference, official_files
from vispro_gym.registration import ENVIRONMENTS

CONTENT = b"one line\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT = "2c3a4fa69c7c8c5a4b2bfb8ba3b6c8fe3b4a1d32"  # of another content


def test_tables_are_well_formed() -> None:
    assert set(COUNTS) | set(RELEASES) <= set(DATASETS)
    assert {row.dataset for row in ENVIRONMENTS} - set(COUNTS) <= {"COCO", "OmniLabel"}
    for release in RELEASES.values():
        for file in release.files:
            assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", file.digest)
            assert not Path(file.path).is_absolute()
    digests = {file.digest: file.path for release in RELEASES.values() for file in release.files}
    assert len(digests) == len({(file.digest, file.path) for release in RELEASES.values() for file in release.files})


def test_sizes_and_checksums(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert difference(path, OfficialFile("file", SHA256, len(CONTENT)), checksums=True) is None
    assert difference(path, OfficialFile("file", "0" * 64, len(CONTENT))) is None, "checksums are compared on demand"
    said = difference(path, OfficialFile("file", "0" * 64, len(CONTENT)), checksums=True)
    assert said is not None and f"{path} has the SHA-256 {SHA256}. The official file has 0000" in said
    said = difference(path, OfficialFile("file", SHA256, 12))
    assert said == f"{path} has 9 bytes. The official file has 12. Fetch the file again."


def test_ids_of_git(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    hello = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert difference(path, OfficialFile("file", hello), checksums=True) is None
    path.write_bytes(b"hello!")
    said = difference(path, OfficialFile("file", hello), checksums=True)
    assert said is not None and "git id" in said and "\n" not in said
    assert difference(path, OfficialFile("file", hello)) is None, "of a file without a known size nothing is cheap to compare"


def test_files_are_found_where_the_datasets_look(tmp_path: Path) -> None:
    assert list(official_files("NLVR2", tmp_path)) == []
    (tmp_path / "nlvr2" / "data").mkdir(parents=True)
    (tmp_path / "nlvr2" / "data" / "dev.json").touch()
    assert [path.name for path, _ in official_files("NLVR2", tmp_path)] == ["dev.json"]
    assert list(official_files("unheard of", tmp_path)) == []


@pytest.mark.parametrize(("name", "count"), [("POPE", 3), ("VSR", 6), ("NLVR2", 2), ("SugarCREPE", 7)])
def test_real_files_are_as_published(name: str, count: int, realdata: Path) -> None:
    root = realdata / name.lower()
    files = list(official_files(name, root))
    assert len(files) == count
    assert [difference(path, file, checksums=True) for path, file in files] == [None] * count


@pytest.mark.parametrize("name", ["POPE", "VSR", "NLVR2", "SugarCREPE"])
def test_real_splits_have_as_many_samples(name: str, realdata: Path) -> None:
    root = realdata / name.lower()
    compared = 0
    for split, count in COUNTS[name].items():
        try:
            dataset = open_dataset(name, root, split, "optional")
        except MissingDataError:
            continue
        assert len(dataset) == count, split
        compared += 1
    assert compared >= 2
