"""Runs that nobody trained, for tests of reports: programs of experts, spoilt less and less."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from vispro_agents.curve import Point, write_curve
from vispro_agents.episodes import mean, open_env, score
from vispro_agents.experience import Experience, Phase, Row
from vispro_gym.programs.experts import translate

POLICIES = ("untrained", "mle", "iteration-1", "iteration-2", "iteration-3")
SETTINGS = {"learner": "filtered_bc", "env": "VisProg-GQA-v0", "data_dir": None, "images": "required", "perception": "oracle",
            "train_split": "train", "eval_split": "val", "num_scenes": 0, "seed": 0, "iterations": 3, "queries": 9, "samples": 2}  # fmt: skip
SPOILT = (
    'def execute_command(image):\n    return "yes"\n',
    'def execute_command(image):\n    first = image.find("unicorn")[0]\n    return first.simple_query("What is this?")\n',
    "I think that the answer is yes.",
    "def execute_command(image):\n    return (\n",
)


def write_run(folder: Path, samples: int) -> list[Row]:
    """Writes a run with one evaluation of each policy; returns its rows in the order of policies."""
    env = open_env("VisProg-GQA-v0", "val")
    asked = [env.dataset[i * len(env.dataset) // samples] for i in range(samples)]
    rng = random.Random(0)
    rows: list[Row] = []
    points = []
    for number, (policy, spoilt) in enumerate(zip(POLICIES, (1.0, 0.6, 0.4, 0.25, 0.1), strict=True)):
        replies = [rng.choice(SPOILT) if rng.random() < spoilt else translate(sample) for sample in asked]
        made = [
            Row(
                phase="evaluate", iteration=max(0, number - 1), split="val", sample_id=episode.sample.sample_id, draw=0, policy=policy,
                seed=0, query=episode.sample.query, reply=episode.reply, program=episode.outcome.program,
                outcome=episode.outcome.outcome, reward=episode.outcome.reward,
                question_type=str(episode.sample.fields["detailed"]),
                answer=None if episode.outcome.answer is None else str(episode.outcome.answer),
                error=None, semantic=rng.random() < 0.9,
            )
            for episode in score(env, asked, replies)
        ]  # fmt: skip
        points.append(Point(policy, max(0, number - 1), mean([row.reward for row in made]), trained_on=300 * number))
        write_rows(folder, f"{max(0, number - 1):03d}-9-evaluate-{policy.replace('-', '')}-00000", made)
        rows += made
    write_curve(folder, SETTINGS, points)
    return rows


def write_rows(folder: Path, key: str, rows: Sequence[Row]) -> None:
    Experience(folder / "experience").write(key, rows)


def row(
    policy: str, outcome: str = "wrong", sample_id: str = "7", draw: int = 0, phase: Phase = "evaluate", kind: str = "a"
) -> Row:
    """A row that is not about any sample."""
    return Row(
        phase=phase, iteration=0, split="val", sample_id=sample_id, draw=draw, policy=policy, seed=0, query="Why?", reply=SPOILT[0],
        program=SPOILT[0], outcome=outcome, reward=float(outcome == "correct"), question_type=kind,
    )  # fmt: skip
