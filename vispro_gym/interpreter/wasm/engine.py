"""Runs programs in WebAssembly instances, many at once, and serves their perception calls in batches."""

from __future__ import annotations

import atexit
import json
import os
import struct
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from vispro_gym.interpreter.types import RECORD, Call, CallFailure, Execution, Handler, Limits, Program, Reply
from vispro_gym.interpreter.wasm.seat import Instance, Report, Seat, the_host
from vispro_gym.interpreter.wire import checked_call, checked_end, checked_reply

WINDOW = 64
"""Programs that run at once; each needs some 10 MB."""

_MAX_MESSAGE_CHARACTERS = 4 << 20


@dataclass(slots=True)
class _Job:
    """A program, its calls so far, and what became of it."""

    index: int
    program: Program
    calls: list[tuple[Call, Reply]] = field(default_factory=list)
    known: list[tuple[Call, Reply]] = field(default_factory=list)
    """Calls of an earlier run, the next one last: perception is not asked twice."""
    fresh: bool = False
    """Whether it has to run in an instance of its own."""
    result: Execution | None = None

    def end(self, status: str, kind: str, message: str) -> None:
        """Sets a result that is no report of the program's."""
        self.result = Execution(status, error={"type": kind, "message": message, "line": 0}, calls=tuple(self.calls))

    def run_again(self) -> None:
        """Prepares for a run in a fresh instance."""
        self.known, self.calls, self.fresh, self.result = self.calls[::-1], [], True, None


