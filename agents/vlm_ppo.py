"""Fine-tuning a vision-language model as a decision-making agent by PPO (RL4VLM: Zhai et al., NeurIPS 2024).

    SFT      imitate replies of an expert: what is in the picture, thoughts, the action
    repeat   (PPO)
      act in many episodes side by side; each reply is one action
      a few epochs of clipped policy-gradient steps on the replies, with advantages by GAE and a value head on the same model

A reply is thoughts and an action. Its probability is weighted as in the paper, log pi = lambda * log p(thoughts) + log p(action),
with `--thought-weight` as lambda: thoughts are long, and would drown the action. What belongs to the action is found in the
tokens that were drawn, whatever the tokenizer (see `ReplyCodec.split`). `--credit action-tokens` takes the tokens of the action
alone, each with a ratio of its own (as in VL-DAC); `--no-thoughts` asks for none at all.

    RUN/curve.json       settings, and what the policy after each phase earns; a phase is finished when it is here
    RUN/experience/      every reply, with its tokens, their log-probabilities and its reward
    RUN/policies/NAME/   a saved policy per phase: sft (or init), ppo-1, ppo-2, ...
    RUN/state.pt         where the unfinished phase was last saved, and PPO's optimizers

A run may be killed at any moment: the same command goes on, with replies read where they are logged instead of drawn again, and
ends as if nothing had happened.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from vispro_agents.acting import LEGAL, Turn, act, play_episodes, summarise
from vispro_agents.curve import Point, write_curve
from vispro_agents.errors import UsageError, above_zero, at_least
from vispro_agents.experience import FOLDER, Experience, Row
from vispro_agents.files import save_folder, write_whole
from vispro_agents.policies.base import Completion, Sampling
from vispro_agents.policies.transformers import resolve_device
from vispro_agents.policies.vision_language import (
    View,
    VisionLanguageArgs,
    VisionLanguagePolicy,
    is_told_briefly,
    load_vision_language,
    refuse_settings,
)
from vispro_agents.ppo import Experienced, PPOArgs, in_parts, look_back, ppo_losses
from vispro_agents.run_args import read_points, settings_of
from vispro_agents.run_folder import hold_folder, seed_of
from vispro_agents.text_tasks import Demonstration, TextTask, open_task
from vispro_agents.tracking import Tracker, open_trackers
from vispro_agents.training import OptimizerArgs, cosine, make_optimizers


@dataclass(frozen=True)
class Args:
    """Train a vision-language model as an agent by PPO, after imitating an expert."""

    run_dir: Path = Path("runs/vlm_ppo")
    """Folder for policies, experience and the curve. A run that is there already is resumed."""
    env: str = "Cards-NumberLine-v0"
    """Environment id: one of cards, or one of visual programs, whose action is the program after the thoughts."""
    data_dir: str | None = None
    """For visual programs: root folder of the dataset. None: see the environment."""
    perception: str = "oracle"
    """For visual programs: what programs see through."""
    train_split: str = "train"
    """For visual programs: split that is learned from."""
    eval_split: str = "val"
    """For visual programs: split that policies are measured on."""
    seed: int = 0
    """Seed of everything."""
    thoughts: bool = True
    """Whether replies have thoughts before the action (chain of thought)."""
    prompt: Literal["auto", "full", "short"] = "auto"
    """How much the model is told: the task and the form of the reply, or a few words. auto: a few words for the tiny model, also
    as the policy of a run."""
    demonstrations: int = 2000
    """Replies of the expert that are imitated first (SFT); 0 begins with the model as it is."""
    random_actions: float = 0.2
    """Share of the expert's steps after which a random action is taken, to show how to go on after mistakes."""
    sft_steps: int = 300
    """Optimizer steps of SFT."""
    sft_batch_size: int = 32
    """Replies per step of SFT."""
    sft_learning_rate: float = 3e-3
    """Peak learning rate of SFT; it falls to zero along a cosine."""
    sft_optimizer: Literal["adamw", "muon"] = "muon"
    """Muon for matrices and AdamW for all else, with which a model without pretraining learns far faster; or AdamW for all."""
    iterations: int = 4
    """Iterations, each of which ends with a saved policy and its evaluation."""
    updates: int = 4
    """Rollouts of an iteration, each of which is learned from."""
    envs: int = 32
    """Episodes side by side."""
    steps: int = 16
    """Steps of a rollout in each of them."""
    epochs: int = 4
    """Times that a rollout is learned from."""
    batch_size: int = 128
    """Replies per optimizer step of PPO."""
    micro_batch_size: int = 64
    """Replies per forward pass; gradients of a larger batch are accumulated."""
    learning_rate: float = 3e-5
    """Learning rate of PPO, constant."""
    value_learning_rate: float = 1e-3
    """Learning rate of the value head, constant."""
    value_updates: int = 2
    """First rollouts of PPO from which only the value head learns (and Adam, how large gradients are)."""
    max_grad_norm: float = 0.5
    """Norm at which gradients are clipped."""
    temperature: float = 0.3
    """Sampling temperature of rollouts; policies are measured by their most probable replies."""
    eval_episodes: int = 200
    """Episodes to measure policies on."""
    save_steps: int = 100
    """Steps of SFT after which an unfinished phase is saved; one of PPO is saved after each rollout that was learned from."""
    log_with: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ("tensorboard",)
    """Where figures are sent while training."""
    ppo: PPOArgs = field(default_factory=PPOArgs)
    model: VisionLanguageArgs = field(default_factory=VisionLanguageArgs)


