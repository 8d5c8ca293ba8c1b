"""Pushes made of the outbox.

A push is frozen: every try sends the same bytes, so that the server recognizes a try that it has already answered.
Edits made meanwhile raise the revision of their row and go with a later push.

Freezing takes two transactions, because storage does not know the wire format: :meth:`SyncPush.next_batch` reads the
rows, the caller encodes them, and :meth:`SyncPush.freeze` stores the bytes. A row may change between the two. Then
nothing is frozen and the caller starts again: the bytes would contradict the revisions stored with them, or contain a
conversation that has just become private. The alternative, to encode inside of one transaction, would call foreign
code while the database is locked.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .columns import MESSAGE_COLUMNS
from .records import Inflight, PendingChange, PushBatch, SyncState
from .state import SyncMetadata

OVERHEAD = 400
"""Bytes that an op is counted beside its text."""

_FREE = "(o.tries = 0 or o.refused_rev <> o.rev or o.not_before <= :now)"
_COLUMNS = """o.seq, o.kind, o.id, o.conv_id, o.op, o.rev, o.edited_at, o.restamp, o.arg,
    c.title, c.created_at, cs.server_seq as c_seq, cs.title_class, cs.acked_class, cs.title_time, cs.title_tiebreak,
    ms.server_seq as m_seq, ms.body_time, ms.body_tiebreak, s.value as setting, ss.server_seq as s_seq,
    ss.time as s_time, ss.tiebreak as s_tie"""
_JOINS = """
left join chat_sessions as c on o.kind = 'c' and c.id = o.id
left join sync_session_state as cs on o.kind = 'c' and cs.session_id = o.id
left join chat_messages as m on o.kind = 'm' and m.id = o.id
left join sync_message_state as ms on o.kind = 'm' and ms.message_id = o.id
left join session_settings as s on o.kind = 's' and s.session_id = o.conv_id and o.id = o.conv_id || '/' || s.key
left join sync_setting_state as ss on o.kind = 's' and ss.id = o.id"""
_LONG = tuple(
    f"m_{name}"
    for name in (
        "content", "reasoning", "raw_message", "reasoning_details", "annotations", "metadata", "error_message"
    )
)  # fmt: skip
_PLACES = tuple((name, f"m_{name}") for name in MESSAGE_COLUMNS)
_M = ", ".join(f"m.{name} as m_{name}" for name in MESSAGE_COLUMNS)

# Cross joins keep SQLite walking the outbox in its own order, so that only what is taken is read.
WAITING = f"""
select {_COLUMNS}, {_M}
from sync_outbox as o {_JOINS}
where {_FREE}
    and (o.conv_id not in (select conv_id from sync_private) or (o.kind = 'c' and o.op = 'del'))
