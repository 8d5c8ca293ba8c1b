"""Pulling: pages of the server's history, each with its cursor in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..clock import millis
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .merge import Merge
from .outbox import Outbox
from .records import RemoteRow
from .removed_conversations import RemovedConversations
from .row_writer import RowWriter
from .state import SyncMetadata

REMOVED_AT_ONCE = 500
"""Messages of removed conversations that one write moves to the trash: more would delay other calls."""

Seen = tuple[int, str]
"""A commit of the server: its number and its name."""


@in_sentences
class SyncPull:
    """The history as the server tells it."""

    def __init__(
        self,
        db: Database,
        merge: Merge,
        outbox: Outbox,
        removed_conversations: RemovedConversations,
        row_writer: RowWriter,
        sync_metadata: SyncMetadata,
    ) -> None:
        self.db = db
        self._removed_conversations = removed_conversations
        self._merge = merge
        self._outbox = outbox
        self._row_writer = row_writer
        self._sync_metadata = sync_metadata

    def apply(
        self,
        rows: Iterable[RemoteRow],
        *,
        cursor: int,
        new_cursor: int,
        seen: Seen | None,
        more: bool,
        fence: int,
        now_ms: int,
    ) -> bool:
        """Apply the page that follows ``cursor`` and move the cursor; return False, unchanged, when it moved meanwhile.

        The last page ends a comparison with a history that went back. Raises ValueError for a cursor that goes back.
        """
        if new_cursor < cursor:
            raise ValueError("the cursor of a page goes back")
        with self.db.write():
            state = self._sync_metadata.require_fence(fence)
            if state.cursor != cursor:
                return False
            page = list(rows)
            self._merge.merge_rows(page, resync=state.resync, now_ms=now_ms)
            self.db.execute(
                """update sync_state
                set cursor = :new, complete = :whole, full_cursor = iif(:whole, :new, full_cursor)""",
                {"new": new_cursor, "whole": not more},
            )
            if any(row.is_deleted and row.kind == "c" for row in page):
                self._removed_conversations.complete()
            self.record_seen(seen)
            if not more:
                if state.resync:
                    self._end_resync(now_ms)
                partial = self.db.rows("select session_id from sync_partial_conversations")
                with self.db.applying():
                    self._row_writer.mark_complete(row["session_id"] for row in partial)
        return True

    def apply_extra(self, rows: Iterable[RemoteRow], *, fence: int, now_ms: int, whole: Collection[str] = ()) -> None:
        """Take rows that were asked for out of turn: the newest conversations, or one's messages.

        The cursor stays; each row comes again in its turn and says nothing new. ``whole`` names conversations of which
        this is the last page. While histories are compared, nothing is taken out of turn.
        """
        with self.db.write():
            if self._sync_metadata.require_fence(fence).resync:
                return
            listed = list(rows)
            self._merge.merge_rows(listed, resync=False, now_ms=now_ms)
            with self.db.applying():
                if not self._sync_metadata.pull_is_complete():
                    self._row_writer.store_summaries(
                        row for row in listed if row.kind == "c" and not row.is_deleted and self._is_empty(row.id)
                    )
                self._row_writer.mark_complete(whole)

    def apply_removals(self, deleted: Sequence[RemoteRow], start: int, *, fence: int, now_ms: int) -> int | None:
        """Remove some of the conversations that a page deletes, from ``start`` on; return where to go on, or None.

        It comes before :meth:`apply` of the page, which finds them removed. Few messages are left to that one.
        """
        counts = {
            row["id"]: row["message_count"]
            for row in self.db.rows(
                "select id, message_count from chat_sessions where id in (select value from json_each(:ids))",
                ids=to_json([row.id for row in deleted[start:]]),
            )
        }
        if sum(counts.values()) <= REMOVED_AT_ONCE:
            return None
        end, room = start, REMOVED_AT_ONCE
        while end < len(deleted) and (end == start or counts.get(deleted[end].id, 0) <= room):
            room -= counts.get(deleted[end].id, 0)
            end += 1
        with self.db.write():
            if self._sync_metadata.require_fence(fence).resync:
                return None
            with self._removed_conversations.in_parts():
                self._merge.merge_rows(deleted[start:end], resync=False, now_ms=now_ms)
        return end

    def start_resync(self, fence: int) -> None:
        """Begin to compare with a history that went back or is not known: everything is pulled again.

        A clear that waits is dropped, for its position means nothing there; the tombstones say what it meant.
        """
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            now_ms = millis(self.db.now())
            self._outbox.date_unanswered(now_ms)
            self._outbox.date_after_unanswered(now_ms)
            self.db.execute("delete from sync_inflight")
            self.db.execute("delete from sync_outbox where kind = 'x'")
            self.db.execute("delete from sync_seen")
            self.db.execute("delete from sync_deferred")
            self.db.execute("update attachments set uploaded = 0, refused = null")
            self.db.execute(
                """update sync_state set cursor = 0, full_cursor = 0, seen_seq = 0, seen_nonce = '', resync = 1,
                    complete = 0"""
            )

    def _end_resync(self, now_ms: int) -> None:
        """Queue again what was acknowledged and is neither live nor deleted on the server."""
        for lost in _LOST:
            self.db.execute(lost, {"ms": now_ms})
        for forget in _FORGET:
            self.db.execute(forget)
        self.db.execute("delete from sync_seen")
        self.db.execute("update sync_state set resync = 0, resynced = resynced + 1")

    def record_seen(self, seen: Seen | None) -> None:
        """Remember the newest commit that was ever heard of."""
        if seen is not None:
            self.db.execute(
                "update sync_state set seen_seq = :seq, seen_nonce = :nonce where seen_seq <= :seq",
                {"seq": seen[0], "nonce": seen[1]},
            )

    def _is_empty(self, session_id: str) -> bool:
        return (
            self.db.one(
                """select 1 from chat_sessions as s
                where s.id = :id and not exists (select 1 from chat_messages where session_id = s.id)""",
                id=session_id,
            )
            is not None
        )

    def apply_deferred(self, session_ids: Collection[str], message_id: str | None = None) -> None:
        """Apply what came while these were in the trash or private; send again what no server knows any more."""
        if message_id is not None:
            rows = self._outbox.pop_deferred("kind = 'm' and id = :id", id=message_id)
        else:
            rows = self._outbox.pop_deferred(
                "session_id in (select value from json_each(:ids))", ids=to_json(sorted(session_ids))
            )
        now_ms = millis(self.db.now())
        if rows:
            self._merge.merge_rows(rows, resync=False, now_ms=now_ms)
        values = {"ids": to_json(sorted(session_ids)), "id": message_id, "ms": now_ms}
        if message_id is not None:
            self.db.execute(_UNKNOWN_MESSAGES + " and m.id = :id" + _ONCE, values)
        elif self.db.one("select 1 from sync_state where resynced > 0"):
            for unknown in (_UNKNOWN_SESSIONS, _UNKNOWN_MESSAGES, _UNKNOWN_SETTINGS):
                self.db.execute(unknown + _ONCE, values)


_LOST = (
    """insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
    select 'c', s.id, s.id, 'put', :ms, 1
    from sync_session_state as t join chat_sessions as s on s.id = t.session_id
    where t.server_seq > 0 and s.id not in (select conv_id from sync_private)
        and not exists (select 1 from sync_seen where kind = 'c' and id = s.id)
    on conflict (kind, id) do nothing""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
    select 'm', m.id, m.session_id, 'put', :ms, coalesce(t.body_time, 0) > 0
    from chat_messages as m left join sync_message_state as t on t.message_id = m.id
    where m.session_id not in (select conv_id from sync_private)
        and not exists (select 1 from sync_seen where kind = 'm' and id = m.id)
    on conflict (kind, id) do nothing""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
    select 's', s.session_id || '/' || s.key, s.session_id, 'put', :ms, coalesce(t.time, 0) > 0
    from session_settings as s left join sync_setting_state as t on t.id = s.session_id || '/' || s.key
    where s.session_id not in (select conv_id from sync_private)
        and not exists (select 1 from sync_seen where kind = 's' and id = s.session_id || '/' || s.key)
    on conflict (kind, id) do nothing""",
)
"""Items that a history does not have any more. An item with an op of its own is sent by that.