class WasmInterpreter:
    """Runs programs inside WebAssembly, under limits; stands in for `vispro_gym.interpreter.pool.Interpreter`.

    Instances are reused, and one in which a program overran, ran out of memory or crashed is replaced. A result that may depend
    on what earlier programs left in an instance's memory is thrown away, and the program runs again in a fresh instance, so
    results are the same whatever ran before. Safe for use from several threads (calls wait for each other) and after a fork,
    except on macOS.

    `Limits.seconds` is counted in instructions here (`seat.FUEL_PER_SECOND`), so it is the same limit on every machine.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        """Prepares an interpreter; nothing is built or started yet.

        Args:
            limits: What each program may use.
        """
        self.limits = limits or Limits()
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._instances: list[Instance] = []
        _interpreters.add(self)

    def run_batch(self, programs: Sequence[Program], handler: Handler, gather: bool = False) -> list[Execution]:
        """Runs programs and returns what became of each, in order.

        Args:
            programs: What to run.
            handler: Answers perception calls; receives those of all waiting programs at once, in the order of the programs. An
                exception that it raises ends the batch and reaches the caller.
            gather: Changes nothing: the calls of all programs always come together.

        Raises:
            InterpreterError: If the engine cannot be built, or no instance can be started.
        """
        jobs = [_Job(i, program) for i, program in enumerate(programs)]
        for job in jobs:
            length = len(job.program.source)
            if length > self.limits.source_characters:
                job.end(
                    "rejected",
                    "Rejected",
                    f"the program has {length} characters, expected at most {self.limits.source_characters}",
                )
        with self._own_lock():
            the_host()
            _Batch(self.limits, handler, self._instances).run([job for job in jobs if job.result is None])
        return [job.result for job in jobs if job.result is not None]

    def close(self) -> None:
        """Ends the instances. The interpreter can still be used; it would start new ones."""
        with self._own_lock():
            self._end_instances()

    def _end_instances(self) -> None:
        while self._instances:
            self._instances.pop().close()

    def _own_lock(self) -> threading.Lock:
        if self._owner != os.getpid():  # forked: another thread of the parent may have held the lock
            self._owner, self._lock, self._instances = os.getpid(), threading.Lock(), []
        return self._lock


_interpreters: weakref.WeakSet[WasmInterpreter] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    # Without the lock: a batch of a daemon thread may hold it for ever.
    for interpreter in list(_interpreters):
        interpreter._end_instances()


class _Batch:
    """One call of `run_batch`.

    It advances all programs in lock-step, so that the handler gets the same calls together on every machine.
    """

    def __init__(self, limits: Limits, handler: Handler, instances: list[Instance]) -> None:
        self._limits = limits
        self._handler = handler
        self._instances = instances
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self._seats: list[Seat] = []
        self._running: dict[Seat, _Job] = {}

    def run(self, jobs: Sequence[_Job]) -> None:
        """Runs programs to their ends."""
        queue = deque(jobs)
        try:
            for _ in range(min(WINDOW, len(queue))):
                seat = Seat(self._limits, self._instances.pop() if self._instances else None, self._reports)
                seat.start()
                self._seats.append(seat)
            while queue or self._running:
                waiting = self._start(queue)
                reports = [self._reports.get() for _ in range(waiting)]
                calls = []
                for report in sorted(reports, key=lambda report: self._running[report.seat].index):
                    job = self._running[report.seat]
                    call = self._take(report, job)
                    if call is not None:
                        calls.append((report.seat, call))
                    elif job.result is None and report.kind != "call":
                        queue.append(job)
                self._serve(calls)
        finally:
            self._end_seats()

    def _start(self, queue: deque[_Job]) -> int:
        """Fills free seats; returns the number of seats that will report."""
        for seat in self._seats:
            if seat not in self._running and queue:
                job = queue.popleft()
                if job.fresh:
                    seat.discard()
                self._running[seat] = job
                limits = self._limits
                allowed = (limits.steps, limits.calls, limits.output_characters, limits.assignments)
                seat.put(json.dumps([job.program.source, job.program.image_sizes, *allowed]))
        return len(self._running)

    def _take(self, report: Report, job: _Job) -> Call | None:
        """Takes note of a report; returns the call that is pending, if one is."""
        if report.error is not None:
            raise report.error
        sizes = job.program.image_sizes
        try:
            if report.kind == "call":
                if len(report.text) > _MAX_MESSAGE_CHARACTERS or len(job.calls) >= self._limits.calls:
                    raise ValueError("a call that no honest instance makes")
                record, arguments = json.loads(report.text)
                # Packed, so that there are eight integers for certain.
                return checked_call(RECORD.unpack(RECORD.pack(job.index, *record)), arguments, sizes)
            del self._running[report.seat]
            if job.result is not None:  # given up earlier
                pass
            elif report.doubtful:
                job.run_again()
            elif report.kind == "timeout":
                job.end("timeout", "Timeout", f"more than {self._limits.seconds:g} seconds")
            elif report.kind == "crash":
                job.end("runtime_error", "InterpreterCrash", "the program crashed the interpreter")
            else:
                if len(report.text) > _MAX_MESSAGE_CHARACTERS:
                    raise ValueError("a result that no honest instance sends")
                job.result = checked_end(json.loads(report.text), job.calls, sizes, self._limits)
                self._look_at_memory(report.seat, job)
        except (ValueError, TypeError, KeyError, RecursionError, struct.error):
            job.end("runtime_error", "InterpreterCrash", "the program crashed the interpreter")
            if report.kind == "call":
                report.seat.give_up()
            else:
                report.seat.discard()
        return None

    def _look_at_memory(self, seat: Seat, job: _Job) -> None:
        """An instance that ran out of memory is replaced, and earlier programs may have used up what this one lacked."""
        if job.result is None or job.result.error is None or job.result.error["message"] != "out of memory":
            return
        seat.discard()
        if not job.fresh:
            job.run_again()

    def _serve(self, calls: Sequence[tuple[Seat, Call]]) -> None:
        """Has the handler answer pending calls and resumes the programs."""
        asked: list[tuple[Seat, Call]] = []
        for seat, call in calls:
            known = self._running[seat].known
            if known and known[-1][0] == call:
                self._reply(seat, *known.pop())
            else:
                known.clear()
                asked.append((seat, call))
        if asked:
            for (seat, call), reply in zip(asked, self._handler([call for _, call in asked]), strict=True):
                size = self._running[seat].program.image_sizes[call.image]
                self._reply(seat, call, checked_reply(call, reply, size))

    def _reply(self, seat: Seat, call: Call, reply: Reply) -> None:
        self._running[seat].calls.append((call, reply))
        seat.put(json.dumps({"failure": reply.message} if isinstance(reply, CallFailure) else reply))

    def _end_seats(self) -> None:
        """Ends the threads and keeps the instances that are in order: those of seats without a program."""
        for seat in self._seats:
            seat.end()
        for seat in self._seats:
            seat.join()
            if seat in self._running:
                seat.discard()
            if seat.instance is not None:
                self._instances.append(seat.instance)
                seat.instance = None
