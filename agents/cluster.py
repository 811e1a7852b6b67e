"""A run's work on the actors of a Ray cluster: `--engine ray` starts one on this machine, `--engine ray:ADDRESS` takes another.

    execution actors    one process each with environments of its own; they run programs in all phases of a run
    policy actors       load the policy that was saved last and draw programs in Grow; one for each GPU, or one

Grow is a pipeline of `ray.data`: a chunk of prompts goes to a policy actor, its programs go to an execution actor, and what
became of them is written as experience when it arrives. Chunks and seeds are those of a run on one machine, and so are the
results (as far as the processors compute alike). An actor that dies is started again, and what it was working on is done again.

The folder of the run and the data have to be at the same place on all machines of the cluster.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vispro_agents.episodes import find_scenes, open_env, score
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Prompt, Sampler, Sampling
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.engine import Outcome
from vispro_gym.perception import BackendError

Scored = list[tuple[Outcome, bool | None]]
"""For each program its outcome, and whether it is right on counterfactual scenes, too; None if that was not asked."""
Asked = tuple[int, str]
"""A sample: its position in the dataset and its id, by which an actor sees that it has the same data."""
Load = Callable[[], Sampler]
"""Gets a policy in another process. It is pickled."""

KNOWN = (BackendError, DatasetError, UsageError)
"""What is told in one line."""

_OWN: dict[str, Any] = {"include_dashboard": False}
_TOLD = ("VISPRO_", "HF_", "OPENAI_", "TRANSFORMERS_")


@dataclass(frozen=True)
class Environment:
    """How an execution actor opens an environment.

    Attributes:
        env_id: Environment id.
        split: Split of the dataset.
        options: Options of the environment.
        semantic_scenes: Counterfactual scenes on which programs are checked.
    """

    env_id: str
    split: str
    options: Mapping[str, Any]
    semantic_scenes: int = 0


@dataclass(frozen=True)
class Chunk:
    """A unit of Grow.

    Attributes:
        key: Its key as experience.
        seed: Seed of the draws.
        prompts: What the policy reads.
        asked: The samples.
    """

    key: str
    seed: int
    prompts: Sequence[Prompt]
    asked: Sequence[Asked]


class Executor:
    """An execution actor: runs programs in environments of its own."""

    def __init__(self, environments: Mapping[str, Environment], settings: Mapping[str, str]) -> None:
        os.environ.update(settings)
        self._asked = environments
        self._opened: dict[str, Any] = {}

    def open(self) -> Exception | None:
        """Opens the environments; what is wrong with them, if anything is."""
        try:
            for name in self._asked:
                self._env(name)
        except KNOWN as error:
            return error
        return None

    def score(self, name: str, asked: Sequence[Asked], replies: Sequence[str]) -> Scored | Exception:
        """Runs a program for each of some samples of an environment. Errors that are known are returned: Ray would wrap them."""
        try:
            env, scenes = self._env(name)
            samples = [env.dataset[position] for position, _ in asked]
            if any(sample.sample_id != sample_id for sample, (_, sample_id) in zip(samples, asked, strict=True)):
                raise UsageError(
                    f"An execution actor has other data than the run: in {env.dataset.name} ({self._asked[name].split}). "
                    "The data has to be at the same place on all machines; name it by --data-dir."
                )
            return [(episode.outcome, episode.semantic) for episode in score(env, samples, replies, scenes)]
        except KNOWN as error:
            return error

    def _env(self, name: str) -> Any:
        if name not in self._opened:  # an actor that was started again opens them when they are needed
            from vispro_gym.interpreter.pool import Interpreter
            from vispro_gym.interpreter.shared import default_engine

            asked = self._asked[name]
            env = open_env(asked.env_id, asked.split, **asked.options)
            if default_engine() == "process":
                env.engine.interpreter = Interpreter(workers=1)  # actors are counted by cores
            self._opened[name] = (env, find_scenes(env, asked.semantic_scenes)[0])
        return self._opened[name]


class Drawer:
    """A policy actor: draws programs for chunks."""

    def __init__(self, load: Load, sampling: Sampling, threads: int, settings: Mapping[str, str]) -> None:
        os.environ.update(settings)
        import torch

        torch.set_num_threads(threads)  # sums end differently with another number, and Ray sets one
        self._policy = load()
        self._sampling = sampling

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Draws for each chunk of a batch; what follows in the pipeline receives both."""
        drawn = []
        for packed in batch["chunk"]:
            chunk: Chunk = pickle.loads(packed)
            drawn.append(pickle.dumps(self._policy.complete(list(chunk.prompts), self._sampling, chunk.seed)))
        return {"chunk": list(batch["chunk"]), "completions": drawn}


