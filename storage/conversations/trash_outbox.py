"""Outbox entries of deletions and of their undo."""

from __future__ import annotations

from ..clock import millis
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .trash_rows import TrashRows

_UNSENT = "(sent = 0 or not exists (select 1 from sync_inflight))"
_CLEAR_OP = "place = 'sync_outbox' and json_extract(content, '$.kind') = 'x'"


@in_sentences
class TrashOutbox:
    """Outbox entries of deletions and of their undo."""

    def __init__(self, db: Database, trash_rows: TrashRows) -> None:
        self.db = db
        self._trash_rows = trash_rows

    def capture_clear(self) -> None:
        """Queue the deletion of everything: what the triggers do for one conversation, done for all.

        One that is private is never mentioned. One that a server got after the last complete pull is outside what its
        ``clear`` covers, and is named.
        """
        self.db.execute(
            """insert into sync_tombstones (kind, id)
            select 'c', id from chat_sessions where id not in (select conv_id from sync_private)
            on conflict do nothing"""
        )
        values = {"ms": millis(self.db.now())}
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'c', c.id, c.id, 'del', :ms
            from chat_sessions as c
            left join sync_session_state as s on s.session_id = c.id
            left join sync_outbox as o on o.kind = 'c' and o.id = c.id
            where c.id not in (select conv_id from sync_private)
                and (s.created_seq > (select full_cursor from sync_state) or coalesce(o.sent, 0) > 0)
            on conflict (kind, id) do update set
                op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0""",
            values,
        )
        self.db.execute("delete from sync_outbox where kind in ('m', 's') or kind = 'c' and op <> 'del'")
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at, arg)
            select 'x', 'all', '', 'clear', :ms, full_cursor from sync_state where true
            on conflict (kind, id) do update set rev = rev + 1, edited_at = excluded.edited_at, arg = excluded.arg""",
            values,
        )

    def withdraw_delete(self, token: int, kind: str, place: str) -> None:
        """Restore the outbox as before the delete; where a server may know of the delete, queue a restore."""
        values = {"token": token, "kind": kind, "place": place, "ms": millis(self.db.now())}
        # of what is private a server hears nothing, also not that it is back
        conversation = "thing" if kind == "c" else "(select session_id from chat_messages where id = thing)"
        public = f"{conversation} not in (select conv_id from sync_private)"
        things = f"select thing from trash_rows where token = :token and place = :place and {public}"
        acked = "sync_session_state where session_id" if kind == "c" else "sync_message_state where message_id"
        later_clear_waits = self._weigh_clears(token)
        result = self.db.rows(
            f"""select thing, coalesce((select rev from sync_outbox where kind = :kind and id = thing), 0) as rev
            from trash_rows
            where token = :token and place = :place and {public}
                and (
                    exists (select 1 from {acked} = thing and server_seq > 0)
                    or exists (select 1 from sync_outbox where kind = :kind and id = thing and sent > 0)
                )
                and (
                    :covered
                    or not exists (select 1 from sync_tombstones where kind = :kind and id = thing and server_seq = 0)
                )""",
            **values, covered=later_clear_waits,
        )  # fmt: skip
        self.db.execute(f"delete from sync_outbox where kind = :kind and id in ({things})", values)
        self.db.execute(f"delete from sync_tombstones where kind = :kind and id in ({things})", values)
        private = {row["conv_id"] for row in self.db.rows("select conv_id from sync_private")}
        stored = (
            row
            for row in self._trash_rows.stored(token, "sync_outbox")
            if row["kind"] != "x" and row["conv_id"] not in private
        )
        self.db.insert_many("sync_outbox", stored, known="or ignore")  # it may have got a word of its own since
        for row in result:  # beyond the revision of the delete, whose answer may still come; after a clear that waits
            thing = {**values, "thing": row["thing"]}
            before = self.db.one(
                "select op, rev, edited_at from sync_outbox where kind = :kind and id = :thing", **thing
            )
            self.db.execute("delete from sync_outbox where kind = :kind and id = :thing", thing)
            if before is not None and before["op"] == "put":  # it was edited: that is said once it is back
                thing |= {"ms": before["edited_at"], "edited": 1}
            self.db.execute(
                f"""insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at, arg)
                select :kind, thing, {conversation}, 'restore', :rev, 1, :ms, :edited
                from trash_rows where token = :token and place = :place and thing = :thing""",
                {"edited": None, **thing, "rev": max(row["rev"] + 1, before["rev"] if before else 0)},
            )

    def note_edit(self, kind: str, id_: str, session_id: str) -> None:
        """Queue the value of something that an undo brought back changed."""
        values = {"kind": kind, "id": id_, "session": session_id, "ms": millis(self.db.now())}
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select :kind, :id, :session, 'put', :ms
            where :session not in (select conv_id from sync_private)
            on conflict (kind, id) do update set arg = iif(op = 'restore', 1, arg), rev = rev + 1""",
            values,
        )

    def _weigh_clears(self, token: int) -> bool:
        """Return whether the op of a later clear waits, which would delete again what an undo brings back.

        If that is a clear whose own op waits, the op is withdrawn. One op stands for all clears that were not sent. It
        goes with the last of them alone, and then the op of the clears before it, if they still stand, is what waits.
        """
        waits = self.db.one(f"select 1 from sync_outbox where kind = 'x' and {_UNSENT}") is not None
        later = self.db.one(
            "select min(token) as token from trash where kind = 'clear' and token > :token", token=token
        )
        assert later is not None
        values = {"token": token, "later": later["token"]}
        if not self.db.one("select 1 from trash where token = :token and kind = 'clear'", token=token):
            return waits and later["token"] is not None
        if later["token"] is not None:
            if self.db.execute(f"delete from trash_rows where token = :later and {_CLEAR_OP}", values).rowcount:
                self.db.execute(f"update trash_rows set token = :later where token = :token and {_CLEAR_OP}", values)
            return waits
        if waits:
            self.db.execute("delete from sync_outbox where kind = 'x'")
            before = (row for row in self._trash_rows.stored(token, "sync_outbox") if row["kind"] == "x")
            self.db.insert_many("sync_outbox", before)
        return False
