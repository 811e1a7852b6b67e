"""The space of queries, programs and feedback."""

from __future__ import annotations

import string
import sys
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from gymnasium.vector.utils import create_shared_memory
from numpy.typing import NDArray

_SAMPLE_LENGTH = 200


class UnicodeText(spaces.Text):
    """Any Python string of bounded length, whatever characters it holds.

    `gymnasium.spaces.Text` lists the characters it admits, and by default that is neither space, newline nor
    punctuation. Listing all of Unicode would take megabytes per space. This space asks for the length only. Samples
    are printable ASCII of at most 200 characters.

    Args:
        max_length: Largest number of characters.
        seed: Seed of the sampling.
    """

    def __init__(self, max_length: int, *, seed: int | None = None) -> None:
        super().__init__(max_length, min_length=0, charset=string.printable, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(
        self,
        mask: tuple[int | None, NDArray[Any] | None] | None = None,
        probability: tuple[int | None, NDArray[Any] | None] | None = None,
    ) -> str:
        """A random string of printable ASCII characters, at most 200 unless a mask asks for another length."""
        if mask is None and probability is None:
            mask = (int(self.np_random.integers(min(self.max_length, _SAMPLE_LENGTH) + 1)), None)
        return super().sample(mask=mask, probability=probability)

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length

    __hash__ = None  # type: ignore[assignment]


@create_shared_memory.register(UnicodeText)
def _no_shared_memory(space: UnicodeText, n: int = 1, ctx: Any = None) -> Any:
    # AsyncVectorEnv would read the text once, at the start, and return that for ever.
    raise TypeError(
        "Texts cannot be shared between processes by memory. Pass vector_kwargs={'shared_memory': False} to "
        "gymnasium.make_vec, or shared_memory=False to AsyncVectorEnv."
    )


# Gymnasium flattens a Text to indices into its characters. Here an index is the code point plus one; 0 fills up the rest.
@flatten_space.register(UnicodeText)
def _flatten_space(space: UnicodeText) -> spaces.Box:
    return spaces.Box(0, sys.maxunicode + 1, (space.max_length,), np.int32)


@flatten.register(UnicodeText)
def _flatten(space: UnicodeText, x: str) -> NDArray[np.int32]:  # type: ignore[misc]
    flat = np.zeros(space.max_length, np.int32)
    flat[: len(x)] = [ord(character) + 1 for character in x]
    return flat


@unflatten.register(UnicodeText)
def _unflatten(space: UnicodeText, x: NDArray[np.int32]) -> str:  # type: ignore[misc]
    return "".join(chr(int(index) - 1) for index in x if index > 0)
