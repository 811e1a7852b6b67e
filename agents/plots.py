"""Charts of a run: the learning curve, and how programs ended."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vispro_agents.curve import Point

COLORS = {
    "correct": "#2f9e6e", "lucky": "#e3b341", "wrong": "#d9603b", "no_answer": "#a9a5b8", "extract_error": "#c79ab8",
    "syntax_error": "#94609f", "rejected": "#5b4b9a", "runtime_error": "#6c7fd6", "timeout": "#4c9db0", "step_limit": "#79b8c4",
    "memory_limit": "#7f9fb5", "call_limit": "#94b5a8", "output_limit": "#a5a58a", "perception_error": "#b58a72",
}  # fmt: skip
"""Colour of each outcome: what went wrong while a program ran is of one family, unlike wrong answers."""

_STYLE = {"svg.hashsalt": "vispro", "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False}
_BLUE = {"light": "#0072b2", "dark": "#56b4e9"}
_INKS = {"light": ("#1b212c", "#dde2ea"), "dark": ("#dfe5ee", "#2c3542")}


def draw_curve(points: Sequence[Point], path: Path) -> None:
    """Draw held-out reward over the phases of training, and the reward of what Grow sampled.

    Args:
        points: The learning curve.
        path: PNG file to write.
    """
    # Figures are built without pyplot, which keeps state and may look for a screen.
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    _draw_curve(figure.add_subplot(), points, {}, _BLUE["light"])
    figure.savefig(path)


def plot_curve(points: Sequence[Point], intervals: Mapping[str, tuple[float, float]], theme: str) -> bytes:
    """As `draw_curve`, for a page.

    Args:
        points: The learning curve.
        intervals: 95 % interval of the held-out reward by name of the policy, where it is known.
        theme: "light" or "dark".

    Returns:
        An SVG file without background, the same for the same arguments.
    """
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.4, 3.3), layout="constrained")
        axes = figure.add_subplot()
        _draw_curve(axes, points, intervals, _BLUE[theme])
        return _svg(figure, axes, theme)


def plot_outcomes(outcomes: Mapping[str, Mapping[str, int]], theme: str) -> bytes:
    """How the programs of each policy ended, as stacked bars.

    Args:
        outcomes: Number of programs by outcome, by policy.
        theme: "light" or "dark".

    Returns:
        An SVG file without background, the same for the same arguments.
    """
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.4, 3.3), layout="constrained")
        axes = figure.add_subplot()
        names = list(dict.fromkeys(outcome for counts in outcomes.values() for outcome in counts))
        places = list(range(len(outcomes)))
        base = [0.0] * len(outcomes)
        for outcome in sorted(names, key=rank_outcome):
            shares = [counts.get(outcome, 0) / max(1, sum(counts.values())) for counts in outcomes.values()]
            label = _plain(outcome)
            axes.bar(places, shares, 0.72, bottom=base, color=COLORS.get(outcome, "#888888"), label=label)
            base = [one + other for one, other in zip(base, shares, strict=True)]
        _name_policies(axes, list(outcomes), 40)
        axes.set_xlim(-0.6, max(3, len(outcomes)) - 0.4)  # a lone bar is no wall
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
        axes.set_ylabel("share of programs")
        figure.legend(loc="outside right upper", frameon=False)
        return _svg(figure, axes, theme)


def rank_outcome(outcome: str) -> tuple[int, str]:
    """What outcomes are sorted by: from right to wrong, to those that gave no answer."""
    names = list(COLORS)
    return (names.index(outcome) if outcome in names else len(names), outcome)


def _draw_curve(axes: Axes, points: Sequence[Point], intervals: Mapping[str, tuple[float, float]], blue: str) -> None:
    places = range(len(points))
    rewards = [point.reward for point in points]
    axes.plot(places, rewards, marker="o", color=blue, label="held-out reward, greedy")
    known = [place for place in places if points[place].policy in intervals]
    if known:
        low, high = zip(*(intervals[points[place].policy] for place in known), strict=True)
        axes.fill_between(known, low, high, color=blue, alpha=0.18, linewidth=0, label="95 % interval")
    # What Grow sampled came from the policy before.
    grown = [(place - 1, point.grow_reward) for place, point in enumerate(points) if point.grow_reward is not None]
    if grown:
        axes.plot(*zip(*grown, strict=True), marker="s", linestyle="--", color="#d55e00", label="train reward, sampled")
    for place, point in enumerate(points):
        offset = (0, 7)
        axes.annotate(f"{100 * point.reward:.1f} %", (place, point.reward), offset, textcoords="offset points", ha="center")
    _name_policies(axes, [point.policy for point in points], 60)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axes.set_ylabel("mean reward")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def _name_policies(axes: Axes, names: Sequence[str], letters: int) -> None:
    """Writes names below an axis, aslant if they have more letters than there is room for."""
    labels = [_plain(name) for name in names]
    many = sum(map(len, labels)) > letters
    axes.set_xticks(range(len(names)), labels, rotation=45 if many else 0, ha="right" if many else "center")


def _plain(text: str) -> str:
    """A name in characters that matplotlib draws as they are: `$` begins mathematics, and its fonts lack most others."""
    return "".join(letter if letter.isascii() and letter.isprintable() and letter != "$" else "?" for letter in text)[:24]


def _svg(figure: Figure, axes: Axes, theme: str) -> bytes:
    ink, line = _INKS[theme]
    legends = [legend for legend in (axes.get_legend(), *figure.legends) if legend is not None]
    for legend in legends:
        legend.get_frame().set_alpha(0)
        for entry in legend.get_texts():
            entry.set_color(ink)
    axes.tick_params(colors=ink)
    for label in (axes.yaxis.label, *axes.texts):
        label.set_color(ink)
    for spine in axes.spines.values():
        spine.set_color(ink)
    axes.grid(False, axis="x")
    axes.grid(True, axis="y", color=line, alpha=1)
    axes.set_axisbelow(True)
    axes.patch.set_alpha(0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()
