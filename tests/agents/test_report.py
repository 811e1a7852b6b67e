"""The report: whole, self-contained, and deaf to what a policy or a dataset writes into it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from vispro_agents.curve import Point
from vispro_agents.episodes import Episode, open_env, play
from vispro_agents.filtered_bc import Args
from vispro_agents.policies import load_policy
from vispro_agents.report import Card, choose_episodes, data_uri, draw_curve, make_card, render_page

ENV = "VisProg-GQA-v0"
EVIL = "</code><script>alert(1)</script><img src=x onerror=\"alert('2')\"> & {{ 7 * 7 }}"
POINTS = [Point("mle", 0, 0.25, trained_on=9), Point("iteration-1", 1, 0.5, trained_on=12, grow_reward=0.4)]


class Tags(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(card: Card) -> Tags:
    return Tags(render_page(title=EVIL, points=POINTS, cards=[card], curve=data_uri(b"png"), args=Args()))


def test_whatever_is_shown_is_escaped() -> None:
    card = Card(**dict.fromkeys(Card.__dataclass_fields__, EVIL))
    tags = page(replace(card, image=data_uri(b"png")))
    assert "script" not in tags.tags
    assert tags.tags.count("img") == 2
    assert tags.text.count(EVIL) >= 7
    assert all(address.startswith("data:image/png;base64,") for address in tags.addresses)


@pytest.fixture(scope="module")
def episodes(small_gqa: Path) -> dict[str, list[Episode]]:
    env = open_env(ENV, "val", small_gqa)
    return {
        name: [episode for batch in play(load_policy(name, env.dataset), env, range(40)) for episode in batch]
        for name in ("expert", "constant:yes", "crash")
    }


def test_a_card_tells_the_episode(episodes: dict[str, list[Episode]]) -> None:
    episode = episodes["expert"][1]
    card = make_card(episode)
    tags = page(card)
    for text in (episode.sample.query, card.program, episode.sample.target, "correct", "query / directOf"):
        assert text in tags.text
    assert card.image.startswith("data:image/png;base64,")
    crash = make_card(episodes["crash"][0])
    assert (crash.answer, crash.outcome) == ("none", "runtime_error")
    assert "IndexError" in crash.message


def test_a_selection_shows_both_ends(episodes: dict[str, list[Episode]]) -> None:
    mixed = episodes["constant:yes"]
    right = sum(episode.outcome.reward for episode in mixed)
    assert 6 <= right <= 37
    chosen = choose_episodes(mixed, 8)
    assert [episode.outcome.reward for episode in chosen] == [1.0] * 6 + [0.0] * 2
    assert {episode.sample.fields["structural"] for episode in chosen[6:]} == {"query", "verify"}
    assert len(choose_episodes(episodes["expert"], 12)) == len(choose_episodes(episodes["crash"], 12)) == 12
    assert choose_episodes(mixed[:3], 12) and len(choose_episodes(mixed[:3], 12)) == 3


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    draw_curve(POINTS, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.size == (840, 480)
        colors = {pixel for _, pixel in image.convert("RGB").getcolors(1 << 20) or []}
    assert (0, 0x72, 0xB2) in colors
