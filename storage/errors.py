"""Errors of the history. Their texts are sentences for a person that say what to do."""

from __future__ import annotations


class StoreError(Exception):
    """Anything the store refuses or cannot do; ``str(error)`` may be shown as it is."""


class StoreBusy(StoreError):
    """Another process holds the write lock for too long."""


class StoreCorrupt(StoreError):
    """The file is not a sound SQLite database."""


class StoreUnwritable(StoreError):
    """The file cannot be written now. What is in it can still be read."""


class StoreReadOnly(StoreUnwritable):
    """The file or its folder cannot be written."""


class StoreFull(StoreUnwritable):
    """No space is left on the disk."""


class StoreFailing(StoreUnwritable):
    """The disk reports an error."""


class StoreMissing(StoreCorrupt):
    """The file of a history that was here is gone or empty."""


class StoreTooNew(StoreError):
    """A newer Sterna made this file."""


class NotFound(StoreError):
    """No row has that id (any more)."""


class Invalid(StoreError):
    """A value the schema does not take."""


class FenceLost(StoreError):
    """Another process has taken over the sync of this file; nothing was changed."""


class NotInFlight(ValueError):
    """An answer to a push that is not on its way any more; nothing was changed."""
