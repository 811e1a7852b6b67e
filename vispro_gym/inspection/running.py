"""Running one program on samples of an environment, and showing what it did: now, or later from a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from vispro_gym.engine import Job
from vispro_gym.inspection.opening import InspectionError, find_row, open_env
from vispro_gym.rendering.page import render_page
from vispro_gym.rendering.rationale import Rationale, RationaleError
from vispro_gym.rendering.replay import ReplayError, replay
from vispro_gym.rendering.text import describe


def run_env(
    env_id: str,
    program: Path,
    split: str | None,
    form: str | None,
    data_dir: Path | None,
    perception: str,
    sample_ids: Sequence[str],
    episodes: int,
    seed: int,
    html: Path | None,
    save: Path | None,
) -> int:
    """Runs a program on samples, prints what it did, and writes pages and a file to replay from.

    Args:
        env_id: Environment id.
        program: File of the program, or of a reply that holds one; "-" for the standard input.
        split: Split; None for the second one of the dataset, mostly the one for validation.
        form: Form in which the dataset is asked; None for its first.
        data_dir: Root folder of the dataset; None for where the environment finds it.
        perception: What the program sees through.
        sample_ids: The samples; none for those that seeds draw.
        episodes: Number of samples to draw, if none are named.
        seed: Seed of the first episode; that of each further one is the next number.
        html: Page to write; the folder of the pages if there are several episodes.
        save: File to write the episodes to, a line of JSON for each.

    Returns:
        The exit status, 0.

    Raises:
        InspectionError: If there is no such environment, option or file.
        DatasetError: If data is missing or damaged, or there is no such sample.
    """
    if episodes < 1:
        raise InspectionError(f"--episodes {episodes} is too few. Expected at least 1.")
    if seed < 0:
        raise InspectionError(f"--seed {seed} is no seed. Expected 0 or a positive number.")
    asked: Sequence[str | None] = sample_ids or [None] * episodes
    _check_targets(html, save, len(asked))  # before programs run, which may take hours
    split = split or find_row(env_id).evaluation_split
    reply = read_program(program)
    env = open_env(env_id, split=split, form=form, data_dir=data_dir, perception=perception)
    samples = [env.sample_of(sample_id, seed + i) for i, sample_id in enumerate(asked)]
    outcomes = env.engine.run([Job(reply, sample) for sample in samples])
    rationales = [
        Rationale.of(sample, outcome, reply=reply, env=env_id, split=split)
        for sample, outcome in zip(samples, outcomes, strict=True)
    ]
    show(rationales, html)
    if save is not None:
        save.write_text("".join(f"{rationale.to_json()}\n" for rationale in rationales), encoding="utf-8")
    return 0


def replay_file(path: Path, html: Path | None) -> int:
    """Shows stored episodes, after having run their programs again with what perception said then.

    Args:
        path: File that `run_env` saved.
        html: As for `run_env`.

    Returns:
        The exit status: 0, or 1 if a program goes another way now.

    Raises:
        InspectionError: If the file holds something else.
    """
    try:
        rationales = [Rationale.from_json(line) for line in _read(path).split("\n") if line.strip()]
    except RationaleError as error:
        raise InspectionError(f"{path}: {error}") from error
    if not rationales:
        raise InspectionError(f"{path} is empty. Expected a file that `vispro-gym run --save` wrote.")
    _check_targets(html, None, len(rationales))
    show(rationales, html)
    status = 0
    for rationale in rationales:
        try:
            replay(rationale)
        except ReplayError as error:
            print(f"vispro-gym: {error}", file=sys.stderr)
            status = 1
    return status


def show(rationales: Sequence[Rationale], html: Path | None) -> None:
    """Prints episodes, and writes their pages."""
    console = Console()
    console.print("\n\n".join(map(describe, rationales)), markup=False, highlight=False, soft_wrap=True)
    if html is None:
        return
    if len(rationales) == 1:
        pages = [html]
    else:
        pages = [html / f"episode-{i + 1:0{len(str(len(rationales)))}}.html" for i in range(len(rationales))]
    for page, rationale in zip(pages, rationales, strict=True):
        page.write_text(render_page(rationale), encoding="utf-8")
    console.print(f"\nWrote {html}.", markup=False, highlight=False, soft_wrap=True)


def read_program(path: Path) -> str:
    """A program or a reply from a file, or from the standard input if the path is "-".

    Raises:
        InspectionError: If it is no text in UTF-8.
    """
    if str(path) != "-":
        return _read(path)
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InspectionError(f"the program on the standard input is no text ({error}). Expected UTF-8.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InspectionError(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}).") from error


def _check_targets(html: Path | None, save: Path | None, episodes: int) -> None:
    """Sees to it that what will be written can be.

    Raises:
        InspectionError: If a path is a folder where a file is meant, or the other way round.
        OSError: If a folder cannot be made, or a file not be written.
    """
    if html is not None and episodes > 1:
        if html.exists() and not html.is_dir():
            raise InspectionError(f"--html {html} is a file, and there are {episodes} episodes. Name a folder for their pages.")
        html.mkdir(parents=True, exist_ok=True)
        html = None
    for option, path in (("--html", html), ("--save", save)):
        if path is not None:
            if path.is_dir():
                raise InspectionError(f"{option} {path} is a folder. Name a file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("a").close()
