"""The documentation says what the code does."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from vispro_gym.registration import CARDS, ENVIRONMENTS, TASK_REWARDS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(generate: ModuleType) -> None:
    for name, page in generate.PAGES.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page(), "run python docs/generate.py"


def test_the_readme_shows_what_its_code_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    printed = io.StringIO()
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    with contextlib.redirect_stdout(printed):
        exec(first, scope)
    assert printed.getvalue() == shown
    with contextlib.redirect_stdout(printed):
        exec(second, scope)  # goes on where the first ends
    accuracy, rewards = map(float, printed.getvalue().removeprefix(shown).split())
    assert accuracy == rewards > 0 and len(json.loads((tmp_path / "predictions.json").read_text())) == 100


def test_the_readme_lists_every_environment() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in (*ENVIRONMENTS, *TASK_REWARDS, *CARDS):
        assert f"`{row.env_id}`" in readme


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"
