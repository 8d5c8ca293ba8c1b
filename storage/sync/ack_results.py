"""Apply per-op results of a push to the outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .conflicts import Conflicts
from .merge import Merge
from .outbox import Outbox
from .records import RemoteRow, Told
from .recovery import Recovery
from .row_writer import RowWriter
from .state import SyncMetadata

HOUR_MS = 3_600_000
PATIENCE = (HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS)
"""After each refusal, how long until the next try; after the last, only by hand."""

TWICE = "twice"
GONE = "gone"

_WORDS = {"c": "title", "m": "content"}

_WHOLE = (
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', id, session_id, 'put', :ms from chat_messages where session_id = :id
    order by message_timestamp, id
    on conflict (kind, id) do nothing""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', session_id || '/' || key, session_id, 'put', :ms from session_settings where session_id = :id
    order by key
    on conflict (kind, id) do nothing""",
)


@in_sentences
class AckResults:
    """Answers taken one by one."""

    def __init__(
        self,
        db: Database,
        conflicts: Conflicts,
        merge: Merge,
        outbox: Outbox,
        recovery: Recovery,
        row_writer: RowWriter,
        sync_metadata: SyncMetadata,
    ) -> None:
        self.db = db
        self._conflicts = conflicts
        self._merge = merge
        self._outbox = outbox
        self._recovery = recovery
        self._row_writer = row_writer
        self._sync_metadata = sync_metadata

    def _waiting_op(self, told: Told) -> sqlite3.Row | None:
        return self.db.one(
            "select op, rev, arg, edited_at from sync_outbox where kind = :kind and id = :id",
            kind=told.kind,
            id=told.id,
        )

    def settle_ok(self, told: Told, now_ms: int) -> None:
        op, row = self._waiting_op(told), told.row
        unchanged = op is not None and op["rev"] == told.rev
        if row is None:  # a clear; a setting taken away that was never there
            if unchanged:
                self._outbox.dequeue(told.kind, told.id)
        elif row.is_dead and row.kind != "s":
            self._settle_death(told, row, unchanged)
        elif op is None:
            self._settle_binned(told, row)
        elif unchanged and op["op"] == "restore":
            self._settle_restore(told, row, op, now_ms)
        elif unchanged:
            self._outbox.dequeue(told.kind, told.id)
            self._adopt(row)
        else:
            # the server holds what was sent, so what was written since has seen it
            self._move_base(row)

    def _settle_binned(self, told: Told, row: RemoteRow) -> None:
        """Settle an op whose row is in the trash now: if it comes back, it need not be sent."""
        if row.kind == "m" and not self.db.one(
            "select 1 from sync_message_state where message_id = :id and srv_seq >= :seq", id=row.id, seq=row.seq
        ):
            self._row_writer.record_messages([row])
            self.db.execute(
                """delete from trash_rows where place = 'sync_outbox' and thing = :id
                    and json_extract(content, '$.kind') = 'm' and json_extract(content, '$.rev') = :rev""",
                {"id": told.id, "rev": told.rev},
            )

    def _settle_death(self, told: Told, row: RemoteRow, unchanged: bool) -> None:
        self.db.execute(
            "update sync_grave set srv_seq = :seq where kind = :kind and id = :id",
            {"seq": row.seq, "kind": told.kind, "id": told.id},
        )
        self._outbox.record_known(told.kind, told.id, row.seq)
        if unchanged:
            self._outbox.dequeue(told.kind, told.id)
        if told.kind == "c":
            self._outbox.drop_deferred(row)
        else:
            self.db.execute(
                "delete from sync_aside where kind = 'm' and id = :id and seq < :seq", {"id": row.id, "seq": row.seq}
            )

    def _settle_restore(self, told: Told, row: RemoteRow, op: sqlite3.Row, now_ms: int) -> None:
        """Settle a restore. An edit that waited for it is queued now, with the time at which it was made."""
        self._outbox.dequeue(told.kind, told.id)
        if op["arg"]:
            if row.stamp == self._acked_stamp(row):
                self._move_base(row)
            else:
                self._outbox.record_known(
                    row.kind, row.id, row.seq - 1
                )  # somebody wrote it meanwhile: the server is to weigh them
            self._outbox.enqueue(told.kind, told.id, row.session_id, "put", op["edited_at"])
        else:
            self._adopt(row)
        if told.kind == "c" and told.code:  # the server had nothing of it any more: its messages are offered too
            self.enqueue_conversation(told.id, now_ms)

    def _acked_stamp(self, row: RemoteRow) -> tuple[int, int, str]:
        found = self.db.one(
            """select acked_cls as cls, title_time as time, title_tie as tie from sync_session_state
            where :kind = 'c' and session_id = :id
            union all select 0, body_time, body_tie from sync_message_state where :kind = 'm' and message_id = :id""",
            kind=row.kind, id=row.id,
        )  # fmt: skip
        return (found["cls"], found["time"], found["tie"]) if found else (0, 0, "")

    def settle_lost(self, told: Told, now_ms: int) -> None:
        op = self._waiting_op(told)
        if op is None or op["rev"] != told.rev or told.row is None:
            return  # written again since: that replaces only what its writer had seen
        self._outbox.dequeue(told.kind, told.id)
        row = told.row
        if row.is_dead and row.kind != "s":
            return
        session_id = row.session_id
        if row.kind == "c":
            mine = self.db.one(
                """select s.title as value from chat_sessions as s
                join sync_session_state as t on t.session_id = s.id and t.title_cls = 1 where s.id = :id""",
                id=row.id,
            )
        elif row.kind == "m":
            mine = self.db.one("select content as value from chat_messages where id = :id", id=row.id)
        else:
            mine = None
            key = row.id[len(session_id) + 1 :]
            setting = self.db.one(
                "select value from session_settings where session_id = :id and key = :key", id=session_id, key=key
            )
            self._conflicts.record_setting(row.id, session_id, setting["value"] if setting else None, now_ms)
        if mine is not None and row.value is not None and mine["value"] != row.value[_WORDS[row.kind]]:
            self._conflicts.record(row.kind, row.id, session_id, mine["value"], now_ms)
        self._adopt(row)

    def settle_deleted(self, told: Told, now_ms: int) -> None:
        """Settle an op about something that is deleted on the server."""
        op, row = self._waiting_op(told), told.row
        if op is None:
            return
        if op["op"] == "del":
            if op["rev"] == told.rev:
                self._outbox.dequeue(told.kind, told.id)
            return
        if row is not None and self.db.one(
            """select 1 from sync_aside where kind = :kind and id = :id and seq > :seq
                and not json_extract(content, '$.is_dead')""",
            kind=told.kind, id=told.id, seq=row.seq,
        ):  # fmt: skip
            return  # it was brought back since
        session_id = self._conversation_of(told)
        if session_id is None or self._sync_metadata.is_private(session_id):
            self._outbox.dequeue(told.kind, told.id)
        elif told.kind == "c" and op["op"] != "restore":
            if row is not None:
                self._outbox.record_known("c", session_id, row.seq)
            self._merge.apply_delete(session_id, now_ms)
        elif told.kind == "m" and row is not None and row.is_dead:
            self._lose_message(told, session_id, now_ms)

    def _lose_message(self, told: Told, session_id: str, now_ms: int) -> None:
        known = self.db.one("select 1 from sync_message_state where message_id = :id and srv_seq > 0", id=told.id)
        mine = self.db.one("select content from chat_messages where id = :id", id=told.id)
        if mine is not None and known is None:
            self._recovery.move([told.id], self._recovery.recovered_conversation(session_id))
        elif mine is not None:
            self._conflicts.record("m", told.id, session_id, mine["content"], now_ms)
            self._outbox.dequeue("m", told.id)
            self._row_writer.delete_message(told.id, session_id)
        if told.row is not None:
            self._outbox.record_known("m", told.id, told.row.seq)

    def settle_missing(self, told: Told, now_ms: int) -> None:
        """Settle an op whose conversation the server does not know: queue that first."""
        session_id = self._conversation_of(told)
        if session_id is None or self._sync_metadata.is_private(session_id):
            self._outbox.dequeue(told.kind, told.id)
        elif not self.db.one("select 1 from sync_outbox where kind = 'c' and id = :id", id=session_id):
            self._outbox.enqueue("c", session_id, session_id, "put", now_ms)

    def settle_rejected(self, told: Told, now_ms: int) -> None:
        op = self._waiting_op(told)
        if op is None or op["rev"] != told.rev or told.code == TWICE:
            return
        if told.kind == "m" and op["op"] == "restore" and told.code == GONE:
            self._say_anew(told)
            return
        tries = self.db.one("select tries from sync_outbox where kind = :kind and id = :id", kind=told.kind, id=told.id)
        before = tries["tries"] if tries else 0
        self.db.execute(
            """update sync_outbox set tries = :tries, refused_rev = rev, not_before = :at, err = :code
            where kind = :kind and id = :id""",
            {
                "kind": told.kind,
                "id": told.id,
                "code": told.code,
                "tries": before + 1,
                "at": now_ms + PATIENCE[before] if before < len(PATIENCE) else None,
            },
        )

    def _say_anew(self, told: Told) -> None:
        """Send a restored message that the server has forgotten under a new id: the old one is spent."""
        self._outbox.dequeue("m", told.id)
        if not self.db.one("select 1 from chat_messages where id = :id", id=told.id):
            return
        new = self._recovery.assign_new_id(told.id)
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'm', id, session_id, 'put', ms from chat_messages, sync_moment where id = :id""",
            {"id": new},
        )

    def _adopt(self, row: RemoteRow) -> None:
        """Take the server's row where the answer has one, and its position in any case."""
        if row.kind == "c":
            if self.db.one(
                "select 1 from chat_sessions where id = :id", id=row.id
            ) and not self._sync_metadata.is_private(row.id):
                self._merge.adopt_conversation(row)
            else:
                self._outbox.record_known("c", row.id, row.seq)
        elif row.kind == "m":
            here = self.db.one("select session_id from chat_messages where id = :id", id=row.id)
            if here is not None and row.value is not None and here["session_id"] == row.session_id:
                self._row_writer.update_message(row)
            self._row_writer.record_messages([row])
        else:
            if row.value is not None or row.is_dead:
                self._row_writer.set_setting(row)
            self._row_writer.record_setting(row)

    def _move_base(self, row: RemoteRow) -> None:
        if row.kind == "c":  # the class of the title here is that of the one written since
            self.db.execute(
                """insert into sync_session_state
                    (session_id, srv_seq, created_seq, acked_cls, title_time, title_tie)
                values (:id, :seq, :created, :cls, :time, :tie)
                on conflict (session_id) do update set srv_seq = excluded.srv_seq,
                    created_seq = excluded.created_seq, acked_cls = excluded.acked_cls,
                    title_time = excluded.title_time, title_tie = excluded.title_tie""",
                {"id": row.id, "seq": row.seq, "created": row.created_seq, "cls": row.cls, "time": row.time,
                 "tie": row.tie},
            )  # fmt: skip
        elif row.kind == "m":
            self._row_writer.record_messages([row])
        else:
            self._row_writer.record_setting(row)

    def enqueue_conversation(self, session_id: str, now_ms: int) -> None:
        """Queue every message and setting of a conversation."""
        for sql in _WHOLE:
            self.db.execute(sql, {"id": session_id, "ms": now_ms})

    def forget_deletes(self, told: Sequence[Told]) -> None:
        """Forget deletions of conversations that accepted a later op, and so were restored; their rows will come."""
        if not self.db.one("select 1 from sync_aside limit 1"):
            return
        self.db.executemany(
            """delete from sync_aside where kind = 'c' and id = ? and seq < ? and json_extract(content, '$.is_dead')""",
            [
                (one.row.session_id, one.row.seq)
                for one in told
                if one.result == "ok" and one.row is not None and not one.row.is_dead
            ],
        )

    def _conversation_of(self, told: Told) -> str | None:
        """Return the conversation that a message is in here; None when it is not here."""
        if told.kind == "m":
            row = self.db.one("select session_id as id from chat_messages where id = :id", id=told.id)
        elif told.kind == "c":
            row = self.db.one("select id from chat_sessions where id = :id", id=told.id)
        else:
            row = self.db.one(
                """select s.id from sync_outbox as o join chat_sessions as s on s.id = o.conv_id
                where o.kind = :kind and o.id = :id""",
                kind=told.kind, id=told.id,
            )  # fmt: skip
        return row["id"] if row else None

    def conversations_of(self, told: Sequence[Told]) -> set[str]:
        found = {one.id for one in told if one.kind == "c"}
        found |= {one.row.session_id for one in told if one.row is not None and one.kind != "x"}
        return found
