"""Merge of a server's rows into the history: which are taken, and what happens to the others.

An unsent edit is kept, and its base does not move, so that the server can tell who had seen what. A tombstone here wins
over a row that lives there. A private conversation takes nothing, and a row older than what is known is ignored. A row
that cannot be applied now, because its conversation or message is in the trash, private or being sent, is deferred: the
cursor moves on, and the server would never send such a row again.

While a history is compared with one that went back (``resync``), positions of the old one mean nothing, and values are
weighed by their stamps.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .conflicts import Conflicts
from .merge_messages import MessageMerge
from .outbox import Outbox, Page
from .records import RemoteRow
from .recovery import Recovery
from .removed_conversations import RemovedConversations
from .row_writer import RowWriter

_CONVERSATIONS = """
select j.value as id, s.title as title, s.id is not null as here, p.conv_id is not null as private,
    g.server_seq as tombstone, b.op as op, b.restamp as restamp, n.id is not null as noted,
    coalesce(t.server_seq, 0) as server_seq, coalesce(t.title_class, 0) as title_class,
    coalesce(t.acked_class, 0) as cls, coalesce(t.title_time, 0) as time, coalesce(t.title_tiebreak, '') as tie
from json_each(:ids) as j
left join chat_sessions as s on s.id = j.value
left join sync_private as p on p.conv_id = j.value
left join sync_tombstones as g on g.kind = 'c' and g.id = j.value
left join sync_outbox as b on b.kind = 'c' and b.id = j.value
left join sync_session_state as t on t.session_id = j.value
left join sync_seen as n on n.kind = 'c' and n.id = j.value
"""
_SETTINGS = """
select j.value as id, c.value as value, g.id is not null as here, p.conv_id is not null as private, b.op as op,
    b.restamp as restamp, n.id is not null as noted, coalesce(t.server_seq, 0) as server_seq,
    coalesce(t.time, 0) as time, coalesce(t.tiebreak, '') as tie