def train(args: Args, console: Console | None = None) -> list[Point]:
    """Run it, or resume it.

    Args:
        args: All settings.
        console: Where to report progress; None for a silent run.

    Returns:
        The learning curve: a point after SFT, or for the model as it is, and one per iteration.

    Raises:
        UsageError: If the folder holds a run with other settings, or something asked for does not exist.
        DatasetError: If data is missing or damaged.
    """
    _check(args)
    with hold_folder(args.run_dir, console) as (progress, trackers), torch.random.fork_rng():  # the caller's state is kept
        run = _Run(args, progress, trackers)
        trackers += open_trackers(args.log_with, args.run_dir, settings_of(args))
        if not run.points:  # from now on the folder is that of a run with these settings
            write_curve(args.run_dir, settings_of(args), [])
        phases = ["sft" if args.demonstrations else "init", *(f"ppo-{i}" for i in range(1, args.iterations + 1))]
        for iteration, name in enumerate(phases):
            if iteration >= len(run.points):
                run.phase(name, iteration)
        return run.points[: len(phases)]


class _Run:
    """The state of a run."""

    def __init__(self, args: Args, progress: Progress, trackers: Sequence[Tracker]) -> None:
        self.args, self.progress, self.trackers = args, progress, trackers
        self.points = read_points(args)
        self.experience = Experience(args.run_dir / FOLDER)
        short = args.prompt == "short" or (args.prompt == "auto" and is_told_briefly(args.model.model))
        self.task: TextTask = open_task(
            args.env, thoughts=args.thoughts, short=short, data_dir=args.data_dir, perception=args.perception,
            train_split=args.train_split, eval_split=args.eval_split,
        )  # fmt: skip
        self.policy = self._begin()
        self.taught = 0  # demonstrations, of which there may be fewer than were asked for

    def _begin(self) -> VisionLanguagePolicy:
        args = self.args
        if self.points:
            return VisionLanguagePolicy.load(args.run_dir / "policies" / self.points[-1].policy, args.model)
        if args.model.model != "tiny":
            return load_vision_language(args.model, self.seed("model"))
        from vispro_agents.policies.tiny_vision_language import create_tiny_vision_language

        refuse_settings("The tiny model", args.model, "device")
        shown = self._demonstrations() or self.task.demonstrations(200, 0.0, self.seed("demonstrations"))
        texts = [text for view, reply in shown for text in (view.text, reply)]
        return create_tiny_vision_language(texts, seed=self.seed("model")).to(resolve_device(args.model.device))

    def seed(self, what: str) -> int:
        """A seed for one purpose, the same one in every run with this seed."""
        return seed_of(self.args.seed, what)

    def phase(self, name: str, iteration: int) -> None:
        """Train until the end of a phase, save the policy, and measure it."""
        if iteration:
            self._ppo(name, iteration)
        elif self.args.demonstrations:
            self._sft(name)
        self._finish(name, iteration)

    def _demonstrations(self) -> list[Demonstration]:
        return self.task.demonstrations(self.args.demonstrations, self.args.random_actions, self.seed("demonstrations"))

    def _sft(self, name: str) -> None:
        """Imitate the expert: the mean loss of the tokens of its replies."""
        args, policy = self.args, self.policy
        shown = self._demonstrations()
        self.taught = len(shown)
        how = OptimizerArgs(optimizer=args.sft_optimizer)
        optimizers = make_optimizers(policy.model, policy.weights, how, args.sft_learning_rate)
        first = self._restore(name, optimizers)
        bar = self.progress.add_task(name, total=args.sft_steps, completed=first)
        for step in range(first, args.sft_steps):
            torch.manual_seed(self.seed(f"dropout {name} {step}"))
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                group["lr"] = args.sft_learning_rate * cosine(step, args.sft_steps)
            batch = [shown[i] for i in _positions(len(shown), args.sft_batch_size, step, self.seed("sft order"))]
            replies = [policy.replies.encode(reply) for _, reply in batch]
            policy.model.train()
            total = 0.0
            for part in in_parts(range(len(batch)), args.micro_batch_size):
                judged = policy.judge([policy.encode(batch[i].view) for i in part], [replies[i] for i in part])
                loss = -judged.log_probs.sum() / sum(map(len, replies))
                loss.backward()
                total += loss.item()
            self._step(policy.weights, optimizers)
            self._log("sft", {"loss": total}, step)
            self.progress.update(bar, advance=1)
            if (step + 1) % args.save_steps == 0 and step + 1 < args.sft_steps:
                self._save(name, step + 1, optimizers)

    def _ppo(self, name: str, iteration: int) -> None:
        """Rollouts, each followed by a few epochs of clipped steps."""
        args = self.args
        policy = self.policy
        optimizers: list[Any] = [
            torch.optim.AdamW(policy.weights, args.learning_rate, eps=1e-7, weight_decay=0.0),
            torch.optim.AdamW(policy.value_head.parameters(), args.value_learning_rate, weight_decay=0.0),
        ]
        first = self._restore(name, optimizers)
        bar = self.progress.add_task(name, total=args.updates, completed=first)
        envs = self.task.open(args.envs)
        try:
            for update in range(first, args.updates):
                what = f"{iteration} {update}"
                turns, last = act(
                    self.task, envs, partial(self._write, iteration, update), args.steps, self.seed(f"episodes {what}"),
                    partial(self._record, iteration, update),
                )  # fmt: skip
                rollout = look_back(self.policy, self.task, turns, last, args.ppo, args.temperature, args.micro_batch_size)
                figures: list[dict[str, float]] = []
                # What acts is left alone until the value head knows what to expect of it, and Adam how large gradients are.
                waits = (iteration - 1) * args.updates + update < args.value_updates
                for epoch in range(args.epochs):
                    order = random.Random(self.seed(f"order {what} {epoch}")).sample(rollout, len(rollout))
                    for batch in in_parts(order, args.batch_size):
                        figures.append(self._learn(batch))
                        optimizers[0].param_groups[0]["lr"] = 0.0 if waits else args.learning_rate
                        self._step(policy.weights, optimizers[:1])
                        self._step(list(policy.value_head.parameters()), optimizers[1:])
                told = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
                flat = [turn for row in turns for turn in row]
                told |= {
                    "reward": float(np.mean([turn.reward for turn in flat])),
                    "legal": float(np.mean([turn.outcome in LEGAL for turn in flat])),
                    "tokens": float(np.mean([len(turn.completion.token_ids) for turn in flat])),
                }
                self._log("ppo", told, args.sft_steps + (iteration - 1) * args.updates + update)
                self.progress.update(bar, advance=1)
                self._save(name, update + 1, optimizers)
        finally:
            envs.close()

    def _write(self, iteration: int, update: int, views: list[View], step: int) -> list[Completion]:
        """Replies of a rollout: drawn and logged, or read if they were logged by a process that was killed."""
        key = _rollout_key(iteration, update, step)
        if self.experience.has(key):
            return [Completion(row.reply, row.token_ids, row.log_probs) for row in self.experience.read(key)]
        seed = self.seed(f"replies {iteration} {update} {step}")
        return self.policy.complete(views, Sampling(temperature=self.args.temperature), seed)

    def _record(self, iteration: int, update: int, turns: list[Turn], step: int) -> None:
        key = _rollout_key(iteration, update, step)
        if not self.experience.has(key):
            self.experience.write(key, self._rows("rollout", iteration, turns, [step] * len(turns)))

    def _learn(self, batch: Sequence[Experienced]) -> dict[str, float]:
        """Gradients of PPO's loss on some replies."""
        args, policy = self.args, self.policy
        policy.model.eval()  # without dropout: the ratio is one of policies, not of what was dropped
        sums = dict.fromkeys(("loss", "value_loss", "clipped", "kl"), 0.0)
        for part in in_parts(batch, args.micro_batch_size):
            replies = [each.turn.completion.token_ids for each in part]
            judged = policy.judge([policy.encode(each.turn.view) for each in part], replies, args.temperature)
            losses, figures = ppo_losses(judged.log_probs, judged.values, part, args.ppo)
            (losses.sum() / len(batch)).backward()
            sums["loss"] += losses.sum().item() / len(batch)
            for key, value in figures.items():
                sums[key] += value / len(batch)
        return sums

    def _step(self, weights: list[torch.nn.Parameter], optimizers: Sequence[Any]) -> None:
        torch.nn.utils.clip_grad_norm_(weights, self.args.max_grad_norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    def _finish(self, name: str, iteration: int) -> None:
        """End a phase: save the policy, measure its most probable replies, and add a point to the curve."""
        args = self.args
        envs = self.task.open(min(args.envs, args.eval_episodes), evaluation=True)
        try:
            played = play_episodes(
                self.task, envs, lambda views, step: self.policy.complete(views, Sampling(), 0), args.eval_episodes,
                self.seed("evaluation"),
            )  # fmt: skip
        finally:
            envs.close()
        key = f"{iteration:03d}-9-evaluate"
        self.policy.name = name
        turns = [turn for episode in played for turn in episode]
        steps = [step for episode in played for step in range(len(episode))]
        if not self.experience.has(key):  # a killed process may have written them, and got no further
            self.experience.write(key, self._rows("evaluate", iteration, turns, steps))
        save_folder(args.run_dir / "policies" / name, self.policy.save)
        figures = summarise(self.task, played)
        keys = [_rollout_key(iteration, u, s) for u in range(args.updates) for s in range(args.steps)] if iteration else []
        rewards = [row.reward for key in keys for row in self.experience.read(key)]
        point = Point(
            policy=name,
            iteration=iteration,
            reward=figures["return"],
            trained_on=len(rewards) if iteration else self.taught,
            grow_reward=float(np.mean(rewards)) if rewards else None,
            executed=(self.points[-1].executed if self.points else 0) + len(rewards),
            metric=figures,
        )
        write_curve(args.run_dir, settings_of(args), [*self.points, point])
        if not iteration:  # PPO goes on with the state of its optimizers, SFT's are others
            _state_path(args).unlink(missing_ok=True)
        self._log("evaluation", figures, args.sft_steps + iteration * args.updates)
        told = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
        self.progress.console.print(f"{name}: {told}", highlight=False)
        self.points = read_points(args)

    def _rows(
        self, phase: Literal["rollout", "evaluate"], iteration: int, turns: Sequence[Turn], steps: Sequence[int]
    ) -> list[Row]:
        """What is logged of turns."""
        split = self.args.train_split if phase == "rollout" else self.args.eval_split
        return [
            Row(
                phase=phase, iteration=iteration, step=step, split=split, sample_id=turn.sample_id, draw=0,
                policy=self.policy.name, seed=self.args.seed, query=turn.view.text, reply=turn.completion.text,
                program=self.task.program(turn.completion.text),
                outcome=turn.outcome, reward=turn.reward, token_ids=turn.completion.token_ids,
                log_probs=turn.completion.log_probs,
            )
            for turn, step in zip(turns, steps, strict=True)
        ]  # fmt: skip

    def _save(self, name: str, step: int, optimizers: Sequence[Any]) -> None:
        """Save where an unfinished phase is."""
        buffer = io.BytesIO()
        states = [optimizer.state_dict() for optimizer in optimizers]
        torch.save({"phase": name, "step": step, "weights": self._trained(), "optimizers": states}, buffer)
        write_whole(_state_path(self.args), buffer.getvalue())

    def _restore(self, name: str, optimizers: Sequence[Any]) -> int:
        """Go on where the phase was last saved; returns the number of steps that are done."""
        path = _state_path(self.args)
        state = torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}
        there = state.get("phase", "")
        if there.partition("-")[0] != name.partition("-")[0]:  # none, or of SFT that was finished when the process was killed
            return 0
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if there != name:  # the iteration before, whose policy is loaded
            return 0
        with torch.no_grad():
            for key, weight in self._trained().items():
                weight.copy_(state["weights"][key])
        return int(state["step"])

    def _trained(self) -> dict[str, torch.nn.Parameter]:
        modules = {"model": self.policy.model, "value_head": self.policy.value_head}
        return {
            f"{name}.{key}": weight
            for name, module in modules.items()
            for key, weight in module.named_parameters()
            if weight.requires_grad
        }

    def _log(self, group: str, figures: dict[str, float], step: int) -> None:
        for tracker in self.trackers:
            tracker.log({f"{group}/{name}": value for name, value in figures.items()}, step=step)


