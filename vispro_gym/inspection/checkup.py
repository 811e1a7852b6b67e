"""Whether the data of the environments is in order: where it is, what is in it, and whether an episode can be played."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from vispro_gym.datasets import DATASETS, Dataset, DatasetError, MissingDataError
from vispro_gym.datasets.errors import logger
from vispro_gym.datasets.location import Location, locate
from vispro_gym.datasets.official import COUNTS, difference, official_files
from vispro_gym.inspection.opening import open_env
from vispro_gym.programs.experts import UntranslatableError, translate
from vispro_gym.registration import EnvironmentRow

_LOOKED_AT = 200  # samples of a split, or fewer
_TRIVIAL = "def execute_command(*images):\n    return 'yes'\n"


@dataclass(frozen=True)
class Split:
    """One split of a dataset.

    Attributes:
        name: Its name.
        samples: Number of samples; None if it is not there.
        official: Number of samples in the official release; None if that is not known.
    """

    name: str
    samples: int | None
    official: int | None


@dataclass(frozen=True)
class Episode:
    """An episode that was played.

    Attributes:
        split: Split of the sample.
        sample_id: The sample.
        program: "expert", or "trivial" where there is no expert.
        outcome: What became of the program.
        reward: What it earned.
    """

    split: str
    sample_id: str
    program: str
    outcome: str
    reward: float


@dataclass
class Checkup:
    """What was found out about an environment.

    Attributes:
        env: Environment id.
        data: "mini", "official" (a folder that was named), or "missing".
        root: The folder.
        splits: Those that the official release has annotations for.
        files: Files of the official release that were compared, by path: whether they are as published.
        episode: What became of an episode; None if none could be played.
        problems: What is wrong, one line each.
        notes: What may be wrong.
    """

    env: str
    data: str = "missing"
    root: str | None = None
    splits: list[Split] = field(default_factory=list)
    files: dict[str, bool] = field(default_factory=dict)
    episode: Episode | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def doctor(rows: Sequence[EnvironmentRow], data_only: bool, checksums: bool, as_json: bool) -> int:
    """Prints how well this machine confines programs, and whether the data of some environments is in order.

    Args:
        rows: The environments.
        data_only: Whether to leave out the confinement.
        checksums: See `check`.
        as_json: Whether to print one line of JSON instead of tables.

    Returns:
        0 if programs are confined in full and nothing is wrong with the data; 1 if not; 2 if the confinement cannot be examined.
    """
    status, examination = 0, None
    if not data_only:
        from vispro_gym.interpreter import doctor as confinement  # needs what Windows does not have

        try:
            if as_json:
                examination = confinement.examine()
                status = int(bool(examination.problems))
            else:
                status = confinement.doctor()
        except confinement.DoctorError as error:
            print(f"vispro-gym: {error}", file=sys.stderr)
            return 2
    checkups = check_all(rows, checksums)
    status = max(status, int(any(found.problems for found in checkups)))
    if as_json:
        confined = examination and asdict(examination) | {"problems": examination.problems}
        environments = [asdict(found) for found in checkups]
        print(json.dumps({"ok": not status, "confinement": confined, "environments": environments}))
    else:
        print_checkups(checkups)
    return status


def check(row: EnvironmentRow, checksums: bool = False) -> Checkup:
    """Looks at the data of one environment and plays an episode. Whatever goes wrong is a problem that the result names.

    Args:
        row: The environment.
        checksums: Whether to read official files as a whole to compare their checksums, rather than their sizes only.
    """
    found = Checkup(row.env_id)
    try:
        location = locate(row.dataset)
        found.root = str(location.root)
        found.data = "mini" if location.is_mini else "official"
        _look_at_splits(found, row, location)
        if not location.is_mini:
            _look_at_files(found, row, location, checksums)
        _play(found)
    except Exception as error:
        found.problems.append(_line(error))
    return found


def _look_at_splits(found: Checkup, row: EnvironmentRow, location: Location) -> None:
    counts = COUNTS.get(row.dataset, {})
    missing: list[str] = []
    for name in row.splits:
        samples: int | None = None
        official = counts.get(name)
        try:
            samples = len(DATASETS[row.dataset](location, name, "optional"))
            _look_at_samples(found, DATASETS[row.dataset](location, name))
        except Exception as error:
            # mini data has two splits at least, and the others may be files without samples
            if isinstance(error, MissingDataError) or (location.is_mini and name not in row.splits[:2]):
                missing.append(_line(error))
            else:
                found.problems.append(_line(error))
        found.splits.append(Split(name, samples, official))
        if samples is not None and official not in (None, samples) and not location.is_mini:
            found.notes.append(f"{row.dataset} {name} has {samples:,} samples. The official release has {official:,}.")
    if len(missing) == len(row.splits):
        found.problems.append(missing[0])


def _look_at_samples(found: Checkup, dataset: Dataset) -> None:
    """Reads some samples of a split, evenly spread, and looks whether their pictures are there."""
    positions = range(0, len(dataset), max(1, len(dataset) // _LOOKED_AT))
    errors: list[Exception] = []
    for position in positions:
        try:
            _ = [image.size for image in dataset[position].images]
        except Exception as error:
            errors.append(error)
    if not errors:
        return
    said = f"{len(errors)} of {len(positions)} samples of {dataset.split} that were looked at cannot be used: {_line(errors[0])}"
    # a split whose pictures are all missing was not fetched; it is no damage
    fetched = len(errors) < len(positions) or not all(isinstance(error, MissingDataError) for error in errors)
    (found.problems if fetched else found.notes).append(said)


def _look_at_files(found: Checkup, row: EnvironmentRow, location: Location, checksums: bool) -> None:
    for path, file in official_files(row.dataset, location.root):
        problem = difference(path, file, checksums)
        found.files[str(path)] = problem is None
        if problem is not None:
            found.problems.append(problem)


def _play(found: Checkup) -> None:
    """Plays an episode on the first split on which one can be played; not every split has annotated pictures."""
    failures = []
    for split in found.splits:
        if split.samples is None:
            continue
        try:
            found.episode = _episode(found.env, split.name)
            break
        except DatasetError as error:
            failures.append(_line(error))
    else:
        found.problems += failures[:1]
        return
    outcome = found.episode.outcome
    if outcome not in ("correct", "wrong"):
        found.problems.append(f"A program of one line ended with {outcome}. Expected an answer, right or wrong.")
    elif found.data == "mini" and found.episode.program == "expert" and not found.episode.reward:
        found.problems.append(f"The expert's program for {found.episode.sample_id} is wrong. Expected a right one on mini data.")


def _episode(env_id: str, split: str) -> Episode:
    env = open_env(env_id, split=split)
    try:
        _, info = env.reset(seed=0)
        sample = env.dataset[env.dataset.position(info["sample_id"])]
        try:
            program, kind = translate(sample), "expert"
        except UntranslatableError:
            program, kind = _TRIVIAL, "trivial"
        _, reward, _, _, info = env.step(program)
        return Episode(split, sample.sample_id, kind, info["outcome"], reward)
    finally:
        env.close()


def _line(error: Exception) -> str:
    """An error in one line. Other errors than those of the data are told with their type: they are not expected."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DatasetError) else f"{type(error).__name__}: {text}"


