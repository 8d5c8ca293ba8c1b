"""The store, put together: one class a topic, each in the file of its name, over one connection."""

from __future__ import annotations

from .accounts.linking import Adoption
from .accounts.usage_pull import UsagePull
from .analytics.interactions import Interactions
from .conversations.names import Names
from .conversations.search_history import Searches
from .database.checks import Checks
from .database.connection import Base
from .database.maintenance import Maintenance
from .database.opening import OpenFile
from .database.sqlite_errors import in_sentences
from .sync.privacy import SyncSide
from .sync.upstream.pull import SyncSurvey


@in_sentences(plumbing=Base)
class Store(OpenFile, Checks, SyncSurvey, SyncSide, Adoption, Searches, Interactions, UsagePull, Maintenance, Names):
    """Everything that is kept, in one SQLite file for one account. Use it in the thread that opened it."""

    def close(self) -> None:
        """Let go of the file, and of the replies that this process received. Safe to call twice."""
        self.owner_lock.release()
        super().close()

    def _opened(self) -> None:
        self.user_id = self._account()

    def _account(self) -> str:
        """Return the id of the one profile of this file, made when the file is new."""
        if (row := self.one("select id from profiles limit 1")) is None and self.read_only is None:
            from uuid import uuid4

            with self.write():
                if (row := self.one("select id from profiles limit 1")) is None:
                    return self.ensure_profile(str(uuid4()), "")
        user_id: str = row["id"] if row is not None else ""
        return user_id
