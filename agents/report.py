"""A training run for people: `vispro-agents report RUN`.

    index.html            learning curve, outcomes, types of question, and a gallery of episodes with filters
    episodes/NUMBER.html  one query: what each policy wrote for it, what the programs saw, and why they were right or not
    pictures/             the pictures of the queries
    curve-*.svg, ...      charts

The pages need no server and no network. Whatever a policy or a dataset wrote is shown as text, see `vispro_gym.rendering.page`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import jinja2
import numpy as np
import tyro
from rich.console import Console

from vispro_agents.curve import Point, read_curve
from vispro_agents.errors import UsageError, at_least
from vispro_agents.experience import Phase, Row
from vispro_agents.files import write_whole
from vispro_agents.intervals import interval, resampled_means
from vispro_agents.plots import plot_curve, plot_outcomes, rank_outcome
from vispro_agents.replay import Replay, Tried, choose_samples, order_policies
from vispro_agents.stored_run import open_experience
from vispro_gym.rendering.page import dress, make_environment
from vispro_gym.rendering.rationale import Picture
from vispro_gym.rendering.view import View, view

_OURS = {"episodes": re.compile(r"\d+\.html"), "pictures": re.compile(r"[0-9a-f]{32}\.webp")}
_CHARTS = [f"{name}-{theme}.svg" for name in ("curve", "outcomes") for theme in ("light", "dark")]
_IMAGES = "'self' file:"
_MARK = '<meta name="generator" content="vispro-agents report">'


@dataclass(frozen=True)
class ReportArgs:
    """Write pages about a training run: learning curve, outcomes, and episodes with what programs saw."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Folder of the training run."""
    out: Path | None = None
    """Folder to write; None for the folder `report` of the run."""
    phase: Phase = "evaluate"
    """Which programs to show; evaluate: those on the held-out split."""
    episodes: int = 3_000
    """Most programs to show. Of more, all of some queries are chosen."""


@dataclass(frozen=True)
class Card:
    """An episode in the gallery.

    Attributes:
        address: Page and part of it.
        number: Number of the page.
        place: Its place among the programs for the query.
        tried: The program.
        thumbnail: File of the first picture, its size, and the marks on it; None without a picture.
        more: Number of pictures beside that.
    """

    address: str
    number: int
    place: int
    tried: Tried
    thumbnail: tuple[str, Any] | None
    more: int


@dataclass
class Figures:
    """What the overview tells of all programs of the phase, shown or not.

    Attributes:
        policies: Names in order.
        rewards: Mean reward by policy.
        outcomes: Number of programs by outcome, by policy.
        types: Number of programs and mean reward by type of question and policy.
        intervals: 95 % interval of the mean reward by policy.
    """

    policies: list[str]
    rewards: dict[str, float]
    outcomes: dict[str, Counter[str]]
    types: dict[str, dict[str, tuple[int, float]]]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


def run(args: ReportArgs) -> None:
    """Write the report and say where it is.

    Raises:
        UsageError: If there is no run, nothing of that phase in it, or its environment cannot be made.
        DatasetError: If its data is missing or damaged.
        BackendError: If perception cannot serve anything.
    """
    Console().print(f"Report: {write_report(args)}", soft_wrap=True, highlight=False)


def write_report(args: ReportArgs) -> Path:
    """Write the report.

    Returns:
        Its first page.

    Raises:
        UsageError: If there is no run, nothing of that phase in it, or its environment cannot be made.
        DatasetError: If its data is missing or damaged. A sample that is gone is no error: its programs have no trace.
        BackendError: If perception cannot serve anything.
    """
    at_least(1, episodes=args.episodes)
    settings, points = read_curve(args.run_dir)
    rows = list(open_experience(args.run_dir).rows(phases=[args.phase]))
    if not rows:
        raise UsageError(f"{args.run_dir} holds no programs of the phase {args.phase!r}. Choose another --phase.")
    out = args.out or args.run_dir / "report"
    _check_folder(out)
    figures = _figures(rows, points)
    replay = Replay(settings, args.phase, figures.policies)
    figures.intervals = _intervals(rows, figures.policies, replay)
    _clear(out)  # only now: what has failed before has left the earlier report as it was
    samples = choose_samples(rows, args.episodes, settings.get("seed", 0))
    environment = make_environment("vispro_agents", "vispro_gym")
    cards = _write_episodes(out, environment, samples, replay, points)
    measured = points if args.phase == "evaluate" else []  # points are about nothing else
    charts = _write_charts(out, figures, measured)
    page = environment.get_template("index.html.j2").render(
        title=f"{settings['env']}: {args.run_dir.absolute().name}",
        settings=settings,
        details=[(name, str(value)) for name, value in _by_option(settings).items()],
        phase=args.phase,
        points={point.policy: point for point in measured},
        # What a phase has sampled came from the policy before.
        grown={one.policy: after.grow_reward for one, after in pairwise(measured) if after.grow_reward is not None},
        figures=figures,
        charts=charts,
        cards=cards,
        strips=_strips(cards),
        outcomes=sorted({row.outcome for row in rows}, key=rank_outcome),
        lucky=any(row.reward and row.semantic is False for row in rows),
        total=len(rows),
        queries=len(samples),
        **dress(environment, ["rationale.css", "report.css"], ["rationale.js", "gallery.js"], _IMAGES),
    )
    write_whole(out / "index.html", page.encode())  # last: it is there when all else is
    return out / "index.html"


