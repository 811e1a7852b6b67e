"""Runs one program, wherever it is hosted: in a worker process or in a WebAssembly instance.

The host gives a `Meter` and the function `ask`, which takes a perception call out of the program's world and comes back
with the reply. Only plain data passes in either direction.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import Any

from vispro_gym.interpreter.guest import meter as metering
from vispro_gym.interpreter.guest import runtime
from vispro_gym.interpreter.guest.language import BUILTINS
from vispro_gym.interpreter.guest.messages import normalised, type_name
from vispro_gym.interpreter.guest.meter import Meter, Stop, without_addresses
from vispro_gym.interpreter.guest.rewrite import FILENAME, Rejected, prepare
from vispro_gym.interpreter.types import MAX_ANSWER_CHARACTERS, MAX_ANSWER_ITEMS
from vispro_gym.programs.api import ENTRY_POINT

RECURSION_LIMIT = 900
PARSER_RECURSION_LIMIT = 3_000
CODE_CACHE_CHARACTERS = 1_000_000  # of source; compiled code takes a few times as many bytes


class AnswerError(Exception):
    """What a program returned is no answer.

    Attributes:
        status: "no_answer" or "output_limit".
        kind: Type of the error, for people.
    """

    def __init__(self, status: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def ask(call: tuple[Any, ...]) -> Any:
    """Takes `(line, operation, image, box, arguments)` to the parent and returns its reply.

    The host puts its own here.
    """
    raise RuntimeError("perception is available to hosted programs only")


def perceive(operation: str, image: int, box: tuple[int, int, int, int], arguments: tuple[Any, ...]) -> Any:
    """One perception call of the program that runs."""
    meter = metering.current
    if meter.calls_left <= 0:
        meter.out_of_calls()
    meter.calls_left -= 1
    frame = sys._getframe(3)  # a method and what implements it lie in between, sometimes more
    while frame.f_code.co_filename != FILENAME and frame.f_back is not None:
        frame = frame.f_back
    reply = ask((frame.f_lineno, operation, image, box, arguments))
    if reply.__class__ is dict:
        meter.end("perception_error", "PerceptionError", reply["failure"])
    return reply


runtime.perceive = perceive
_BUILTINS = BUILTINS | runtime.NAMES


class CodeCache:
    """Compiled programs by source."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, bool], types.CodeType] = {}
        self._characters = 0

    def get(self, source: str, recording: bool) -> types.CodeType:
        """The program's code; raises what `prepare` raises."""
        code = self._codes.get((source, recording))
        if code is None:
            sys.setrecursionlimit(PARSER_RECURSION_LIMIT)
            try:
                code = prepare(source, recording)
            finally:
                sys.setrecursionlimit(RECURSION_LIMIT)
            if self._characters > CODE_CACHE_CHARACTERS:
                self._codes.clear()
                self._characters = 0
            self._codes[source, recording] = code
            self._characters += len(source)
        return code


code_cache = CodeCache()

# Imports what the standard library imports late: a confined program cannot.
WARM_UP = """\
import collections, re, statistics, numpy
é = 1
def execute_command(image):
    def later():
        yield re.sub("a+", "b", "caat")
    try:
        collections.Counter(later()).most_common(1)[0][0].upper()
        statistics.mean([1, 2]) + statistics.median([1.5])
        return f"{'é'!r:>4} {'{}'.format(1.5)} {numpy.mean([1, 2])} {'%5.1f' % 2}"
    except (ValueError, KeyError) as error:
        raise
"""

Result = list[Any]
"""`[status, answer, error, output, steps, values of variables]`, all of it plain data, see `notes.Notes.report` for the last."""


def prepared(source: str, recording: bool = True) -> types.CodeType | list[Any]:
    """The program's code, or the beginning of its result if it is not in the language."""
    try:
        return code_cache.get(source, recording)
    except SyntaxError as error:
        return _ended("syntax_error", type(error).__name__, error.msg or "", error.lineno or 0)
    except Rejected as error:
        return _ended("rejected", "Rejected", str(error), error.line or 0)
    except MemoryError:
        return _out_of_memory()


def execute(meter: Meter, code: types.CodeType | list[Any], sizes: Sequence[Sequence[int]]) -> Result:
    """Runs one program to its end.

    Args:
        meter: A fresh meter, which must be `meter.current` whenever the program runs.
        code: What `prepared` returned.
        sizes: Width and height of each picture.
    """
    result = code if isinstance(code, list) else _execute(meter, code, sizes)
    output = without_addresses("".join(meter.printed))
    steps = meter.steps
    values = meter.notes.report()
    meter.close()
    meter.notes.clear()  # generators that are freed by this find that the program has ended
    return [*result, output, steps, values]


