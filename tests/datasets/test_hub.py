"""Repositories of rows: how they are named, opened and refused. What the rows become is in test_hub_datasets.py."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

datasets = pytest.importorskip("datasets")

import huggingface_hub.constants  # noqa: E402

from tests.datasets.published import PUBLISHED, Tables, save, table, write_snapshot  # noqa: E402
from tests.scenes import NamePerception, write_gqa_folder  # noqa: E402
from vispro_gym.datasets import Dataset, DatasetError, MissingDataError, open_dataset  # noqa: E402
from vispro_gym.datasets.hub_layouts import FORMS, listed  # noqa: E402
from vispro_gym.datasets.mini import mini_root  # noqa: E402
from vispro_gym.perception.protocol import Answer  # noqa: E402
from vispro_gym.programs.experts import translate  # noqa: E402
from vispro_gym.tasks import TASKS  # noqa: E402

datasets.disable_progress_bars()

QUESTIONS, PICTURES = ("val_balanced_instructions", "val"), ("val_balanced_images", "val")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the libraries convert and fetch stays among the tests' files, and no folder of one's own gives scenes."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("VISPRO_DATA_GQA", "VISPRO_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def official(tmp_path: Path) -> Dataset:
    return open_dataset("GQA", write_gqa_folder(tmp_path / "official"), "val")


@pytest.fixture
def tables(official: Dataset) -> Tables:
    return PUBLISHED["GQA"](official, "val")


@pytest.fixture
def root(tables: Tables, tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "GQA data, Größe [1]", tables)


def changed(rows: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Rows with other values."""
    plain = rows.cast_column("image", datasets.Image(decode=False)) if "image" in rows.column_names else rows
    return table([change(row) for row in plain], rows.features)


def test_rows_are_the_official_samples(root: Path, official: Dataset) -> None:
    dataset = open_dataset("GQA", f"hf:{root}", "val")
    assert dataset.sample_ids == ["0007", "0008"] == official.sample_ids and not dataset.is_mini
    for a, b in zip(dataset, official, strict=True):
        assert (a.query, a.target, a.fields, a.functional_program) == (b.query, b.target, b.fields, b.functional_program)
        assert a.images[0].path is None and a.images[0].size == (100, 80)
        assert np.array_equal(a.images[0].pixels(), b.images[0].pixels()) and a.images[0].content_hash == b.images[0].content_hash
    assert open_dataset("GQA", Path(f"hf:{root}"), "val_balanced").sample_ids == official.sample_ids
    assert repr(dataset) == f"<GQA val: 2 samples in {root}>"


def test_an_open_dataset_can_be_pickled(root: Path) -> None:
    dataset = open_dataset("GQA", f"hf:{root}", "val")
    before = dataset[0].images[0].pixels()
    assert np.array_equal(pickle.loads(pickle.dumps(dataset))[0].images[0].pixels(), before)


def test_the_protocol_split_draws_the_same_questions(tmp_path: Path) -> None:
    other = open_dataset("GQA", mini_root("GQA"), "val")
    root = save(tmp_path / "saved", PUBLISHED["GQA"](other, "val"))
    drawn = open_dataset("GQA", f"hf:{root}", "visrep_test")
    assert drawn.sample_ids == open_dataset("GQA", mini_root("GQA"), "visrep_test").sample_ids and len(drawn) < len(other)


def test_changed_files_are_read_anew(root: Path, tables: Tables) -> None:
    assert open_dataset("GQA", f"hf:{root}", "val")[0].target == "yes"
    tables[QUESTIONS] = changed(tables[QUESTIONS], lambda row: row | {"answer": "certainly"})
    write_snapshot(root, tables)
    assert open_dataset("GQA", f"hf:{root}", "val")[0].target == "certainly"


def test_a_single_saved_split(tables: Tables, tmp_path: Path) -> None:
    for (config, _), rows in tables.items():
        rows.save_to_disk(str(tmp_path / "saved" / config))
    assert open_dataset("GQA", f"hf:{tmp_path / 'saved'}", "val").sample_ids == ["0007", "0008"]


# --- the Hub itself ------------------------------------------------------------------------------------------------------------


def fetched(root: Path, hub: Path) -> Path:
    """Puts a repository where `huggingface_hub` keeps what it has fetched."""
    folder = hub / "datasets--lmms-lab--GQA"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(root, folder / "snapshots" / COMMIT))


