"""Visual programs for SkyRL: `python examples/skyrl_text_env.py` (pip install 'vispro-gym[skyrl]').

Builds rows as SkyRL's trainers read them, and plays one episode of three attempts in the way that its generator does. In
training, call `register()` in the process that makes environments, and name the environment "vispro_gym".
"""

from __future__ import annotations

import json
from pathlib import Path

import skyrl_gym
import tyro

from vispro_gym.integrations.skyrl import ENV_CLASS, build_rows, register

REPLIES = ("I see a cup.", "return image.find('unicorn')[0]", "def execute_command(image):\n    return 'yes'")


def main(env: str = "VisProg-GQA-Repair-v0", limit: int = 20, out: Path | None = None) -> None:
    """Builds rows and plays.

    Args:
        env: Environment id.
        limit: Number of rows.
        out: JSON lines file for the rows.
    """
    rows = build_rows(env, limit=limit, style="short")
    if out is not None:
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    register()
    extras = {name: value for name, value in rows[0].items() if name != "prompt"}
    episode = skyrl_gym.make(ENV_CLASS, extras=extras)
    conversation, _ = episode.init(rows[0]["prompt"])
    print(conversation[-1]["content"].splitlines()[-2])
    for reply in REPLIES:
        step = episode.step(reply)
        print(f"reward {step['reward']}, {step['metadata']['outcome']}")
        conversation += [{"role": "assistant", "content": reply}, *step["observations"]]
        if step["done"]:
            break
    print(f"{len(conversation)} messages, {episode.get_metrics()}")


if __name__ == "__main__":
    tyro.cli(main)
