"""The command: what it prints, how it fails, and what it does not import."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from vispro_agents import cli
from vispro_agents.cli import main

EVALUATE = ["evaluate", "--env", "VisProg-GQA-v0"]


def test_json_is_the_last_line(small_gqa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EVALUATE, "--policy", "expert", "--data-dir", str(small_gqa), "--json"]) == 0
    table, _, line = capsys.readouterr().out.rstrip("\n").rpartition("\n")
    result = json.loads(line)
    assert result["env"] == "VisProg-GQA-v0"
    assert (result["policy"], result["split"], result["episodes"], result["reward"]) == ("expert", "val", 40, 1.0)
    assert result["outcomes"] == {"correct": 40}
    assert "mean reward" in table


def test_without_json_there_is_a_table_only(small_gqa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--policy", "crash", "--data-dir", str(small_gqa), "--split", "train", "--episodes", "5", "--seed", "1"]
    assert main([*EVALUATE, *arguments]) == 0
    out = capsys.readouterr().out
    assert "runtime_error" in out
    assert "{" not in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--policy", "experts"], "'experts'"),
        (["--policy", "crash", "--split", "nope"], "nope_balanced_questions.json"),
        (["--policy", "crash", "--episodes", "0"], "at least one episode, got 0"),
        (["--policy", "crash", "--data-dir", "/no/such/folder"], "/no/such/folder"),
        (["--policy", "crash", "--env", "VisProg-Nope-v0"], "VisProg-Nope-v0"),
    ],
)
def test_mistakes_end_in_one_line(small_gqa: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str) -> None:
    given = EVALUATE if "--env" not in arguments else ["evaluate"]
    data = [] if "--data-dir" in arguments else ["--data-dir", str(small_gqa)]
    assert main([*given, *data, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vispro-agents: ")
    assert captured.err.count("\n") == 1
    assert named in captured.err


def test_training_from_the_command_line(small_gqa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {
        "run-dir": tmp_path / "run", "data-dir": small_gqa, "demonstrations": 8, "mle-epochs": 1, "mle-variants": 1, "iterations": 1,
        "queries": 8, "samples": 1, "eval-episodes": 8,
    }  # fmt: skip
    arguments = ["filtered-bc", *(part for name, value in settings.items() for part in (f"--{name}", str(value)))]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Held-out reward of greedy programs" in out
    assert "iteration-1" in out
    assert main([*EVALUATE, "--policy", str(tmp_path / "run"), "--data-dir", str(small_gqa), "--episodes", "2"]) == 0
    fewer = [part if part != "1" or arguments[place - 1] != "--iterations" else "0" for place, part in enumerate(arguments)]
    assert main(fewer) == 0
    assert "--policy " + str(tmp_path / "run" / "policies" / "mle") in capsys.readouterr().out, "what was asked for is named"
    assert main([*arguments, "--seed", "1"]) == 2
    assert "--seed 0 (asked is 1)" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "vispro_agents", "evaluate", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_torch_is_not_imported_without_need(small_gqa: Path) -> None:
    code = (
        "import sys\n"
        "from vispro_agents.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"main({[*EVALUATE, '--policy', 'expert', '--data-dir', str(small_gqa), '--episodes', '2']!r})\n"
        "print('heavy:', [name for name in ('torch', 'transformers', 'trl', 'matplotlib') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "heavy: []"


def test_it_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "vispro_agents", "evaluate", "--help"], capture_output=True, text=True, check=True
    )
    assert "--policy" in result.stdout


def test_every_option_is_explained() -> None:
    """An option is a field of a class of arguments, and its help is the text under the field."""
    folder = Path(cli.__file__).parent
    explained, bare = 0, []
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Args"):
                for field, after in pairwise([*node.body, ast.Pass()]):
                    if isinstance(field, ast.AnnAssign) and not ast.unparse(field.annotation).endswith(
                        "Args"
                    ):  # else flags of its own
                        is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                        explained += is_text
                        bare += [] if is_text else [f"{path.name}: {ast.unparse(field)}"]
    assert bare == []
    assert explained > 60


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train"]])
def test_an_unknown_command_is_told_the_known_ones(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "COMMAND" in error or "filtered-bc" in error
