"""Actions are numbers of programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from vispro_gym.programs.experts import UntranslatableError, translate


class ProgramLibraryAction(gym.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """An action is the number of a program in a library: `Discrete(len(programs))`.

    With one program per episode this is a contextual bandit, the simplest thing that can be learned here.

    Args:
        env: An environment of programs.
        programs: The library. Any texts, such as those of `expert_programs`.

    Raises:
        ValueError: If there are no programs, or actions of the environment are no texts.
        TypeError: If one of them is no string.

    Example:
        >>> import gymnasium as gym
        >>> import vispro_gym
        >>> from vispro_gym.wrappers import ProgramLibraryAction
        >>> env = ProgramLibraryAction(gym.make("VisProg-GQA-v0"), ["return 'yes'", "return 'no'"])
        >>> env.action_space
        Discrete(2)
    """

    def __init__(self, env: gym.Env[Any, str], programs: Sequence[str]) -> None:
        if isinstance(programs, str) or not all(isinstance(program, str) for program in programs):
            raise TypeError(f"programs={programs!r:.80} is no library. Expected a sequence of str.")
        if not programs:
            raise ValueError("the library is empty. Expected at least one program.")
        require_text_actions(env)
        RecordConstructorArgs.__init__(self, programs=list(programs))
        gym.ActionWrapper.__init__(self, env)
        self.programs = tuple(programs)
        self.action_space = spaces.Discrete(len(self.programs))

    def action(self, action: int) -> str:
        """The program of a number."""
        return self.programs[int(action)]


def require_text_actions(env: gym.Env[Any, Any]) -> None:
    """Raise a `ValueError` if another wrapper has changed the actions."""
    if not isinstance(env.action_space, spaces.Text):
        raise ValueError(f"the action space is {env.action_space}. Expected that of an environment of programs, which is text.")


def expert_programs(env: gym.Env[Any, Any], limit: int | None = None) -> list[str]:
    """The different expert programs of an environment's split, the most frequent first.

    Args:
        env: An environment of programs, wrapped or not.
        limit: How many at most; None for all.

    Raises:
        UntranslatableError: If none of its samples has one.
    """
    counts: Counter[str] = Counter()
    for sample in env.unwrapped.dataset:  # type: ignore[attr-defined]
        with suppress(UntranslatableError):
            counts[translate(sample)] += 1
    if not counts:
        raise UntranslatableError("None of the samples has an expert program. Expected GQA, CLEVR or mini data.")
    return [program for program, _ in counts.most_common(limit)]
