"""Programs are derived step by step from a grammar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from vispro_gym.programs.grammar import GRAMMAR, Derivation, Grammar, Option, derivation
from vispro_gym.wrappers.program_library import require_text_actions


class GrammarAction(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """An action fills the first hole of a program: `Discrete(n)` over the options of a grammar.

    Options are productions ("{patches}[0]"), variables ("the first patch that was bound") and literals ("the fourth word of the
    query"); `options` names them. When no hole is left the program is run and earns its reward; all steps before earn 0. With
    `max_attempts` > 1 the next program begins then. Few options are legal at any time: `action_masks()` says which, as
    sb3-contrib's `MaskablePPO` wants it. An illegal one ends the attempt with an empty program, which earns 0.

    The observation, a `Dict`, gains

    - "derivation": `MultiDiscrete([n + 1] * max_choices)`, the numbers of the options chosen so far, each plus 1, then zeros;
    - "symbol": `Discrete`, the symbol of the hole to fill, a position in `symbols`.

    Args:
        env: An environment of programs whose observation is a `Dict`.
        grammar: What can be derived (or its fields as a dict); None for the whole program language. See `vispro_gym.programs.productions.productions_of`
            for parts of it.
        max_choices: Most choices per program.

    Attributes:
        options: Symbol and name of each action, in order.
        symbols: The symbols of the grammar.

    Raises:
        ValueError: If the observation is no `Dict`, actions are no texts, or no program can be derived in so few choices.

    Example:
        >>> import gymnasium as gym
        >>> import vispro_gym
        >>> from vispro_gym.programs.grammar import Grammar
        >>> from vispro_gym.programs.productions import productions_of
        >>> from vispro_gym.wrappers import GrammarAction
        >>> idioms = {"block": ("return {answer}",), "answer": ("{truth}",)}
        >>> grammar = Grammar(productions_of(["exists"], idioms), literals={"noun": ("cup", "dog")})
        >>> env = GrammarAction(gym.make("VisProg-GQA-v0"), grammar, max_choices=5)
        >>> env.options
        (('block', 'return {answer}'), ('answer', '{truth}'), ('truth', '{patch}.exists({noun})'), ('noun', "'cup'"), ('noun', "'dog'"), ('patch', 'variable 0'))
    """  # noqa: E501 (what Python prints)

    def __init__(
        self, env: gym.Env[dict[str, Any], str], grammar: Grammar | Mapping[str, Any] | None = None, max_choices: int = 32
    ) -> None:
        space = env.observation_space
        if not isinstance(space, spaces.Dict) or {"derivation", "symbol"} & set(space.spaces):
            raise ValueError(f"the observation space {space} cannot hold a derivation. Expected a Dict without one.")
        require_text_actions(env)
        if isinstance(grammar, Mapping):  # as a spec has it
            grammar = Grammar(**grammar)
        RecordConstructorArgs.__init__(self, grammar=None if grammar is None else asdict(grammar), max_choices=max_choices)
        gym.Wrapper.__init__(self, env)
        self.grammar = grammar or GRAMMAR
        self.max_choices = max_choices
        self.image_names = tuple(env.unwrapped.dataset.image_names)  # type: ignore[attr-defined]
        self.options = self.grammar.options(len(self.image_names))
        self.symbols = tuple(dict.fromkeys(symbol for symbol, _ in self.options))
        self._numbers = {option: i for i, option in enumerate(self.options)}
        self.action_space = spaces.Discrete(len(self.options))
        self.observation_space = spaces.Dict(
            space.spaces
            | {
                "derivation": spaces.MultiDiscrete([len(self.options) + 1] * max_choices),
                "symbol": spaces.Discrete(len(self.symbols)),
            }
        )
        next(derivation("", self.image_names, self.grammar, max_choices))  # raises if there are too few choices
        self._steps: Derivation | None = None
        self._offered: list[Option] = []
        self._chosen: list[int] = []
        self._observation: dict[str, Any] = {}
        self._info: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts an episode with an empty program."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._begin(observation, info)
        return self._observed(), info

    def step(self, action: int) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Fills the first hole; runs the program if none is left.

        Args:
            action: Position in `options`.

        Returns:
            As any environment does. Before the program is run, the info is that of the step or reset before.

        Raises:
            gymnasium.error.ResetNeeded: If no episode has been started, or it has ended.
        """
        if self._steps is None:
            raise gym.error.ResetNeeded("step() needs an episode that has begun and not ended. Call reset() to start one.")
        numbers = [self._numbers[option.symbol, option.name] for option in self._offered]
        program = ""
        if int(action) in numbers:
            self._chosen.append(int(action))
            try:
                self._offered = self._steps.send(numbers.index(int(action)))
            except StopIteration as end:
                program = end.value
            else:
                return self._observed(), 0.0, False, False, dict(self._info)  # wrappers write into infos
        self._steps = None  # whatever happens now, this derivation is over
        observation, reward, terminated, truncated, info = self.env.step(program)
        self._begin(observation, info)
        if terminated or truncated:
            self._steps = None
        return self._observed(), reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal, bool of shape `(n,)`."""
        mask = np.zeros(len(self.options), np.bool_)
        mask[[self._numbers[option.symbol, option.name] for option in self._offered]] = True
        return mask

    def _begin(self, observation: dict[str, Any], info: dict[str, Any]) -> None:
        query = self.env.unwrapped.sample.query  # type: ignore[attr-defined]  # other wrappers may have changed the observed one
        self._observation, self._info = observation, info
        self._steps = derivation(query, self.image_names, self.grammar, self.max_choices)
        self._offered = next(self._steps)
        self._chosen = []

    def _observed(self) -> dict[str, Any]:
        chosen = np.zeros(self.max_choices, np.int64)
        chosen[: len(self._chosen)] = np.array(self._chosen, np.int64) + 1
        # Those who keep observations must not find them changed by others.
        return {name: part.copy() if isinstance(part, np.ndarray) else part for name, part in self._observation.items()} | {
            "derivation": chosen,
            "symbol": np.int64(self.symbols.index(self._offered[0].symbol)),
        }
