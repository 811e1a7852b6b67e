from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from vispro_gym.cli import main

PROGRAM = """\
def execute_command(image):
    hydrant = image.find("fire hydrant")[0]
    trucks = hydrant.related("to the right of", "truck")
    return bool_to_yesno(trucks[0].verify_property("truck", "red"))
"""
ENV = ["run", "VisProg-GQA-v0", "--split", "val", "--seed", "16"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_a_program_is_run_and_shown(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ENV, "--program", str(program)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Query: Is the truck to the right of the fire hydrant red?\n   1  def execute_command(image):\n")
    assert "# detect('fire hydrant') = 1 box (15, 217, 55, 277); hydrant = patch\n" in out
    assert out.endswith("Outcome: correct, reward 1.0\nAnswer: yes\nAnnotated: yes\n")


def test_pages_of_a_replay_are_the_same_to_the_byte(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, kept, again = (tmp_path / name for name in ("page.html", "kept.jsonl", "again.html"))
    assert main([*ENV, "--program", str(program), "--html", str(page), "--save", str(kept)]) == 0
    first = capsys.readouterr().out
    assert main(["replay", str(kept), "--html", str(again)]) == 0
    assert capsys.readouterr().out == first.replace("page.html", "again.html")
    assert page.read_bytes() == again.read_bytes()
    assert set(re.findall(r'(?:src|href)="(.{5})', page.read_text())) == {"data:", "#pict"}, "it needs no other file"


def test_several_episodes_have_a_folder_of_pages(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders, kept = [tmp_path / "a", tmp_path / "b"], tmp_path / "kept.jsonl"
    assert main([*ENV, "--program", str(program), "--episodes", "11", "--html", str(folders[0]), "--save", str(kept)]) == 0
    assert main(["replay", str(kept), "--html", str(folders[1])]) == 0
    pages = [sorted(folder.iterdir()) for folder in folders]
    assert [page.name for page in pages[0]] == [f"episode-{i:02d}.html" for i in range(1, 12)]
    assert [page.read_bytes() for page in pages[0]] == [page.read_bytes() for page in pages[1]]
    assert capsys.readouterr().out.count("Query:") == 22


def test_samples_are_chosen_by_id(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ENV[:4], "--program", str(program), "--sample-id", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_a_reply_from_the_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Here you are:\n```python\n{PROGRAM}```\nGood luck!"))
    assert main([*ENV, "--program", "-"]) == 0
    assert "Outcome: correct" in capsys.readouterr().out


def test_a_changed_file_is_noticed(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.jsonl"
    assert main([*ENV, "--program", str(program), "--save", str(kept)]) == 0
    kept.write_text(kept.read_text().replace('related(\\"to the right of', 'related(\\"to the left of'))
    assert main(["replay", str(kept)]) == 1
    assert "The program asks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "VisProg-GQA-v0", "--program", "nowhere.py"], "nowhere.py"),
        (["run", "VisProg-Nothing-v0", "--program", "-"], "There is no environment 'VisProg-Nothing-v0'"),
        (["run", "VisProg-GQA-v0", "--program", "-", "--episodes", "0"], "--episodes 0 is too few"),
        (["run", "VisProg-GQA-v0", "--program", "-", "--seed", "-1"], "--seed -1 is no seed"),
        (["run", "VisProg-GQA-v0", "--program", "-", "--html", "."], "--html . is a folder. Name a file."),
        (["run", "VisProg-GQA-v0", "--program", "-", "--save", "."], "--save . is a folder. Name a file."),
        (
            ["run", "VisProg-GQA-v0", "--program", "-", "--episodes", "2", "--html", __file__],
            "is a file, and there are 2 episodes",
        ),
        (["run", "VisProg-GQA-v0", "--program", "-", "--save", f"{__file__}/below"], "test_running.py"),
        (["replay", "nowhere.jsonl"], "nowhere.jsonl"),
        (["replay", __file__], "Expected a file that `vispro-gym run --save` wrote"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_what_cannot_be_written_is_told_before_programs_run(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vispro_gym.engine.Engine.run", lambda *_: pytest.fail("a program was run"))
    assert main([*ENV, "--program", str(program), "--save", f"{program}/below"]) == 2
    assert capsys.readouterr().err.startswith("vispro-gym: ")


def test_folders_are_made(program: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "folder" / "page.html"
    assert main([*ENV, "--program", str(program), "--html", str(page)]) == 0
    assert page.is_file()


def test_an_empty_and_a_binary_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert main(["replay", str(path)]) == 2
    path.write_bytes(b"\xff\xfe")
    assert main([*ENV, "--program", str(path)]) == 2
    err = capsys.readouterr().err
    assert "is empty" in err and "no text in UTF-8" in err