def _positions(size: int, batch: int, step: int, seed: int) -> list[int]:
    """What a step of SFT reads: each epoch goes through all demonstrations in an order of its own."""
    numbers = range(step * batch, (step + 1) * batch)
    orders = {epoch: random.Random(f"{seed} {epoch}").sample(range(size), size) for epoch in {n // size for n in numbers}}
    return [orders[n // size][n % size] for n in numbers]


def _rollout_key(iteration: int, update: int, step: int) -> str:
    return f"{iteration:03d}-0-rollout-{update:05d}-{step:05d}"


def _state_path(args: Args) -> Path:
    return args.run_dir / "state.pt"


def _check(args: Args) -> None:
    """Raise a `UsageError` for numbers that make no sense."""
    at_least(0, demonstrations=args.demonstrations, sft_steps=args.sft_steps, iterations=args.iterations)
    at_least(0, random_actions=args.random_actions, value_updates=args.value_updates)
    at_least(1, sft_batch_size=args.sft_batch_size, updates=args.updates, envs=args.envs, steps=args.steps, epochs=args.epochs,
             batch_size=args.batch_size, micro_batch_size=args.micro_batch_size, eval_episodes=args.eval_episodes,
             save_steps=args.save_steps, max_new_tokens=args.model.max_new_tokens,
             sampling_batch_size=args.model.sampling_batch_size)  # fmt: skip
    above_zero(sft_learning_rate=args.sft_learning_rate, learning_rate=args.learning_rate, temperature=args.temperature)
    above_zero(value_learning_rate=args.value_learning_rate, max_grad_norm=args.max_grad_norm)
    if args.random_actions > 1.0:
        raise UsageError(f"--random-actions {args.random_actions} makes no sense. Expected 0 to 1.")
