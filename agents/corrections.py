r"""Corrections: programs that a person writes for the queries on which a policy keeps failing.

A file of corrections is a YAML list (or JSON Lines, if it is called `.jsonl`) of entries like these:

    - query: Is the cup to the left of the plate red?     # this text, whatever the sample
      program: |
        def execute_command(image):
            ...
    - pattern: What (?P<attribute>color|shape) is the (?P<thing>.+)\?
      note: Asks for the shape of the picture instead of that of the thing.
      program: |
        def execute_command(image):
            return ImagePatch(image).find("$thing")[0].simple_query("What $attribute is this?")
    - sample_ids: ["00112", "00113"]
      program: ...

A pattern is a regular expression that must match the whole query; `$name` or `${name}` in its program stands for the text of
the group of that name (`$$` for a dollar sign), escaped such that it can stand in a string. White space in queries counts as one
space. Nothing is run here: a corrected program has to earn its reward like any other.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, NoReturn

import yaml

from vispro_agents.errors import UsageError
from vispro_gym.datasets.sample import Sample
from vispro_gym.programs.api import ENTRY_POINT

MINI_GQA = Path(__file__).parent / "templates" / "mini_gqa_corrections.yaml"
"""Corrections for the generated mini data of GQA."""

_TARGETS = ("query", "pattern", "sample_ids")
_KEYS = frozenset((*_TARGETS, "program", "note"))

_ESCAPES = str.maketrans({character: f"\\{character}" for character in "\\\"'"})


@dataclass(frozen=True)
class Correction:
    """One entry of a file of corrections. Of the first three fields, one is given.

    Attributes:
        query: Text of the queries that it is for.
        pattern: What the queries that it is for match as a whole.
        sample_ids: Samples that it is for.
        program: The program; with a pattern, a template of `string.Template`.
        where: File and line of the entry.
        note: What the writer had in mind.
    """

    query: str | None
    pattern: re.Pattern[str] | None
    sample_ids: frozenset[str]
    program: str
    where: str
    note: str = ""

    def program_for(self, sample: Sample) -> str | None:
        """The corrected program for a sample, None if the correction is not for it."""
        if self.pattern is not None:
            match = self.pattern.fullmatch(_spaced(sample.query))
            if match is None:
                return None
            return Template(self.program).substitute({name: _escaped(text) for name, text in match.groupdict("").items()})
        return self.program if self.query == _spaced(sample.query) or sample.sample_id in self.sample_ids else None


def apply(corrections: Sequence[Correction], samples: Iterable[Sample]) -> list[tuple[Sample, str]]:
    """Finds the samples that corrections are for.

    Args:
        corrections: The corrections. Of several for one sample the first counts.
        samples: The samples, mostly those of the train split.

    Returns:
        `(sample, program)` for each sample that there is a correction for, in order.
    """
    found = []
    for sample in samples:
        programs = (correction.program_for(sample) for correction in corrections)
        program = next((program for program in programs if program is not None), None)
        if program is not None:
            found.append((sample, program))
    return found


def load_corrections(path: Path) -> list[Correction]:
    """Reads a file of corrections.

    Raises:
        UsageError: If it cannot be read or an entry is wrong; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The corrections {path} cannot be read: {error}") from error
    entries = _json_lines(path, text) if path.suffix == ".jsonl" else _yaml_entries(path, text)
    corrections: list[Correction] = []
    lines: dict[tuple[str, str], str] = {}
    for where, entry in entries:
        correction = _correction(where, entry)
        for target in _targets(correction):
            if target in lines:
                _fail(where, f"the {target[0]} {target[1]!r:.80} is the target of {lines[target]} already. Remove one of them.")
            lines[target] = where
        corrections.append(correction)
    if not corrections:
        raise UsageError(f"{path} holds no corrections. Expected a list of entries with 'query' and 'program'.")
    return corrections


def _targets(correction: Correction) -> Iterator[tuple[str, str]]:
    if correction.query is not None:
        yield "query", correction.query
    if correction.pattern is not None:
        yield "pattern", correction.pattern.pattern
    for sample_id in sorted(correction.sample_ids):
        yield "sample", sample_id


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                yield where, json.loads(line)
            except ValueError as error:
                _fail(where, f"no JSON: {error}. Expected one object per line.")