A message or setting of a conversation that was removed elsewhere and brought back here has no position any more, and no
op either: the restore of its conversation was to bring it back."""

_FORGET = (
    """update sync_session_state set server_seq = 0, created_seq = 0
    where server_seq > 0 and not exists (select 1 from sync_seen where kind = 'c' and id = session_id)""",
    """update sync_message_state set server_seq = 0
    where server_seq > 0 and not exists (select 1 from sync_seen where kind = 'm' and id = message_id)""",
    """update sync_setting_state set server_seq = 0
    where server_seq > 0 and not exists (select 1 from sync_seen where kind = 's' and id = sync_setting_state.id)""",
    """update sync_tombstones set server_seq = 0
    where server_seq > 0
        and not exists (
            select 1 from sync_seen as n where n.kind = sync_tombstones.kind and n.id = sync_tombstones.id
        )""",
)
"""Positions of the old history."""

# What has no op and is not known there: while it was in the trash, the server's history went back, or its conversation
# stopped being private. A value that was acknowledged once is sent with its own stamp, so that it cannot win over
# one whose author had seen it.
_UNKNOWN_SESSIONS = """
insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
select 'c', s.id, s.id, 'put', :ms, coalesce(t.title_time, 0) > 0
from json_each(:ids) as j join chat_sessions as s on s.id = j.value
left join sync_session_state as t on t.session_id = s.id
where s.id not in (select conv_id from sync_private) and coalesce(t.server_seq, 0) = 0
"""
_UNKNOWN_MESSAGES = """
insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
select 'm', m.id, m.session_id, 'put', :ms, coalesce(t.body_time, 0) > 0
from json_each(:ids) as j join chat_messages as m on m.session_id = j.value
left join sync_message_state as t on t.message_id = m.id
where m.session_id not in (select conv_id from sync_private) and coalesce(t.server_seq, 0) = 0
"""
_UNKNOWN_SETTINGS = """
insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
select 's', s.session_id || '/' || s.key, s.session_id, 'put', :ms, coalesce(t.time, 0) > 0
from json_each(:ids) as j join session_settings as s on s.session_id = j.value
left join sync_setting_state as t on t.id = s.session_id || '/' || s.key
where s.session_id not in (select conv_id from sync_private) and coalesce(t.server_seq, 0) = 0
"""
_ONCE = " on conflict (kind, id) do nothing"
