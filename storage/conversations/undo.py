"""Undo of deletions, new versions, branches, forks, continued replies, and of changes of labels or settings."""

from __future__ import annotations

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..json_text import from_json
from .branch_changes import BranchChanges
from .kept_versions import KeptVersions
from .labels import ConversationLabels
from .messages import Messages
from .restored import OnRestored
from .search_index import SearchIndex
from .setting_changes import SETTINGS, SettingChanges
from .trash import Trash
from .trash_rows import TrashRows


@in_sentences
class Undo:
    """Undo of what was done last."""

    def __init__(
        self,
        db: Database,
        branch_changes: BranchChanges,
        kept_versions: KeptVersions,
        labels: ConversationLabels,
        messages: Messages,
        search_index: SearchIndex,
        setting_changes: SettingChanges,
        trash: Trash,
        trash_rows: TrashRows,
        on_restored: OnRestored,
    ) -> None:
        self.db = db
        self._labels = labels
        self._on_restored = on_restored
        self._messages = messages
        self._branch_changes = branch_changes
        self._kept_versions = kept_versions
        self._search_index = search_index
        self._setting_changes = setting_changes
        self._trash = trash
        self._trash_rows = trash_rows

    def undo(self, token: int) -> list[str]:
        """Bring back what a deletion took, or labels and settings as they were.

        Return the conversations that are back or changed.
        """
        with self.db.write():
            binned = self.db.one(
                "select at, kind, messages, indexed, labels from trash where token = :token and at >= :oldest",
                token=token, oldest=self._trash_rows.oldest_restorable(),
            )  # fmt: skip
            if binned is None:
                raise NotFound("That deletion can not be undone any more.")
            if binned["labels"] is not None:
                self.db.execute("delete from trash where token = :token", {"token": token})
                before = from_json(binned["labels"])
                are_settings = any(SETTINGS in each for each in before.values())
                return (self._setting_changes if are_settings else self._labels).restore(before)
            message_id = None
            completed: list[str] = []
            if binned["kind"] == "reply":
                back = [self._branch_changes.undo(token)]
            elif binned["kind"] == "message":
                message_id = self._trash_rows.row_id(token, "chat_messages")
                back = [self._trash.restore_message(token, binned["at"])]
            else:
                back, completed = self._trash.restore_conversations(token)
                self._kept_versions.bring_back()
                if not binned["indexed"]:
                    self._search_index.index_restored(token, binned["messages"])
            for row in self._trash_rows.stored(token, "late"):
                self._messages.insert_reply(row)  # it settled while its conversation was away, and counts from now on
            self.db.execute("delete from trash where token = :token", {"token": token})
            if binned["kind"] != "reply":
                self._on_restored(back, message_id)
            self.db.touch(*back, *completed)
            return [*back, *completed]
