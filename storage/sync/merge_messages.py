"""Messages of a server: which are taken, many at once, and what happens to the others."""

from __future__ import annotations

from collections.abc import Sequence

from ..json_text import to_json
from .columns import MESSAGE_COLUMNS, is_same
from .outbox import Page, SyncQueue
from .records import RemoteRow

_MESSAGE = f"select {', '.join(MESSAGE_COLUMNS)} from chat_messages where id = :id"


class SyncMessages(SyncQueue):
    """Rows of messages judged."""

    def _take_messages(self, rows: Sequence[RemoteRow], page: Page) -> None:
        if not rows:
            return
        self._look_up(rows, page)
        fresh: list[RemoteRow] = []
        same: list[RemoteRow] = []
        for row in rows:
            at = page.here.get(row.id)
            if row.is_dead:
                self._dead_message(row, at, page)
            elif row.session_id in page.private or row.session_id not in page.sessions:
                self._lay_aside(row, page)
                self._forget_acked_death(row, page)
            elif row.id in page.graves:
                self._graved_message(row, fresh, page)
            elif row.seq <= page.known(row.id):
                continue
            elif at is None:
                fresh.append(row)
            elif at in page.private:
                self._name_anew(row.id)
                fresh.append(row)
            elif row.id in page.waiting:
                self._edited_message(row, page)
            elif page.resync:
                self._weigh_message(row, same, page)
            else:
                self._file_lost_message(row, page)
                self._update_message(row)
                same.append(row)
        self._note_messages(same)
        self._insert_messages(fresh)

    def _file_lost_message(self, row: RemoteRow, page: Page) -> None:
        known, _, tie = page.states.get(row.id, (0, 0, ""))
        if self._lost_unseen(row, known, tie):
            mine = self.one("select content from chat_messages where id = :id", id=row.id)
            if mine is not None and row.value is not None and mine["content"] != row.value["content"]:
                self._file("m", row.id, row.session_id, mine["content"], page.now_ms)

    def _graved_message(self, row: RemoteRow, fresh: list[RemoteRow], page: Page) -> None:
        grave, op = page.graves[row.id], page.waiting.get(row.id, (None, False))[0]
        if self._is_brought_back(row, grave, op, page):
            self.db.execute("delete from sync_grave where kind = 'm' and id = :id", {"id": row.id})
            fresh.append(row)
        elif page.resync or grave < row.seq:
            self._bury_again(row, op, page)

    def _edited_message(self, row: RemoteRow, page: Page) -> None:
        op, restamp = page.waiting[row.id]
        stamp = (0, *page.states.get(row.id, (0, 0, ""))[1:])
        if ("m", row.id) in page.flying:
            self._lay_aside(row, page)
        elif op == "put":
            mine = self.one(_MESSAGE, id=row.id)
            same = mine is not None and row.value is not None and is_same(dict(mine), row.value)
            if same or (restamp and row.stamp > stamp):
                if mine is not None and row.value is not None and mine["content"] != row.value["content"]:
                    self._file("m", row.id, row.session_id, mine["content"], page.now_ms)
                self._unqueue("m", row.id)
                if not same:
                    self._update_message(row)
                self._note_messages([row])
                return
        self._keep_edit("m", row, page, stamp)

    def _weigh_message(self, row: RemoteRow, same: list[RemoteRow], page: Page) -> None:
        mine = self.one(_MESSAGE, id=row.id)
        assert mine is not None
        if row.value is not None and not is_same(dict(mine), row.value):
            if row.stamp < (0, *page.states.get(row.id, (0, 0, ""))[1:]):
                self._offer("m", row.id, row.session_id, row.seq, page.now_ms)
                return
            if mine["content"] != row.value["content"]:
                self._file("m", row.id, row.session_id, mine["content"], page.now_ms)
            self._update_message(row)
        same.append(row)

    def _dead_message(self, row: RemoteRow, at: str | None, page: Page) -> None:
        if row.seq <= page.known(row.id) and row.id not in page.graves:
            return
        if row.session_id not in page.sessions or ("m", row.id) in page.flying:
            self._lay_aside(row, page)  # an undo may bring it back; what the server has of it, the answer says
            self._bury("m", row, page, known=False)
            return
        self._bury("m", row, page)
        self.db.execute("delete from sync_aside where kind = 'm' and id = :id", {"id": row.id})
        if at is None or at in page.private or page.waiting.get(row.id, ("", False))[0] == "restore":
            return
        if row.id in page.waiting:
            mine = self.one("select content from chat_messages where id = :id", id=row.id)
            if mine is not None:
                self._file("m", row.id, at, mine["content"], page.now_ms)
            self._unqueue("m", row.id)
        self._delete_message_row(row.id, at)

    def _look_up(self, rows: Sequence[RemoteRow], page: Page) -> None:
        ids = to_json([row.id for row in rows])
        sessions = {row.session_id for row in rows}
        page.here = {
            row["id"]: row["session_id"]
            for row in self.rows(
                "select id, session_id from chat_messages where id in (select value from json_each(:ids))", ids=ids
            )
        }
        page.states = {
            row["message_id"]: (row["srv_seq"], row["body_time"], row["body_tie"])
            for row in self.rows(
                """select message_id, srv_seq, body_time, body_tie from sync_message_state
                where message_id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.graves = {
            row["id"]: row["srv_seq"]
            for row in self.rows(
                """select id, srv_seq from sync_grave
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.waiting = {
            row["id"]: (row["op"], bool(row["restamp"]))
            for row in self.rows(
                """select id, op, restamp from sync_outbox
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        if page.resync:
            page.noted = {
                row["id"]
                for row in self.rows(
                    "select id from sync_seen where kind = 'm' and id in (select value from json_each(:ids))", ids=ids
                )
            }
        places = to_json(sorted(sessions | set(page.here.values())))
        page.sessions = {
            row["id"]
            for row in self.rows(
                "select id from chat_sessions where id in (select value from json_each(:ids))", ids=places
            )
        }
        page.private = {
            row["conv_id"]
            for row in self.rows(
                "select conv_id from sync_optout where conv_id in (select value from json_each(:ids))", ids=places
            )
        }
