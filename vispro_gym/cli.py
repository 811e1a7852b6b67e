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
from vispro_gym.programs.prompt import build_prompt
from vispro_gym.registration import ENVIRONMENTS


@dataclass
class List:
    """List the registered environments."""

    def run(self) -> int:
        """Prints a table."""
        table = Table("environment", "task", "splits with annotations", "what it asks")
        for row in ENVIRONMENTS:
            table.add_row(row.env_id, row.family, ", ".join(row.splits), row.summary)
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
    """Tell how well this machine confines the programs that it runs."""

    def run(self) -> int:
        """Prints what was found; returns 0 if programs are confined in full."""
        from vispro_gym.interpreter.doctor import DoctorError, doctor  # needs what Windows does not have

        try:
            return doctor()
        except DoctorError as error:
            print(f"vispro-gym: {error}", file=sys.stderr)
            return 2


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Mini, tyro.conf.subcommand("mini")]
    | Annotated[Prompt, tyro.conf.subcommand("prompt")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def main(args: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0; 1 if `doctor` is not content; 2 after an error of the user's, which is one line on stderr.
    """
    command: List | Mini | Prompt | Doctor = tyro.cli(Command, prog="vispro-gym", description=__doc__, args=args)  # type: ignore[arg-type]
    try:
        return command.run()
    except (DatasetError, OSError) as error:
        print(f"vispro-gym: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
