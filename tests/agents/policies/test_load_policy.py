"""Policies by text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_agents.episodes import open_env
from vispro_agents.errors import UsageError
from vispro_agents.evaluate import evaluate
from vispro_agents.policies import Policy, Prompt, load_policy
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.tiny import create_tiny
from vispro_agents.policies.transformers import ModelArgs, load_model

ENV = "VisProg-GQA-v0"
PROGRAM = "def execute_command(image):\n    return 'yes'\n"
PROMPTS = [Prompt("1", "Is there a cup?"), Prompt("2", "Is it red?")]


def load(spec: str) -> Policy:
    return load_policy(spec, None)  # type: ignore[arg-type]  # only the expert reads the dataset


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    create_tiny(["Is there a cup?"] * 4, [PROGRAM] * 4, seed=0, hidden_size=32, num_layers=1).save(path)
    return path


# Names


def test_names_give_policies_of_that_name(small_gqa: Path) -> None:
    dataset = open_env(ENV, "val", small_gqa).dataset
    for spec in ("expert", "crash", "random", "constant:yes", "constant:openai(model='a')"):
        assert load_policy(spec, dataset).name == spec
    assert "openai(model='a')" in load("constant:openai(model='a')").propose(PROMPTS)[0].replace('"', "'").replace("\\", "")
    assert load("random(seed=1)").propose(PROMPTS) == load(" random( seed = 1 )").propose(PROMPTS)
    assert load("random(seed=1)").propose(PROMPTS) != load("random").propose(PROMPTS)


@pytest.mark.parametrize(
    "spec",
    ["", "experts", "constant", "no_such_module:Mine", "no/such/folder", "\0", "gpt(model='a')", "expert()", "openai(", "f()()"],
)
def test_anything_else_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="Expected 'expert'") as caught:
        load(spec)
    assert "\n" not in str(caught.value)


def test_small_policies_need_no_large_libraries() -> None:
    program = (
        "import sys\nfrom vispro_agents.policies import load_policy\n"
        "for spec in ('random', 'crash', 'constant:yes', 'openai(model=\"a\")'):\n    load_policy(spec, None)\n"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'transformers', 'datasets', 'matplotlib')))\n"
    )
    pytest.importorskip("openai")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


# One's own


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
    result = evaluate("my_own_policy:Mine", ENV, data_dir=small_gqa, semantic_scenes=0)
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
            load(f"my_own_policy:{name}")


# Folders


def test_a_saved_policy_is_loaded_from_its_folder(tiny: Path, tmp_path: Path) -> None:
    expected = LanguageModelPolicy.load(tiny).propose(PROMPTS)
    assert load(str(tiny)).propose(PROMPTS) == expected
    (tmp_path / "curve.json").write_text(
        json.dumps(
            {
                "args": {},
                "points": [{"policy": "00", "iteration": 0, "reward": 0.1}, {"policy": "01", "iteration": 1, "reward": 0.2}],
            }
        )
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "01").symlink_to(tiny)
    assert load(str(tmp_path)).propose(PROMPTS) == expected
    policy = load_model(ModelArgs(str(tiny), lora_rank=2, device="cpu"))
    policy.save(tmp_path / "adapter")
    loaded = load(str(tmp_path / "adapter"))
    assert isinstance(loaded, LanguageModelPolicy) and hasattr(loaded.model, "peft_config")


def test_a_folder_without_a_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"curve\.json is missing"):
        load(str(tmp_path))
    (tmp_path / "curve.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        load(str(tmp_path))
    (tmp_path / "curve.json").write_text(json.dumps({"args": {}, "points": []}))
    with pytest.raises(UsageError, match="no finished policy"):
        load(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be read"):
        load(str(tmp_path))


# Models with options


def test_a_frozen_model_of_a_folder(tiny: Path) -> None:
    policy: Any = load(f"transformers(model={str(tiny)!r}, prompt='comment', device='cpu', max_new_tokens=9)")
    assert not hasattr(policy.model, "peft_config")
    assert (policy.style, policy.max_new_tokens) == ("comment", 9)
    saved = LanguageModelPolicy.load(tiny, device="cpu")
    saved.max_new_tokens = 9
    assert policy.propose(PROMPTS) == saved.propose(PROMPTS)


@given(st.text(min_size=1), st.integers(1, 100), st.floats(0.1, 100.0) | st.integers(1, 100))
def test_options_arrive_as_they_are(model: str, concurrency: int, timeout: float) -> None:
    pytest.importorskip("openai")
    policy = load(f"openai(model={model!r}, concurrency={concurrency!r}, timeout={timeout!r}, base_url='http://localhost:1/v1')")
    assert policy.name == model
    assert (policy._endpoint.concurrency, policy._endpoint.timeout) == (concurrency, timeout)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("openai", "the option 'model' is missing"),
        ("openai()", "the option 'model' is missing"),
        ("transformers", "the option 'model' is missing"),
        ("openai(model='a', temperature=1)", "'temperature' is unknown. Expected some of: model, base_url, endpoint,"),
        ("transformers(model='a', temperature=1)", "'temperature' is unknown. Expected some of: model, chat, quantize,"),
        ("transformers(model='a', lora_rank=4)", "'lora_rank' is unknown"),
        ("transformers(model='a', training_prompt='full')", "'training_prompt' is unknown"),
        ("random(model='a')", "'model' is unknown. Expected some of: seed"),
        ("openai(model=3)", "model=3 is not of the right kind. Expected str"),
        ("openai(model='a', base_url=3)", r"base_url=3 is not of the right kind. Expected str \| None"),
        ("openai(model='a', concurrency=True)", "concurrency=True is not of the right kind. Expected int"),
        ("openai(model='a', endpoint='chats')", "endpoint='chats' is not of the right kind. Expected .*'chat', 'completions'"),
        ("transformers(model='a', max_new_tokens='9')", "max_new_tokens='9' is not of the right kind. Expected int"),
        ("openai(model='a', concurrency=0)", "concurrency=0 makes no sense"),
        ("openai('a')", "options are written name=value, not \"'a'\""),
        ("openai(model=a)", "'a' is no value"),
        ("openai(model='a', **{'retries': 1})", "options are written name=value"),
        ("openai(model='a', model='b')", "the option 'model' is there twice"),
        ("openai(model=__import__('os').getcwd())", "is no value"),
        ("transformers(model='no/such/folder/here')", "cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_told(spec: str, said: str) -> None:
    pytest.importorskip("openai")
    with pytest.raises(UsageError, match=said) as caught:
        load(spec)
    assert "\n" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "vispro_agents.policies.openai", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r'pip install "vispro-gym\[openai\]"'):
        load("openai(model='a')")
