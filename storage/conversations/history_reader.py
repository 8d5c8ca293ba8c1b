"""The conversations of a file for a command that only reads: a third of the store, and of the time to load it."""

from __future__ import annotations

from ..database.connection import Base
from ..database.opening import OpenFile
from ..database.sqlite_errors import in_sentences
from .live_replies import Live
from .names import Names
from .search import Search


@in_sentences(plumbing=Base)
class HistoryReader(OpenFile, Live, Search, Names):
    """Conversations, messages and search. Only :class:`Store` writes: its parts belong together there."""

    def has_unsettled_replies(self) -> bool:
        """Tell whether replies are arriving, or were when their process died."""
        return self.one("select 1 from live_replies limit 1") is not None
