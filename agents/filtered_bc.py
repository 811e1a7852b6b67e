"""Filtered behaviour cloning: a policy learns to write programs from its own programs that earned a reward.

    MLE       imitate a few expert programs
    repeat
      Grow      sample programs for queries of the train split, run them, log every one as experience
      Improve   fine-tune on those that earned 1

This is the self-training of VisReP (Khan et al., CVPR 2024) in the form of ReST's Grow and Improve steps: a policy gradient
with reward 0 or 1 and no baseline, taken offline in batches (see `training`). In its plainest form, `--replay last --cap 0`, the
policy is trained on all programs of the last Grow that earned a reward, each once per query.

A yes/no question rewards half of all wrong programs, so what earned a reward once is not yet right. Four things keep luck in
check: `--num-scenes` has a program be right on counterfactual scenes, too; of all programs that were tried for a query, on
whatever scene, those with the highest mean reward stand for it (`--cap` says how many); survivors of all iterations stay in the
training set; and so do the demonstrations. Hand-written corrections (see `corrections`) come before what the policy found.

Training rows may be repeated with other nouns (see `renaming`), since a model without pretraining would learn every noun by
heart.

Everything random follows from the seed and the iteration, and everything learned is read from the experience on disk. A run
that was interrupted is resumed where the last finished phase ended, with the same result (see `run`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from vispro_agents.cluster import Load
from vispro_agents.corrections import Correction, apply, load_corrections
from vispro_agents.curve import Point
from vispro_agents.episodes import mean
from vispro_agents.errors import UsageError, above_zero, at_least
from vispro_agents.experience import Row
from vispro_agents.imitation import ImitationArgs, begin, load_policy_of, load_saved, train_on
from vispro_agents.policies.base import Completion, Sampler
from vispro_agents.policies.transformers import ModelArgs
from vispro_agents.run import Run, open_run
from vispro_agents.run_args import RunArgs
from vispro_agents.training import OptimizerArgs

if TYPE_CHECKING:
    from vispro_agents.policies.vllm import VLLMPolicy


@dataclass(frozen=True)
class Args(RunArgs):
    """Train a policy by filtered behaviour cloning."""

    model: ModelArgs = field(default_factory=ModelArgs)
    imitation: ImitationArgs = field(default_factory=ImitationArgs)
    replay: Literal["all", "last"] = "all"
    """Whether survivors of all iterations are trained on, or of the last one only."""
    cap: int = 1
    """Different programs that are kept per query, so that easy queries do not drown hard ones; 0 for all."""
    keep_demonstrations: bool = True
    """Whether demonstrations stay in the training set; with no-, they leave it after the imitation."""
    carry_over: bool = True
    """Whether each iteration goes on with the weights of the one before, or begins with those after the imitation."""
    corrections: Path | None = None
    """File of hand-written programs (see `vispro-agents persistent`) that are mixed into Improve."""
    improve_variants: int = 1
    """Variants of each survivor, about other things, to train on beside it."""
    improve_epochs: int = 2
    """Passes over the training set in each iteration."""
    improve_learning_rate: float = 3e-3
    """Peak learning rate of Improve."""
    optimizer: OptimizerArgs = field(default_factory=OptimizerArgs)
    sampler: Literal["transformers", "vllm"] = "transformers"
    """What samples in Grow: the model that is trained, or vLLM, which loads the adapters anew in each iteration."""
    vllm_memory: float = 0.5
    """Share of the GPU's memory that vLLM takes; training needs the rest."""


def train(args: Args, console: Console | None = None) -> list[Point]:
    """Run filtered behaviour cloning, or resume it.

    Args:
        args: All settings.
        console: Where to report progress; None for a silent run.

    Returns:
        The learning curve: the first policy, the one after imitation, and one per iteration.

    Raises:
        UsageError: If the folder holds a run with other settings, or something asked for does not exist.
        DatasetError: If data is missing or damaged.
    """
    at_least(0, cap=args.cap, improve_variants=args.improve_variants, improve_epochs=args.improve_epochs)
    above_zero(improve_learning_rate=args.improve_learning_rate)
    corrections = load_corrections(args.corrections) if args.corrections else []
    if args.sampler == "vllm":
        require_vllm(args)
    with open_run(args, console) as run:
        policy, demonstrations = begin(run, args.model, args.imitation, args.optimizer)
        start = [point.policy for point in run.points if point.iteration == 0][-1]
        unfinished = run.points[-1].iteration < args.iterations
        vllm = start_vllm(args, run) if args.sampler == "vllm" and unfinished else None
        for iteration in range(run.points[-1].iteration + 1, args.iterations + 1):
            # Grow
            positions = run.choose(args.queries, f"queries {iteration}") if args.queries else []
            if vllm:
                vllm.use_adapter(run.policy_path(policy.name))
            sampler: Sampler = vllm or policy
            load = None if vllm else loader(run.policy_path(policy.name), args.model)
            grown = run.sample(
                f"{iteration:03d}-0-grow", "grow", iteration, sampler, policy.style, positions, args.samples, load=load
            )
            correct(run, corrections, iteration, positions)

            # Improve
            survivors = select_pairs(
                list(run.experience.rows(phases=("grow", "correction"), max_iteration=iteration)),
                cap=args.cap,
                iteration=iteration if args.replay == "last" else None,
            )
            shown = [(row.query, row.program or "") for row in demonstrations] if args.keep_demonstrations else []
            if not args.carry_over:
                policy = load_policy_of(run, args.model, start)
            if pairs := shown + survivors:
                train_on(
                    run, policy, pairs, args.improve_variants, args.optimizer, args.improve_epochs,
                    args.improve_learning_rate, f"iteration {iteration}",
                )  # fmt: skip
            run.finish(policy, f"iteration-{iteration}", iteration, trained_on=len(pairs), grown=grown)
        return run.points


