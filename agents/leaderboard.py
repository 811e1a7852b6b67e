"""Policies on the same samples: who is best, by how much, and how to show it to people and programs.

Differences are told from the pairs: each resample of the bootstrap draws pictures, and takes the difference of both policies on
them. That is much sharper than whether two intervals overlap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vispro_agents.intervals import interval
from vispro_agents.measure import Evaluation, Measured, figures

_NONE = "–"
_MOST_TYPES = 24  # of a terminal; JSON and Markdown have all
_PASSES = {"reward": "pass", "semantic": "semantic pass"}
_FIGURES_IN_A_ROW = 3  # as many as 80 columns hold beside a policy and its reward


@dataclass(frozen=True)
class Comparison:
    """How far a policy is behind the best one.

    Attributes:
        policy: Its name.
        best: Name of the one with the highest reward.
        differences: Its figures less those of the best, of figures that both have.
        intervals: 95 % intervals `(low, high)` of these differences, from a paired bootstrap; empty with less than two pictures.
    """

    policy: str
    best: str
    differences: dict[str, float]
    intervals: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Leaderboard:
    """Policies on the same samples.

    Attributes:
        evaluations: The highest reward first; of equals, the highest semantic accuracy, then the one that was named first.
        comparisons: One for each but the first.
    """

    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Grid:
    """A table before it is known where it is shown.

    Attributes:
        title: What it shows.
        header: Names of the columns. The first one holds names, the others hold figures.
        sections: Groups of rows. A line break in a cell stands before an interval.
    """

    title: str
    header: tuple[str, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]


def rank(measured: Sequence[Measured]) -> Leaderboard:
    """Order policies by reward and compare each with the best.

    Args:
        measured: At least one, of the same positions and with the same seed.
    """
    ranked = sorted(measured, key=lambda item: (-item.evaluation.reward, -(item.evaluation.semantic or 0.0)))
    return Leaderboard(tuple(item.evaluation for item in ranked), tuple(compare(item, ranked[0]) for item in ranked[1:]))


def compare(one: Measured, other: Measured) -> Comparison:
    """Differences of two policies that were asked the same samples with the same seed: one's figures less the other's."""
    mine, theirs = figures(one.evaluation), figures(other.evaluation)
    return Comparison(
        policy=one.evaluation.policy,
        best=other.evaluation.policy,
        differences={name: mine[name] - theirs[name] for name in mine if name in theirs},
        intervals={
            name: interval(one.resampled[name] - other.resampled[name]) for name in one.resampled if name in other.resampled
        },
    )


def as_json(board: Leaderboard, *, as_list: bool) -> dict[str, Any]:
    """`{"policies": [...], "comparisons": [...]}`, the best first; or the fields of the only evaluation, without a list."""
    if not as_list:
        return asdict(board.evaluations[0])
    return {"policies": [asdict(item) for item in board.evaluations], "comparisons": [asdict(item) for item in board.comparisons]}


def terminal_tables(board: Leaderboard) -> Iterator[Table]:
    """One policy with everything about it; several with their rewards, semantic accuracies and pass@k."""
    if len(board.evaluations) == 1:
        (evaluation,) = board.evaluations
        yield _table(_summary(evaluation))
        if evaluation.by_type:
            yield _table(_shortened(_by_type(board), evaluation))
    else:
        yield _table(_ranking(board, differences=("reward",)))
        for figure in _PASSES:
            for names in _in_groups(_pass_names(board, figure), _FIGURES_IN_A_ROW):
                yield _table(_passes(board, figure, names))


def as_markdown(board: Leaderboard) -> str:
    """A page with everything but the official figures by group."""
    first = board.evaluations[0]
    grids = [replace(_ranking(board, differences=("reward", "semantic")), title="Reward")]
    grids += [_passes(board, figure, names) for figure in _PASSES if (names := _pass_names(board, figure))]
    grids.append(_by_policy(board, "Outcomes", "episodes", lambda item: {name: str(n) for name, n in item.outcomes.items()}))
    grids.append(_by_policy(board, "Official metric", "figure", _headlines))
    if first.by_type:
        grids.append(_by_type(board))
    about = f"{_episodes(first)}. {first.data.capitalize()} data, perception: {first.perception}."
    parts = [f"# {first.env}, {first.split}", about, *map(_markdown, grids), *notes(board, all_figures=True)]
    return "\n\n".join(parts) + "\n"


def notes(board: Leaderboard, all_figures: bool = False) -> list[str]:
    """What the tables cannot say: one sentence each.

    Args:
        board: The policies.
        all_figures: Whether the meaning of all figures is told, for a page that is read without the documentation.
    """
    first = board.evaluations[0]
    lines = []
    if all_figures and first.intervals:
        lines.append(
            "Intervals are those of a bootstrap (95 %, percentile) that draws pictures, not episodes, since questions about one "
            "picture are not independent. Differences are to the policy with the highest reward, and paired."
        )
    if all_figures and first.semantic is not None:
        lines.append(
            "Semantic accuracy is the share of programs that are right on their own picture and on counterfactual scenes."
        )
    if first.semantic_note not in ("", "not asked"):
        lines.append(f"No semantic accuracy: {first.semantic_note}")
    if first.semantic is not None and first.semantic_episodes < first.episodes:
        lines.append(f"Semantic figures are about the {first.semantic_episodes} samples that have counterfactual scenes.")
    return lines


def _summary(evaluation: Evaluation) -> Grid:
    def row(name: str, value: float, figure: str) -> tuple[str, str, str]:
        return name, f"{value:.4f}", _range(evaluation.intervals.get(figure))

    earned = [("episodes", str(evaluation.episodes), ""), row("mean reward", evaluation.reward, "reward")]
    if evaluation.semantic is not None:
        earned.append(row("semantic accuracy", evaluation.semantic, "semantic"))
    earned += [row(name, value, name) for name, value in evaluation.pass_at.items()]
    metric = [(f"metric: {name}", value, "") for name, value in _headlines(evaluation).items()]
    outcomes = [(name, str(count), "") for name, count in evaluation.outcomes.items()]
    sections = tuple(tuple(rows) for rows in (earned, outcomes, metric) if rows)
    return Grid(f"{evaluation.policy} on {evaluation.env}, {evaluation.split}", ("", "value", "95 % interval"), sections)


def _ranking(board: Leaderboard, differences: Sequence[str]) -> Grid:
    first = board.evaluations[0]
    has_semantic = any(item.semantic is not None for item in board.evaluations)
    compared = [name for name in differences if board.comparisons and (name == "reward" or has_semantic)]
    header = (
        "policy",
        "reward",
        *(["semantic"] if has_semantic else []),
        *(f"{name}: difference to the best" for name in compared),
    )
    behind = {comparison.policy: comparison for comparison in board.comparisons}
    rows = []
    for item in board.evaluations:
        cells = [item.policy, _cell(item.reward, item.intervals.get("reward"))]
        if has_semantic:
            cells.append(_cell(item.semantic, item.intervals.get("semantic")))
        comparison = behind.get(item.policy)
        for name in compared:
            cells.append(_cell(comparison.differences.get(name), comparison.intervals.get(name), "+") if comparison else "")
        rows.append(tuple(cells))
    return Grid(f"{first.env}, {first.split}, {_episodes(first)}", header, (tuple(rows),))


def _passes(board: Leaderboard, figure: str, names: Sequence[str]) -> Grid:
    """The figure of best guesses, and pass@k beside it."""
    rows = []
    for item in board.evaluations:
        known = figures(item)
        rows.append((item.policy, *(_cell(known.get(name), item.intervals.get(name)) for name in (figure, *names))))
    title = f"Programs drawn at random ({_PASSES[figure]}@k), beside best guesses"
    return Grid(title, ("policy", figure, *names), (tuple(rows),))


def _pass_names(board: Leaderboard, figure: str) -> list[str]:
    names = dict.fromkeys(name for item in board.evaluations for name in item.pass_at)
    return [name for name in names if name.startswith(f"{_PASSES[figure]}@")]


def _by_policy(board: Leaderboard, title: str, what: str, values: Callable[[Evaluation], dict[str, str]]) -> Grid:
    columns = [values(item) for item in board.evaluations]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = tuple((name, *(column.get(name, _NONE) for column in columns)) for name in names)
    return Grid(title, (what, *(item.policy for item in board.evaluations)), (rows,))


def _headlines(evaluation: Evaluation) -> dict[str, str]:
    """The official figures but those by group, of which there may be a hundred; they are in the JSON."""
    return {name: f"{value:.4g}" for name, value in evaluation.metric.items() if "/" not in name}


def _by_type(board: Leaderboard) -> Grid:
    """Types of the first policy: all were asked the same samples."""
    first = board.evaluations[0]
    one = len(board.evaluations) == 1
    header = [f"by {first.type_field}", "episodes"]
    for item in board.evaluations:
        header.append("reward" if one else f"{item.policy}, reward")
        if item.semantic is not None:
            header.append("semantic" if one else f"{item.policy}, semantic")
    rows = []
    for name, found in first.by_type.items():
        cells = [name, str(found.episodes)]
        for item in board.evaluations:
            cells.append(_cell(item.by_type[name].reward))
            if item.semantic is not None:
                cells.append(_cell(item.by_type[name].semantic))
        rows.append(tuple(cells))
    return Grid("Types of questions", tuple(header), (tuple(rows),))


def _shortened(grid: Grid, evaluation: Evaluation) -> Grid:
    """The types with the most episodes, if there are too many for a terminal."""
    (rows,) = grid.sections
    if len(rows) <= _MOST_TYPES:
        return grid
    most = sorted(evaluation.by_type, key=lambda name: -evaluation.by_type[name].episodes)[:_MOST_TYPES]
    title = f"{grid.title}: the {_MOST_TYPES} most frequent of {len(rows)} (all: --out FILE.md)"
    return Grid(title, grid.header, (tuple(row for row in rows if row[0] in most),))


def _episodes(evaluation: Evaluation) -> str:
    return f"{evaluation.episodes} samples about {evaluation.pictures} pictures"


def _cell(value: float | None, bounds: tuple[float, float] | None = None, sign: str = "") -> str:
    if value is None:
        return _NONE
    return f"{value:{sign}.4f}" + (f"\n{_range(bounds, sign)}" if bounds else "")


def _range(bounds: tuple[float, float] | None, sign: str = "") -> str:
    if bounds is None:
        return ""
    between = " to " if sign else "–"  # a dash beside a minus cannot be read
    return f"{bounds[0]:{sign}.3f}{between}{bounds[1]:{sign}.3f}"


def _in_groups(names: Sequence[str], size: int) -> list[Sequence[str]]:
    return [names[i : i + size] for i in range(0, len(names), size)]


def _table(grid: Grid) -> Table:
    table = Table(title=escape(grid.title), title_justify="left", box=SIMPLE_HEAD)
    for i, name in enumerate(grid.header):
        table.add_column(escape(name), justify="right" if i else "left", overflow="fold", no_wrap=False)
    for section in grid.sections:
        for row in section:
            table.add_row(*map(escape, row))
        table.add_section()
    return table


def _markdown(grid: Grid) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"\n(.*)", r" (\1)", _escaped(cell)) for cell in cells) + " |"

    rows = [line(row) for section in grid.sections for row in section]
    dashes = "|" + "|".join([" --- ", *[" ---: "] * (len(grid.header) - 1)]) + "|"
    return "\n".join([f"## {grid.title}", "", line(grid.header), dashes, *rows])


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is: names of policies and of types are anybody's."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)
