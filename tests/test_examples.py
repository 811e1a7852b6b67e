"""Every example runs, is short, and needs nothing but public names."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.policies.models import write as write_text_model
from tests.integrations.calling_model import write_caller

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
# What makes an example short, and what it has to print then.
SHORT: dict[str, tuple[str, str]] = {
    "cards_sb3.py": ("--steps 4096 --episodes 60", r"return (0\.[4-9]\d|1\.00) of 1\.00 after 4096 steps"),
    "openenv_client.py": ("--episodes 2", r"(.* -> (correct|wrong|no_answer), reward \d\.0\n){2}"),
    "own_policy.py": ("", r"last-word earns 0\.\d\d on 200 episodes"),
    "ray_run.py": ("--run-dir {tmp} --queries 20 --iterations 1 --actors 1", r"iteration-1: reward 0\.\d\d after 80 programs"),
    "repair.py": ("--episodes 20", r"right after one, two and three attempts: 0\.\d\d, 1\.00, 1\.00"),
    "sb3_maskable_ppo.py": ("--steps 8192 --episodes 60", r"36 choices: (0\.[7-9]\d|1\.00) of val"),
    "sb3_ppo.py": ("--steps 2048 --episodes 60", r"library of 11: (0\.[6-9]\d|1\.00) of val"),
    "skyrl_text_env.py": ("--out {tmp}/rows.jsonl", r"reward 0\.0, extract_error\nreward 0\.0, runtime_error\nreward \d\.0"),
    "trl_grpo.py": (
        "--model {chat} --steps 1 --batch-size 4 --num-generations 2 --max-completion-length 8 --prompt short --out {tmp}",
        r"mean reward of the first step 0\.00, of the last 0\.00",
    ),
    "trl_tools.py": (
        "--model {caller} --steps 1 --batch-size 4 --num-generations 2 --max-completion-length 300 --prompt short --out {tmp}",
        r"calls per episode [123]\.\d\d, mean reward [01]\.\d\d",
    ),
    "vector.py": ("--num-envs 8 --steps 3", r"24 programs, mean reward 0\.\d\d.*\nobservations: image \(8, 224, 224, 3\)"),
    "verifiers_taskset.py": ("", r"(?s)reward 1\.0, \['outcome/correct', 'soft'\]\n.*reward 0\.0, \['outcome/wrong', 'soft'\]"),
    "vlm_programs.py": (
        "--run-dir {tmp}/run --sft-steps 2 --updates 2 --programs 8",
        r"reward 0\.\d\d after imitation, 0\.\d\d after 16",
    ),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models."""
    root = tmp_path_factory.mktemp("models")
    return {"chat": write_text_model("qwen2", root / "chat", chat=True), "caller": write_caller(root / "caller")}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    options, expected = SHORT[example.name]
    folders = request.getfixturevalue("folders") if example.name.startswith("trl") else {}
    command = [sys.executable, str(example), *options.format(tmp=tmp_path, **folders).split()]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(expected, done.stdout), done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short_and_need_public_names_only(example: Path) -> None:
    source = example.read_text(encoding="utf-8")
    assert source.count("\n") < 80
    for node in ast.walk(ast.parse(source)):
        used: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vispro"):
            used = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Attribute):
            used = [node.attr]
        assert not [name for name in used if name.startswith("_") and not name.startswith("__")], ast.unparse(node)
