"""Environments as tasks for a vision-language model: a picture and a text in, a reply of thoughts and an action out.

Two families: games whose actions have names (the environments of cards, behind `TextAction`), and visual programs, where the
action is the program in the reply.
"""

from __future__ import annotations

import json
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from vispro_agents.episodes import open_env
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Prompt
from vispro_agents.policies.prompting import write_prompt
from vispro_agents.policies.vision_language import View
from vispro_gym.envs.cards import CardsEnv
from vispro_gym.programs.api import API
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.programs.extract import ExtractError, extract_program
from vispro_gym.programs.prompt import build_prompt
from vispro_gym.registration import CARDS
from vispro_gym.wrappers import TextAction
from vispro_gym.wrappers.text_action import action_start

_CALL = re.compile(rf"\.({'|'.join(member.name for member in API)})\(([^()]*)\)")
_THINK_FIRST = "First say in one sentence which steps the program takes, then write the function."


class Demonstration(NamedTuple):
    """What an expert replied.

    Attributes:
        view: What it was shown.
        reply: What it said.
    """

    view: View
    reply: str


@dataclass(frozen=True)
class TextTask(ABC):
    """A task.

    Attributes:
        env_id: Environment id.
        thoughts: Whether replies have thoughts before the action.
        short: Whether prompts are a few words long, for models that know the task from demonstrations alone.
    """

    env_id: str
    thoughts: bool = True
    short: bool = False

    @abstractmethod
    def open(self, count: int, evaluation: bool = False) -> VectorEnv[Any, Any, Any]:
        """So many episodes side by side, each of which is followed by the next in the same step.

        Args:
            count: Number of episodes side by side.
            evaluation: Whether on what policies are measured on, where that is something else.
        """

    @abstractmethod
    def prompt(self, query: str) -> str:
        """What a model is told."""

    @abstractmethod
    def action_start(self, reply: str) -> int:
        """Where the action begins in a reply, in characters; what is before it are thoughts. 0 if there is no action."""

    @abstractmethod
    def demonstrations(self, count: int, random_actions: float, seed: int) -> list[Demonstration]:
        """What an expert replies.

        Args:
            count: Number of replies.
            random_actions: Share of steps after which a random action is taken instead of the expert's, so that there are also
                demonstrations of how to go on after a mistake.
            seed: Seed of episodes and random actions.

        Raises:
            UsageError: If there is no expert.
        """

    @abstractmethod
    def outcome(self, infos: Mapping[str, Any], i: int) -> str:
        """How a step ended in an environment, as a word."""

    def sample_id(self, infos: Mapping[str, Any], i: int, number: int) -> str:
        """What an environment's step was about: the number of the episode, but for samples of a dataset."""
        return str(number)

    def program(self, reply: str) -> str | None:
        """The program in a reply, where actions are programs."""
        return None

    def readings(self, envs: VectorEnv[Any, Any, Any]) -> Sequence[dict[str, Any]]:
        """For each environment what a reply should say of the picture; nothing where that is not known."""
        return [{}] * envs.num_envs

    def views(self, observations: Mapping[str, Any], chosen: Sequence[int]) -> list[View]:
        """What a model reads in some of the environments, from their batched observations."""
        return [self.view({key: values[i] for key, values in observations.items()}) for i in chosen]

    def view(self, observation: Mapping[str, Any]) -> View:
        """What a model reads of an observation. Several pictures stand side by side in one."""
        image = observation["image"]
        return View(self.prompt(observation["query"]), image if image.ndim == 3 else np.concatenate(list(image), axis=1))


class CardsTask(TextTask):
    """A game of cards or numbers, played in words."""

    def open(self, count: int, evaluation: bool = False) -> VectorEnv[Any, Any, Any]:
        """See `TextTask.open`; every episode is drawn anew, for evaluation too."""
        return gym.make_vec(
            self.env_id, num_envs=count, vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
            wrappers=[partial(TextAction, thoughts=self.thoughts, short=self.short)],
        )  # fmt: skip

    def prompt(self, query: str) -> str:
        """The instruction, which is the query."""
        return query

    def action_start(self, reply: str) -> int:
        """See `TextTask.action_start`."""
        start: int = action_start(reply)
        return start

    def demonstrations(self, count: int, random_actions: float, seed: int) -> list[Demonstration]:
        """See `TextTask.demonstrations`."""
        env = TextAction(gym.make(self.env_id), thoughts=self.thoughts, short=self.short)
        cards = env.unwrapped
        assert isinstance(cards, CardsEnv)
        rng = random.Random(seed)
        found: list[Demonstration] = []
        observation, _ = env.reset(seed=seed)
        while len(found) < count:
            reply = cards.expert_reply(self.thoughts, self.short)
            found.append(Demonstration(self.view(observation), reply))
            if rng.random() < random_actions:
                reply = json.dumps({"action": rng.choice(cards.keywords)})
            observation, _, terminated, truncated, _ = env.step(reply)
            if terminated or truncated:
                observation, _ = env.reset()
        return found

    def outcome(self, infos: Mapping[str, Any], i: int) -> str:
        """Whether the reply named an action."""
        return "legal" if infos["is_legal"][i] else "illegal"

    def readings(self, envs: VectorEnv[Any, Any, Any]) -> Sequence[dict[str, Any]]:
        """See `TextTask.readings`."""
        replies = [json.loads(reply) for reply in cast(SyncVectorEnv, envs).call("expert_reply", self.thoughts, self.short)]
        return [{key: value for key, value in reply.items() if key not in ("thoughts", "action")} for reply in replies]


