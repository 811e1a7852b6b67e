"""Splits that are files of one JSON record per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets.errors import DatasetError, MissingDataError
from vispro_gym.datasets.split_files import find_split, split_records

LAYOUT = (("{}", "a/{}/{}.json"), ("b_{}", "b/{}.json"), ("{}", "{}.json"))


def find(root: Path, split: str) -> Path:
    return find_split("Name", split, root, LAYOUT, "https://address")


def test_the_first_file_of_the_layout_counts(tmp_path: Path) -> None:
    for path in ("a/dev/dev.json", "b/dev.json", "dev.json", "b_dev.json", "a/dev/test.json", "a.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    found = {split: find(tmp_path, split).relative_to(tmp_path).as_posix() for split in ("dev", "b_dev", "a")}
    assert found == {"dev": "a/dev/dev.json", "b_dev": "b/dev.json", "a": "a.json"}
    with pytest.raises(MissingDataError) as error:
        find(tmp_path, "b_test")
    assert str(error.value) == (
        f"Name has no split 'b_test' in {tmp_path}. Expected a/b_test/b_test.json or b/test.json or b_test.json. "
        "Splits found there: dev, b_dev, a. The official files are at https://address."
    )


@pytest.mark.parametrize("split", ["..", ".", "-x", "+"])
def test_a_split_does_not_lead_out_of_the_folder(tmp_path: Path, split: str) -> None:
    (tmp_path / f"{split}.json").write_text("")
    (tmp_path / "root" / "a").mkdir(parents=True)
    with pytest.raises(MissingDataError, match="No annotation files were found there"):
        find(tmp_path / "root", split)


def write(path: Path, *records: Any) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_records_and_their_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", {"id": 7, "label": 1}, {"id": "8"}, {"id": True, "label": 1}, [], {"label": 0})
    by_id = [sample_id for sample_id, _, _ in split_records("Name dev", path, "lines", "label", "id", int)]
    assert by_id == ["7", "line 2", "line 3", "line 4", "line 5"], "damaged records are called by their line, from 1"
    by_line = list(split_records("Name dev", path, "lines", "label", None))
    assert [sample_id for sample_id, _, _ in by_line] == ["0", "1", "2", "3", "4"]
    assert next(record.value for _, record, _ in by_line) == {"id": 7, "label": 1}


def test_files_without_labels_or_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", {"id": 7}, {"id": 8, "label": 1})
    with pytest.raises(DatasetError, match=r"Name dev has no answers: .*x\.json, line 1, has no key 'label'\. Rewards need"):
        list(split_records("Name dev", path, "lines", "label", "id"))
    with pytest.raises(DatasetError, match=r"empty\.json holds no samples\. Expected lines"):
        list(split_records("Name dev", write(tmp_path / "empty.json"), "lines", "label", "id"))
