"""Finding the program in what a language model says.

Accepted forms, in this order:

1. a fenced block (```` ```python ... ``` ````), with any prose around it; of several blocks the last one that
   defines the entry point;
2. a bare program: `def execute_command(image): ...`, with imports and helper functions before or after it, and prose
   around it;
3. a body only: statements that `return` an answer, indented or not, as completion models write them after the `def`
   line.

The text is only cut here, never parsed: parsers can be attacked too, so parsing is left to the process that runs
programs.
"""

from __future__ import annotations

import re
import textwrap

from vispro_gym.programs.api import ENTRY_POINT

MAX_REPLY_CHARACTERS = 100_000

_FENCE = re.compile(r"^[ \t]*```[ \t]*[\w+-]*[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(rf"^[ \t]*def[ \t]+{ENTRY_POINT}\b", re.MULTILINE)
_RETURN = re.compile(r"^[ \t]*return\b", re.MULTILINE)
_TOP_LEVEL = re.compile(r"(?:def|import|from)[ \t]+\w|@\w|\w+[ \t]*(?::[^=\n]+)?=[^=]|#")
_CONTINUATION = re.compile(r"[ \t]|[)\]}#]|$")
_STATEMENT = re.compile(
    r"(?:def|import|from|for|while|if|return|assert|with|try|match)\b.*[\w\"')\]}:.]$|try:$|#|[\w.\[\]\"', ]+[-+*/|&]?=[^=]"
)
_STATEMENT_CHARACTERS = 500  # of a line are looked at; matching a longer one could take time quadratic in its length


class ExtractError(ValueError):
    """A reply that holds no program."""


def extract_program(reply: str) -> str:
    """Returns the source of the program in a reply.

    Args:
        reply: Any text.

    Returns:
        Source that defines `execute_command`, dedented. It need not be valid Python.

    Raises:
        ExtractError: If there is no program, or the reply is longer than `MAX_REPLY_CHARACTERS`.
    """
    if len(reply) > MAX_REPLY_CHARACTERS:
        raise ExtractError(f"the reply has {len(reply)} characters, expected at most {MAX_REPLY_CHARACTERS}")
    reply = reply.replace("\r\n", "\n").expandtabs(4)
    blocks = [match.group(1) for match in _FENCE.finditer(reply)]
    for block in reversed(blocks):
        if _ENTRY.search(block):
            return _cut_program(block)
    if not blocks and _ENTRY.search(reply):
        return _cut_program(reply)
    for text in [*reversed(blocks), reply]:
        if _RETURN.search(text):
            return _wrap_body(text)
    raise ExtractError(f"the reply has neither a function {ENTRY_POINT} nor a return statement")


def _cut_program(text: str) -> str:
    """The lines around the entry point that are code: from the first top-level statement to the first line that is prose."""
    match = _ENTRY.search(text)
    assert match is not None
    indent = len(match.group(0)) - len(match.group(0).lstrip())
    lines = [line[indent:] if line[:indent].isspace() or not indent else line for line in text.split("\n")]
    entry = text.count("\n", 0, match.start())
    start = entry
    while start > 0 and (_TOP_LEVEL.match(lines[start - 1]) or _CONTINUATION.match(lines[start - 1])):
        start -= 1
    end = entry + 1
    while end < len(lines) and (_TOP_LEVEL.match(lines[end]) or _CONTINUATION.match(lines[end])):
        end += 1
    return "\n".join(lines[start:end]).strip("\n") + "\n"


def _wrap_body(text: str) -> str:
    """Puts a body under a `def` line of its own."""
    lines = text.split("\n")
    statements = [i for i, line in enumerate(lines) if _STATEMENT.match(line.strip()[:_STATEMENT_CHARACTERS])]
    code = [i for i, line in enumerate(lines) if line.startswith("    ") and line.strip()] + statements
    lines = lines[min(statements) : max(code) + 1] if statements else []
    if not lines:
        raise ExtractError("the reply has a return statement but no program around it")
    rest = [line for line in lines[1:] if line.strip()]
    if (
        rest
        and not lines[0].startswith(" ")
        and all(line.startswith(" ") for line in rest)
        and not lines[0].rstrip().endswith(":")
    ):
        lines[0] = " " * min(len(line) - len(line.lstrip()) for line in rest) + lines[0]  # the prompt ended in the indentation
    body = textwrap.dedent("\n".join(lines))
    parameter = "image" if re.search(r"\bimage\b", body) else "image_patch"
    return f"def {ENTRY_POINT}({parameter}):\n{textwrap.indent(body, '    ')}\n"
