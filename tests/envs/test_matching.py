from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

FIRST_TEXT = "def execute_command(image):\n    return 'A'"
FIRST_IMAGE = "def execute_command(*images):\n    return ImagePatch(images[0])"
RETRIEVAL = ("Flickr30k", "COCOCaptions")


def make(name: str, **options: Any) -> Any:
    return gym.make(f"vispro_gym:VisProg-{name}-v0", image_size=32, **options).unwrapped


@pytest.mark.parametrize("name", RETRIEVAL)
def test_the_size_of_the_pool(name: str) -> None:
    for size in (2, 7):
        env = make(name, form="text_to_image", pool_size=size)
        observation, _ = env.reset(seed=1)
        assert observation["image"].shape == (size, 32, 32, 3) and env.observation_space.contains(observation)
        env = make(name, pool_size=size)
        observation, _ = env.reset(seed=1)
        assert observation["image"].shape == (32, 32, 3) and len(observation["query"].splitlines()) == 1 + size
    with pytest.raises(ValueError, match="pool_size=1 is no size of a pool"):
        make(name, pool_size=1)
    with pytest.raises(TypeError, match="SugarCREPE has no option 'pool_size'"):
        make("SugarCREPE", pool_size=5)


@pytest.mark.parametrize(
    ("name", "form", "program", "chance"),
    [
        ("WinoGround", "caption", FIRST_TEXT, 0.5),
        ("WinoGround", "image", FIRST_IMAGE, 0.5),
        ("SugarCREPE", "caption", FIRST_TEXT, 0.5),
        ("Flickr30k", "image_to_text", FIRST_TEXT, 0.2),
        ("COCOCaptions", "text_to_image", FIRST_IMAGE, 0.2),
    ],
)
def test_always_choosing_the_first_earns_chance(name: str, form: str, program: str, chance: float) -> None:
    env = make(name, form=form)
    rewards = []
    for seed in range(120):
        env.reset(seed=seed)
        rewards.append(env.step(program)[1])
    assert abs(sum(rewards) / 120 - chance) < 0.15


def test_a_sample_is_shown_in_another_order_at_each_reset() -> None:
    env = make("SugarCREPE")
    env.reset(seed=5)
    queries = {env.reset(options={"sample_id": "swap_obj-3"})[0]["query"] for _ in range(20)}
    assert len(queries) == 2
    env.reset(seed=5)
    again = {env.reset(options={"sample_id": "swap_obj-3"})[0]["query"] for _ in range(20)}
    assert queries == again


def test_letters_name_what_the_query_shows() -> None:
    env = make("SugarCREPE")
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        right = env.unwrapped.sample.record["caption"]
        letter = next(line[0] for line in observation["query"].splitlines()[1:] if line[3:] == right)
        assert env.step(f"def execute_command(image):\n    return {letter!r}")[1] == 1.0
        assert env.step(f"def execute_command(image):\n    return {right!r}")[1] == 1.0
        assert env.step("def execute_command(image):\n    return 0")[1] == 0.0


def test_visrep_asks_winoground_with_yes_or_no() -> None:
    env = make("WinoGround", split="visrep")
    observation, _ = env.reset(seed=0)
    assert observation["query"].startswith('Verify image matches text="')
    rewards = [env.engine.task.score(True, sample.target).reward for sample in env.dataset]
    assert sum(rewards) == len(rewards) / 2