@pytest.mark.parametrize("address", ["hf:lmms-lab/GQA", "hf:lmms-lab/GQA@main", f"hf:lmms-lab/GQA@{COMMIT}"])
def test_a_repository_that_has_been_fetched_is_opened_offline(address: str, root: Path, tmp_path: Path) -> None:
    snapshot = fetched(root, tmp_path / "hub")
    dataset = open_dataset("GQA", address, "val")
    assert dataset.sample_ids == ["0007", "0008"] and dataset.location.root == snapshot


def test_a_repository_that_was_not_fetched_is_one_error_offline(root: Path, tmp_path: Path) -> None:
    assert huggingface_hub.constants.HF_HUB_OFFLINE
    with pytest.raises(MissingDataError, match=r"hf:lmms-lab/GQA cannot be fetched .*HF_HUB_OFFLINE unset.*after 'hf:'") as error:
        gym.make("VisProg-GQA-v0", data_dir="hf:lmms-lab/GQA", split="testdev")
    assert len(str(error.value)) < 700
    fetched(root, tmp_path / "hub")
    with pytest.raises(MissingDataError, match=r"hf:lmms-lab/GQA@v2 cannot be fetched"):
        open_dataset("GQA", "hf:lmms-lab/GQA@v2", "val")
    with pytest.raises(MissingDataError, match=r"hf:lmms-lab/GQA has no testdev_balanced_instructions/testdev-\*\.parquet"):
        open_dataset("GQA", "hf:lmms-lab/GQA", "testdev")


def test_nothing_is_fetched_for_a_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **kwargs: pytest.fail("fetches"))
    assert len(open_dataset("GQA", f"hf:{root}", "val")) == 2


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "datasets":
            raise ModuleNotFoundError("No module named 'datasets'", name="datasets")

sys.meta_path.insert(0, Blocker())
from vispro_gym.datasets import open_dataset
print(len(open_dataset("GQA", sys.argv[1], "val")))
try:
    open_dataset("GQA", "hf:" + sys.argv[2], "val")
except ImportError as error:
    print(error)
