"""The one exception for what a user can put right, and what it says of numbers and quotes of libraries."""

from __future__ import annotations


class UsageError(Exception):
    """Something was asked for that cannot be done. The message is one line: what was expected, what came, what to do."""


def at_least(least: float, **options: float | None) -> None:
    """Raise UsageError for the first option whose value is less; None, which is no value, is none."""
    for name, value in options.items():
        if value is not None and not value >= least:
            raise UsageError(f"--{name.replace('_', '-')} {value} makes no sense. Expected {least} or more.")


def above_zero(**options: float) -> None:
    """Raise UsageError for the first option whose value is not above 0."""
    for name, value in options.items():
        if not value > 0.0:
            raise UsageError(f"--{name.replace('_', '-')} {value} makes no sense. Expected more than 0.")


def first_words(error: Exception) -> str:
    """What a library says, as one line of moderate length without its full stop."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300].rstrip(".: ")
