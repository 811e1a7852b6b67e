"""A number line: step by step to the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vispro_gym.envs.cards.base import CardsEnv
from vispro_gym.envs.cards.drawing import number_line
from vispro_gym.envs.cards.page import documented

MAX_POSITION = 1_000_000_000


@documented
class NumberLineEnv(CardsEnv):
    """A number that has to be moved to another one, one step at a time.

    ## Description
    The simplest of the environments of cards: to read two numbers and to compare them. The optimal policy earns 1.0 in every
    episode; `expert_action` is always the step towards the target.

    ## Action Space
    `Discrete(2)`, the keywords "-" and "+": the current number becomes smaller or larger by 1, within 0 and `max_position`.

    ## Observation Space
    The current number and the target number in large type, and both marked on a line.

    ## Starting State
    Two different numbers from 0 to `max_position`; all pairs are equally likely. `reset(options={"current": 3, "target": 1})`
    chooses them.

    ## Rewards
    1.0 for reaching the target, -1.0 for a step that does not lead closer to it, else 0.0.

    ## Episode End
    Terminated at the target. Truncated after 2 * `max_position` steps that have not led there.

    ## Information
    - `current`, `target`: the two numbers.

    ## Arguments
    - `max_position`: the largest number, at least 1.

    ## Differences from gym-cards
    - gym-cards draws both numbers on their own and makes a target that is equal (target + 1) modulo `max_position`: by default
      4 and 4 become 4 and 0, 5 and 5 become 5 and 1, so that some pairs are more likely than others. With `max_position=1` 0 and
      0 stay equal.
    - Long lines are not cut off after 300 steps, but after 2 * `max_position` as well.
    - All that is random comes from the environment's own generator, so that `reset(seed=)` decides it; gym-cards draws from
      Python's module `random`.
    - gym-cards shows the numbers without a line.
    """

    keywords = ("-", "+")
    reset_options = ("current", "target")

    def __init__(self, max_position: int = 5, render_mode: str | None = None) -> None:
        if isinstance(max_position, bool) or not isinstance(max_position, int) or not 1 <= max_position <= MAX_POSITION:
            raise ValueError(f"max_position={max_position!r} is no position. Expected an integer from 1 to {MAX_POSITION}.")
        super().__init__(render_mode)
        self.max_position = max_position
        self._current = self._target = self._steps = 0

    def optimal_value(self) -> float:
        """The expected return of an optimal policy: 1.0, which it earns in every episode."""
        return 1.0

    def _checked_start(self, **options: Any) -> tuple[int, int]:
        for name, number in options.items():
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise TypeError(f"the reset option {name!r} is {number!r:.80}. Expected an integer.")
            if not 0 <= number <= self.max_position:
                raise ValueError(f"the reset option {name!r} is {number}. Expected 0 to {self.max_position}.")
        if options["current"] == options["target"]:
            raise ValueError(f"the reset options say {options['current']} twice. Expected two different numbers.")
        return int(options["current"]), int(options["target"])

    def _deal(self, start: tuple[int, int] | None) -> None:
        current = int(self.np_random.integers(self.max_position + 1))
        target = int(self.np_random.integers(self.max_position))
        self._current, self._target = start or (current, target + (target >= current))
        self._steps = 0

    def _play(self, keyword: str) -> tuple[float, bool, bool]:
        before = abs(self._target - self._current)
        self._current = min(max(self._current + (1 if keyword == "+" else -1), 0), self.max_position)
        self._steps += 1
        distance = abs(self._target - self._current)
        reward = 1.0 if distance == 0 else -1.0 if distance >= before else 0.0
        return reward, distance == 0, distance > 0 and self._steps >= 2 * self.max_position

    def _picture(self) -> NDArray[np.uint8]:
        return number_line(self._current, self._target, self.max_position).copy()

    def _facts(self) -> dict[str, Any]:
        return {"current": self._current, "target": self._target}

    def _description(self) -> str:
        return f"Current: {self._current}\nTarget: {self._target}\n"

    def _task(self) -> str:
        return (
            "The picture shows a current number and a target number. Bring the current number to the target number, one step "
            'at a time: "+" makes it larger by 1, "-" makes it smaller by 1.'
        )

    def _short_task(self) -> str:
        return "Number line."

    def _reply_form(self) -> dict[str, str]:
        return {"current number": "<number>", "target number": "<number>"}

    def _reading(self) -> dict[str, Any]:
        return {"current number": self._current, "target number": self._target}

    def _expert(self) -> str:
        return "+" if self._target > self._current else "-"

    def _reasoning(self, keyword: str, short: bool) -> str:
        relation = "greater" if keyword == "+" else "less"
        comparison = f"{self._target} is {relation} than {self._current}"
        if short:
            return comparison
        change = "larger" if keyword == "+" else "smaller"
        return f"The target number {comparison}, so the current number has to become {change}."
