"""The interpreter: runs many programs at once in worker processes and serves their perception calls in batches."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from vispro_gym.interpreter.process import WorkerDied, WorkerProcess
from vispro_gym.interpreter.types import Call, CallFailure, Execution, Handler, Limits, PatchAnswer, Program, Reply

WINDOW = 64
"""Programs that one worker holds at once."""

_STATUSES = frozenset(
    "answered no_answer syntax_error rejected runtime_error timeout step_limit memory_limit call_limit perception_error".split()
)
_SECONDS_PER_PROGRAM = 0.01  # what a worker may need for an ordinary program's turn, with much to spare


class _Running:
    """What the parent knows of a program that has been started."""

    __slots__ = ("calls", "seconds")

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Reply]] = []
        self.seconds = 0.0


class _Seat:
    """A worker, the programs it holds, and the answers that wait to be sent to it."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.held: set[int] = set()
        self.answers: list[tuple[int, Any]] = []


class Interpreter:
    """Runs programs outside this process, under limits.

    Worker processes are started when first needed and reused. When a worker dies or overruns, or a program in it ran
    out of memory, its unfinished programs are run again one by one, each alone in a fresh process, so that a program
    cannot change what becomes of its neighbours. Safe for use from several threads (calls wait for each other) and
    after a fork.
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
        self._owner = os.getpid()
        self._lock = threading.Lock()
        _interpreters.add(self)

    def run_batch(self, programs: Sequence[Program], handler: Handler) -> list[Execution]:
        """Runs programs and returns what became of each, in order.

        Args:
            programs: What to run.
            handler: Answers perception calls; receives those of all waiting programs at once. An exception that it
                raises ends the batch and reaches the caller.

        Raises:
            InterpreterError: If no worker process can be started.
        """
        with self._lock:
            self._adopt()
            results: list[Execution | None] = [None] * len(programs)
            queue: deque[int] = deque()
            for i, program in enumerate(programs):
                if len(program.source) > self.limits.source_characters:
                    message = (
                        f"the program has {len(program.source)} characters, expected at most {self.limits.source_characters}"
                    )
                    results[i] = Execution("rejected", error={"type": "Rejected", "message": message, "line": 0})
                else:
                    queue.append(i)
            try:
                again = self._run_together(programs, queue, handler, results)
                for i in again:
                    results[i] = self._run_alone(i, programs[i], handler)
            except BaseException:
                self._discard_workers()  # they hold suspended programs that nobody will resume
                raise
            return [result for result in results if result is not None]

    def close(self) -> None:
        """Ends the worker processes. The interpreter can still be used; it would start new ones."""
        with self._lock:
            self._adopt()
            self._discard_workers()

    def _after_fork(self) -> None:
        """In a forked child: a lock that another thread of the parent held would never be released here."""
        self._lock = threading.Lock()

    def _adopt(self) -> None:
        """In a forked child, lets go of the parent's workers."""
        if self._owner != os.getpid():
            for worker in self._workers:
                worker.forget()
            self._workers = []
            self._owner = os.getpid()

    def _discard_workers(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._workers = []

    def _seats(self, programs: int) -> list[_Seat]:
        wanted = min(self._max_workers, -(-programs // WINDOW))
        while len(self._workers) < wanted:
            self._workers.append(WorkerProcess(self.limits))
        return [_Seat(worker) for worker in self._workers[:wanted]]

    def _run_together(
        self, programs: Sequence[Program], queue: deque[int], handler: Handler, results: list[Execution | None]
    ) -> list[int]:
        """Advances all programs in lock-step; returns the indices of those that have to run again alone."""
        seats = self._seats(len(queue))
        running: dict[int, _Running] = {}
        again: set[int] = set()
        share = max(1, min(WINDOW, -(-len(queue) // max(1, len(seats)))))
        while queue or running:
            posted: list[tuple[_Seat, float]] = []
            for seat in list(seats):
                new = [queue.popleft() for _ in range(min(share - len(seat.held), len(queue)))]
                running.update((i, _Running()) for i in new)
                seat.held.update(new)
                if not seat.held:
                    continue
                seconds = self.limits.seconds + _SECONDS_PER_PROGRAM * len(seat.held)
                try:
                    self._post(seat, programs, new, seconds)
                    posted.append((seat, time.monotonic() + seconds))
                except WorkerDied:
                    self._bury(seat, running, again)
            pending: list[tuple[_Seat, Call]] = []
            for seat, deadline in posted:
                try:
                    calls, done = self._receive(seat, deadline, programs, running, results)
                except WorkerDied:
                    self._bury(seat, running, again)
                    continue
                pending += [(seat, call) for call in calls]
                for i in done:
                    result = results[i]
                    if result is not None and result.status == "memory_limit":  # a neighbour may have used it up
                        results[i] = None
                        again.add(i)
            self._serve(pending, handler, running)
        return sorted(again)

    def _run_alone(self, index: int, program: Program, handler: Handler) -> Execution:
        """Runs one program in a process of its own."""
        seat = _Seat(WorkerProcess(self.limits))
        running = {index: _Running()}
        results: dict[int, Execution | None] = {index: None}
        programs = {index: program}
        seat.held.add(index)
        new = [index]
        left = self.limits.seconds
        try:
            while True:
                start = time.monotonic()
                self._post(seat, programs, new, left)
                new = []
                calls, _ = self._receive(seat, start + left, programs, running, results)
                left -= time.monotonic() - start
                result = results[index]
                if result is not None:
                    seat.worker.kill()
                    return result
                if left <= 0:
                    raise WorkerDied("the program used up its time", timed_out=True)
                self._serve([(seat, call) for call in calls], handler, running)
        except WorkerDied as death:
            seat.worker.kill()
            calls_made = tuple(running[index].calls) if index in running else ()
            # SIGALRM (-14) is the worker's own alarm clock, which rings if this side was too busy to.
            if death.timed_out or "status -14" in str(death):
                message = f"more than {self.limits.seconds:g} seconds"
                return Execution("timeout", error={"type": "Timeout", "message": message, "line": 0}, calls=calls_made)
            message = f"the process that ran the program was lost ({death})"
            return Execution("memory_limit", error={"type": "ProcessLost", "message": message, "line": 0}, calls=calls_made)

    def _post(self, seat: _Seat, programs: Any, new: Sequence[int], seconds: float) -> None:
        seat.worker.send([seat.answers, [(i, programs[i].source, programs[i].image_sizes) for i in new], seconds])
        seat.answers = []

    def _receive(
        self, seat: _Seat, deadline: float, programs: Any, running: dict[int, _Running], results: Any
    ) -> tuple[list[Call], list[int]]:
        """Reads one report: the calls that are pending, and the indices of the programs that ended (now in `results`)."""
        report = seat.worker.receive(deadline)
        calls, done = [], []
        # The worker runs hostile programs; nothing that it sends is trusted to have the right form.
        try:
            reported_calls, reported_ends = report
            for i, *call in reported_calls:
                if i not in seat.held:
                    raise ValueError(f"a call of program {i!r}")
                calls.append(_checked_call(i, call, len(programs[i].image_sizes)))
            for i, status, answer, error, steps in reported_ends:
                if i not in seat.held or status not in _STATUSES or not isinstance(steps, int):
                    raise ValueError(f"the end of program {i!r}")
                answer = _checked_answer(answer) if status == "answered" else None
                results[i] = Execution(status, answer, _checked_error(error), tuple(running.pop(i).calls), steps)
                seat.held.discard(i)
                done.append(i)
            if len({call.program for call in calls}) != len(seat.held) or len(calls) != len(seat.held):
                raise ValueError("not one call per waiting program")
        except (ValueError, TypeError, KeyError) as error:
            seat.worker.kill()
            raise WorkerDied(f"the process sent a malformed report: {error}") from None
        return calls, done

    def _serve(self, pending: list[tuple[_Seat, Call]], handler: Handler, running: dict[int, _Running]) -> None:
        """Has the handler answer all pending calls and puts the replies where the next message takes them from."""
        if not pending:
            return
        replies = handler([call for _, call in pending])
        for (seat, call), reply in zip(pending, replies, strict=True):
            running[call.program].calls.append((call, reply))
            seat.answers.append((call.program, {"failure": reply.message} if isinstance(reply, CallFailure) else reply))

    def _bury(self, seat: _Seat, running: dict[int, _Running], again: set[int]) -> None:
        """Replaces a dead worker; its programs run again alone."""
        seat.worker.kill()
        for i in seat.held:
            running.pop(i, None)
        again.update(seat.held)
        seat.held.clear()
        seat.answers = []
        fresh = WorkerProcess(self.limits)
        self._workers[self._workers.index(seat.worker)] = fresh
        seat.worker = fresh


_ARGUMENTS: dict[str, tuple[type, ...]] = {
    "detect": (str,),
    "verify": (str, str),
    "answer": (str,),
    "similarity": (list,),
    "depth": (),
    "relate": (str, object, str),
}


def _checked_call(program: int, call: list[Any], images: int) -> Call:
    line, operation, image, box, arguments = call
    kinds = _ARGUMENTS[operation]
    well_formed = (
        isinstance(line, int)
        and isinstance(image, int)
        and 0 <= image < images
        and len(box) == 4
        and all(type(value) is int and abs(value) < 1 << 31 for value in box)
        and len(arguments) == len(kinds)
        and all(isinstance(value, kind) for value, kind in zip(arguments, kinds, strict=True))
    )
    if operation == "similarity" and well_formed:
        well_formed = all(isinstance(text, str) for text in arguments[0])
        arguments = [tuple(arguments[0])]
    if operation == "relate" and well_formed:
        well_formed = (arguments[1] is None or isinstance(arguments[1], str)) and arguments[2] in ("subject", "object")
    if not well_formed:
        raise ValueError(f"a malformed call of {operation!r}")
    return Call(program, line, operation, image, tuple(box), tuple(arguments))


def _checked_answer(answer: Any) -> Any:
    if isinstance(answer, dict):
        image, box = answer["image"], answer["box"]
        if not isinstance(image, int) or len(box) != 4 or not all(isinstance(value, int) for value in box):
            raise ValueError("a malformed patch")
        return PatchAnswer(image, (box[0], box[1], box[2], box[3]))
    if isinstance(answer, list):
        return [_checked_answer(item) for item in answer]
    if not isinstance(answer, str | bool | int | float):
        raise ValueError(f"an answer of type {type(answer).__name__}")
    return answer


def _checked_error(error: Any) -> dict[str, Any] | None:
    if error is None:
        return None
    line = error["line"]
    return {"type": str(error["type"]), "message": str(error["message"]), "line": line if isinstance(line, int) else 0}


_interpreters: weakref.WeakSet[Interpreter] = weakref.WeakSet()
_shared: dict[tuple[int, Limits], Interpreter] = {}


def shared_interpreter(limits: Limits | None = None) -> Interpreter:
    """The interpreter of this process for these limits: all environments share its workers."""
    key = (os.getpid(), limits or Limits())
    if key not in _shared:
        _shared[key] = Interpreter(key[1])
    return _shared[key]


@atexit.register
def _close_all() -> None:
    for interpreter in list(_interpreters):
        interpreter.close()


def _after_fork_in_child() -> None:
    for interpreter in list(_interpreters):
        interpreter._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
