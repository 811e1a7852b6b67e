"""Chooses the interpreter of a process: all environments share its workers."""

from __future__ import annotations

import os
import sys

from vispro_gym.interpreter.types import Isolation, Limits, ProgramRunner

ENGINES = ("process", "wasm")

_shared: dict[tuple[int, str, Limits, Isolation | None], ProgramRunner] = {}


def default_engine() -> str:
    """What `VISPRO_INTERPRETER` says; without it "wasm" on Windows, which has no confined processes, and "process" elsewhere.

    Raises:
        ValueError: If it says something else.
    """
    engine = os.environ.get("VISPRO_INTERPRETER", "wasm" if sys.platform == "win32" else "process")
    if engine not in ENGINES:
        raise ValueError(f"VISPRO_INTERPRETER is {engine!r}, expected one of: {', '.join(ENGINES)}")
    return engine


def shared_interpreter(limits: Limits | None = None, isolation: Isolation | None = None) -> ProgramRunner:
    """The interpreter of this process for these limits.

    Args:
        limits: What each program may use.
        isolation: See `vispro_gym.interpreter.pool.Interpreter`; the WebAssembly engine isolates programs everywhere.

    Raises:
        ValueError: If an environment variable has an unknown value.
    """
    key = (os.getpid(), default_engine(), limits or Limits(), isolation)
    if key not in _shared:
        # Each engine needs what not every machine has.
        if key[1] == "wasm":
            from vispro_gym.interpreter.wasm.engine import WasmInterpreter

            _shared[key] = WasmInterpreter(key[2])
        else:
            from vispro_gym.interpreter.pool import Interpreter

            _shared[key] = Interpreter(key[2], isolation=isolation)
    return _shared[key]
