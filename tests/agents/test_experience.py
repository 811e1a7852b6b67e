"""Experience: what was appended is read back, whatever a crash left at the end of the file."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.experience import Experience, Row

ROW = Row(
    phase="grow", iteration=1, split="train", sample_id="007", draw=0, policy="mle", seed=0, query="Is there a cup?",
    reply="def execute_command(image):\n    return 'yes'\n", program="def execute_command(image):\n    return 'yes'\n",
    outcome="correct", reward=1.0,
)  # fmt: skip

# Surrogates on purpose: a policy may write any string.
any_text = st.text(st.characters(exclude_categories=()), max_size=20)


@st.composite
def batches(draw: st.DrawFn) -> list[list[Row]]:
    texts = draw(st.lists(st.lists(st.tuples(any_text, st.none() | any_text), max_size=4), max_size=4))
    numbers = iter(range(100))
    return [[replace(ROW, draw=next(numbers), reply=reply, program=program) for reply, program in batch] for batch in texts]


@given(batches())
def test_what_was_appended_is_read_back_in_order(rows: list[list[Row]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        experience = Experience(Path(folder) / "run" / "experience.jsonl")
        for batch in rows:
            experience.append(batch)
        assert experience.read() == [row for batch in rows for row in batch]


@given(st.integers(min_value=1, max_value=10_000))
def test_a_crash_in_the_middle_of_a_line_costs_that_line_only(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        experience = Experience(Path(folder) / "experience.jsonl")
        experience.append([ROW, replace(ROW, draw=1)])
        whole = experience.path.read_bytes()
        last_line = len(whole.splitlines(keepends=True)[-1])
        experience.path.write_bytes(whole[: -1 - cut % last_line])
        assert experience.read() == [ROW]
        experience.append([replace(ROW, draw=2)])
        assert experience.read() == [ROW, replace(ROW, draw=2)]


def test_a_line_longer_than_a_block_is_cut_too(tmp_path: Path) -> None:
    experience = Experience(tmp_path / "experience.jsonl")
    experience.append([ROW])
    with experience.path.open("ab") as file:
        file.write(b'{"reply": "' + b"x" * 200_000)
    experience.append([replace(ROW, draw=1)])
    assert experience.read() == [ROW, replace(ROW, draw=1)]


def test_a_repeated_trial_replaces_the_first(tmp_path: Path) -> None:
    experience = Experience(tmp_path / "experience.jsonl")
    again = replace(ROW, reply="again", program=None, outcome="extract_error", reward=0.0)
    experience.append([ROW, replace(ROW, draw=1)])
    experience.append([again])
    assert experience.read() == [again, replace(ROW, draw=1)]


@pytest.mark.parametrize("line", [b"not json\n", b"[1, 2]\n", b'{"query": "Is there a cup?"}\n'])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    experience = Experience(tmp_path / "experience.jsonl")
    experience.append([ROW])
    with experience.path.open("ab") as file:
        file.write(line)
    experience.append([replace(ROW, draw=1)])
    with pytest.raises(ValueError, match=r"experience\.jsonl, line 2: expected"):
        experience.read()


def test_no_file_is_no_experience(tmp_path: Path) -> None:
    assert Experience(tmp_path / "none.jsonl").read() == []
