"""Apply per-op results of a push to the outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .conflicts import Conflicts
from .merge import Merge
from .outbox import Outbox
from .records import OpResult, RemoteRow
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
    """Results of a push, op by op."""

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

    def _waiting_op(self, result: OpResult) -> sqlite3.Row | None:
        return self.db.one(
            "select op, rev, arg, edited_at from sync_outbox where kind = :kind and id = :id",
            kind=result.kind,
            id=result.id,
        )

    def settle_ok(self, result: OpResult, now_ms: int) -> None:
        op, row = self._waiting_op(result), result.row
        unchanged = op is not None and op["rev"] == result.rev
        if row is None:  # a clear; a setting taken away that was never there
            if unchanged:
                self._outbox.dequeue(result.kind, result.id)
        elif row.is_deleted and row.kind != "s":
            self._settle_death(result, row, unchanged)
        elif op is None:
            self._settle_binned(result, row)
        elif unchanged and op["op"] == "restore":
            self._settle_restore(result, row, op, now_ms)
        elif unchanged:
            self._outbox.dequeue(result.kind, result.id)
            self._adopt(row)
        else:
            # the server holds what was sent, so what was written since has seen it
            self._move_base(row)

    def _settle_binned(self, result: OpResult, row: RemoteRow) -> None:
        """Settle an op whose row is in the trash now: if it comes back, it need not be sent."""
        if row.kind == "m" and not self.db.one(
            "select 1 from sync_message_state where message_id = :id and server_seq >= :seq", id=row.id, seq=row.seq
        ):
            self._row_writer.record_messages([row])
            self.db.execute(
                """delete from trash_rows where place = 'sync_outbox' and thing = :id
                    and json_extract(content, '$.kind') = 'm' and json_extract(content, '$.rev') = :rev""",
                {"id": result.id, "rev": result.rev},
            )

    def _settle_death(self, result: OpResult, row: RemoteRow, unchanged: bool) -> None:
        self.db.execute(
            "update sync_tombstones set server_seq = :seq where kind = :kind and id = :id",
            {"seq": row.seq, "kind": result.kind, "id": result.id},
        )
        self._outbox.record_known(result.kind, result.id, row.seq)
        if unchanged:
            self._outbox.dequeue(result.kind, result.id)
        if result.kind == "c":
            self._outbox.drop_deferred(row)
        else:
            self.db.execute(
                "delete from sync_deferred where kind = 'm' and id = :id and seq < :seq", {"id": row.id, "seq": row.seq}
            )

    def _settle_restore(self, result: OpResult, row: RemoteRow, op: sqlite3.Row, now_ms: int) -> None:
        """Settle a restore. An edit that waited for it is queued now, with the time at which it was made."""
        self._outbox.dequeue(result.kind, result.id)
        if op["arg"]:
            if row.stamp == self._acked_stamp(row):
                self._move_base(row)
            else:
                # somebody wrote it meanwhile: the server is to weigh them
                self._outbox.record_known(row.kind, row.id, row.seq - 1)
                if row.kind == "c":
                    self._outbox.record_created(row)
            self._outbox.enqueue(result.kind, result.id, row.session_id, "put", op["edited_at"])
        else:
            self._adopt(row)
        if result.kind == "c" and result.code:  # the server had nothing of it any more: its messages are sent too
            self.enqueue_conversation(result.id, now_ms)

    def _acked_stamp(self, row: RemoteRow) -> tuple[int, int, str]:
        result = self.db.one(
            """select acked_class as cls, title_time as time, title_tiebreak as tie from sync_session_state
            where :kind = 'c' and session_id = :id
            union all select 0, body_time, body_tiebreak from sync_message_state
            where :kind = 'm' and message_id = :id""",
            kind=row.kind, id=row.id,
        )  # fmt: skip
        return (result["cls"], result["time"], result["tie"]) if result else (0, 0, "")

    def settle_lost(self, result: OpResult, now_ms: int) -> None:
        op = self._waiting_op(result)
        if op is None or op["rev"] != result.rev or result.row is None:
            return  # written again since: that replaces only what its writer had seen
        self._outbox.dequeue(result.kind, result.id)
        row = result.row
        if row.is_deleted and row.kind != "s":
            return
        session_id = row.session_id
        if row.kind == "c":
            mine = self.db.one(
                """select s.title as value from chat_sessions as s
                join sync_session_state as t on t.session_id = s.id and t.title_class = 1 where s.id = :id""",
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

    def settle_deleted(self, result: OpResult, now_ms: int) -> None:
        """Settle an op about something that is deleted on the server."""
        op, row = self._waiting_op(result), result.row
        if op is None:
            return
        if op["op"] == "del":
            if op["rev"] == result.rev:
                self._outbox.dequeue(result.kind, result.id)
            return
        if row is not None and self.db.one(
            """select 1 from sync_deferred where kind = :kind and id = :id and seq > :seq
                and not json_extract(content, '$.is_deleted')""",
            kind=result.kind, id=result.id, seq=row.seq,
        ):  # fmt: skip
            return  # it was brought back since
        session_id = self._conversation_of(result)
        if session_id is None or self._sync_metadata.is_private(session_id):
            self._outbox.dequeue(result.kind, result.id)
        elif result.kind == "c" and op["op"] != "restore":
            if row is not None:
                self._outbox.record_known("c", session_id, row.seq)
            self._merge.apply_delete(session_id, now_ms)
        elif result.kind == "m" and row is not None and row.is_deleted:
            self._lose_message(result, session_id, now_ms)

    def _lose_message(self, result: OpResult, session_id: str, now_ms: int) -> None:
        known = self.db.one("select 1 from sync_message_state where message_id = :id and server_seq > 0", id=result.id)
        mine = self.db.one("select content from chat_messages where id = :id", id=result.id)
        if mine is not None and known is None:
            self._recovery.move([result.id], self._recovery.recovered_conversation(session_id))
        elif mine is not None:
            self._conflicts.record("m", result.id, session_id, mine["content"], now_ms)
            self._outbox.dequeue("m", result.id)
            self._row_writer.delete_message(result.id, session_id)
        if result.row is not None:
            self._outbox.record_known("m", result.id, result.row.seq)

    def settle_missing(self, result: OpResult, now_ms: int) -> None:
        """Settle an op whose conversation the server does not know: queue that first."""
        session_id = self._conversation_of(result)
        if session_id is None or self._sync_metadata.is_private(session_id):
            self._outbox.dequeue(result.kind, result.id)
        elif not self.db.one("select 1 from sync_outbox where kind = 'c' and id = :id", id=session_id):
            self._outbox.enqueue("c", session_id, session_id, "put", now_ms)

    def settle_rejected(self, result: OpResult, now_ms: int) -> None:
        op = self._waiting_op(result)
        if op is None or op["rev"] != result.rev or result.code == TWICE:
            return
        if result.kind == "m" and op["op"] == "restore" and result.code == GONE:
            self._say_anew(result)
            return
        tries = self.db.one(
            "select tries from sync_outbox where kind = :kind and id = :id", kind=result.kind, id=result.id
        )
        before = tries["tries"] if tries else 0
        self.db.execute(
            """update sync_outbox set tries = :tries, refused_rev = rev, not_before = :at, err = :code
            where kind = :kind and id = :id""",
            {
                "kind": result.kind,
                "id": result.id,
                "code": result.code,
                "tries": before + 1,
                "at": now_ms + PATIENCE[before] if before < len(PATIENCE) else None,
            },
        )

    def _say_anew(self, result: OpResult) -> None:
        """Send a restored message that the server has forgotten under a new id: the old one is spent."""
        self._outbox.dequeue("m", result.id)
        if not self.db.one("select 1 from chat_messages where id = :id", id=result.id):
            return
        new = self._recovery.assign_new_id(result.id)
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
            if row.value is not None or row.is_deleted:
                self._row_writer.set_setting(row)
            self._row_writer.record_setting(row)

    def _move_base(self, row: RemoteRow) -> None:
        if row.kind == "c":  # the class of the title here is that of the one written since
            self.db.execute(
                """insert into sync_session_state
                    (session_id, server_seq, created_seq, acked_class, title_time, title_tiebreak)
                values (:id, :seq, :created, :cls, :time, :tie)
                on conflict (session_id) do update set server_seq = excluded.server_seq,
                    created_seq = excluded.created_seq, acked_class = excluded.acked_class,
                    title_time = excluded.title_time, title_tiebreak = excluded.title_tiebreak""",
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

    def forget_deletes(self, results: Sequence[OpResult]) -> None:
        """Forget deletions of conversations that accepted a later op, and so were restored; their rows will come."""
        if not self.db.one("select 1 from sync_deferred limit 1"):
            return
        self.db.executemany(
            """delete from sync_deferred
            where kind = 'c' and id = ? and seq < ? and json_extract(content, '$.is_deleted')""",
            [
                (item.row.session_id, item.row.seq)
                for item in results
                if item.result == "ok" and item.row is not None and not item.row.is_deleted
            ],
        )

    def _conversation_of(self, result: OpResult) -> str | None:
        """Return the conversation that a message is in here; None when it is not here."""
        if result.kind == "m":
            row = self.db.one("select session_id as id from chat_messages where id = :id", id=result.id)
        elif result.kind == "c":
            row = self.db.one("select id from chat_sessions where id = :id", id=result.id)
        else:
            row = self.db.one(
                """select s.id from sync_outbox as o join chat_sessions as s on s.id = o.conv_id
                where o.kind = :kind and o.id = :id""",
                kind=result.kind, id=result.id,
            )  # fmt: skip
        return row["id"] if row else None

    def conversations_of(self, results: Sequence[OpResult]) -> set[str]:
        result = {item.id for item in results if item.kind == "c"}
        result |= {item.row.session_id for item in results if item.row is not None and item.kind != "x"}
        return result
