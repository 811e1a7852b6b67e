"""The cache: never the same question twice, never an old answer, whatever happens to the file."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from tests.perception.seeing import MeanPerception, ask, batches, picture
from vispro_gym.datasets.images import image_ref
from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.cache import CachedPerception
from vispro_gym.perception.oracle import OraclePerception
from vispro_gym.perception.pictures import request_key
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, Similarity
from vispro_gym.perception.store import Store

WHOLE = (0, 0, 24, 16)


@pytest.fixture(autouse=True)
def forget_notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("vispro_gym.datasets.errors._said", set())
    yield


def cached(folder: Path, version: str = "1", **options: Any) -> tuple[CachedPerception, MeanPerception]:
    inner = MeanPerception(version)
    return CachedPerception(inner, folder=folder, **options), inner


@given(batches)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_results_are_those_of_the_backend_from_wherever_they_come(tmp_path_factory: pytest.TempPathFactory, batch: Any) -> None:
    operation, requests = batch
    folder = tmp_path_factory.mktemp("cache")
    expected = ask(MeanPerception(), operation, requests)
    distinct = {request_key(request): str(result).startswith("error") for request, result in zip(requests, expected, strict=True)}
    for asked in (len(distinct), sum(distinct.values())):  # from the backend, then from disk: errors are not kept
        perception, inner = cached(folder)
        assert list(map(repr, ask(perception, operation, requests))) == list(map(repr, expected))
        assert inner.asked[operation] == asked
    again = ask(perception, operation, requests)  # from memory
    assert list(map(repr, again)) == list(map(repr, expected))
    assert inner.asked[operation] == 2 * sum(distinct.values())


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path)
    image, same = picture(1), picture(1, name="the same under another name")
    requests = [Detect(image, WHOLE, "cup"), Detect(same, WHOLE, "cup"), Detect(image, (0.2, 0.0, 24.4, 16.0), "cup")]
    results = perception.detect(requests)
    assert inner.asked["detect"] == 1 and results[0] == results[1] == results[2]
    assert results[0] is not results[1]  # nobody's changes reach another
    perception.detect(requests)
    assert inner.asked["detect"] == 1
    assert perception.counts == {"backend": 1, "memory": 1, "disk": 0}


@pytest.mark.parametrize(
    "other",
    [
        Detect(picture(2), WHOLE, "cup"),
        Detect(picture(1), (0, 0, 23, 16), "cup"),
        Detect(picture(1), WHOLE, "cups"),
        Answer(picture(1), WHOLE, "cup"),
    ],
    ids=["picture", "box", "text", "operation"],
)
def test_another_question_is_asked(tmp_path: Path, other: Any) -> None:
    perception, inner = cached(tmp_path)
    perception.detect([Detect(picture(1), WHOLE, "cup")])
    ask(perception, type(other).__name__.lower(), [other])
    assert inner.asked.total() == 2


def test_texts_that_join_to_the_same_are_different_questions(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path)
    perception.similarity([Similarity(picture(1), WHOLE, ("ab", "c")), Similarity(picture(1), WHOLE, ("a", "bc"))])
    assert inner.asked["similarity"] == 2


def test_another_model_or_threshold_never_gets_an_old_answer(tmp_path: Path) -> None:
    requests = [Depth(picture(1), WHOLE)]
    (old,) = cached(tmp_path, "1")[0].depth(requests)
    (new,) = cached(tmp_path, "2")[0].depth(requests)
    assert [old] == MeanPerception("1").depth(requests) and [new] == MeanPerception("2").depth(requests)
    perception, inner = cached(tmp_path, "1")
    assert perception.depth(requests) == [old] and not inner.asked
    inner.version = "2"  # while it runs
    assert perception.depth(requests) == [new] and not inner.asked


def test_a_changed_picture_file_is_another_picture(tmp_path: Path) -> None:
    def ref() -> ImageRef:
        return image_ref(tmp_path / "1.png", "1", lambda: None, "required")

    perception, inner = cached(tmp_path / "cache")
    for value in (10, 200):
        Image.fromarray(np.full((16, 24, 3), value, np.uint8)).save(tmp_path / "1.png")
        os.utime(tmp_path / "1.png", ns=(value, value))
        assert perception.depth([Depth(ref(), WHOLE)]) == MeanPerception().depth([Depth(ref(), WHOLE)])
    assert inner.asked["depth"] == 2


def test_blank_pictures_of_other_proportions_are_other_pictures() -> None:
    wide, high = (ImageRef("blank", size, lambda s=size: np.zeros((s[1], s[0], 3), np.uint8)) for size in ((20, 10), (10, 20)))
    assert wide.content_hash != high.content_hash


def test_memory_is_bounded(tmp_path: Path) -> None:
    perception, inner = cached(tmp_path, memory=3, disk_mb=0)
    requests = [Depth(picture(i), WHOLE) for i in range(5)]
    assert perception.depth(requests) == MeanPerception().depth(requests)
    assert len(perception._memory) == 3
    perception.depth(requests[2:])
    assert inner.asked["depth"] == 5
    perception.depth(requests[:1])
    assert inner.asked["depth"] == 6
    assert not list(tmp_path.iterdir())


def test_without_an_identity_nothing_is_kept(tmp_path: Path) -> None:
    perception = CachedPerception(OraclePerception(), folder=tmp_path / "cache")
    (result,) = perception.detect([Detect(picture(1), WHOLE, "cup")])
    assert "answers from annotations" in str(result)
    assert perception.needs_scenes and perception.identity("detect") is None and not (tmp_path / "cache").exists()


def test_what_was_served_before_a_failure_is_kept(tmp_path: Path) -> None:
    class Failing(MeanPerception):
        down = True

        def _serve(self, operation: str, requests: Any) -> list[Any]:
            results = super()._serve(operation, requests)
            if self.down:
                raise BackendError("server down", [*results[:2], None])
            return results

    perception = CachedPerception(inner := Failing(), folder=tmp_path)
    requests = [Depth(picture(i), WHOLE) for i in range(3)]
    with pytest.raises(BackendError, match="server down"):
        perception.depth(requests)
    inner.down = False
    assert perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 3 + 1


@pytest.mark.parametrize("options", [{"memory": -1}, {"disk_mb": -0.5}])
def test_sizes_that_are_none(tmp_path: Path, options: Any) -> None:
    with pytest.raises(ValueError, match="Expected a number of at least 0"):
        CachedPerception(MeanPerception(), folder=tmp_path, **options)


# The file.


def key(i: int) -> bytes:
    return i.to_bytes(20, "big")


def filled(folder: Path, count: int = 2_000) -> Store:
    store = Store(folder, 1 << 30)
    store.put("answer", "model", ((key(i), f"value {i} {'x' * 200}") for i in range(count)))
    return store


def test_the_oldest_entries_go_when_the_limit_is_passed(tmp_path: Path) -> None:
    store = Store(tmp_path, 1 << 20)
    for start in range(0, 10_000, 500):
        store.put("answer", "model", ((key(i), "x" * 300) for i in range(start, start + 500)))
        assert store.size() <= 1 << 20
        assert store.get([key(start)])
    assert len(store.get([key(i) for i in range(10_000)])) > 1_500
    store.close()
    assert (tmp_path / "results-v1-1.sqlite").stat().st_size < 3 << 20


def test_what_is_used_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, 1 << 20)
    now = [0.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    store.put("answer", "model", [(key(0), "dear")])
    for start in range(1, 10_000, 500):
        now[0] += 1
        assert store.get([key(0)]) == {key(0): "dear"}
        store.put("answer", "model", ((key(i), "x" * 300) for i in range(start, start + 500)))
    assert not store.get([key(1)])


@pytest.mark.parametrize("damage", ["half", "header", "middle", "empty", "text", "few bytes"])
def test_a_damaged_file_is_given_up_and_never_believed(tmp_path: Path, damage: str) -> None:
    filled(tmp_path).close()
    (file,) = tmp_path.glob("*.sqlite")
    data = file.read_bytes()
    rng = random.Random(damage)
    noise = rng.randbytes(len(data))
    file.write_bytes(
        {
            "half": data[: len(data) // 2],
            "header": noise[:100] + data[100:],
            "middle": data[:8192] + noise[8192:-8192] + data[-8192:],
            "empty": b"",
            "text": b"not a database",
            "few bytes": bytes(b ^ (rng.random() < 0.001) for b in data),
        }[damage]
    )
    store = Store(tmp_path, 1 << 30)
    found = store.get([key(i) for i in range(2_000)])
    assert all(value == f"value {int.from_bytes(k, 'big')} {'x' * 200}" for k, value in found.items())
    assert len(found) < 2_000
    store.put("answer", "model", [(key(5_000), "new"), (key(1), "new")])
    assert store.get([key(5_000), key(1)]) == {key(5_000): "new", key(1): "new"}
    store.close()
    again = Store(tmp_path, 1 << 30)
    assert again.get([key(1)]) == {key(1): "new"}
    assert sum(kind.results for kind in again.kinds()) >= 2
    again.close()


def test_a_value_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    (file,) = tmp_path.glob("*.sqlite")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE results SET value = '\"other\"' WHERE key = ?", (key(3),))
        connection.execute("UPDATE results SET key = ? WHERE key = ?", (key(77), key(4)))
    connection.close()
    store = Store(tmp_path, 1 << 30)
    assert set(store.get([key(i) for i in (*range(10), 77)])) == {key(i) for i in range(10) if i not in (3, 4)}
    store.close()


def test_a_file_given_up_by_one_process_is_left_by_the_other(tmp_path: Path) -> None:
    other = filled(tmp_path)
    (file,) = tmp_path.glob("*.sqlite")
    store = Store(tmp_path, 1 << 30)
    store.get([key(0)])
    store._give_up_file()
    assert not file.exists()
    store.put("answer", "model", [(key(0), "new")])
    other.put("answer", "model", [(key(1), "from the other")])
    other.close()
    assert store.get([key(0)]) == {key(0): "new"}
    store.close()


def test_a_folder_that_cannot_be_used_costs_the_disk_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    perception, inner = cached(tmp_path / "file" / "cache")
    requests = [Depth(picture(1), WHOLE)]
    assert perception.depth(requests) == perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 1
    assert "cannot be used" in caplog.text and "kept in memory only" in caplog.text


def test_many_threads(tmp_path: Path) -> None:
    perception, _ = cached(tmp_path, memory=10)
    requests = [Depth(picture(i % 7), (0, 0, 1 + i % 20, 1 + i % 13)) for i in range(200)]
    expected = MeanPerception().depth(requests)
    wrong: list[int] = []

    def work(start: int) -> None:
        for i in range(start, 200, 3):
            if perception.depth([requests[i]]) != [expected[i]]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    child = os.fork()
    if child == 0:
        try:
            good = len(store.get([key(i) for i in range(5)])) == 5
            store.put("answer", "model", [(key(9), "child")])
            store.close()
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get([key(9), key(0)]).keys() == {key(9), key(0)}
    store.put("answer", "model", [(key(10), "parent")])
    assert store.get([key(10)])
    store.close()


def test_clear_and_kinds(tmp_path: Path) -> None:
    store = filled(tmp_path, 300)
    store.put("depth", "other model", [(key(9_999), 1.5)])
    assert [(kind.operation, kind.backend, kind.results) for kind in store.kinds()] == [
        ("answer", "model", 300),
        ("depth", "other model", 1),
    ]
    before = store.size()
    store.clear()
    assert not store.kinds() and not store.get([key(1)]) and store.size() < before / 3
    store.put("depth", "other model", [(key(1), 2.5)])
    assert store.get([key(1)]) == {key(1): 2.5} and len(store.kinds()) == 1
    store.close()
