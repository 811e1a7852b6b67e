"""An agent that repairs its programs: `python examples/repair.py`.

The "-Repair" environments allow three programs per episode and say after each what went wrong. The agent is a function of a
conversation. By default one of a few lines plays, whose first program forgets that nothing may be found; with a model behind an
OpenAI-compatible endpoint (pip install 'vispro-gym[openai]'):

    python examples/repair.py --model Qwen/Qwen3-8B --base-url http://localhost:8000/v1
"""

from __future__ import annotations

import re
from collections.abc import Callable

import gymnasium as gym
import tyro

import vispro_gym
from vispro_gym.programs.prompt import build_prompt

Message = dict[str, str]
assert vispro_gym.ENVIRONMENTS


def hasty(messages: list[Message]) -> str:
    """Looks at the first thing that is found, until it is told that there may be none."""
    query = messages[0]["content"].rpartition("Query: ")[2].partition("\n")[0]
    named = re.search(r"\b(?:an?|any)\s+([\w ]+?)(?: in the \w+)?\?", query)
    name = named[1] if named else query.split()[-1].rstrip("?")
    guard = "    if not found:\n        return 'no'\n" if "IndexError" in messages[-1]["content"] else ""
    look = f"    found = image.find({name!r})\n{guard}    return bool_to_yesno(found[0].exists({name!r}))\n"
    return f"```python\ndef execute_command(image):\n{look}```"


def ask(model: str, base_url: str) -> Callable[[list[Message]], str]:
    """An agent that is a chat model."""
    from openai import OpenAI

    client = OpenAI(base_url=base_url)
    return lambda messages: client.chat.completions.create(model=model, messages=messages).choices[0].message.content or ""


def main(episodes: int = 100, model: str = "", base_url: str = "http://localhost:8000/v1") -> None:
    """Plays episodes and tells how much the second and third attempt bring.

    Args:
        episodes: Number of episodes.
        model: Name of a chat model; "" for the agent of a few lines.
        base_url: Its endpoint.
    """
    agent = ask(model, base_url) if model else hasty
    env = gym.make("VisProg-GQA-Repair-v0", filter={"detailed": ["exist", "existC"]})
    task, right = env.unwrapped.task, [0, 0, 0]
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        messages = [{"role": "user", "content": build_prompt(observation["query"], task.instructions)}]
        attempt, ended = 0, False
        while not ended:
            reply = agent(messages)
            observation, reward, ended, _, _ = env.step(reply)
            messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": observation["feedback"]}]
            right[attempt] += int(reward)
            attempt += 1
    shares = [sum(right[: attempt + 1]) / episodes for attempt in range(3)]
    print("right after one, two and three attempts: " + ", ".join(f"{share:.2f}" for share in shares))


if __name__ == "__main__":
    tyro.cli(main)
