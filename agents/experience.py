"""What was tried, on disk: one row for every program that a learner had written and the environment scored.

A run's experience is a folder of Parquet files, one per chunk. A chunk is a unit of work of a learner, one batch of tried
programs, say; its key, a text like "0003-grow-0012", is the name of its file. Chunks are only ever added, each in one step and
synced, so a killed process loses at most the chunk that it was working on. To resume, a learner asks whether a chunk is there,
and reads its rows instead of trying the programs again.

One schema serves all learners. Any tool that reads a folder of Parquet files can query it:

    pandas.read_parquet("RUN/experience")
    duckdb.sql("select iteration, avg(reward) from 'RUN/experience/*.parquet' where phase = 'grow' group by iteration")

UTF-8 cannot hold lone surrogates, which a policy may write. In the files, each is the noncharacter U+FDD0 and its code in four
hexadecimal digits; so is U+FDD0 itself. All other texts are as they were.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vispro_agents.errors import UsageError
from vispro_agents.files import SCRATCH_SUFFIX, write_whole

if TYPE_CHECKING:
    import pyarrow as pa

Phase = Literal["demonstration", "grow", "rollout", "correction", "evaluate"]

FOLDER = "experience"
"""Name of the folder inside that of a run."""

_SUFFIX = ".parquet"
_KEY = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_VERSION = {b"vispro_agents.experience": b"1"}


@dataclass(frozen=True, slots=True)
class Row:
    """One tried program. In a run of `task_reward`, one answer to a picture, with tokens; in one of `vlm_ppo`, one reply.

    Attributes:
        phase: What it was tried for: a demonstration of the expert, the Grow step, an on-policy step, a hand-written
            correction, or held-out evaluation. All but the last may be trained on.
        iteration: Iteration of self-training, counted from 1; 0 is what comes before the first.
        split: Split of the dataset that the sample is from.
        sample_id: The sample; of a game, the number of the episode, in a rollout among those side by side.
        draw: Number of the program among those written for this sample in this phase, from 0.
        policy: Name of the saved policy that wrote it, "expert", or "correction".
        seed: Seed of the run.
        query: The text query.
        reply: What the policy wrote.
        program: The program found in the reply; None if there is none.
        outcome: How it ended, one of `vispro_gym.engine.OUTCOMES`; "scored" for an answer to a picture; for a turn of a game,
            whether the reply named an action, "legal" or "illegal".
        reward: 0.0 or 1.0; any number for an answer to a picture or a turn of a game.
        step: Optimizer step of a learner on policy, counted from 1; in a run of `vlm_ppo`, from 0, step of the evaluated episode,
            or of the rollout, in which episodes follow each other; 0 for all others.
        question_type: Type of the question; "" if it is unknown.
        answer: What the program answered, as text; None if it gave no answer.
        error: Why it gave none, as in "RuntimeError, line 3: ..."; None if it gave one.
        semantic: Whether it is right on counterfactual scenes, too; None if that was not checked.
        style: Style of the prompt that the policy read; "" if it is no language model.
        token_ids: Tokens of the reply; empty where they are not known. int32.
        log_probs: Natural logarithm of each token's probability when it was drawn. Rounded to float32, as on disk, so that a row
            is the same before and after.
    """

    phase: Phase
    iteration: int
    split: str
    sample_id: str
    draw: int
    policy: str
    seed: int
    query: str
    reply: str
    program: str | None
    outcome: str
    reward: float
    step: int = 0
    question_type: str = ""
    answer: str | None = None
    error: str | None = None
    semantic: bool | None = None
    style: str = ""
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_probs", tuple(array("f", self.log_probs)))


class Experience:
    """The rows of one run. One process writes; any number may read.

    Args:
        folder: The folder, mostly `RUN/experience`. It need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keys(self) -> list[str]:
        """Keys of all chunks, sorted."""
        return sorted(path.stem for path in self.folder.glob(f"*{_SUFFIX}") if _KEY.fullmatch(path.stem))

    def has(self, key: str) -> bool:
        """Whether there is a chunk of that key."""
        return self._path(key).exists()

    def write(self, key: str, rows: Sequence[Row]) -> None:
        """Add a chunk and return once it is on disk.

        Args:
            key: Letters and digits in words that dashes join. Chunks are read in the order of their keys.
            rows: The rows; there may be none.

        Raises:
            ValueError: If the chunk is there already, or the key is malformed.
        """
        import pyarrow.parquet as pq

        path = self._path(key)
        if path.exists():
            raise ValueError(f"{path} is there already, and chunks are never overwritten. Expected a new key.")
        for leftover in self.folder.glob(f".*{SCRATCH_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        buffer = BytesIO()
        pq.write_table(_to_table(rows), buffer, compression="zstd", write_page_checksum=True)
        write_whole(path, buffer.getvalue())

    def read(self, key: str) -> list[Row]:
        """The rows of one chunk, in the order in which they were written.

        Raises:
            UsageError: If the file is damaged or of another version.
            FileNotFoundError: If there is no such chunk.
        """
        return _to_rows(_read_table(self._path(key)))

    def rows(self, *, phases: Collection[Phase] | None = None, max_iteration: int | None = None) -> Iterator[Row]:
        """All rows in order: by key of the chunk, then as written.

        Args:
            phases: Phases to read; None for all.
            max_iteration: The last iteration to read; None for all.

        Raises:
            UsageError: If a file is damaged or of another version.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        for key in self.keys():
            table = _read_table(self._path(key))
            if phases is not None:
                table = table.filter(pc.is_in(table["phase"], pa.array(phases, pa.string())))
            if max_iteration is not None:
                table = table.filter(pc.less_equal(table["iteration"], max_iteration))
            yield from _to_rows(table)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows as one table, in the order of `rows`, for questions that are asked of columns.

        Args:
            columns: Columns to read; None for all. Texts are as in the files, see above.

        Raises:
            UsageError: If a file is damaged or of another version.
        """
        import pyarrow as pa

        tables = [_read_table(self._path(key)) for key in self.keys()]
        table = pa.concat_tables([schema().empty_table(), *tables])
        return table if columns is None else table.select(list(columns))

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"Expected a key of letters and digits in words that dashes join, got {key!r}.")
        return self.folder / f"{key}{_SUFFIX}"