@dataclass(frozen=True)
class ProgramTask(TextTask):
    """Visual programs: thoughts on the steps, then the program.

    Attributes:
        data_dir: Root folder of the dataset; None for the default.
        perception: What programs see through.
        splits: Split of training and split of evaluation.
        instructions: What programs have to return.
        image_names: Names of the pictures that programs receive.
    """

    data_dir: str | None = None
    perception: str = "oracle"
    splits: tuple[str, str] = ("train", "val")
    instructions: str = ""
    image_names: tuple[str, ...] = ("image",)

    def open(self, count: int, evaluation: bool = False) -> VectorEnv[Any, Any, Any]:
        """See `TextTask.open`."""
        return gym.make_vec(
            self.env_id, num_envs=count, split=self.splits[evaluation], data_dir=self.data_dir, perception=self.perception
        )

    def prompt(self, query: str) -> str:
        """The program language and the question; the question alone if `short`."""
        if self.thoughts and not self.short:
            text = build_prompt(query, self.instructions, self.image_names, reply=_THINK_FIRST)
            return text.encode(errors="replace").decode()
        return write_prompt(Prompt("", query, self.instructions, self.image_names), "comment" if self.short else "full")

    def action_start(self, reply: str) -> int:
        """See `TextTask.action_start`."""
        program = self.program(reply)
        lines = [line.strip() for line in (program or "").split("\n") if line.strip()]
        # Programs lose their indentation, and a body alone gets a first line, which is in no reply.
        for wanted in (lines, lines[1:]):
            found = list(re.finditer(r"\s+".join(map(re.escape, wanted)), reply)) if wanted else []
            if found:
                return found[-1].start()
        return 0

    def program(self, reply: str) -> str | None:
        """See `TextTask.program`."""
        try:
            return extract_program(reply, self.image_names)
        except ExtractError:
            return None

    def demonstrations(self, count: int, random_actions: float, seed: int) -> list[Demonstration]:
        """See `TextTask.demonstrations`; an episode is one step, so that there are no random actions."""
        env = open_env(self.env_id, self.splits[0], self.data_dir, perception=self.perception)
        size = len(env.dataset)
        found: list[Demonstration] = []
        for position in random.Random(seed).sample(range(size), size):
            if len(found) == count:
                break
            sample = env.dataset[position]
            try:
                program = translate(sample).strip()
            except UntranslatableError as error:
                raise UsageError(f"There are no demonstrations: {error} Train with --demonstrations 0.") from error
            view = self.view({"image": env.pictures.of(sample), "query": sample.query})
            found.append(Demonstration(view, f"{_plan(program)}\n{program}" if self.thoughts else program))
        return found

    def outcome(self, infos: Mapping[str, Any], i: int) -> str:
        """The outcome of the program."""
        return str(infos["outcome"][i])

    def sample_id(self, infos: Mapping[str, Any], i: int, number: int) -> str:
        """The sample's own id."""
        return str(infos["sample_id"][i])


def open_task(
    env_id: str, *, thoughts: bool, short: bool, data_dir: str | None, perception: str, train_split: str, eval_split: str
) -> TextTask:
    """The task of an environment.

    Raises:
        UsageError: If there is no such environment, or it is none of these.
        DatasetError: If data is missing or damaged.
    """
    if any(env_id == row.env_id for row in CARDS):
        return CardsTask(env_id, thoughts, short)
    env = open_env(env_id, train_split, data_dir, perception=perception)
    open_env(env_id, eval_split, data_dir, perception=perception)  # now, rather than after hours of training
    instructions, names = env.task.instructions, env.dataset.image_names
    return ProgramTask(env_id, thoughts, short, data_dir, perception, (train_split, eval_split), instructions, names)


def _plan(program: str) -> str:
    """The perception that a program uses, in words."""
    steps = [" ".join([name, *re.findall(r"[\"']([^\"']*)[\"']", arguments)]) for name, arguments in _CALL.findall(program)]
    return f"Steps: {'; '.join(dict.fromkeys(steps)) or 'none'}."
