"""Actions are texts: what a language model says becomes an action by keywords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from vispro_gym.envs.cards.base import CardsEnv
from vispro_gym.envs.episode import MAX_QUERY_CHARACTERS
from vispro_gym.envs.spaces import UnicodeText
from vispro_gym.envs.visual_program import MAX_PROGRAM_CHARACTERS as MAX_REPLY_CHARACTERS

_KEY = re.compile(r'"action"\s*:', re.IGNORECASE)


class TextAction(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """An action is a text, such as the reply of a language model, in which a keyword names what to do.

    The action is what `parse_action` finds: the one keyword that is named after `"action":`. A text that names none, or several,
    is no error: an action is drawn uniformly instead. That is how Zhai et al. (NeurIPS 2024) read the replies of vision-language
    models, with these differences: keywords are whole words ("10" names no "1", "within" no "hit"); there may be spaces before
    the colon; a text without the key names nothing, whatever its last character is. The draws come from a generator of the
    wrapper's own, which `reset(seed=)` seeds, so that they do not shift those of the environment, and a replay is the same.

    The observation is a `Dict` with

    - "image": the observation of the environment;
    - "query": `UnicodeText`, the instruction, which says what to do and how to reply.

    The info gains

    - "action": the number of the keyword that was played, whoever chose it; -1 after `reset`;
    - "is_legal": whether the text named it; True after `reset`;
    - "illegal_actions": how many texts of the episode have not named any.

    Args:
        env: An environment with a `Discrete` action space.
        thoughts: Whether the instruction asks for thoughts before the action.
        short: Whether the instruction is a few words long, for tiny models, which know the task from demonstrations.
        keywords: Name of each action, in order; None for those of an environment of cards.
        instruction: The task in words; keywords and the form of the reply are added, unless it is `short`. None for the
            instructions of an environment of cards.

    Raises:
        ValueError: If the actions are not `Discrete`, keywords or an instruction are missing, the instruction is too long, or the
            keywords are not one for each action, different also where case is ignored.
        TypeError: If keywords or the instruction are no texts.

    Example:
        >>> import gymnasium as gym
        >>> import vispro_gym
        >>> from vispro_gym.wrappers import TextAction
        >>> env = TextAction(gym.make("Cards-NumberLine-v0"))
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step('{"action": "+"}')
        >>> info["action"], info["is_legal"]
        (1, True)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        thoughts: bool = True,
        short: bool = False,
        keywords: Sequence[str] | None = None,
        instruction: str | None = None,
    ) -> None:
        space = env.action_space
        if not isinstance(space, spaces.Discrete):
            raise ValueError(f"the action space is {space}. Expected a Discrete one, of actions that can be named.")
        cards = env.unwrapped if isinstance(env.unwrapped, CardsEnv) else None
        names = _checked_keywords(cards.keywords if cards and keywords is None else keywords, int(space.n))
        if instruction is None and (cards is None or names != cards.keywords):
            raise ValueError("there is no instruction. Expected the task in words: the environment does not know these keywords.")
        if instruction is not None and not isinstance(instruction, str):
            raise TypeError(f"instruction={instruction!r:.80} is no text. Expected a str.")
        RecordConstructorArgs.__init__(
            self, thoughts=thoughts, short=short, keywords=None if keywords is None else list(keywords), instruction=instruction
        )
        gym.Wrapper.__init__(self, env)
        self.thoughts = thoughts
        self.short = short
        self.keywords = names
        self._cards = cards
        self._instruction = None if instruction is None else _completed(instruction, names, thoughts, short)
        if self._instruction is not None and len(self._instruction) > MAX_QUERY_CHARACTERS:
            raise ValueError(
                f"the instruction is {len(self._instruction)} characters long. Expected at most {MAX_QUERY_CHARACTERS}."
            )
        self._start = int(space.start)
        self._generator = np.random.default_rng()
        self._illegal = 0
        self.action_space = UnicodeText(MAX_REPLY_CHARACTERS)
        self.observation_space = spaces.Dict(
            {"image": env.observation_space, "query": UnicodeText(MAX_QUERY_CHARACTERS)},
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the environment, and the actions that are drawn in place of illegal ones.
            options: Those of the environment.
        """
        image, info = self.env.reset(seed=seed, options=options)
        if seed is not None:  # a stream of its own, where the environment's generator takes the seed as it is
            self._generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        self._illegal = 0
        return self._observed(image), info | {"action": -1, "is_legal": True, "illegal_actions": 0}

    def step(self, action: str) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Plays the action that a text names, or a random one.

        Args:
            action: Any string.

        Raises:
            TypeError: If the action is no string.
        """
        if not isinstance(action, str):
            raise TypeError(f"the action is of type {type(action).__name__}. Expected a str that names one of: {self.keywords}.")
        named = parse_action(action, self.keywords)
        played = int(self._generator.integers(len(self.keywords))) if named is None else named
        image, reward, terminated, truncated, info = self.env.step(self._start + played)
        self._illegal += named is None
        info = info | {"action": played, "is_legal": named is not None, "illegal_actions": self._illegal}
        return self._observed(image), reward, terminated, truncated, info

    def _observed(self, image: Any) -> dict[str, Any]:
        if self._instruction is not None:
            return {"image": image, "query": self._instruction}
        assert self._cards is not None
        return {"image": image, "query": self._cards.instruction(self.thoughts, self.short)}


def action_start(text: str) -> int:
    """Where in a reply what decides the action begins: the offset in characters of the first `"action":`, 0 if there is none."""
    key = _KEY.search(text)
    return key.start() if key else 0


def parse_action(text: str, keywords: Sequence[str]) -> int | None:
    """The action that a reply names.

    Args:
        text: Any text. Only what follows the first `"action":` counts, in whatever case.
        keywords: Name of each action. Case is ignored; one that begins or ends with a letter, a digit or an underscore does so at
            the edge of a word; where one is part of another, the longest one is read.

    Returns:
        Position of the keyword; None if there is no such key, or no keyword after it, or several different ones.
    """
    key = _KEY.search(text)
    if key is None:
        return None
    pattern, order = _pattern(tuple(keywords))
    found = {order[match.lastindex - 1] for match in pattern.finditer(text, key.end()) if match.lastindex}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=64)
