"""The interpreter: runs many programs at once in worker processes and serves their perception calls in batches."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence

from vispro_gym.interpreter.batch import Batch, Seat
from vispro_gym.interpreter.guest.confine import missing
from vispro_gym.interpreter.process import InterpreterError, WorkerDied, WorkerProcess
from vispro_gym.interpreter.types import Execution, Handler, Isolation, Limits, Program, default_isolation

WORKERS = 2
"""Worker processes, unless told otherwise: while the parent serves the calls of one, the other computes."""
SHARE = 64
"""A batch uses another worker if each gets at least so many programs."""
WINDOW = 512
"""Programs that one worker holds at once."""
STARTS = 128
"""Programs that one worker starts in one turn, so that perception does not wait while it compiles all that it may hold."""
FEWEST = 16
"""Programs that one worker holds at once, at least, after others of the batch have lost their process."""
PROGRAMS_PER_WORKER = 50_000
"""A worker is replaced after so many programs, so that no damage done to one lasts."""


class Interpreter:
    """Runs programs outside this process, under limits.

    Worker processes are started when first needed and reused. When one dies or overruns, the program that it ran is run again
    alone, and its other programs are run again without it; so is a program that ran out of time, or of memory that
    neighbours may have used up. What becomes of a program does therefore not depend on its neighbours. Safe for use from
    several threads (calls wait for each other) and after a fork.
    """

    def __init__(self, limits: Limits | None = None, workers: int = WORKERS, isolation: Isolation | None = None) -> None:
        """Prepares an interpreter; no process is started yet.

        Args:
            limits: What each program may use.
            workers: Largest number of worker processes.
            isolation: "require" refuses to run programs in a process that the kernel does not confine in full, "best-effort"
                takes what there is. None for what the environment variable `VISPRO_ISOLATION` says, and if it says nothing,
                "require" on Linux and "best-effort" elsewhere. `vispro-gym doctor` tells what this machine has.
        """
        self.limits = limits or Limits()
        self._max_workers = workers
        self._isolation = isolation or default_isolation()
        self._workers: list[WorkerProcess] = []
        self._lock = threading.Lock()
        _interpreters.add(self)

    def run_batch(self, programs: Sequence[Program], handler: Handler, gather: bool = False) -> list[Execution]:
        """Runs programs and returns what became of each, in order.

        Args:
            programs: What to run.
            handler: Answers perception calls; receives those of all waiting programs of a worker at once. An exception that it
                raises ends the batch and reaches the caller.
            gather: Whether the handler is slow and should receive as many calls at once as can be: then one worker holds all
                programs that a worker can hold, and starts them together.

        Raises:
            InterpreterError: If no worker process can be started, or none that is isolated as asked for.
        """
        batch = Batch(programs, handler, self.limits)
        with self._lock:
            try:
                alone = self._run_together(batch, deque(batch.waiting()), gather)
                self._run_alone(batch, alone)
            except BaseException:
                self._end_workers()  # they hold suspended programs that nobody will resume
                raise
        return batch.executions()

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

    def _ready(self, worker: WorkerProcess) -> WorkerProcess:
        worker.wait_until_ready()
        if self._isolation == "require" and (gaps := missing(worker.layers)):
            worker.kill()
            raise InterpreterError(
                f"programs must run in a process that the kernel confines (isolation='require'), but here {'; '.join(gaps)}. "
                "`vispro-gym doctor` tells more. To accept less, set isolation='best-effort' or VISPRO_ISOLATION=best-effort; "
                "where the kernel offers no confinement, the WebAssembly engine does (pip install 'vispro-gym[wasm]', "
                "VISPRO_INTERPRETER=wasm)"
            )
        return worker

    def _seats(self, count: int) -> list[Seat]:
        """Ready workers, old ones where they are good enough."""
        for worker in [w for w in self._workers if w.programs > PROGRAMS_PER_WORKER]:
            worker.kill()
            self._workers.remove(worker)
        while len(self._workers) < count:
            self._workers.append(WorkerProcess(self.limits))  # all start at the same time
        return [Seat(self._ready(worker)) for worker in self._workers[:count]]

    def _run_together(self, batch: Batch, queue: deque[int], gather: bool) -> list[int]:
        """Advances all programs in lock-step; returns the indices of those that have to run again alone.

        The workers take turns in a fixed order: while the handler serves the calls of one, the others compute. So the handler
        gets the same calls together on every machine.
        """
        seats = self._seats(min(1 if gather else self._max_workers, -(-len(queue) // SHARE)))
        starts = WINDOW if gather else STARTS
        share = min(WINDOW, -(-len(queue) // max(1, len(seats))))
        smallest = min(share, FEWEST)
        alone: list[int] = []
        turns: deque[Seat] = deque(seats)
        while turns:
            seat = turns.popleft()
            try:
                if seat.posted:
                    batch.serve(seat, batch.receive(seat))
                new = [queue.popleft() for _ in range(min(starts, share - len(seat.held), len(queue)))]
                if new or seat.held:
                    batch.post(seat, new)
                    turns.append(seat)
            except WorkerDied as death:
                alone += self._bury(batch, seat, death, queue)
                turns.append(seat)
                share = max(smallest, share // 2)  # where one program harms its process, others do: fewer run again next time
        # A neighbour may have used up the memory that another program lacked.
        short_of_memory = batch.short_of_memory()
        if short_of_memory:
            self._end_workers()
        return sorted({*alone, *short_of_memory, *batch.short_of_time()})

    def _bury(self, batch: Batch, seat: Seat, death: WorkerDied, queue: deque[int]) -> list[int]:
        """Replaces a dead worker. Returns the program that ran, or all it held if that is not known; the others wait again."""
        held = seat.leave()
        fresh = WorkerProcess(self.limits)
        self._workers[self._workers.index(seat.worker)] = fresh
        seat.worker = self._ready(fresh)
        if death.program not in held:
            return held
        queue.extendleft(i for i in reversed(held) if i != death.program)
        return [death.program]

    def _run_alone(self, batch: Batch, indices: Sequence[int]) -> None:
        """Runs programs one after another, each in a process of its own."""
        for i in indices:
            worker = WorkerProcess(self.limits)
            seat = Seat(self._ready(worker))
            try:
                batch.post(seat, [i])
                while calls := batch.receive(seat):
                    batch.serve(seat, calls)
                    batch.post(seat, [])
            except WorkerDied as death:
                batch.lose(i, death)
            finally:
                worker.kill()


_interpreters: weakref.WeakSet[Interpreter] = weakref.WeakSet()


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