def _yaml_entries(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """The entries of a YAML list, each with its line; the plain loader would forget the lines."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.SequenceNode):
            _fail(str(path), "expected a list of entries, each of which begins with '- '.")
        for node in root.value:
            where = f"{path}, line {node.start_mark.line + 1}"
            if isinstance(node, yaml.MappingNode):
                keys = [key.value for key, _ in node.value]
                for key in keys:
                    if keys.count(key) > 1:
                        _fail(where, f"{key!r} is given {keys.count(key)} times. Expected each key once.")
            yield where, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        _fail(f"{path}{line}", f"no YAML: {error.problem}. Texts with a ': ' or a '#' in them need quotes.")
    except yaml.YAMLError as error:
        _fail(str(path), f"no YAML: {' '.join(str(error).split())}.")


def _correction(where: str, entry: Any) -> Correction:
    if not isinstance(entry, dict):
        _fail(where, f"expected an entry with 'query' and 'program', got {entry!r:.80}.")
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        _fail(where, f"unknown key {unknown[0]!r:.80}. Known: {', '.join(sorted(_KEYS))}.")
    given = [key for key in _TARGETS if key in entry]
    if len(given) != 1:
        _fail(where, f"expected one of {', '.join(_TARGETS)}, got {' and '.join(given) or 'none'}.")
    for key in ("query", "pattern", "note"):
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            _fail(where, f"expected a text {key!r}, got {entry[key]!r:.80}.")
    program = entry.get("program")
    if not isinstance(program, str) or not program.strip():
        _fail(where, "the program is not filled in. Write it, or remove the entry.")
    query, pattern, sample_ids = (entry.get(key) for key in _TARGETS)
    compiled = _compiled(where, pattern) if pattern is not None else None
    _check_program(where, program, compiled)
    return Correction(
        query=None if query is None else _spaced(query),
        pattern=compiled,
        sample_ids=_sample_ids(where, sample_ids) if "sample_ids" in entry else frozenset(),
        program=program,
        where=where,
        note=entry.get("note", ""),
    )


def _sample_ids(where: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        _fail(where, f"expected a list 'sample_ids', got {value!r:.80}.")
    for item in value:
        if not isinstance(item, str):  # YAML reads 00112 as a number: zeros would be lost
            _fail(where, f"expected sample ids as texts, got {item!r:.80}. Put it in quotes, with leading zeros.")
    return frozenset(value)


def _compiled(where: str, pattern: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(pattern)
    except (re.error, FutureWarning) as error:
        _fail(where, f"the pattern is no regular expression: {error}.")


def _check_program(where: str, program: str, pattern: re.Pattern[str] | None) -> None:
    """Checks that a program defines the function, and uses exactly the groups of its pattern."""
    source = program
    if pattern is not None:
        groups, used = set(pattern.groupindex), set(_placeholders(where, program))
        if used - groups:
            name = sorted(used - groups)[0]
            _fail(where, f"the program uses ${name}, but the pattern has no group (?P<{name}>...).")
        if groups - used:
            name = sorted(groups - used)[0]
            _fail(where, f"the program does not use ${name}. Use it, or write (?:...) in the pattern.")
        source = Template(program).substitute(dict.fromkeys(groups, "x"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno} of it" if isinstance(error, SyntaxError) and error.lineno else ""
        _fail(where, f"the program is no Python{line}: {error.msg if isinstance(error, SyntaxError) else error}.")
    if not any(isinstance(statement, ast.FunctionDef) and statement.name == ENTRY_POINT for statement in body):
        _fail(where, f"the program defines no function {ENTRY_POINT}. Expected 'def {ENTRY_POINT}(image):'.")


def _placeholders(where: str, program: str) -> Iterator[str]:
    for match in Template.pattern.finditer(program):
        if match["invalid"] is not None:
            line = program.count("\n", 0, match.start()) + 1
            _fail(where, f"'$' in line {line} of the program is no placeholder. Write $$ for a dollar sign.")
        if match["escaped"] is None:
            yield match["named"] or match["braced"]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """The text as it can stand in a string of Python, whatever its quotes."""
    return text.translate(_ESCAPES)


def _fail(where: str, message: str) -> NoReturn:
    raise UsageError(f"{where}: {message}")
