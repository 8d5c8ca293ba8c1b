"""The other end of a history's exchange, played by a test: rows as a server tells them, answers as it gives them."""

from __future__ import annotations

import json
from typing import Any

from sterna.storage import Inflight, OpResult, PendingChange, PushBatch, RemoteRow, Store

AT = "2026-03-01T09:00:00.000000Z"


def conversation(
    id_: str, seq: int, title: str = "Title", *, created: int | None = None, deleted: bool = False, **stamp: Any
) -> RemoteRow:
    """A conversation's row; ``stamp`` is of ``cls``, ``time`` and ``tie``."""
    value = None if deleted else {"title": title, "created_at": AT}
    return RemoteRow("c", id_, id_, seq, seq if created is None else created, deleted, value=value, **stamp)


def message(
    id_: str,
    session_id: str,
    seq: int,
    content: str = "text",
    *,
    created: int | None = None,
    deleted: bool = False,
    time: int = 0,
    tie: str = "",
    **columns: Any,
) -> RemoteRow:
    """A message's row."""
    value = None if deleted else {"role": "user", "content": content, "message_timestamp": AT, **columns}
    return RemoteRow("m", id_, session_id, seq, seq if created is None else created, deleted, 0, time, tie, value)


def setting(session_id: str, key: str, seq: int, value: Any, *, time: int = 0, tie: str = "") -> RemoteRow:
    """A setting's row; None: it was taken away."""
    response = None if value is None else {"value": json.dumps(value)}
    return RemoteRow("s", f"{session_id}/{key}", session_id, seq, seq, value is None, 0, time, tie, response)


class FakeServer:
    """Server of a store. It numbers acks after the rows that it has sent."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fence = store.sync_metadata.acquire_fence()
        self.seq = 0
        self.now_ms = 1_772_400_000_000
        self.sent: list[PendingChange] = []

    def next_batch(self, *, most_ops: int = 500, most_bytes: int = 1 << 20) -> Inflight | PushBatch | None:
        """Return the push in flight, else the rows of the next one."""
        return self.store.sync_push.next_batch(
            fence=self.fence, most_ops=most_ops, most_bytes=most_bytes, now_ms=self.now_ms
        )

    def freeze(self, *, most_ops: int = 500, most_bytes: int = 1 << 20) -> Inflight | None:
        """The push that is on its way; what it says is in ``sent``."""
        batch = self.next_batch(most_ops=most_ops, most_bytes=most_bytes)
        if not isinstance(batch, PushBatch):
            return batch
        self.sent = list(batch.changes)
        ops = [[change.kind, change.id, change.op] for change in batch.changes]
        body = json.dumps([batch.replica, batch.push_seq, ops]).encode()
        return self.store.sync_push.freeze(batch, body, fence=self.fence)

    def ops(self, **limits: int) -> list[tuple[str, str, str]]:
        """Kind, id and op of what the next push says; it is on its way then."""
        return [(one.kind, one.id, one.op) for one in self.sent] if self.freeze(**limits) else []

    def settle(self, **answers: OpResult | str) -> None:
        """Answer the push on its way: what is not named, by id, is written down as it was sent."""
        there = self.store.sync_push.inflight()
        assert there is not None
        response = []
        for one in self.sent:
            answer = answers.get(one.id, "ok")
            response.append(answer if isinstance(answer, OpResult) else self.answer(one, answer))
        self.store.acknowledgements.settle_push(
            there.push_seq, response, (self.seq, f"n{self.seq}"), fence=self.fence, now_ms=self.now_ms
        )

    def answer(self, one: PendingChange, result: str = "ok", row: RemoteRow | None = None, code: str = "") -> OpResult:
        """Return the result of one op."""
        if result == "ok" and row is None and one.kind != "x":
            self.seq += 1
            deleted = one.op == "del"
            row = RemoteRow(one.kind, one.id, one.session_id, self.seq, self.seq, deleted, one.cls, one.edited_at, "me")
            if one.op == "restore":
                row = RemoteRow(one.kind, one.id, one.session_id, self.seq, self.seq, False, one.cls, 0, "", one.value)
        return OpResult(one.kind, one.id, one.rev, result, row, code)  # type: ignore[arg-type]

    def sync(self) -> None:
        """Push until nothing waits, all of it accepted."""
        while self.freeze() is not None:
            self.settle()

    def tell(self, *rows: RemoteRow, more: bool = False, upto: int | None = None) -> bool:
        """Apply a page with these rows, after all that was sent before."""
        cur = self.store.sync_metadata.state().cursor
        self.seq = max(self.seq, cur, *(row.seq for row in rows)) if rows else max(self.seq, cur)
        new = max([cur, *(row.seq for row in rows)]) if upto is None else upto
        return self.store.sync_pull.apply(
            rows, cursor=cur, new_cursor=new, seen=(self.seq, f"n{self.seq}"), more=more, fence=self.fence,
            now_ms=self.now_ms,
        )  # fmt: skip