from json_each(:ids) as j
left join chat_sessions as g on g.id = :session
left join session_settings as c on c.session_id = :session and j.value = :session || '/' || c.key
left join sync_private as p on p.conv_id = :session
left join sync_outbox as b on b.kind = 's' and b.id = j.value
left join sync_setting_state as t on t.id = j.value
left join sync_seen as n on n.kind = 's' and n.id = j.value
"""


@in_sentences
class Merge:
    """Merge of a pulled page."""

    def __init__(
        self,
        db: Database,
        conflicts: Conflicts,
        message_merge: MessageMerge,
        outbox: Outbox,
        recovery: Recovery,
        removed_conversations: RemovedConversations,
        row_writer: RowWriter,
    ) -> None:
        self.db = db
        self._conflicts = conflicts
        self._message_merge = message_merge
        self._outbox = outbox
        self._recovery = recovery
        self._removed_conversations = removed_conversations
        self._row_writer = row_writer

    def merge_rows(self, rows: Iterable[RemoteRow], *, resync: bool, now_ms: int) -> None:
        """Take a page: conversations first."""
        newest: dict[tuple[str, str], RemoteRow] = {}
        for row in rows:
            there = newest.get((row.kind, row.id))
            if there is None or there.seq < row.seq:
                newest[row.kind, row.id] = row
        by_kind: dict[str, list[RemoteRow]] = {"c": [], "m": [], "s": []}
        for row in newest.values():
            by_kind[row.kind].append(row)
        page = Page(resync, now_ms, self.in_flight())
        with self.db.applying():
            came = self._apply_conversations(by_kind["c"], page)
            self._message_merge.merge(by_kind["m"], page)
            self._apply_settings(by_kind["s"], page)
            if resync:
                self._outbox.record_seen(newest.values())
            self._apply_deferred(came, page)

    def in_flight(self) -> frozenset[tuple[str, str]]:
        row = self.db.one("select items from sync_inflight")
        items = json.loads(row["items"]) if row else []
        return frozenset((kind, id_) for kind, id_, _, _ in items) | frozenset(("c", item[3]) for item in items)

    def merge_after_push(self, sent: Collection[tuple[str, str]], now_ms: int) -> None:
        """Merge what came for things while their push was in flight, now that it is not."""
        if sent and self.db.one("select 1 from sync_deferred limit 1"):
            rows = self._outbox.pop_deferred(
                """(kind, id) in (
                    select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:items))""",
                items=to_json(sorted(sent)),
            )
            self.merge_rows(rows, resync=False, now_ms=now_ms)

    def _apply_conversations(self, rows: Sequence[RemoteRow], page: Page) -> list[str]:
        """Merge rows of conversations; return those that are new here."""
        if not rows:
            return []
        facts = {row["id"]: row for row in self.db.rows(_CONVERSATIONS, ids=to_json([row.id for row in rows]))}
        fresh: list[RemoteRow] = []
        for row in rows:
            fact = facts[row.id]
            known = fact["server_seq"] if fact["noted"] or not page.resync else 0
            if row.is_deleted:
                self._deleted_conversation(row, fact, known, page)
            elif fact["private"]:
                self._private_conversation(row, fact, page)
            elif fact["tombstone"] is not None:
                if self._outbox.was_restored(row, fact["tombstone"], fact["op"], page):
                    self.db.execute("delete from sync_tombstones where kind = 'c' and id = :id", {"id": row.id})
                    fresh.append(row)
                elif page.resync or fact["tombstone"] < row.seq:
                    self._outbox.renew_tombstone(row, fact["op"], page)
            elif row.seq <= known:
                continue
            elif not fact["here"]:
                fresh.append(row)
            elif fact["op"] in ("put", "restore"):
                self._edited_conversation(row, fact, page)
            elif page.resync and row.stamp < _stamp(fact) and row.value and row.value["title"] != fact["title"]:
                self._outbox.enqueue_again("c", row.id, row.id, row.seq, page.now_ms)
            else:
                lost = page.resync or self._outbox.lost_unseen(row, known, fact["tie"])
                if lost and fact["title_class"] and row.value and row.value["title"] != fact["title"]:
                    self._conflicts.record("c", row.id, row.id, fact["title"], page.now_ms)
                self.adopt_conversation(row)
        self._row_writer.insert_conversations(fresh)
        return [row.id for row in fresh]

    def adopt_conversation(self, row: RemoteRow) -> None:
        if row.value is not None:
            self._row_writer.set_title(row)
        self._row_writer.record_conversation(row)

    def _edited_conversation(self, row: RemoteRow, fact: sqlite3.Row, page: Page) -> None:
        same = row.value is not None and row.value["title"] == fact["title"]
        if ("c", row.id) in page.flying:
            self._outbox.defer(row, page)
        elif fact["op"] == "put" and (same or (fact["restamp"] and row.stamp > _stamp(fact))):
            if not same and fact["title_class"]:
                self._conflicts.record("c", row.id, row.id, fact["title"], page.now_ms)
            self._outbox.dequeue("c", row.id)
            self.adopt_conversation(row)
            return
        self._outbox.keep_edit("c", row, page, _stamp(fact))
        self._outbox.record_created(row)

    def _private_conversation(self, row: RemoteRow, fact: sqlite3.Row, page: Page) -> None:
        """Delete again, on the server, a private conversation that a restored history brings back."""
        if fact["tombstone"] is not None and (page.resync or fact["tombstone"] <= 0):
            self._outbox.renew_tombstone(row, fact["op"], page)
        else:
            self._outbox.defer(row, page)

    def _deleted_conversation(self, row: RemoteRow, fact: sqlite3.Row, known: int, page: Page) -> None:
        if row.seq <= known and fact["tombstone"] is None:
            return
        dies = fact["here"] and not fact["private"] and fact["op"] != "restore"
        if dies and ("c", row.id) in page.flying:
            self._outbox.defer(row, page)  # the answer says what the server has of it
            return
        self._outbox.add_tombstone("c", row, page)
        self._outbox.drop_deferred(row)
        if dies:
            self.apply_delete(row.id, page.now_ms)

    def apply_delete(self, session_id: str, now_ms: int) -> None:
        """Remove a conversation that died elsewhere: what nobody else has of it is kept, the rest goes to the trash."""
        self._save_edits(session_id, now_ms)
        self._removed_conversations.keep(session_id)
        self._row_writer.drop_conversation(session_id)

    def _save_edits(self, session_id: str, now_ms: int) -> None:
        """Record and move apart unsent texts of a conversation that is about to be deleted."""
        edited = self.db.one(
            """select s.title from chat_sessions as s
            join sync_session_state as t on t.session_id = s.id and t.server_seq > 0 and t.title_class = 1
            join sync_outbox as o on o.kind = 'c' and o.id = s.id and o.op = 'put'
            where s.id = :id""",
            id=session_id,
        )
        if edited is not None:
            self._conflicts.record("c", session_id, session_id, edited["title"], now_ms)
        for row in self.db.rows(
            """select m.id, m.content from sync_outbox as o
            join chat_messages as m on m.id = o.id
            join sync_message_state as t on t.message_id = m.id and t.server_seq > 0
            where o.conv_id = :id and o.kind = 'm' and o.op = 'put'""",
            id=session_id,
        ):
            self._conflicts.record("m", row["id"], session_id, row["content"], now_ms)
        self._conflicts.record_prompt(session_id, now_ms)
        self._recovery.rescue(session_id)

    def _apply_settings(self, rows: Sequence[RemoteRow], page: Page) -> None:
        for row in rows:
            fact = self.db.one(_SETTINGS, ids=to_json([row.id]), session=row.session_id)
            assert fact is not None
            known = fact["server_seq"] if fact["noted"] or not page.resync else 0
            value = None if row.is_deleted or row.value is None else row.value["value"]
            same = value == fact["value"]
            stamp = (0, fact["time"], fact["tie"])
            if fact["private"] or not fact["here"]:
                self._outbox.defer(row, page)
            elif row.seq <= known:
                continue
            elif fact["op"] is not None:
                self._edited_setting(row, fact, page, same)
            elif page.resync and not same and row.stamp < stamp:
                self._outbox.enqueue_again(
                    "s", row.id, row.session_id, row.seq, page.now_ms, "del" if fact["value"] is None else "put"
                )
            else:
                if not same and (page.resync or self._outbox.lost_unseen(row, known, fact["tie"])):
                    self._conflicts.record_setting(row.id, row.session_id, fact["value"], page.now_ms)
                self._adopt_setting(row)

    def _adopt_setting(self, row: RemoteRow) -> None:
        self._row_writer.set_setting(row)
        self._row_writer.record_setting(row)

    def _edited_setting(self, row: RemoteRow, fact: sqlite3.Row, page: Page, same: bool) -> None:
        stamp = (0, fact["time"], fact["tie"])
        if ("s", row.id) in page.flying:
            self._outbox.defer(row, page)
        elif same or (fact["restamp"] and row.stamp > stamp):
            if not same:
                self._conflicts.record_setting(row.id, row.session_id, fact["value"], page.now_ms)
            self._outbox.dequeue("s", row.id)
            self._adopt_setting(row)
            return
        self._outbox.keep_edit("s", row, page, stamp)

    def _apply_deferred(self, session_ids: Collection[str], page: Page) -> None:
        """Merge rows that came before their conversation."""
        if session_ids and self.db.one("select 1 from sync_deferred limit 1"):
            rows = self._outbox.pop_deferred(
                "kind <> 'c' and session_id in (select value from json_each(:ids))", ids=to_json(sorted(session_ids))
            )
            self._message_merge.merge([row for row in rows if row.kind == "m"], page)
            self._apply_settings([row for row in rows if row.kind == "s"], page)


def _stamp(fact: sqlite3.Row) -> tuple[int, int, str]:
    return fact["cls"], fact["time"], fact["tie"]
