"""The conversations of a file for a command that only reads: a third of the store, and of the time to load it."""

from __future__ import annotations

from .database import Base
from .failures import in_sentences
from .live import Live
from .names import Names
from .opening import OpenFile
from .search import Search


@in_sentences(plumbing=Base)
class HistoryReader(OpenFile, Live, Search, Names):
    """Conversations, messages and search. Only :class:`Store` writes: its parts belong together there."""

    def has_unsettled_replies(self) -> bool:
        """Tell whether replies are arriving, or were when their process died."""
        return self.one("select 1 from live_replies limit 1") is not None
