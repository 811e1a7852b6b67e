"""One environment for many episodes at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import pytest

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


def test_a_failure_reaches_all_who_wait_and_none_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Host(GQA, {})
    (sample_id, seed), *_ = here.episodes(limit=1)
    job = Job("return 1", here.sample(sample_id, seed))
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "run", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with ThreadPoolExecutor(4) as threads:
            for waiting in [threads.submit(here.run, [job]) for _ in range(4)]:
                with pytest.raises(OSError, match="gone"):
                    waiting.result()
    assert here.run([job])[0].answer == 1


def test_episodes_are_those_of_the_environment() -> None:
    here = Host("VisProg-SugarCREPE-v0", {})
    env: Any = gym.make("VisProg-SugarCREPE-v0")
    for sample_id, seed in here.episodes(limit=5, seed=2):
        env.reset(seed=seed, options={"sample_id": sample_id})
        assert here.sample(sample_id, seed).query == env.unwrapped.sample.query
    assert len({sample_id for sample_id, _ in here.episodes()}) == len(env.unwrapped.dataset)
