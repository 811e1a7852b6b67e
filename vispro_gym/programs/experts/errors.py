"""The error of the expert translators."""


class UntranslatableError(ValueError):
    """A functional program that cannot be translated; the message names the operation."""
