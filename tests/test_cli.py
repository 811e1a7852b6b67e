from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vispro_gym.cli import main
from vispro_gym.registration import ENVIRONMENTS


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(row.env_id in printed for row in ENVIRONMENTS)


def test_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "Is there a cup?"]) == 0
    assert capsys.readouterr().out.endswith("Query: Is there a cup?\nProgram:\n")


def test_mini_writes_the_official_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mini", "CLEVR", str(tmp_path / "clevr")]) == 0
    assert (tmp_path / "clevr" / "CLEVR_v1.0" / "questions" / "CLEVR_val_questions.json").is_file()
    assert main(["mini", "CLEVR", str(tmp_path / "clevr")]) == 2
    assert "is not an empty folder" in capsys.readouterr().err
    assert main(["mini", "clever", str(tmp_path / "other")]) == 2
    assert "Expected one of: GQA, CLEVR" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["mini", "GQA", str(tmp_path / "file" / "below")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("vispro-gym: ") and "file" in printed and printed.count("\n") == 1


def test_the_command_is_installed() -> None:
    printed = subprocess.run([Path(sys.executable).with_name("vispro-gym"), "--help"], capture_output=True, text=True, check=True)
    assert "list" in printed.stdout and "mini" in printed.stdout