def _execute(meter: Meter, code: types.CodeType, sizes: Sequence[Sequence[int]]) -> list[Any]:
    scope = {
        "__builtins__": _BUILTINS,
        "__name__": "program",
        "_tick_": meter.tick,
        "_caught_": meter.caught,
        "_note_": meter.notes.note,
        "_NameError_": NameError,
    }
    try:
        exec(code, scope)
        entry = scope.get(ENTRY_POINT)
        if not callable(entry):
            return _ended("no_answer", "NameError", f"the program defines no function {ENTRY_POINT}")
        images = [runtime.make_patch(i, (0, 0, width, height)) for i, (width, height) in enumerate(sizes)]
        # A plain call needs no frame on the C stack, of which every switch between programs copies what there is.
        value = entry(images[0]) if len(images) == 1 else entry(*images)
        if meter.stop is not None:
            return _stopped(meter.stop, meter.stop)
        return ["answered", plain(value), None]
    except Stop as stop:
        return _stopped(meter.stop or stop, stop)
    except AnswerError as error:
        return _ended(error.status, error.kind, str(error))
    except RecursionError as error:
        return _ended("runtime_error", "RecursionError", "maximum recursion depth exceeded", program_line(error))
    except MemoryError as error:
        return _out_of_memory(program_line(error))
    except Exception as error:
        if meter.stop is not None:
            return _stopped(meter.stop, error)
        try:
            message = str(metering.text(error))
        except MemoryError:
            return _out_of_memory(program_line(error))
        except (Exception, Stop):  # a container as argument, too large to be printed
            message = ""
        return _ended("runtime_error", type_name(type(error).__name__), message, program_line(error))


def _ended(status: str, kind: str, message: str, line: int = 0) -> list[Any]:
    return [status, None, {"type": kind, "message": normalised(kind, message), "line": line}]


def _out_of_memory(line: int = 0) -> list[Any]:
    return _ended("memory_limit", "MemoryLimit", "out of memory", line)


def _stopped(stop: Stop, error: BaseException) -> list[Any]:
    return _ended(stop.status, stop.kind, stop.message, program_line(error))


def program_line(error: BaseException) -> int:
    """The innermost line of the program in a traceback, 0 if there is none."""
    line, entry = 0, error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == FILENAME:
            line = entry.tb_lineno or line
        entry = entry.tb_next
    return line


def plain(value: Any, depth: int = 0) -> Any:
    """An answer as JSON data. Only exact builtin types and patches pass, so no code of the program runs in here.

    Raises:
        AnswerError: If the value is of another type, not finite or too long.
    """
    kind = type(value)
    if kind is str:
        if len(value) > MAX_ANSWER_CHARACTERS:
            message = f"the answer has {len(value)} characters, expected at most {MAX_ANSWER_CHARACTERS}"
            raise AnswerError("output_limit", "OutputLimit", message)
        return without_addresses(value)
    if kind is bool:
        return value
    if kind is int:
        if value.bit_length() > 63:
            raise AnswerError("no_answer", "ValueError", "the answer is an integer of more than 64 bits")
        return value
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise AnswerError("no_answer", "ValueError", "the answer is not a finite number")
        return value
    if kind is runtime.ImagePatch:
        return {"image": value._image, "box": list(value._box)}
    if kind in (list, tuple):
        if depth >= 1:
            raise AnswerError("no_answer", "ValueError", "the answer is a list of lists")
        if len(value) > MAX_ANSWER_ITEMS:
            message = f"the answer has {len(value)} items, expected at most {MAX_ANSWER_ITEMS}"
            raise AnswerError("output_limit", "OutputLimit", message)
        if sum(len(item) for item in value if type(item) is str) > MAX_ANSWER_CHARACTERS:
            message = f"the answer has more than {MAX_ANSWER_CHARACTERS} characters in all"
            raise AnswerError("output_limit", "OutputLimit", message)
        return [plain(item, depth + 1) for item in value]
    if value is None and depth == 0:
        raise AnswerError("no_answer", "TypeError", "the program returned None")
    message = f"the answer is of type {kind.__name__}, expected a string, number, bool, patch or list of these"
    raise AnswerError("no_answer", "TypeError", message)
