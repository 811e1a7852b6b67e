from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vispro_gym.cli import main
from vispro_gym.datasets.mini import MINI_NOTE, mini_root
from vispro_gym.interpreter import doctor
from vispro_gym.interpreter.doctor import Examination, examine
from vispro_gym.interpreter.guest.confine import missing
from vispro_gym.perception.store import Store
from vispro_gym.registration import ENVIRONMENTS, TASK_REWARDS


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(row.env_id in printed for row in ENVIRONMENTS)
    assert "VisProg-GQA-Repair-v0" in printed
    assert all(row.env_id in printed for row in TASK_REWARDS)


@pytest.mark.parametrize(
    "command",
    [
        ["audit", TASK_REWARDS[0].env_id, "--split", "val"],
        ["run", TASK_REWARDS[1].env_id, "--program", "/dev/null"],
        ["play", TASK_REWARDS[2].env_id],
        ["doctor", "--env", TASK_REWARDS[3].env_id],
    ],
)
def test_task_rewards_are_not_for_programs(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert "is an environment of task rewards, whose actions are no programs. Expected an environment of programs" in printed


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


def test_doctor_on_confinement_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", "--env", "VisProg-CLEVR-v0"])
    printed = capsys.readouterr().out
    assert printed.index("Confinement of worker processes") < printed.index("Data of the environments")
    assert status == int(bool(examine().problems))
    if not status:
        assert "Every environment can be played." in printed


def test_doctor_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", "--env", "VisProg-CLEVR-v0", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["ok"] is not bool(status)
    assert said["confinement"]["layers"] == examine().layers
    assert said["confinement"]["problems"] == [] or missing(said["confinement"]["layers"])
    (clevr,) = said["environments"]
    assert clevr["env"] == "VisProg-CLEVR-v0" and clevr["splits"][1] == {"name": "val", "samples": 480, "official": 149_991}


@pytest.mark.parametrize("as_json", [False, True])
def test_doctor_is_not_content_without_confinement(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: Examination({"seccomp": "not here"}, {}))
    assert main(["doctor", "--env", "VisProg-CLEVR-v0", *["--json"] * as_json]) == 1
    assert "seccomp: not here" in capsys.readouterr().out


def test_doctor_without_an_examination(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_audit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "VisProg-CLEVR-v0", "--episodes", "50"]) == 0
    printed = capsys.readouterr().out
    assert "VisProg-CLEVR-v0, val, question: 50 episodes, seed 0, mini data" in printed
    for word in ("crash", "no_answer 50", "random programs", "expert", "correct 50"):
        assert word in printed
    assert printed.splitlines()[-1].startswith("sound: ")


def test_audit_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["audit", "VisProg-GQA-v0", "--split", "train", "--form", "question", "--episodes", "30", "--seed", "4", "--json"]
    assert main(args) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["env"], said["split"], said["form"], said["episodes"], said["seed"]) == (
        "VisProg-GQA-v0",
        "train",
        "question",
        30,
        4,
    )
    assert said["sound"] is True and said["faults"] == []
    expert = said["policies"][-1]
    assert expert == {"policy": "expert", "group": "expert", "reward": 1.0, "error": 0.0, "outcomes": {"correct": 30}}


def test_audit_needs_no_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(mini_root("GQA"), tmp_path / "gqa", ignore=shutil.ignore_patterns("images", MINI_NOTE))
    assert main(["audit", "VisProg-GQA-v0", "--data-dir", str(tmp_path / "gqa"), "--episodes", "20"]) == 0
    assert "official data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["audit", "VisProg-Nothing-v0"], "There is no environment 'VisProg-Nothing-v0'."),
        (["audit", "CartPole-v1"], "There is no environment 'CartPole-v1'."),
        (["audit", "VisProg-GQA-v0", "--form", "song"], "form='song' is unknown"),
        (["audit", "VisProg-GQA-v0", "--split", "nights"], "GQA has no split 'nights'"),
        (["audit", "VisProg-GQA-v0", "--episodes", "0"], "episodes=0 is too few"),
        (["audit", "VisProg-GQA-v0", "--data-dir", "/nowhere/at/all"], "does not exist"),
        (["doctor", "--env", "VisProg-Nothing-v0"], "There is no environment 'VisProg-Nothing-v0'."),
    ],
)
def test_errors_of_the_user_are_one_line(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("vispro-gym: ") and said in printed.err.splitlines()[-1]


def test_the_command_is_installed() -> None:
    printed = subprocess.run([Path(sys.executable).with_name("vispro-gym"), "--help"], capture_output=True, text=True, check=True)
    assert "list" in printed.stdout and "mini" in printed.stdout


def test_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cache"
    assert main(["cache", "stats", "--folder", str(folder)]) == 0
    assert f"There is no cache in {folder}." in capsys.readouterr().out and not folder.exists()
    store = Store(folder, 1 << 20)
    store.put("answer", "model [one]", [(b"a", "red"), (b"b", "blue")])
    store.put("depth", "model two", [(b"c", 1.0)])
    store.close()
    assert main(["cache", "stats", "--folder", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "model [one]" in printed and "3 results" in printed
    assert main(["cache", "stats", "--folder", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kinds"][0] == {"operation": "answer", "backend": "model [one]", "results": 2}
    assert main(["cache", "clear", "--folder", str(folder)]) == 0
    assert "Dropped 3 results" in capsys.readouterr().out
    assert main(["cache", "stats", "--folder", str(folder)]) == 0
    assert "0 results" in capsys.readouterr().out
