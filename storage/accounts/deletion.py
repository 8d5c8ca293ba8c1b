"""The end of an account's file: all that stands beside it too, and its name in the list."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..attachments.files import erase_folder
from ..errors import StoreBusy, StoreReadOnly
from . import registry


def erase(path: Path) -> None:
    """Remove an account from this device: its file, the copies that were made of it, its entry in the list.

    Where it was the current one, a new local account takes its place with the next start. Raises StoreBusy while
    another process has the file open, and StoreReadOnly; nothing is removed then.
    """
    require_alone(path)
    try:
        registry.forget(path.parent, path.name)
        erase_folder(path)
        for beside in sorted(path.parent.iterdir()):
            if beside.name.startswith((f"{path.name}", f"{path.stem}.backup-", f"{path.stem}-")):
                beside.unlink(missing_ok=True)
    except OSError as error:
        raise StoreReadOnly(
            f"{error.filename} cannot be removed ({error.strerror}). Give your user the right to write {path.parent}."
        ) from error


def require_alone(path: Path) -> None:
    """Raise StoreBusy while another process has the file open: only a sole user may change its journal mode."""
    if not path.exists():
        return
    db = sqlite3.connect(path, timeout=0.5)
    try:
        db.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise StoreReadOnly(f"{path} cannot be opened ({error}).") from error
        raise StoreBusy("Another Sterna has this history open. Close it, then do this again.") from None
    finally:
        db.close()
