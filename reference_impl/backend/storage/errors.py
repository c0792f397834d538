"""What storage can refuse, in words that are the same on both databases and hold no value of any row."""

from __future__ import annotations

__all__ = ["DatabaseUrlError", "Fenced", "RowRefused", "StoreClosed", "StoreUnavailable", "WriterBusy"]


class Fenced(RuntimeError):
    """Another process writes to this database now; this one has nothing to say any more and must stop."""


class RowRefused(ValueError):
    """A constraint of the database does not take a row; nothing of its commit was written.

    ``kind`` is ``unique``, ``check``, ``null`` or ``value``; ``where`` names the table, column or constraint, as far as the
    database tells.
    """

    def __init__(self, kind: str, where: str) -> None:
        super().__init__(f"the database refuses a row ({kind}: {where})")
        self.kind, self.where = kind, where


class StoreClosed(RuntimeError):
    """The store was closed, or has stopped, before this could be written."""


class StoreUnavailable(RuntimeError):
    """The database cannot be reached; the text says which one and what to look at, without a password."""


class WriterBusy(RuntimeError):
    """Another backend writes to this database, and the caller did not want to wait for its end."""


class DatabaseUrlError(ValueError):
    """A database URL that makes no sense; the text shows the two forms that do."""
