"""Reading pickles that hold nothing but plain data, without running anything that they say.

The annotations of RefCOCO are published as pickles, and a pickle is a program: unpickling one can run any command. Three barriers
stand between a file and that, each of which would do:

1. Before anything is unpickled, all instructions are looked at, and must be on a list of those that make lists, dicts, texts and
   numbers. None of these looks up or calls anything.
2. The unpickler finds no class, no function and no persistent object.
3. What it made must be lists, dicts with texts as keys, texts and numbers.

What a file can cost is bounded, too: it has at most `LARGEST_FILE` bytes (the largest official file has some 50 million), and
takes time and memory in proportion to them. Memory slots, which it could number as it likes, have numbers up to that of the
instruction. What is there once but meant many times (a list of lists of lists, each a thousand times the same) may not unfold to
more values than the file has bytes, nor to more than `_UNFOLDED` times as many characters.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from vispro_gym.datasets.errors import DatasetError, MissingDataError

LARGEST_FILE = 256 * 1024 * 1024
"""The most bytes that a file may have."""
_UNFOLDED = 16
_DEEPEST = 32
_LARGEST_NUMBER = 1 << 63

# How long the arguments of the allowed instructions are: so many bytes, ...
_SIZES = dict.fromkeys(
    (
        *(pickle.STOP, pickle.MARK, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.MEMOIZE),
        *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
        *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
    ),
    0,
) | {
    **{pickle.PROTO: 1, pickle.FRAME: 8, pickle.BININT: 4, pickle.BININT1: 1, pickle.BININT2: 2, pickle.BINFLOAT: 8},
    **{pickle.BINPUT: 1, pickle.LONG_BINPUT: 4, pickle.BINGET: 1, pickle.LONG_BINGET: 4},
}
# ... as many as a number says that has so many bytes and comes first, ...
_COUNTED = {
    **{pickle.LONG1: 1, pickle.LONG4: 4, pickle.SHORT_BINSTRING: 1, pickle.BINSTRING: 4},
    **{pickle.SHORT_BINUNICODE: 1, pickle.BINUNICODE: 4, pickle.BINUNICODE8: 8},
}
# ... or up to the end of the line.
_LINES = (pickle.INT, pickle.LONG, pickle.FLOAT, pickle.STRING, pickle.UNICODE, pickle.PUT, pickle.GET)
_LINE, _REFUSED = 100, 1000
_PLAIN = [_REFUSED] * 256
for _code, _size in [*_SIZES.items(), *((c, -n) for c, n in _COUNTED.items()), *((c, _LINE) for c in _LINES)]:
    _PLAIN[_code[0]] = _size
_STOP, _PUT, _BINPUT, _LONG_BINPUT = (code[0] for code in (pickle.STOP, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT))
_NAMES = {code: name for name, code in vars(pickle).items() if name.isupper() and isinstance(code, bytes)}


class PlainUnpickler(pickle.Unpickler):
    """An unpickler for which there are no classes, no functions and no persistent objects."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuses. Raises UnpicklingError."""
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuses. Raises UnpicklingError."""
        raise pickle.UnpicklingError("it asks for a persistent object")


def read_plain_pickle(path: Path, expected: str, largest: int = LARGEST_FILE) -> Any:
    """Reads a pickle of lists, dicts, texts and numbers, of any version of Python. Texts of Python 2 are read as Latin-1.

    Args:
        path: The file.
        expected: What it should hold, for messages.
        largest: The most bytes that it may have.

    Raises:
        DatasetError: If the file is missing, too large, damaged, or holds anything else. Nothing of it has been run then.
    """
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error
    if len(data) > largest:
        raise DatasetError(f"{path} has more than {largest} bytes. Expected {expected}.")
    try:
        _check_instructions(data)
        content = PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
        _check_content(content, len(data))
    except _RefusedError as error:
        raise DatasetError(
            f"{path} {error}. Expected {expected}: a pickle of plain lists, dicts, texts and numbers. "
            "Nothing in it was run. Fetch the official file again."
        ) from None
    except Exception as error:  # the documentation of pickle: unpickling damaged data may raise "other exceptions" of many types
        raise DatasetError(
            f"{path} is damaged or cut short ({str(error) or type(error).__name__:.200}). Expected {expected}, as a pickle. "
            "Fetch the file again."
        ) from error
    return content


class _RefusedError(Exception):
    """What is wrong with a pickle, as the end of a sentence about its file."""


def _check_instructions(data: bytes) -> None:
    """Looks at the instructions one after the other, up to the first that ends the pickle."""
    plain, position, count, end = _PLAIN, 0, 0, len(data)
    while position < end:
        start, code = position, data[position]
        size = plain[code]
        if 0 <= size < _LINE:
            position += 1 + size
        elif size == _LINE:
            position = data.find(b"\n", position) + 1 or end + 1
        elif size < 0:
            position += 1 - size + int.from_bytes(data[position + 1 : position + 1 - size], "little")
        else:
            name = _NAMES.get(data[start : start + 1], hex(code))
            raise _RefusedError(f"has at byte {start} the instruction {name}, which does not make plain data")
        if position > end:
            break
        if code == _STOP:
            return
        if code in (_PUT, _BINPUT, _LONG_BINPUT):
            argument = data[start + 1 : position]
            slot = int(argument) if code == _PUT else int.from_bytes(argument, "little")
            if not 0 <= slot <= count:
                raise _RefusedError(f"wants at byte {start} memory slot {slot} after {count} instructions")
        count += 1
    raise ValueError("it ends in the middle")


def _check_content(content: Any, size: int) -> None:
    """Walks through what was made, as often as it is meant, as long as that is in proportion to the size of the file."""
    values, characters = size, _UNFOLDED * size
    open_lists: list[Iterator[Any]] = [iter([content])]
    while open_lists:
        for value in open_lists[-1]:
            kind = type(value)
            values -= 1
            if kind is str:
                characters -= len(value)
            elif kind is dict:
                if not all(type(key) is str for key in value):
                    raise _RefusedError("holds a dict with a key that is no text")
                characters -= sum(map(len, value))
            elif kind is int:
                if not -_LARGEST_NUMBER <= value < _LARGEST_NUMBER:
                    raise _RefusedError("holds a number of more than 64 bits")
            elif kind is not list and kind is not float and kind is not bool and value is not None:
                raise _RefusedError(f"holds an object of type {kind.__name__}")
            if values < 0 or characters < 0:
                raise _RefusedError("unfolds to many times its size")
            if kind is list or kind is dict:
                open_lists.append(iter(value.values() if kind is dict else value))
                if len(open_lists) > _DEEPEST:
                    raise _RefusedError(f"is nested more than {_DEEPEST} deep")
                break
        else:
            open_lists.pop()
