"""The interpreter: runs many programs at once in worker processes and serves their perception calls in batches."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence

from vispro_gym.interpreter.process import WorkerDied, WorkerProcess
from vispro_gym.interpreter.types import Call, CallFailure, Execution, Handler, Limits, Program, Reply
from vispro_gym.interpreter.wire import checked_call, checked_end

WINDOW = 64
"""Programs that one worker holds at once."""

# A worker gets this much computing time for a turn, beside the time that one program may take. Ordinary programs need a
# thirtieth of it.
_SECONDS_PER_PROGRAM = 0.01
# The kernel ends a worker whose computing time is up. Should it not, the parent does after this many times the seconds.
_PATIENCE = 10

_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}


class _Seat:
    """A worker, the programs that it holds, and the replies that wait to be sent to it."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.held: set[int] = set()
        self.replies: list[tuple[int, object]] = []


class _Batch:
    """The programs of one call of `run_batch`, and what is known of them."""

    def __init__(self, programs: Sequence[Program], handler: Handler, limits: Limits) -> None:
        self.programs = programs
        self.handler = handler
        self.limits = limits
        self.results: list[Execution | None] = [None] * len(programs)
        self.calls: list[list[tuple[Call, Reply]]] = [[] for _ in programs]

    def post(self, seat: _Seat, new: Sequence[int]) -> float:
        """Starts programs and resumes those that have their replies; returns the deadline of the worker's report."""
        for i in new:
            self.calls[i].clear()
        seat.held.update(new)
        seconds = self.limits.seconds + _SECONDS_PER_PROGRAM * len(seat.held)
        replies, seat.replies = seat.replies, []
        seat.worker.send([replies, [(i, self.programs[i].source, self.programs[i].image_sizes) for i in new], seconds])
        return time.monotonic() + _PATIENCE * seconds

    def receive(self, seat: _Seat, deadline: float) -> list[Call]:
        """Reads a worker's report: returns the calls that are pending; programs that ended get their result."""
        report = seat.worker.receive(deadline)
        try:
            reported_calls, reported_ends = report
            calls = []
            for i, *call in reported_calls:
                if i not in seat.held:
                    raise ValueError(f"a call of program {i!r}")
                calls.append(checked_call(i, call, len(self.programs[i].image_sizes)))
            for i, *end in reported_ends:
                if i not in seat.held:
                    raise ValueError(f"the end of program {i!r}")
                self.results[i] = checked_end(end, self.calls[i], len(self.programs[i].image_sizes))
                seat.held.discard(i)
            if sorted(call.program for call in calls) != sorted(seat.held):
                raise ValueError("not one call per waiting program")
        except (ValueError, TypeError, KeyError) as error:
            seat.worker.kill()
            raise WorkerDied(f"the process sent a malformed report: {error}") from None
        return calls

    def serve(self, pending: Sequence[tuple[_Seat, Call]]) -> None:
        """Has the handler answer all pending calls and puts the replies where the next message takes them from."""
        if not pending:
            return
        replies = self.handler([call for _, call in pending])
        for (seat, call), reply in zip(pending, replies, strict=True):
            self.calls[call.program].append((call, reply))
            seat.replies.append((call.program, {"failure": reply.message} if isinstance(reply, CallFailure) else reply))

    def lost(self, i: int, death: WorkerDied) -> Execution:
        """What became of a program whose process was lost while it held no other."""
        if death.signal == signal.SIGPROF:
            status, kind, message = "timeout", "Timeout", f"more than {self.limits.seconds:g} seconds"
        elif death.signal in _CRASHES:
            status, kind, message = "runtime_error", "InterpreterCrash", "the program crashed the interpreter"
        else:
            status, kind, message = "memory_limit", "ProcessLost", "the process that ran the program was lost"
        return Execution(status, error={"type": kind, "message": message, "line": 0}, calls=tuple(self.calls[i]))


