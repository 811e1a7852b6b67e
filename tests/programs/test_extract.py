from __future__ import annotations

import ast
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
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


KEPT = {
    "list literal before": 'X = [\n"a",\n"b",\n]\n' + PROGRAM,
    "condition before": "if True:\n    X=1\n" + PROGRAM,
    "class before": "class A: pass\n" + PROGRAM,
    "decorator": "@decorator\n" + PROGRAM,
    "string with lines at column 0": 'def execute_command(image):\n    x = """\nhello you\n"""\n    return "cup"\n',
    "tab inside a string": 'def execute_command(image):\n    return "a\tcup"\n',
    "continued lines": "def execute_command(image):\n    x = 1 + \\\n  2\n    return foo(\nx,\n)\n",
    "imports after": PROGRAM + "\nimport math\nX = math.pi\n",
    "brackets first": "(A,\n B) = range(2)\n" + PROGRAM,
    "annotated name": "count: int\n" + PROGRAM,
    "module docstring": '"A program."\n' + PROGRAM,
    "a tag in a string": 'def execute_command(image):\n    return "</think>" + "</s>"\n',
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "```python\n{}```",
        "```py\n{}```\nDone.",
        "~~~\n{}~~~",
        "```\n{}",
        "Here you are:\n\n{}\nThis looks for a cup.",
        "{}```\nIt works.",
        "{}<|im_end|>\n<|im_start|>user\nThanks",
        "{}</s><|endoftext|>",
        "<think>\n```python\ndef execute_command(image):\n    return 'draft'\n```\n</think>\n\n{}",
        "def execute_command(image):\n    return 'draft'\n\nWait, better:\n\n{}",
        "def execute_command(image):\n    return foo(\n\nNo, this one is better:\n{}",
        "{}\nQuery: Is it red?\nProgram:\ndef execute_command(image):\n    return 'other'\n",
    ],
)
def test_a_program_is_kept_as_it_is(name: str, form: str) -> None:
    assert extract_program(form.replace("{}", KEPT[name])) == KEPT[name]


def test_a_fenced_program_may_hold_lines_that_are_not_code() -> None:
    program = PROGRAM + "\nthis is no Python!\n"
    assert extract_program(f"```python\n{program}```") == program


def test_strings_of_a_body_are_not_indented() -> None:
    source = extract_program('x = """\nhello\n"""\nreturn x\n')
    namespace: dict[str, Callable[[object], str]] = {}
    exec(source, namespace)
    assert namespace["execute_command"](None) == "\nhello\n"


LIMIT_SECONDS = 1.0  # a busy machine needs 0.3 at most; a quadratic step at this length takes far more than 1
PIECES = [
    "```", "```\n", "~~~a\n", "```\t", "return ", "x = ", "def execute_command", "def execute_command(\n", " ", "\t", "\n", "\r",
    "\t\n", "# ", "a.b[", "'", '"', '"""', "'''", "\\'''\n", '"\\"', "'\"", "[", "(\n", ")", "a ", "a+", "if ", "=", "x=1\n", "x\\\n",
    "<|im_end|>", "</s>", "</think>", "</think>\n", "Query:\nProgram:\n", "return 1\n", "x", "1.", "\0", "\ud800", "a.\n", "x y",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("start", ["", "```", "```python\n", "x = '''"])
def test_long_repetitions_are_cut_in_linear_time(piece: str, start: str) -> None:
    reply = start + (piece * MAX_REPLY_CHARACTERS)[: MAX_REPLY_CHARACTERS - 40] + "x y\nreturn 1"
    assert _seconds(reply) < LIMIT_SECONDS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.integers(1, 30_000)), max_size=4))
def test_repeated_pieces_are_cut_in_linear_time(parts: list[tuple[list[str], int]]) -> None:
    assert _seconds("".join("".join(pieces) * count for pieces, count in parts)[:MAX_REPLY_CHARACTERS]) < LIMIT_SECONDS


def _seconds(reply: str) -> float:
    """Processor time, which other processes do not lengthen; the best of a few runs."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        try:
            assert "execute_command" in extract_program(reply)
        except ExtractError:
            pass
        seconds.append(time.process_time() - start)
        if seconds[-1] < LIMIT_SECONDS:
            break
    return min(seconds)


def test_a_body_gets_the_names_of_the_pictures() -> None:
    names = ("left_image", "right_image")
    program = extract_program('    return left_image.exists("cup") and right_image.exists("cup")', names)
    assert program.startswith("def execute_command(left_image, right_image):\n    return left_image")
    assert extract_program("return 3", names).startswith("def execute_command(left_image, right_image):\n")
