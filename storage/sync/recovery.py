"""Recovery of unsent texts whose conversation was deleted elsewhere.

It moves, with a reply that is still arriving and the prompt that asked for it, into a conversation of its own that is
sent to no server: bringing the deleted one back would undo what somebody wanted, and losing the words is worse.
"""

from __future__ import annotations

from collections.abc import Collection

from .. import ids
from ..conversations.conversations import TITLE_LENGTH
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json

RECOVERED = "Recovered: "

_UNSENT = """
select m.id from chat_messages as m
join sync_outbox as o on o.kind = 'm' and o.id = m.id
left join sync_message_state as s on s.message_id = m.id
where m.session_id = :id and (o.op = 'put' and coalesce(s.server_seq, 0) = 0 or o.op = 'restore')
"""
_ASKED = """
select m.id from chat_messages as m
join live_replies as l on l.user_message_id = m.id and l.session_id = :id
where m.session_id = :id
"""


@in_sentences
class Recovery:
    """Nothing typed disappears."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def rescue(self, session_id: str) -> str | None:
        """Move what a dying conversation holds that nobody else has; gives where it is, or None for nothing."""
        unsent = {row["id"] for row in self.db.rows(_UNSENT, id=session_id)}
        unsent |= {row["id"] for row in self.db.rows(_ASKED, id=session_id)}
        live = self.db.one("select 1 from live_replies where session_id = :id", id=session_id)
        draft = self.db.one(
            "select 1 from drafts where session_id = :id and (trim(content) <> '' or attachments <> '[]')",
            id=session_id,
        )
        if not unsent and live is None and draft is None:
            return None
        place = self.recovered_conversation(session_id)
        self.move(unsent, place)
        values = {"id": session_id, "place": place}
        self.db.execute("update live_replies set session_id = :place where session_id = :id", values)
        self.db.execute("update or ignore drafts set session_id = :place where session_id = :id", values)
        return place

    def recovered_conversation(self, session_id: str) -> str:
        """Create a private conversation named after that one."""
        dying = self.db.one("select title, created_at from chat_sessions where id = :id", id=session_id)
        title = (RECOVERED + (dying["title"] if dying else ""))[:TITLE_LENGTH]
        place = ids.conversation_id(self.db.now(), self.db.token)
        self.db.execute("insert into sync_private (conv_id) values (:id)", {"id": place})
        self.db.execute(
            """insert into chat_sessions (id, user_id, title, created_at, updated_at, last_activity)
            values (:id, :user, :title, :now, :now, :now)""",
            {"id": place, "user": self.db.user_id, "title": title, "now": self.db.stamp()},
        )
        self.db.execute("insert into sync_session_state (session_id, title_class) values (:id, 1)", {"id": place})
        self.db.touch(place)
        return place

    def move(self, message_ids: Collection[str], place: str) -> None:
        values = {"ids": to_json(sorted(message_ids)), "place": place}
        some = "(select value from json_each(:ids))"
        self.db.execute(f"update chat_messages set session_id = :place where id in {some}", values)
        self.db.execute(f"delete from sync_outbox where kind = 'm' and id in {some}", values)
        self.db.execute(f"delete from sync_message_state where message_id in {some}", values)
        self.db.execute(
            """insert into sync_recovered_messages (message_id)
            select value from json_each(:ids) where true on conflict do nothing""",
            {"ids": values["ids"]},
        )

    def assign_new_id(self, message_id: str) -> str:
        """Give a message another id: the one it has is the server's."""
        new = ids.message_id(self.db.now(), self.db.token)
        values = {"new": new, "id": message_id}
        self.db.execute("update chat_messages set id = :new where id = :id", values)
        self.db.execute("update chat_messages set user_message_id = :new where user_message_id = :id", values)
        self.db.execute(
            """update chat_messages set parent_id = :new
            where parent_id = :id and session_id = (select session_id from chat_messages where id = :new)""",
            values,
        )
        self.db.execute(
            """update session_settings set value = json_quote(:new)
            where key = 'leaf' and value = json_quote(:id)
                and session_id = (select session_id from chat_messages where id = :new)""",
            values,
        )
        self.db.execute("update live_replies set user_message_id = :new where user_message_id = :id", values)
        self.db.execute("update live_replies set parent_id = :new where parent_id = :id", values)
        return new
