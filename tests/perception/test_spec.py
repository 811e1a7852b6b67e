"""Perception by text: what is built, and what is said of a text that is none."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.perception import BACKENDS, make_perception
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.composed import ComposedPerception
from vispro_gym.perception.noise import NoisePerception
from vispro_gym.perception.oracle import OraclePerception


def test_names_options_and_nesting(tmp_path: Path) -> None:
    assert isinstance(make_perception(" oracle "), OraclePerception)
    noisy = make_perception("noise(oracle, miss=0.25, seed=7)")
    assert isinstance(noisy, NoisePerception) and isinstance(noisy._inner, OraclePerception)
    assert (noisy._miss, noisy._seed) == (0.25, 7)
    composed = make_perception("composed(noise(oracle), detect=oracle, answer=noise(oracle, confuse=1))")
    assert isinstance(composed, ComposedPerception)
    assert isinstance(composed._parts["detect"], OraclePerception) and isinstance(composed._parts["depth"], NoisePerception)
    kept = make_perception(f"cached(oracle, memory=3, folder={str(tmp_path)!r}, disk_mb=1.5)")
    assert isinstance(kept, CachedPerception) and kept._most == 3 and kept._store is not None and kept._store.folder == tmp_path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("orakle", "'orakle' is unknown. Expected one of: oracle, pixels, transformers, openai, noise, composed, cached"),
        ("", "cannot be read. Expected one of: oracle"),
        ("noise(oracle, miss=", "cannot be read"),
        ("(" * 500, "cannot be read"),
        ("noise(oracel)", "'oracel' is unknown"),
        ("noise('oracle')", "\"'oracle'\" is unknown. Backends stand without quotes"),
        ("noise(oracle, mis=0.5)", r"got an unexpected keyword argument 'mis'. Expected noise\(inner, \*, miss=0.0"),
        ("noise()", "missing a required argument: 'inner'"),
        ("noise(oracle, miss=2)", "miss=2 is no probability"),
        ("noise(oracle, miss='a')", "miss='a' is no probability"),
        ("noise(oracle, seed=1.5)", "seed=1.5 is no seed"),
        ("openai(model=3)", "model=3 is no model"),
        ("openai(model='m', concurrency=2.5)", "concurrency=2.5 makes no sense"),
        ("cached(oracle, memory='x')", "memory='x' is no size"),
        ("noise(oracle, **{})", "options are written name=value"),
        ("composed(smell=oracle)", "Expected some of the operations"),
        ("composed(detect=3)", "was given 3 for 'detect'"),
        ("cached(oracle, memory=-1)", "^perception=.* memory=-1 is no size"),
        ("__import__('os').system('true')", "is unknown"),
        ("oracle.__class__", "is unknown"),
        ("oracle if 1 else noise", "is unknown"),
        ("pixels(__import__('os'))", "is no value. Expected a number, True, or a text in quotes"),
    ],
)
def test_texts_that_are_none(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make_perception(spec)
    assert len(str(caught.value)) < 1_200


@given(st.text(alphabet="oracle noise(),=.'\"0123[]{}:*", max_size=40))
def test_no_text_does_anything_else_than_build_or_say_why(text: str) -> None:
    try:
        make_perception(text)
    except ValueError as error:
        assert "perception=" in str(error)


def test_environments_take_texts_and_keep_them_in_their_spec() -> None:
    env = gym.make("VisProg-CLEVR-v0", split="val", perception="noise(oracle, miss=1.0)")
    assert env.spec is not None and "noise(oracle, miss=1.0)" in env.spec.to_json()
    env.reset(seed=0)
    *_, info = env.step("def execute_command(image):\n    return str(len(ImagePatch(image).find('object')))")
    assert info["answer"] == "0"
    with pytest.raises(ValueError, match="'orakle' is unknown"):
        gym.make("VisProg-CLEVR-v0", perception="orakle")


def test_every_backend_has_a_summary_and_can_be_imported() -> None:
    for name, backend in BACKENDS.items():
        assert backend.summary and ":" in backend.entry_point, name
