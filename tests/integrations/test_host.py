"""One environment for many episodes at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.scenes import write_gqa_folder
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.integrations.host import Host, host

GQA = "VisProg-GQA-v0"


def test_each_environment_is_opened_once() -> None:
    options = {"split": "val", "filter": {"detailed": ["exist"]}}
    with ThreadPoolExecutor(8) as threads:
        hosts = list(threads.map(lambda _: host(GQA, dict(options)), range(8)))
    assert len(set(map(id, hosts))) == 1
    assert host(GQA, {"split": "val"}) is not hosts[0]


def test_programs_that_wait_run_together(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Host(GQA, {})
    samples = [here.sample(sample_id) for sample_id, _ in here.episodes(limit=9)]
    batches: list[int] = []
    busy, go_on = threading.Event(), threading.Event()
    run = Engine.run

    def slowly(engine: Engine, jobs: Sequence[Job], *rest: Any) -> list[Outcome]:
        batches.append(len(jobs))
        if len(batches) == 1:  # the others arrive meanwhile
            busy.set()
            assert go_on.wait(60)
        return run(engine, jobs, *rest)

    monkeypatch.setattr(Engine, "run", slowly)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(here.run, [Job("return 0", samples[0])])
        assert busy.wait(60)
        others = [threads.submit(here.run, [Job(f"return {i}", samples[i])] * i) for i in range(1, 9)]
        while len(here._waiting) < 8:
            pass
        go_on.set()
        found = [first.result(), *(other.result() for other in others)]
    assert batches == [1, 36]
    assert [[outcome.answer for outcome in outcomes] for outcomes in found] == [[0]] + [[i] * i for i in range(1, 9)]


def test_a_failure_is_that_of_its_own_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four threads, whose programs run together; one of them cannot be served."""
    here = Host(GQA, {})
    (sample_id, seed), *_ = here.episodes(limit=1)
    sample = here.sample(sample_id, seed)
    run = Engine.run

    def fragile(engine: Engine, jobs: Sequence[Job], *rest: Any) -> list[Outcome]:
        if any("gone" in job.text for job in jobs):
            raise OSError("gone")
        return run(engine, jobs, *rest)

    monkeypatch.setattr(Engine, "run", fragile)
    here._turn.acquire()  # so that all wait for it
    with ThreadPoolExecutor(4) as threads:
        texts = ["return 1", "gone", "return 3", "return 4"]
        waiting = [threads.submit(here.run, [Job(text, sample)]) for text in texts]
        while len(here._waiting) < 4:
            pass
        here._turn.release()
        with pytest.raises(OSError, match="gone"):
            waiting[1].result()
        assert [waiting[i].result()[0].answer for i in (0, 2, 3)] == [1, 3, 4]
    assert here.run([Job("return 5", sample)])[0].answer == 5


def test_an_interrupt_stops_one_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Host(GQA, {})
    (sample_id, seed), *_ = here.episodes(limit=1)
    job = Job("return 1", here.sample(sample_id, seed))
    run, interrupts = Engine.run, iter([True])

    def interrupted(engine: Engine, jobs: Sequence[Job], *rest: Any) -> list[Outcome]:
        if next(interrupts, False):
            raise KeyboardInterrupt
        return run(engine, jobs, *rest)

    monkeypatch.setattr(Engine, "run", interrupted)
    here._turn.acquire()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(here.run, [job]) for _ in range(3)]
        while len(here._waiting) < 3:
            pass
        here._turn.release()
        errors = [one.exception() for one in waiting]
    assert sorted(type(error).__name__ for error in errors) == ["KeyboardInterrupt", "NoneType", "NoneType"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_does_not_inherit_locks() -> None:
    here = host(GQA, {"split": "val"})
    (sample_id, seed), *_ = here.episodes(limit=1)
    with here._turn, here._list:  # as if another thread were running programs
        child = os.fork()
        if child == 0:
            try:
                job = Job("return 1", host(GQA, {"split": "val"}).sample(sample_id, seed))
                os._exit(here.run([job])[0].answer != 1)
            finally:
                os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_damage_is_told_when_an_episode_starts(tmp_path: Path) -> None:
    folder = write_gqa_folder(tmp_path)
    here = Host(GQA, {"data_dir": str(folder), "split": "val"})
    for picture in (folder / "images").iterdir():
        picture.write_bytes(b"damaged")
    with pytest.raises(DatasetError):
        here.start(seed=0)


def test_episodes_are_those_of_the_environment() -> None:
    here = Host("VisProg-SugarCREPE-v0", {})
    env: Any = gym.make("VisProg-SugarCREPE-v0")
    for sample_id, seed in here.episodes(limit=5, seed=2):
        env.reset(seed=seed, options={"sample_id": sample_id})
        assert here.sample(sample_id, seed).query == env.unwrapped.sample.query
    assert len({sample_id for sample_id, _ in here.episodes()}) == len(env.unwrapped.dataset)
