from __future__ import annotations

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces.utils import flatdim, flatten, flatten_space, unflatten
from gymnasium.vector.utils import create_shared_memory
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.envs.spaces import UnicodeText


@given(st.text(st.characters(), max_size=20))
def test_any_string_that_is_not_too_long_belongs(text: str) -> None:
    assert UnicodeText(20).contains(text)
    assert not UnicodeText(20).contains(text + "x" * 21)


@pytest.mark.parametrize("value", [3, None, b"bytes", ["a"]])
def test_nothing_else_belongs(value: object) -> None:
    assert not UnicodeText(20).contains(value)


def test_samples_belong_are_short_and_seeded() -> None:
    space = UnicodeText(1 << 24, seed=3)
    samples = [space.sample() for _ in range(50)]
    assert all(space.contains(sample) and len(sample) <= 200 for sample in samples)
    assert samples == [sample for space in [UnicodeText(1 << 24, seed=3)] for sample in [space.sample() for _ in range(50)]]
    assert len(UnicodeText(10, seed=0).sample(mask=(4, None))) == 4


def test_equality_repr_and_pickle() -> None:
    space = UnicodeText(20)
    assert space == pickle.loads(pickle.dumps(space)) != UnicodeText(21)
    assert space != spaces.Text(20)
    assert repr(space) == "UnicodeText(20)"


def test_shared_memory_is_refused_loudly() -> None:
    with pytest.raises(
        TypeError, match=r"vector_kwargs=\{'shared_memory': False\} to gymnasium.make_vec, or shared_memory=False to Asy"
    ):
        create_shared_memory(UnicodeText(20))


@given(st.text(st.characters(), max_size=20))
def test_flattening_loses_nothing(text: str) -> None:
    space = UnicodeText(20)
    flat = flatten(space, text)
    assert flat in flatten_space(space) and flatdim(space) == 20
    assert unflatten(space, flat) == text


def test_flattening_within_a_dict() -> None:
    space = spaces.Dict({"image": spaces.Box(0, 255, (2, 2, 3), np.uint8), "query": UnicodeText(10)})
    flat = flatten(space, {"image": np.full((2, 2, 3), 200, np.uint8), "query": "héllo 🙂\0"})
    assert flat in flatten_space(space)
    assert unflatten(space, flat)["query"] == "héllo 🙂\0"


def test_async_vector_env_without_shared_memory() -> None:
    envs = gym.make_vec("VisProg-CLEVR-v0", num_envs=2, vectorization_mode="async", vector_kwargs={"shared_memory": False})
    observations, infos = envs.reset(seed=[1, 2])
    single = gym.make("VisProg-CLEVR-v0")
    assert observations["query"][1] == single.reset(seed=2)[0]["query"]
    _, rewards, terminated, _, infos = envs.step(("return 1", "no program"))
    assert rewards.shape == (2,) and terminated.all()
    assert list(infos["outcome"]) == ["wrong", "extract_error"]
    assert infos["error"]["type"][1] == "ExtractError"
    envs.close()
