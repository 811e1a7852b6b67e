"""The command `vispro-gym`."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from vispro_gym.datasets import DatasetError
from vispro_gym.datasets.mini import GENERATORS, write_mini
from vispro_gym.inspection.attribution import attribute_env
from vispro_gym.inspection.audit import audit_env
from vispro_gym.inspection.checkup import doctor
from vispro_gym.inspection.opening import InspectionError, find_row
from vispro_gym.perception import BackendError
from vispro_gym.perception.cache import default_folder
from vispro_gym.perception.store import Store
from vispro_gym.programs.prompt import build_prompt
from vispro_gym.registration import CARDS, ENVIRONMENTS, REPAIR_ATTEMPTS, TASK_REWARDS


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
        example = ENVIRONMENTS[0].repair_id
        Console().print(f"Each also with {REPAIR_ATTEMPTS} attempts and feedback: {example} and so on.", highlight=False)
        table = Table(show_lines=True)
        table.add_column("task reward", no_wrap=True)
        table.add_column("what it asks, what it rewards")
        for task in TASK_REWARDS:
            table.add_row(task.env_id, f"{task.summary}\n[dim]{task.reward}")
        Console().print(table)
        table = Table(show_lines=True)
        table.add_column("cards", no_wrap=True)
        table.add_column("what it asks, what it rewards")
        for cards in CARDS:
            table.add_row(cards.env_id, f"{cards.summary}\n[dim]{cards.reward}")
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


@dataclass
class Attribute:
    """Tell whose fault failures are: run the same programs under two perceptions and compare what becomes of them.

    A program that fails under the reference is wrong; one that only fails under the other perception was failed by perception;
    one that only succeeds there was lucky.
    """

    env: tyro.conf.Positional[str]
    """Environment id, for example VisProg-GQA-v0."""
    programs: Path
    """File of programs: a training run (`vispro-agents export RUN --format jsonl`), any JSON Lines with sample_id and
    program in each row, or a .json file with one object of program texts by sample id."""
    perception: str = "pixels"
    """The perception in question, for example 'transformers(device="cuda")'."""
    reference: str = "oracle"
    """The perception that is taken to be right."""
    split: str | None = None
    """Split; without it the second one of the dataset, mostly the one for validation. Rows that name another are left out."""
    form: str | None = None
    """Form in which the dataset is asked; without it its first."""
    data_dir: Path | None = None
    """Root folder of the dataset; without it as the environment finds it."""
    limit: int | None = None
    """Run only so many programs, the first of the file."""
    out: Path | None = None
    """Where to write one line of JSON per program, with the first call that was answered differently."""
    json: bool = False
    """Print one line of JSON instead of tables."""

    def run(self) -> int:
        """Prints tables; returns 0."""
        if self.limit is not None and self.limit < 1:
            raise InspectionError(f"--limit {self.limit} is too few. Expected at least 1.")
        attribute_env(
            self.env,
            self.programs,
            self.perception,
            self.reference,
            self.split,
            self.form,
            self.data_dir,
            self.limit,
            self.out,
            self.json,
        )
        return 0


@dataclass
class Run:
    """Run one program in an environment and show what it did: perception calls, values of variables, answer, reward."""

    env: tyro.conf.Positional[str]
    """Environment id, for example VisProg-GQA-v0."""
    program: Path
    """File of the program, or of a reply that holds one; - for the standard input."""
    html: Path | None = None
    """Page to write: one file that needs no other. With several episodes, the folder of their pages."""
    save: Path | None = None
    """File to keep the episodes in, pictures included, for `vispro-gym replay`."""
    sample_id: tuple[str, ...] = ()
    """Samples to run it on; without them those that the seed draws."""
    episodes: int = 1
    """Number of samples to draw."""
    seed: int = 0
    """Seed of the choice of samples and of the order of options; the next episode has the next number."""
    split: str | None = None
    """Split; without it the second one of the dataset, mostly the one for validation."""
    form: str | None = None
    """Form in which the dataset is asked; without it its first."""
    data_dir: Path | None = None
    """Root folder of the dataset; without it as the environment finds it."""
    perception: str = "oracle"
    """What the program sees through, for example 'transformers(device="cuda")'."""

    def run(self) -> int:
        """Prints episodes and writes pages; returns 0."""
        from vispro_gym.inspection.running import run_env

        return run_env(
            self.env,
            self.program,
            self.split,
            self.form,
            self.data_dir,
            self.perception,
            self.sample_id,
            self.episodes,
            self.seed,
            self.html,
            self.save,
        )


@dataclass
class Play:
    """Write programs by hand and see what becomes of them: a question, its picture, and what each line of your program did.

    Where the standard input is no terminal, all of it is one program, which is tried once.
    """

    env: tyro.conf.Positional[str]
    """Environment id, for example VisProg-GQA-v0."""
    split: str | None = None
    """Split; without it the second one of the dataset, mostly the one for validation."""
    form: str | None = None
    """Form in which the dataset is asked; without it its first."""
    data_dir: Path | None = None
    """Root folder of the dataset; without it as the environment finds it."""
    perception: str = "oracle"
    """What programs see through, for example 'transformers(device="cuda")'."""
    sample_id: str | None = None
    """The first question; without it the one that the seed draws."""
    seed: int = 0
    """Seed of the first question. Each further question has the next one."""

    def run(self) -> int:
        """Plays until the person leaves; returns 0."""
        from vispro_gym.inspection.play import play_env

        return play_env(self.env, self.split, self.form, self.data_dir, self.perception, self.sample_id, self.seed)


@dataclass
class Replay:
    """Show episodes that `run --save` kept, and run their programs again with what perception said then.

    Needs neither data nor models. Pages are the same to the byte.
    """

    file: tyro.conf.Positional[Path]
    """The file."""
    html: Path | None = None
    """Page to write, or the folder of the pages of several episodes."""

    def run(self) -> int:
        """Prints episodes and writes pages; returns 0 if all programs go as they went."""
        from vispro_gym.inspection.running import replay_file

        return replay_file(self.file, self.html)


@dataclass
class Cache:
    """Look at the cache of perception, or empty it."""

    action: tyro.conf.Positional[Literal["stats", "clear"]]
    """stats: tell what is in it, by operation and backend. clear: drop everything."""
    folder: Path | None = None
    """Folder of the cache; without it the default one, which VISPRO_CACHE moves."""
    json: bool = False
    """Print one line of JSON instead of a table."""

    def run(self) -> int:
        """Prints what is in the cache, or what was dropped; returns 0."""
        store = Store(self.folder or default_folder(), 0)
        kinds, size = (store.kinds(), store.size()) if store.exists() else ([], 0)
        results = sum(kind.results for kind in kinds)
        if self.action == "clear" and store.exists() and not store.clear():
            raise InspectionError(f"The cache in {store.folder} could not be emptied. Is another process using it? Try again.")
        if self.json:
            print(
                json.dumps({"folder": str(store.folder), "results": results, "bytes": size, "kinds": [asdict(k) for k in kinds]})
            )
        elif not store.exists():
            print(f"There is no cache in {store.folder}.")
        elif self.action == "clear":
            print(f"Dropped {results:,} results from {store.folder}.")
        else:
            table = Table("operation", Column("backend", overflow="fold"), Column("results", justify="right"))
            for kind in kinds:
                table.add_row(kind.operation, escape(kind.backend), f"{kind.results:,}")
            if kinds:
                Console().print(table)
            print(f"{results:,} results, {size / 2**20:.1f} MiB in {store.folder}.")
        store.close()
        return 0


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Mini, tyro.conf.subcommand("mini")]
    | Annotated[Prompt, tyro.conf.subcommand("prompt")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Audit, tyro.conf.subcommand("audit")]
    | Annotated[Attribute, tyro.conf.subcommand("attribute")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Play, tyro.conf.subcommand("play")]
    | Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Cache, tyro.conf.subcommand("cache")]
)


def main(args: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit status: 0; 1 if `doctor`, `audit` or `replay` is not content; 2 after an error of the user's, one line on stderr.
    """
    command: List | Mini | Prompt | Doctor | Audit | Attribute | Run | Play | Replay | Cache = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="vispro-gym",
        description=__doc__,
        args=args,
        config=(tyro.conf.FlagCreatePairsOff,),  # a flag is off by default; --no-json would be a second form of nothing
    )
    for stream in (sys.stdout, sys.stderr):  # whatever a query holds, a terminal of any encoding shows something of it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return command.run()
    except (DatasetError, InspectionError, BackendError, OSError) as error:
        print(f"vispro-gym: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
