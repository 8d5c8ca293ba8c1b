"""The store, put together: one class a topic, each in the file of its name, over one connection."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from . import ids
from .account_data import AccountData
from .adoption import Adoption
from .checks import Checks
from .clock import Clock, utc_now
from .database import BUSY_MS, Base, connect
from .errors import StoreReadOnly
from .failures import explain, in_sentences
from .interactions import Interactions
from .maintenance import Maintenance
from .migrate import migrate
from .names import Names
from .searches import Searches
from .sync_private import SyncSide
from .sync_survey import SyncSurvey


@in_sentences(plumbing=Base)
class Store(SyncSurvey, SyncSide, Adoption, Searches, Interactions, AccountData, Maintenance, Checks, Names):
    """Everything that is kept, in one SQLite file for one account. Use it in the thread that opened it."""

    @classmethod
    def open(
        cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS
    ) -> Store:
        """The store in ``path``, made or brought up to date when needed. Raises :class:`StoreError` with a sentence."""
        db: sqlite3.Connection | None = None
        try:
            _private(path)
            db = connect(path, busy_ms=busy_ms)
            migrate(db, path, clock=clock, busy_ms=busy_ms)
            store = cls(db, path, clock=clock, token=token)
            store.user_id = store._account()
        except BaseException as error:
            if db is not None:
                db.close()
            if isinstance(error, OSError):
                raise StoreReadOnly(
                    f"{path} cannot be made or read ({error.strerror}). Give your user the right to write that folder, "
                    "or name another with --data-dir."
                ) from error
            if isinstance(error, sqlite3.Error) and (sentence := explain(error, path)) is not None:
                raise sentence from error
            raise
        return store

    def close(self) -> None:
        """Let go of the file, and of the replies that this process received. Safe to call twice."""
        self._disown()
        self.db.close()

    def data_version(self) -> int:
        """A number that changes when another connection commits."""
        version: int = self.db.execute("pragma data_version").fetchone()[0]
        return version

    def _account(self) -> str:
        """The id of the one profile of this file, made when the file is new."""
        if (row := self.one("select id from profiles limit 1")) is None:
            from uuid import uuid4

            with self.write():
                if (row := self.one("select id from profiles limit 1")) is None:
                    return self.ensure_profile(str(uuid4()), "")
        user_id: str = row["id"]
        return user_id


def _private(path: Path) -> None:
    """Make the folder (0700) and the file (0600) when missing, before SQLite would make them readable by all.

    A file that is there is not opened: closing it would give up the locks of a connection that this process may have.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir() or not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None
