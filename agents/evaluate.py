"""The command `vispro-agents evaluate`, and the same as a function: what policies earn on a split."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from vispro_agents.episodes import (
    SEMANTIC_SCENES,
    choose_positions,
    choose_type_field,
    find_scenes,
    is_sampler,
    open_env,
)
from vispro_agents.errors import UsageError
from vispro_agents.leaderboard import Leaderboard, as_json, as_markdown, notes, rank, terminal_tables
from vispro_agents.measure import Draws, Evaluation, Measured, measure
from vispro_agents.policies import Policy, load_policy
from vispro_agents.policies.base import Sampling
from vispro_gym.registration import ENVIRONMENTS


@dataclass(frozen=True)
class EvaluateArgs:
    """Measure policies: one program per sample, executed and scored by the environment. Several policies make a leaderboard."""

    policy: tuple[str, ...]
    """'expert', 'random', 'constant:TEXT', 'crash', the folder of a training run or of one saved policy, 'module:attribute', or a
    model with its options, such as 'openai(model="...", base_url="...")'."""
    env: str
    """Environment id, for example VisProg-GQA-v0."""
    data_dir: Path | None = None
    """Root folder of the dataset. None: see the environment; without any data, the generated mini data is used."""
    split: str | None = None
    """Split of the dataset; without it the second one, mostly the one for validation, or the only one."""
    episodes: int | None = None
    """Number of samples, the first of a seeded permutation; None for the whole split."""
    images: Literal["required", "optional"] = "required"
    """Whether a missing picture is an error."""
    seed: int = 0
    """Seed of the permutation, of draws and of the bootstrap."""
    form: str | None = None
    """The form in which the dataset is asked, for those that have several."""
    subset: str | None = None
    """Part of the split, for example 10_per_type."""
    ids: Path | None = None
    """File of the sample ids to ask: a JSON list, or one id per line."""
    perception: str = "oracle"
    """What programs see through, for example pixels, transformers or 'noise(oracle, miss=0.2)'."""
    scorer: str = "strict"
    """How answers are compared: strict, official, or what the task knows beside."""
    semantic_scenes: int = SEMANTIC_SCENES
    """Counterfactual scenes on which a program has to be right, too, to count for semantic accuracy; 0 for none."""
    samples: int = 0
    """Programs to draw for each sample of the dataset, for pass@k; 0 for none."""
    pass_at: tuple[int, ...] = ()
    """The numbers k of pass@k, each at most --samples; without it 1 and --samples."""
    temperature: float = 1.0
    """Sampling temperature of these draws."""
    top_p: float = 0.9
    """They are made among the most probable tokens that together have this probability."""
    by: str | None = None
    """Field of the samples by which scores are told, for example detailed; without it the kind of question."""
    submission: Path | None = None
    """Where to write the answers as the file that the dataset's official code reads."""
    out: Path | None = None
    """File to write everything to: .json, or .md for Markdown."""
    json: bool = False
    """End with one line of JSON on standard output."""


