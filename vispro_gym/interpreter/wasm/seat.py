"""One instance of the guest and the thread that runs programs in it."""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import Any, Literal

from wasmtime import Store, WasmtimeError
from wasmtime.component import Func, Linker

from vispro_gym.interpreter.process import InterpreterError
from vispro_gym.interpreter.types import Limits
from vispro_gym.interpreter.wasm.build import STACK_BYTES, load, new_engine

FUEL_PER_SECOND = 10_000_000_000
"""Instructions that stand for a second of `Limits.seconds`. Burning them takes one to two; CPython outside WebAssembly does in
half a second what takes so many here."""
_MARGIN = 0.25
"""By how much what earlier programs left in an instance may change the fuel that a program burns."""

_PROGRAMS_PER_INSTANCE = 1_000
_THREAD_STACK_BYTES = STACK_BYTES + (4 << 20)

_starting = threading.Lock()


class Host:
    """The compiled component, and what instances of it may call: `ask`, nothing else."""

    def __init__(self) -> None:
        self.engine = new_engine()
        self.component = load(self.engine)
        self.linker = Linker(self.engine)
        with self.linker.root() as root:
            root.add_func("ask", _ask)
        index = self.component.get_export_index("run")
        assert index is not None
        self.run_index = index

    def close(self) -> None:
        """Gives everything back."""
        for part in (self.run_index, self.linker, self.component, self.engine):
            part.close()


@cache
def the_host() -> Host:
    """The host of all instances of this process. The first call takes a tenth of a second, or half a minute to build it."""
    host = Host()
    atexit.register(host.close)  # wasmtime's finalizers fail when they run after its modules are gone
    return host


def _ask(_: Any, call: str) -> str:
    """The import `ask`. The seat whose program asks is the thread that this runs in."""
    seat = threading.current_thread()
    assert isinstance(seat, Seat)
    return seat.ask(call)


class Instance:
    """A running CPython with a memory of its own.

    Attributes:
        programs: Number of programs that it has run.
    """

    def __init__(self, limits: Limits) -> None:
        """Starts it.

        Raises:
            InterpreterError: If it cannot be started, for one because memory_mb is too little.
        """
        host = the_host()
        self._store = Store(host.engine)
        self._store.set_limits(memory_size=limits.memory_mb << 20)
        self._fuel = max(1, int(limits.seconds * FUEL_PER_SECOND))
        self._store.set_fuel(FUEL_PER_SECOND)
        try:
            instance = host.linker.instantiate(self._store, host.component)
            run = instance.get_func(self._store, host.run_index)
        except WasmtimeError as error:
            said = str(error).splitlines()[-1]
            raise InterpreterError(f"no WebAssembly instance with memory_mb={limits.memory_mb} can be started: {said}") from None
        assert run is not None
        self._run: Func = run
        self.programs = 0

    def run(self, job: str) -> str:
        """Runs a program. Raises WasmtimeError if it traps; the instance is of no use then."""
        self.programs += 1
        self._tank = self._fuel if self.programs == 1 else int(self._fuel * (1 + _MARGIN))
        self._store.set_fuel(self._tank)
        result: str = self._run(self._store, job)
        return result

    @property
    def out_of_fuel(self) -> bool:
        """Whether the program has burnt all that it may, and in a used instance a little more."""
        fuel: int = self._store.get_fuel()
        return fuel == 0

    @property
    def close_to_the_limit(self) -> bool:
        """Whether the program may have burnt all its fuel, had the instance been fresh."""
        return self.programs > 1 and self._tank - self._store.get_fuel() > self._fuel * (1 - _MARGIN)

    def close(self) -> None:
        """Gives its memory back."""
        self._store.close()


@dataclass(frozen=True, slots=True)
class Report:
    """Why a seat stopped.

    Attributes:
        seat: Which one.
        kind: The program asks perception, has ended, has burnt its fuel, has crashed the instance; or there is no instance.
        text: What the instance sent, if the kind is "call" or "end".
        doubtful: Whether a fresh instance may have come to another end.
        error: If the kind is "failed".
    """

    seat: Seat
    kind: Literal["call", "end", "timeout", "crash", "failed"]
    text: str = ""
    doubtful: bool = False
    error: BaseException | None = None


class Seat(threading.Thread):
    """A place where one program runs at a time. It reports whenever it stops, and waits then.

    Attributes:
        instance: The instance in use, if any; only while the seat waits for a program it may be touched by others.
    """

    def __init__(self, limits: Limits, instance: Instance | None, reports: SimpleQueue[Report]) -> None:
        super().__init__(name="vispro-wasm", daemon=True)
        self.instance = instance
        self._limits = limits
        self._reports = reports
        self._inbox: SimpleQueue[str | None] = SimpleQueue()

    def start(self) -> None:
        """Starts the thread with a stack that the deepest recursion in an instance fits into."""
        with _starting:
            before = threading.stack_size(_THREAD_STACK_BYTES)
            try:
                super().start()
            finally:
                threading.stack_size(before)

    def put(self, text: str) -> None:
        """Gives a waiting seat what it waits for: a program to run, or the reply to the call that it reported."""
        self._inbox.put(text)

    def give_up(self) -> None:
        """Has the running program trap where it asks perception. It reports a crash then."""
        self._inbox.put(None)

    def end(self) -> None:
        """Ends the seat, in whatever state it is, as soon as its program asks or ends."""
        self._inbox.put(None)
        self._inbox.put(None)

    def discard(self) -> None:
        """Drops the instance."""
        if self.instance is not None:
            self.instance.close()
            self.instance = None

    def ask(self, call: str) -> str:
        """Reports a call and waits for its reply; runs inside the call of the instance."""
        self._reports.put(Report(self, "call", call))
        reply = self._inbox.get()
        if reply is None:
            raise WasmtimeError("the program was given up")
        return reply

    def run(self) -> None:
        """What the thread does."""
        while (job := self._inbox.get()) is not None:
            try:
                report = self._run_program(job)
            except BaseException as error:  # whoever waits for the report must learn of it
                self.discard()
                report = Report(self, "failed", error=error)
            self._reports.put(report)

    def _run_program(self, job: str) -> Report:
        if self.instance is None:
            self.instance = Instance(self._limits)
        instance = self.instance
        try:
            text = instance.run(job)
        except WasmtimeError:
            report = Report(self, "timeout") if instance.out_of_fuel else Report(self, "crash", doubtful=instance.programs > 1)
            self.discard()
            return report
        doubtful = instance.close_to_the_limit
        if instance.programs >= _PROGRAMS_PER_INSTANCE:
            self.discard()
        return Report(self, "end", text, doubtful)
