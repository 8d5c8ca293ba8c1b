"""Rules broken on purpose: what the simulator would notice if one of them were gone.

Each is a small change of the real code, or of the server in memory, for as long as its context lasts; and it names the
runs in which it shows soonest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from inspect import isfunction
from typing import Any

from sterna.storage import AckResults, Merge, MessageMerge, OpResult, RemoteRow, RowWriter, SyncPull, SyncPush, Trash
from sterna.storage.conversations.message_tree import MessageTree
from sterna.storage.sync import acknowledgements as settling
from sterna.storage.sync.outbox import Outbox, Page
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import CrashPoint, Effects
from sterna.sync.wire import Commit, DeltaPush, DeltaResponse

from .history import History
from .net import FAULTS


@dataclass(frozen=True)
class Mutant:
    """One of them. Where ``operations`` and ``faults`` are not named, anything happens."""

    context: Callable[[], AbstractContextManager[None]]
    operations: tuple[str, ...] | None = None
    faults: tuple[str, ...] = FAULTS


MUTANTS: dict[str, Mutant] = {}
"""By what is wrong with them."""


@contextmanager
def instead(owner: Any, name: str, new: Any) -> Iterator[None]:
    """Another thing in its place, for a while."""
    own = vars(owner).get(name)
    if isfunction(own) and isfunction(new):
        new.__qualname__ = own.__qualname__  # by which the store knows the object that has the method
    setattr(owner, name, new)
    try:
        yield
    finally:
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def mutant(
    owner: Any, name: str, what: str, *, operations: tuple[str, ...] | None = None, faults: tuple[str, ...] = FAULTS
) -> Callable[[Callable[[Any], Any]], None]:
    """Register one that makes something new out of the real ``owner.name``."""

    def register(make: Callable[[Any], Any]) -> None:
        MUTANTS[what] = Mutant(lambda: instead(owner, name, make(getattr(owner, name))), operations, faults)

    return register


# The server


@mutant(
    History,
    "push",
    "no dedup: what comes twice is done twice",
    operations=("late", "edit_message", "rename"),
    faults=("again later",),
)
def _(real: Any) -> Any:
    def push(self: History, asked: DeltaPush, *args: Any, **kwargs: Any) -> DeltaResponse:
        self.replicas.pop(asked.replica, None)
        found: DeltaResponse = real(self, asked, *args, **kwargs)
        return found

    return push


@mutant(History, "push", "no fork check: the number of a push is believed, whatever it says")
def _(real: Any) -> Any:
    def push(self: History, asked: DeltaPush, body_hash: str, **kwargs: Any) -> DeltaResponse:
        before = self.replicas.get(asked.replica)
        if before is not None and asked.push_seq <= before.push_seq:
            self.replicas[asked.replica] = replace(before, push_seq=asked.push_seq, body_hash=body_hash)
        found: DeltaResponse = real(self, asked, body_hash, **kwargs)
        return found

    return push


@mutant(History, "knows", "no nonce: any history is taken for the one that is known", operations=("back_up", "restore"))
def _(real: Any) -> Any:
    return lambda self, seen: True


@mutant(History, "push", "a push does not say which history it has seen", operations=("back_up", "restore"))
def _(real: Any) -> Any:
    def push(self: History, *args: Any, seen: Commit | None, **kwargs: Any) -> DeltaResponse:
        found: DeltaResponse = real(self, *args, seen=None, **kwargs)
        return found

    return push


# The device


@mutant(Outbox, "lost_unseen", "what was overtaken by who had not seen it is not listed by its author")
def _(real: Any) -> Any:
    return lambda self, row, known, tie: False


@mutant(
    SyncPush,
    "next_batch",
    "a retry is made anew instead of being frozen",
    operations=("jump", "edit_message", "rename"),
    faults=("lost answer", "503 after"),
)
def _(real: Any) -> Any:
    def next_batch(self: SyncPush, **kwargs: Any) -> Any:
        there = self.inflight()
        if there is not None:
            with self.db.write():
                self.db.execute("delete from sync_inflight")
                self.db.execute("update sync_state set push_seq = push_seq - 1")
        return real(self, **kwargs)

    return next_batch


@mutant(
    SyncPush,
    "_is_current",
    "a push is frozen although its rows have changed since they were read",
    operations=("hide", "delete_message", "edit_message"),
)
def _(real: Any) -> Any:
    return lambda self, batch, state: True


@mutant(DeltaSync, "_apply", "the cursor is saved before the page is taken")
def _(real: Any) -> Any:
    def _apply(
        self: DeltaSync, answer: DeltaResponse, rows: Sequence[RemoteRow], state: Any, fence: int, now_ms: int
    ) -> Effects[None]:
        moved = replace(state, cursor=answer.cur)
        yield from real(self, answer, (), state, fence, now_ms)
        yield from CrashPoint("between")
        yield from real(self, replace(answer, more=False), rows, moved, fence, now_ms)

    return _apply


@mutant(MessageMerge, "_edited_message", "a page writes over a text that waits to be sent")
def _(real: Any) -> Any:
    def _edited_message(self: MessageMerge, row: RemoteRow, page: Page) -> None:
        self._row_writer.update_message(row)
        self._row_writer.record_messages([row])

    return _edited_message


@mutant(Merge, "_edited_conversation", "a page writes over a title that waits to be sent")
def _(real: Any) -> Any:
    def _edited_conversation(self: Merge, row: RemoteRow, fact: sqlite3.Row, page: Page) -> None:
        self.adopt_conversation(row)

    return _edited_conversation


@mutant(Outbox, "was_restored", "tombstones count in a resync only")
def _(real: Any) -> Any:
    return lambda self, row, tombstone, op, page: not page.resync


@mutant(
    SyncPull,
    "start_resync",
    "a clear that waits is kept in a resync",
    operations=("clear", "back_up", "restore", "unplug", "new"),
    faults=("lost request",),
)
def _(real: Any) -> Any:
    def start_resync(self: SyncPull, fence: int) -> None:
        kept = self.db.rows("select seq, kind, id, conv_id, op, edited_at, arg from sync_outbox where kind = 'x'")
        real(self, fence)
        with self.db.write():
            self.db.executemany(
                "insert into sync_outbox (seq, kind, id, conv_id, op, edited_at, arg) values (?, ?, ?, ?, ?, ?, ?)",
                [tuple(row) for row in kept],
            )

    return start_resync


@mutant(
    Trash,
    "clear_all",
    "a clear reaches as far as was pulled, seen or not",
    operations=("clear", "new", "rename", "sync_a_bit"),
    faults=("lost request",),
)
def _(real: Any) -> Any:
    def clear_all(self: Trash) -> Any:
        with self.db.write():
            self.db.execute("update sync_state set full_cursor = cursor")
        return real(self)

    return clear_all


@mutant(
    Outbox,
    "date_unanswered",
    "an edit counts as made now when its push was given up and the clock put back",
    operations=("jump", "restore", "back_up", "rename"),
    faults=("lost answer", "late", "cut off", "503 after"),
)
def _(real: Any) -> Any:
    return lambda self, now_ms: None


@mutant(
    Outbox, "defer", "what cannot be taken now is not deferred", operations=("hide", "show", "undo", "delete_session")
)
def _(real: Any) -> Any:
    return lambda self, row, page: None


@mutant(
    MessageTree, "newest_beneath", "the branch that another device chose is not shown", operations=("branch", "switch")
)
def _(real: Any) -> Any:
    return lambda self, message_id: real(self, None)


@mutant(RowWriter, "insert_messages", "a message comes without its parent", operations=("branch", "switch"))
def _(real: Any) -> Any:
    def insert_messages(self: RowWriter, rows: Sequence[RemoteRow]) -> None:
        real(self, [replace(row, value={**(row.value or {}), "parent_id": None}) for row in rows])

    return insert_messages


def _told(result: str, what: str, change: Callable[[Any], Any], **runs: Any) -> None:
    @contextmanager
    def context() -> Iterator[None]:
        real = settling._SETTLE[result]
        settling._SETTLE[result] = change(real)
        try:
            yield
        finally:
            settling._SETTLE[result] = real

    MUTANTS[what] = Mutant(context, **runs)


def _whatever_revision(real: Any) -> Any:
    def settle(self: AckResults, response: OpResult, now_ms: int) -> None:
        op = self._waiting_op(response)
        real(self, response if op is None else replace(response, rev=op["rev"]), now_ms)

    return settle


def _moving_the_base(real: Any) -> Any:
    def settle(self: AckResults, response: OpResult, now_ms: int) -> None:
        op = self._waiting_op(response)
        if op is not None and op["rev"] != response.rev and response.row is not None:
            self._move_base(response.row)
        real(self, response, now_ms)

    return settle


_told("ok", "an acknowledgement of an old text is taken for the new one's", _whatever_revision)
_told(
    "lost",
    "who lost is taken to have seen what won",
    _moving_the_base,
    operations=("unplug", "edit_message", "rename"),
    faults=("lost request", "500 before", "lost answer"),
)
