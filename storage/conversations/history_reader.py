"""A history for a command that only reads: a third of the store, and of the time to load it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from .. import ids
from ..clock import Clock, utc_now
from ..database.connection import BUSY_MS, Database
from ..database.opening import open_database
from .arriving_replies import ArrivingReplies
from .branch_overview import BranchOverview
from .branches import Branches
from .conversations import Conversations
from .messages import Messages
from .names import ConversationNames
from .process_locks import ProcessLock
from .search import Search
from .shown_branch import ShownBranch
from .tag_list import Tags

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class HistoryReader:
    """Conversations, messages and search of one account."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._topics: dict[Callable[..., Any], object] = {}
        self.process_lock = ProcessLock(db.path, db.token)
        self.conversations = Conversations(db)
        self.shown_branch = ShownBranch(db)
        self.messages = Messages(db, self.shown_branch)
        self.branches = Branches(db, self.conversations, self.messages, self.shown_branch)
        self.branch_overview = BranchOverview(db, self.shown_branch)
        self.arriving_replies = ArrivingReplies(db, self.process_lock)
        self.search = Search(db)
        self.names = ConversationNames(db)
        self.tags = Tags(db)

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS) -> Self:
        """Return the history in ``path``, made or brought up to date when needed. Raises :class:`StoreError`.

        What cannot be written is opened for reading: ``db.read_only`` then says why, and so does every write.
        """
        return cls(open_database(path, clock=clock, token=token, busy_ms=busy_ms))

    def close(self) -> None:
        """Let go of the file, and of the replies that this process received. Safe to call twice."""
        self.process_lock.release()
        self.db.close()

    @property
    def user_id(self) -> str:
        """Return ``profiles.id`` of this file's account. A sign-in, in any process, changes it."""
        return self.db.user_id

    def call(self, method: Callable[Concatenate[T, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``method(topic, *args, **kwargs)``, where ``topic`` is the object whose class defines the method.

        A function that is no method of a topic is called with this history.
        """
        topic: Any = self._topics.get(method)
        if topic is None:
            topic = next((topic for topic in vars(self).values() if method in vars(type(topic)).values()), None)
            if topic is None:
                return method(cast("T", self), *args, **kwargs)
            self._topics[method] = topic
        return method(topic, *args, **kwargs)
