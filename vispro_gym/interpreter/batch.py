"""The programs of one call of `Interpreter.run_batch`: what is sent to workers, what comes back, and what is known so far."""

from __future__ import annotations

import signal
import struct
import time
from collections.abc import Sequence

from vispro_gym.interpreter.process import WorkerDied, WorkerProcess
from vispro_gym.interpreter.types import RECORD, Call, CallFailure, Execution, Handler, Limits, Program, Reply
from vispro_gym.interpreter.wire import checked_call, checked_end, checked_reply

# Computing time that a program gets for a turn beside others, and what short turns of the others may add to it. Ordinary programs
# need a hundredth. A worker that is stopped too early costs time, never a result: the program that ran is run again alone, with
# all the time it may have.
_SECONDS_PER_TURN = 0.3
_SECONDS_PER_PROGRAM = 0.001
# The kernel ends a worker that overruns. Should it not, the parent does after this many times what all its programs may take,
# but not sooner than after so many seconds: a virtual machine may stand still for some of them.
_PATIENCE = 10
_LEAST_PATIENCE_SECONDS = 30.0

# SIGSYS: a forbidden system call, which may be the one by which the C library aborts.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}


class Seat:
    """A worker, the programs that it holds, and the replies that wait to be sent to it."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.held: set[int] = set()
        self.replies: list[tuple[int, object]] = []
        self.posted = False
        self.deadline = 0.0

    def leave(self) -> list[int]:
        """Gives up the programs that the worker holds; returns them."""
        held = sorted(self.held)
        self.held.clear()
        self.replies = []
        self.posted = False
        return held


class Batch:
    """Programs, their calls so far, and what became of them."""

    def __init__(self, programs: Sequence[Program], handler: Handler, limits: Limits) -> None:
        self._programs = programs
        self._handler = handler
        self._limits = limits
        self._results: list[Execution | None] = [None] * len(programs)
        self._calls: list[list[tuple[Call, Reply]]] = [[] for _ in programs]
        # Calls of an earlier, interrupted run of the program, the next one last: perception is not asked twice.
        self._known: dict[int, list[tuple[Call, Reply]]] = {}
        for i, program in enumerate(programs):
            if len(program.source) > limits.source_characters:
                message = f"the program has {len(program.source)} characters, expected at most {limits.source_characters}"
                self._results[i] = Execution("rejected", error={"type": "Rejected", "message": message, "line": 0})

    def waiting(self) -> list[int]:
        """Programs without a result."""
        return [i for i, result in enumerate(self._results) if result is None]

    def executions(self) -> list[Execution]:
        """What became of the programs, when none is waiting."""
        return [result for result in self._results if result is not None]

    def short_of_memory(self) -> list[int]:
        """Programs that ended for want of memory in a process with neighbours."""
        return [i for i, result in enumerate(self._results) if result is not None and _lacked_memory(result)]

    def short_of_time(self) -> list[int]:
        """Programs whose time was up in a process with neighbours.

        On a virtual machine, the time that the host took away may count as the program's own.
        """
        return [i for i, result in enumerate(self._results) if result is not None and result.status == "timeout"]

    def post(self, seat: Seat, new: Sequence[int]) -> None:
        """Starts programs and resumes those that have their replies."""
        for i in new:
            self._results[i] = None
            if self._calls[i]:
                self._known[i] = self._calls[i][::-1]
                self._calls[i] = []
        seat.held.update(new)
        seat.worker.programs += len(new)
        seconds = self._limits.seconds + 0.1
        if len(seat.held) > 1:
            seconds = min(seconds, _SECONDS_PER_TURN) + _SECONDS_PER_PROGRAM * len(seat.held)
        replies, seat.replies = seat.replies, []
        programs = [(i, self._programs[i].source, self._programs[i].image_sizes) for i in new]
        seat.worker.send((replies, programs, seconds))
        seat.posted = True
        seat.deadline = time.monotonic() + max(_LEAST_PATIENCE_SECONDS, (_PATIENCE + len(seat.held)) * seconds)

    def receive(self, seat: Seat) -> list[Call]:
        """Reads a worker's report: returns the calls that are pending; programs that ended get their result."""
        records, report = seat.worker.receive(seat.deadline)
        seat.posted = False
        try:
            all_arguments, ends = report
            calls = []
            for record, arguments in zip(RECORD.iter_unpack(records), all_arguments, strict=True):
                i = record[0]
                if i not in seat.held or len(self._calls[i]) >= self._limits.calls:
                    raise ValueError(f"a call of program {i}")
                calls.append(checked_call(record, arguments, self._programs[i].image_sizes))
            for i, *end in ends:
                if type(i) is not int or i not in seat.held:
                    raise ValueError(f"the end of program {i!r}")
                self._results[i] = checked_end(end, self._calls[i], self._programs[i].image_sizes, self._limits)
                seat.held.discard(i)
            if len(calls) != len(seat.held) or {call.program for call in calls} != seat.held:
                raise ValueError("not one call per waiting program")
        except (ValueError, TypeError, KeyError, struct.error) as error:
            raise seat.worker.malformed(str(error)) from None
        return calls

    def serve(self, seat: Seat, calls: Sequence[Call]) -> None:
        """Has the handler answer pending calls and puts the replies where the next message takes them from."""
        asked = [call for call in calls if not self._replied_before(seat, call)] if self._known else calls
        if asked:
            for call, reply in zip(asked, self._handler(asked), strict=True):
                self._reply(seat, call, checked_reply(call, reply, self._programs[call.program].image_sizes[call.image]))

    def _replied_before(self, seat: Seat, call: Call) -> bool:
        """Gives a call the reply that it got in an earlier run of its program, if there is one."""
        known = self._known.get(call.program)
        if not known:
            return False
        earlier, reply = known.pop()
        if earlier != call:
            known.clear()
            return False
        self._reply(seat, call, reply)
        return True

    def _reply(self, seat: Seat, call: Call, reply: Reply) -> None:
        self._calls[call.program].append((call, reply))
        seat.replies.append((call.program, {"failure": reply.message} if isinstance(reply, CallFailure) else reply))

    def lose(self, i: int, death: WorkerDied) -> None:
        """Sets what became of a program whose process was lost while it held no other."""
        if death.signal == signal.SIGPROF:
            status, kind, message = "timeout", "Timeout", f"more than {self._limits.seconds:g} seconds"
        elif death.signal in _CRASHES:
            status, kind, message = "runtime_error", "InterpreterCrash", "the program crashed the interpreter"
        else:
            status, kind, message = "memory_limit", "ProcessLost", "the process that ran the program was lost"
        error = {"type": kind, "message": message, "line": 0}
        self._results[i] = Execution(status, error=error, calls=tuple(self._calls[i]))


def _lacked_memory(result: Execution) -> bool:
    """Whether the process had no more memory, rather than the program having asked for more than it may."""
    return result.status == "memory_limit" and result.error is not None and result.error["message"] == "out of memory"
