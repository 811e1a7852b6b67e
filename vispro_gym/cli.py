"""The command `vispro-gym`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from vispro_gym.datasets import DatasetError
from vispro_gym.datasets.mini import GENERATORS, write_mini
from vispro_gym.inspection.audit import audit_env
from vispro_gym.inspection.checkup import doctor
from vispro_gym.inspection.opening import InspectionError, find_row
from vispro_gym.programs.prompt import build_prompt
from vispro_gym.registration import ENVIRONMENTS


@dataclass
class List:
    """List the registered environments."""

    def run(self) -> int:
        """Prints a table."""
        table = Table(show_lines=True)
        table.add_column("environment, task", no_wrap=True)
        table.add_column("what it asks, splits with annotations")
        for row in ENVIRONMENTS:
            table.add_row(f"{row.env_id}\n{row.family}", f"{row.summary}\n[dim]{', '.join(row.splits)}")
        Console().print(table)
        return 0


@dataclass
class Mini:
    """Write the generated mini data of a dataset into a folder, in the dataset's official layout."""

    name: tyro.conf.Positional[str]
    """Dataset name, for example GQA."""
    out: tyro.conf.Positional[Path]
    """Folder to write to; it must be empty or not exist."""

    def run(self) -> int:
        """Writes the data."""
        if self.name not in GENERATORS:
            raise DatasetError(f"There is no mini data for {self.name!r}. Expected one of: {', '.join(GENERATORS)}.")
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise DatasetError(f"{self.out} is not an empty folder. Name a folder that is empty or does not exist.")
        self.out.mkdir(parents=True, exist_ok=True)
        write_mini(self.name, self.out)
        print(f"Wrote the mini data of {self.name} to {self.out}.")
        return 0


@dataclass
class Prompt:
    """Print the prompt that describes the program language to a language model."""

    query: tyro.conf.Positional[str]
    """The query to write a program for."""

    def run(self) -> int:
        """Prints the prompt."""
        print(build_prompt(self.query), end="")
        return 0


@dataclass
class Doctor:
    """Tell how well this machine confines the programs that it runs, and whether the data of the environments is in order.

    Opens what is there, compares the numbers of samples and the files with what was published, and plays one episode of each
    environment. The first look at large data takes minutes, because it is indexed.
    """

    env: tuple[str, ...] = ()
    """Environment ids to look at; all, if none is named."""
    data_only: bool = False
    """Leave out the confinement of programs."""
    checksums: bool = False
    """Read official files as a whole to compare their checksums, rather than their sizes only."""
    json: bool = False
    """Print one line of JSON instead of tables."""

    def run(self) -> int:
        """Prints what was found; returns 0 if programs are confined in full and nothing is wrong with the data."""
        rows = [find_row(env_id) for env_id in self.env] or list(ENVIRONMENTS)
        return doctor(rows, self.data_only, self.checksums, self.json)


@dataclass
class Audit:
    """Tell what policies earn in an environment that do not solve its task: whether it can be gamed."""

    env: tyro.conf.Positional[str]
    """Environment id, for example VisProg-GQA-v0."""
    split: str | None = None
    """Split; without it the second one of the dataset, mostly the one for validation."""
    form: str | None = None
    """Form in which the dataset is asked; without it its first."""
    data_dir: Path | None = None
    """Root folder of the dataset; without it as the environment finds it. No pictures are needed."""
    episodes: int = 1_000
    """Samples that each policy is asked, at most the whole split."""
    seed: int = 0
    """Seed of the choice of samples, of the order of options, and of random programs."""
    json: bool = False
    """Print one line of JSON instead of a table."""

    def run(self) -> int:
        """Prints a table and a verdict; returns 0 if the environment is sound."""
        return audit_env(self.env, self.split, self.form, self.data_dir, self.episodes, self.seed, self.json)


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Mini, tyro.conf.subcommand("mini")]
    | Annotated[Prompt, tyro.conf.subcommand("prompt")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Audit, tyro.conf.subcommand("audit")]
)


def main(args: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0; 1 if `doctor` or `audit` is not content; 2 after an error of the user's, which is one line on stderr.
    """
    command: List | Mini | Prompt | Doctor | Audit = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="vispro-gym",
        description=__doc__,
        args=args,
        config=(tyro.conf.FlagCreatePairsOff,),  # a flag is off by default; --no-json would be a second form of nothing
    )
    try:
        return command.run()
    except (DatasetError, InspectionError, OSError) as error:
        print(f"vispro-gym: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
