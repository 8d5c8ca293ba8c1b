"""Messages of a server: which are taken, many at once, and what happens to the others."""

from __future__ import annotations

from collections.abc import Sequence

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .columns import MESSAGE_COLUMNS, is_same
from .conflicts import Conflicts
from .outbox import Outbox, Page
from .records import RemoteRow
from .recovery import Recovery
from .row_writer import RowWriter

_MESSAGE = f"select {', '.join(MESSAGE_COLUMNS)} from chat_messages where id = :id"


@in_sentences
class MessageMerge:
    """Merge of pulled messages."""

    def __init__(
        self, db: Database, conflicts: Conflicts, outbox: Outbox, recovery: Recovery, row_writer: RowWriter
    ) -> None:
        self.db = db
        self._conflicts = conflicts
        self._outbox = outbox
        self._recovery = recovery
        self._row_writer = row_writer

    def merge(self, rows: Sequence[RemoteRow], page: Page) -> None:
        if not rows:
            return
        self._look_up(rows, page)
        fresh: list[RemoteRow] = []
        same: list[RemoteRow] = []
        for row in rows:
            at = page.here.get(row.id)
            if row.is_deleted:
                self._deleted_message(row, at, page)
            elif row.session_id in page.private or row.session_id not in page.sessions:
                self._outbox.defer(row, page)
                self._outbox.forget_acknowledged_delete(row, page)
            elif row.id in page.tombstones:
                self._message_with_tombstone(row, fresh, page)
            elif row.seq <= page.known(row.id):
                continue
            elif at is None:
                fresh.append(row)
            elif at in page.private:
                self._recovery.assign_new_id(row.id)
                fresh.append(row)
            elif row.id in page.waiting:
                self._edited_message(row, page)
            elif page.resync:
                self._weigh_message(row, same, page)
            else:
                self._file_lost_message(row, page)
                self._row_writer.update_message(row)
                same.append(row)
        self._row_writer.record_messages(same)
        self._row_writer.insert_messages(fresh)

    def _file_lost_message(self, row: RemoteRow, page: Page) -> None:
        known, _, tie = page.states.get(row.id, (0, 0, ""))
        if self._outbox.lost_unseen(row, known, tie):
            mine = self.db.one("select content from chat_messages where id = :id", id=row.id)
            if mine is not None and row.value is not None and mine["content"] != row.value["content"]:
                self._conflicts.record("m", row.id, row.session_id, mine["content"], page.now_ms)

    def _message_with_tombstone(self, row: RemoteRow, fresh: list[RemoteRow], page: Page) -> None:
        tombstone, op = page.tombstones[row.id], page.waiting.get(row.id, (None, False))[0]
        if self._outbox.was_restored(row, tombstone, op, page):
            self.db.execute("delete from sync_tombstones where kind = 'm' and id = :id", {"id": row.id})
            fresh.append(row)
        elif page.resync or tombstone < row.seq:
            self._outbox.renew_tombstone(row, op, page)

    def _edited_message(self, row: RemoteRow, page: Page) -> None:
        op, restamp = page.waiting[row.id]
        stamp = (0, *page.states.get(row.id, (0, 0, ""))[1:])
        if ("m", row.id) in page.flying:
            self._outbox.defer(row, page)
        elif op == "put":
            mine = self.db.one(_MESSAGE, id=row.id)
            same = mine is not None and row.value is not None and is_same(dict(mine), row.value)
            if same or (restamp and row.stamp > stamp):
                if mine is not None and row.value is not None and mine["content"] != row.value["content"]:
                    self._conflicts.record("m", row.id, row.session_id, mine["content"], page.now_ms)
                self._outbox.dequeue("m", row.id)
                if not same:
                    self._row_writer.update_message(row)
                self._row_writer.record_messages([row])
                return
        self._outbox.keep_edit("m", row, page, stamp)

    def _weigh_message(self, row: RemoteRow, same: list[RemoteRow], page: Page) -> None:
        mine = self.db.one(_MESSAGE, id=row.id)
        assert mine is not None
        if row.value is not None and not is_same(dict(mine), row.value):
            if row.stamp < (0, *page.states.get(row.id, (0, 0, ""))[1:]):
                self._outbox.enqueue_again("m", row.id, row.session_id, row.seq, page.now_ms)
                return
            if mine["content"] != row.value["content"]:
                self._conflicts.record("m", row.id, row.session_id, mine["content"], page.now_ms)
            self._row_writer.update_message(row)
        same.append(row)

    def _deleted_message(self, row: RemoteRow, at: str | None, page: Page) -> None:
        if row.seq <= page.known(row.id) and row.id not in page.tombstones:
            return
        if row.session_id not in page.sessions or ("m", row.id) in page.flying:
            self._outbox.defer(row, page)  # an undo may bring it back; what the server has of it, the answer says
            self._outbox.add_tombstone("m", row, page, known=False)
            return
        self._outbox.add_tombstone("m", row, page)
        self.db.execute("delete from sync_deferred where kind = 'm' and id = :id", {"id": row.id})
        if at is None or at in page.private or page.waiting.get(row.id, ("", False))[0] == "restore":
            return
        if row.id in page.waiting:
            mine = self.db.one("select content from chat_messages where id = :id", id=row.id)
            if mine is not None:
                self._conflicts.record("m", row.id, at, mine["content"], page.now_ms)
            self._outbox.dequeue("m", row.id)
        self._row_writer.delete_message(row.id, at)

    def _look_up(self, rows: Sequence[RemoteRow], page: Page) -> None:
        ids = to_json([row.id for row in rows])
        sessions = {row.session_id for row in rows}
        page.here = {
            row["id"]: row["session_id"]
            for row in self.db.rows(
                "select id, session_id from chat_messages where id in (select value from json_each(:ids))", ids=ids
            )
        }
        page.states = {
            row["message_id"]: (row["server_seq"], row["body_time"], row["body_tiebreak"])
            for row in self.db.rows(
                """select message_id, server_seq, body_time, body_tiebreak from sync_message_state
                where message_id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.tombstones = {
            row["id"]: row["server_seq"]
            for row in self.db.rows(
                """select id, server_seq from sync_tombstones
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.waiting = {
            row["id"]: (row["op"], bool(row["restamp"]))
            for row in self.db.rows(
                """select id, op, restamp from sync_outbox
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        if page.resync:
            page.noted = {
                row["id"]
                for row in self.db.rows(
                    "select id from sync_seen where kind = 'm' and id in (select value from json_each(:ids))", ids=ids
                )
            }
        places = to_json(sorted(sessions | set(page.here.values())))
        page.sessions = {
            row["id"]
            for row in self.db.rows(
                "select id from chat_sessions where id in (select value from json_each(:ids))", ids=places
            )
        }
        page.private = {
            row["conv_id"]
            for row in self.db.rows(
                "select conv_id from sync_private where conv_id in (select value from json_each(:ids))", ids=places
            )
        }
