"""Who wins: what becomes of each op of a push, given what the history holds. Nothing here reads or writes anything.

One authority decides, so no device's clock does: of an edit only its age on its own device counts. A value that
replaces what its author saw, or wrote, always wins; of two that did not know of each other the greater stamp does. The
same code runs over PostgreSQL and in the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from sterna.sync.wire import MESSAGE_BYTES, BadItem, Op, Stamp

from .values import same, taken

Key = tuple[str, str]
"""Kind and id."""


@dataclass(frozen=True, slots=True)
class Held:
    """One place of the history as it is now."""

    seq: int
    created_seq: int
    is_dead: bool
    stamp: Stamp
    session_id: str
    value: Any = None
    """As on the wire; None when it is dead."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value, new or over what is there."""

    kind: str
    id: str
    session_id: str
    value: Any
    """As on the wire; of a message, what encodes to that."""
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Kill:
    """Let it be dead, whether it was live, or never there; what it held goes to the trash."""

    kind: str
    id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Take a setting away: a value like any other, which is none."""

    id: str
    session_id: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Clear:
    """Kill every live conversation that was made up to there."""

    upto: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring back from the trash, a conversation with what went with it."""

    kind: str
    id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Keep in the history of texts what was overtaken by somebody who had not seen it."""

    kind: str
    id: str
    session_id: str
    seq: int
    value: Any


NOTHING: Final[Mapping[Key, Held]] = MappingProxyType({})

Write = Put | Kill | Drop | Clear | Restore | Overtaken


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an op is answered."""

    result: Literal["ok", "lost", "deleted", "conv_missing", "rejected"]
    code: str = ""
    tells_value: bool = False
    """The answer carries the value of the row, because it is not what was sent."""


_OK, _DELETED = Verdict("ok"), Verdict("deleted")


@dataclass(slots=True)
class Plan:
    """What is to be written, in order, and what each op is answered, by its position."""

    verdicts: list[Verdict]
    writes: list[Write] = field(default_factory=list)


def keys(ops: Iterable[Op]) -> set[Key]:
    """What :func:`decide` has to know of: the things themselves, and the conversations they are in."""
    found: set[Key] = set()
    for op in ops:
        if op.kind != "x":
            found.add((op.kind, op.id))
            found.add(("c", session_of(op)))
    found.discard(("c", ""))
    return found


def session_of(op: Op) -> str:
    """The conversation that an op is about."""
    if op.kind == "c":
        return op.id
    return op.id.rpartition("/")[0] if op.kind == "s" else op.session_id


def decide(
    ops: Sequence[Op],
    held: Mapping[Key, Held],
    binned: Mapping[Key, Held] = NOTHING,
    *,
    now: int,
    sent_at: int | None,
    replica: str,
    message_bytes: int = MESSAGE_BYTES,
) -> Plan:
    """What becomes of ``ops``. ``held`` has what there is of :func:`keys`.

    ``binned`` has what the trash has of them, where one is a restore: as it was, and dead where it had died before its
    conversation did; it may have a value all the same.

    ``now`` is the server's clock and ``sent_at`` the device's when it sent this, both ms since 1970.
    """
    deciding = _Deciding(held, binned, now, sent_at, replica, message_bytes)
    verdicts: list[Verdict | None] = [None] * len(ops)
    seen: set[Key] = set()
    for place in sorted(range(len(ops)), key=lambda place: _turn(ops[place])):
        op = ops[place]
        if (op.kind, op.id) in seen:
            verdicts[place] = Verdict("rejected", "twice")
        elif op.kind == "x" and len(ops) > 1:
            verdicts[place] = Verdict("rejected", "not_alone")
        else:
            seen.add((op.kind, op.id))
            try:
                verdicts[place] = deciding.judge(op)
            except BadItem as error:
                verdicts[place] = Verdict("rejected", error.word)
    return Plan([one for one in verdicts if one is not None], deciding.writes)


def _turn(op: Op) -> int:
    """Conversations come before what is in them, and go after it."""
    if op.kind == "c":
        return {"restore": 0, "put": 1}.get(op.verb, 4)
    return 2 if op.verb == "restore" else 3