def evaluate(
    policy: Policy | str,
    env_id: str,
    *,
    split: str | None = None,
    data_dir: str | PathLike[str] | None = None,
    images: str = "required",
    episodes: int | None = None,
    seed: int = 0,
    semantic_scenes: int = SEMANTIC_SCENES,
    draws: Draws | None = None,
    by: str | None = None,
    submission: str | PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measure a policy.

    Args:
        policy: A policy, or what `load_policy` understands.
        env_id: Environment id.
        split: Split of the dataset; None for the one on which the environment's row has policies measured.
        data_dir: Root folder of the dataset; see the environment.
        images: "required" or "optional"; see the environment.
        episodes: Number of samples; None for the whole split. A smaller number takes the first of a seeded permutation.
        seed: Seed of that permutation, of draws and of the bootstrap.
        semantic_scenes: Counterfactual scenes for each sample; 0 for no semantic accuracy.
        draws: How pass@k is measured; None, or a policy that cannot draw, for no pass@k.
        by: Field by which scores are told; None for the dataset's kinds of question.
        submission: Where to write the answers as the file that the dataset's official code reads; None to write none.
        on_progress: Called after each batch with `(programs scored, programs in total)`.
        **options: Further options of the environment, for example `form="direct_answer"`.

    Raises:
        UsageError: If environment, policy or number of episodes make no sense.
        DatasetError: If the data or the split is missing or damaged.
    """
    env = open_env(env_id, split or _default_split(env_id), data_dir, images, **options)
    if isinstance(policy, str):
        policy = load_policy(policy, env.dataset)
    positions = choose_positions(len(env.dataset), episodes, seed)
    scenes, note = find_scenes(env, semantic_scenes)
    return measure(
        policy,
        env,
        positions,
        scenes=scenes,
        scenes_note=note,
        draws=draws,
        by=by,
        seed=seed,
        submission=submission,
        on_progress=on_progress,
    ).evaluation


def run(args: EvaluateArgs) -> Leaderboard:
    """Measure, print and write what was asked for.

    Policies are loaded one after another, since two models seldom fit into one memory. If one fails, what those before it
    earned is printed and written all the same.

    Raises:
        UsageError: If environment, policies or numbers make no sense.
        DatasetError: If the data or the split is missing or damaged.
        BackendError: If perception cannot serve anything.
    """
    _check(args)
    ks = tuple(sorted(set(args.pass_at or (1, args.samples))))
    draws = Draws(args.samples, ks, _sampling(args)) if args.samples else None
    options = {"form": args.form, "subset": args.subset, "ids": args.ids, "perception": args.perception, "scorer": args.scorer}
    env = open_env(args.env, args.split or _default_split(args.env), args.data_dir, args.images, **options)
    choose_type_field(env.dataset, args.by)
    scenes, note = find_scenes(env, args.semantic_scenes)
    positions = choose_positions(len(env.dataset), args.episodes, args.seed)
    measured: list[Measured] = []
    try:
        for spec in args.policy:
            policy = load_policy(spec, env.dataset)
            if draws and len(args.policy) == 1 and not is_sampler(policy):
                raise UsageError(
                    f"--samples draws several programs, and the policy {policy.name!r} writes one: it has no method 'complete'."
                )
            with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
                task = progress.add_task(escape(policy.name), total=None)
                result = measure(
                    policy, env, positions, scenes=scenes, scenes_note=note, draws=draws, by=args.by, seed=args.seed,
                    submission=args.submission,
                    on_progress=partial(_advance, progress, task),
                )  # fmt: skip
            measured.append(_named(result, spec, measured, len(args.policy) > 1))
    finally:
        if measured:
            board = rank(measured)
            _show(args, board)
    return board


def _check(args: EvaluateArgs) -> None:
    """Raise UsageError for what would fail after the work is done."""
    if not args.policy or len(set(args.policy)) < len(args.policy):
        raise UsageError(f"Expected one policy or several different ones, got {list(args.policy)}.")
    if args.submission is not None and len(args.policy) > 1:
        raise UsageError(f"--submission writes the answers of one policy, got {len(args.policy)}. Name one.")
    if args.samples < 0 or (args.pass_at and not args.samples):
        raise UsageError("pass@k is told from more programs for each sample. Say how many with --samples, a positive number.")
    if args.out is not None and args.out.suffix not in (".json", ".md"):
        raise UsageError(f"--out {args.out} is of no known kind. Expected a name that ends in .json or .md.")
    if args.out is not None and not args.out.absolute().parent.is_dir():
        raise UsageError(f"--out {args.out} would be in a folder that does not exist. Create it first.")


def _sampling(args: EvaluateArgs) -> Sampling:
    if not args.temperature > 0.0 or not 0.0 < args.top_p <= 1.0:
        raise UsageError(
            f"Expected a temperature above 0 and a top-p above 0 and at most 1, got {args.temperature} and {args.top_p}."
        )
    return Sampling(temperature=args.temperature, top_p=args.top_p)


def _named(result: Measured, spec: str, before: Sequence[Measured], is_one_of_several: bool) -> Measured:
    """The result under a name that no other has. Policies of two runs are often called alike: their folders name them."""
    evaluation = result.evaluation
    if is_one_of_several and Path(spec).is_dir():
        return replace(result, evaluation=replace(evaluation, policy=spec))
    if evaluation.policy not in {other.evaluation.policy for other in before}:
        return result
    return replace(result, evaluation=replace(evaluation, policy=f"{evaluation.policy} ({spec})"))


def _show(args: EvaluateArgs, board: Leaderboard) -> None:
    console, errors = Console(), Console(stderr=True)
    for table in terminal_tables(board):
        console.print(table)
    for line in notes(board):
        console.print(line, markup=False, highlight=False)
    for evaluation in board.evaluations:
        for message, count in evaluation.perception_errors.items():
            line = f"{evaluation.policy}: perception_error, {count} times: {message}"
            errors.print(line, markup=False, highlight=False, soft_wrap=True)
    if args.samples and not any(evaluation.pass_at for evaluation in board.evaluations):
        errors.print("No pass@k: none of these policies can draw several programs.", highlight=False)
    found = as_json(board, as_list=len(args.policy) > 1)  # as asked, also if only one of several was measured
    if args.out is not None:
        content = as_markdown(board) if args.out.suffix == ".md" else json.dumps(found, indent=1) + "\n"
        args.out.write_text(content, encoding="utf-8")
    if args.json:
        print(json.dumps(found))


def _advance(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _default_split(env_id: str) -> str:
    """The split on which an environment's row has policies measured; "val" for environments without a row."""
    return next((row.evaluation_split for row in ENVIRONMENTS if env_id in (row.env_id, row.repair_id)), "val")
