"""Undo of deletions and retries."""

from __future__ import annotations

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from .messages import Messages
from .reply_versions import ReplyVersions
from .restored import OnRestored
from .search_index import SearchIndex
from .trash import Trash
from .trash_rows import TrashRows


@in_sentences
class Undo:
    """Undo of deletions and retries."""

    def __init__(
        self,
        db: Database,
        messages: Messages,
        reply_versions: ReplyVersions,
        search_index: SearchIndex,
        trash: Trash,
        trash_rows: TrashRows,
        on_restored: OnRestored,
    ) -> None:
        self.db = db
        self._on_restored = on_restored
        self._messages = messages
        self._reply_versions = reply_versions
        self._search_index = search_index
        self._trash = trash
        self._trash_rows = trash_rows

    def undo(self, token: int) -> list[str]:
        """Bring back what a deletion took; gives the conversations that are back or changed."""
        with self.db.write():
            binned = self.db.one(
                "select at, kind, messages, indexed from trash where token = :token and at >= :oldest",
                token=token, oldest=self._trash_rows.oldest_restorable(),
            )  # fmt: skip
            if binned is None:
                raise NotFound("That deletion can not be undone any more.")
            message_id = None
            if binned["kind"] in ("message", "reply"):
                message_id = self._trash_rows.row_id(token, "chat_messages")
                back = [self._trash.restore_message(token, binned["at"])]
                if binned["kind"] == "reply":
                    self._reply_versions.set_others_aside(message_id)
            else:
                back = self._trash.restore_conversations(token)
                if not binned["indexed"]:
                    self._search_index.index_restored(token, binned["messages"])
            for row in self._trash_rows.stored(token, "late"):
                self._messages.insert_reply(row)  # it settled while its conversation was away, and counts from now on
            self.db.execute("delete from trash where token = :token", {"token": token})
            self._on_restored(back, message_id)
            self.db.touch(*back)
            return back
