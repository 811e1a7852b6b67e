"""The one exception for what a user can put right."""

from __future__ import annotations


class UsageError(Exception):
    """Something was asked for that cannot be done. The message is one line: what was expected, what came, what to do."""
