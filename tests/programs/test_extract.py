from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.programs.extract import MAX_REPLY_CHARACTERS, ExtractError, extract_program

PROGRAM = """\
def execute_command(image):
    image_patch = ImagePatch(image)
    if image_patch.exists("cup"):
        return "yes"

    return "no"
"""
HELPER = "import math\n\nLIMIT = 3\n\ndef helper(x):\n    return math.floor(x)\n\n"
BODY = 'image_patch = ImagePatch(image)\ncups = image_patch.find("cup")\nreturn str(len(cups))'

REPLIES = {
    "bare": PROGRAM,
    "fenced": f"```python\n{PROGRAM}```",
    "fenced, no language": f"```\n{PROGRAM}```",
    "fenced, prose around": f"Sure! Here is the program:\n\n```python\n{PROGRAM}```\n\nIt looks for a cup.",
    "fenced, never closed": f"Here:\n```python\n{PROGRAM}",
    "fenced, indented": "1. Like this:\n   ```python\n" + "".join(f"   {line}\n" for line in PROGRAM.splitlines()) + "   ```\n",
    "two blocks, the second has it": f"First:\n```python\nx = 1\n```\nthen\n```python\n{PROGRAM}```\n",
    "two programs, the last wins": f"```python\n{PROGRAM.replace('cup', 'dog')}```\nBetter:\n```python\n{PROGRAM}```",
    "prose around": f"Let me think.\n\n{PROGRAM}\nThis returns yes or no.",
    "windows line ends": PROGRAM.replace("\n", "\r\n"),
    "annotated": PROGRAM.replace("(image)", "(image: Image) -> str", 1),
    "indented as a whole": "".join(f"    {line}\n" for line in PROGRAM.splitlines()),
}


@pytest.mark.parametrize("name", REPLIES)
def test_accepted_forms(name: str) -> None:
    source = extract_program(REPLIES[name])
    tree = ast.parse(source)
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert function.name == "execute_command"
    assert "cup" in source and "dog" not in source
    assert len(function.body) == 3


def test_helpers_before_and_after_are_kept() -> None:
    tree = ast.parse(extract_program(f"The program:\n{HELPER}{PROGRAM}\n\ndef late():\n    return 1\n\nDone, I hope."))
    assert [type(node).__name__ for node in tree.body] == [
        "Import",
        "Assign",
        "FunctionDef",
        "FunctionDef",
        "FunctionDef",
    ]


@pytest.mark.parametrize(
    "reply",
    [
        BODY,
        "".join(f"    {line}\n" for line in BODY.splitlines()),
        BODY.replace("\n", "\n    "),  # the prompt ended in the indentation
        f"```python\n{BODY}\n```",
        f"Answer:\n{BODY}",
        f"{BODY}\n\nI hope this helps!",
    ],
)
def test_a_body_gets_a_def_line(reply: str) -> None:
    tree = ast.parse(extract_program(reply))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    assert [type(node).__name__ for node in function.body] == ["Assign", "Assign", "Return"]
    assert [argument.arg for argument in function.args.args] == ["image"]


def test_a_body_that_knows_only_image_patch_gets_that_parameter() -> None:
    assert extract_program('return image_patch.exists("cup")').startswith("def execute_command(image_patch):")


@pytest.mark.parametrize(
    "reply", ["", " \n", "no program here", "```python\nx = 1\n```", "x = 1\ny = 2", "\0", "🙂" * 50, "\ud800"]
)
def test_no_program(reply: str) -> None:
    with pytest.raises(ExtractError):
        extract_program(reply)


def test_a_huge_reply_is_refused_unread() -> None:
    with pytest.raises(ExtractError, match="characters, expected at most"):
        extract_program("x" * (MAX_REPLY_CHARACTERS + 1))


@given(st.text(st.sampled_from("`python\n return def execute_command(image):=x1\"'#\t\r\\,"), max_size=300))
def test_any_text_ends_in_a_program_or_an_extract_error(reply: str) -> None:
    try:
        source = extract_program(reply)
    except ExtractError:
        return
    assert "execute_command" in source


@pytest.mark.parametrize("piece", ["```", "```\n", "return ", "x = ", "def execute_command", " ", "\n", "# ", "a.b[", "'"])
def test_long_repetitions_are_cut_quickly(piece: str) -> None:
    reply = (piece * MAX_REPLY_CHARACTERS)[: MAX_REPLY_CHARACTERS - 20] + "\nreturn 1"
    try:
        extract_program(reply)  # the test's own time limit catches a regular expression that explodes
    except ExtractError:
        pass
