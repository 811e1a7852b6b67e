"""Persistent errors: what counts as one, their order, and the files that people go on with."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.agents.test_experience import ROW
from vispro_agents.corrections import load_corrections
from vispro_agents.curve import Point, write_curve
from vispro_agents.errors import UsageError
from vispro_agents.experience import Experience, Row
from vispro_agents.persistent import ErrorType, PersistentArgs, find_persistent, run, to_corrections, to_json, to_markdown

FILL = "def execute_command(image):\n        return 'yes'"


def tried(
    iteration: int, kind: str, query: str, *outcomes: str, phase: str = "grow", program: str = "p", **others: Any
) -> list[Row]:
    return [
        replace(
            ROW, phase=phase, iteration=iteration, question_type=kind, query=query, sample_id=query, draw=draw, outcome=outcome,
            program=f"{program} {draw}", reward=float(outcome == "correct"), **others,
        )
        for draw, outcome in enumerate(outcomes)
    ]  # fmt: skip


def keys(found: list[ErrorType]) -> list[tuple[str, str]]:
    return [(error.question_type, error.outcome) for error in found]


def test_a_small_case_by_hand() -> None:
    rows = [
        # "color": half of the queries fail in both iterations
        *tried(1, "color", "c1", "wrong", "wrong"), *tried(1, "color", "c2", "wrong", "correct"),
        *tried(2, "color", "c3", "runtime_error", "wrong", "wrong"), *tried(2, "color", "c4", "correct", "correct"),
        # "exist": was learned
        *tried(1, "exist", "e1", "wrong"), *tried(2, "exist", "e2", "correct"),
        # "rel": two queries fail with errors in the end; it was not asked in the second iteration
        *tried(1, "rel", "r1", "runtime_error"), *tried(3, "rel", "r2", "runtime_error"), *tried(3, "rel", "r3", "runtime_error"),
        # "size": fails in a new way, which has not survived anything yet
        *tried(1, "size", "s1", "wrong"), *tried(2, "size", "s2", "timeout"),
    ]  # fmt: skip
    found = find_persistent(rows)
    assert keys(found) == [
        ("rel", "runtime_error"), ("color", "wrong"), ("size", "timeout"), ("exist", "wrong"), ("size", "wrong"),
    ]  # fmt: skip
    assert [error.survives for error in found] == [True, True, False, False, False]
    rel, color, timeout, exist, _ = found
    assert (rel.failing, rel.asked, rel.shares, rel.reward) == (2, 2, {1: 1.0, 3: 1.0}, 0.0)
    assert (color.failing, color.asked, color.shares, color.reward) == (1, 2, {1: 0.5, 2: 0.5}, 2 / 5)
    assert (timeout.shares, exist.shares, exist.failing) == ({1: 0.0, 2: 1.0}, {1: 1.0, 2: 0.0}, 0)
    assert [(example.query, example.program) for example in color.examples] == [("c3", "p 1")]
    assert find_persistent(rows[::-1])[0].examples[0].query == "r2"


@pytest.mark.parametrize("phase", ["evaluate", "demonstration", "correction"])
def test_only_what_was_sampled_in_training_is_looked_at(phase: str) -> None:
    assert find_persistent(tried(1, "color", "c1", "wrong", phase=phase)) == []
    assert len(find_persistent(tried(1, "color", "c1", "wrong", phase="rollout"))) == 1


def test_examples_are_spread_over_the_samples() -> None:
    rows = [row for number in range(9) for row in tried(1, "color", f"q{number}", "wrong")]
    (error,) = find_persistent(rows[::-1], examples=3)
    assert [example.sample_id for example in error.examples] == ["q0", "q3", "q6"]
    assert find_persistent(rows, examples=0)[0].examples == ()


outcomes = st.sampled_from(["correct", "wrong", "runtime_error", "lucky"])
trials = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.sampled_from("xyz"), st.lists(outcomes, min_size=1, max_size=3))
)


@given(trials)
def test_failing_queries_and_the_others_add_up(drawn: list[tuple[int, str, str, list[str]]]) -> None:
    rows = [row for iteration, kind, query, results in drawn for row in tried(iteration, kind, query, *results)]
    found = find_persistent(rows)
    for kind in {row.question_type for row in rows}:
        for iteration in {row.iteration for row in rows if row.question_type == kind}:
            here = [row for row in rows if (row.question_type, row.iteration) == (kind, iteration)]
            queries = {row.query for row in here}
            failing = queries - {row.query for row in here if row.reward}
            shares = [error.shares[iteration] for error in found if error.question_type == kind]
            assert sum(shares) == pytest.approx(len(failing) / len(queries))
    assert [error.survives for error in found] == sorted((error.survives for error in found), reverse=True)


any_text = st.text(st.characters(exclude_categories=()), max_size=30)


@given(any_text.filter(str.strip), any_text, any_text, any_text)
def test_a_file_to_fill_in_is_read_back_whatever_the_policy_wrote(query: str, program: str, kind: str, answer: str) -> None:
    rows = tried(1, kind, query, "wrong", program=program, answer=answer) + tried(1, kind, query + "2", "wrong", program=program)
    text = to_corrections(find_persistent(rows))
    (entry,) = yaml.safe_load(text)
    assert entry == {"query": query, "program": ""}


def test_a_filled_in_file_corrects_its_query(tmp_path: Path) -> None:
    rows = tried(1, "color", 'What "color": is #it?', "wrong")
    path = tmp_path / "corrections.yaml"
    path.write_text(to_corrections(find_persistent(rows)))
    with pytest.raises(UsageError, match=r"line \d+: the program is not filled in"):
        load_corrections(path)
    path.write_text(re.sub(r"\n    $", f"\n    {FILL}", path.read_text(), flags=re.MULTILINE))
    (correction,) = load_corrections(path)
    assert correction.query == 'What "color": is #it?'


@pytest.fixture
def run_dir(tmp_path: Path, small_gqa: Path) -> Path:
    folder = tmp_path / "run"
    rows = tried(1, "exist", "Is there a cup?", "wrong", "runtime_error", "wrong", answer="[red]no")
    rows = [replace(row, sample_id="train-000", program="```\n[bold]def") for row in rows]
    unfinished = tried(2, "exist", "Is there a cup?", "wrong")
    Experience(folder / "experience").write("1", rows + tried(1, "color", "q", "correct") + unfinished)
    settings = {"env": "VisProg-GQA-v0", "train_split": "train", "data_dir": str(small_gqa), "images": "required"}
    write_curve(folder, settings, [Point("mle", 0, 0.5), Point("iteration-1", 1, 0.5)])
    return folder


def test_the_report_of_a_run(run_dir: Path, small_gqa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = json.loads((small_gqa / "questions1.2" / "train_balanced_questions.json").read_text())
    target = questions["train-000"]["answer"]
    out, corrections = tmp_path / "page.md", tmp_path / "new" / "corrections.yaml"
    (error,) = run(PersistentArgs(run_dir, write=corrections, out=out))
    assert error.examples[0].target == target
    printed = capsys.readouterr().out
    for text in (printed, out.read_text()):
        assert f"answered '[red]no'; annotated is '{target}'" in text
        assert "1 of 1" in text
        assert "[bold]def" in text
    assert "````python\n```\n[bold]def\n````" in out.read_text()
    assert yaml.safe_load(corrections.read_text()) == [{"query": "Is there a cup?", "program": ""}]
    run(PersistentArgs(run_dir, out=tmp_path / "page.json"))
    (record,) = json.loads((tmp_path / "page.json").read_text())
    assert (record["question_type"], record["shares"], record["examples"][0]["target"]) == ("exist", {"1": 1.0}, target)


def test_a_file_of_corrections_is_never_overwritten(run_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text("hours of work")
    with pytest.raises(UsageError, match="is there already"):
        run(PersistentArgs(run_dir, write=path))
    assert path.read_text() == "hours of work"


def test_a_run_whose_data_is_gone_is_reported_all_the_same(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = json.loads((run_dir / "curve.json").read_text())
    settings["args"]["data_dir"] = "/no/such/folder"
    (run_dir / "curve.json").write_text(json.dumps(settings))
    (error,) = run(PersistentArgs(run_dir))
    assert error.examples[0].target is None
    assert "/no/such/folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"), [({"out": Path("page.html")}, "end in .md or .json"), ({}, "holds no experience")]
)
def test_mistakes(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(PersistentArgs(tmp_path, **options))


def test_a_run_without_failures_says_so(tmp_path: Path) -> None:
    Experience(tmp_path / "experience").write("1", tried(1, "color", "q", "correct"))
    write_curve(tmp_path, {}, [Point("mle", 0, 0.5)])
    with pytest.raises(UsageError, match="no finished iteration"):
        run(PersistentArgs(tmp_path))
    write_curve(tmp_path, {}, [Point("iteration-1", 1, 0.5)])
    with pytest.raises(UsageError, match="nothing to correct"):
        run(PersistentArgs(tmp_path))


def test_pages_hold_surrogates(tmp_path: Path) -> None:
    found = find_persistent(tried(1, "color", "q", "wrong", program="\ud800"))
    assert "\ud800" in to_markdown(found)
    assert json.loads(to_json(found))[0]["examples"][0]["program"] == "\ud800 0"
