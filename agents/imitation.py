"""How every learner begins: the policy that it is given or that is made, and the imitation of a few expert programs (MLE)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vispro_agents.curve import policy_path
from vispro_agents.errors import UsageError, above_zero, at_least
from vispro_agents.experience import Row
from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_agents.policies.transformers import ModelArgs, load_model, resolve_device
from vispro_agents.renaming import rare_words, rename
from vispro_agents.run import Run
from vispro_agents.training import OptimizerArgs, clone, encode_rows
from vispro_gym.programs.api import API

_MOST_QUERIES = 10_000


@dataclass(frozen=True)
class ImitationArgs:
    """What is imitated before a policy learns from its own programs."""

    demonstrations: int = 150
    """Expert programs to imitate first, and to go on imitating; 0 for a policy that knows how to write programs."""
    mle_variants: int = 15
    """Variants of each demonstration, about other things, to imitate beside it (see `renaming`)."""
    mle_epochs: int = 2
    """Passes over demonstrations and variants; 0 to keep them for later."""
    mle_learning_rate: float = 6e-3
    """Peak learning rate of the imitation."""

    def __post_init__(self) -> None:
        at_least(0, demonstrations=self.demonstrations, mle_variants=self.mle_variants, mle_epochs=self.mle_epochs)
        above_zero(mle_learning_rate=self.mle_learning_rate)


def begin(run: Run, model: ModelArgs, args: ImitationArgs, optimizer: OptimizerArgs) -> tuple[LanguageModelPolicy, list[Row]]:
    """Take or make the first policy, have it imitate, and measure it; or load the policy of the last finished phase.

    Returns:
        The policy to go on with, and the demonstrations that earned their reward.

    Raises:
        UsageError: If the model cannot be loaded, or there is nothing to imitate.
    """
    # A model that cannot be loaded is told before anything is tried.
    policy = load_policy_of(run, model, run.points[-1].policy) if run.points else load_first(run, model)
    demonstrations = run.demonstrations(args.demonstrations)
    if policy is None:
        policy = make_tiny(run, demonstrations, model.device)
    if not run.points:
        run.finish(policy, "base", 0)
    if len(run.points) == 1 and demonstrations and args.mle_epochs:
        pairs = [(row.query, row.program or "") for row in demonstrations]
        train_on(run, policy, pairs, args.mle_variants, optimizer, args.mle_epochs, args.mle_learning_rate, "mle")
        run.finish(policy, "mle", 0, trained_on=len(pairs))
    return policy, demonstrations


def load_policy_of(run: Run, model: ModelArgs, name: str) -> LanguageModelPolicy:
    """A saved policy of the run, to be trained further."""
    return load_saved(run.policy_path(name), model)


def load_saved(path: Path, model: ModelArgs) -> LanguageModelPolicy:
    """A saved policy, to be trained further. Weights that are trained themselves have to be float32: small steps need it."""
    is_adapter = (path / "adapter_config.json").is_file()
    return LanguageModelPolicy.load(path, device=model.device, dtype=model.dtype if is_adapter else "float32")


def load_first(run: Run, model: ModelArgs) -> LanguageModelPolicy | None:
    """The model that was asked for as a policy; None for a tiny one, which is made from demonstrations.

    Raises:
        UsageError: If it cannot be loaded, or settings are given that it does not have.
    """
    saved = policy_path(Path(model.model))
    if model.model == "tiny" or (saved / "policy.json").is_file():
        own = ModelArgs(model=model.model, device=model.device)
        ignored = [f.name.replace("_", "-") for f in fields(ModelArgs) if getattr(model, f.name) != getattr(own, f.name)]
        if ignored:
            kind = "A tiny model" if model.model == "tiny" else "A saved policy"
            raise UsageError(f"{kind} has settings of its own: leave out --{', --'.join(ignored)}, or name a model of the hub.")
        if model.model == "tiny":
            resolve_device(model.device)
            return None
        return load_saved(saved, model)
    if model.quantize != "none" and not model.lora_rank:
        raise UsageError("Weights of 4 bits cannot be trained. Set --lora-rank above 0, or --quantize none.")
    if not model.lora_rank and model.dtype == "auto":
        model = replace(model, dtype="float32")
    return load_model(model, seed=run.seed("adapters"))


def make_tiny(run: Run, demonstrations: Sequence[Row], device: str) -> LanguageModelPolicy:
    """A small model with random weights that knows the words of the queries."""
    from vispro_agents.policies.tiny import create_tiny

    programs = [row.program for row in demonstrations if row.program]
    if not programs:
        raise UsageError("A tiny model learns its vocabulary from demonstrations. Ask for some, or name a trained --model.")
    policy = create_tiny([*known_queries(run), *(member.name for member in API)], programs, seed=run.seed("weights"))
    if device != "cpu":
        with TemporaryDirectory() as folder:  # as any saved policy is moved
            policy.save(Path(folder))
            policy = LanguageModelPolicy.load(Path(folder), device=device, dtype="float32")
    return policy


def known_queries(run: Run) -> list[str]:
    """Queries of the train split. They are free, only answers are annotated: all that may be asked may be known beforehand."""
    return [run.env.dataset[position].query for position in run.choose(_MOST_QUERIES, "vocabulary")]


def train_on(
    run: Run,
    policy: LanguageModelPolicy,
    pairs: Sequence[tuple[str, str]],
    variants: int,
    optimizer: OptimizerArgs,
    epochs: int,
    learning_rate: float,
    what: str,
) -> None:
    """Clone `(query, program)` pairs and so many variants of each."""
    repeated = list(pairs) * variants
    renamed = rename(repeated, rare_words(known_queries(run)), random.Random(run.seed(f"variants {what}"))) if repeated else []
    rows = encode_rows(policy, [(run.prompt(query), program) for query, program in [*pairs, *renamed]])
    task = run.progress.add_task(f"{what}: train on {len(pairs)} programs", total=None)
    loss = clone(
        policy,
        rows,
        optimizer,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=run.seed(f"training {what}"),
        on_step=lambda done, total: run.progress.update(task, completed=done, total=total),
    )
    run.log("cloning", {"loss": loss})
