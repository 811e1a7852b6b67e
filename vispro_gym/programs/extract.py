"""Finding the program in what a language model says.

Accepted forms, in this order; of several of one form the last is taken:

1. a fenced block (```` ```python ... ``` ````) that defines the entry point, with any prose around it. What is inside
   a closed fence stays as it is;
2. a bare program: `def execute_command(image): ...`, with other code before or after it, and prose around it;
3. a body only: statements that `return` an answer, indented or not, as completion models write them after the `def`
   line.

Bare text is divided at the lines that cannot be code. The text is only cut here, never parsed: parsers can be attacked
too, so parsing is left to the process that runs programs. Every step takes time linear in the length of the reply.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from functools import partial

from vispro_gym.programs.api import ENTRY_POINT

MAX_REPLY_CHARACTERS = 100_000

_END_OF_TURN = re.compile(r"(?:<\|(?:im_end|endoftext|end_of_text|eot_id|eom_id|end)\|>|</s>|<end_of_turn>)(?=\s|</s>|<\||\Z)")
_END_OF_THOUGHT = re.compile(r"^[ ]*</think>|</think>[ ]*$", re.MULTILINE)
_NEXT_QUERY = re.compile(r"^Query:.*\nProgram:", re.MULTILINE)  # as in the prompt, which completion models continue
_ENTRY = re.compile(rf"^[ ]*(?:async[ \t]+)?def[ \t]+{ENTRY_POINT}\b", re.MULTILINE)
_RETURN = re.compile(r"^[ ]*return\b", re.MULTILINE)
_FENCE = re.compile(r"[ ]*(```|~~~)[`~]*+\s*([^\s`]*+)\s*(.?)")

_MARK = re.compile(r"\"\"\"|'''|[\"'#()\[\]{}]")
_STRING = {quote: re.compile(rf"(?:\\.|(?!{quote}).)*+({quote})?", re.DOTALL) for quote in ('"""', "'''", '"', "'")}
_STRING_OR_COMMENT = re.compile(r"[\"'#]")
_KEYWORD = rf"(?:{'|'.join([*keyword.kwlist, *keyword.softkwlist])})\b"
_PROSE = re.compile(rf"(?<!\w)(?!{_KEYWORD})\w++[ \t]++(?!{_KEYWORD})[\w\"']|[?$`]|!(?!=)")  # two words in a row are prose
_STATEMENT = re.compile(
    r"[@#]|[rbfu]?(?:\"\"\"|''')|([\"']).*\1 *$|[a-z_]\w*: \w+ *(?:#|$)|[\w*(\[{].*?(?:=|[\w)\]][(\[])"
    r"|(?:assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|match|nonlocal"
    r"|pass|raise|return|try|while|with|yield)\b"
)


class ExtractError(ValueError):
    """A reply that holds no program."""


def extract_program(reply: str, image_names: Sequence[str] = ("image",)) -> str:
    """Returns the source of the program in a reply.

    Args:
        reply: Any text.
        image_names: Names of the pictures: the parameters of a function whose body alone is given.

    Returns:
        Source that defines `execute_command`, dedented. It need not be valid Python.

    Raises:
        ExtractError: If there is no program, or the reply is longer than `MAX_REPLY_CHARACTERS`.
    """
    if len(reply) > MAX_REPLY_CHARACTERS:
        raise ExtractError(f"the reply has {len(reply)} characters, expected at most {MAX_REPLY_CHARACTERS}")
    text = _final_text(reply)
    if _ENTRY.search(text) or _RETURN.search(text):
        closed, unclosed = _fenced_blocks(text)
        bare = _pieces_of_code(text)
        for wanted, finish in ((_ENTRY, _dedent), (_RETURN, partial(_wrap_body, image_names=image_names))):
            ordered = closed + bare if any(map(wanted.match, unclosed)) else bare + closed
            for lines in reversed(ordered):
                if any(map(wanted.match, lines)):
                    return finish(lines)
    raise ExtractError(f"the reply has neither a function {ENTRY_POINT} nor a return statement")


def _final_text(reply: str) -> str:
    """The reply without closed thoughts and without what follows the turn, its tabs at line starts expanded."""
    text = reply.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"^[ \t]+", lambda match: match[0].expandtabs(4), text, flags=re.MULTILINE)
    text = next(filter(str.strip, _END_OF_TURN.split(text)), "")
    thought_end = max((match.end() for match in _END_OF_THOUGHT.finditer(text)), default=0)
    if text[thought_end:].strip():
        text = text[thought_end:]
    parts = _NEXT_QUERY.split(text)
    return next((part for part in parts if _ENTRY.search(part) or _RETURN.search(part)), text)


