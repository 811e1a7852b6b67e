"""Policies that learn nothing: what a trained one is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Prompt
from vispro_gym.datasets.base import Dataset
from vispro_gym.programs.experts import UntranslatableError, translate


class ExpertPolicy:
    """Translates the dataset's own functional programs. The upper bound, and the source of demonstrations.

    This is the only privileged policy: it looks the sample up in the dataset and reads an annotation that no other policy
    sees. It still writes names only, never object ids or the target.

    Args:
        dataset: The dataset that the prompts are from.
    """

    name = "expert"

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """One expert program per prompt.

        Raises:
            UsageError: If the dataset publishes no functional program for a sample.
        """
        try:
            return [translate(self.dataset[self.dataset.position(prompt.sample_id)]) for prompt in prompts]
        except UntranslatableError as error:
            raise UsageError(f"The expert translates the dataset's functional programs: {error}") from error


class ConstantPolicy:
    """Answers every query with one text without looking at the picture. Shows what answer statistics alone earn.

    Args:
        answer: The text.
    """

    def __init__(self, answer: str) -> None:
        self.name = f"constant:{answer}"
        self._program = f"def execute_command(*images):\n    return {answer!r}\n"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """The same program for all."""
        return [self._program] * len(prompts)


class CrashPolicy:
    """Writes programs that raise. Earns 0 in an environment that gives no reward for a dead program."""

    name = "crash"
    _program = "def execute_command(*images):\n    return [][0]\n"

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """The same program for all."""
        return [self._program] * len(prompts)
