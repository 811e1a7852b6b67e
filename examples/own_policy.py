"""A policy of one's own, measured on an environment: `python examples/own_policy.py`.

A policy sees prompts (a query and a sample id) and writes one program for each. This one knows a single trick: it takes the last
word of a yes/no question for an object and asks whether it exists.
"""

from __future__ import annotations

from collections.abc import Sequence

from vispro_agents.evaluate import evaluate
from vispro_agents.policies import Prompt


class LastWord:
    """Answers "is there a ... cup?" by looking for a cup."""

    name = "last-word"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """One program per prompt."""
        return [self.program(prompt.query.rstrip("?").split()[-1]) for prompt in prompts]

    @staticmethod
    def program(name: str) -> str:
        """A program that looks for an object."""
        return f"def execute_command(image):\n    return bool_to_yesno(image.exists({name!r}))\n"


if __name__ == "__main__":
    result = evaluate(LastWord(), "VisProg-GQA-v0", split="val", episodes=200)
    print(f"{result.policy} earns {result.reward:.2f} on {result.episodes} episodes: {result.outcomes}")
