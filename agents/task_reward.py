"""Tuning vision models with task rewards (Pinto et al., ICML 2023): imitate the annotations, then maximise what counts.

    MLE       raise the likelihood of the annotations, written as sequences of tokens (`sequences`)
    repeat    (REINFORCE)
      draw n >= 2 answers for each picture of a batch from the model as it is, have the environment score them, log them
      take one gradient step on  -((reward - mean reward of the other n - 1) * log p(answer | picture)).mean()

This is what the paper does with n = 2, but that both answers are learned from. The tokens that say how sure the model is of a
box are not part of `log p`: with `--reward map` they learn by supervision what the IoU of the model's own boxes is, which ranks
them (the confidence loss). Answers are drawn at temperature 1 while tuning; at evaluation each token is the most probable one.

`--objective likelihood` goes on with MLE instead: the control that tells what tuning is worth at equal further work. `--init`
begins with a saved policy instead of MLE, so that several runs can share one.

    RUN/curve.json       settings, and after each phase the held-out reward and the metric; a phase is finished when it is here
    RUN/experience/      every answer that was drawn or evaluated, with its tokens, their log-probabilities and its reward
    RUN/policies/NAME/   a saved policy per phase: mle, tuned-1, tuned-2, ...
    RUN/state.pt         where the unfinished phase was last saved

A run may be killed at any moment: the same command goes on from the last saved step, and ends as if nothing had happened.
With `accelerate launch`, each process takes its share of each batch; their draws differ from those of one process.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from vispro_agents.curve import Point, write_curve
from vispro_agents.episodes import choose_positions
from vispro_agents.errors import UsageError, above_zero, at_least
from vispro_agents.experience import FOLDER, Experience, Row
from vispro_agents.files import save_folder, write_whole
from vispro_agents.run_args import read_points, settings_of
from vispro_agents.run_folder import hold_folder, seed_of
from vispro_agents.sequences import BoxCodec, Codec
from vispro_agents.task_reward_setup import SequenceArgs, check_codec, make_codec, open_reward_env
from vispro_agents.tracking import Tracker, open_trackers
from vispro_agents.training import OptimizerArgs, cosine, make_optimizers
from vispro_agents.vision_model import VisionModelArgs, VisionPolicy, load_policy, make_policy, picture_size
from vispro_gym.datasets.sample import Sample
from vispro_gym.envs.task_reward import TaskRewardEnv

_KEPT_BYTES = 1 << 29
_BYTES_PER_PIXEL = 12  # of a picture and its largest annotation, two maps of integers


@dataclass(frozen=True)
class Args:
    """Tune a vision model with the reward of its task."""

    run_dir: Path = Path("runs/task_reward")
    """Folder for policies, experience and the curve. A run that is there already is resumed."""
    env: str = "TaskReward-Detection-v0"
    """Environment id."""
    reward: Literal["recall", "map"] = "map"
    """For detection: what is rewarded. map also trains the confidences of boxes."""
    data_dir: Path | None = None
    """Folder of COCO in its official layout. None: see the environment; without any data, the generated mini data is used."""
    images: Literal["required", "optional"] = "required"
    """Whether a missing picture is an error."""
    train_split: str = "train"
    """Split that is learned from."""
    eval_split: str = "val"
    """Split that policies are measured on."""
    eval_pictures: int | None = None
    """Pictures to measure on; None for the whole split."""
    seed: int = 0
    """Seed of everything."""
    init: Path | None = None
    """Folder of a saved policy to begin with; None trains one by MLE first."""
    mle_steps: int = 2000
    """Optimizer steps of MLE."""
    objective: Literal["reward", "likelihood"] = "reward"
    """What the iterations after MLE maximise: the reward, or still the likelihood, as a control."""
    iterations: int = 4
    """Iterations, each of which ends with a saved policy and its evaluation."""
    steps: int = 100
    """Optimizer steps of an iteration."""
    batch_size: int = 64
    """Pictures of a step."""
    samples: int = 2
    """Answers that are drawn per picture."""
    mle_optimizer: Literal["adafactor", "muon"] = "adafactor"
    """What raises likelihoods: Adafactor; or Muon for matrices and AdamW for all other weights, with which a model without
    pretraining learns far faster. Rewards are always maximised with Adafactor."""
    mle_learning_rate: float = 1e-3
    """Peak learning rate of MLE; it falls to zero along a cosine."""
    learning_rate: float = 1e-4
    """Peak learning rate of an iteration, in each of which it falls to zero: the policies that are saved have settled, and more
    iterations can be asked of a finished run."""
    confidence_weight: float = 0.3
    """Weight of the confidence loss."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    save_steps: int = 200
    """Steps after which an unfinished phase is saved."""
    log_with: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ("tensorboard",)
    """Where figures are sent while training."""
    model: VisionModelArgs = field(default_factory=VisionModelArgs)
    sequence: SequenceArgs = field(default_factory=SequenceArgs)


