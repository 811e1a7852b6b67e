"""Programs of a run once more, for their traces: experience tells what became of a program, not what it looked at."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vispro_agents.curve import Point
from vispro_agents.episodes import open_env
from vispro_agents.experience import Phase, Row
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Job, Outcome
from vispro_gym.envs.visual_program import VisualProgramEnv
from vispro_gym.rendering.rationale import Picture, Rationale

_BATCH = 50  # samples
_ERROR = re.compile(r"(?s)(\w+), line (\d+)(?:: (.*))?")


@dataclass(frozen=True)
class Tried:
    """A program of the run.

    Attributes:
        row: What the run knows of it.
        label: Name of its policy, with a number if that wrote several for the sample.
        change: Against the policy before on the same sample: "gained", "lost", "right", "wrong", or "first" if there is none.
        rationale: What it did. Without a trace if it could not be run again.
        note: What differs from when it was tried, or why it could not be run again; "" if all is as it was.
    """

    row: Row
    label: str
    change: str
    rationale: Rationale
    note: str = ""


def order_policies(rows: Iterable[Row], points: Sequence[Point]) -> list[str]:
    """The policies of some rows: those of the learning curve in its order, then others as they come."""
    found = dict.fromkeys(row.policy for row in rows)
    known = [point.policy for point in points if point.policy in found]
    return list(dict.fromkeys([*known, *found]))


def choose_samples(rows: Sequence[Row], most: int, seed: int) -> list[list[Row]]:
    """The rows of each sample together, of as many samples as have `most` rows; of each type of question about the same share."""
    by_sample: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_sample[row.split, row.sample_id].append(row)
    samples = list(by_sample.values())
    if len(rows) <= most:
        return samples
    shuffled = list(range(len(samples)))
    random.Random(seed).shuffle(shuffled)
    by_type = sorted(shuffled, key=lambda place: samples[place][0].question_type)
    count = max(1, most * len(samples) // len(rows))
    chosen = [by_type[i * len(samples) // count] for i in range(count)]
    while len(chosen) > 1 and sum(len(samples[place]) for place in chosen) > most:  # some have more rows than others
        chosen.pop()
    return [samples[place] for place in sorted(chosen)]


class Replay:
    """Runs programs of one phase again.

    Args:
        settings: Those of the run (`vispro_agents.curve.read_curve`).
        phase: The phase.
        policies: Names of the policies in order.
    """

    def __init__(self, settings: dict[str, Any], phase: Phase, policies: Sequence[str]) -> None:
        self._settings = settings
        self._num_scenes = 0 if phase == "evaluate" else settings.get("num_scenes", 0)
        self._policies = {name: number for number, name in enumerate(policies)}
        self._envs: dict[str, VisualProgramEnv] = {}
        self._pictures: dict[str, Picture] = {}

    def env(self, split: str) -> VisualProgramEnv:
        """The environment in which programs on a split were tried.

        Raises:
            UsageError: If it cannot be made.
            DatasetError: If its data is missing or damaged.
        """
        if split not in self._envs:
            settings = self._settings
            options = {"perception": settings.get("perception", "oracle"), "num_scenes": self._num_scenes}
            self._envs[split] = open_env(
                settings["env"], split, settings["data_dir"], settings.get("images", "required"), **options
            )
        return self._envs[split]

    def picture_name(self, row: Row) -> str:
        """What episodes about the same picture have in common."""
        env = self.env(row.split)
        try:
            return env.dataset[env.dataset.position(row.sample_id)].images[0].image_id
        except DatasetError:
            return row.sample_id

    def run(self, samples: Sequence[Sequence[Row]]) -> Iterator[list[Tried]]:
        """Runs the rows of each sample again.

        Raises:
            UsageError: If the environment cannot be made.
            DatasetError: If its data is missing or damaged. A sample that is gone is no error: its rows have no trace.
            BackendError: If perception cannot serve anything.
        """
        for start in range(0, len(samples), _BATCH):
            batch = samples[start : start + _BATCH]
            found: list[Sample | str] = [self._sample(rows[0]) for rows in batch]
            by_split: dict[str, list[tuple[Row, Sample]]] = defaultdict(list)
            for rows, sample in zip(batch, found, strict=True):
                if isinstance(sample, Sample):
                    by_split[rows[0].split] += [(row, sample) for row in rows]
            outcomes: dict[int, Outcome | str] = {}
            for split, asked in by_split.items():
                again = self._outcomes(split, asked)
                outcomes |= {id(row): outcome for (row, _), outcome in zip(asked, again, strict=True)}
            for rows, sample in zip(batch, found, strict=True):
                yield self._tried(rows, sample, outcomes)

    def _sample(self, row: Row) -> Sample | str:
        """A sample, or why there is none."""
        dataset = self.env(row.split).dataset
        try:
            return dataset[dataset.position(row.sample_id)]
        except DatasetError as error:
            return str(error)

    def _outcomes(self, split: str, asked: Sequence[tuple[Row, Sample]]) -> Sequence[Outcome | str]:
        engine = self.env(split).engine
        try:
            return engine.run([Job(row.reply, sample) for row, sample in asked])
        except DatasetError as error:  # a picture of one of them
            if len(asked) == 1:
                return [str(error)]
            return [self._outcomes(split, [one])[0] for one in asked]

    def _tried(self, rows: Sequence[Row], sample: Sample | str, outcomes: dict[int, Outcome | str]) -> list[Tried]:
        env, split = str(self._settings["env"]), rows[0].split
        problem = sample if isinstance(sample, str) else ""
        pictures: tuple[Picture, ...] = ()
        if isinstance(sample, Sample):
            try:
                pictures = tuple(self._picture(image) for image in sample.images)
            except DatasetError as error:
                problem = str(error)
        tried = []
        for row, label, change in label_rows(rows, self._policies):
            outcome = outcomes.get(id(row), problem)
            if isinstance(sample, Sample) and isinstance(outcome, Outcome):
                rationale = Rationale.of(sample, outcome, reply=row.reply, with_pictures=False, env=env, split=split)
                note = " · ".join(filter(None, (_difference(row, outcome), problem)))
            else:
                rationale, note = _of_row(row, env), f"It could not be run again: {outcome}"
            tried.append(Tried(row, label, change, replace(rationale, pictures=pictures), note))
        return tried

    def _picture(self, image: Any) -> Picture:
        key = image.content_hash
        if key not in self._pictures:
            self._pictures[key] = Picture.of(image)
        return self._pictures[key]


def label_rows(rows: Sequence[Row], policies: dict[str, int]) -> list[tuple[Row, str, str]]:
    """The rows of one sample in the order of their policies, each with its label and what has changed before it.

    Several programs of one policy are compared with those of the policy before in turn.
    """
    ordered = sorted(rows, key=lambda row: policies[row.policy])
    by_policy: dict[str, list[Row]] = defaultdict(list)
    for row in ordered:
        by_policy[row.policy].append(row)
    labeled = []
    before: list[Row] = []
    for policy, written in by_policy.items():
        for number, row in enumerate(written):
            label = policy if number == 0 else f"{policy} #{number + 1}"
            labeled.append((row, label, _change(before[number], row) if number < len(before) else "first"))
        before = written
    return labeled


def _change(before: Row, row: Row) -> str:
    if row.reward:
        return "right" if before.reward else "gained"
    return "lost" if before.reward else "wrong"


def _difference(row: Row, outcome: Outcome) -> str:
    answer = None if outcome.answer is None else str(outcome.answer)
    if (row.outcome, row.answer) == (outcome.outcome, answer):
        return ""
    pairs = (outcome.outcome, answer), (row.outcome, row.answer)
    now, then = (text if said is None else f"{text}, answer {said}" for text, said in pairs)
    return f"now: {now}; when tried: {then}"


def _of_row(row: Row, env: str) -> Rationale:
    """All that the run itself knows of a program."""
    error = None
    if row.error is not None:
        match = _ERROR.fullmatch(row.error)
        kind, line, message = match.groups() if match else (row.error, 0, None)
        error = {"type": kind, "message": message or "", "line": int(line)}
    return Rationale(
        row.sample_id, row.query, row.reply, row.program, row.outcome, row.reward, row.reward, row.answer, error=error, env=env,
        split=row.split,
    )  # fmt: skip
