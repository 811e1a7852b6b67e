"""Damaged data of every dataset: one clear error, never another exception, and never half an index."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import DATASETS, Dataset, DatasetError, open_dataset
from vispro_gym.datasets.location import locate
from vispro_gym.registration import ENVIRONMENTS

ROWS = [(row.dataset, row.evaluation_split) for row in ENVIRONMENTS]
PICTURES = (".jpg", ".png")
EDITS = 5


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("VISPRO_DATA"):
            monkeypatch.delenv(name)


def copy(name: str, folder: Path) -> Path:
    """The mini data of a dataset in another folder; pictures are links, files of annotations are copies."""
    source = locate(name).root
    for path in source.rglob("*"):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            (os.link if path.suffix in PICTURES else shutil.copyfile)(path, target)
    return folder


def annotation_files(folder: Path, name: str, split: str) -> list[Path]:
    """The files that must be there and that one may damage."""
    return [path for path in open_dataset(name, folder, split)._sources() if path.is_file()]


def read_all(name: str, folder: Path, split: str) -> tuple[int, int]:
    """Number of samples that can be read, and of those that are refused; in every form of the dataset."""
    good = bad = 0
    for form in DATASETS[name].forms:
        dataset: Dataset = open_dataset(name, folder, split, "optional", form)
        for i in range(len(dataset)):
            try:
                sample = dataset.sample(i)
                assert all(image.size for image in sample.images)
                good += 1
            except DatasetError as error:
                assert str(error) and len(str(error)) < 1000
                bad += 1
    return good, bad


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_a_path_with_spaces_and_other_letters(tmp_path: Path, name: str, split: str) -> None:
    folder = copy(name, tmp_path / "Größe 1, 100 % «données» ' # ?")
    good, bad = read_all(name, folder, split)
    assert good > 0 and bad == 0


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_a_zip_in_place_of_a_folder(tmp_path: Path, name: str, split: str) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README", "x")
    with pytest.raises(DatasetError, match=rf"data\.zip', which is a file\. Expected the root folder of the {name} data"):
        open_dataset(name, path, split)


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_an_empty_folder(tmp_path: Path, name: str, split: str) -> None:
    with pytest.raises(DatasetError, match=r"(?s)Expected.*https?://"):
        open_dataset(name, tmp_path, split)


@pytest.mark.parametrize(("name", "split"), ROWS)
@pytest.mark.parametrize("damage", ["0 bytes", "half", "a zip", "a folder"])
def test_a_damaged_file(tmp_path: Path, name: str, split: str, damage: str) -> None:
    folder = copy(name, tmp_path / name)
    for path in annotation_files(folder, name, split):
        content = path.read_bytes()
        if damage == "a folder":
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes({"0 bytes": b"", "half": content[: len(content) // 2], "a zip": b"PK\3\4" + bytes(30)}[damage])
        try:
            for _ in range(2):  # the second time would find the index that the first has left, if it left one
                with pytest.raises(DatasetError) as error:
                    good, bad = read_all(name, folder, split)
                    pytest.fail(f"{path.name}, {damage}: {good} samples were read, {bad} refused")
                assert re.search("Expected|Rewards need", str(error.value)), str(error.value)
        finally:
            shutil.rmtree(path) if path.is_dir() else None
            path.write_bytes(content)
    good, bad = read_all(name, folder, split)
    assert good > 0 and bad == 0, "the same files, undamaged again"


SCRAP: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    "",
    "x",
    "../../etc/passwd",
    "\ud800",
    [],
    [[]],
    {},
    {"id": 1},
    [None],
)


def shallow_first(value: Any, rng: random.Random) -> tuple[Any, Any] | None:
    """A place chosen by walking down at random, so that shallow places are as probable as deep ones."""
    place = None
    while isinstance(value, dict | list) and value and (place is None or rng.random() < 0.75):
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        place, value = (value, key), value[key]
    return place


def edit(text: str, rng: random.Random) -> str:
    """A JSON document, or lines of JSON, with one value removed, replaced or doubled."""
    try:
        document, render = json.loads(text), json.dumps
    except ValueError:
        document, render = [json.loads(line) for line in text.splitlines() if line.strip()], None
    place = shallow_first(document, rng)
    if place is not None:
        container, key = place
        action = rng.choice(["remove", "replace", "double"])
        if action == "remove":
            del container[key]
        elif action == "double" and isinstance(container, list):
            container.insert(key, container[key])
        else:
            container[key] = rng.choice(SCRAP)
    return render(document) if render else "".join(json.dumps(line) + "\n" for line in document)


@pytest.mark.parametrize(("name", "split"), ROWS)
def test_whatever_a_json_file_holds_there_is_no_other_exception(tmp_path: Path, name: str, split: str) -> None:
    folder = copy(name, tmp_path / name)
    rng = random.Random(f"damage of {name}")
    refused = 0
    for path in annotation_files(folder, name, split):
        if path.suffix not in (".json", ".jsonl"):
            continue
        text = path.read_text(encoding="utf-8")
        for _ in range(EDITS):
            path.write_text(edit(text, rng), encoding="utf-8")
            try:
                _, bad = read_all(name, folder, split)
                refused += bad > 0
            except DatasetError as error:
                assert len(str(error)) < 1000
                refused += 1
        path.write_text(text, encoding="utf-8")
    assert refused > 0, "no damage was found"
