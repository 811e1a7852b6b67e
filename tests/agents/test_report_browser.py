"""A report of 2,000 episodes in a real browser."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.agents.reported import POLICIES, SETTINGS, write_rows, write_run
from tests.browser import open_browser
from tests.rendering.episodes import HOSTILE
from vispro_agents.curve import Point, write_curve
from vispro_agents.experience import Row
from vispro_agents.report import ReportArgs, write_report

EVIL = f"{HOSTILE}\ud800 \u05d0"
CARDS = ".card:not([hidden])"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], str]:
    """The rows, and the address of the report."""
    folder = tmp_path_factory.mktemp("run")
    rows = write_run(folder, 400)
    return rows, write_report(ReportArgs(folder)).as_uri()


def shown(page: Page) -> int:
    """Number of visible cards, which the page says, too."""
    count = page.locator(CARDS).count()
    assert page.locator("[data-count]").inner_text() == f"{count} of 2000 episodes"
    return count


def choose(page: Page, **values: str) -> int:
    for name, value in values.items():
        page.locator(f"select[name={name}]").select_option(value)
    return shown(page)


def test_the_gallery_is_there_at_once_and_filters_exactly(reported: tuple[list[Row], str], tmp_path: Path) -> None:
    rows, address = reported
    by_policy = {policy: {row.sample_id: row for row in rows if row.policy == policy} for policy in POLICIES}
    last, before = by_policy["iteration-3"], by_policy["iteration-2"]
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.goto(address)
        paints = page.evaluate("performance.getEntriesByType('paint').map((entry) => [entry.name, entry.startTime])")
        assert dict(paints)["first-contentful-paint"] < 2000
        assert shown(page) == 400  # the last policy's
        assert page.locator(".thumbnail img").first.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        assert page.locator(".chart img.only-light").first.evaluate("(image) => image.naturalWidth") > 0

        for outcome, count in Counter(row.outcome for row in last.values()).items():
            assert choose(page, outcome=outcome) == count
        assert choose(page, outcome="by luck") == sum(bool(row.reward and not row.semantic) for row in last.values())
        choose(page, outcome="")
        for kind, count in Counter(row.question_type for row in last.values()).most_common(3):
            assert choose(page, type=kind) == count
        choose(page, type="")
        changes = Counter(
            {(0, 1): "gained", (1, 0): "lost", (1, 1): "right", (0, 0): "wrong"}[int(before[key].reward), int(last[key].reward)]
            for key in last
        )
        for change, count in changes.items():
            assert choose(page, change=change) == count
        assert choose(page, change="first") == 0
        assert page.locator("[data-none]").is_visible()
        page.locator("[data-reset]").click()
        assert shown(page) == 400
        assert choose(page, policy="", outcome="wrong") == sum(row.outcome == "wrong" for row in rows)
        kind = rows[0].question_type
        wanted = sum(row.question_type == kind and row.outcome == "correct" for row in by_policy["mle"].values())
        assert choose(page, policy="mle", outcome="correct", type=kind) == wanted

        page.get_by_role("button", name="Reset").first.click()
        page.locator("input[name=query]").fill("IS THE")
        page.wait_for_url("**query=IS+THE*")
        assert shown(page) == sum("is the" in row.query.lower() for row in last.values())


def test_an_episode_is_found_without_a_mouse_and_back_brings_the_filters_back(
    reported: tuple[list[Row], str], tmp_path: Path
) -> None:
    rows, address = reported
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.goto(address)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "outcome":
                break
        page.keyboard.type("runtime")
        page.keyboard.press("Enter")
        right = sum(row.policy == "iteration-3" and row.outcome == "runtime_error" for row in rows)
        expect(page.locator(CARDS)).to_have_count(right)
        page.keyboard.press("Escape")
        page.locator("h1").click()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "query"
        page.keyboard.type("the")
        page.wait_for_url("**query=the*")
        count = shown(page)
        assert 0 < count < right
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/episodes/*.html#p4")
        assert page.locator("[data-place]").inner_text().endswith(f" of {count}")  # goes on through what was shown
        assert page.locator(".tried:visible").count() == 2
        assert page.locator(".tried:visible .line.failed .error", has_text="IndexError").count() >= 1

        page.go_back()
        page.wait_for_url("**/index.html#*")
        assert shown(page) == count
        assert page.locator("select[name=outcome]").input_value() == "runtime_error"
        page.goto(page.url.replace("#", "?#"))  # a new visit of the same address
        assert shown(page) == count


def test_two_policies_stand_side_by_side(reported: tuple[list[Row], str], tmp_path: Path) -> None:
    _, address = reported
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.goto(address.replace("index", "episodes/0002"))
        headings = page.locator(".tried:visible h2")
        assert sorted(headings.all_inner_texts()) == ["iteration-3", "mle"]
        page.locator("select[name=left]").select_option("0")
        page.locator("select[name=right]").select_option("2")
        boxes = [page.locator(f"#p{place}").bounding_box() for place in (0, 2)]
        assert boxes[0] and boxes[1] and boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] and boxes[0]["y"] == boxes[1]["y"]
        page.reload()
        assert sorted(headings.all_inner_texts()) == ["iteration-1", "untrained"]
        page.locator(".policies a").nth(3).click()
        assert "iteration-2" in headings.all_inner_texts()
        page.set_viewport_size({"width": 420, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 420

        page.set_viewport_size({"width": 1300, "height": 900})
        color = "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(color)
        page.get_by_role("button", name="Switch between light and dark").click()
        dark = page.evaluate(color)
        assert dark != before
        page.get_by_role("link", name="next").click()
        page.wait_for_url("**/episodes/0003.html*")
        assert page.evaluate(color) == dark
        page.get_by_role("link", name="All episodes").click()
        page.wait_for_url("**/index.html*")
        assert page.evaluate(color) == dark
        assert (
            page.locator(".chart img.only-dark").first.is_visible()
            and not page.locator(".chart img.only-light").first.is_visible()
        )
        page.set_viewport_size({"width": 420, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_without_scripts_everything_is_a_plain_list(reported: tuple[list[Row], str], tmp_path: Path) -> None:
    _, address = reported
    with open_browser(tmp_path / "profile", javascript=False) as browser:
        page = browser.new_page()
        page.goto(address)
        assert page.locator(CARDS).count() == 2000
        assert not page.locator("[data-filters]").is_visible()
        page.goto(address.replace("index", "episodes/0001"))
        assert page.locator(".tried:visible").count() == 5


def test_hostile_texts_are_texts(tmp_path: Path) -> None:
    counts = {}
    rows = write_run(tmp_path / "plain", 2)
    program = f"def execute_command(image):\n    x = {HOSTILE!r}\n    print(x)\n    return x\n# {EVIL}"
    evil = [
        replace(one, policy=f"{one.policy}{EVIL}", query=EVIL, reply=f"{EVIL}```python\n{program}\n```", program=program,
                question_type=EVIL, outcome=EVIL if one.reward else "wrong", answer=EVIL, error=EVIL,
                sample_id=EVIL if one.sample_id == rows[0].sample_id else one.sample_id)
        for one in rows
    ]  # fmt: skip
    write_rows(tmp_path / "hostile", "a", evil)
    points = [Point(f"{policy}{EVIL}", 0, 0.5) for policy in POLICIES]
    write_curve(tmp_path / "hostile", SETTINGS | {EVIL: EVIL, "learner": EVIL}, points)
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        for name in ("plain", "hostile"):
            index = write_report(ReportArgs(tmp_path / name))
            for file in ("index.html", "episodes/0001.html", "episodes/0002.html"):
                page.goto((index.parent / file).as_uri())
                kinds = "script, style, link, iframe, object, embed, meta, h1, form, base"
                counts[name, file] = page.locator(kinds).count()
                if name == "hostile":
                    assert "<script>alert(1)</script>" in page.locator("main").inner_text()
                    assert "{{ 7*7 }}" in page.locator("main").inner_text()
                    assert page.evaluate(
                        "[...document.querySelectorAll('*')].every((e) => e.getAttributeNames().every((n) => !n.startsWith('on')))"
                    )
            assert all(
                path.name in ("index.html",) or re.fullmatch(r"[\w-]+\.(html|webp|svg)", path.name)
                for path in index.parent.rglob("*.*")
            )
        page.goto((tmp_path / "hostile" / "report" / "index.html").as_uri())
        assert page.locator(CARDS).count() == 2
        page.locator("select[name=type]").select_option(index=1)
        page.locator("select[name=policy]").select_option(index=2)
        assert page.locator(CARDS).count() == 2
        page.reload()
        assert page.locator(CARDS).count() == 2
    for file in ("index.html", "episodes/0001.html", "episodes/0002.html"):
        assert counts["plain", file] == counts["hostile", file]