def _fenced_blocks(text: str) -> tuple[list[list[str]], list[str]]:
    """The lines of each closed fenced block, and those of a last block that is never closed."""
    blocks: list[list[str]] = []
    block: list[str] | None = None
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line) if "```" in line or "~~~" in line else None
        opens = match is not None and not match[3]  # at most one word follows, the language
        if block is None:
            if match and opens:
                block, fence = [], match[1]
        elif match and match[1] == fence:
            blocks.append(block)
            block = [] if match[2] and opens else None  # a fence with a language also ends a block that was left open
        else:
            block.append(line)
    return blocks, block or []


def _pieces_of_code(text: str) -> list[list[str]]:
    """Divides text at the lines that cannot be code, and drops those. No piece starts with a blank line."""
    lines = text.split("\n")
    last_line = {quote: text.count("\n", 0, max(text.rfind(quote), 0)) for quote in _STRING}
    pieces: list[list[str]] = [[]]
    quote, depth = "", 0  # the string and the number of brackets that are open at the start of the line
    for number, line in enumerate(lines):
        piece = pieces[-1]
        if not line.strip():
            piece += [line] if piece else []
            continue
        if depth and not quote and ENTRY_POINT in line and _ENTRY.match(line):  # the text before was broken off inside brackets
            piece, quote, depth = [], "", 0
            pieces.append(piece)
        inner = quote or depth or (piece and (piece[-1].endswith("\\") or _indent(line) > _indent(piece[0])))
        found = None if quote else _PROSE.search(line)
        prose = found and not _STRING_OR_COMMENT.search(line, 0, found.end() - 1)
        scanned = _scan(line, quote, depth)
        if scanned and not prose and (inner or scanned[1] or _STATEMENT.match(line.lstrip(" "))):
            piece.append(line)
            quote, depth = scanned
            if quote and last_line[quote] <= number:  # a string that is never closed must not swallow the rest
                quote = ""
        else:
            pieces.append([])
            quote, depth = "", 0
    return pieces


def _scan(line: str, quote: str, depth: int) -> tuple[str, int] | None:
    """Takes the quotes of the open string (empty if none is) and the number of open brackets from a line's start to its end.

    None if a string is broken off, a bracket is closed that was not open, or the line ends like a sentence.
    """
    position = 0
    while True:
        if quote:
            string = _STRING[quote].match(line, position)
            assert string is not None  # it matches anything
            if string[1] is None:
                return (quote, depth) if len(quote) == 3 or line.endswith("\\") else None
            position, quote = string.end(), ""
        mark = _MARK.search(line, position)
        if mark is None or mark[0] == "#":
            end = line.rstrip()[-2:] if mark is None and not depth else ""
            return None if depth < 0 or (end.endswith(".") and end[0].isalpha()) else ("", depth)
        position = mark.end()
        if mark[0] in "([{":
            depth += 1
        elif mark[0] in ")]}":
            depth -= 1
        else:
            quote = mark[0]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _dedent(lines: list[str]) -> str:
    """Takes the indentation of the first line from all that have it; those of a string may have less."""
    margin = next(_indent(line) for line in lines if line.strip()) * " "
    return "\n".join(line.removeprefix(margin) for line in lines).strip("\n") + "\n"


def _wrap_body(lines: list[str], image_names: Sequence[str]) -> str:
    """Puts a body under a `def` line of its own."""
    start = next(i for i, line in enumerate(lines) if line.strip())
    rest = [_indent(line) for line in _outside_strings(lines[start:])[1:] if line]
    margin = min(rest, default=0)
    if not _indent(lines[start]) and margin and (not lines[start].rstrip().endswith(":") or rest[0] > margin):
        lines = [margin * " " + lines[start], *lines[start + 1 :]]  # the prompt ended in the indentation
    lines = _dedent(lines).split("\n")
    lines = ["    " + line if outside else line for line, outside in zip(lines, _outside_strings(lines), strict=True)]
    parameters = ", ".join(image_names)
    if len(image_names) == 1 and not re.search(r"\bimage\b", "\n".join(lines)):
        parameters = "image_patch"
    return "\n".join([f"def {ENTRY_POINT}({parameters}):", *lines])


def _outside_strings(lines: list[str]) -> list[str]:
    """The lines, empty where they are blank or start inside a string."""
    outside, quote = [], ""
    for line in lines:
        outside.append(line if line.strip() and not quote else "")
        quote, _ = _scan(line, quote, 0) or ("", 0)
    return outside