class _Deciding:
    """One push."""

    def __init__(
        self,
        held: Mapping[Key, Held],
        binned: Mapping[Key, Held],
        now: int,
        sent_at: int | None,
        replica: str,
        message_bytes: int,
    ) -> None:
        self.writes: list[Write] = []
        self._held, self._binned = held, binned
        self._now, self._sent_at, self._replica = now, sent_at, replica
        self._message_bytes = message_bytes
        self._made: set[str] = set()
        """Conversations that live once this push is done, though they do not yet."""
        self._back: set[str] = set()
        """Those of them that come back with all that was in them."""

    def judge(self, op: Op) -> Verdict:
        """Decide one op. Raises BadItem when it cannot be taken."""
        if op.kind == "x":
            self.writes.append(Clear(op.upto))
            return _OK
        if op.kind == "c":
            if op.verb == "put":
                return self._put_conversation(op)
            return self._kill(op) if op.verb == "del" else self._restore_conversation(op)
        session_id = session_of(op)
        if not session_id:
            raise BadItem("missing_id")
        if session_id not in self._made and (refused := self._without_conversation(session_id, op)) is not None:
            return refused
        if op.kind == "s":
            if op.verb == "restore":
                raise BadItem("bad_op")
            return self._set(op, session_id)
        if op.verb == "put":
            return self._put_message(op)
        return self._kill(op) if op.verb == "del" else self._restore_message(op)

    # Conversations

    def _put_conversation(self, op: Op) -> Verdict:
        there = self._held.get(("c", op.id))
        value = self._taken(op)
        if there is not None and there.is_dead:
            return _DELETED
        self._made.add(op.id)
        return self._register(op, op.id, there, value)

    def _restore_conversation(self, op: Op) -> Verdict:
        there = self._held.get(("c", op.id))
        if there is not None and not there.is_dead:
            return Verdict("ok", tells_value=True)
        if ("c", op.id) in self._binned:
            self._back.add(op.id)
            self.writes.append(Restore("c", op.id, op.id))
            verdict = Verdict("ok", tells_value=True)
        else:
            self._write(op, op.id, self._taken(op), op.stamp or Stamp(op.cls, self._time_of(op), self._replica))
            verdict = Verdict("ok", "not_in_trash")
        self._made.add(op.id)
        return verdict

    # What is in them

    def _without_conversation(self, session_id: str, op: Op) -> Verdict | None:
        conversation = self._held.get(("c", session_id))
        if conversation is None:
            return Verdict("ok" if op.verb == "del" and op.kind == "s" else "conv_missing")
        return _DELETED if conversation.is_dead else None

    def _put_message(self, op: Op) -> Verdict:
        there = self._there("m", op.id, op.session_id)
        value = self._taken(op)
        if there is not None and there.is_dead:
            return _DELETED
        return self._register(op, op.session_id, there, value)

    def _restore_message(self, op: Op) -> Verdict:
        there = self._there("m", op.id, op.session_id)
        if there is not None and not there.is_dead:
            return Verdict("ok", tells_value=True)
        binned = self._binned.get(("m", op.id))
        if binned is not None and binned.value is not None and binned.session_id == op.session_id:
            self.writes.append(Restore("m", op.id, op.session_id))
            return Verdict("ok", tells_value=True)
        if op.value is None:
            return Verdict("rejected", "gone")
        self._write(op, op.session_id, self._taken(op), op.stamp or Stamp(0, self._time_of(op), self._replica))
        return _OK

    def _set(self, op: Op, session_id: str) -> Verdict:
        there = self._there("s", op.id, session_id)
        value = None if op.verb == "del" else self._taken(op)
        return self._register(op, session_id, there, value)

    def _kill(self, op: Op) -> Verdict:
        """Deleting wins, whatever was seen. What was never here leaves a tombstone too: somebody else may offer it."""
        there = self._there(op.kind, op.id, session_of(op))
        if there is None or not there.is_dead:
            self.writes.append(Kill(op.kind, op.id, session_of(op) if there is None else there.session_id))
        return _OK

    # Values and registers

    def _there(self, kind: str, key: str, session_id: str) -> Held | None:
        """What is there once the restores of this push are done."""
        there = self._held.get((kind, key))
        if there is None and session_id in self._back:
            there = self._binned.get((kind, key))
            if there is None or there.session_id != session_id:
                return None
            return replace(there, value=None) if there.is_dead else there
        return there

    def _taken(self, op: Op) -> Any:
        return taken(op, self._now, self._message_bytes)

    def _register(self, op: Op, session_id: str, there: Held | None, value: Any) -> Verdict:
        cls = op.cls if op.kind == "c" else 0
        if there is None:
            self._write(op, session_id, value, op.stamp or Stamp(cls, self._time_of(op), self._replica))
            return _OK
        if there.session_id == session_id and same(op.kind, there.value, value):
            return _OK
        if op.stamp is not None:
            wins, stamp = _order(op.stamp) > _order(there.stamp), op.stamp
        elif op.base == there.seq or there.stamp.tie == self._replica:  # its own, of which it may not have been told
            wins, stamp = True, Stamp(cls, max(self._time_of(op), there.stamp.time + 1), self._replica)
        else:
            stamp = Stamp(cls, self._time_of(op), self._replica)
            wins = _order(stamp) > _order(there.stamp)
        if not wins:
            return Verdict("lost", tells_value=True)
        if op.base != there.seq and there.value is not None:
            self.writes.append(Overtaken(op.kind, op.id, there.session_id, there.seq, there.value))
        self._write(op, session_id, value, stamp)
        return _OK

    def _write(self, op: Op, session_id: str, value: Any, stamp: Stamp) -> None:
        if value is None:
            self.writes.append(Drop(op.id, session_id, stamp))
        else:
            self.writes.append(Put(op.kind, op.id, session_id, value, stamp))

    def _time_of(self, op: Op) -> int:
        """When it was written, by the server's clock: now less its age by the device's; after what it replaced."""
        age = 0 if self._sent_at is None else max(0, self._sent_at - op.edited_at)
        return max(self._now - min(age, self._now), op.after + 1 if op.after else 0)


def _order(stamp: Stamp) -> tuple[int, int, str]:
    return stamp.cls, stamp.time, stamp.tie