def check_all(rows: Sequence[EnvironmentRow], checksums: bool = False) -> list[Checkup]:
    """Looks at several environments, and shows on stderr which one it is at."""
    found = []
    with _quiet(), Console(stderr=True).status("") as status:
        for row in rows:
            status.update(f"looking at {row.env_id} ...")
            found.append(check(row, checksums))
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out notices, such as that mini data is used: the table says so."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def print_checkups(checkups: Sequence[Checkup]) -> None:
    """Prints a table, and a line for whatever is wrong."""
    console = Console()
    table = Table(title="Data of the environments", title_justify="left")
    table.add_column("environment, data, episode")
    table.add_column("split", no_wrap=True)
    table.add_column("samples", justify="right", no_wrap=True)
    table.add_column("official", justify="right", no_wrap=True)
    for found in checkups:
        episode = f"{found.episode.program}: {found.episode.outcome}" if found.episode else "no episode"
        table.add_row(
            f"{found.env}\n{found.data}, {episode}",
            "\n".join(split.name for split in found.splits),
            "\n".join("-" if split.samples is None else f"{split.samples:,}" for split in found.splits),
            "\n".join("?" if split.official is None else f"{split.official:,}" for split in found.splits),
            style="red" if found.problems else None,
        )
    console.print(table)
    for found in checkups:
        if found.data == "official":
            files = f", {sum(found.files.values())} of {len(found.files)} known files as published" if found.files else ""
            console.print(f"{found.env}: {found.root}{files}", markup=False, soft_wrap=True, highlight=False)
    for style, name in (("yellow", "notes"), ("red", "problems")):
        said: dict[str, list[str]] = {}  # what is wrong with the machine is wrong with all of them
        for found in checkups:
            for line in getattr(found, name):
                said.setdefault(line, []).append(found.env)
        for line, environments in said.items():
            console.print(f"{', '.join(environments)}: {line}", style=style, markup=False, soft_wrap=True, highlight=False)
    if not any(found.problems for found in checkups):
        console.print("Every environment can be played.", style="green")
