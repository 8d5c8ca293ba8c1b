"""Conflict resolution: the result of each op of a push, given the current rows, without any input or output.

The server decides alone, so no device's clock does: of an edit only its age on its own device counts. A value that
replaces one that its author saw, or wrote, always wins; of two concurrent values the one with the greater stamp wins.
The same code runs over PostgreSQL and in the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from sterna.sync.wire import LARGEST, MESSAGE_BYTES, BadItem, Op, Stamp

from .values import is_same, validated

Key = tuple[str, str]
"""Kind and id of a row."""


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """A row of the history as it is now."""

    seq: int
    created_seq: int
    is_deleted: bool
    stamp: Stamp
    session_id: str
    value: Any = None
    """Value as on the wire; None for a tombstone."""


@dataclass(frozen=True, slots=True)
class Put:
    """Insert or replace a value."""

    kind: str
    id: str
    session_id: str
    value: Any
    """Value as on the wire; for a message an object that encodes to it."""
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Delete:
    """Write a tombstone, also for an unknown row; a live value goes to the trash."""

    kind: str
    id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class RemoveSetting:
    """Remove a setting; unlike a deletion this is a value with a stamp."""

    id: str
    session_id: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Clear:
    """Delete every live conversation created up to a number."""

    upto: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore from the trash; a conversation comes back with its contents."""

    kind: str
    id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SaveOvertaken:
    """Save a value that is replaced by an author who had not seen it."""

    kind: str
    id: str
    session_id: str
    seq: int
    value: Any


NO_ROWS: Final[Mapping[Key, CurrentRow]] = MappingProxyType({})

