"""What all environments of cards share: a picture in, a keyword out, instructions and demonstrations for language models."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vispro_gym.datasets.errors import say_once
from vispro_gym.envs.cards.drawing import SIDE
from vispro_gym.rendering.window import Window


class CardsEnv(gym.Env[NDArray[np.uint8], int]):
    """An environment after those of Zhai et al., "Fine-tuning large vision-language models as decision-making agents via RL".

    The registered environments are subclasses, whose docstrings describe them.

    Args:
        render_mode: "human" (a window, for which pygame is needed), "rgb_array", "ansi" or None.

    Attributes:
        keywords: Name of each action, in order.

    Raises:
        ValueError: If an option has an unknown value.
        TypeError: If a value is of a wrong type.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 4}  # noqa: RUF012 (Gymnasium's type)
    keywords: tuple[str, ...]
    reset_options: ClassVar[tuple[str, ...]]
    """The options of `reset`, which choose the start. All are given, or none."""

    def __init__(self, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode={render_mode!r} is unknown. Expected one of: {self.metadata['render_modes']} or None.")
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
        self.action_space = spaces.Discrete(len(self.keywords))  # type: ignore[assignment]  # holds plain integers, too
        self._has_begun = self._terminated = self._truncated = False
        self._earned = 0.0
        self._window = Window()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the choice of the start of this and the following episodes, and whatever chance decides in them.
            options: The start, see the class docstring; None to draw it.

        Raises:
            ValueError: If there is no such option, or no such start. As with the next one, the previous episode goes on as if
                `reset` had not been called.
            TypeError: If the options are no dict, or a value is of a wrong type.
            gymnasium.error.DependencyNotInstalled: If there is no pygame for `render_mode="human"`.
        """
        start = self._read_start(options)
        super().reset(seed=seed)
        self._deal(start)
        self._has_begun, self._terminated, self._truncated = True, False, False
        self._earned = 0.0
        return self._shown(0.0), self._info()

    def step(self, action: int) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Takes an action.

        Args:
            action: Position in `keywords`.

        Returns:
            The observation; the reward; terminated; truncated; and the info that the class docstring describes. After the end of
            an episode nothing happens any more, and nothing is earned.

        Raises:
            ValueError: If there is no such action. The episode goes on.
            TypeError: If the action is no integer. The episode goes on.
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        self._require_episode("step")
        if not self.action_space.contains(action):
            error = ValueError if isinstance(action, int | np.integer) else TypeError
            raise error(f"the action is {action!r:.80}. Expected an integer from 0 to {len(self.keywords) - 1}: {self.keywords}.")
        if self._terminated or self._truncated:
            say_once("step() was called after the episode had ended, where nothing happens any more. Call reset() first.")
            reward = 0.0
        else:
            reward, self._terminated, self._truncated = self._play(self.keywords[int(action)])
            self._earned += reward
        return self._shown(1 / self.metadata["render_fps"]), reward, self._terminated, self._truncated, self._info()

    def instruction(self, thoughts: bool = True, short: bool = False) -> str:
        """What a vision-language model is told in the present state: the task, the keywords and the form of the reply.

        Args:
            thoughts: Whether the reply says what is in the picture and reasons before it acts; else it only acts.
            short: Only a few words, for tiny models, which know the task from demonstrations.

        Raises:
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        self._require_episode("instruction")
        if short:
            return self._short_task()
        names = ", ".join(f'"{keyword}"' for keyword in self.keywords)
        parts = self._reply_form() | {"thoughts": '"<one or two sentences of reasoning>"'} if thoughts else {}
        parts["action"] = '"<keyword>"'
        form = ", ".join(f'"{key}": {part}' for key, part in parts.items())
        return f"{self._task()}\nThe legal keywords are: {names}.\nReply with JSON of exactly this form:\n{{{form}}}"

    def expert_reply(self, thoughts: bool = True, short: bool = False) -> str:
        """A reply of the form that `instruction` asks for, whose action is that of `expert_action`.

        Args:
            thoughts: Whether it says what is in the picture and reasons before it acts.
            short: Whether the reasoning is a few words long, for tiny models.

        Raises:
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        keyword = self.keywords[self.expert_action()]
        reply = self._reading() | {"thoughts": self._reasoning(keyword, short)} if thoughts else {}
        return json.dumps(reply | {"action": keyword})

    def expert_action(self) -> int:
        """An optimal action in the present state, see the class docstring.

        Raises:
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        self._require_episode("expert_action")
        return self.keywords.index(self._expert())

    def describe(self) -> str:
        """The state as text.

        Raises:
            gymnasium.error.ResetNeeded: If no episode has been started.
        """
        self._require_episode("describe")
        return self._description()

    @abstractmethod
    def optimal_value(self) -> float:
        """The expected return of an optimal policy, computed exactly."""

    def render(self) -> Any:
        """The present state.

        Returns:
            For "rgb_array" the observation; for "ansi" the same as text. None for "human", where `reset` and `step` show the
            picture by themselves; None as well without a render mode.
        """
        if self.render_mode is None:
            gym.logger.warn('render() needs a render mode, for example gym.make(..., render_mode="rgb_array").')
            return None
        self._require_episode("render")
        if self.render_mode == "human":
            return None
        return self._picture() if self.render_mode == "rgb_array" else self.describe()

    def close(self) -> None:
        """Closes the window of `render_mode="human"`, if there is one. The environment can still be used."""
        self._window.close()

    @property
    def has_ended(self) -> bool:
        """Whether the episode is over."""
        return self._terminated or self._truncated

    def _info(self) -> dict[str, Any]:
        return self._facts() | {"is_success": self.has_ended and self._earned > 0}

    def _shown(self, seconds: float) -> NDArray[np.uint8]:
        picture = self._picture()
        if self.render_mode == "human":
            self._window.show(picture, seconds)
        return picture

    def _require_episode(self, method: str) -> None:
        if not self._has_begun:
            raise gym.error.ResetNeeded(f"{method}() was called before reset(). Call reset() to start an episode.")

    def _read_start(self, options: Any) -> Any:
        if options is not None and not isinstance(options, dict):
            raise TypeError(f"options={options!r:.80} is no dict. Expected None or {self._expected_options()}.")
        if not options:
            return None
        if set(options) != set(self.reset_options):
            raise ValueError(f"the reset options are {', '.join(map(repr, options))}. Expected {self._expected_options()}.")
        return self._checked_start(**options)

    def _expected_options(self) -> str:
        return "{" + ", ".join(f"{name!r}: ..." for name in self.reset_options) + "}"

    @abstractmethod
    def _checked_start(self, **options: Any) -> Any:
        """The start that the options of `reset` ask for.

        Raises:
            ValueError: If there is no such start.
            TypeError: If a value is of a wrong type.
        """

    @abstractmethod
    def _deal(self, start: Any) -> None:
        """Begins an episode at a start; None to draw one. What it draws does not depend on whether a start is given."""

    @abstractmethod
    def _play(self, keyword: str) -> tuple[float, bool, bool]:
        """Takes an action: reward, terminated, truncated."""

    @abstractmethod
    def _picture(self) -> NDArray[np.uint8]:
        """The observation, which shares no memory with earlier ones."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What `info` says of the state."""

    @abstractmethod
    def _description(self) -> str:
        """The state as text."""

    @abstractmethod
    def _task(self) -> str:
        """The task and the rules, as a language model is told them."""

    @abstractmethod
    def _short_task(self) -> str:
        """The same in a few words."""

    @abstractmethod
    def _reply_form(self) -> dict[str, str]:
        """What stands in a reply before the thoughts: keys, and what their values look like."""

    @abstractmethod
    def _reading(self) -> dict[str, Any]:
        """The same keys with the values that are right in the present state."""

    @abstractmethod
    def _expert(self) -> str:
        """The keyword of an optimal action."""

    @abstractmethod
    def _reasoning(self, keyword: str, short: bool) -> str:
        """Why that keyword: one or two sentences, or a few words."""
