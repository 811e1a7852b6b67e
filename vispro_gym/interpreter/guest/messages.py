"""One wording for the messages of errors, whichever CPython from 3.11 to 3.14 runs the program.

A message is what a program's writer gets to see, so it must not depend on the machine. Where versions differ, the wording is
that of 3.14 if it can be made from the older one, and otherwise what they have in common.
"""

from __future__ import annotations

import re

MAX_MESSAGE_CHARACTERS = 200

_Rules = list[tuple[re.Pattern[str], str]]


def _rules(*pairs: tuple[str, str]) -> _Rules:
    return [(re.compile(pattern, re.DOTALL), replacement) for pattern, replacement in pairs]


_TYPE_NAMES = {"PatternError": "error"}  # re.error until 3.13

_BY_KIND: dict[str, _Rules] = {
    "ZeroDivisionError": _rules(
        (r"(integer|float) (floor )?(division( or modulo)?|modulo)( by zero)?|float divmod\(\)", "division by zero"),
        (r"0\.0 cannot be raised to a negative power", "zero to a negative power"),
    ),
    "ValueError": _rules(
        (r"(too many values to unpack \(expected \d+), got \d+\)", r"\1)"),
        (r"(max|min)\(\) arg is an empty sequence", r"\1() iterable argument is empty"),
        (r"expected a (positive|nonnegative|finite) input(, got \S+)?", "math domain error"),
        (r"expected a (number (in range from|between) .*|noninteger or positive integer), got \S+", "math domain error"),
        (r"expected argument value > -1, got .*", "math domain error"),
        (r".* is not in list", "list.index(x): x not in list"),
        (r".* is not in deque|deque\.(index|remove)\(x\): x not in deque", "x not in deque"),
    ),
    "TypeError": _rules(
        (r"cannot use '.*' as a (?:dict key|set element) \((unhashable type: '.*')\)", r"\1"),
        (r"(argument of type '.*' is not) iterable", r"\1 a container or iterable"),
        (r"'(\w+)' is an invalid keyword argument for (\w+\(\))", r"\2 got an unexpected keyword argument '\1'"),
        (r"cannot convert dictionary update sequence element #\d+ to a sequence", "object is not iterable"),
        (r"(?:r?find|r?index|count)\(\) argument 1 (must be str, not .*)", r"\1"),
        (r"(\w+)\(\) takes at least 1 argument \(0 given\)", r"\1 expected at least 1 argument, got 0"),
        (r".* argument after \* (must be an iterable, not .*)", r"Value after * \1"),
        (r".* argument after \*\* (must be a mapping, not .*)", r"Value after ** \1"),
    ),
    "OverflowError": _rules((r"\(\d+, '.*'\)", "Result too large")),
}

_SYNTAX = _rules(
    (r"(cannot assign to .*) here", r"\1"),
    (r"unterminated (triple-quoted )?f-string (.*)", r"unterminated \1string \2"),
    (r"non-default argument follows default argument", "parameter without a default follows parameter with a default"),
    # What newer parsers tell apart, and what is wrong inside an f-string, which 3.11 parses on its own.
    (
        r"f-string.*|can't use starred expression here|Invalid star expression|Expected one or more names after .*"
        r"|Did you mean .*|expected argument value expression|cannot assign to keyword argument unpacking"
        r"|expected expression after .*|cannot use .* as import target|cannot use .* statement with .*",
        "invalid syntax",
    ),
)

_BY_KIND |= dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), _SYNTAX)

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SUGGESTION = re.compile(r"[.,] (?:Did|Maybe|Perhaps|perhaps) you (?:mean|meant|forget|forgot) .*", re.DOTALL)


def type_name(name: str) -> str:
    """The name of an exception type that has changed its name, as older versions write it; every other name as it is."""
    return _TYPE_NAMES.get(name, name)


def normalised(kind: str, message: str) -> str:
    """An error's message as every version of CPython is made to say it.

    Args:
        kind: Name of the exception type.
        message: Its message.

    Returns:
        One line of at most 200 characters without addresses, suggestions and lone surrogates.
    """
    message = message[: 10 * MAX_MESSAGE_CHARACTERS]
    if not message.isascii():
        message = message.encode("utf-8", "replace").decode()
    message = " ".join(_ADDRESS.sub("", message).split())
    rules = _BY_KIND.get(kind, [])
    if rules:
        message = _SUGGESTION.sub("", message)
    for pattern, replacement in rules:
        found = pattern.fullmatch(message)
        if found:
            message = found.expand(replacement)
            break
    return message[:MAX_MESSAGE_CHARACTERS]
