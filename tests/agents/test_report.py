"""The report: what it counts, what it runs again, and what it does where data is gone."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from tests.agents.reported import POLICIES, SETTINGS, row, write_rows, write_run
from vispro_agents.cli import main
from vispro_agents.curve import Point, write_curve
from vispro_agents.episodes import open_env
from vispro_agents.errors import UsageError
from vispro_agents.experience import Row
from vispro_agents.plots import draw_curve, plot_curve, plot_outcomes
from vispro_agents.replay import choose_samples, label_rows, order_policies
from vispro_agents.report import ReportArgs, write_report

POINTS = [Point("mle", 0, 0.25, trained_on=9), Point("iteration-1", 1, 0.5, trained_on=12, grow_reward=0.4)]


def text_of(path: Path) -> str:
    body = path.read_text("utf-8").partition("<body")[2].partition("<script>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, 12)
    return folder


def test_a_report_has_a_page_for_each_query_and_one_for_all(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_dir)]) == 0
    folder = run_dir / "report"
    assert "report/index.html" in capsys.readouterr().out.replace("\n", "")
    files = files_of(folder)
    assert sum(name.startswith("episodes/") for name in files) == 12
    assert {name for name in files if "/" not in name} == {
        "index.html", "curve-light.svg", "curve-dark.svg", "outcomes-light.svg", "outcomes-dark.svg"
    }  # fmt: skip
    index = files["index.html"].decode()
    assert index.count('<li class="card"') == 60
    addresses = {name for name in re.findall(r'(?:src|href)="([^"]+)"', index) if not name.startswith("#")}
    assert {name.partition("#")[0] for name in addresses} <= files.keys()
    page = text_of(folder / "episodes" / "0001.html")
    for policy in POLICIES:
        assert policy in page
    assert "now:" not in page
    (folder / "episodes" / "9999.html").write_text("of an earlier report")
    (folder / "episodes" / "mine.txt").write_text("kept")
    write_report(ReportArgs(run_dir))
    assert files_of(folder) == files | {"episodes/mine.txt": b"kept"}  # the same run gives the same report


def test_only_as_many_episodes_as_asked_for(run_dir: Path, tmp_path: Path) -> None:
    index = write_report(ReportArgs(run_dir, tmp_path / "new" / "report", episodes=24))
    assert index == tmp_path / "new" / "report" / "index.html"
    text = text_of(index)
    assert "20 of 60 programs are here: all for 4 queries" in text
    assert "20 of 20 episodes" in text
    assert " 12 " in text  # tables are about all


def test_what_differs_from_the_run_or_is_gone_is_said(run_dir: Path, tmp_path: Path) -> None:
    rows = write_run(tmp_path / "whole", 2)
    first, second = rows[0].sample_id, rows[1].sample_id
    changed = [
        replace(one, outcome="timeout", reward=0.0) if one.sample_id == first else replace(one, sample_id="gone/../<b>")
        for one in rows
    ]
    write_rows(tmp_path / "run", "000-9-evaluate-all-00000", changed)
    write_curve(tmp_path / "run", SETTINGS, [])
    folder = write_report(ReportArgs(tmp_path / "run")).parent
    assert "now: " in text_of(folder / "episodes" / "0001.html")
    assert "; when tried: timeout" in text_of(folder / "episodes" / "0001.html")
    gone = text_of(folder / "episodes" / "0002.html")
    assert "It could not be run again: GQA val has no sample 'gone/../<b>'" in gone and rows[1].query in gone
    assert second not in gone
    assert not (folder / "curve-light.svg").exists()  # no point, no curve


def test_a_damaged_picture_costs_no_trace(small_gqa: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_gqa, data)
    env = open_env("VisProg-GQA-v0", "val", data)
    sample = env.dataset[0]
    (data / "images" / f"{sample.images[0].image_id}.jpg").write_bytes(b"no picture")
    reply = "def execute_command(image):\n    return bool_to_yesno(image.exists('cup'))"
    tried = replace(row("mle"), sample_id=sample.sample_id, query=sample.query, reply=reply, program=reply)
    write_rows(tmp_path / "run", "a", [tried])
    write_curve(tmp_path / "run", SETTINGS | {"data_dir": str(data)}, [])
    page = text_of(write_report(ReportArgs(tmp_path / "run")).parent / "episodes" / "0001.html")
    assert "detect" in page and f"{sample.images[0].image_id}.jpg" in page


def test_other_phases_have_reports_of_their_own(tmp_path: Path) -> None:
    rows = write_run(tmp_path / "whole", 2)
    drawn = [replace(one, phase="grow", draw=draw) for draw in (0, 1) for one in rows if one.policy == "mle"]
    write_rows(tmp_path / "run", "001-2-grow-00000", drawn)
    write_curve(tmp_path / "run", SETTINGS, POINTS)
    index = write_report(ReportArgs(tmp_path / "run", phase="grow"))
    assert "mle #2" in text_of(index.parent / "episodes" / "0001.html")
    assert "Rewards are those of the programs of the phase grow." in text_of(index)
    with pytest.raises(UsageError, match="no programs of the phase 'rollout'"):
        write_report(ReportArgs(tmp_path / "run", phase="rollout"))


def test_what_cannot_be_reported_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no training run" in capsys.readouterr().err
    write_curve(tmp_path, SETTINGS, POINTS)
    with pytest.raises(UsageError, match="holds no experience"):
        write_report(ReportArgs(tmp_path))
    write_rows(tmp_path, "a", [row("mle")])
    with pytest.raises(UsageError, match="--episodes 0"):
        write_report(ReportArgs(tmp_path, episodes=0))
    write_curve(tmp_path, SETTINGS | {"env": "VisProg-Nothing-v0"}, POINTS)
    with pytest.raises(UsageError, match="VisProg-Nothing-v0"):
        write_report(ReportArgs(tmp_path))


def test_policies_stand_in_the_order_of_the_curve() -> None:
    rows = [row("other"), row("iteration-1"), row("mle")]
    assert order_policies(rows, POINTS) == ["mle", "iteration-1", "other"]


def test_changes_are_told_against_the_policy_before() -> None:
    def changes(rows: list[Row]) -> list[tuple[str, str]]:
        return [(label, change) for _, label, change in label_rows(rows, {"a": 0, "b": 1, "c": 2})]

    rows = [row("c", "wrong"), row("a", "wrong"), row("b", "correct")]
    assert changes(rows) == [("a", "first"), ("b", "gained"), ("c", "lost")]
    draws = [row("a", "correct"), row("a", "wrong"), row("c", "correct"), row("c", "wrong"), row("c", "wrong")]
    assert changes(draws) == [("a", "first"), ("a #2", "first"), ("c", "right"), ("c #2", "wrong"), ("c #3", "first")]


def test_samples_are_chosen_whole_and_by_type() -> None:
    rows = [row(policy, sample_id=str(i), kind="rare" if i % 4 == 0 else "often") for policy in "ab" for i in range(80)]
    chosen = choose_samples(rows, 41, 0)
    assert len(chosen) == 20 and all([one.policy for one in sample] == ["a", "b"] for sample in chosen)
    assert Counter(sample[0].question_type for sample in chosen) == {"often": 15, "rare": 5}
    ids = [int(sample[0].sample_id) for sample in chosen]
    assert ids == sorted(ids) and choose_samples(rows, 41, 0) == chosen != choose_samples(rows, 41, 1)
    assert len(choose_samples(rows, 1, 0)) == 1
    assert len(choose_samples(rows, 160, 0)) == 80


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    draw_curve(POINTS, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.size == (840, 480)
        colors = {pixel for _, pixel in image.convert("RGB").getcolors(1 << 20) or []}
    assert (0, 0x72, 0xB2) in colors


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_are_the_same_each_time_and_take_any_name(theme: str) -> None:
    names = ["<script>$x_{$\ud800\n", "b" * 99]
    points = [replace(POINTS[0], policy=name) for name in names]
    outcomes = {name: Counter({"correct": 3, "$\\frac": 1}) for name in names}
    for _ in range(2):
        curve = plot_curve(points, {names[0]: (0.1, 0.4), names[1]: (0.2, 0.3)}, theme)
        assert curve == plot_curve(points, {names[0]: (0.1, 0.4), names[1]: (0.2, 0.3)}, theme)
        assert plot_outcomes(outcomes, theme) == plot_outcomes(outcomes, theme)
        assert b"<script>" not in curve and b"<dc:date>" not in curve


def test_an_earlier_report_stays_until_there_is_a_new_one(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy, ignore=shutil.ignore_patterns("report"))
    before = files_of(write_report(ReportArgs(copy)).parent)
    settings = json.loads((copy / "curve.json").read_text())
    settings["args"]["data_dir"] = str(tmp_path / "nowhere")
    (copy / "curve.json").write_text(json.dumps(settings))
    assert main(["report", str(copy)]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert files_of(copy / "report") == before


def test_a_page_that_is_no_report_is_not_written_over(run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>My home page</h1>")
    with pytest.raises(UsageError, match="is no report. Choose another --out"):
        write_report(ReportArgs(run_dir, tmp_path))
    assert (tmp_path / "index.html").read_text() == "<h1>My home page</h1>"
