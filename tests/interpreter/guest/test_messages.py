"""Messages of errors: one wording for all versions of CPython."""

from __future__ import annotations

import pytest

from vispro_gym.interpreter.guest.messages import MAX_MESSAGE_CHARACTERS, normalised, type_name

# Kind; what comes out; what CPython 3.11, 3.12, 3.13 and 3.14 say (each wording once).
WORDINGS: list[tuple[str, str, list[str]]] = [
    ("ZeroDivisionError", "division by zero", [
        "division by zero", "integer division or modulo by zero", "integer modulo by zero", "float division by zero", "float floor division by zero",
        "float modulo", "float modulo by zero", "float divmod()",
    ]),
    ("ZeroDivisionError", "zero to a negative power", ["0.0 cannot be raised to a negative power", "zero to a negative power"]),
    ("ValueError", "too many values to unpack (expected 2)", ["too many values to unpack (expected 2)", "too many values to unpack (expected 2, got 3)"]),
    ("ValueError", "not enough values to unpack (expected at least 1, got 0)", ["not enough values to unpack (expected at least 1, got 0)"]),
    ("ValueError", "max() iterable argument is empty", ["max() arg is an empty sequence", "max() iterable argument is empty"]),
    ("ValueError", "min() iterable argument is empty", ["min() arg is an empty sequence", "min() iterable argument is empty"]),
    ("ValueError", "math domain error", [
        "math domain error", "expected a nonnegative input, got -1.0", "expected a positive input", "expected a positive input, got 0.0", "expected a finite input, got inf",
        "expected a number in range from -1 up to 1, got 2.0", "expected a number between -1 and 1, got 1.0", "expected argument value > -1, got -2.0",
        "expected a noninteger or positive integer, got 0.0",
    ]),
    ("ValueError", "expected a number, got x", ["expected a number, got x"]),
    ("ValueError", "list.index(x): x not in list", ["3 is not in list", "'a\nb' is not in list", "list.index(x): x not in list"]),
    ("ValueError", "x not in deque", ["3 is not in deque", "deque.index(x): x not in deque", "deque.remove(x): x not in deque"]),
    ("TypeError", "unhashable type: 'list'", [
        "unhashable type: 'list'", "cannot use 'list' as a dict key (unhashable type: 'list')", "cannot use 'list' as a set element (unhashable type: 'list')",
    ]),
    ("TypeError", "unhashable type: 'list'", ["cannot use 'tuple' as a dict key (unhashable type: 'list')"]),
    ("TypeError", "argument of type 'int' is not a container or iterable", ["argument of type 'int' is not iterable", "argument of type 'int' is not a container or iterable"]),
    ("TypeError", "'int' object is not iterable", ["'int' object is not iterable"]),
    ("TypeError", "int() got an unexpected keyword argument 'bas'", [
        "'bas' is an invalid keyword argument for int()", "int() got an unexpected keyword argument 'bas'", "int() got an unexpected keyword argument 'bas'. Did you mean 'base'?",
    ]),
    ("TypeError", "object is not iterable", ["cannot convert dictionary update sequence element #0 to a sequence", "object is not iterable"]),
    ("TypeError", "must be str, not int", ["must be str, not int", "find() argument 1 must be str, not int", "rindex() argument 1 must be str, not int"]),
    ("TypeError", "replace() argument 1 must be str, not int", ["replace() argument 1 must be str, not int"]),
    ("TypeError", "count expected at least 1 argument, got 0", ["count() takes at least 1 argument (0 given)", "count expected at least 1 argument, got 0"]),
    ("TypeError", "Value after * must be an iterable, not int", ["program.f() argument after * must be an iterable, not int", "Value after * must be an iterable, not int"]),
    ("TypeError", "f() missing 1 required positional argument: 'x'", ["f() missing 1 required positional argument: 'x'"]),
    ("OverflowError", "Result too large", ["(34, 'Numerical result out of range')", "(68, 'Result not representable')"]),
    ("SyntaxError", "cannot assign to function call", ["cannot assign to function call here. Maybe you meant '==' instead of '='?", "cannot assign to function call"]),
    ("SyntaxError", "invalid syntax", [
        "invalid syntax", "invalid syntax. Perhaps you forgot a comma?", "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", "f-string: invalid syntax. Perhaps you forgot a comma?",
        "f-string: empty expression not allowed", "f-string: valid expression required before '}'", "f-string: expecting '}'", "f-string: lambda expressions are not allowed without parentheses",
        "f-string: cannot use starred expression here", "can't use starred expression here", "Expected one or more names after 'import'", "Invalid star expression",
        "Did you mean to use 'from ... import ...' instead?", "expected expression after 'else', but statement is given", "expected argument value expression",
        "cannot assign to keyword argument unpacking", "cannot use except statement with literal", "cannot use attribute as import target",
    ]),
    ("SyntaxError", "unterminated string literal (detected at line 1)", ["unterminated string literal (detected at line 1)", "unterminated f-string literal (detected at line 1)"]),
    ("SyntaxError", "unterminated triple-quoted string literal (detected at line 3)", [
        "unterminated triple-quoted string literal (detected at line 3)", "unterminated triple-quoted f-string literal (detected at line 3)",
    ]),
    ("SyntaxError", "parameter without a default follows parameter with a default", [
        "non-default argument follows default argument", "parameter without a default follows parameter with a default",
    ]),
    ("SyntaxError", "Missing parentheses in call to 'print'", ["Missing parentheses in call to 'print'. Did you mean print(...)?"]),
    ("SyntaxError", "expected ':'", ["expected ':'"]),
    ("IndentationError", "expected an indented block after 'if' statement on line 1", ["expected an indented block after 'if' statement on line 1"]),
    ("SyntaxError", "the program is nested too deeply", ["the program is nested too deeply"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "expected", "message"), [(k, e, m) for k, e, messages in WORDINGS for m in messages])
def test_wordings(kind: str, expected: str, message: str) -> None:
    assert normalised(kind, message) == expected
    assert normalised(kind, expected) == expected


def _message(source: str) -> tuple[str, str]:
    try:
        exec(compile(source, "<test>", "exec"), {})
    except Exception as error:
        return type(error).__name__, str(getattr(error, "msg", None) or error)
    raise AssertionError(f"{source!r} raises nothing")


# What this CPython says must come out as every other one's: the same table runs on all of them.
SPOKEN: dict[str, tuple[str, str]] = {
    "1 // 0": ("ZeroDivisionError", "division by zero"),
    "1.5 % 0": ("ZeroDivisionError", "division by zero"),
    "divmod(1.5, 0)": ("ZeroDivisionError", "division by zero"),
    "0 ** -1": ("ZeroDivisionError", "zero to a negative power"),
    "a, b = [1, 2, 3]": ("ValueError", "too many values to unpack (expected 2)"),
    "a, b = [1]": ("ValueError", "not enough values to unpack (expected 2, got 1)"),
    "max([])": ("ValueError", "max() iterable argument is empty"),
    "import math; math.sqrt(-1)": ("ValueError", "math domain error"),
    "import math; math.log(0)": ("ValueError", "math domain error"),
    "import math; math.acos(2)": ("ValueError", "math domain error"),
    "import math; math.log1p(-2)": ("ValueError", "math domain error"),
    "import math; math.atanh(1)": ("ValueError", "math domain error"),
    "import math; math.gamma(0)": ("ValueError", "math domain error"),
    "[1].index(3)": ("ValueError", "list.index(x): x not in list"),
    "[1].remove(3)": ("ValueError", "list.remove(x): x not in list"),
    "import collections; collections.deque().remove(1)": ("ValueError", "x not in deque"),
    "{[]: 1}": ("TypeError", "unhashable type: 'list'"),
    "{([],)}": ("TypeError", "unhashable type: 'list'"),
    "3 in 5": ("TypeError", "argument of type 'int' is not a container or iterable"),
    "sorted([1], foo=1)": ("TypeError", "sort() got an unexpected keyword argument 'foo'"),
    "(lambda x: x)(xx=1)": ("TypeError", "<lambda>() got an unexpected keyword argument 'xx'"),
    "print(*5)": ("TypeError", "Value after * must be an iterable, not int"),
    "dict([1])": ("TypeError", "object is not iterable"),
    "'a'.find(1)": ("TypeError", "must be str, not int"),
    "'a'.count()": ("TypeError", "count expected at least 1 argument, got 0"),
    "2.0 ** 10000": ("OverflowError", "Result too large"),
    "int('a')": ("ValueError", "invalid literal for int() with base 10: 'a'"),
    "[].pop()": ("IndexError", "pop from empty list"),
    "None[0] if None else None.x": ("AttributeError", "'NoneType' object has no attribute 'x'"),
    "f(": ("SyntaxError", "'(' was never closed"),
    "f() = 1": ("SyntaxError", "cannot assign to function call"),
    "x = f'{}'": ("SyntaxError", "invalid syntax"),
    "x = f'abc": ("SyntaxError", "unterminated string literal (detected at line 1)"),
    "def f(a=1, b): pass": ("SyntaxError", "parameter without a default follows parameter with a default"),
    "import": ("SyntaxError", "invalid syntax"),
    "f(a=)": ("SyntaxError", "invalid syntax"),
    "print 'a'": ("SyntaxError", "Missing parentheses in call to 'print'"),
}  # fmt: skip


@pytest.mark.parametrize("source", SPOKEN)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_what_this_version_says(source: str) -> None:
    kind, message = _message(source)
    assert (kind, normalised(kind, message)) == SPOKEN[source]


def test_form() -> None:
    assert normalised("ValueError", "a\nb\t c") == "a b c"
    assert normalised("TypeError", "<function f at 0x7f00aBcd> and <g at 0x1>") == "<function f> and <g>"
    assert normalised("ValueError", "\ud800x") == "?x"
    assert normalised("ValueError", "é") == "é"
    assert len(normalised("ValueError", "x" * 10**6)) == MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize("kind", ["KeyError", "ValueError", "Rejected", "StepLimit"])
def test_other_messages_stay(kind: str) -> None:
    assert normalised(kind, "no cup. It is gone") == "no cup. It is gone"


def test_type_names() -> None:
    assert (type_name("PatternError"), type_name("error"), type_name("ValueError")) == ("error", "error", "ValueError")
