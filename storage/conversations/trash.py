"""Deleting that can be taken back.

A delete moves rows, as they are, into the trash tables; undo moves them back with capture, use and statistics still, so
that every counter, time, mark, setting and draft is what it was, and takes the grave and the outbox's word of the
delete away. Once a server has been told, undo is an op of its own, ``restore``
(docs/specification/functions.md#sync-restore). The words of trashed messages stay in the search index, where a search
does not see them, until the trash is emptied: taking 10,000 messages out of it would be felt.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

from ..clock import millis, stamp
from ..errors import Invalid, NotFound
from ..json_text import json_object, to_json
from ..records import Message, Session, Trashed
from .conversations import NO_SUCH_CONVERSATION
from .messages import Messages

KEPT = timedelta(days=30)
"""How long a deletion can be undone."""

AT_ONCE = 5_000
"""Up to so many messages the search index is changed while the person waits; more go through the backlog."""

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
# Versions of a reply are kept for as long as their conversation.
_FORGOTTEN = """(kind <> 'reply' or not exists (
    select 1 from trash_rows as s where s.token = trash.token and s.place = 'session' and (
        s.thing in (select id from chat_sessions)
        or exists (select 1 from trash_rows as c where c.place = 'chat_sessions' and c.thing = s.thing))))"""
_UNSENT = "(sent = 0 or not exists (select 1 from sync_inflight))"
_CLEAR_OP = "place = 'sync_outbox' and json_extract(content, '$.kind') = 'x'"


class Trash(Messages):
    """Deletions and their undo."""

    def delete_session(self, session_id: str) -> Trashed:
        """Delete a conversation with all it has."""
        with self.write():
            session = self.get_session(session_id)
            # While an import is being indexed, nobody knows cheaply which of these words are in: they leave now.
            behind = self.one("select 1 from search_backlog") is not None
            token = self._keep_session(session, indexed=not behind)
            if behind:
                self._unindex(session_id)
            with self.in_bulk():
                self.db.execute("delete from chat_messages where session_id = :id", {"id": session_id})
            self.db.execute("delete from chat_sessions where id = :id", {"id": session_id})
            self.db.execute("delete from drafts where session_id = :id", {"id": session_id})
            self.touch(session_id)
        return self._trashed(token)

    def delete_message(self, message_id: str) -> Trashed:
        """Delete one message."""
        with self.write():
            return self._delete_message(self.get_message(message_id), "message")

    def clear_all(self) -> Trashed:
        """Delete every conversation. One undo brings them all back."""
        with self.write():
            ids = [row["id"] for row in self.rows("select id from chat_sessions")]
            newest = self.one(
                """select title from chat_sessions
                order by coalesce(last_message_timestamp, created_at) desc, id desc limit 1"""
            )
            if newest is None:
                raise Invalid("There is no conversation to delete.")
            messages = self.one("select count(*) as n from chat_messages")
            count = int(messages["n"]) if messages else 0
            token = self._bin("clear", newest["title"], len(ids), count, indexed=False)
            for place in PLACES:
                self._keep(token, place, _CLEARED.get(place, "true"))
            self._forget_index()
            with self.in_bulk():
                self.db.execute("insert into title_search (title_search) values ('delete-all')")
                self.db.execute("delete from search_backlog")
                self.db.execute("delete from chat_messages")
                self._capture_clear()
                self.db.execute("delete from chat_sessions")
                self.db.execute("delete from drafts where session_id <> ''")
            self.touch(*ids)
        return self._trashed(token)

    def undo(self, token: int) -> list[str]:
        """Bring back what a deletion took; gives the conversations that are back or changed."""
        with self.write():
            binned = self.one(
                "select at, kind, messages, indexed from trash where token = :token and at >= :oldest",
                token=token, oldest=self._oldest(),
            )  # fmt: skip
            if binned is None:
                raise NotFound("That deletion can not be undone any more.")
            message_id = None
            if binned["kind"] in ("message", "reply"):
                message_id = self._thing(token, "chat_messages")
                back = [self._undo_message(token, binned["at"])]
                if binned["kind"] == "reply":
                    self._replace_by(message_id)
            else:
                back = self._undo_sessions(token)
                if not binned["indexed"]:
                    self._index_again(token, binned["messages"])
            for row in self._kept(token, "late"):
                self._insert_reply(row)  # it settled while its conversation was away, and counts from now on
            self.db.execute("delete from trash where token = :token", {"token": token})
            self._came_back(back, message_id)
            self.touch(*back)
            return back

    def last_trashed(self) -> Trashed | None:
        """The newest deletion by a person that can still be undone."""
        row = self.one(
            """select token from trash as t where (kind <> 'reply' or messages > 0) and at >= :oldest and exists (
                select 1 from trash_rows as r where r.token = t.token and iif(
                    t.kind in ('message', 'reply'),
                    r.place = 'chat_messages' and r.thing not in (select id from chat_messages),
                    r.place = 'chat_sessions' and r.thing not in (select id from chat_sessions)
                )
            ) order by token desc limit 1""",
            oldest=self._oldest(),
        )
        return self._trashed(row["token"]) if row else None

    def purge_trash(self, limit: int = 2_000) -> bool:
        """Forget deletions older than 30 days, at most ``limit`` rows at a time; True when there is more to forget."""
        before = self._oldest()
        if not self.one(f"select 1 from trash where at < :before and {_FORGOTTEN} limit 1", before=before):
            return False
        with self.write():
            row = self.one(
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

    def _replace_by(self, message_id: str) -> None:
        """Called when an undo has brought back a reply that was asked for again."""

    def _came_back(self, session_ids: Collection[str], message_id: str | None = None) -> None:
        """Called when an undo has brought these back; sync has a word to say to it."""

    def _thing(self, token: int, place: str) -> str:
        row = self.one("select thing from trash_rows where token = :token and place = :place", token=token, place=place)
        assert row is not None
        thing: str = row["thing"]
        return thing

    def _oldest(self) -> str:
        """The earliest deletion that can be undone; of one before it, some may be forgotten already."""
        return stamp(self.now() - KEPT)

    def _keep_session(self, session: Session, *, indexed: bool) -> int:
        """Copy a conversation with all it has into the trash."""
        token = self._bin("session", session.title, 1, self.message_count(session.id), indexed=indexed)
        for place, column in PLACES.items():
            self._keep(token, place, f"{column} = :value", session.id)
        return token

    def _trashed(self, token: int) -> Trashed:
        row = self.one("select token, sessions, messages, title from trash where token = :token", token=token)
        if row is None:
            raise NotFound("That deletion can not be undone any more.")
        return Trashed(**dict(row))

    def _bin(self, kind: str, title: str, sessions: int, messages: int, *, indexed: bool) -> int:
        row = self.one(
            """insert into trash (at, kind, title, sessions, messages, indexed)
            values (:at, :kind, :title, :sessions, :messages, :indexed) returning token""",
            at=self.stamp(), kind=kind, title=title, sessions=sessions, messages=messages, indexed=indexed,
        )  # fmt: skip
        assert row is not None
        token: int = row["token"]
        return token

    def _keep(self, token: int, place: str, where: str, value: str = "") -> None:
        """Copy rows of a table into the trash."""
        names = [row["name"] for row in self.rows("select name from pragma_table_info(:place)", place=place)]
        pairs = ", ".join(f"'{name}', {name}" for name in names)
        thing = "id" if "id" in names else "session_id"
        self.db.execute(
            f"""insert into trash_rows (token, place, thing, content)
            select :token, '{place}', {thing}, json_object({pairs}) from {place} where {where}""",
            {"token": token, "value": value},
        )

    def _kept(self, token: int, place: str) -> Iterator[dict[str, Any]]:
        rows = self.db.execute(
            "select content from trash_rows where token = :token and place = :place order by row_id",
            {"token": token, "place": place},
        )
        return (json.loads(row["content"]) for row in rows)

    def _put_back(self, token: int, place: str) -> None:
        # another terminal that had it open may have kept a newer draft since
        self.insert_many(place, self._kept(token, place), known="or ignore" if place == "drafts" else "")

    def _undo_sessions(self, token: int) -> list[str]:
        self._skip_restored(token)
        ids = [row["thing"] for row in self.rows(
            "select thing from trash_rows where token = :token and place = 'chat_sessions' order by row_id", token=token
        )]  # fmt: skip
        with self.applying(), self.in_bulk():
            for place in PLACES:
                if place != "sync_outbox":
                    self._put_back(token, place)
            self.db.execute(
                """insert into title_search (rowid, title) select local_id, title from chat_sessions where id in (
                    select thing from trash_rows where token = :token and place = 'chat_sessions')""",
                {"token": token},
            )
        self._uncapture(token, "c", "chat_sessions")
        return ids

    def _skip_restored(self, token: int) -> None:
        """Leave out conversations that are live again, restored elsewhere. Raises Invalid when that is all of them."""
        back = self.rows(
            """select s.id, s.title from trash_rows as r join chat_sessions as s on s.id = r.thing
            where r.token = :token and r.place = 'chat_sessions' order by r.row_id""",
            token=token,
        )
        if not back:
            return
        count = self.one("select count(*) as n from trash_rows where token = :token and place = 'chat_sessions'",
                         token=token)  # fmt: skip
        if count is not None and len(back) == count["n"]:
            raise Invalid(f"“{back[0]['title']}” is already back." if len(back) == 1 else "They are already back.")
        for place, column in PLACES.items():
            self.db.execute(
                f"""delete from trash_rows where token = :token and place = '{place}'
                    and json_extract(content, '$.{column}') in (select value from json_each(:ids))""",
                {"token": token, "ids": to_json([row["id"] for row in back])},
            )

    def _undo_message(self, token: int, deleted_at: str) -> str:
        row = next(self._kept(token, "chat_messages"))
        session_id: str = row["session_id"]
        if self.one("select 1 from chat_messages where id = :id", id=row["id"]):
            raise Invalid("That message is already back.")
        if not self.one("select 1 from chat_sessions where id = :id", id=session_id):
            raise Invalid("The message's conversation was deleted too; bring that back first.")
        with self.applying():
            self._put_back(token, "chat_messages")
            self.db.execute(
                """update chat_sessions set updated_at = :updated_at, last_activity = :last_activity
                where id = :id and updated_at = :deleted_at""",
                {**next(self._kept(token, "session")), "id": session_id, "deleted_at": deleted_at},
            )
        self._uncapture(token, "m", "chat_messages")
        return session_id

    def _delete_message(self, message: Message, kind: str) -> Trashed:
        session = self.get_session(message.session_id)
        token = self._bin(kind, session.title, 0, 1, indexed=False)
        self._keep(token, "chat_messages", "id = :value", message.id)
        self._keep(token, "sync_outbox", "kind = 'm' and id = :value", message.id)
        times = {"updated_at": session.updated_at, "last_activity": session.last_activity}
        self._lay(token, "session", session.id, times)
        self.db.execute("delete from chat_messages where id = :id", {"id": message.id})
        self.touch(message.session_id)
        return self._trashed(token)

    def _reply_in_trash(self, row: dict[str, Any]) -> Message:
        """Keep a reply whose conversation was deleted while it came: undo brings both back."""
        binned = self.one(
            "select token from trash_rows where place = 'chat_sessions' and thing = :id order by token desc limit 1",
            id=row["session_id"],
        )
        if binned is None:
            raise NotFound(NO_SUCH_CONVERSATION)
        self._lay(binned["token"], "late", row["id"], row)
        return Message(
            **{name: row[name] for name in row if name != "metadata"},
            role="assistant", content_type="markdown", is_streaming=True, metadata=json_object(row["metadata"]),
        )  # fmt: skip

    def _lay(self, token: int, place: str, thing: str, content: dict[str, Any]) -> None:
        self.db.execute(
            "insert into trash_rows (token, place, thing, content) values (:token, :place, :thing, :content)",
            {"token": token, "place": place, "thing": thing, "content": json.dumps(content)},
        )

    def _capture_clear(self) -> None:
        """What the triggers say for one conversation, said for all.

        One that is private is never mentioned. One that a server got after the last complete pull is outside what its
        ``clear`` covers, and is named.
        """
        self.db.execute(
            """insert into sync_grave (kind, id)
            select 'c', id from chat_sessions where id not in (select conv_id from sync_optout)
            on conflict do nothing"""
        )
        values = {"ms": millis(self.now())}
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'c', c.id, c.id, 'del', :ms
            from chat_sessions as c
            left join sync_session_state as s on s.session_id = c.id
            left join sync_outbox as o on o.kind = 'c' and o.id = c.id
            where c.id not in (select conv_id from sync_optout)
                and (s.srv_seq > 0 and s.created_seq > (select full_cur from sync_state) or coalesce(o.sent, 0) > 0)
            on conflict (kind, id) do update set
                op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0""",
            values,
        )
        self.db.execute("delete from sync_outbox where kind in ('m', 's') or kind = 'c' and op <> 'del'")
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at, arg)
            select 'x', 'all', '', 'clear', :ms, full_cur from sync_state where true
            on conflict (kind, id) do update set rev = rev + 1, edited_at = excluded.edited_at, arg = excluded.arg""",
            values,
        )

    def _uncapture(self, token: int, kind: str, place: str) -> None:
        """The outbox as it was before the delete; where a server may know of the delete, an op that takes it back."""
        values = {"token": token, "kind": kind, "place": place, "ms": millis(self.now())}
        # of what is private a server hears nothing, also not that it is back
        conversation = "thing" if kind == "c" else "(select session_id from chat_messages where id = thing)"
        public = f"{conversation} not in (select conv_id from sync_optout)"
        things = f"select thing from trash_rows where token = :token and place = :place and {public}"
        acked = "sync_session_state where session_id" if kind == "c" else "sync_message_state where message_id"
        later_clear_waits = self._weigh_clears(token)
        told = self.rows(
            f"""select thing, coalesce((select rev from sync_outbox where kind = :kind and id = thing), 0) as rev
            from trash_rows
            where token = :token and place = :place and {public}
                and (
                    exists (select 1 from {acked} = thing and srv_seq > 0)
                    or exists (select 1 from sync_outbox where kind = :kind and id = thing and sent > 0)
                )
                and (
                    :covered
                    or not exists (select 1 from sync_grave where kind = :kind and id = thing and srv_seq = 0)
                )""",
            **values, covered=later_clear_waits,
        )  # fmt: skip
        self.db.execute(f"delete from sync_outbox where kind = :kind and id in ({things})", values)
        self.db.execute(f"delete from sync_grave where kind = :kind and id in ({things})", values)
        private = {row["conv_id"] for row in self.rows("select conv_id from sync_optout")}
        kept = (row for row in self._kept(token, "sync_outbox") if row["kind"] != "x" and row["conv_id"] not in private)
        self.insert_many("sync_outbox", kept, known="or ignore")  # it may have got a word of its own since
        for row in told:  # beyond the revision of the delete, whose answer may still come; after a clear that waits
            thing = {**values, "thing": row["thing"]}
            before = self.one("select op, rev, edited_at from sync_outbox where kind = :kind and id = :thing", **thing)
            self.db.execute("delete from sync_outbox where kind = :kind and id = :thing", thing)
            if before is not None and before["op"] == "put":  # it was edited: that is said once it is back
                thing |= {"ms": before["edited_at"], "edited": 1}
            self.db.execute(
                f"""insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at, arg)
                select :kind, thing, {conversation}, 'restore', :rev, 1, :ms, :edited
                from trash_rows where token = :token and place = :place and thing = :thing""",
                {"edited": None, **thing, "rev": max(row["rev"] + 1, before["rev"] if before else 0)},
            )

    def _weigh_clears(self, token: int) -> bool:
        """Whether the op of a later clear waits, which would take with it what an undo brings back.

        If that is a clear whose own op waits, the op is withdrawn. One op stands for all clears that were not sent. It
        goes with the last of them alone, and then the op of the clears before it, if they still stand, is what waits.
        """
        waits = self.one(f"select 1 from sync_outbox where kind = 'x' and {_UNSENT}") is not None
        later = self.one("select min(token) as token from trash where kind = 'clear' and token > :token", token=token)
        assert later is not None
        values = {"token": token, "later": later["token"]}
        if not self.one("select 1 from trash where token = :token and kind = 'clear'", token=token):
            return waits and later["token"] is not None
        if later["token"] is not None:
            if self.db.execute(f"delete from trash_rows where token = :later and {_CLEAR_OP}", values).rowcount:
                self.db.execute(f"update trash_rows set token = :later where token = :token and {_CLEAR_OP}", values)
            return waits
        if waits:
            self.db.execute("delete from sync_outbox where kind = 'x'")
            before = (row for row in self._kept(token, "sync_outbox") if row["kind"] == "x")
            self.insert_many("sync_outbox", before)
        return False

    def _forget_index(self) -> None:
        """No message is in the search index any more; also not those in the trash."""
        self.db.execute("insert into message_search (message_search) values ('delete-all')")
        self.db.execute("update trash set indexed = 0")

    def _unindex(self, session_id: str) -> None:
        self.db.execute(
            """insert into message_search (message_search, rowid, content)
            select 'delete', local_id, content from chat_messages
            where session_id = :id and role <> 'system'
                and not exists (select 1 from search_backlog where local_id between first_id and last_id)""",
            {"id": session_id},
        )

    def _index_again(self, token: int, messages: int) -> None:
        if messages > AT_ONCE:
            self._forget_index()
            self.db.execute("delete from search_backlog")
            self.db.execute(
                """insert into search_backlog (first_id, last_id)
                select min(local_id), max(local_id) from chat_messages having count(*) > 0"""
            )
            return
        self.db.execute(
            """insert into message_search (rowid, content)
            select local_id, content from chat_messages
            where id in (select thing from trash_rows where token = :token and place = 'chat_messages') and role <>
                'system'
                and not exists (select 1 from search_backlog where local_id between first_id and last_id)""",
            {"token": token},
        )
