"""Versions of a reply: what a prompt was answered before, and after, it was asked again.

The conversation holds one version. The others wait in the trash, as rows of kind ``reply``, for as long as their
conversation exists. They are local: a server and other devices get the version that is shown. A version with
``trash.messages`` 1 was replaced by a retry, which undo takes back; one with 0 was set aside otherwise.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import json_object
from ..records import KEPT_REPLY, Message, Settled
from .messages import Messages
from .restored import OnRestored
from .trash import Trash
from .trash_rows import TrashRows

_VERSIONS = """
    from trash_rows as s
    join trash as t on t.token = s.token and t.kind = 'reply'
    join trash_rows as r on r.token = s.token and r.place = 'chat_messages'
    where s.place = 'session' and s.thing = :session"""


@in_sentences
class ReplyVersions:
    """Replies that were asked for again."""

    def __init__(
        self, db: Database, messages: Messages, trash: Trash, trash_rows: TrashRows, on_restored: OnRestored
    ) -> None:
        self.db = db
        self._on_restored = on_restored
        self._messages = messages
        self._trash = trash
        self._trash_rows = trash_rows

    def counts(self, session_id: str) -> dict[str, int]:
        """Return how many versions each reply of a conversation has, by its id, where that is more than one."""
        rows = self.db.rows(
            f"""select coalesce(json_extract(r.content, '$.user_message_id'), '') as prompt, count(*) as n
            {_VERSIONS} group by 1""",
            session=session_id,
        )
        result: dict[str, int] = {}
        for row in rows:
            for reply in self._replies_to(row["prompt"]):
                result[reply.id] = row["n"] + 1
        return result

    def switch(self, message_id: str) -> Message:
        """Show the next version of a reply in place of this one, and return it. Raises Invalid where there is none."""
        with self.db.write():
            reply = self._messages.get(message_id)
            row = self.db.one(
                f"""select t.token, t.at {_VERSIONS} and json_extract(r.content, '$.user_message_id') = :prompt
                order by t.token limit 1""",
                session=reply.session_id,
                prompt=reply.user_message_id,
            )
            if row is None:
                raise Invalid("This reply has one version.")
            shown = self._trash_rows.row_id(row["token"], "chat_messages")
            self._trash.restore_message(row["token"], row["at"])
            self.db.execute("delete from trash where token = :token", {"token": row["token"]})
            self._on_restored([reply.session_id], shown)
            self._set_aside(reply)
            self.db.touch(reply.session_id)
            return self._messages.get(shown)

    def store_settled(self, row: dict[str, Any], settled: Settled) -> Message:
        """Store a reply that has settled: in place of what its prompt was answered before, if it is better than that.

        A reply without text leaves the old one as it was. One that broke off is kept as another version.
        """
        before = self._replies_to(row["user_message_id"])
        good = [reply for reply in before if reply.content.strip()]
        if good and not row["content"].strip():
            return _of_row(row, good[-1].id)
        broken = settled.finish in ("failed", "interrupted")
        if good and broken and not all(reply.failed for reply in good):
            self._messages.insert_reply(row)
            self._set_aside(self._messages.get(row["id"]))
            return _of_row(row, good[-1].id)
        for reply in before:
            if reply.content.strip():
                self._trash.move_message(self._belongs_to(reply, row["user_message_id"]), "reply")
            else:
                self.db.execute("delete from chat_messages where id = :id", {"id": reply.id})
        self._messages.insert_reply(row)
        return self._messages.get(row["id"])

    def set_others_aside(self, message_id: str) -> None:
        """Set aside what else answers the prompt of this reply, after an undo."""
        reply = self._messages.get(message_id)
        for other in self._replies_to(reply.user_message_id or ""):
            if other.id != message_id:
                self._set_aside(other)

    def _set_aside(self, reply: Message) -> None:
        """Keep a version that is not shown, without an undo of its own."""
        trashed = self._trash.move_message(reply, "reply")
        self.db.execute("update trash set messages = 0 where token = :token", {"token": trashed.token})

    def _replies_to(self, prompt_id: str) -> list[Message]:
        """Return the replies to a prompt that are in the conversation, oldest first."""
        with suppress(NotFound):
            prompt = self._messages.get(prompt_id)
            rows = self.db.rows(
                """select id from chat_messages
                where session_id = :session and (message_timestamp, id) > (:at, :prompt)
                    and role = 'assistant' and user_message_id = :prompt
                order by message_timestamp, id""",
                session=prompt.session_id,
                at=prompt.message_timestamp,
                prompt=prompt.id,
            )
            return [self._messages.get(row["id"]) for row in rows] or self._replies_behind(prompt)
        return []

    def _replies_behind(self, prompt: Message) -> list[Message]:
        """Return the replies right behind a prompt that do not say what they answer: they came from elsewhere."""
        result = []
        for message in self._messages.after(prompt.session_id, prompt.key, 8):
            if message.role == "user":
                break
            if message.role == "assistant" and not message.user_message_id:
                result.append(message)
        return result

    def _belongs_to(self, reply: Message, prompt_id: str) -> Message:
        """Return the reply with its prompt named, so that its versions are found by it."""
        if reply.user_message_id:
            return reply
        values = {"prompt": prompt_id, "id": reply.id}
        self.db.execute("update chat_messages set user_message_id = :prompt where id = :id", values)
        return self._messages.get(reply.id)


def _of_row(row: dict[str, Any], stored: str) -> Message:
    """Return the message of a reply that is not in the conversation."""
    metadata = {**json_object(row["metadata"]), KEPT_REPLY: stored}
    values = {name: row[name] for name in row if name != "metadata"}
    return Message(**values, role="assistant", content_type="markdown", is_streaming=True, metadata=metadata)
