"""Experience as JSON Lines: for other trainers, and for looking at.

    sft          {"prompt", "completion"}          programs that earned their reward in training, once per query
    preference   {"prompt", "chosen", "rejected"}  such a program, and one that did not earn it for the same query
    jsonl        every row of the experience as it is

The first two are what TRL's SFTTrainer and DPOTrainer read, and hold nothing of held-out evaluation. `jsonl` is also what
`vispro-gym attribute --programs` reads. Lone surrogates are kept there, as escapes, which not every reader of JSON takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro
from rich.console import Console

from vispro_agents.errors import UsageError
from vispro_agents.experience import Phase, Row
from vispro_agents.files import write_whole
from vispro_agents.policies.base import Prompt
from vispro_agents.policies.prompting import PromptStyle, write_prompt
from vispro_agents.stored_run import open_experience, open_training_env

TRAINING_PHASES: tuple[Phase, ...] = tuple(phase for phase in get_args(Phase) if phase != "evaluate")
"""Phases whose programs may be trained on."""

_RIGHT, _ANSWERED, _ENDED_EARLY, _NO_PROGRAM = range(4)
_RANKS = {
    "correct": _RIGHT, "wrong": _ANSWERED, "lucky": _ANSWERED, "syntax_error": _NO_PROGRAM, "rejected": _NO_PROGRAM,
}  # fmt: skip
"""How far from right a program is, by outcome. With all others it ended early."""


@dataclass(frozen=True)
class ExportArgs:
    """Write a run's experience as JSON Lines, for other trainers or to look at."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Folder of the training run."""
    out: Path
    """File to write."""
    format: Literal["sft", "preference", "jsonl"] = "sft"
    """sft: programs that earned their reward; preference: pairs of a right and a wrong program; jsonl: all rows as they are."""
    prompt: PromptStyle = "short"
    """How the prompts of sft and preference are written, see `--prompt` of the learners."""
    pairs: int = 4
    """Most pairs per query, for preference."""


def run(args: ExportArgs) -> None:
    """Write the file and say what is in it.

    Raises:
        UsageError: If there is no run, or nothing in it to export.
        DatasetError: If the prompts' data is no longer there.
    """
    count = export(args)
    noun = {"sft": "programs", "preference": "pairs", "jsonl": "rows"}[args.format]
    Console().print(f"{count} {noun}: {args.out}", soft_wrap=True, highlight=False)


def export(args: ExportArgs) -> int:
    """Write the file.

    Returns:
        Number of lines.

    Raises:
        UsageError: If there is no run, or nothing in it to export.
        DatasetError: If the prompts' data is no longer there.
    """
    if args.pairs < 1:
        raise UsageError(f"Expected --pairs of at least 1, got {args.pairs}.")
    experience = open_experience(args.run_dir)
    records: Sequence[dict[str, Any]]
    if args.format == "jsonl":
        records = [asdict(row) for row in experience.rows()]
    else:
        env = open_training_env(args.run_dir)
        instructions, image_names = env.task.instructions, env.dataset.image_names

        def prompt(query: str) -> str:
            return write_prompt(Prompt("", query, instructions, image_names), args.prompt)

        rows = experience.rows(phases=TRAINING_PHASES)
        records = list(sft_records(rows, prompt) if args.format == "sft" else preference_records(rows, prompt, args.pairs))
    if not records:
        expected = {
            "sft": "programs of training that earned their reward",
            "preference": "queries of training with a program that earned its reward and one that did not",
            "jsonl": "rows",
        }[args.format]
        raise UsageError(f"The experience in {args.run_dir} holds no {expected}. Train longer, or export another format.")
    # ASCII: lone surrogates, which UTF-8 cannot hold, are escapes.
    write_whole(args.out, "".join(f"{json.dumps(record)}\n" for record in records).encode("ascii"))
    return len(records)


def sft_records(rows: Iterable[Row], prompt: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """Programs that earned their reward wherever they were tried for a query, each once.

    Args:
        rows: Experience. Rows of held-out evaluation are passed over.
        prompt: Writes the prompt for a query.
    """
    for query, programs in _by_query(rows).items():
        for text, rank in programs.items():
            if rank == _RIGHT:
                yield {"prompt": prompt(query), "completion": text}


def preference_records(rows: Iterable[Row], prompt: Callable[[str], str], most: int) -> Iterator[dict[str, str]]:
    """Pairs of programs for the same query: one that earned its reward wherever it was tried, one that did not.

    The rejected program is another one in each pair. Those that answered come first, then those that ended early, then those that
    are no programs of the language: what is nearly right teaches most.

    Args:
        rows: Experience. Rows of held-out evaluation are passed over.
        prompt: Writes the prompt for a query.
        most: Pairs per query, at most.
    """
    for query, programs in _by_query(rows).items():
        chosen = [text for text, rank in programs.items() if rank == _RIGHT]
        rejected = sorted((text for text, rank in programs.items() if rank != _RIGHT), key=programs.__getitem__)
        if chosen:
            for number, text in enumerate(rejected[:most]):
                yield {"prompt": prompt(query), "chosen": chosen[number % len(chosen)], "rejected": text}


def _by_query(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """For each query, the programs that were tried in training and how far each is from right, in the order of first trials.

    A program that earned the reward on one scene and not on another was lucky.
    """
    queries: dict[str, dict[str, int]] = {}
    for row in rows:
        if row.phase not in TRAINING_PHASES or row.program is None or not _is_encodable(row.query + row.program):
            continue
        outcome = "lucky" if row.outcome == "correct" and row.semantic is False else row.outcome
        rank = _RANKS.get(outcome, _ENDED_EARLY)
        programs = queries.setdefault(row.query, {})
        known = programs.setdefault(row.program, rank)
        if known != rank:
            programs[row.program] = _ANSWERED if _RIGHT in (known, rank) else min(known, rank)
    return queries


def _is_encodable(text: str) -> bool:
    """Whether other trainers can read a text: no tokenizer takes lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
