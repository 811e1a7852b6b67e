"""What a policy is: prompts in, program texts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_NEW_TOKENS = 320
"""Where replies are cut unless something else is asked for: programs of 40 lines, which is more than experts need."""


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
        """Write one reply per prompt, in order: the policy's best guess.

        Args:
            prompts: The prompts of one batch; may be thousands, a policy batches inside.

        Returns:
            One reply text per prompt: what the environment receives as its action. Any string is legal.
        """


@dataclass(frozen=True, slots=True)
class Sampling:
    """How replies are drawn from a language model.

    Attributes:
        temperature: What logits are divided by; 0 takes the most probable token each time.
        top_p: Draws are made among the most probable tokens that together have this probability.
        top_k: Draws are made among this many most probable tokens; 0 for all.
        max_new_tokens: Where replies are cut; None for what the policy was made or saved with.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_new_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply of a language model.

    Attributes:
        text: The reply, without special tokens.
        token_ids: The tokens that were drawn, the end-of-sequence token among them if the reply ended by itself. Empty where the
            model is behind a server that does not tell them.
        log_probs: Natural logarithm of each token's probability under `softmax(logits / temperature)` (of temperature 1 where
            sampling is greedy), before top-p and top-k. As many as `token_ids`, or none where they are not known.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()


class Sampler(Policy, Protocol):
    """A policy that can draw different replies to one prompt: what the Grow step and pass@k need."""

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> list[Completion]:
        """Draw one reply per prompt, in order.

        Args:
            prompts: The prompts; repeat one to draw several replies to it.
            sampling: How to draw.
            seed: Seed of all draws of this call. The global random state is neither used nor changed.

        Returns:
            One completion per prompt. On one machine it is a function of weights, prompts, sampling and seed.
        """