class Interpreter:
    """Runs programs outside this process, under limits.

    Worker processes are started when first needed and reused. When a worker dies or overruns, or a program in it ran out of
    memory, its unfinished programs are run again one by one, so that a program cannot change what becomes of its neighbours.
    Safe for use from several threads (calls wait for each other) and after a fork.
    """

    def __init__(self, limits: Limits | None = None, workers: int | None = None) -> None:
        """Prepares an interpreter; no process is started yet.

        Args:
            limits: What each program may use.
            workers: Largest number of worker processes; by default one per processor, at most two.
        """
        self.limits = limits or Limits()
        self._max_workers = workers or min(2, os.cpu_count() or 1)
        self._workers: list[WorkerProcess] = []
        self._lock = threading.Lock()
        _interpreters.add(self)

    def run_batch(self, programs: Sequence[Program], handler: Handler) -> list[Execution]:
        """Runs programs and returns what became of each, in order.

        Args:
            programs: What to run.
            handler: Answers perception calls; receives those of all waiting programs at once. An exception that it raises ends
                the batch and reaches the caller.

        Raises:
            InterpreterError: If no worker process can be started.
        """
        batch = _Batch(programs, handler, self.limits)
        queue: deque[int] = deque()
        for i, program in enumerate(programs):
            if len(program.source) > self.limits.source_characters:
                message = f"the program has {len(program.source)} characters, expected at most {self.limits.source_characters}"
                batch.results[i] = Execution("rejected", error={"type": "Rejected", "message": message, "line": 0})
            else:
                queue.append(i)
        with self._lock:
            try:
                again = self._run_together(batch, queue)
                self._run_alone(batch, again)
            except BaseException:
                self._end_workers()  # they hold suspended programs that nobody will resume
                raise
        return [result for result in batch.results if result is not None]

    def close(self) -> None:
        """Ends the worker processes. The interpreter can still be used; it would start new ones."""
        with self._lock:
            self._end_workers()

    def _after_fork(self) -> None:
        """In a forked child: the workers are the parent's, and a lock that was held would never be released."""
        self._lock = threading.Lock()
        self._end_workers()

    def _end_workers(self) -> None:
        while self._workers:
            self._workers.pop().kill()

    def _run_together(self, batch: _Batch, queue: deque[int]) -> list[int]:
        """Advances all programs in lock-step; returns the indices of those that have to run again alone."""
        wanted = min(self._max_workers, -(-len(queue) // WINDOW))
        while len(self._workers) < wanted:
            self._workers.append(WorkerProcess(self.limits))
        seats = [_Seat(worker) for worker in self._workers[:wanted]]
        share = min(WINDOW, -(-len(queue) // max(1, wanted)))
        again: list[int] = []
        while queue or any(seat.held for seat in seats):
            posted: list[tuple[_Seat, float]] = []
            for seat in seats:
                new = [queue.popleft() for _ in range(min(share - len(seat.held), len(queue)))]
                if new or seat.held:
                    try:
                        posted.append((seat, batch.post(seat, new)))
                    except WorkerDied as death:
                        again += self._bury(batch, seat, death)
            pending: list[tuple[_Seat, Call]] = []
            for seat, deadline in posted:
                try:
                    pending += [(seat, call) for call in batch.receive(seat, deadline)]
                except WorkerDied as death:
                    again += self._bury(batch, seat, death)
            batch.serve(pending)
        # A neighbour may have used up the memory that another program lacked.
        short_of_memory = [i for i, result in enumerate(batch.results) if result is not None and result.status == "memory_limit"]
        if short_of_memory:
            self._end_workers()
        return sorted(again + short_of_memory)

    def _bury(self, batch: _Batch, seat: _Seat, death: WorkerDied) -> list[int]:
        """Replaces a dead worker; returns the indices of its programs, unless there was one and its end is known."""
        held = sorted(seat.held)
        fresh = WorkerProcess(self.limits)
        self._workers[self._workers.index(seat.worker)] = fresh
        seat.worker = fresh
        seat.held.clear()
        seat.replies = []
        if len(held) == 1 and death.signal == signal.SIGPROF:
            batch.results[held[0]] = batch.lost(held[0], death)
            return []
        return held

    def _run_alone(self, batch: _Batch, indices: Sequence[int]) -> None:
        """Runs programs one after another; each one that harms its process is the last one there."""
        worker: WorkerProcess | None = None
        try:
            for i in indices:
                worker = worker or WorkerProcess(self.limits)
                seat = _Seat(worker)
                batch.results[i] = None
                try:
                    deadline = batch.post(seat, [i])
                    while calls := batch.receive(seat, deadline):
                        batch.serve([(seat, call) for call in calls])
                        deadline = batch.post(seat, [])
                    result = batch.results[i]
                    harmed = result is None or result.status in ("memory_limit", "timeout")
                except WorkerDied as death:
                    batch.results[i] = batch.lost(i, death)
                    harmed = True
                if harmed:
                    worker.kill()
                    worker = None
        finally:
            if worker is not None:
                worker.kill()


_interpreters: weakref.WeakSet[Interpreter] = weakref.WeakSet()
_shared: dict[tuple[int, Limits], Interpreter] = {}


def shared_interpreter(limits: Limits | None = None) -> Interpreter:
    """The interpreter of this process for these limits: all environments share its workers."""
    key = (os.getpid(), limits or Limits())
    if key not in _shared:
        _shared[key] = Interpreter(key[1])
    return _shared[key]


@atexit.register
def _end_all() -> None:
    # Without the lock: a batch of a daemon thread may hold it for ever.
    for interpreter in list(_interpreters):
        interpreter._end_workers()


def _after_fork_in_child() -> None:
    for interpreter in list(_interpreters):
        interpreter._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
