"""What programs can reach by the names that may follow a dot, walked to the end; and what a forged report can do to the parent."""

from __future__ import annotations

import collections
import copy
import functools
import operator
import random
import re
import types
from collections.abc import Iterator
from typing import Any

import pytest

from vispro_gym.interpreter.batch import Batch, Seat
from vispro_gym.interpreter.guest import library, meter, methods, runtime
from vispro_gym.interpreter.guest.language import ATTRIBUTES, BUILTINS, MODULES
from vispro_gym.interpreter.process import WorkerDied
from vispro_gym.interpreter.types import RECORD, Limits, Program

DEPTH = 4
MACHINERY = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.CellType, types.MappingProxyType)
MUTABLE = (list, dict, set, bytearray, collections.deque)


@pytest.fixture(autouse=True)
def metered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a program ran: guards account to its meter."""
    monkeypatch.setattr(meter, "current", meter.Meter(1_000_000, 0, 0))


def samples() -> dict[str, Any]:
    """One value of every type that programs can make."""

    def generator() -> Iterator[int]:
        yield 1

    try:
        raise ZeroDivisionError("x")
    except ZeroDivisionError as caught:
        error = caught
    patch: Any = runtime.make_patch(0, (0, 0, 5, 5))
    return {
        "text": "a", "number": 1, "float": 1.5, "list": [1], "dict": {1: 2}, "tuple": (1,), "set": {1}, "frozenset": frozenset([1]),
        "generator": generator(), "function": generator, "lambda": lambda: 1, "match": re.match("(a)", "a"), "pattern": re.compile("a"),
        "counter": collections.Counter("a"), "defaultdict": collections.defaultdict(list), "deque": collections.deque([1]),
        "ordered": collections.OrderedDict(), "error": error, "stop": StopIteration(5), "name error": NameError("x", name="x"),
        "attribute error": AttributeError("x", name="x", obj=1), "patch": patch, "range": range(3),
        "slice": slice(1), "map": map(str, [1]), "partial": functools.partial(len), "cached": functools.lru_cache(len),
        "getter": operator.itemgetter(0), "keys": {}.keys(), "bound": "a".join, "method": patch.find,
        "array": MODULES["numpy"].array([1, 2]),
    }  # fmt: skip


def read(value: Any, name: str) -> Any:
    """`value.name` as a program reads it."""
    if name == "__class__":
        return library.BUILTINS["_type_"](value)
    return methods.method(value, name) if name in methods.METHODS else getattr(value, name)


def reachable(roots: dict[str, Any]) -> dict[str, Any]:
    """All values that can be read from others, by the way to them."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    kept = []  # ids are unique only among the living
    queue = collections.deque(roots.items())
    while queue:
        way, value = queue.popleft()
        if id(value) in seen or way.count(".") > DEPTH:
            continue
        seen.add(id(value))
        kept.append(value)
        found[way] = value
        for name in [*ATTRIBUTES, "__class__"]:
            try:
                queue.append((f"{way}.{name}", read(value, name)))
            except (AttributeError, TypeError, ValueError, RuntimeError, meter.Stop):
                continue
    return found


def test_no_way_leads_to_the_machinery() -> None:
    roots = {name: value for name, value in BUILTINS.items() if not name.startswith("_")} | MODULES | runtime.NAMES
    found = reachable(roots | samples())
    assert len(found) > 300
    classes = (id(object), id(type), id(BaseException))
    assert [way for way, value in found.items() if isinstance(value, MACHINERY) or id(value) in classes] == []
    assert [name for name in ATTRIBUTES if name.startswith("_")] == []


def test_no_way_leads_to_a_container_that_programs_share() -> None:
    roots = {name: value for name, value in BUILTINS.items() if not name.startswith("_")} | MODULES | runtime.NAMES
    assert [way for way, value in reachable(roots).items() if isinstance(value, MUTABLE)] == []


class FakeWorker:
    """Says what it is told to say."""

    programs = 0

    def __init__(self, report: Any) -> None:
        self.report = report

    def send(self, message: Any) -> None:
        """Takes a message."""

    def receive(self, deadline: float) -> Any:
        return self.report

    def malformed(self, why: str) -> WorkerDied:
        return WorkerDied(why)


# Records of calls, their arguments, and the programs that ended.
HONEST = [
    [[1, 3, 0, 0, 0, 0, 50, 40], [2, 4, 3, 0, 0, 0, 9, 9], [3, 5, 5, 0, 0, 0, 9, 9]],
    [["cup"], [["a", "b"]], ["on", None, "subject"]],
    [[0, "answered", [1, "x", {"image": 0, "box": [0, 0, 5, 5]}], None, "", 7, "2\ta\t1\t5\t"],
     [4, "runtime_error", None, {"type": "ValueError", "message": "x", "line": 2}, "out", 9, ""]],
]  # fmt: skip
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 99, 1 << 40, 1 << 70, 1e308, float("nan"), "", "x", "detect", "answered", "x" * 5_000, "\ud800",
    [], {}, [[]], [None], {"image": 0, "box": None}, {"image": 7, "box": [0, 0, 1, 1]}, [0, 0, 1, 1], ["a"] * 500, [9, 9, 1, 1],
)  # fmt: skip


def forged(rng: random.Random) -> Any:
    """A report with some values replaced, left out or doubled."""
    report = copy.deepcopy(HONEST)
    records = report.pop(0)
    for record in records:
        if rng.random() < 0.2:
            record[rng.randrange(8)] = rng.choice([-1, 0, 1, 4, 6, 80, 101, 1 << 20, -(1 << 31), (1 << 31) - 1])
    if rng.random() < 0.1:
        rng.shuffle(records)
    packed = b"".join(RECORD.pack(*record) for record in records)
    if rng.random() < 0.1:
        packed = packed[: rng.randrange(len(packed))]
    for _ in range(rng.randrange(1, 4)):
        place: Any = report
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(place[key], list | dict) and rng.random() < 0.8:
                place = place[key]
                continue
            change = rng.randrange(4)
            if change < 2:
                place[key] = rng.choice(STRANGE)
            elif change == 2 or isinstance(place, dict):
                del place[key]
            else:
                place.append(place[key])
            break
    return [packed, *report]


def programs() -> list[Program]:
    return [Program("def execute_command(image): return 1\n", ((100, 80),))] * 5


def received(report: Any) -> tuple[Batch, list[Any]]:
    batch = Batch(programs(), lambda calls: [], Limits())
    records, *rest = report
    worker: Any = FakeWorker((records if isinstance(records, bytes) else b"".join(RECORD.pack(*r) for r in records), rest))
    seat = Seat(worker)
    batch.post(seat, range(5))
    return batch, batch.receive(seat)


def test_an_honest_report_is_taken() -> None:
    _, calls = received(HONEST)
    assert [call.program for call in calls] == [1, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_forged_reports_end_the_worker_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    taken = 0
    for _ in range(1_500):
        report = forged(rng)
        try:
            batch, calls = received(report)
        except WorkerDied:
            continue
        taken += 1
        for call in calls:
            left, lower, right, upper = call.box
            assert all(type(edge) is int for edge in call.box) and type(call.program) is int and call.image == 0
            assert 0 <= left < right <= 100 and 0 <= lower < upper <= 80, report
            texts = [text for argument in call.arguments for text in (argument if isinstance(argument, tuple) else (argument,))]
            assert len(texts) <= 120 and all(text is None or len(text.encode()) < 20_000 for text in texts), report
        for execution in batch.executions():
            assert isinstance(execution.output, str) and execution.steps >= 0 and len(execution.values) < 200_000
    assert taken < 1_000
