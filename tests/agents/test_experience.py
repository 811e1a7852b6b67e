"""Experience: what was written is read back, whatever a crash left behind, and by other readers of Parquet, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Row, schema

ROW = Row(
    phase="grow", iteration=1, split="train", sample_id="007", draw=0, policy="mle", seed=0, query="Is there a cup?",
    reply="def execute_command(image):\n    return 'yes'\n", program="def execute_command(image):\n    return 'yes'\n",
    outcome="correct", reward=1.0,
)  # fmt: skip

# Surrogates on purpose: a policy may write any string. The last ones are what the files themselves escape with.
any_text = st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ufdd0\ud800\udfff\\d80"), max_size=20)
any_row = st.builds(
    Row,
    phase=st.sampled_from(["demonstration", "grow", "rollout", "correction", "evaluate"]),
    iteration=st.integers(0, 1000),
    split=any_text,
    sample_id=any_text,
    draw=st.integers(0, 1000),
    policy=any_text,
    seed=st.integers(-(2**63), 2**63 - 1),
    query=any_text,
    reply=any_text,
    program=st.none() | any_text,
    outcome=st.sampled_from(["correct", "wrong"]),
    reward=st.sampled_from([0.0, 1.0]),
    step=st.integers(0, 2**40),
    question_type=any_text,
    answer=st.none() | any_text,
    error=st.none() | any_text,
    semantic=st.none() | st.booleans(),
    style=any_text,
    token_ids=st.lists(st.integers(0, 2**31 - 1), max_size=4).map(tuple),
    log_probs=st.lists(st.floats(max_value=0.0, width=32, allow_nan=False), max_size=4).map(tuple),
)


@given(st.lists(any_row, max_size=5))
def test_what_was_written_is_read_back(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        experience = Experience(Path(folder) / "run" / "experience")
        experience.write("0001-grow-0000", rows)
        assert Experience(experience.folder).read("0001-grow-0000") == rows
        assert list(experience.rows()) == rows


def test_every_field_has_a_column_and_is_written(tmp_path: Path) -> None:
    assert schema().names == [field.name for field in fields(Row)]
    full = replace(ROW, step=3, question_type="verify", answer="yes", error="RuntimeError, line 3: no", semantic=False, style="full",
                   token_ids=(5, 6), log_probs=(-0.5, -1.0))  # fmt: skip
    default = {field.name: field.default for field in fields(Row)}
    Experience(tmp_path).write("a", [full])
    (record,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [name for name, value in record.items() if value == default[name]] == []
    assert record["log_probs"] == [-0.5, -1.0]


@given(st.floats(max_value=0.0, allow_nan=False))
def test_log_probabilities_are_those_of_numpys_float32(value: float) -> None:
    with np.errstate(over="ignore"):
        expected = float(np.float32(value))
    assert replace(ROW, log_probs=(value,)).log_probs == (expected,)


def test_chunks_are_read_in_the_order_of_their_keys(tmp_path: Path) -> None:
    experience = Experience(tmp_path)
    assert (experience.keys(), list(experience.rows()), experience.table().num_rows) == ([], [], 0)
    experience.write("0002-grow-0000", [replace(ROW, iteration=2)])
    experience.write("0001-grow-0000", [ROW, replace(ROW, draw=1)])
    experience.write("0001-evaluate-0000", [replace(ROW, phase="evaluate")])
    experience.write("0001-grow-0001", [])
    assert experience.keys() == ["0001-evaluate-0000", "0001-grow-0000", "0001-grow-0001", "0002-grow-0000"]
    assert [(row.phase, row.iteration, row.draw) for row in experience.rows()] == [
        ("evaluate", 1, 0), ("grow", 1, 0), ("grow", 1, 1), ("grow", 2, 0),
    ]  # fmt: skip
    assert [row.draw for row in experience.rows(phases=["grow"], max_iteration=1)] == [0, 1]
    assert [row.phase for row in experience.rows(max_iteration=1)] == ["evaluate", "grow", "grow"]
    assert [row.iteration for row in experience.rows(phases=["grow", "rollout"])] == [1, 1, 2]
    assert list(experience.rows(phases=[])) == []
    assert experience.table(["iteration", "draw"]).to_pydict() == {"iteration": [1, 1, 1, 2], "draw": [0, 0, 1, 0]}


def test_a_chunk_is_never_overwritten(tmp_path: Path) -> None:
    experience = Experience(tmp_path)
    assert not experience.has("a-1")
    experience.write("a-1", [ROW])
    assert experience.has("a-1")
    with pytest.raises(ValueError, match="never overwritten"):
        experience.write("a-1", [replace(ROW, draw=1)])
    assert experience.read("a-1") == [ROW]


@pytest.mark.parametrize("key", ["", "../a", "a/b", "a.b", "a b", "-a", "a--b", ".a", "ä"])
def test_a_key_cannot_lead_out_of_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="Expected a key"):
        Experience(tmp_path / "run").write(key, [ROW])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_process_that_is_killed_while_it_writes_leaves_no_chunk(tmp_path: Path, moment: str) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_experience import ROW
from vispro_agents.experience import Experience
experience = Experience(Path({str(tmp_path)!r}))
experience.write("a-1", [ROW])
os.{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
experience.write("a-2", [ROW] * 100)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    experience = Experience(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # the chunk, and what was being written
    assert (experience.keys(), experience.has("a-2"), experience.table().num_rows) == (["a-1"], False, 1)
    assert len(pandas.read_parquet(tmp_path)) == 1
    experience.write("a-3", [ROW])
    assert sorted(os.listdir(tmp_path)) == ["a-1.parquet", "a-3.parquet"]


def test_damage_never_changes_rows_silently(tmp_path: Path) -> None:
    experience = Experience(tmp_path)
    rows = [replace(ROW, draw=draw) for draw in range(50)]
    experience.write("a", rows)
    whole = (tmp_path / "a.parquet").read_bytes()
    rng = np.random.default_rng(0)
    found = 0
    places = rng.choice(len(whole), 300, replace=False)
    damaged = [whole[:place] + bytes([whole[place] ^ (1 << int(rng.integers(8)))]) + whole[place + 1 :] for place in places]
    for data in [b"", b"not parquet", whole[: len(whole) // 2], *damaged]:
        (tmp_path / "a.parquet").write_bytes(data)
        try:
            assert experience.read("a") == rows
        except UsageError as error:
            assert str(tmp_path / "a.parquet") in str(error)
            assert "\n" not in str(error)
            found += 1
    assert found > 100


def test_a_file_of_another_version_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["Is there a cup?"]}), tmp_path / "a.parquet")
    for read in (lambda: Experience(tmp_path).read("a"), lambda: list(Experience(tmp_path).rows()), Experience(tmp_path).table):
        with pytest.raises(UsageError, match=r"a\.parquet is no experience of this version"):
            read()


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Experience(tmp_path / name).write("a", [ROW, replace(ROW, answer="yes", log_probs=(-0.1,), token_ids=(1,))])
    assert (tmp_path / "one" / "a.parquet").read_bytes() == (tmp_path / "two" / "a.parquet").read_bytes()


def test_other_libraries_read_the_folder(tmp_path: Path) -> None:
    import datasets

    experience = Experience(tmp_path / "experience")
    experience.write("a", [replace(ROW, query="Où? \ud800")])
    experience.write("b", [replace(ROW, reward=0.0, semantic=False)])
    frame = pandas.read_parquet(experience.folder)
    assert frame["reward"].mean() == 0.5
    assert frame["query"][0] == "Où? \ufdd0d800"
    data = datasets.load_dataset("parquet", data_dir=str(experience.folder), cache_dir=str(tmp_path / "cache"))
    assert data["train"]["reward"][:] == [1.0, 0.0]
