"""What a policy is: prompts in, program texts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy may see of a sample. The picture and the target are absent on purpose: programs look, policies write.

    Attributes:
        sample_id: The dataset's identifier of the sample. Only the privileged expert looks anything up by it.
        query: The text query.
        instructions: What a program has to return, as a sentence.
        image_names: Names of the pictures that a program receives.
    """

    sample_id: str
    query: str
    instructions: str = ""
    image_names: tuple[str, ...] = ("image",)


class Policy(Protocol):
    """Anything that writes programs.

    Attributes:
        name: Short name for tables and logs.
    """

    name: str

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """Write one reply per prompt, in order.

        Args:
            prompts: The prompts of one batch; may be thousands, a policy batches inside.

        Returns:
            One reply text per prompt: what the environment receives as its action. Any string is legal.
        """
