"""Statements on pairs of drawn photos: the truth as the statement, the program and the oracle see it."""

from __future__ import annotations

from random import Random

from tests.datasets.mini.photos.harness import image_refs, photos
from vispro_gym.datasets.mini.nlvr2 import Statement, _statements
from vispro_gym.datasets.sample import Sample
from vispro_gym.engine import Engine, Job
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.tasks.nlvr import NLVR2Task


def test_programs_agree_with_statements() -> None:
    rng = Random(3)
    group = photos()[:48]
    refs = image_refs(group)
    said = list(_statements(group))
    assert len({statement.text for statement in said}) == len(said)
    by_kind: dict[str, list[Statement]] = {}
    for statement in said:
        by_kind.setdefault(statement.kind, []).append(statement)
    jobs = []
    for kind, some in by_kind.items():
        missing = {True: 12, False: 12}
        for _ in range(10_000):
            if not any(missing.values()):
                break
            statement, pair = rng.choice(some), (rng.choice(group), rng.choice(group))
            truth = statement.holds(pair)
            if truth is not None and missing[truth]:
                missing[truth] -= 1
                shown = (refs[pair[0].image_id], refs[pair[1].image_id])
                jobs.append(Job(statement.program, Sample(statement.text, "", shown, truth)))
        assert missing == {True: 0, False: 0}, kind
    outcomes = Engine(NLVR2Task(), OraclePerception()).run(jobs)
    assert [outcome.sample_id for outcome in outcomes if not outcome.reward] == []


def test_what_can_be_understood_in_two_ways_is_not_said() -> None:
    group = photos()[:48]
    said = {statement.text: statement for statement in _statements(group)}
    one_each = [photo for photo in group if len(photo.of("person")) == 1][:2]
    assert said["One image contains exactly one person."].holds((one_each[0], one_each[1])) is None
    benches = next(photo for photo in group if photo.of("bench") and not photo.of("chair"))
    assert said["Neither image shows a chair."].holds((benches, benches)) is None, "some call a bench a chair"