def _check_folder(out: Path) -> None:
    """Refuses to write over a page that is no report."""
    index = out / "index.html"
    if index.exists() and _MARK not in index.read_text(encoding="utf-8", errors="replace")[:4_000]:
        raise UsageError(f"{index} is there already, and is no report. Choose another --out.")


def _clear(out: Path) -> None:
    """Remove the pages of an earlier report, and nothing else."""
    for name in ("index.html", *_CHARTS):
        (out / name).unlink(missing_ok=True)
    for name, pattern in _OURS.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        for path in (out / name).iterdir():
            if pattern.fullmatch(path.name):
                path.unlink()


def _figures(rows: Sequence[Row], points: Sequence[Point]) -> Figures:
    policies = order_policies(rows, points)
    outcomes: dict[str, Counter[str]] = {policy: Counter() for policy in policies}
    rewards: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        outcomes[row.policy][row.outcome] += 1
        rewards[row.question_type][row.policy].append(row.reward)
    sizes = {kind: sum(map(len, by_policy.values())) for kind, by_policy in rewards.items()}
    return Figures(
        policies,
        {policy: sum(row.reward for row in rows if row.policy == policy) / outcomes[policy].total() for policy in policies},
        outcomes,
        {
            kind: {policy: (len(values), sum(values) / len(values)) for policy, values in rewards[kind].items()}
            for kind in sorted(rewards, key=lambda kind: (-sizes[kind], kind))
        },
    )


def _intervals(rows: Sequence[Row], policies: Sequence[str], replay: Replay) -> dict[str, tuple[float, float]]:
    names = {(row.split, row.sample_id): row for row in rows}
    pictures = {key: replay.picture_name(row) for key, row in names.items()}
    columns = {policy: number for number, policy in enumerate(policies)}
    values = np.full((len(rows), len(policies)), np.nan)
    for i, row in enumerate(rows):
        values[i, columns[row.policy]] = row.reward
    means = resampled_means(values, [pictures[row.split, row.sample_id] for row in rows], seed=0)
    return {policy: interval(means[:, number]) for policy, number in columns.items()}


def _write_charts(out: Path, figures: Figures, points: Sequence[Point]) -> list[tuple[str, str]]:
    """Writes the charts in both themes; returns name and description of each."""
    charts = []
    if points:
        charts.append(("curve", "Held-out reward by phase of training"))
    charts.append(("outcomes", "How the programs of each policy ended"))
    for name, _ in charts:
        for theme in ("light", "dark"):
            chart = plot_curve(points, figures.intervals, theme) if name == "curve" else plot_outcomes(figures.outcomes, theme)
            (out / f"{name}-{theme}.svg").write_bytes(chart)
    return charts


def _write_episodes(
    out: Path, environment: jinja2.Environment, samples: Sequence[Sequence[Row]], replay: Replay, points: Sequence[Point]
) -> list[Card]:
    """Writes a page for each sample, and returns the cards of all programs."""
    template = environment.get_template("sample.html.j2")
    clothes = dress(environment, ["rationale.css", "report.css"], ["rationale.js", "compare.js"], _IMAGES)
    trained = [point.policy for point in points if point.trained_on]
    cards: list[Card] = []
    digits = max(4, len(str(len(samples))))
    for number, tried in enumerate(replay.run(samples), start=1):
        views = [view(one.rationale) for one in tried]
        files = [_write_picture(out, picture) for picture in tried[0].rationale.pictures]
        first = next((place for place, one in enumerate(tried) if one.row.policy in trained), 0)
        page = template.render(
            number=number,
            name=f"{number:0{digits}d}",
            before=f"{number - 1:0{digits}d}" if number > 1 else None,
            after=f"{number + 1:0{digits}d}" if number < len(samples) else None,
            total=len(samples),
            tried=tried,
            views=views,
            same=_same(tried),
            left=first,
            right=len(tried) - 1,
            addresses=[f"../pictures/{file}" for file in files],
            **clothes,
        )
        (out / "episodes" / f"{number:0{digits}d}.html").write_text(page, encoding="utf-8")
        for place, (one, shown) in enumerate(zip(tried, views, strict=True)):
            address = f"episodes/{number:0{digits}d}.html#p{place}"
            cards.append(Card(address, number, place, one, _thumbnail(files, shown), max(0, len(files) - 1)))
    return cards


def _strips(cards: Sequence[Card]) -> dict[int, list[tuple[str, str]]]:
    """Label and outcome of all programs of each page."""
    strips: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for card in cards:
        strips[card.number].append((card.tried.label, card.tried.row.outcome))
    return strips


def _by_option(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by their names: those of nested groups have their own."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _by_option(value) if isinstance(value, dict) else {key: value}
    return flat


def _same(tried: Sequence[Tried]) -> list[str]:
    """Label of the first policy that wrote the same; "" if none did before."""
    labels: dict[str, str] = {}
    return ["" if labels.setdefault(one.row.reply, one.label) == one.label else labels[one.row.reply] for one in tried]


def _write_picture(out: Path, picture: Picture) -> str:
    name = f"{blake2b(picture.data, digest_size=16).hexdigest()}.webp"
    path = out / "pictures" / name
    if not path.exists():
        path.write_bytes(picture.data)
    return name


def _thumbnail(files: Sequence[str], shown: View) -> tuple[str, Any] | None:
    return (f"pictures/{files[0]}", shown.drawings[0]) if files else None
