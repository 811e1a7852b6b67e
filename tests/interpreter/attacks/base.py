"""What an attack is, how the data modules write attacks down, and what tells that one has got through."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SECRET_FILE = "@FILE@"
"""Stands in sources for a file that holds a secret."""
DROP_FILE = "@DROP@"
"""Stands in sources for a file that no program may create."""
VARIABLE = "VISPRO_SESAME"
"""Environment variable that holds a secret in the process that starts the programs."""
NAME = "SESAME"
"""Global name that holds a secret in modules of the process that starts the programs."""

# What only objects of the process look like in text: modules, frames, code, the classes under `object`, the password file.
_ESCAPED = re.compile(r"<module '|<frame |<frame object|<code object|_wrap_close|root:[x*]:0:0|BuiltinImporter")


@dataclass(frozen=True, slots=True)
class Attack:
    """A hostile program.

    Attributes:
        family: What kind of attack it is.
        name: What it does, unique within the family.
        source: The program; `SECRET_FILE` and `DROP_FILE` stand for paths.
        forbidden: What must not happen.
        harmless: Answers that show that it achieved nothing; `int` stands for any whole number or bool, where a program only
            uses up what it may. Any other answer counts as a success.
        steals: Whether a success returns one of the planted secrets, so that it would be seen without any sandbox.
        then: A program that runs in the same process afterwards and must not notice; empty if there is none.
    """

    family: str
    name: str
    source: str
    forbidden: str
    harmless: tuple[Any, ...] = ()
    steals: bool = False
    then: str = ""

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


def program(body: str) -> str:
    """A program from the body of its function; a text that defines the function itself stays as it is."""
    body = body.strip("\n")
    if "def execute_command" in body:
        return body + "\n"
    return "def execute_command(image):\n" + textwrap.indent(body, "    ") + "\n"


def _sections(text: str) -> Iterator[tuple[str, tuple[Any, ...], str]]:
    for section in re.split(r"^--- ", text, flags=re.MULTILINE)[1:]:
        head, body = section.split("\n", 1)
        name, *answers = head.split(" | ")
        yield name.strip(), tuple(ast.literal_eval(answer) for answer in answers), body


def family(name: str, forbidden: str, text: str, steals: bool = False, harmless: tuple[Any, ...] = ()) -> list[Attack]:
    """Attacks from a text.

    Each starts with a line `--- name`, after which ` | literal` may list harmless answers, and goes on with the body of
    `execute_command` or a whole program. A line `>>>` parts an attack from the program that must not notice it.
    """
    attacks = []
    for title, answers, body in _sections(text):
        body, _, then = body.partition("\n>>>\n")
        attacks.append(Attack(name, title, program(body), forbidden, answers + harmless, steals, program(then) if then else ""))
    return attacks


def plain_family(name: str, forbidden: str, sources: dict[str, str], harmless: tuple[Any, ...] = ()) -> list[Attack]:
    """Attacks from sources that are made by expressions or hold characters that no readable text holds."""
    return [Attack(name, title, program(source), forbidden, harmless) for title, source in sources.items()]


def escaped(text: str, secrets: tuple[str, ...]) -> str | None:
    """What a text tells that no program may know; None if it tells nothing."""
    for secret in secrets:
        if secret in text or secret[::-1] in text:
            return "a secret"
    found = _ESCAPED.search(text)
    return f"an object of the process: {found.group(0)}" if found else None