Write = Put | Delete | RemoveSetting | Clear | Restore | SaveOvertaken


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of an op."""

    result: Literal["ok", "lost", "deleted", "conv_missing", "rejected"]
    code: str = ""
    with_value: bool = False
    """True if the acknowledgement contains the value of the row, because it differs from what was sent."""


_OK, _DELETED = Verdict("ok"), Verdict("deleted")


@dataclass(slots=True)
class Plan:
    """Writes in order, and the result of each op by position."""

    verdicts: list[Verdict]
    writes: list[Write] = field(default_factory=list)


def affected_keys(ops: Iterable[Op]) -> set[Key]:
    """Return the keys that :func:`decide` needs: those of the ops and of their conversations."""
    keys: set[Key] = set()
    for op in ops:
        if op.kind != "x":
            keys.add((op.kind, op.id))
            keys.add(("c", conversation_of(op)))
    keys.discard(("c", ""))
    return keys


def conversation_of(op: Op) -> str:
    """Return the id of the conversation of an op."""
    if op.kind == "c":
        return op.id
    return op.id.rpartition("/")[0] if op.kind == "s" else op.session_id


def decide(
    ops: Sequence[Op],
    current: Mapping[Key, CurrentRow],
    trash: Mapping[Key, CurrentRow] = NO_ROWS,
    *,
    now: int,
    sent_at: int | None,
    replica: str,
    message_bytes: int = MESSAGE_BYTES,
) -> Plan:
    """Return the writes and results of ``ops``. ``current`` has the existing rows of :func:`affected_keys`.

    ``trash`` has their rows in the trash if an op is a restore. A row counts as deleted if it was deleted before its
    conversation; it may have a value nevertheless.

    ``now`` is the server's clock, and ``sent_at`` the device's at the push, both in milliseconds since 1970.
    """
    resolution = _Resolution(current, trash, now, sent_at, replica, message_bytes)
    verdicts: list[Verdict | None] = [None] * len(ops)
    seen: set[Key] = set()
    for position in sorted(range(len(ops)), key=lambda position: _rank(ops[position])):
        op = ops[position]
        if (op.kind, op.id) in seen:
            verdicts[position] = Verdict("rejected", "twice")
        elif op.kind == "x" and len(ops) > 1:
            verdicts[position] = Verdict("rejected", "not_alone")
        else:
            seen.add((op.kind, op.id))
            try:
                verdicts[position] = resolution.decide(op)
            except BadItem as error:
                verdicts[position] = Verdict("rejected", error.word)
    return Plan([verdict for verdict in verdicts if verdict is not None], resolution.writes)


def _rank(op: Op) -> int:
    """Return the rank of an op: conversations are written before their contents and deleted after them."""
    if op.kind == "c":
        return {"restore": 0, "put": 1}.get(op.verb, 4)
    return 2 if op.verb == "restore" else 3


class _Resolution:
    """Conflict resolution of one push."""

    def __init__(
        self,
        current: Mapping[Key, CurrentRow],
        trash: Mapping[Key, CurrentRow],
        now: int,
        sent_at: int | None,
        replica: str,
        message_bytes: int,
    ) -> None:
        self.writes: list[Write] = []
        self._current, self._trash = current, trash
        self._now, self._sent_at, self._replica = now, sent_at, replica
        self._message_bytes = message_bytes
        self._live: set[str] = set()
        """Conversations that are live after this push."""
        self._restored: set[str] = set()
        """Conversations that are restored with their contents."""

    def decide(self, op: Op) -> Verdict:
        """Return the result of one op. Raises BadItem for an invalid one."""
        if op.kind == "x":
            self.writes.append(Clear(op.upto))
            return _OK
        if op.kind == "c":
            if op.verb == "put":
                return self._put_conversation(op)
            return self._delete(op) if op.verb == "del" else self._restore_conversation(op)
        session_id = conversation_of(op)
        if not session_id:
            raise BadItem("missing_id")
        if session_id not in self._live and (verdict := self._without_conversation(session_id, op)) is not None:
            return verdict
        if op.kind == "s":
            if op.verb == "restore":
                raise BadItem("bad_op")
            return self._set(op, session_id)
        if op.verb == "put":
            return self._put_message(op)
        return self._delete(op) if op.verb == "del" else self._restore_message(op)

    # Conversations

    def _put_conversation(self, op: Op) -> Verdict:
        row = self._current.get(("c", op.id))
        value = self._validated(op)
        if row is not None and row.is_deleted:
            return _DELETED
        self._live.add(op.id)
        return self._write_newer(op, op.id, row, value)

    def _restore_conversation(self, op: Op) -> Verdict:
        row = self._current.get(("c", op.id))
        if row is not None and not row.is_deleted:
            return Verdict("ok", with_value=True)
        if ("c", op.id) in self._trash:
            self._restored.add(op.id)
            self.writes.append(Restore("c", op.id, op.id))
            verdict = Verdict("ok", with_value=True)
        else:
            self._write(op, op.id, self._validated(op), op.stamp or Stamp(op.cls, self._time_of(op), self._replica))
            verdict = Verdict("ok", "not_in_trash")
        self._live.add(op.id)
        return verdict

    # Contents of conversations

    def _without_conversation(self, session_id: str, op: Op) -> Verdict | None:
        conversation = self._current.get(("c", session_id))
        if conversation is None:
            return Verdict("ok" if op.verb == "del" and op.kind == "s" else "conv_missing")
        return _DELETED if conversation.is_deleted else None

    def _put_message(self, op: Op) -> Verdict:
        row = self._row_after_restores("m", op.id, op.session_id)
        value = self._validated(op)
        if row is not None and row.is_deleted:
            return _DELETED
        return self._write_newer(op, op.session_id, row, value)

    def _restore_message(self, op: Op) -> Verdict:
        row = self._row_after_restores("m", op.id, op.session_id)
        if row is not None and not row.is_deleted:
            return Verdict("ok", with_value=True)
        trashed = self._trash.get(("m", op.id))
        if trashed is not None and trashed.value is not None and trashed.session_id == op.session_id:
            self.writes.append(Restore("m", op.id, op.session_id))
            return Verdict("ok", with_value=True)
        if op.value is None:
            return Verdict("rejected", "gone")
        self._write(op, op.session_id, self._validated(op), op.stamp or Stamp(0, self._time_of(op), self._replica))
        return _OK

    def _set(self, op: Op, session_id: str) -> Verdict:
        row = self._row_after_restores("s", op.id, session_id)
        value = None if op.verb == "del" else self._validated(op)
        return self._write_newer(op, session_id, row, value)

    def _delete(self, op: Op) -> Verdict:
        """Delete a row, which always wins. An unknown row gets a tombstone too, because another device may push it."""
        row = self._row_after_restores(op.kind, op.id, conversation_of(op))
        if row is None or not row.is_deleted:
            self.writes.append(Delete(op.kind, op.id, conversation_of(op) if row is None else row.session_id))
        return _OK

    # Values

    def _row_after_restores(self, kind: str, key: str, session_id: str) -> CurrentRow | None:
        """Return the current row as it is after the restores of this push."""
        row = self._current.get((kind, key))
        if row is None and session_id in self._restored:
            row = self._trash.get((kind, key))
            if row is None or row.session_id != session_id:
                return None
            return replace(row, value=None) if row.is_deleted else row
        return row

    def _validated(self, op: Op) -> Any:
        return validated(op, self._now, self._message_bytes)

    def _write_newer(self, op: Op, session_id: str, row: CurrentRow | None, value: Any) -> Verdict:
        """Write a value unless the current one has a greater stamp."""
        cls = op.cls if op.kind == "c" else 0
        if row is None:
            self._write(op, session_id, value, op.stamp or Stamp(cls, self._time_of(op), self._replica))
            return _OK
        if row.session_id == session_id and is_same(op.kind, row.value, value):
            return _OK
        if op.stamp is not None:
            wins, stamp = _order(op.stamp) > _order(row.stamp), op.stamp
        elif op.base == row.seq or row.stamp.tie == self._replica:  # its own write, whose response it may have missed
            wins, stamp = True, Stamp(cls, self._time_of(op, row.stamp.time), self._replica)
        else:
            stamp = Stamp(cls, self._time_of(op), self._replica)
            wins = _order(stamp) > _order(row.stamp)
        if not wins:
            return Verdict("lost", with_value=True)
        if op.base != row.seq and row.value is not None:
            self.writes.append(SaveOvertaken(op.kind, op.id, row.session_id, row.seq, row.value))
        self._write(op, session_id, value, stamp)
        return _OK

    def _write(self, op: Op, session_id: str, value: Any, stamp: Stamp) -> None:
        if value is None:
            self.writes.append(RemoveSetting(op.id, session_id, stamp))
        else:
            self.writes.append(Put(op.kind, op.id, session_id, value, stamp))

    def _time_of(self, op: Op, before: int = 0) -> int:
        """Return the time of an edit by the server's clock: at least 1, now minus its age, after what it replaced.

        It stays a number of the protocol, whatever time a device says that it replaced: no device takes another.
        """
        age = 0 if self._sent_at is None else max(0, self._sent_at - op.edited_at)
        return min(LARGEST, max(self._now - age, op.after + 1, before + 1))


def _order(stamp: Stamp) -> tuple[int, int, str]:
    return stamp.cls, stamp.time, stamp.tie
