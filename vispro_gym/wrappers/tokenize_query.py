"""Queries become numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from vispro_gym.programs.grammar import WORD

PADDING, UNKNOWN = 0, 1


class TokenizeQuery(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """The query as word numbers: `MultiDiscrete([V + 2] * length)` for a vocabulary of V words.

    0 fills up short queries, 1 is a word that is not in the vocabulary, and the k-th word of the vocabulary is k + 2. Words are
    those of `vispro_gym.programs.grammar`, in lower case: the i-th number is the word that `GrammarAction` calls "word i".

    Args:
        env: An environment whose observation is a `Dict` with "query". "feedback", if there is any, is left out.
        vocabulary: The words; None for those of all queries of the environment's split, which reads all its samples.
        length: Numbers per query; longer queries are cut.

    Raises:
        ValueError: If the environment has no query, or the length is not positive.

    Example:
        >>> import gymnasium as gym
        >>> import vispro_gym
        >>> from vispro_gym.wrappers import TokenizeQuery
        >>> env = TokenizeQuery(gym.make("VisProg-GQA-v0"), ["is", "there", "a", "dog"], length=6)
        >>> env.tokens("Is there a big dog?")
        array([2, 3, 4, 1, 5, 0])
    """

    def __init__(self, env: gym.Env[Any, Any], vocabulary: Sequence[str] | None = None, length: int = 24) -> None:
        space = env.observation_space
        if not isinstance(space, spaces.Dict) or not isinstance(space.spaces.get("query"), spaces.Text):
            raise ValueError(f"the observation space {space} holds no query. Expected a Dict with 'query', a text.")
        if length < 1:
            raise ValueError(f"length={length} is no length. Expected a positive integer.")
        words = query_vocabulary(env) if vocabulary is None else list(vocabulary)
        RecordConstructorArgs.__init__(self, vocabulary=words, length=length)
        gym.ObservationWrapper.__init__(self, env)
        self.vocabulary = tuple(words)
        self.length = length
        self._numbers = {word: i + 2 for i, word in enumerate(self.vocabulary)}
        others = {name: part for name, part in space.spaces.items() if name not in ("query", "feedback")}
        self.observation_space = spaces.Dict(others | {"query": spaces.MultiDiscrete([len(self.vocabulary) + 2] * length)})

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with numbers for the query."""
        others = {name: part for name, part in observation.items() if name not in ("query", "feedback")}
        return others | {"query": self.tokens(observation["query"])}

    def tokens(self, query: str) -> NDArray[np.int64]:
        """The numbers of a query's words, int64 of shape `(length,)`."""
        numbers = [self._numbers.get(word.lower(), UNKNOWN) for word in WORD.findall(query)[: self.length]]
        return np.array(numbers + [PADDING] * (self.length - len(numbers)), np.int64)


def query_vocabulary(env: gym.Env[Any, Any], limit: int | None = None) -> list[str]:
    """The words of all queries of an environment's split in lower case, the most frequent first.

    Args:
        env: An environment of programs, wrapped or not.
        limit: How many at most; None for all.
    """
    dataset = env.unwrapped.dataset  # type: ignore[attr-defined]
    counts = Counter(word.lower() for sample in dataset for word in WORD.findall(sample.query))
    return [word for word, _ in counts.most_common(limit)]