def _pattern(keywords: tuple[str, ...]) -> tuple[re.Pattern[str], list[int]]:
    """A group for each keyword, the longest first, and their positions."""
    order = sorted(range(len(keywords)), key=lambda i: -len(keywords[i]))
    groups = []
    for keyword in (keywords[i] for i in order):
        before, after = (r"(?<!\w)" if re.match(r"\w", keyword) else ""), (r"(?!\w)" if re.search(r"\w\Z", keyword) else "")
        groups.append(f"({before}{re.escape(keyword)}{after})")
    return re.compile("|".join(groups), re.IGNORECASE), order


def _checked_keywords(keywords: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if keywords is None:
        raise ValueError(f"there are no keywords. Expected {count}, one for each action: the environment does not name them.")
    if isinstance(keywords, str) or not all(isinstance(keyword, str) for keyword in keywords):
        raise TypeError(f"keywords={keywords!r:.80} are no keywords. Expected a sequence of str.")
    if len(keywords) != count:
        raise ValueError(f"there are {len(keywords)} keywords. Expected {count}, one for each action.")
    if not all(keyword.strip() for keyword in keywords):
        raise ValueError(f"keywords={list(keywords)!r:.80} holds an empty one. Expected at least one character each.")
    if len({keyword.casefold() for keyword in keywords}) < count:
        raise ValueError(f"keywords={list(keywords)!r:.80} says one twice. Expected different ones, also where case is ignored.")
    return tuple(keywords)


def _completed(instruction: str, keywords: tuple[str, ...], thoughts: bool, short: bool) -> str:
    """An instruction with the keywords and the form of the reply."""
    if short:
        return instruction
    names = ", ".join(f'"{keyword}"' for keyword in keywords)
    reasoning = '"thoughts": "<one or two sentences of reasoning>", ' if thoughts else ""
    form = f'{{{reasoning}"action": "<keyword>"}}'
    return f"{instruction}\nThe legal keywords are: {names}.\nReply with JSON of exactly this form:\n{form}"
