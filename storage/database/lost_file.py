"""A history that is not where it was: a file that is gone or has length zero, though there was one.

SQLite takes such a file for a new database. Sterna must not: an empty history would look like a loss, and a sync could
make it one. The list of accounts says whether a file was ever opened; where it does not, the copies beside the file and
its journal tell.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..accounts import registry as accounts
from ..errors import StoreError, StoreMissing
from .sqlite_errors import newest_backup


def refuse_lost(path: Path) -> None:
    """Raise StoreMissing when ``path`` held a history and is gone or empty now. Costs one look at a sound file."""
    if _size(path):
        return
    registry = path.parent / accounts.REGISTRY
    journal = path.with_name(f"{path.name}-wal")
    copy = newest_backup(path)
    if not (accounts.was_opened(path) or copy is not None or _size(journal)):
        return
    state = "is empty" if path.exists() else "is gone"
    if copy is not None:
        then = f"Close Sterna and rename the newest copy, {copy}, to {path.name}."
    else:
        then = (
            "Sterna has made no copy of it. Put it back from a backup of yours; to begin with an empty history instead,"
            f" move {registry} away."
        )
    raise StoreMissing(f"{path} {state}, but your conversations were in it. Nothing was changed. {then}")


def note_opened(path: Path) -> None:
    """Remember that there is a history in ``path`` now, where a list of accounts names it."""
    with suppress(StoreError):  # what cannot be noted now is noted by a later start
        accounts.mark_opened(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
