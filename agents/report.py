"""A training run for people: the learning curve as a picture, and one HTML page with episodes.

The page is one file without scripts or references to other files. Whatever a policy or a dataset wrote is escaped.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib.ticker
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from vispro_agents.curve import Point, last_policy_path
from vispro_agents.episodes import Episode, choose_positions, open_env, play
from vispro_agents.run_args import RunArgs
from vispro_gym.rendering.picture import draw_pictures
from vispro_gym.rendering.text import describe_failure

_EPISODES = 12
_ASKED = 96


def draw_curve(points: Sequence[Point], path: Path) -> None:
    """Draw held-out reward over the phases of training, and the reward of what Grow sampled.

    Args:
        points: The learning curve.
        path: PNG file to write.
    """
    # Figures are built without pyplot, which keeps state and may look for a screen.
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(points))
    axes.plot(places, [point.reward for point in points], marker="o", color="#0072b2", label="held-out reward, greedy")
    # What Grow sampled came from the policy before.
    grown = [(place - 1, point.grow_reward) for place, point in enumerate(points) if point.grow_reward is not None]
    if grown:
        axes.plot(*zip(*grown, strict=True), marker="s", linestyle="--", color="#d55e00", label="train reward, sampled")
    for place, point in enumerate(points):
        offset = (0, 7)
        axes.annotate(f"{100 * point.reward:.1f} %", (place, point.reward), offset, textcoords="offset points", ha="center")
    axes.set_xticks(list(places), [point.policy for point in points])
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axes.set_ylabel("mean reward")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(path)


@dataclass(frozen=True)
class Card:
    """One episode on the page."""

    sample_id: str
    query: str
    program: str
    answer: str
    target: str
    outcome: str
    message: str
    kind: str
    image: str


def write_report(args: RunArgs, points: Sequence[Point], path: Path) -> None:
    """Play some held-out episodes with the best policy and write the page.

    Args:
        args: Settings of the finished run.
        points: Its learning curve.
        path: HTML file to write; `curve.png` is expected beside it and becomes part of the page.
    """
    from vispro_agents.policies.language_model import LanguageModelPolicy  # imports torch

    env = open_env(args.env, args.eval_split, args.data_dir, args.images)
    policy = LanguageModelPolicy.load(last_policy_path(args.run_dir))
    positions = choose_positions(len(env.dataset), _ASKED, args.seed)
    episodes = [episode for batch in play(policy, env, positions) for episode in batch]
    cards = [make_card(episode) for episode in choose_episodes(episodes, _EPISODES)]
    curve = data_uri(path.with_name("curve.png").read_bytes())
    title = f"{args.env}: what {policy.name} wrote"
    path.write_text(render_page(title=title, points=points, cards=cards, curve=curve, args=args), encoding="utf-8")


def choose_episodes(episodes: Sequence[Episode], count: int) -> list[Episode]:
    """Three right ones to each that was not, if there are as many; the types of question take turns."""
    right = _in_turn([episode for episode in episodes if episode.outcome.reward])
    wrong = _in_turn([episode for episode in episodes if not episode.outcome.reward])
    number = max(min(len(right), count - count // 4), count - len(wrong))
    return right[:number] + wrong[: count - number]


def _in_turn(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes ordered such that the structural types take turns."""
    seen: dict[str, int] = {}
    turns = []
    for place, episode in enumerate(episodes):
        kind = str(episode.sample.fields.get("structural", ""))
        seen[kind] = seen.get(kind, 0) + 1
        turns.append((seen[kind], place))
    return [episodes[place] for _, place in sorted(turns)]


def make_card(episode: Episode) -> Card:
    """What the page shows of an episode."""
    sample, outcome = episode.sample, episode.outcome
    pixels = draw_pictures(sample.images, outcome.trace)
    return Card(
        sample_id=sample.sample_id,
        query=sample.query,
        program=(outcome.program or episode.reply).rstrip(),
        answer="none" if outcome.error else str(outcome.answer),
        target=str(sample.target),
        outcome=outcome.outcome,
        message=describe_failure(outcome),
        kind=" / ".join(str(sample.fields[key]) for key in ("structural", "detailed") if key in sample.fields),
        image=data_uri(_png(pixels)),
    )


def render_page(**context: Any) -> str:
    """Fill the page's template. Everything but what the template itself writes is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vispro_agents"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("report.html.j2").render(**context)


def data_uri(png: bytes) -> str:
    """A PNG file as the address of an image inside the page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels, uint8 of shape `(height, width, 3)`, as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
