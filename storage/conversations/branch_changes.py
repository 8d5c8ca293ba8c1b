"""Undo of what deleted nothing: another branch that is shown, a reply that was continued, a fork.

Entries are in the trash, of kind ``reply``, so that the newest thing is undone first, whatever it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..records import Conversation, Message
from .branches import Branches
from .conversations import Conversations
from .messages import NO_SUCH_MESSAGE, Messages
from .shown_branch import ShownBranch
from .trash import Trash
from .trash_rows import TrashRows

SHOWN, CONTINUED, FORKED = "shown", "continued", "forked"
"""Places of trash rows: the end of the branch that was shown before; a reply before it was continued; a fork."""

_TEXT = ("content", "reasoning", "total_tokens", "output_tokens", "elapsed_ms", "error_message", "metadata")


@in_sentences
class BranchChanges:
    """Changes of branches that can be undone."""

    def __init__(
        self,
        db: Database,
        branches: Branches,
        conversations: Conversations,
        messages: Messages,
        shown_branch: ShownBranch,
        trash: Trash,
        trash_rows: TrashRows,
    ) -> None:
        self.db = db
        self._branches = branches
        self._conversations = conversations
        self._messages = messages
        self._shown_branch = shown_branch
        self._trash = trash
        self._trash_rows = trash_rows

    def note_shown(self, new: Message, leaf: str) -> None:
        """Let an undo show the branch again that ended with ``leaf``, until somebody goes on with the new one."""
        self._note(new.session_id, SHOWN, new.session_id, {"leaf": leaf, "at": new.message_timestamp})

    def note_text(self, reply: Message) -> None:
        """Let an undo give a reply its present text again, until somebody goes on after it."""
        row = self.db.one(f"select {', '.join(_TEXT)} from chat_messages where id = :id", id=reply.id)
        assert row is not None
        self._note(reply.session_id, CONTINUED, reply.id, {**dict(row), "at": reply.message_timestamp})

    def fork(self, message_id: str) -> Conversation:
        """Do what :meth:`.Branches.fork` does; an undo can take it back, until somebody goes on in the fork."""
        with self.db.write():
            source = self._messages.get(message_id).session_id
            fork = self._branches.fork(message_id)
            content = {"source": source, "messages": self._messages.count(fork.id), "at": fork.last_message_timestamp}
            self._note(source, FORKED, fork.id, content)
            return fork

    def undo(self, token: int) -> str:
        """Undo a change; return its conversation."""
        row = self.db.one(
            """select place, thing, content from trash_rows
            where token = :token and place in (:shown, :continued, :forked)""",
            token=token, shown=SHOWN, continued=CONTINUED, forked=FORKED,
        )  # fmt: skip
        if row is None:
            raise NotFound("That can not be undone any more.")
        content: dict[str, Any] = json.loads(row["content"])
        if row["place"] == CONTINUED:
            return self._restore_text(row["thing"], content)
        if row["place"] == FORKED:
            return self._remove_fork(row["thing"], content)
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

    def _remove_fork(self, session_id: str, content: Mapping[str, Any]) -> str:
        """Delete a fork, and return the conversation it is a copy of. One that has changed goes to the trash."""
        is_copy = self._messages.count(session_id) == content["messages"]
        trashed = self._trash.delete_conversation(session_id)
        if is_copy:  # the next undo is about what was done before the fork
            self._trash_rows.expire(trashed.token)
        return str(content["source"])

    def _note(self, session_id: str, place: str, thing: str, content: dict[str, Any]) -> None:
        title = self._conversations.get(session_id).title
        token = self._trash_rows.add_entry("reply", title, 0, 1, indexed=False)
        self._trash_rows.add(token, place, thing, content)
