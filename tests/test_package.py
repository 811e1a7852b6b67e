"""What the package promises as a whole: light imports, an honest wheel, a tree that is all packaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "transformers",
    "trl",
    "matplotlib",
    "datasets",
    "pandas",
    "jinja2",
    "pycocotools",
    "tyro",
    "pygame",
    "prompt_toolkit",
)


def run_python(code: str, **options: object) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **options).stdout  # type: ignore[call-overload, no-any-return]


def test_importing_and_stepping_loads_nothing_heavy() -> None:
    code = (
        "import sys, json, gymnasium as gym, vispro_gym\n"
        "env = gym.make('VisProg-CLEVR-v0')\n"
        "env.reset(seed=0); env.step('return 1')\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    assert json.loads(run_python(code)) == []


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        str(path.parent.relative_to(ROOT)).replace("agents", "vispro_agents", 1).replace(os.sep, ".")
        for top in ("vispro_gym", "agents")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(configured) == found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Built from a copy: setuptools writes into the tree, where other builds do so, too, and leave files behind.
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    for name in ("vispro_gym", "agents"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source],
        check=True, capture_output=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_owns_two_top_level_names_and_every_file(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"vispro_gym", "vispro_agents"}
    for top, package in (("vispro_gym", "vispro_gym"), ("agents", "vispro_agents")):
        tracked = [path for path in (ROOT / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {f"{package}/{path.relative_to(ROOT / top).as_posix()}" for path in tracked} <= set(names)


def test_the_wheel_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    code = (
        "import gymnasium as gym\n"
        "env = gym.make('vispro_gym:VisProg-CLEVR-v0')\n"
        "env.reset(seed=0)\n"
        "import vispro_gym; print(vispro_gym.__file__)\n"
        "print(env.step('def execute_command(image):\\n    return image.find(\"sphere\")')[4]['outcome'])"
    )
    printed = run_python(code, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(target)})
    assert printed.split() == [str(target / "vispro_gym" / "__init__.py"), "wrong"]
