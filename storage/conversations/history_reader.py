"""A history for a command that only reads: a third of the store, and of the time to load it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from .. import ids
from ..clock import Clock, utc_now
from ..database.connection import BUSY_MS, Database
from ..database.opening import open_database
from ..database.sqlite_errors import raising_sentences
from .arriving_replies import ArrivingReplies
from .conversations import Conversations
from .messages import Messages
from .names import ConversationNames
from .process_locks import ProcessLock
from .search import Search

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class HistoryReader:
    """Conversations, messages and search of one account."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.process_lock = ProcessLock(db.path, db.token)
        self.conversations = Conversations(db)
        self.messages = Messages(db)
        self.arriving_replies = ArrivingReplies(db, self.process_lock)
        self.search = Search(db)
        self.names = ConversationNames(db)

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS) -> Self:
        """Return the history in ``path``, made or brought up to date when needed. Raises :class:`StoreError`.

        What cannot be written is opened for reading: ``db.read_only`` then says why, and so does every write.
        """
        db = open_database(path, clock=clock, token=token, busy_ms=busy_ms)
        try:
            with raising_sentences(path):
                return cls(db)
        except BaseException:
            db.close()
            raise

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
        topic: Any = self._topics.get(method) or self._topic_of(method) or self
        return method(topic, *args, **kwargs)

    def _topic_of(self, method: Callable[..., Any]) -> object | None:
        """Return the object whose class has this method now: a test may have replaced one."""
        return next((topic for topic in vars(self).values() if method in vars(type(topic)).values()), None)

    @cached_property
    def _topics(self) -> dict[Callable[..., Any], object]:
        """Return the objects of this history by the methods of their classes."""
        return {
            method: topic for topic in vars(self).values() for method in vars(type(topic)).values() if callable(method)
        }