order by o.seq
"""
CONVERSATION = f"""
select {_COLUMNS}, {_M}, {_FREE} as free
from sync_outbox as o {_JOINS}
where o.kind = 'c' and o.id = :id and o.op in ('put', 'restore')
"""


class _Picked(NamedTuple):
    """Changes of a push; ``empty`` are positions of outbox rows whose value is gone."""

    changes: tuple[PendingChange, ...]
    size: int
    empty: Sequence[int]


@in_sentences
class SyncPush:
    """Pushes of the outbox: their rows, and the one in flight."""

    def __init__(self, db: Database, sync_metadata: SyncMetadata) -> None:
        self.db = db
        self._sync_metadata = sync_metadata

    def inflight(self) -> Inflight | None:
        """Return the push that is in flight."""
        row = self.db.one("select push_seq, body, items from sync_inflight")
        if row is None:
            return None
        items = tuple((kind, id_, rev) for kind, id_, rev, _ in json.loads(row["items"]))
        return Inflight(row["push_seq"], self._sync_metadata.state().replica, row["body"], items)

    def next_batch(self, *, fence: int, most_ops: int, most_bytes: int, now_ms: int) -> Inflight | PushBatch | None:
        """Return the push in flight, else the rows of the next one, or None when nothing waits.

        A clear travels alone, what is refused waits for its time, and a conversation goes before its messages. While
        the history is compared with a server that went back, nothing is sent.
        """
        with self.db.snapshot():
            state = self._sync_metadata.require_fence(fence)
            if (inflight := self.inflight()) is not None:
                return inflight
            if state.resync:
                return None
            picked = self._pick(most_ops, most_bytes, now_ms)
            version = self.db.version()
        if picked.empty:
            with self.db.write():  # looked for again, because another process may have written since
                empty = self._pick(most_ops, most_bytes, now_ms).empty
                self.db.executemany("delete from sync_outbox where seq = ?", [(seq,) for seq in empty])
        if not picked.changes:
            return None
        return PushBatch(state.replica, state.push_seq + 1, picked.changes, picked.size, now_ms, version)

    def freeze(self, batch: PushBatch, body: bytes, *, fence: int) -> Inflight | None:
        """Freeze a batch with its encoded body. Return None, and do nothing, where its rows have changed."""
        is_unchanged = self.db.version() == batch.version
        with self.db.write():
            state = self._sync_metadata.require_fence(fence)
            is_unchanged = is_unchanged and self.db.data_version() == batch.version[0]
            if self.inflight() is not None or state.resync or not (is_unchanged or self._is_current(batch, state)):
                return None
            items = tuple((change.kind, change.id, change.rev) for change in batch.changes)
            self.db.execute("update sync_state set push_seq = :seq", {"seq": batch.push_seq})
            self.db.execute(
                "insert into sync_inflight (one, push_seq, body, items) values (1, :seq, :body, :items)",
                {
                    "seq": batch.push_seq,
                    "body": body,
                    "items": to_json([(item.kind, item.id, item.rev, item.session_id) for item in batch.changes]),
                },
            )
            self.db.executemany(
                "update sync_outbox set sent = 1 where kind = ? and id = ?", [(kind, id_) for kind, id_, _ in items]
            )
            self._note_sent_deletions(batch.changes)
            return Inflight(batch.push_seq, batch.replica, body, items)

    def _is_current(self, batch: PushBatch, state: SyncState) -> bool:
        """Return whether a batch read now would be the same; what was added since may wait for the next one."""
        if (state.replica, state.push_seq + 1) != (batch.replica, batch.push_seq):
            return False
        return self._pick(len(batch.changes), sys.maxsize, batch.now_ms).changes == batch.changes

    def _note_sent_deletions(self, pending: Sequence[PendingChange]) -> None:
        """Mark deletions as possibly known to the server."""
        if pending[0].kind == "x":
            self.db.execute("update sync_tombstones set server_seq = -1 where kind = 'c' and server_seq = 0")
        self.db.executemany(
            "update sync_tombstones set server_seq = -1 where kind = ? and id = ? and server_seq = 0",
            [(item.kind, item.id) for item in pending if item.op == "del"],
        )

    def _pick(self, most_ops: int, most_bytes: int, now_ms: int) -> _Picked:
        """Return the next changes in the order of the push."""
        first: list[PendingChange] = []
        rest: list[PendingChange] = []
        last: list[PendingChange] = []
        gone: list[int] = []
        taken: set[str] = set()
        held: set[str] = set()
        size = 0
        for row in self._in_order(now_ms, taken, held):
            if row["kind"] == "x":
                if not first and not rest and not last:
                    last.append(_pending(row))
                break
            if row["op"] in ("put", "restore") and _has_nothing(row):
                gone.append(row["seq"])  # another tool has deleted it unnoticed
                continue
            weight = _weight(row)
            count = len(first) + len(rest) + len(last)
            if count and (size + weight > most_bytes or count >= most_ops):
                break
            size += weight
            item = _pending(row)
            if row["kind"] != "c":
                rest.append(item)
            elif row["op"] == "del":
                last.append(item)
            else:
                first.append(item)
        return _Picked((*first, *rest, *last), size, gone)

    def _in_order(self, now_ms: int, taken: set[str], held: set[str]) -> Iterator[sqlite3.Row]:
        """Return waiting ops, oldest first, but a conversation before the first of its messages."""
        for row in self.db.execute(WAITING, {"now": now_ms}):
            session_id = row["conv_id"]
            if row["kind"] == "c":
                if session_id in taken:
                    continue
                taken.add(session_id)
            elif row["kind"] in ("m", "s"):
                if session_id not in taken and session_id not in held:
                    waits = self.db.one("select 1 from sync_outbox where kind = 'c' and id = :id", id=session_id)
                    own = self.db.one(CONVERSATION, id=session_id, now=now_ms) if waits else None
                    if own is None or own["free"]:
                        taken.add(session_id)
                        if own is not None:
                            yield own
                    elif not own["c_seq"]:
                        held.add(session_id)  # the server refuses it: it would not know where these belong
                if session_id in held:
                    continue
            yield row


def _has_nothing(row: sqlite3.Row) -> bool:
    return row[{"c": "title", "m": "m_content", "s": "setting"}[row["kind"]]] is None


def _weight(row: sqlite3.Row) -> int:
    if row["op"] not in ("put", "restore"):
        return OVERHEAD
    if row["kind"] == "m":
        return OVERHEAD + sum([len(row[name] or "") for name in _LONG])
    return OVERHEAD + len(row["title"] or "") + len(row["setting"] or "")


def _pending(row: sqlite3.Row) -> PendingChange:
    kind, op = row["kind"], row["op"]
    value: dict[str, Any] | None = None
    stamp: tuple[int, int, str] | None = None
    base, cls = 0, 0
    if kind == "c":
        base, cls = row["c_seq"] or 0, row["title_class"] or 0
        stamp = (row["acked_class"] or 0, row["title_time"] or 0, row["title_tiebreak"] or "")
        value = {"title": row["title"], "created_at": row["created_at"]}
    elif kind == "m":
        base = row["m_seq"] or 0
        stamp = (0, row["body_time"] or 0, row["body_tiebreak"] or "")
        value = {name: row[place] for name, place in _PLACES}
    elif kind == "s":
        base = row["s_seq"] or 0
        stamp = (0, row["s_time"] or 0, row["s_tie"] or "")
        value = {"value": row["setting"]}
    return PendingChange(
        kind=kind,
        id=row["id"],
        session_id=row["conv_id"],
        op=op,
        rev=row["rev"],
        base=base,
        edited_at=row["edited_at"],
        stamp=stamp if row["restamp"] else None,
        after=stamp[1] if stamp is not None and op == "put" else 0,
        cls=cls,
        upto=(row["arg"] or 0) if kind == "x" else 0,
        value=value if op in ("put", "restore") else None,
    )
