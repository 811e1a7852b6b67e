"""Walks through the records of a large JSON file without holding it in memory, and tells where in the file each record is.

Three forms of file cover the datasets: one object of records by key (`scan_object`), one list of records, possibly as a member of
an object (`scan_list`), and one record per line (`scan_lines`). Each record is parsed by the C scanner of Python's own `json`, so
that it means exactly what `json.load` says it means.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from vispro_gym.datasets.errors import DatasetError, MissingDataError

_CHUNK = 1 << 22
# A record that is longer than this is a damaged file, whose next quote or brace is missing.
_LONGEST = 1 << 28
# What fails within the last characters of the window may be cut off there: no literal, escape or end of a number is longer.
_MARGIN = 16
_SPACE = re.compile(r"[ \t\n\r]*")
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class Record(NamedTuple):
    """One record of a file.

    Attributes:
        member: Name of the list that holds it; "" for the file's own.
        key: Its key in an object, its position in a list, its line (counted from 1) in a file of lines.
        value: The parsed record.
        start: Offset of its first byte in the file.
        size: Its length in bytes.
    """

    member: str
    key: str | int
    value: Any
    start: int
    size: int


def scan_object(path: Path, expected: str) -> Iterator[Record]:
    """The records of a file that is one object of records by key.

    Args:
        path: The file.
        expected: What the file should hold, for messages.

    Raises:
        DatasetError: If the file is missing, empty, cut short, no JSON or no object; in the middle of the walk if need be.
    """
    with _opened(path, expected) as reader:
        reader.expect("{", "object")
        for key in reader.keys():
            yield reader.record("", key)
        reader.end()


def scan_list(path: Path, expected: str, members: Sequence[str] = ()) -> Iterator[Record]:
    """The records of a file that is a list, or of some lists that are members of the object that the file is.

    Args:
        path: The file.
        expected: What the file should hold, for messages.
        members: Names of the lists; none if the file itself is the list. Other members of the object are skipped.

    Raises:
        DatasetError: As `scan_object`, and if one of the members is missing or no list.
    """
    with _opened(path, expected) as reader:
        if not members:
            reader.expect("[", "list")
            for i in reader.positions():
                yield reader.record("", i)
        else:
            reader.expect("{", "object")
            missing = set(members)
            for key in reader.keys():
                if key not in members:
                    reader.record("", key)
                    continue
                if key not in missing:
                    raise DatasetError(f"{path} has the key {key!r} twice. Expected {expected}. Fetch the file again.")
                missing.discard(key)
                reader.expect("[", "list", f", member {key!r},")
                for i in reader.positions():
                    yield reader.record(key, i)
            if missing:
                raise DatasetError(f"{path} has no key {min(missing)!r}. Expected {expected}.")
        reader.end()


def scan_lines(path: Path, expected: str) -> Iterator[Record]:
    """The records of a file that holds one JSON value per line; empty lines are skipped.

    Raises:
        DatasetError: If the file is missing or a line is no JSON.
    """
    try:
        with path.open("rb") as file:
            start = 0
            for number, line in enumerate(iter(partial(file.readline, _LONGEST), b""), 1):
                if line.strip():
                    try:
                        yield Record("", number, json.loads(str(line, "utf-8")), start, len(line))
                    except (ValueError, RecursionError) as error:
                        raise DatasetError(
                            f"{path}, line {number}, is damaged or cut short ({error}). Expected {expected}, as lines of JSON."
                        ) from error
                start += len(line)
    except FileNotFoundError:
        raise MissingDataError(f"{path} is missing. Expected {expected}.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected {expected}.") from error


class _opened:
    """The reader of a file, as a context that turns whatever goes wrong into a `DatasetError`."""

    def __init__(self, path: Path, expected: str) -> None:
        self._path, self._expected = path, expected

    def __enter__(self) -> _Reader:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            raise MissingDataError(f"{self._path} is missing. Expected {self._expected}.") from None
        except OSError as error:
            raise DatasetError(f"{self._path} cannot be read: {error}. Expected {self._expected}.") from error
        return _Reader(self._file, self._path, self._expected)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._file.close()
        if isinstance(error, DatasetError):
            return
        if isinstance(
            error, ValueError | RecursionError
        ):  # no JSON, no UTF-8, an integer of thousands of digits, nested too deeply
            raise DatasetError(
                f"{self._path} is damaged or cut short ({error}). Expected {self._expected}, as JSON. Fetch the file again."
            ) from error
        if isinstance(error, OSError):
            raise DatasetError(f"{self._path} cannot be read: {error}. Expected {self._expected}.") from error


class _Reader:
    """A window of decoded text that moves through the file."""

    def __init__(self, file: BinaryIO, path: Path, expected: str) -> None:
        self._file, self._path, self._expected = file, path, expected
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0  # where in the text
        self._counted = 0  # up to where the text's bytes are counted ...
        self._bytes = 0  # ... and the offset in the file of that place
        self._done = False

    def keys(self) -> Iterator[str]:
        """The keys of an object; whoever iterates reads the value after each."""
        if self._next_is("}"):
            return
        while True:
            if self._peek() != '"':
                raise self._broken("Expecting a key in double quotes")
            key: str = self._value()
            self._take(":")
            yield key
            if not self._another("}"):
                return

    def positions(self) -> Iterator[int]:
        """The positions of a list's items; whoever iterates reads the item at each."""
        if self._next_is("]"):
            return
        i = 0
        while True:
            yield i
            i += 1
            if not self._another("]"):
                return

    def record(self, member: str, key: str | int) -> Record:
        """Reads the next value."""
        self._peek()
        start = self._offset()
        value = self._value()
        return Record(member, key, value, start, self._offset() - start)

    def expect(self, bracket: str, kind: str, what: str = "") -> None:
        """Reads an opening bracket."""
        if self._peek() != bracket:
            name = type(self._value()).__name__
            raise DatasetError(f"{self._path}{what} holds a JSON {name}. Expected {self._expected}: a JSON {kind}.")
        self._at += 1

    def end(self) -> None:
        """Checks that nothing follows."""
        if self._peek():
            raise self._broken("Extra data")

    def _another(self, close: str) -> bool:
        if self._next_is(close):
            return False
        self._take(",")
        return True

    def _next_is(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found

    def _take(self, character: str) -> None:
        if not self._next_is(character):
            raise self._broken(f"Expecting {character!r}")

    def _peek(self) -> str:
        """The next character that is no space; "" at the end of the file."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _value(self) -> Any:
        while True:
            try:
                value, end = _SCAN(self._text, self._at)
            except StopIteration as error:
                reason, place = "Expecting value", int(error.value)
            except json.JSONDecodeError as error:
                reason, place = error.msg, error.pos
            else:
                # a number at the end of the window may go on behind it, as 1 does in "1e+5"
                if isinstance(value, dict | list | str) or end + _MARGIN < len(self._text) or self._done:
                    self._at = end
                    return value
                self._more()
                continue
            is_cut = place + _MARGIN >= len(self._text) or reason.startswith("Unterminated string")
            if self._done or not is_cut or len(self._text) - self._at > _LONGEST:
                raise self._broken(reason, place)
            self._more()

    def _more(self) -> bool:
        """Moves the window on: what is read is dropped, and as much as is left, at least a chunk, is added."""
        self._offset()
        rest = self._text[self._at :]
        data = self._file.read(max(_CHUNK, len(rest)))
        self._done = not data
        self._text = rest + self._decoder.decode(data, final=self._done)
        self._at = self._counted = 0
        return bool(data)

    def _offset(self) -> int:
        """Offset in the file of the place that is read next."""
        if self._text.isascii():
            self._bytes += self._at - self._counted
        else:
            self._bytes += len(self._text[self._counted : self._at].encode("utf-8", "surrogatepass"))
        self._counted = self._at
        return self._bytes

    def _broken(self, reason: str, at: int | None = None) -> ValueError:
        place = self._offset() + (max(0, at - self._at) if at is not None else 0)
        return ValueError(f"{reason} near byte {place}")