@cache
def schema() -> pa.Schema:
    """Schema of the files: a column per field of `Row`, and the version as metadata."""
    import pyarrow as pa

    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "str": pa.string(),
        "Phase": pa.string(),
        "tuple[int, ...]": pa.list_(pa.int32()),
        "tuple[float, ...]": pa.list_(pa.float32()),
    }
    columns = []
    for field in fields(Row):
        name, _, none = str(field.type).partition(" | ")
        columns.append(pa.field(field.name, types[name], nullable=bool(none)))
    return pa.schema(columns, metadata=_VERSION)


_TEXTS = frozenset(field.name for field in fields(Row) if str(field.type).partition(" | ")[0] in ("str", "Phase"))
_TUPLES = frozenset(field.name for field in fields(Row) if str(field.type).startswith("tuple"))


def _to_table(rows: Sequence[Row]) -> pa.Table:
    import pyarrow as pa

    columns = {}
    for column in schema():
        values = [getattr(row, column.name) for row in rows]
        columns[column.name] = [None if text is None else _escape(text) for text in values] if column.name in _TEXTS else values
    return pa.table(columns, schema=schema())


def _to_rows(table: pa.Table) -> list[Row]:
    columns = []
    for name in table.column_names:
        values = table.column(name).to_pylist()
        if name in _TEXTS:
            values = [None if text is None else _unescape(text) for text in values]
        elif name in _TUPLES:
            values = list(map(tuple, values))
        columns.append(values)
    return [Row(*values) for values in zip(*columns, strict=True)]


def _read_table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = path.read_bytes()
    try:
        reader = pq.ParquetFile(BytesIO(data), page_checksum_verification=True)
        file = reader.metadata
        found = file.schema.to_arrow_schema()
        if (found.metadata or {}).items() >= _VERSION.items():
            # Pages have checksums, what is written about them has none.
            if not found.equals(schema()) or file.num_rows != sum(file.row_group(i).num_rows for i in range(file.num_row_groups)):
                raise ValueError("its description of itself is not consistent")
            # Not `pq.read_table`, whose threads tidy up after it has returned: where the process ends meanwhile, it aborts.
            return reader.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise UsageError(f"{path} is damaged ({cause:.200}). Restore it from a copy, or begin in another folder.") from error
    raise UsageError(f"{path} is no experience of this version of vispro_agents. Choose another folder for the run.")


_ESCAPE = "\ufdd0"
_TO_ESCAPE = re.compile(f"[\ud800-\udfff{_ESCAPE}]")
_ESCAPED = re.compile(f"{_ESCAPE}([0-9a-f]{{4}})")


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: f"{_ESCAPE}{ord(match[0]):04x}", text)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
