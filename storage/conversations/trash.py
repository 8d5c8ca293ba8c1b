"""Deleting that can be taken back.

A delete moves rows, as they are, into the trash tables; undo moves them back with capture, use and statistics still, so
that every counter, time, mark, setting and draft is what it was, and takes the tombstone and the outbox's word of the
delete away. Once a server has received it, undo is an op of its own, ``restore``
(docs/specification/functions.md#sync-restore). The words of trashed messages stay in the search index, where a search
does not see them, until the trash is emptied: taking 10,000 messages out of it would be felt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import json_object, to_json
from ..records import Message, Trashed
from .conversations import NO_SUCH_CONVERSATION, Conversations
from .messages import Messages
from .reattachment import Reattachment
from .search_index import SearchIndex
from .trash_outbox import TrashOutbox
from .trash_rows import TrashRows

# Place → the column that says which conversation a row belongs to; in the order in which they come back.
PLACES = {
    "chat_sessions": "id",
    "session_counts": "session_id",
    "chat_messages": "session_id",
    "session_settings": "session_id",
    "session_marks": "session_id",
    "drafts": "session_id",
    "sync_outbox": "conv_id",
}
# What a clear takes of a place, where that is not all. The op of a clear before it is kept to be weighed at the undo.
_CLEARED = {
    "drafts": "session_id <> ''",
    "sync_outbox": "kind = 'x' or conv_id in (select id from chat_sessions)",
}
# Versions of a reply that an earlier Sterna kept here stay for as long as their conversation.
_FORGOTTEN = """(kind <> 'reply' or not exists (
    select 1 from trash_rows as s where s.token = trash.token and s.place = 'session' and (
        s.thing in (select id from chat_sessions)
        or exists (select 1 from trash_rows as c where c.place = 'chat_sessions' and c.thing = s.thing))))"""


@in_sentences
class Trash:
    """Deletions and their undo."""

    def __init__(
        self,
        db: Database,
        conversations: Conversations,
        messages: Messages,
        reattachment: Reattachment,
        search_index: SearchIndex,
        trash_outbox: TrashOutbox,
        trash_rows: TrashRows,
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._reattachment = reattachment
        self._search_index = search_index
        self._trash_outbox = trash_outbox
        self._trash_rows = trash_rows

    def delete_conversation(self, session_id: str) -> Trashed:
        """Delete a conversation with all it has."""
        return self.delete_conversations([session_id])

    def delete_conversations(self, session_ids: Sequence[str], *, into: int | None = None) -> Trashed:
        """Delete conversations with all they have; one undo brings them all back.

        Those that are gone are left out. Raises NotFound when all are. They are added to the deletion ``into``, if that
        can still be undone.
        """
        with self.db.write():
            rows = self.db.rows(
                """select s.id, s.title from json_each(:ids) as j join chat_sessions as s on s.id = j.value
                order by coalesce(s.last_message_timestamp, s.created_at) desc, s.id desc""",
                ids=to_json(list(dict.fromkeys(session_ids))),
            )
            if not rows:
                raise NotFound(NO_SUCH_CONVERSATION)
            ids = [row["id"] for row in rows]
            # While an import is being indexed, nobody knows cheaply which of these words are in: they leave now.
            behind = self.db.one("select 1 from search_backlog") is not None
            token, is_indexed = self._keep_sessions(ids, rows[0]["title"], indexed=not behind, into=into)
            if not is_indexed:
                for session_id in ids:
                    self._search_index.remove_conversation(session_id)
            some, values = "in (select value from json_each(:ids))", {"ids": to_json(ids)}
            with self.db.in_bulk():
                self.db.execute(f"delete from chat_messages where session_id {some}", values)
            self.db.execute(f"delete from chat_sessions where id {some}", values)
            self.db.execute(f"delete from drafts where session_id {some}", values)
            self.db.touch(*ids)
        return self._trash_rows.entry(token)

    def delete_message(self, message_id: str) -> Trashed:
        """Delete one message. What follows it follows the message before it then."""
        with self.db.write():
            message = self._messages.get(message_id)
            detached = self._reattachment.detach(message)
            trashed = self._move_message(message)
            self._trash_rows.add(trashed.token, "tree", message.id, detached)
            self._reattachment.keep_shown(message.session_id, detached)
            return trashed

    def clear_all(self) -> Trashed:
        """Delete every conversation. One undo brings them all back."""
        with self.db.write():
            ids = [row["id"] for row in self.db.rows("select id from chat_sessions")]
            newest = self.db.one(
                """select title from chat_sessions
                order by coalesce(last_message_timestamp, created_at) desc, id desc limit 1"""
            )
            if newest is None:
                raise Invalid("There is no conversation to delete.")
            messages = self.db.one("select count(*) as n from chat_messages")
            count = int(messages["n"]) if messages else 0
            token = self._trash_rows.add_entry("clear", newest["title"], len(ids), count, indexed=False)
            for place in PLACES:
                self._trash_rows.copy(token, place, _CLEARED.get(place, "true"))
            self._search_index.clear()
            with self.db.in_bulk():
                self.db.execute("insert into title_search (title_search) values ('delete-all')")
                self.db.execute("delete from search_backlog")
                self.db.execute("delete from chat_messages")
                self._trash_outbox.capture_clear()
                self.db.execute("delete from chat_sessions")
                self.db.execute("delete from drafts where session_id <> ''")
            self.db.touch(*ids)
        return self._trash_rows.entry(token)

    def get(self, token: int) -> Trashed:
        """Return a deletion. Raises NotFound when it can not be undone any more."""
        return self._trash_rows.entry(token)

    def latest(self) -> Trashed | None:
        """Return the newest deletion or change of labels by a person that can still be undone."""
        row = self.db.one(
            """select token from trash as t where at >= :oldest and iif(
                labels is not null,
                exists (select 1 from json_each(labels) as j join chat_sessions as s on s.id = j.key),
                exists (
                    select 1 from trash_rows as r where r.token = t.token and case t.kind
                        when 'message' then r.place = 'chat_messages' and r.thing not in (select id from chat_messages)
                        when 'reply' then (
                            r.place = 'continued' and r.thing in (select id from chat_messages)
                            or r.place = 'forked' and r.thing in (select id from chat_sessions)
                            or r.place = 'shown' and exists (
                                select 1 from hidden_messages as h
                                where h.session_id = r.thing and h.message_id = json_extract(r.content, '$.leaf')
                            )
                        ) and not exists (
                            select 1 from chat_messages as later
                            where later.role = 'user' and later.message_timestamp > json_extract(r.content, '$.at')
                                and later.session_id
                                    = coalesce((select session_id from chat_messages where id = r.thing), r.thing)
                        )
                        else r.place = 'chat_sessions' and r.thing not in (select id from chat_sessions)
                    end
                )
            ) order by token desc limit 1""",
            oldest=self._trash_rows.oldest_restorable(),
        )
        return self._trash_rows.entry(row["token"]) if row else None

    def purge(self, limit: int = 2_000) -> bool:
        """Forget deletions older than 30 days, at most ``limit`` rows at a time; True when there is more to forget."""
        before = self._trash_rows.oldest_restorable()
        if not self.db.one(f"select 1 from trash where at < :before and {_FORGOTTEN} limit 1", before=before):
            return False
        with self.db.write():
            row = self.db.one(
                f"select token, indexed from trash where at < :before and {_FORGOTTEN} order by at limit 1",
                before=before,
            )
            if row is None:
                return False
            values = {"token": row["token"], "limit": limit}
            some = "select row_id from trash_rows where token = :token order by row_id limit :limit"
            if row["indexed"]:
                self.db.execute(
                    f"""insert into message_search (message_search, rowid, content)
                    select 'delete', json_extract(content, '$.local_id'), json_extract(content, '$.content')
                    from trash_rows
                    where row_id in ({some}) and place = 'chat_messages'
                        and json_extract(content, '$.role') <> 'system'""",
                    values,
                )
            if self.db.execute(f"delete from trash_rows where row_id in ({some})", values).rowcount < limit:
                self.db.execute("delete from trash where token = :token", values)
        return True

    def _keep_sessions(self, ids: list[str], title: str, *, indexed: bool, into: int | None) -> tuple[int, bool]:
        """Copy conversations with all they have into the trash; returns the token, and if words stay indexed."""
        messages = sum(map(self._messages.count, ids))
        extended = self.db.one(
            """update trash set sessions = sessions + :sessions, messages = messages + :messages
            where token = :token and kind = 'session' and indexed <= :indexed and at >= :oldest
            returning token, indexed""",
            token=into,
            sessions=len(ids),
            messages=messages,
            indexed=indexed,
            oldest=self._trash_rows.oldest_restorable(),
        )
        if extended is not None:
            token, indexed = extended["token"], bool(extended["indexed"])
        else:
            token = self._trash_rows.add_entry("session", title, len(ids), messages, indexed=indexed)
        for place, column in PLACES.items():
            self._trash_rows.copy(token, place, f"{column} in (select value from json_each(:value))", to_json(ids))
        return token, indexed

    def restore_conversations(self, token: int) -> tuple[list[str], list[str]]:
        """Return the conversations that are back, and those that were live and got messages back."""
        completed = self._skip_restored(token)
        ids = [row["thing"] for row in self.db.rows(
            "select thing from trash_rows where token = :token and place = 'chat_sessions' order by row_id", token=token
        )]  # fmt: skip
        with self.db.applying(), self.db.in_bulk():
            for place in PLACES:
                if place != "sync_outbox":
                    self._trash_rows.put_back(token, place)
            self.db.execute(
                """insert into title_search (rowid, title) select local_id, title from chat_sessions where id in (
                    select thing from trash_rows where token = :token and place = 'chat_sessions')""",
                {"token": token},
            )
        self._trash_outbox.withdraw_delete(token, "c", "chat_sessions")
        self.db.execute(
            """update import_changes set undone = 0 where before is null and session_id in (
                select thing from trash_rows where token = :token and place = 'chat_sessions')""",
            {"token": token},
        )
        return ids, completed

    def _skip_restored(self, token: int) -> list[str]:
        """Leave out conversations that are live again, but for messages that they lack; return those that lacked any.

        Raises Invalid if nothing would come back.
        """
        back = self.db.rows(
            """select s.id, s.title from trash_rows as r join chat_sessions as s on s.id = r.thing
            where r.token = :token and r.place = 'chat_sessions' order by r.row_id""",
            token=token,
        )
        if not back:
            return []
        count = self.db.one("select count(*) as n from trash_rows where token = :token and place = 'chat_sessions'",
                         token=token)  # fmt: skip
        lacking = self.db.rows(
            """select content from trash_rows as r where token = :token and place = 'chat_messages'
                and json_extract(content, '$.session_id') in (select value from json_each(:ids))
                and not exists (select 1 from chat_messages as m where m.id = r.thing) order by row_id""",
            token=token, ids=to_json([row["id"] for row in back]),
        )  # fmt: skip
        rows = [json_object(row["content"]) for row in lacking]
        self.db.insert_many("chat_messages", ({**row, "local_id": None} for row in rows))  # as new, for the index
        if count is not None and len(back) == count["n"] and not lacking:
            raise Invalid(f"“{back[0]['title']}” is already back." if len(back) == 1 else "They are already back.")
        for place, column in PLACES.items():
            self.db.execute(
                f"""delete from trash_rows where token = :token and place = '{place}'
                    and json_extract(content, '$.{column}') in (select value from json_each(:ids))""",
                {"token": token, "ids": to_json([row["id"] for row in back])},
            )
        return list(dict.fromkeys(row["session_id"] for row in rows))

    def restore_message(self, token: int, deleted_at: str) -> str:
        row = next(self._trash_rows.stored(token, "chat_messages"))
        session_id: str = row["session_id"]
        if self.db.one("select 1 from chat_messages where id = :id", id=row["id"]):
            raise Invalid("That message is already back.")
        if not self.db.one("select 1 from chat_sessions where id = :id", id=session_id):
            raise Invalid("The message's conversation was deleted too; bring that back first.")
        with self.db.applying():
            self._trash_rows.put_back(token, "chat_messages")
            self.db.execute(
                """update chat_sessions set updated_at = :updated_at, last_activity = :last_activity
                where id = :id and updated_at = :deleted_at""",
                {**next(self._trash_rows.stored(token, "session")), "id": session_id, "deleted_at": deleted_at},
            )
        self._trash_outbox.withdraw_delete(token, "m", "chat_messages")
        for detached in self._trash_rows.stored(token, "tree"):
            self._reattachment.attach(self._messages.get(row["id"]), detached)
        return session_id

    def _move_message(self, message: Message) -> Trashed:
        session = self._conversations.get(message.session_id)
        token = self._trash_rows.add_entry("message", session.title, 0, 1, indexed=False)
        self._trash_rows.copy(token, "chat_messages", "id = :value", message.id)
        self._trash_rows.copy(token, "sync_outbox", "kind = 'm' and id = :value", message.id)
        times = {"updated_at": session.updated_at, "last_activity": session.last_activity}
        self._trash_rows.add(token, "session", session.id, times)
        self.db.execute("delete from chat_messages where id = :id", {"id": message.id})
        self.db.touch(message.session_id)
        return self._trash_rows.entry(token)

    def add_late_reply(self, row: dict[str, Any]) -> Message:
        """Keep a reply whose conversation was deleted while it came: undo brings both back."""
        binned = self.db.one(
            "select token from trash_rows where place = 'chat_sessions' and thing = :id order by token desc limit 1",
            id=row["session_id"],
        )
        if binned is None:
            raise NotFound(NO_SUCH_CONVERSATION)
        self._trash_rows.add(binned["token"], "late", row["id"], row)
        return Message(
            **{name: row[name] for name in row if name != "metadata"},
            role="assistant", content_type="markdown", is_streaming=True, metadata=json_object(row["metadata"]),
        )  # fmt: skip