def loader(path: Path, model: ModelArgs) -> Load:
    """Gets a saved policy in another process, which may have another working directory and sees its own GPUs alone."""
    return partial(load_saved, path.absolute(), replace(model, device="cpu" if model.device == "cpu" else "auto"))


def require_vllm(args: Args) -> None:
    """Check before anything is tried that vLLM can sample.

    Raises:
        UsageError: If it is missing, or there would be no adapters for it.
    """
    from vispro_agents.policies.vllm import import_vllm

    if args.model.model == "tiny" or not args.model.lora_rank:
        raise UsageError("--sampler vllm takes the adapters of each Improve step. Name a --model, with --lora-rank above 0.")
    import_vllm()


def start_vllm(args: Args, run: Run) -> VLLMPolicy:
    """Start vLLM with the model that is trained."""
    from vispro_agents.policies.vllm import VLLMPolicy

    return VLLMPolicy(
        args.model.model,
        str(run.policy_path(run.points[-1].policy)),
        lora_rank=args.model.lora_rank,
        gpu_memory_utilization=args.vllm_memory,
    )


def correct(run: Run, corrections: Sequence[Correction], iteration: int, positions: Sequence[int]) -> list[Row]:
    """Try the corrections on those of the asked samples that they match; they have to earn their reward as all programs do."""
    if not corrections:
        return []
    samples = {position: run.env.dataset[position] for position in positions}
    matched = {sample.sample_id: program for sample, program in apply(corrections, list(samples.values()))}
    rows = run.try_programs(
        f"{iteration:03d}-1-correction",
        "correction",
        iteration,
        lambda asked, seed: [Completion(matched[sample.sample_id]) for sample in asked],
        [position for position, sample in samples.items() if sample.sample_id in matched],
        policy="correction",
    )
    earned = sum(row.reward > 0.0 for row in rows)
    run.progress.console.print(f"corrections: {len(rows)} of {len(samples)} samples matched, {earned} earned a reward")
    return rows


def select_pairs(rows: Sequence[Row], *, cap: int = 1, iteration: int | None = None) -> list[tuple[str, str]]:
    """Choose what to train on: for each query that was asked, the best of its programs that earned a reward.

    All programs tried for one query text count, whatever the scene and the iteration; equal programs are one. Those with the
    highest mean reward come first, of equals the one that was drawn most often, then the latest. A correction that earned a
    reward stands alone for its query.

    Args:
        rows: Experience of Grow and of corrections.
        cap: Programs per query; 0 for all that ever earned a reward.
        iteration: The only iteration whose queries and programs count; None for all.

    Returns:
        `(query, program)` pairs, in the order in which the queries came.
    """
    tried: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    corrected: dict[str, str] = {}
    for row in rows:
        if row.program is None or iteration not in (None, row.iteration):
            continue
        if row.phase == "correction":
            if row.reward == 1.0:
                corrected[row.query] = row.program
        else:
            programs = tried[row.query]
            # Put the program last: dictionaries keep order, so the latest comes last.
            programs[row.program] = [*programs.pop(row.program, []), row.reward]
    pairs = []
    for query in dict.fromkeys([*tried, *corrected]):
        if query in corrected:
            pairs.append((query, corrected[query]))
            continue
        scores = [
            (mean(rewards), len(rewards), place, program)
            for place, (program, rewards) in enumerate(tried[query].items())
            if any(rewards)
        ]
        best = sorted(scores, reverse=True)
        pairs += [(query, program) for *_, program in (best[:cap] if cap else best)]
    return pairs
