"""Errors and notices of the datasets."""

from __future__ import annotations

import logging

logger = logging.getLogger("vispro_gym")


class DatasetError(ValueError):
    """Data that is missing, damaged or not what was asked for. The message names the file and what was expected."""


class MissingDataError(DatasetError, FileNotFoundError):
    """Data that is not there: a folder, a file, a split."""


_said: set[str] = set()


def say_once(message: str, topic: str | None = None) -> None:
    """Logs a warning, once per process and topic.

    The `logging` module prints warnings to stderr also when nobody configured it. Python's `warnings` are not used,
    since programs (and `check_env` in tests) turn those into errors, and running on mini data is no error.

    Args:
        message: What to say.
        topic: What must not be said twice; None for the message itself.
    """
    if (topic or message) not in _said:
        _said.add(topic or message)
        logger.warning(message)