class Shown(NamedTuple):
    """A sample as the model learns from it."""

    sample: Sample
    observation: NDArray[np.uint8]
    answers: list[Any]


def train(args: Args, console: Console | None = None) -> list[Point]:
    """Run it, or resume it.

    Args:
        args: All settings.
        console: Where to report progress; None for a silent run.

    Returns:
        The learning curve: a point after MLE, or for the policy of `init`, and one per iteration.

    Raises:
        UsageError: If the folder holds a run with other settings, or something asked for does not exist.
        DatasetError: If data is missing or damaged.
    """
    _check(args)
    accelerator = Accelerator(mixed_precision="no")  # answers are drawn and learned from with the same numbers
    if accelerator.num_processes == 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            f"{os.environ['WORLD_SIZE']} processes were started, and each would train alone. "
            "Expected GPUs; on CPUs, set ACCELERATE_USE_CPU=true."
        )
    if args.batch_size % accelerator.num_processes:
        raise UsageError(f"--batch-size {args.batch_size}: expected a multiple of the {accelerator.num_processes} processes.")
    told = console if accelerator.is_main_process else None
    with hold_folder(args.run_dir, told, accelerator.process_index) as (progress, trackers):
        run = _Run(args, accelerator, progress, trackers)
        if accelerator.is_main_process:
            trackers += open_trackers(args.log_with, args.run_dir, settings_of(args))
            if not run.points:  # from now on the folder is that of a run with these settings
                write_curve(args.run_dir, settings_of(args), [])
        phases = ["mle" if args.init is None else "init", *(f"{run.verb}-{i}" for i in range(1, args.iterations + 1))]
        with torch.random.fork_rng():  # the caller's random state is kept
            for iteration, name in enumerate(phases):
                if iteration >= len(run.points):
                    run.phase(name, iteration)
        return run.points[: len(phases)]


