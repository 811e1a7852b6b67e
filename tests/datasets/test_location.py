from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from vispro_gym.datasets import mini
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.location import locate
from vispro_gym.datasets.mini import cache_dir


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISPRO_DATA_GQA", "VISPRO_DATA_ROOT", "VISPRO_CACHE"):
        monkeypatch.delenv(name, raising=False)


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("argument", "variable", "root/gqa"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr("vispro_gym.datasets.location.mini_root", lambda name: tmp_path)
    assert locate("GQA").is_mini
    monkeypatch.setenv("VISPRO_DATA_ROOT", str(tmp_path / "root"))
    assert locate("GQA").root == tmp_path / "root" / "gqa"
    monkeypatch.setenv("VISPRO_DATA_GQA", str(tmp_path / "variable"))
    assert locate("GQA").root == tmp_path / "variable"
    assert locate("GQA", tmp_path / "argument").root == tmp_path / "argument"
    assert not locate("GQA", tmp_path / "argument").is_mini


def test_a_root_without_the_dataset_falls_through_to_mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vispro_gym.datasets.location.mini_root", lambda name: tmp_path)
    monkeypatch.setenv("VISPRO_DATA_ROOT", str(tmp_path))
    assert locate("GQA").is_mini


def test_named_folders_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="data_dir is .* which does not exist"):
        locate("GQA", tmp_path / "nowhere")
    (tmp_path / "data.zip").touch()
    with pytest.raises(DatasetError, match="data_dir is .*data.zip', which is a file. Expected the root folder"):
        locate("GQA", tmp_path / "data.zip")
    monkeypatch.setenv("VISPRO_DATA_GQA", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match="the environment variable VISPRO_DATA_GQA is .* which does not exist"):
        locate("GQA")
    monkeypatch.delenv("VISPRO_DATA_GQA")
    monkeypatch.setenv("VISPRO_DATA_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match="the environment variable VISPRO_DATA_ROOT is .* which is no folder"):
        locate("GQA")


def test_mini_data_is_told_by_its_note_wherever_it_is(tmp_path: Path) -> None:
    mini.write_mini("CLEVR", tmp_path)
    assert locate("CLEVR", tmp_path).is_mini
    (tmp_path / mini.MINI_NOTE).unlink()
    assert not locate("CLEVR", tmp_path).is_mini


@pytest.mark.parametrize("data_dir", [5, 0, b"/data", ["/data"], False])
def test_data_dir_must_be_a_path(data_dir: Any) -> None:
    with pytest.raises(TypeError, match=r"data_dir=.* is no path\. Expected a str, a path or None"):
        locate("GQA", data_dir)


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir().name == "vispro_gym"
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path


def test_no_mini_data_for_an_unknown_name() -> None:
    with pytest.raises(DatasetError, match=r"no mini data for 'ImageNet'. Expected one of: .*CLEVR.*GQA"):
        mini.mini_root("ImageNet")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match="could not be written .* Set VISPRO_CACHE"):
        mini.mini_root("CLEVR")


def _generate(folder: str, queue: Any) -> None:
    patch = pytest.MonkeyPatch()
    patch.setenv("VISPRO_CACHE", folder)
    patch.setattr(mini, "write_mini", lambda name, root: (root / "made").write_text("x" * 1000))
    queue.put((mini.mini_root("GQA") / "made").read_text())
    patch.undo()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_that_ask_at_once_get_one_whole_copy(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_generate, args=(str(tmp_path), queue)) for _ in range(6)]
    for child in children:
        child.start()
    assert [queue.get(timeout=60) for _ in children] == ["x" * 1000] * 6
    for child in children:
        child.join()
    assert [path.name.split("-")[0] for path in (tmp_path / "mini").iterdir() if path.is_dir()] == ["gqa"]


def test_what_a_killed_generation_left_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_CACHE", str(tmp_path))
    monkeypatch.setattr(mini, "write_mini", lambda name, root: (root / "made").touch())
    partial = tmp_path / "mini" / f"gqa-{mini._source_digest('GQA')}.partial"
    partial.mkdir(parents=True)
    (partial / "half").touch()
    assert [path.name for path in mini.mini_root("GQA").iterdir()] == ["made"]