class Cluster:
    """Execution actors, and pipelines through them.

    Args:
        address: Address of a Ray cluster; "" for one of this machine's own, which ends with the run.
        actors: Number of execution actors; None for one on each core.
        environments: The environments that they open, by name.

    Raises:
        UsageError: If Ray is missing, or there is no cluster at the address.
    """

    def __init__(self, address: str, actors: int | None, environments: Mapping[str, Environment]) -> None:
        ray = import_ray()
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            try:
                _require_server(address)
                ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **{} if address else _OWN)
            except (OSError, ValueError, RuntimeError) as error:
                raise UsageError(f"There is no Ray cluster at {address!r}: {error}") from error
        resources = ray.cluster_resources()
        self.gpus = int(resources.get("GPU", 0))
        count = actors or max(1, int(resources.get("CPU", 1)))
        # They are idle while nothing is to be run, so they take no cores from those who write programs.
        actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy="SPREAD")(Executor)
        self.executors = [actor.remote(environments, _settings()) for _ in range(count)]
        try:
            for wrong in ray.get([executor.open.remote() for executor in self.executors]):
                _known(wrong)
        except BaseException:
            self.close()
            raise

    def score(self, name: str, asked: Sequence[Asked], replies: Sequence[str]) -> Scored:
        """Runs a program for each of some samples, in equal parts on all execution actors.

        Args:
            name: Which environment.
            asked: The samples.
            replies: What was said to each sample.

        Returns:
            What became of each, in order.

        Raises:
            DatasetError, BackendError, UsageError: As in a run without Ray; also if an actor has other data.
        """
        share = -(-len(replies) // len(self.executors))
        starts = range(0, len(replies), share or 1)
        parts = [
            executor.score.remote(name, asked[start : start + share], replies[start : start + share])
            for executor, start in zip(self.executors, starts, strict=False)
        ]
        return [scored for part in self._ray.get(parts) for scored in _known(part)]

    def grow(
        self, name: str, chunks: Sequence[Chunk], load: Load, sampling: Sampling
    ) -> Iterator[tuple[str, list[Completion], Scored]]:
        """Draws and runs programs for chunks.

        Args:
            name: Which environment.
            chunks: What is asked.
            load: Gets the policy in another process.
            sampling: How programs are drawn.

        Yields:
            Key, programs and what became of them, for each chunk when it is done, in any order.

        Raises:
            DatasetError, BackendError, UsageError: As in a run without Ray; also if an actor has other data.
        """
        import torch

        ray, executors = self._ray, self.executors

        def execute(batch: dict[str, Any]) -> dict[str, list[bytes]]:
            scored = []
            for packed, completions in zip(batch["chunk"], batch["completions"], strict=True):
                chunk: Chunk = pickle.loads(packed)
                executor = executors[places[chunk.key] % len(executors)]
                replies = [completion.text for completion in pickle.loads(completions)]
                scored.append(pickle.dumps(ray.get(executor.score.remote(name, chunk.asked, replies))))
            return batch | {"scored": scored}

        places = {chunk.key: number for number, chunk in enumerate(chunks)}
        drawers = ray.data.ActorPoolStrategy(size=min(max(1, self.gpus), len(chunks)))
        with _quiet(ray):
            rows = ray.data.from_items([{"chunk": pickle.dumps(chunk)} for chunk in chunks], override_num_blocks=len(chunks))
            drawn = rows.map_batches(
                Drawer,
                fn_constructor_args=(load, sampling, torch.get_num_threads(), _settings()),
                batch_size=1,
                compute=drawers,
                num_cpus=1,
                num_gpus=1 if self.gpus else 0,
            )
            for row in drawn.map_batches(execute, batch_size=1, num_cpus=0).iter_rows():
                yield pickle.loads(row["chunk"]).key, pickle.loads(row["completions"]), _known(pickle.loads(row["scored"]))

    def close(self) -> None:
        """Ends the execution actors, and Ray if it was started here."""
        for executor in self.executors:
            self._ray.kill(executor)
        if self._is_ours:
            self._ray.shutdown()


class _quiet:
    """No progress bars and no reports of `ray.data`, which the run has its own of."""

    def __init__(self, ray: Any) -> None:
        self._logger = logging.getLogger("ray.data")
        self._level = self._logger.level
        self._ray = ray

    def __enter__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Ray's of its own
            self._context = self._ray.data.DataContext.get_current()
        self._bars = self._context.enable_progress_bars
        self._context.enable_progress_bars = False
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *error: object) -> None:
        self._context.enable_progress_bars = self._bars
        self._logger.setLevel(self._level)


def _known(result: Any) -> Any:
    """The result of an actor, or its error."""
    if isinstance(result, Exception):
        raise result
    return result


def _settings() -> dict[str, str]:
    """The variables of this process that decide what an environment or a model is; actors begin with those of the cluster.

    They are no `runtime_env`, which Ray writes into its logs and shows: keys of servers are among them.
    """
    return {name: value for name, value in os.environ.items() if name.startswith(_TOLD)}


def _require_server(address: str) -> None:
    """Raise an `OSError` if nothing listens at HOST:PORT, for which Ray would look for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def import_ray() -> Any:
    """Ray with its data library.

    Raises:
        UsageError: If one of them is missing.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(f"--engine ray needs a library that is missing ({error}): pip install 'vispro-gym[ray]'") from error
    return ray


def address_of(engine: str) -> str | None:
    """The address in `--engine`: None for "local", "" for "ray", else what follows "ray:".

    Raises:
        UsageError: If it is something else.
    """
    kind, colon, address = engine.partition(":")
    if address.startswith("ray://"):
        raise UsageError(
            f"--engine {engine!r} is Ray's client, which cannot stream. Name the cluster itself, such as ray:HOST:6379."
        )
    if engine == "local" or (kind == "ray" and bool(colon) == bool(address)):
        return None if kind == "local" else address
    raise UsageError(f"--engine {engine!r} is unknown. Expected local, ray, or ray:ADDRESS such as ray:auto.")
