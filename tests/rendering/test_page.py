"""The page of an episode: what stands on it, and that nothing of what is shown acts on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from tests.browser import open_browser
from tests.rendering.episodes import HOSTILE, rationale_of
from vispro_gym.rendering.page import render_page, show
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.view import MOST_CROPS, MOST_EVENTS, view
from vispro_gym.trace import Assignment, Step, Trace, Value

CUPS = (0, (10, 20, 40, 60)), (0, (50, 30, 70, 50))
PROGRAM = """\
def execute_command(image):
    cups = image.find("cup")
    for cup in cups:
        print(cup.simple_query("What color?"))
    return image.find("dog")[0]
"""
EVIL = f"{HOSTILE}\ud800 \u200f\u05d0\u05d1"


def failed() -> Rationale:
    trace = Trace(
        (
            Step(2, "detect", 0, (0, 0, 100, 80), ("cup",), [box for _, box in CUPS]),
            Step(4, "answer", 0, CUPS[0][1], ("What color?",), "red"),
            Step(4, "answer", 0, CUPS[1][1], ("What color?",), "blue"),
            Step(5, "detect", 0, (0, 0, 100, 80), ("dog",), []),
        ),
        (
            Assignment(2, "cups", 1, Value("[patch, patch]", CUPS), Value("[patch, patch]", CUPS)),
            Assignment(3, "cup", 2, Value("patch", CUPS[:1]), Value("patch", CUPS[1:])),
        ),
    )
    return replace(rationale_of(PROGRAM), trace=trace)


def hostile() -> Rationale:
    """All texts of an episode are hostile."""
    value = Value(EVIL, CUPS)
    calls = (
        Step(2, "answer", 0, CUPS[0][1], (EVIL,), EVIL), Step(2, "verify", 0, CUPS[0][1], (EVIL, EVIL), True),
        Step(2, "detect", 0, CUPS[0][1], (EVIL,), [CUPS[1][1]]), Step(2, "similarity", 0, CUPS[0][1], ((EVIL, "a"),), [0.2, 0.1]),
        Step(2, "depth", 0, CUPS[0][1], (), None, EVIL), Step(99, "relate", 0, CUPS[0][1], (EVIL, None, EVIL), [CUPS[0][1]]),
    )  # fmt: skip
    return replace(
        failed(), sample_id=EVIL, query=EVIL, reply=f"{EVIL} {EVIL}", program=f"{EVIL}\n{EVIL}", outcome=EVIL, answer=EVIL, target=EVIL,
        answer_boxes=CUPS, target_boxes=CUPS[:1], error={"type": EVIL, "message": EVIL, "line": 2}, output=EVIL, env=EVIL, split=EVIL,
        trace=Trace(calls, (Assignment(1, EVIL.replace("[", ""), 3, value, Value(EVIL)), Assignment(2, "x", 1, value, value))),
    )  # fmt: skip


def text_of(page: str) -> str:
    body = page.partition("<body>")[2].partition("<script>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_events_stand_on_their_lines_with_what_was_seen() -> None:
    lines = {line.number: line for line in view(failed()).lines}
    assert [event.result for event in lines[2].events + lines[4].events + lines[5].events] == [
        "2 boxes",
        '"red"',
        '"blue"',
        "nothing",
    ]
    assert len(lines[2].events[0].crops) == 2 and lines[2].events[0].place is None
    assert lines[4].events[0].place is not None and lines[4].events[0].place.tone == "c0"
    assert lines[2].held[0].values == [("[patch, patch]", [], 0)]  # the call on this line shows them
    assert [(text, len(crops)) for text, crops, _ in lines[3].held[0].values] == [("patch", 1), ("patch", 1)]
    assert lines[5].error.startswith("IndexError")
    assert lines[2].held[0].marks == lines[2].events[0].marks != ""


def test_the_page_says_why() -> None:
    text = text_of(render_page(failed()))
    for part in ("runtime_error", "annotated red", "why runtime_error: line 5: IndexError", "detect", "(2 times)", "→ nothing"):
        assert part in text, part


def test_what_is_much_is_counted() -> None:
    boxes = [(i, 0, i + 5, 9) for i in range(20)]
    steps = tuple(Step(2, "detect", 0, (0, 0, 100, 80), ("cup",), boxes) for _ in range(9))
    page = render_page(replace(failed(), trace=Trace(steps)))
    assert f"+ {20 - MOST_CROPS} more<" in page and f"+ {9 - MOST_EVENTS} more calls" in page


@pytest.mark.timeout(60)  # it took minutes
@pytest.mark.parametrize("blank", [" \n" * 49_000, "\n \t" * 20_000, "    \n" * 4_000, ("\n" + " " * 33) * 590])
def test_blank_lines_do_not_hold_up_a_page(blank: str) -> None:
    page = render_page(replace(rationale_of("x"), program=f"def execute_command(image):\n    return ({blank})"))
    assert ("more lines" in text_of(page)) == (blank.count("\n") > 600)


@pytest.mark.parametrize("program", ["def execute_command(image):\n    return (", "Sorry.", "", PROGRAM])
def test_a_page_without_a_program_or_pictures_makes_sense(program: str) -> None:
    whole = rationale_of(program)
    before = replace(whole, outcome=None, program=None, reply=None, trace=Trace(), error=None, output="")
    for rationale in (whole, replace(whole, pictures=()), before):
        assert rationale.query in text_of(render_page(rationale))
    assert "No program has been tried." in text_of(render_page(before))
    if whole.program is None:
        assert "No program was found in the reply." in text_of(render_page(whole))


@pytest.mark.parametrize("make", [failed, hostile])
def test_a_page_is_a_function_of_the_rationale(make: Callable[[], Rationale]) -> None:
    rationale = make()
    page = render_page(rationale)
    assert render_page(Rationale.from_json(rationale.to_json())) == page == render_page(rationale)
    page.encode("utf-8")
    assert page.count("data:image/webp;base64,") == 1  # each picture is there once


def test_characters_that_act_or_hide_are_shown_by_their_numbers() -> None:
    assert show("a\u202e<\ud800") == 'a<span class="ctl">U+202E</span>&lt;<span class="ctl">U+D800</span>'
    page = render_page(hostile())
    assert not set(page) & set("\u202e\u2066\x1b\x07\x9b\u200f\ud800")


def test_hostile_texts_are_texts_in_a_browser(tmp_path: Path) -> None:
    pages = {name: tmp_path / f"{name}.html" for name in ("plain", "hostile")}
    for name, rationale in {"plain": failed(), "hostile": hostile()}.items():
        pages[name].write_text(render_page(rationale), encoding="utf-8")
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        counts = {}
        for name, path in pages.items():
            page.goto(path.as_uri())
            kinds = "script, style, link, iframe, object, embed, img, meta, h1, form, base"
            counts[name] = page.locator(kinds).count()
            assert page.evaluate(
                "[...document.querySelectorAll('*')].every((e) => e.getAttributeNames().every((n) => !n.startsWith('on')))"
            )
        assert counts["plain"] == counts["hostile"]
        text = page.locator("body").inner_text()
        assert text.count("<script>alert(1)</script>") >= 15
        for part in ("</style>]]>&lt;{{ 7*7 }}", "U+202E", "U+D800", "U+001B"):
            assert part in text


def test_pointing_at_an_event_lights_up_its_boxes(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(render_page(failed()), encoding="utf-8")
    with open_browser(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        assert page.locator(".box.lit").count() == 0
        page.locator(".event", has_text="blue").hover()
        assert page.locator(".box.lit").count() == 1 and page.locator(".rationale.pointing").count() == 1
        page.mouse.move(2, 2)
        assert page.locator(".lit").count() == 0
        page.locator(".event", has_text="2 boxes").focus()
        assert page.locator(".box.lit").count() == 2
        page.locator(".box").first.hover()
        assert page.locator(".event.lit").count() == 2  # the call that found it, and the one about it
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Switch between light and dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        page.set_viewport_size({"width": 420, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
