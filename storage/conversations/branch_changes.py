"""Undo of what changed a branch without deleting anything: another branch that is shown, a reply that was continued.

Entries are in the trash, of kind ``reply``, so that the newest thing is undone first, whatever it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..records import Message
from .conversations import Conversations
from .messages import NO_SUCH_MESSAGE
from .shown_branch import ShownBranch
from .trash_rows import TrashRows

SHOWN, CONTINUED = "shown", "continued"
"""Places of trash rows: the end of the branch that was shown before; a reply before it was continued."""

_TEXT = ("content", "reasoning", "total_tokens", "output_tokens", "elapsed_ms", "error_message", "metadata")


@in_sentences
class BranchChanges:
    """Changes of branches that can be undone."""

    def __init__(
        self, db: Database, conversations: Conversations, shown_branch: ShownBranch, trash_rows: TrashRows
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._shown_branch = shown_branch
        self._trash_rows = trash_rows

    def note_shown(self, new: Message, leaf: str) -> None:
        """Let an undo show the branch again that ended with ``leaf``, until somebody goes on with the new one."""
        self._note(new.session_id, SHOWN, new.session_id, {"leaf": leaf, "at": new.message_timestamp})

    def note_text(self, reply: Message) -> None:
        """Let an undo give a reply its present text again, until somebody goes on after it."""
        row = self.db.one(f"select {', '.join(_TEXT)} from chat_messages where id = :id", id=reply.id)
        assert row is not None
        self._note(reply.session_id, CONTINUED, reply.id, {**dict(row), "at": reply.message_timestamp})

    def undo(self, token: int) -> str:
        """Undo a change; return its conversation."""
        row = self.db.one(
            "select place, thing, content from trash_rows where token = :token and place in (:shown, :continued)",
            token=token, shown=SHOWN, continued=CONTINUED,
        )  # fmt: skip
        if row is None:
            raise NotFound("That can not be undone any more.")
        content: dict[str, Any] = json.loads(row["content"])
        if row["place"] == CONTINUED:
            return self._restore_text(row["thing"], content)
        if not self._shown_branch.show(content["leaf"], row["thing"]):
            raise Invalid("That is shown already.")
        return str(row["thing"])

    def _restore_text(self, message_id: str, content: Mapping[str, Any]) -> str:
        row = self.db.one(
            f"""update chat_messages set {", ".join(f"{name} = :{name}" for name in _TEXT)}
            where id = :id returning session_id""",
            **content, id=message_id,
        )  # fmt: skip
        if row is None:
            raise NotFound(NO_SUCH_MESSAGE)
        session_id: str = row["session_id"]
        self.db.touch(session_id)
        return session_id

    def _note(self, session_id: str, place: str, thing: str, content: dict[str, Any]) -> None:
        title = self._conversations.get(session_id).title
        token = self._trash_rows.add_entry("reply", title, 0, 1, indexed=False)
        self._trash_rows.add(token, place, thing, content)
