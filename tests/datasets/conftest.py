"""An index file's source and a cache folder of its own, for the tests of indexes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.datasets.indexed import RECORDS


@pytest.fixture
def index_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with the records of `tests.datasets.indexed`, alone in its folder."""
    path = tmp_path / "data" / "records.json"
    path.parent.mkdir()
    path.write_text(json.dumps(RECORDS, ensure_ascii=False))
    return path
