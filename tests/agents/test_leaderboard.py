"""Ranks, differences, and tables that people can read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from vispro_agents.episodes import TypeScore
from vispro_agents.intervals import interval, resampled_means
from vispro_agents.leaderboard import Leaderboard, as_json, as_markdown, compare, notes, rank, terminal_tables
from vispro_agents.measure import Evaluation, Measured

CLUSTERS = [i // 2 for i in range(200)]


def measured(name: str, rewards: list[float], semantic: list[float] | None, **changes: Any) -> Measured:
    """What `measure` gives of these rewards, all else made up."""
    values = {"reward": rewards} | ({} if semantic is None else {"semantic": semantic})
    means = resampled_means(np.column_stack(list(values.values())), CLUSTERS, 0)
    resampled = dict(zip(values, means.T, strict=True))
    figures = {figure: float(np.mean(numbers)) for figure, numbers in values.items()}
    evaluation = Evaluation(
        env="VisProg-GQA-v0", policy=name, split="val", data="mini", perception="oracle", episodes=200, pictures=100,
        reward=figures["reward"], semantic=figures.get("semantic"), semantic_note="", semantic_episodes=200, pass_at={},
        intervals={figure: interval(means) for figure, means in resampled.items()},
        outcomes={"correct": int(sum(rewards)), "wrong": 200 - int(sum(rewards))},
        metric={"accuracy": 100 * figures["reward"], "structural/verify": 1.0},
        type_field="structural", by_type={"verify": TypeScore(200, figures["reward"], figures.get("semantic"))}, perception_errors={},
    )  # fmt: skip
    return Measured(replace(evaluation, **changes), resampled)


def share(count: int) -> list[float]:
    return [1.0] * count + [0.0] * (200 - count)


def text(board: Leaderboard) -> str:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        for table in terminal_tables(board):
            console.print(table)
    return capture.get()


def cells(markdown: str, title: str) -> list[list[str]]:
    """The cells of a Markdown table, its header first."""
    section = markdown.split(f"## {title}")[1].split("\n\n")[1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in section.splitlines()]


def test_the_highest_reward_comes_first_then_meaning_then_order() -> None:
    board = rank([
        measured("low", share(20), share(20)),
        measured("lucky", share(80), share(10)),
        measured("high", share(80), share(60)),
        measured("twin", share(80), share(60)),
    ])  # fmt: skip
    assert [item.policy for item in board.evaluations] == ["high", "twin", "lucky", "low"]
    assert [(item.policy, item.best) for item in board.comparisons] == [("twin", "high"), ("lucky", "high"), ("low", "high")]
    assert board.comparisons[0].intervals == {"reward": (0.0, 0.0), "semantic": (0.0, 0.0)}
    assert board.comparisons[2].differences == pytest.approx({"reward": -0.3, "semantic": -0.2})


def test_pairs_tell_what_overlapping_intervals_do_not() -> None:
    # The second is right wherever the first is, and on twelve samples more.
    one, other = measured("one", share(100), None), measured("other", share(112), None)
    assert one.evaluation.intervals["reward"][1] > other.evaluation.intervals["reward"][0]
    comparison = compare(one, other)
    low, high = comparison.intervals["reward"]
    assert low < -0.06 < high < 0.0
    assert comparison.differences == pytest.approx({"reward": -0.06})


def test_only_figures_that_both_have_are_compared() -> None:
    one = measured("one", share(100), None)
    other = measured("other", share(120), share(20), pass_at={"pass@1": 0.5})
    assert compare(one, other).differences.keys() == {"reward"}
    assert compare(other, one).intervals.keys() == {"reward"}


def long_board() -> Leaderboard:
    passes = {f"{kind}@{k}": 0.5 for kind in ("pass", "semantic pass") for k in (1, 5, 10, 100)}
    bounds = {"reward": (0.1, 0.2), "semantic": (0.1, 0.2), **dict.fromkeys(passes, (0.123, 0.987))}
    kinds = {f"type number {i}": TypeScore(i, 0.5, 0.25) for i in range(40)}
    name = "runs/a_very_long_folder_name/and_another_one/policies/iteration-10"
    return rank([
        measured(name, share(80), share(60), pass_at=passes, intervals=bounds, by_type=kinds),
        measured("[bold]constant:a|b[/bold]", share(20), share(20), by_type=kinds),
    ])  # fmt: skip


def test_a_leaderboard_fits_eighty_columns() -> None:
    board = long_board()
    shown = text(board)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    flat = re.sub(r"\s", "", shown)
    for part in ("[bold]", "0.4000", "0.3000", "-0.3000", "0.123–0.987", "@100"):
        assert part in flat
    assert shown.count("0.123–0.987") == 8


def test_one_policy_fits_eighty_columns_with_its_most_frequent_types() -> None:
    (first, _) = long_board().evaluations
    shown = text(Leaderboard((first,), ()))
    assert max(map(len, shown.splitlines())) <= 80
    assert "semantic accuracy" in shown and "0.3000" in shown and "metric: accuracy" in shown
    assert "type number 39" in shown and "type number 16 " in shown and "type number 15 " not in shown
    assert "structural/verify" not in shown


def test_markdown_has_everything_in_tables_of_equal_rows() -> None:
    board = long_board()
    page = as_markdown(board)
    for title in ("Reward", "Programs drawn at random (pass@k)", "Outcomes", "Official metric", "Types of questions"):
        table = cells(page, title)
        assert len({len(row) for row in table}) == 1
    assert cells(page, "Reward")[0] == [
        "policy",
        "reward",
        "semantic",
        "reward: difference to the best",
        "semantic: difference to the best",
    ]
    assert cells(page, "Reward")[3][:2] == [r"\[bold\]constant:a\|b\[/bold\]", cells(page, "Reward")[3][1]]
    assert re.fullmatch(r"0\.1000 \(0\.\d{3}–0\.\d{3}\)", cells(page, "Reward")[3][1])
    assert cells(page, "Outcomes")[2:] == [["correct", "80", "20"], ["wrong", "120", "180"]]
    assert len(cells(page, "Types of questions")) == 2 + 40
    assert "200 samples about 100 pictures. Mini data, perception: oracle." in page
    assert "bootstrap" in page


def test_figures_that_are_missing_are_dashes() -> None:
    note = "no functional programs."
    board = rank([measured("one", share(80), None, semantic_note=note), measured("two", share(20), None, semantic_note=note)])
    page = as_markdown(board)
    assert "semantic" not in cells(page, "Reward")[0]
    assert notes(board) == ["No semantic accuracy: no functional programs."]
    assert page.count(note) == 1
    board = rank([measured("one", share(80), share(80)), measured("two", share(20), None)])
    assert cells(as_markdown(board), "Reward")[3][2] == "–"


def test_samples_without_scenes_are_told_of() -> None:
    board = rank([measured("one", share(80), share(80), semantic_episodes=193)])
    assert notes(board) == ["Semantic figures are about the 193 samples that have counterfactual scenes."]
    assert notes(rank([measured("one", share(80), share(80))])) == []


def test_json_of_one_and_of_several() -> None:
    board = long_board()
    several = json.loads(json.dumps(as_json(board, as_list=True)))
    assert [item["reward"] for item in several["policies"]] == [0.4, 0.1]
    assert several["comparisons"][0]["differences"]["reward"] == pytest.approx(-0.3)
    one = as_json(Leaderboard(board.evaluations[:1], ()), as_list=False)
    assert one["policy"] == board.evaluations[0].policy and one["by_type"]["type number 3"]["episodes"] == 3
