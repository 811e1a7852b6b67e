"""The cache: never the same question twice, never an old answer, whatever happens to the file."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
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
from vispro_gym.perception.protocol import Answer, BackendError, Depth, Detect, Similarity, Verify
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
    store.close()
    assert store._give_up_file()
    assert not file.exists()
    store.put("answer", "model", [(key(0), "new")])
    other.put("answer", "model", [(key(1), "from the other")])
    other.close()
    assert store.get([key(0), key(1), key(2)]) == {key(0): "new", key(1): "from the other"}
    store.close()


def test_what_is_no_fault_of_the_file_does_not_cost_it(tmp_path: Path) -> None:
    """A disk that takes no more, in a process of its own, since limits cannot be raised again."""
    filled(tmp_path, 300).close()
    script = f"""
import resource, signal
from pathlib import Path
from vispro_gym.perception.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path({str(tmp_path)!r}), 1 << 30)
assert store.get([(1).to_bytes(20, "big")])
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
for i in range(1_000, 3_000, 100):
    store.put("answer", "model", [(j.to_bytes(20, "big"), "y" * 500) for j in range(i, i + 100)])
assert store.get([(1).to_bytes(20, "big")])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "cannot be used" in run.stderr
    assert [file.name for file in tmp_path.glob("*.sqlite")] == ["results-v1-1.sqlite"]
    store = Store(tmp_path, 1 << 30)
    assert len(store.get([key(i) for i in range(300)])) == 300
    store.close()


def test_a_file_that_cannot_be_given_up_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path).close()
    (file,) = tmp_path.glob("*.sqlite")
    file.write_bytes(b"not a database")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refuse)
    perception, inner = cached(tmp_path)
    requests = [Depth(picture(1), WHOLE)]
    assert perception.depth(requests) == perception.depth(requests) == MeanPerception().depth(requests)
    assert inner.asked["depth"] == 1


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


def in_child(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return child


def test_a_forked_child_has_a_connection_and_locks_of_its_own(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    told, tell = os.pipe()

    def work() -> bool:
        good = len(store.get([key(i) for i in range(5)])) == 5
        os.read(told, 1)  # the parent has closed its connection, and with it would have taken the log away
        for i in range(100, 200):
            store.put("answer", "model", [(key(i), f"child {i}")])
        store.close()
        return good

    child = in_child(work)
    store.put("answer", "model", [(key(10), "parent")])
    store.close()
    os.write(tell, b".")
    other = Store(tmp_path, 1 << 30)
    for i in range(300, 400):
        other.put("answer", "model", [(key(i), f"other {i}")])
    assert os.waitpid(child, 0)[1] == 0
    os.close(told), os.close(tell)
    found = other.get([key(i) for i in range(400)])
    assert len(found) == 5 + 1 + 100 + 100 and found[key(150)] == "child 150"
    other.close()
    with sqlite3.connect(tmp_path / "results-v1-1.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_fork_waits_for_other_threads_and_the_child_for_nothing(tmp_path: Path) -> None:
    store, stop = filled(tmp_path, 100), threading.Event()

    def use() -> None:
        i = 0
        while not stop.is_set():
            i += 1
            store.put("answer", "model", [(key(10_000 + i), "x" * 1_000)])

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for _ in range(10):
            start = time.monotonic()
            child = in_child(lambda: len(store.get([key(i) for i in range(100)])) == 100)
            assert os.waitpid(child, 0)[1] == 0
            assert time.monotonic() - start < 20
    finally:
        stop.set()
        thread.join()
    store.close()


def test_what_only_reads_marks_what_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    filled(tmp_path, 3_000).close()
    now[0] = 100.0
    reader = Store(tmp_path, 1 << 30)
    reader.get([key(i) for i in range(2_000)])
    reader.get([key(2_500)])
    reader.close()
    with sqlite3.connect(tmp_path / "results-v1-1.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM results WHERE used = 100").fetchone() == (2_001,)
    connection.close()


def test_a_process_that_runs_while_another_clears(tmp_path: Path) -> None:
    store, other = filled(tmp_path, 3), Store(tmp_path, 1 << 30)
    assert other.clear()
    store.put("answer", "model", [(key(1), "after")])
    other.put("depth", "another model", [(key(2), 1.0)])
    assert [(kind.operation, kind.backend) for kind in other.kinds()] == [("answer", "model"), ("depth", "another model")]
    assert other.clear() and not other.kinds()
    store.close()
    other.close()


def test_an_identity_may_be_any_text(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    store.put("answer", "models/\udce9 [b]", [(key(7), "x")])
    assert len(store.kinds()) == 2 and store.get([key(7), key(0)]).keys() == {key(7), key(0)}
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


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("detect", ["here"]), ("detect", [(1, 2, 3)]), ("detect", [(0.0, 0.0, float("nan"), 1.0)]), ("detect", 5),
        ("verify", "no"), ("answer", 3), ("similarity", "abc"), ("depth", "far"),
    ],
)  # fmt: skip
def test_results_of_no_known_form_are_named(tmp_path: Path, operation: str, result: Any) -> None:
    class Wrong(MeanPerception):
        def _look(self, *_: Any) -> Any:
            return result

    requests = {
        "detect": Detect(picture(1), WHOLE, "a"), "verify": Verify(picture(1), WHOLE, "a", "b"),
        "answer": Answer(picture(1), WHOLE, "a"), "similarity": Similarity(picture(1), WHOLE, ("a",)),
        "depth": Depth(picture(1), WHOLE),
    }  # fmt: skip
    with pytest.raises(TypeError, match=f"perception 'mean' answered '{operation}' with .* Expected a"):
        getattr(CachedPerception(Wrong(), folder=tmp_path), operation)([requests[operation]])


def test_what_is_no_backend(tmp_path: Path) -> None:
    class Half:
        name = "half"

        def detect(self, requests: Any) -> Any: ...

    for value in ("pixels", Half(), MeanPerception):
        with pytest.raises(TypeError, match="is no perception backend: it lacks"):
            CachedPerception(value, folder=tmp_path)  # type: ignore[arg-type]
