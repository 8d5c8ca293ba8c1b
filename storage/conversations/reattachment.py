"""The tree around a message that is deleted: what follows it then follows the message before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from ..records import Message
from .message_tree import ROOT
from .messages import Messages
from .shown_branch import ShownBranch


@in_sentences
class Reattachment:
    """Messages around one that goes, and comes back by an undo."""

    def __init__(self, db: Database, messages: Messages, shown_branch: ShownBranch) -> None:
        self.db = db
        self._messages = messages
        self._shown_branch = shown_branch

    def detach(self, message: Message) -> dict[str, Any]:
        """Attach what follows a message to the one before it; return what :meth:`attach` needs to undo that.

        The branch that is shown stays the one that is shown. Of a conversation without branches nothing changes.
        """
        session_id = message.session_id
        shown = not self._shown_branch.is_hidden(message.id, session_id)
        if self._shown_branch.is_line(session_id):
            return {"children": [], "to": ROOT, "shown": shown, "before": None}
        parent = self._messages.parent(message)
        to = parent.id if parent is not None else ROOT
        values = {"session": session_id, "id": message.id, "to": to}
        children = self.db.rows(
            """update chat_messages set parent_id = :to where session_id = :session and parent_id = :id
            returning id""",
            **values,
        )
        self.db.execute("update live_replies set parent_id = :to where parent_id = :id", values)
        if self._shown_branch.chosen_leaf(session_id) == message.id:
            self._shown_branch.set_leaf(session_id, parent.id if parent is not None else None)
        return {
            "children": [row["id"] for row in children],
            "to": to,
            "shown": shown,
            "before": parent.id if parent is not None else None,
        }

    def keep_shown(self, session_id: str, detached: Mapping[str, Any]) -> None:
        """Show the branch from which a message was deleted, though another one may be newer by now."""
        if detached["shown"] and detached["before"] is not None:
            self._shown_branch.show(detached["before"], session_id)

    def attach(self, message: Message, detached: Mapping[str, Any]) -> None:
        """Undo :meth:`detach`, for a message that is back, whatever was deleted around it meanwhile."""
        values = {"id": message.id, "session": message.session_id}
        if message.parent_id and (parent := self._standing(message.parent_id)) != message.parent_id:
            self.db.execute("update chat_messages set parent_id = :to where id = :id", {**values, "to": parent})
        self.db.execute(
            """update chat_messages set parent_id = :id
            where session_id = :session and parent_id = :to and id in (select value from json_each(:children))""",
            {**values, "to": self._standing(detached["to"]), "children": to_json(detached["children"])},
        )
        if detached["shown"]:
            self._shown_branch.show(message.id, message.session_id)

    def _standing(self, message_id: str) -> str:
        """Return a message, or what stands in its place if it was deleted too."""
        while message_id and not self.db.one("select 1 from chat_messages where id = :id", id=message_id):
            row = self.db.one(
                """select json_extract(content, '$.to') as "to" from trash_rows
                where place = 'tree' and thing = :id order by token desc limit 1""",
                id=message_id,
            )
            if row is None:
                break
            message_id = row["to"]
        return message_id
