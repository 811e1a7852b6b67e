"""Loading policies by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vispro_agents.errors import UsageError
from vispro_agents.evaluate import evaluate, open_env
from vispro_agents.policies import Prompt, load_policy

ENV = "VisProg-GQA-v0"


def test_the_expert_writes_names_and_no_object_ids(small_gqa: Path) -> None:
    dataset = open_env(ENV, "val", small_gqa).dataset
    sample = dataset[1]
    [program] = load_policy("expert", dataset).propose([Prompt(sample.sample_id, "the query is not read")])
    noun = sample.query.removesuffix("?").split()[-1]
    assert f'image_patch.find("{noun}")' in program
    assert repr(sample.target) not in program


@pytest.mark.parametrize("answer", ["yes", 'it\'s "quoted"', "back\\slash\nline", "", "a:b"])
def test_a_constant_may_hold_any_text(small_gqa: Path, answer: str) -> None:
    policy = load_policy(f"constant:{answer}", open_env(ENV, "val", small_gqa).dataset)
    scope: dict[str, object] = {}
    exec(policy.propose([Prompt("1", "?")])[0], scope)
    assert scope["execute_command"](None) == answer  # type: ignore[operator]


def test_a_policy_of_ones_own(small_gqa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_policy.py").write_text(
        "class Mine:\n"
        "    name = 'mine'\n"
        "    def propose(self, prompts):\n"
        "        return ['def execute_command(image):\\n    return \"yes\"' for _ in prompts]\n"
        "not_callable = 3\n"
        "def no_policy():\n"
        "    return 3\n"
        "def needs(something):\n"
        "    return 3\n"
        "class Nameless:\n"
        "    def propose(self, prompts):\n"
        "        return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = evaluate("my_own_policy:Mine", ENV, data_dir=small_gqa)
    assert result.policy == "mine"
    assert 0 < result.reward < 1
    for name, said in (
        ("Missing", "has no class or function 'Missing'"),
        ("not_callable", "has no class or function 'not_callable'"),
        ("no_policy", "gives 3, which has no method 'propose'"),
        ("needs", "needs cannot be called without arguments"),
        ("Nameless", "which has no 'name'"),
    ):
        with pytest.raises(UsageError, match=f"'my_own_policy:{name}'.*{said}"):
            evaluate(f"my_own_policy:{name}", ENV, data_dir=small_gqa)


@pytest.mark.parametrize("spec", ["", "experts", "constant", "no_such_module:Mine", "no/such/folder", "\0"])
def test_anything_else_is_refused(small_gqa: Path, spec: str) -> None:
    with pytest.raises(UsageError, match="Expected 'expert'"):
        load_policy(spec, open_env(ENV, "val", small_gqa).dataset)


def test_a_folder_without_a_policy_is_refused(small_gqa: Path, tmp_path: Path) -> None:
    dataset = open_env(ENV, "val", small_gqa).dataset
    with pytest.raises(UsageError, match=r"curve\.json is missing"):
        load_policy(str(tmp_path), dataset)
    (tmp_path / "curve.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        load_policy(str(tmp_path), dataset)
    (tmp_path / "curve.json").write_text(json.dumps({"args": {}, "points": []}))
    with pytest.raises(UsageError, match="no finished policy"):
        load_policy(str(tmp_path), dataset)
    (tmp_path / "curve.json").write_text(json.dumps({"args": {}, "points": [{"reward": 1.0}]}))
    with pytest.raises(UsageError, match="is damaged"):
        load_policy(str(tmp_path), dataset)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(str(tmp_path), dataset)
