"""The file of the cache: shared by processes, never wrong, whatever happens to it."""

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

import pytest

from vispro_gym.perception.store import Store


@pytest.fixture(autouse=True)
def forget_notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("vispro_gym.datasets.errors._said", set())
    yield


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


def in_child(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return child


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of later Pythons, on forks beside threads
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


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of later Pythons, on forks beside threads
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
