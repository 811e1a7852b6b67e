from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vispro_gym.cli import main
from vispro_gym.datasets.mini import MINI_NOTE, mini_root
from vispro_gym.inspection import checkup as module
from vispro_gym.inspection.checkup import check
from vispro_gym.inspection.opening import find_row
from vispro_gym.registration import ENVIRONMENTS, EnvironmentRow

GQA, CLEVR = find_row("VisProg-GQA-v0"), find_row("VisProg-CLEVR-v0")


@pytest.fixture
def gqa_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mini data in the place of real data, in a path that is not easy to type."""
    root = tmp_path / "GQA dätä"
    shutil.copytree(mini_root("GQA"), root, ignore=shutil.ignore_patterns(MINI_NOTE))
    monkeypatch.setenv("VISPRO_DATA_GQA", str(root))
    return root


@pytest.mark.parametrize("row", ENVIRONMENTS, ids=lambda row: row.dataset)
def test_mini_data_is_in_order(row: EnvironmentRow) -> None:
    found = check(row)
    assert (found.env, found.data, found.problems, found.notes, found.files) == (row.env_id, "mini", [], [], {})
    assert [split.name for split in found.splits] == list(row.splits)
    assert all(split.samples for split in found.splits[:2])
    assert found.episode is not None
    assert (found.episode.program, found.episode.outcome, found.episode.reward) == ("expert", "correct", 1.0)


def test_a_folder_of_ones_own(gqa_copy: Path) -> None:
    found = check(GQA)
    assert (found.data, found.root, found.problems) == ("official", str(gqa_copy), [])
    assert [split.official for split in found.splits] == [943_000, 132_062, 12_578]
    assert found.splits[2].samples is None
    assert [note.partition(" has ")[0] for note in found.notes] == ["GQA train", "GQA val"]
    assert "The official release has 132,062." in found.notes[1]


def test_a_split_that_is_cut_short_is_named_and_the_other_one_is_played(gqa_copy: Path) -> None:
    (path,) = gqa_copy.rglob("train_balanced_questions.json")
    path.write_bytes(path.read_bytes()[:1_000])
    found = check(GQA)
    (problem,) = found.problems
    assert str(path) in problem and "\n" not in problem
    assert found.splits[0].samples is None and found.splits[1].samples
    assert found.episode is not None and found.episode.split == "val" and found.episode.outcome == "correct"


def test_pictures_are_missing(gqa_copy: Path) -> None:
    shutil.rmtree(gqa_copy / "images")
    found = check(GQA)
    assert found.episode is None
    (problem,) = found.problems
    assert "The picture" in problem and "is missing" in problem
    assert [note for note in found.notes if "train that were looked at cannot be used: The picture" in note]


def test_a_picture_and_a_record_are_damaged(gqa_copy: Path) -> None:
    """They are found on data so small that all of it is looked at."""
    (path,) = gqa_copy.rglob("val_balanced_questions.json")
    questions = dict(list(json.loads(path.read_text()).items())[:150])
    first, *_, last = questions.values()
    del last["answer"]
    path.write_text(json.dumps(questions))
    (gqa_copy / "images" / f"{first['imageId']}.jpg").unlink()
    (problem,) = check(GQA).problems
    lost = sum(question["imageId"] == first["imageId"] for question in questions.values())
    assert problem.startswith(f"{lost + 1} of 150 samples of val that were looked at cannot be used: The picture")


def test_nothing_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_DATA_GQA", str(tmp_path))
    found = check(GQA)
    assert len(found.problems) == 1 and "Expected questions1.2/" in found.problems[0]
    assert found.episode is None


def test_a_folder_that_is_a_file_or_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gqa.zip").write_bytes(b"PK\5\6" + bytes(18))
    for name, said in (("gqa.zip", "is a file"), ("nowhere", "does not exist")):
        monkeypatch.setenv("VISPRO_DATA_GQA", str(tmp_path / name))
        found = check(GQA)
        assert found.data == "missing" and len(found.problems) == 1 and said in found.problems[0]


def test_an_archive_that_was_not_fetched_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(mini_root("CLEVR"), tmp_path / "clevr", ignore=shutil.ignore_patterns(MINI_NOTE))
    (tmp_path / "clevr" / "CLEVR_v1.0.zip").write_bytes(b"PK")
    monkeypatch.setenv("VISPRO_DATA_ROOT", str(tmp_path))
    found = check(CLEVR)
    (problem,) = found.problems
    assert problem.endswith("CLEVR_v1.0.zip has 2 bytes. The official file has 19021600724. Fetch the file again.")
    assert list(found.files.values()) == [False]
    assert found.episode is not None, "the data itself can be played"


def test_files_as_published(realdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISPRO_DATA_POPE", str(realdata / "pope"))
    found = check(find_row("VisProg-POPE-v0"), checksums=True)
    assert list(found.files.values()) == [True] * 3
    assert all("that were looked at cannot be used: The picture" in note for note in found.notes), "there are no pictures"
    assert [split.samples for split in found.splits] == [3_000] * 3
    assert len(found.problems) == 1 and "no scene annotations" in found.problems[0]


def test_a_wrong_expert_on_mini_data_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "translate", lambda sample: "return 'surely wrong'")
    assert "is wrong. Expected a right one on mini data." in check(CLEVR).problems[0]
    monkeypatch.setattr(module, "translate", lambda sample: "raise ValueError\nreturn 1")
    assert "ended with runtime_error. Expected an answer" in check(CLEVR).problems[0]


def test_what_nobody_expected_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(env_id: str, split: str) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(module, "_episode", fail)
    assert check(CLEVR).problems == ["ZeroDivisionError: division by zero"]


def test_one_damaged_environment_does_not_hide_the_others(
    gqa_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in gqa_copy.rglob("*_questions.json"):
        path.write_bytes(b"")
    assert main(["doctor", "--data-only", "--json", "--env", GQA.env_id, CLEVR.env_id]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["ok"], said["confinement"]) == (False, None)
    gqa, clevr = said["environments"]
    assert gqa["problems"] and gqa["episode"] is None
    assert clevr["problems"] == [] and clevr["episode"]["reward"] == 1.0
    assert main(["doctor", "--data-only", "--env", GQA.env_id, CLEVR.env_id]) == 1
    printed = capsys.readouterr().out
    assert f"{GQA.env_id}: {gqa['problems'][0]}\n" in printed
    assert "Every environment can be played." not in printed


def test_one_line_for_what_is_wrong_with_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(env_id: str, split: str) -> None:
        raise RuntimeError("no program can be run")

    monkeypatch.setattr(module, "_episode", fail)
    assert main(["doctor", "--data-only", "--env", GQA.env_id, CLEVR.env_id]) == 1
    assert f"{GQA.env_id}, {CLEVR.env_id}: RuntimeError: no program can be run\n" in capsys.readouterr().out