class _Run:
    """The state of a run."""

    def __init__(self, args: Args, accelerator: Accelerator, progress: Progress, trackers: Sequence[Tracker]) -> None:
        self.args, self.accelerator, self.progress, self.trackers = args, accelerator, progress, trackers
        self.points = read_points(args)
        self.experience = Experience(args.run_dir / FOLDER)
        self.verb = "tuned" if args.objective == "reward" else "continued"
        self.teaches_confidence = args.reward == "map" and args.confidence_weight > 0.0
        last = args.run_dir / "policies" / self.points[-1].policy if self.points else args.init
        policy = None if last is None else load_policy(last)
        size = picture_size(args.model) if policy is None else policy.image_size
        self.env = open_reward_env(args.env, args.train_split, args.data_dir, args.images, args.reward, size)
        self.eval_env = open_reward_env(args.env, args.eval_split, args.data_dir, args.images, args.reward, size)
        if policy is not None:
            check_codec(self.env, policy.codec, str(last))
        else:
            codec = make_codec(self.env, args.sequence, args.model.decoder)
            policy = make_policy(args.model, codec, self.seed("model"))
        self.policy = policy
        self.policy.network.to(accelerator.device)
        self.network = accelerator.prepare(self.policy.network)
        self.show = lru_cache(max(1, _KEPT_BYTES // (_BYTES_PER_PIXEL * size * size)))(partial(_show, self.env))
        self.readers = ThreadPoolExecutor(4)
        self.rows: list[Row] = []  # drawn since the last time they were written
        self.drawn, self.earned = 0, 0.0  # answers of this phase that were written, and the sum of their rewards
        self._shuffled: tuple[Any, list[int]] = (None, [])

    def seed(self, what: str) -> int:
        """A seed for one purpose, the same one in every run with this seed."""
        return seed_of(self.args.seed, what)

    def phase(self, name: str, iteration: int) -> None:
        """Train until the end of a phase, save the policy, and measure it."""
        args = self.args
        tuning = iteration > 0 and args.objective == "reward"
        steps = args.steps if iteration else args.mle_steps * (args.init is None)
        codec = self.policy.codec
        if tuning and self.teaches_confidence and isinstance(codec, BoxCodec) and not codec.is_confident:
            self.policy.begin_confidence(codec)
        parameters = [weight for weight in self.network.parameters() if weight.requires_grad]
        peak = args.learning_rate if iteration else args.mle_learning_rate
        chosen = "adafactor" if tuning else args.mle_optimizer
        optimizers = _optimizers(self.policy, parameters, chosen, peak)
        first = self._restore(name, optimizers)
        task = self.progress.add_task(f"{name}: train", total=steps, completed=first)
        for step in range(first, steps):
            torch.manual_seed(self.seed(f"dropout {name} {step}"))
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                group["lr"] = peak * cosine(step, steps)
            batch = self._batch(name, step)
            # Without dropout: a policy gradient is one of the policy that drew the answers.
            self.network.train(not tuning)
            loss, figures = (
                self._tuning_loss(batch, name, iteration, step) if tuning else self._likelihood_loss(batch, name, step)
            )
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(parameters, args.max_grad_norm)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
            self._log("tuning" if tuning else "mle", {"loss": loss.item()} | figures, step, iteration)
            self.progress.update(task, advance=1)
            if (step + 1) % args.save_steps == 0 and step + 1 < steps:
                self._save_state(name, iteration, step + 1, optimizers)
        self.network.eval()
        self._finish(name, iteration, steps)

    def _likelihood_loss(self, batch: Sequence[Shown], name: str, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean negative log-likelihood of a token of the annotations, in nats."""
        codec = self.policy.codec
        rng = random.Random(f"{self.seed(f'{name} {step}')} {self.accelerator.process_index}")
        rows = [codec.encode(rng.choice(shown.answers), rng) for shown in batch]
        width = max(map(len, rows))
        tokens = torch.tensor([row + [codec.end] * (width - len(row)) for row in rows], device=self.accelerator.device)
        log_probs = self.network(self.policy.pixels([shown.observation for shown in batch]), tokens)
        taught = _counts(tokens, codec) & ~self._supervised(tokens)
        chosen = log_probs.gather(-1, tokens[..., None])[..., 0].masked_fill(~taught, 0.0)
        return -chosen.sum() / taught.sum(), {}

    def _tuning_loss(self, batch: Sequence[Shown], name: str, iteration: int, step: int) -> tuple[Tensor, dict[str, float]]:
        """REINFORCE with the leave-one-out baseline, and the confidence loss."""
        args, codec = self.args, self.policy.codec
        observations = [shown.observation for shown in batch]
        self.network.eval()
        seed = self.seed(f"{name} {step} {self.accelerator.process_index}")
        tokens, drawn, actions = self.policy.draw(observations, args.samples, seed)
        samples = [shown.sample for shown in batch for _ in range(args.samples)]
        scored = self.env.score(samples, actions)
        rewards = np.array([each.reward for each in scored], np.float64)
        groups = rewards.reshape(-1, args.samples)
        others = (groups.sum(1, keepdims=True) - groups) / (args.samples - 1)
        advantages = torch.tensor((groups - others).ravel(), dtype=torch.float32, device=tokens.device)

        log_probs = self.network(self.policy.pixels(observations), tokens)
        sure = self._supervised(tokens)
        counted = _counts(tokens, codec)
        chosen = log_probs.gather(-1, tokens[..., None])[..., 0].masked_fill(~counted | sure, 0.0)
        loss = -(advantages * chosen.sum(-1)).mean()
        if isinstance(codec, BoxCodec) and self.teaches_confidence:
            wanted = np.stack([codec.confidence_targets(each.details["confidence_targets"]) for each in scored])
            targets = torch.from_numpy(wanted).to(tokens.device)[:, : tokens.shape[1]]
            entropies = -(targets * log_probs.masked_fill(targets == 0.0, 0.0)).sum(-1)
            loss = loss + args.confidence_weight * entropies.sum() / (counted & sure).sum().clamp(min=1)
        self.rows += self._rows("rollout", name, iteration, step + 1, samples, tokens, drawn, rewards, args.samples)
        return loss, {"reward": float(rewards.mean()), "tokens": float(counted.sum() / len(tokens))}

    def _supervised(self, tokens: Tensor) -> Tensor:
        """The positions of `tokens` that neither annotations nor rewards teach: how sure the model is."""
        return torch.from_numpy(self.policy.codec.supervised).to(tokens.device)[: tokens.shape[1]]

    def _finish(self, name: str, iteration: int, steps: int) -> None:
        """End a phase: save the policy, measure its most probable answers, and add a point to the curve."""
        self._write_rollouts(iteration, steps)
        positions = choose_positions(len(self.eval_env.dataset), self.args.eval_pictures, self.seed("evaluation"))
        mine = positions[self.accelerator.process_index :: self.accelerator.num_processes]
        evaluated: list[tuple[Any, Row]] = []
        for start in range(0, len(mine), self.args.batch_size):
            samples = [self.eval_env.dataset.sample(position) for position in mine[start : start + self.args.batch_size]]
            tokens, drawn, actions = self.policy.draw(list(self.readers.map(self.eval_env.observe, samples)))
            rewards = np.array([each.reward for each in self.eval_env.score(samples, actions)])
            rows = self._rows("evaluate", name, iteration, steps, samples, tokens, drawn, rewards, 1)
            evaluated += zip(actions, rows, strict=True)
        evaluated = gather_object(evaluated)
        if self.accelerator.is_main_process:
            self._write_rows(f"{iteration:03d}-9-evaluate", [row for _, row in evaluated])
            save_folder(self.args.run_dir / "policies" / name, self.policy.save)
            asked = [self.eval_env.dataset.sample(position) for position in positions]
            metric = self.eval_env.metric({row.sample_id: action for action, row in evaluated}, asked)
            point = Point(
                policy=name,
                iteration=iteration,
                reward=float(np.mean([row.reward for _, row in evaluated])),
                trained_on=steps * self.args.batch_size,
                grow_reward=self.earned / self.drawn if self.drawn else None,
                executed=(self.points[-1].executed if self.points else 0) + self.drawn,
                metric=metric,
            )
            write_curve(self.args.run_dir, settings_of(self.args), [*self.points, point])
            _state_path(self.args).unlink(missing_ok=True)
            self._log("evaluation", {"reward": point.reward} | metric, steps, iteration)
            told = ", ".join(f"{key} {value:.4f}" for key, value in list(metric.items())[:3])
            self.progress.console.print(f"{name}: held-out reward {point.reward:.4f}, {told}", highlight=False)
        self.accelerator.wait_for_everyone()
        self.points = read_points(self.args)

    def _rows(
        self, phase: Literal["rollout", "evaluate"], name: str, iteration: int, step: int, samples: Sequence[Sample],
        tokens: Tensor, drawn: Tensor, rewards: NDArray[np.float64], draws: int,
    ) -> list[Row]:  # fmt: skip
        """What is logged of answers."""
        split = self.args.train_split if phase == "rollout" else self.args.eval_split
        lengths = _counts(tokens, self.policy.codec).sum(1).tolist()
        columns = zip(samples, tokens.tolist(), drawn.tolist(), rewards.tolist(), lengths, strict=True)
        return [
            Row(
                phase=phase, iteration=iteration, step=step, split=split, sample_id=sample.sample_id, draw=i % draws, policy=name,
                seed=self.args.seed, query="", reply=self.policy.codec.text(ids[:length]), program=None, outcome="scored",
                reward=reward, token_ids=tuple(ids[:length]), log_probs=tuple(log_probs[:length]),
            )
            for i, (sample, ids, log_probs, reward, length) in enumerate(columns)
        ]  # fmt: skip

    def _write_rollouts(self, iteration: int, step: int) -> None:
        """Write what was drawn since the last time."""
        rows = gather_object(self.rows)
        self.rows = []
        self.drawn += len(rows)
        self.earned += sum(row.reward for row in rows)
        if rows and self.accelerator.is_main_process:
            self._write_rows(f"{iteration:03d}-0-rollout-{step:07d}", rows)

    def _write_rows(self, key: str, rows: Sequence[Row]) -> None:
        if not self.experience.has(key):  # a killed process may have written them, and got no further
            self.experience.write(key, rows)

    def _save_state(self, name: str, iteration: int, step: int, optimizers: Sequence[Any]) -> None:
        """Save where an unfinished phase is."""
        self._write_rollouts(iteration, step)
        if self.accelerator.is_main_process:
            buffer = io.BytesIO()
            state = {
                "phase": name, "step": step, "drawn": self.drawn, "earned": self.earned,
                "network": self.policy.network.state_dict(), "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            }  # fmt: skip
            torch.save(state, buffer)
            write_whole(_state_path(self.args), buffer.getvalue())

    def _restore(self, name: str, optimizers: Sequence[Any]) -> int:
        """Go on where the phase was last saved; returns the number of steps that are done."""
        self.rows, self.drawn, self.earned = [], 0, 0.0
        path = _state_path(self.args)
        state = torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}
        if state.get("phase") != name:  # none, or of a phase that was finished when the process was killed
            return 0
        self.policy.network.load_state_dict(state["network"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.drawn, self.earned = state["drawn"], state["earned"]
        return int(state["step"])

    def _batch(self, name: str, step: int) -> list[Shown]:
        """This process' pictures of a step: each epoch goes through the split in an order of its own."""
        size = len(self.env.dataset)
        numbers = range(step * self.args.batch_size, (step + 1) * self.args.batch_size)
        mine = list(numbers)[self.accelerator.process_index :: self.accelerator.num_processes]
        return list(self.readers.map(self.show, [self._order(name, number // size)[number % size] for number in mine]))

    def _order(self, name: str, epoch: int) -> list[int]:
        if self._shuffled[0] != (name, epoch):
            size = len(self.env.dataset)
            self._shuffled = (name, epoch), random.Random(self.seed(f"{name} epoch {epoch}")).sample(range(size), size)
        return self._shuffled[1]

    def _log(self, group: str, figures: dict[str, float], step: int, iteration: int) -> None:
        # One clock for all phases, which some trackers ask for.
        args = self.args
        before = 0 if not iteration else (args.mle_steps if args.init is None else 0) + args.steps * (iteration - 1) + iteration
        for tracker in self.trackers:
            tracker.log({f"{group}/{name}": value for name, value in figures.items()}, step=before + step)


def _show(env: TaskRewardEnv, position: int) -> Shown:
    sample = env.dataset.sample(position)
    return Shown(sample, env.observe(sample), env.answers(sample))


def _counts(tokens: Tensor, codec: Codec) -> Tensor:
    """Which tokens of sequences `(B, T)` were chosen: all up to the first end, and the end itself; what follows fills up."""
    ended = (tokens == codec.end).cumsum(1)
    return (ended == 0) | ((ended == 1) & (tokens == codec.end))


def _optimizers(
    policy: VisionPolicy, weights: list[torch.nn.Parameter], name: Literal["adafactor", "muon"], learning_rate: float
) -> list[torch.optim.Optimizer]:
    if name == "muon":
        return make_optimizers(policy.network.model, weights, OptimizerArgs(optimizer="muon"), learning_rate)
    from transformers.optimization import Adafactor

    # With momentum, and steps whose size does not depend on that of the weights.
    return [Adafactor(weights, learning_rate, beta1=0.9, scale_parameter=False, relative_step=False)]


def _check(args: Args) -> None:
    """Raise a `UsageError` for numbers that make no sense."""
    at_least(0, mle_steps=args.mle_steps, iterations=args.iterations, confidence_weight=args.confidence_weight)
    at_least(1, steps=args.steps, batch_size=args.batch_size, save_steps=args.save_steps, eval_pictures=args.eval_pictures)
    above_zero(mle_learning_rate=args.mle_learning_rate, learning_rate=args.learning_rate, max_grad_norm=args.max_grad_norm)
    if args.samples < 2:
        raise UsageError(f"--samples {args.samples}: the baseline is what other answers earn. Expected 2 or more.")


def _state_path(args: Args) -> Path:
    return args.run_dir / "state.pt"
