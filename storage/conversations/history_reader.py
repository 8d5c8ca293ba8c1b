"""A history for a command that only reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar, cast

from .. import ids
from ..clock import Clock, utc_now
from ..database.connection import BUSY_MS, Database
from ..database.opening import open_database
from .process_locks import ProcessLock
from .shown_branch import ShownBranch

if TYPE_CHECKING:
    from ..analytics.statistics import Statistics
    from ..meaning.meaning import Meaning
    from .arriving_replies import ArrivingReplies
    from .branch_overview import BranchOverview
    from .branches import Branches
    from .conversations import Conversations
    from .messages import Messages
    from .names import ConversationNames
    from .passages import Passages
    from .related import Related
    from .search import Search
    from .search_problems import SearchProblems
    from .tag_list import Tags

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class HistoryReader:
    """Conversations, messages and search of one account.

    Each topic is an object, which is loaded and made when it is first used: a command needs few of them.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self.process_lock = ProcessLock(db.path, db.token)
        self.shown_branch = ShownBranch(db)

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

        The class is known by the method's qualified name: another function in its place has to keep that. A function
        that is no method of a topic is called with this history.
        """
        owner = getattr(method, "__qualname__", "").rpartition(".")[0]
        attribute = self._attributes.get(owner)
        topic = self if attribute is None else getattr(self, attribute)
        return method(cast("T", topic), *args, **kwargs)

    @cached_property
    def _attributes(self) -> Mapping[str, str]:
        """Attributes with topics, by the names of the topics' classes."""
        members = [member for kind in type(self).__mro__ for member in vars(kind).items()]
        made = {
            value.func.__annotations__["return"]: name for name, value in members if isinstance(value, cached_property)
        }
        return {"Database": "db", "ShownBranch": "shown_branch"} | made

    @cached_property
    def arriving_replies(self) -> ArrivingReplies:
        from .arriving_replies import ArrivingReplies

        return ArrivingReplies(self.db, self.process_lock)

    @cached_property
    def branch_overview(self) -> BranchOverview:
        from .branch_overview import BranchOverview

        return BranchOverview(self.db, self.shown_branch)

    @cached_property
    def branches(self) -> Branches:
        from .branches import Branches

        return Branches(self.db, self.conversations, self.messages, self.shown_branch)

    @cached_property
    def conversations(self) -> Conversations:
        from .conversations import Conversations

        return Conversations(self.db)

    @cached_property
    def meaning(self) -> Meaning:
        from ..meaning.meaning import Meaning

        return Meaning(self.db)

    @cached_property
    def messages(self) -> Messages:
        from .messages import Messages

        return Messages(self.db, self.shown_branch)

    @cached_property
    def names(self) -> ConversationNames:
        from .names import ConversationNames

        return ConversationNames(self.db)

    @cached_property
    def passages(self) -> Passages:
        from .passages import Passages

        return Passages(self.db, self.conversations, self.messages, self.search)

    @cached_property
    def related(self) -> Related:
        from .related import Related

        return Related(self.conversations, self.messages, self.search)

    @cached_property
    def search(self) -> Search:
        from .search import Search

        return Search(self.db)

    @cached_property
    def search_problems(self) -> SearchProblems:
        from .search_problems import SearchProblems

        return SearchProblems(self.db)

    @cached_property
    def statistics(self) -> Statistics:
        from ..analytics.statistics import Statistics

        return Statistics(self.db)

    @cached_property
    def tags(self) -> Tags:
        from .tag_list import Tags

        return Tags(self.db)
