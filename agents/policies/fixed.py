"""Policies that learn nothing: what a trained one is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Prompt, Sampling
from vispro_gym.datasets.base import Dataset
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.programs.grammar import random_program


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


class RandomPolicy:
    """Writes random programs from the grammar of the program language, with names from the query. A sampler, too.

    Args:
        seed: A program that `propose` writes is a function of it and of the prompt.
    """

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """One random program per prompt; the same one for the same prompt, whatever else is asked."""
        return [random_program(prompt.query, f"{self._seed} {prompt.sample_id}", prompt.image_names) for prompt in prompts]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        """One random program per prompt, another one each time that a prompt is repeated.

        The n-th program of a prompt is a function of the prompt, of n and of the seed. `sampling` has no say: there are no
        probabilities to sharpen.
        """
        asked: Counter[Prompt] = Counter()
        completions = []
        for prompt in prompts:
            asked[prompt] += 1
            program_seed = f"{seed} {prompt.sample_id} {asked[prompt]}"
            completions.append(Completion(random_program(prompt.query, program_seed, prompt.image_names)))
        return completions