"""


def test_the_library_is_optional(root: Path, official: Dataset) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(official.location.root), str(root)], capture_output=True, text=True, check=True
    )
    count, message = run.stdout.splitlines()
    assert count == "2"
    assert message.startswith(f"data_dir='hf:{root}' needs datasets, which is not installed: pip install")


def test_official_files_are_read_without_the_library(official: Dataset) -> None:
    code = f"import sys, vispro_gym.datasets as d; d.open_dataset('GQA', {str(official.location.root)!r}, 'val')[0]"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}; print('datasets' in sys.modules, 'pyarrow' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["False", "False"]


# --- what is wrong -------------------------------------------------------------------------------------------------------------


def test_addresses_that_name_nothing(tmp_path: Path, root: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK")
    for address, kind in {
        f"hf:{tmp_path / 'nowhere'}": "does not exist",
        f"hf:{tmp_path / 'data.zip'}": "is a file",
        "hf:": "does not exist",
        "hf:GQA": "does not exist",
        "hf:~/no such folder": "does not exist",
        "hf:./lmms-lab/GQA": "does not exist",
        "hf:a/b/c": "does not exist",
        "hf:https://huggingface.co/datasets/lmms-lab/GQA": "does not exist",
    }.items():
        with pytest.raises(MissingDataError, match=kind):
            open_dataset("GQA", address, "val")
    with pytest.raises(
        DatasetError, match=r"'hf:lmms-lab/CLEVR', but no repository of CLEVR is known.*repositories of: GQA, VQAv2"
    ):
        open_dataset("CLEVR", "hf:lmms-lab/CLEVR", "val")
    with pytest.raises(MissingDataError, match=r"data_dir is 'nohf:.*does not exist"):
        open_dataset("GQA", f"nohf:{root}", "val")


def test_unknown_splits_and_configurations(root: Path, tables: Tables, tmp_path: Path) -> None:
    for split in ("test", "challenge_all", "nope"):
        with pytest.raises(
            MissingDataError, match=rf"GQA has no split '{split}' in hf:.*Expected one of: train, val, testdev, train_"
        ):
            open_dataset("GQA", f"hf:{root}", split)
    with pytest.raises(
        MissingDataError,
        match=r"has no val_all_instructions/val-\*\.parquet.*Found there: README\.md, val_balanced_images/, val_",
    ):
        open_dataset("GQA", f"hf:{root}", "val_all")
    shutil.rmtree(root / PICTURES[0])
    with pytest.raises(MissingDataError, match=r"has no val_balanced_images/val-\*\.parquet, the files of configuration"):
        open_dataset("GQA", f"hf:{root}", "val")
    saved = save(tmp_path / "saved", {(config, "dev"): rows for (config, _), rows in tables.items()})
    with pytest.raises(MissingDataError, match=r"'val_balanced_instructions', has no split 'val'.*Splits found there: dev\."):
        open_dataset("GQA", f"hf:{saved}", "val")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="The folder is empty"):
        open_dataset("GQA", f"hf:{tmp_path / 'empty'}", "val")
    with pytest.raises(MissingDataError, match=r"unpack data/images\.zip"):
        open_dataset("WinoGround", f"hf:{tmp_path / 'empty'}", "test")


def test_missing_columns(tables: Tables, tmp_path: Path) -> None:
    for where, column in ((QUESTIONS, "answer"), (QUESTIONS, "id"), (PICTURES, "image")):
        root = write_snapshot(tmp_path / column, tables | {where: tables[where].remove_columns([column])})
        with pytest.raises(
            DatasetError, match=rf"configuration '{where[0]}', split 'val', has no column '{column}'\. Expected id, "
        ):
            open_dataset("GQA", f"hf:{root}", "val")
    bare = tables | {QUESTIONS: tables[QUESTIONS].select_columns(["id", "imageId", "question", "answer"])}
    sample = open_dataset("GQA", f"hf:{write_snapshot(tmp_path / 'bare', bare)}", "val")[0]
    assert (sample.target, sample.fields, sample.functional_program) == ("yes", {}, None)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no Parquet", b"PAR1"])
def test_damaged_files(content: bytes, root: Path) -> None:
    next((root / QUESTIONS[0]).iterdir()).write_bytes(content)
    with pytest.raises(
        DatasetError, match=r"configuration 'val_balanced_instructions', split 'val', cannot be read: .*Fetch the"
    ):
        open_dataset("GQA", f"hf:{root}", "val")


def test_damaged_saved_files(tables: Tables, tmp_path: Path) -> None:
    root = save(tmp_path / "saved", tables)
    next((root / QUESTIONS[0]).glob("val/*.arrow")).write_bytes(b"")
    with pytest.raises(DatasetError, match="cannot be read"):
        open_dataset("GQA", f"hf:{root}", "val")


BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "no answer": ({"answer": None}, "GQA val question 0008 has no key 'answer'"),
    "no picture": ({"imageId": "77"}, "configuration 'val_balanced_images', split 'val', has no picture '77'"),
    "no id": ({"id": None}, "configuration 'val_balanced_instructions', split 'val', row 1, has no id"),
    "no type": ({"types": {"structural": None}}, "question 0008, types has 'structural' of type NoneType"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_damaged_rows_are_named(name: str, tables: Tables, tmp_path: Path) -> None:
    change, message = BAD_VALUES[name]
    rows = changed(tables[QUESTIONS], lambda row: row | change if row["id"] == "0008" else row)
    dataset = open_dataset("GQA", f"hf:{write_snapshot(tmp_path / 'x', tables | {QUESTIONS: rows})}", "val")
    assert dataset[0].sample_id == "0007", "other rows are not affected"
    with pytest.raises(DatasetError, match=message):
        dataset[1]


def test_lists_that_are_no_lists(tables: Tables, tmp_path: Path) -> None:
    rows = changed(tables[QUESTIONS], lambda row: row | {"entailed": "['0007', "})
    dataset = open_dataset("GQA", f"hf:{write_snapshot(tmp_path / 'x', tables | {QUESTIONS: rows})}", "val")
    with pytest.raises(DatasetError, match="'entailed' of type str. Expected list"):
        TASKS["gqa"]().metric({"0007": "yes"}, dataset)


def test_ids_that_occur_twice(tables: Tables, tmp_path: Path) -> None:
    rows = changed(tables[QUESTIONS], lambda row: row | {"id": "0007"})
    with pytest.raises(DatasetError, match="has question id 0007 twice"):
        open_dataset("GQA", f"hf:{write_snapshot(tmp_path / 'x', tables | {QUESTIONS: rows})}", "val")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ({"bytes": b"no picture", "path": None}, r"row 0, 'image' is not a readable picture"),
        (None, r"row 0, has no picture in 'image'"),
        ({"bytes": None, "path": "/etc/passwd"}, r"row 0, has no picture in 'image'"),
    ],
)
def test_damaged_pictures(picture: Any, message: str, tables: Tables, tmp_path: Path) -> None:
    rows = changed(tables[PICTURES], lambda row: row | {"image": picture})
    for (config, split), part in (tables | {PICTURES: rows}).items():
        folder = tmp_path / "x" / config
        folder.mkdir(parents=True)
        # as files of Parquet that hold no more than the rows say: `to_parquet` would read pictures that are elsewhere
        import pyarrow.parquet

        pyarrow.parquet.write_table(part.data.table, folder / f"{split}-00000-of-00001.parquet")
    image = open_dataset("GQA", f"hf:{tmp_path / 'x'}", "val")[0].images[0]
    for look in (image.pixels, lambda: image.size):
        with pytest.raises(DatasetError, match=message):
            look()


# --- episodes ------------------------------------------------------------------------------------------------------------------


class ColorPerception(NamePerception):
    """Answers by what the pixels show: the brightest of the three channels."""

    def answer(self, requests: Sequence[Answer]) -> list[Any]:
        self._note("answer", requests)
        return [("red", "green", "blue")[int(request.image.pixels().mean((0, 1)).argmax())] for request in requests]


def test_an_episode_by_pixels(root: Path) -> None:
    env = gym.make("VisProg-GQA-v0", data_dir=f"hf:{root}", split="val", perception=ColorPerception(), image_size=50)
    observation, info = env.reset(options={"sample_id": "0008"})
    assert observation["query"] == "What color is the book?" and observation["image"].shape == (50, 50, 3)
    assert abs(int(observation["image"][25, 25, 0]) - 200) < 4 and info["data"] == "official"
    _, reward, terminated, _, info = env.step("return image.simple_query('What color is the wall?')")
    assert (reward, terminated, info["outcome"], info["answer"]) == (0.0, True, "wrong", "red")
    env.reset(options={"sample_id": "0007"})
    assert env.step("return 'yes'")[1] == 1.0
    env.close()


def test_the_oracle_needs_scenes(root: Path, official: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"GQA val in .* has no scene annotations, which perception='oracle' answers from"):
        gym.make("VisProg-GQA-v0", data_dir=f"hf:{root}", split="val")
    monkeypatch.setenv("VISPRO_DATA_GQA", str(official.location.root))
    env: Any = gym.make("VisProg-GQA-v0", data_dir=f"hf:{root}", split="val")
    for sample in env.unwrapped.dataset:
        env.reset(options={"sample_id": sample.sample_id})
        assert env.step(translate(sample))[1] == 1.0
    env.close()
    monkeypatch.delenv("VISPRO_DATA_GQA")
    shutil.copytree(official.location.root / "sceneGraphs", root / "sceneGraphs")
    assert open_dataset("GQA", f"hf:{root}", "val").has_scene("0007")


def test_a_picture_of_another_size_than_annotated(
    tables: Tables, official: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = BytesIO()
    Image.new("RGB", (50, 40)).save(data, "PNG")
    rows = changed(tables[PICTURES], lambda row: row | {"image": {"bytes": data.getvalue(), "path": None}})
    address = f"hf:{write_snapshot(tmp_path / 'x', tables | {PICTURES: rows})}"
    assert open_dataset("GQA", address, "val")[0].images[0].size == (50, 40)
    monkeypatch.setenv("VISPRO_DATA_GQA", str(official.location.root))
    with pytest.raises(DatasetError, match="row 0, 'image' is 50x40 pixels, but its annotations are for a picture of 100x80"):
        open_dataset("GQA", address, "val")[0].images[0].pixels()


# --- values --------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.text()) | st.lists(st.from_regex(r"\w+", fullmatch=True)))
def test_a_list_written_as_text_is_read_back(items: list[str]) -> None:
    assert listed(str(items)) == items and listed(items) == items


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.integers()).map(str)))
def test_other_values_stay(value: Any) -> None:
    found = listed(value)
    assert found == value or (isinstance(found, list) and all(isinstance(item, str) for item in found))


@given(st.lists(st.integers(0, 64_000).map(lambda n: n / 100), min_size=4, max_size=4))
def test_boxes_of_32_bits_are_the_numbers_that_were_written(box: list[float]) -> None:
    row = {"question_id": "1", "file_name": "", "answer": [], "bbox": np.float32(box).tolist()}
    assert FORMS["RefCOCO"].record(row)["bbox"] == box


def test_every_form_has_an_environment() -> None:
    import vispro_gym.envs  # noqa: F401
    from vispro_gym.datasets import DATASETS
    from vispro_gym.datasets.hub_datasets import ROW_DATASETS

    assert ROW_DATASETS.keys() == FORMS.keys() <= DATASETS.keys()
    assert all(issubclass(cls, DATASETS[name]) for name, cls in ROW_DATASETS.items())
