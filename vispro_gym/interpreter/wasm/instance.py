"""What runs inside the instance: hosts the same modules that the worker process hosts.

`build` runs this module's top level once and keeps the memory that it leaves behind; every instance starts from there. The
instance has no files, no clock, no environment and no random numbers: whatever would touch them traps.
"""

from __future__ import annotations

import gc
import json
import sys
import warnings
from typing import Any

import wit_world  # type: ignore[import-not-found]  # made by componentize-py from programs.wit

from vispro_gym.interpreter.guest import execute, rewrite
from vispro_gym.interpreter.guest import meter as metering
from vispro_gym.programs.api import OPERATIONS

PROGRAMS_PER_COLLECTION = 32


def ask(call: tuple[Any, ...]) -> Any:
    """Takes a perception call to the engine."""
    line, operation, image, box, arguments = call
    record = [line, OPERATIONS.index(operation), image, *box]
    return json.loads(wit_world.ask(json.dumps([record, arguments], separators=(",", ":"))))


def run(source: str, sizes: list[list[int]], steps: int, calls: int, output_characters: int, assignments: int) -> execute.Result:
    """Runs one program."""
    metering.current = metering.Meter(steps, calls, output_characters, assignments)
    result = execute.execute(metering.current, execute.prepared(source, assignments > 0), sizes)
    metering.current = metering.nobody
    return result


class WitWorld(wit_world.WitWorld):  # type: ignore[misc]
    """The exports of the instance; componentize-py finds the class by this name."""

    def run(self, job: str) -> str:
        """Runs one program."""
        result = json.dumps(run(*json.loads(job)), separators=(",", ":"))
        gc.collect()  # here, so that finalizers of one program do not run inside another
        return result


def set_up() -> None:
    """Brings Python into the state in which every instance finds it."""
    if sys.flags.hash_randomization:
        raise RuntimeError("PYTHONHASHSEED is not in force: the order of sets would change from build to build")
    sys.setrecursionlimit(execute.RECURSION_LIMIT)
    sys.unraisablehook = lambda *_: None
    sys.stdout = None  # type: ignore[assignment]  # the standard library prints what it compiles, if asked to
    warnings.simplefilter("ignore")  # to print one, Python would look for files
    # To report a syntax error, Python opens the file, and that traps. It does not try with a name that no file can have.
    rewrite.FILENAME = execute.FILENAME = rewrite.FILENAME + "\ud800"  # type: ignore[attr-defined]
    execute.ask = ask
    result = run(execute.WARM_UP, [[1, 1]], 1_000, 0, 0, 9)  # imports what the standard library imports late
    if result[0] != "answered":
        raise RuntimeError(f"the warm-up program ended with {result}")
    run("def execute_command(image)", [[1, 1]], 1_000, 0, 0, 9)
    gc.disable()
    gc.collect()
    gc.freeze()


set_up()
