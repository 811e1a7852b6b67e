"""What is said when the library of an adapter is missing."""

from __future__ import annotations


def missing_extra(what: str, extra: str, error: ImportError) -> ImportError:
    """An error that names the extra to install.

    Args:
        what: What cannot be used without it.
        extra: Name of the extra.
        error: What the import said.
    """
    return ImportError(f"{what} needs a library that is missing ({error}): pip install 'vispro-gym[{extra}]'", name=error.name)
