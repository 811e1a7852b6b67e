"""A vision-language model acting in many episodes side by side: rollouts to learn from, and measurement."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from vispro_agents.policies.base import Completion
from vispro_agents.policies.vision_language import View
from vispro_agents.text_tasks import TextTask

Write = Callable[[list[View], int], list[Completion]]
"""Writes a reply to each view; the number is that of the step, from 0."""

Record = Callable[[list["Turn"], int], None]
"""Takes the turns of a step; the number is that of the step, from 0."""


LEGAL = ("legal", "correct", "wrong")
"""Outcomes of replies that name an action; of programs, that gave an answer."""


@dataclass(frozen=True)
class Turn:
    """One step of one episode.

    Attributes:
        view: What was shown.
        completion: What was replied.
        reward: What it earned.
        outcome: How it ended, as a word.
        ended: Whether the episode ended with it.
        last_view: What was shown at the end of an episode that was cut off, which could have gone on; else None.
        is_read_right: Whether the reply says of the picture what is in it; None where that is not known.
        sample_id: The sample of a visual program; of a game, the number of the episode among those that were played, or of those
            side by side in a rollout.
    """

    view: View
    completion: Completion
    reward: float
    outcome: str
    ended: bool
    last_view: View | None
    is_read_right: bool | None
    sample_id: str


def act(
    task: TextTask, envs: VectorEnv[Any, Any, Any], write: Write, steps: int, seed: int, record: Record
) -> tuple[list[list[Turn]], list[View]]:
    """Take steps in all environments, which begin new episodes.

    Args:
        task: The task.
        envs: Its environments.
        write: Writes replies.
        steps: Number of steps in each environment.
        seed: Seed of the episodes.
        record: Is told each step.

    Returns:
        For each step the turns of all environments; and what they show after the last step.
    """
    everyone = range(envs.num_envs)
    observations, _ = envs.reset(seed=seed)
    turns = []
    for step in range(steps):
        views = task.views(observations, everyone)
        readings = task.readings(envs)
        completions = write(views, step)
        observations, rewards, terminations, truncations, infos = envs.step([completion.text for completion in completions])
        turns.append(
            [
                _turn(task, i, i, views[i], completions[i], readings[i], rewards, terminations, truncations, infos)
                for i in everyone
            ]
        )
        record(turns[-1], step)
    return turns, task.views(observations, everyone)


def play_episodes(task: TextTask, envs: VectorEnv[Any, Any, Any], write: Write, episodes: int, seed: int) -> list[list[Turn]]:
    """Play whole episodes.

    Args:
        task: The task.
        envs: Its environments.
        write: Writes replies, to those environments whose episode goes on; the number counts all steps.
        episodes: Number of episodes. They are played in rounds of as many as there are environments.
        seed: Seed of the first; every further one has the next number.

    Returns:
        The turns of each episode.
    """
    played: list[list[Turn]] = []
    step = 0
    while len(played) < episodes:
        count = min(envs.num_envs, episodes - len(played))
        going = list(range(count))
        mine: list[list[Turn]] = [[] for _ in going]
        observations, _ = envs.reset(seed=seed + len(played))
        while going:
            views = task.views(observations, going)
            readings = task.readings(envs)
            completions = dict(zip(going, write(views, step), strict=True))
            step += 1
            texts = [completions[i].text if i in completions else "" for i in range(envs.num_envs)]
            observations, rewards, terminations, truncations, infos = envs.step(texts)
            for i, view in zip(going, views, strict=True):
                number = len(played) + i
                turn = _turn(task, i, number, view, completions[i], readings[i], rewards, terminations, truncations, infos)
                mine[i].append(turn)
            going = [i for i in going if not mine[i][-1].ended]
        played += mine
    return played


def summarise(task: TextTask, played: Sequence[Sequence[Turn]]) -> dict[str, float]:
    """Figures of episodes.

    Returns:
        return: Mean return, without discount.
        success: Share of episodes whose return is above 0, as RL4VLM counts.
        steps: Mean length.
        legal: Share of replies that name an action (of programs: that gave an answer).
        tokens: Mean length of replies.
        distinct_thoughts: Number of different thoughts, divided by the number of replies: what falls when thoughts collapse, and
            where episodes get longer.
        read_right: Share of replies that say what is in the picture, where that is known.
    """
    turns = [turn for episode in played for turn in episode]
    returns = np.array([sum(turn.reward for turn in episode) for episode in played])
    thoughts = {turn.completion.text[: task.action_start(turn.completion.text)] for turn in turns}
    figures = {
        "return": float(returns.mean()),
        "success": float((returns > 0).mean()),
        "steps": len(turns) / len(played),
        "legal": float(np.mean([turn.outcome in LEGAL for turn in turns])),
        "tokens": float(np.mean([len(turn.completion.token_ids) for turn in turns])),
    }
    if task.thoughts:
        figures["distinct_thoughts"] = len(thoughts) / len(turns)
        read = [turn.is_read_right for turn in turns if turn.is_read_right is not None]
        if read:
            figures["read_right"] = float(np.mean(read))
    return figures


def _turn(
    task: TextTask, i: int, number: int, view: View, completion: Completion, reading: Mapping[str, Any],
    rewards: NDArray[np.float64], terminations: NDArray[np.bool_], truncations: NDArray[np.bool_], infos: Mapping[str, Any],
) -> Turn:  # fmt: skip
    ended = bool(terminations[i] or truncations[i])
    cut = bool(truncations[i] and not terminations[i])
    told = infos["final_info"] if ended else infos
    return Turn(
        view=view,
        completion=completion,
        reward=float(rewards[i]),
        outcome=task.outcome(told, i),
        ended=ended,
        last_view=task.view(infos["final_obs"][i]) if cut else None,
        is_read_right=_reads(completion.text, reading) if reading else None,
        sample_id=task.sample_id(told, i, number),
    )


def _reads(reply: str, reading: Mapping[str, Any]) -> bool:
    """Whether a reply is JSON that says the same of the picture. Numbers may be texts, as in "3"."""
    try:
        said = json.loads(reply)
        return isinstance(said, dict) and all(str(said.get(key)) == str(value) for key, value in reading.items())
    except (ValueError, RecursionError):
        return False
