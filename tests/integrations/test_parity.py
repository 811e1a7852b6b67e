"""The same program in the same episode earns the same reward and has the same outcome, whichever library plays it."""

from __future__ import annotations

import random

import gymnasium as gym
import pytest

from tests.integrations.surfaces import SURFACES, gymnasium
from vispro_gym.programs.experts import translate
from vispro_gym.registration import ENVIRONMENTS

FAILING = {
    "extract_error": "I cannot see any picture.",
    "syntax_error": "def execute_command(*images):\n    return (",
    "rejected": "def execute_command(*images):\n    return images[0].__class__.__bases__",
    "runtime_error": "def execute_command(*images):\n    return 1 / 0",
    "step_limit": "def execute_command(*images):\n    while True:\n        pass",
    "no_answer": "def execute_command(*images):\n    pass",
}


@pytest.mark.parametrize("env_id", [row.env_id for row in ENVIRONMENTS])
def test_parity(env_id: str) -> None:
    """Two episodes of each environment: all kinds of outcome, and the expert inside a chatty reply."""
    env = gym.make(env_id)
    rng = random.Random(env_id)
    for _ in range(2):
        _, info = env.reset(seed=rng.randrange(1 << 31))
        seed = rng.randrange(1 << 31)
        env.reset(seed=seed, options={"sample_id": info["sample_id"]})
        expert = translate(env.unwrapped.sample)  # type: ignore[attr-defined]
        chatty = f"Let me look.\n\n```python\n{expert}```\n\nThat should do."
        guess = "def execute_command(*images):\n    return 'certainly not'"
        programs = [expert, chatty, guess, *FAILING.values()]
        expected = gymnasium(env_id, info["sample_id"], seed, programs)
        assert expected[:2] == [(1.0, "correct")] * 2 and expected[2][0] == 0.0
        assert expected[3:] == [(0.0, outcome) for outcome in FAILING]
        for name, play in SURFACES.items():
            assert play(env_id, info["sample_id"], seed, programs) == expected, name
