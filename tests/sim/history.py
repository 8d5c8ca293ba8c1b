"""The smallest server there can be: one person's history in memory, under the very rules of the real one."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sterna.server.sync.conflict_rules import (
    Clear,
    CurrentRow,
    Delete,
    Key,
    Put,
    RemoveSetting,
    Restore,
    SaveOvertaken,
    Verdict,
    affected_keys,
    decide,
)
from sterna.server.sync.values import encode_value
from sterna.sync.wire import Ack, Commit, DeltaPush, DeltaResponse, Op, Row, Stamp


class Forked(Exception):
    """Two devices say the same number: one is a copy of the other."""


@dataclass(frozen=True)
class LastPush:
    """Last push of a device, and its acks."""

    push_seq: int
    body_hash: str
    acks: tuple[Ack, ...]


@dataclass(frozen=True)
class DeletedRow:
    """Something deleted, as it was. One without a value is only known to have been there."""

    row: Row
    with_session: bool = False
    """It went because its conversation did."""


@dataclass
class History:
    """All that a server keeps of one person."""

    rng: Random
    rows: dict[Key, Row] = field(default_factory=dict)
    seq: int = 0
    commits: dict[int, str] = field(default_factory=dict)
    replicas: dict[str, LastPush] = field(default_factory=dict)
    trash: dict[Key, DeletedRow] = field(default_factory=dict)
    overtaken: list[tuple[str, str, int, Any]] = field(default_factory=list)
    sent: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """Id and conversation of every text that was ever written here; no backup makes it forget. For the oracle."""

    def backup(self) -> History:
        """A copy of it as it is now."""
        kept = copy.copy(self)
        for name in ("rows", "commits", "replicas", "trash", "overtaken"):
            setattr(kept, name, copy.copy(getattr(self, name)))
        return kept

    def restore_from(self, kept: History) -> None:
        """Be as the copy was."""
        for name in ("rows", "commits", "replicas", "trash", "overtaken"):
            setattr(self, name, copy.copy(getattr(kept, name)))
        self.seq = kept.seq

    # Asked by devices

    def push(
        self,
        asked: DeltaPush,
        body_hash: str,
        *,
        seen: Commit | None,
        now: int,
        sent_at: int | None,
        pull: tuple[int, int] | None = None,
    ) -> DeltaResponse:
        """Do a push once, however often it comes. Raises :class:`Forked`."""
        if not self.knows(seen):
            return DeltaResponse(push_seq=asked.push_seq, resync=True, seen=self.head())
        before = self.replicas.get(asked.replica)
        if before is not None and asked.push_seq == before.push_seq and body_hash == before.body_hash:
            acks = before.acks
        elif before is not None and asked.push_seq <= before.push_seq:
            raise Forked
        else:
            acks = tuple(self._done(asked.ops, now, sent_at, asked.replica))
            self.replicas[asked.replica] = LastPush(asked.push_seq, body_hash, acks)
        response = {ack.row.seq for ack in acks if ack.row is not None}
        answer = self.page(*pull, but=response) if pull is not None else DeltaResponse()
        return replace(answer, push_seq=asked.push_seq, acks=acks, seen=self.head())

    def pull(self, cur: int, most: int, *, seen: Commit | None) -> DeltaResponse:
        """Return the page after ``cur``."""
        if not self.knows(seen):
            return DeltaResponse(resync=True, seen=self.head())
        return replace(self.page(cur, most), seen=self.head())

    def knows(self, seen: Commit | None) -> bool:
        """Return whether a device knows this history and no other."""
        return seen is None or seen.seq == 0 or self.commits.get(seen.seq) == seen.nonce

    def head(self) -> Commit:
        """Return the newest state, by a name that is made when it is first sent."""
        if self.seq not in self.commits:
            self.commits[self.seq] = f"{self.rng.getrandbits(64):016x}"
        return Commit(self.seq, self.commits[self.seq])

    def page(self, cur: int, most: int, but: Set[int] = frozenset()) -> DeltaResponse:
        """Rows after ``cur``, one at least, until they have ``most`` bytes; with the conversations that moved on.

        ``but`` are numbers that the device knows.
        """
        later = sorted((row for row in self.rows.values() if row.seq > cur and row.seq not in but), key=_seq)
        taken: list[Row] = []
        size = 0
        for row in later:
            size += len(json.dumps(row.encode()))
            if taken and size > most:
                break
            taken.append(row)
        more = len(taken) < len(later)
        end = taken[-1].seq if more else max(cur, self.seq)
        parents = [self.rows[("c", one)] for one in {row.session_id for row in taken} if ("c", one) in self.rows]
        moved = sorted((row for row in parents if row.seq > end), key=_seq)
        return DeltaResponse(rows=[self._named(row) for row in (*moved, *taken)], cur=end, more=more)

    def _named(self, row: Row) -> Row:
        """The row with the numbers of what it overtook."""
        seqs = tuple(seq for kind, key, seq, _ in self.overtaken if (kind, key) == (row.kind, row.id))
        return replace(row, overtook=seqs) if seqs and row.ver > 1 and not row.is_deleted else row

    def newest(self, count: int) -> list[Row]:
        """The conversations that were made last, without moving any cursor."""
        live = [row for row in self.rows.values() if row.kind == "c" and not row.is_deleted]
        return [self._named(row) for row in sorted(live, key=lambda row: -row.created_seq)[:count]]

    def of(self, session_id: str) -> list[Row]:
        """All rows of one conversation."""
        inside = [self._named(row) for row in self.rows.values() if row.session_id == session_id]
        return sorted(inside, key=_seq)

    # What a push does

    def _done(self, ops: Sequence[Op], now: int, sent_at: int | None, replica: str) -> list[Ack]:
        held = {
            key: CurrentRow(row.seq, row.created_seq, row.is_deleted, row.stamp, row.session_id, row.value)
            for key in affected_keys(ops)
            if (row := self.rows.get(key)) is not None
        }
        binned = {
            key: CurrentRow(one.row.seq, 0, _stays_dead(one), one.row.stamp, one.row.session_id, one.row.value)
            for key in affected_keys(ops)
            if (one := self.trash.get(key)) is not None
        }
        plan = decide(ops, held, binned, now=now, sent_at=sent_at, replica=replica)
        for write in plan.writes:
            match write:
                case Put():
                    self._write(write.kind, write.id, write.session_id, encode_value(write.value), write.stamp)
                case RemoveSetting():
                    self._write("s", write.id, write.session_id, None, write.stamp)
                case Delete():
                    self._kill(write.kind, write.id, write.session_id)
                case Clear():
                    for row in list(self.rows.values()):
                        if row.kind == "c" and not row.is_deleted and row.created_seq <= write.upto:
                            self._kill("c", row.id, row.id)
                case Restore():
                    self._restore(write.kind, write.id)
                case SaveOvertaken():
                    self.overtaken.append((write.kind, write.id, write.seq, write.value))
        return [self._ack(op, verdict) for op, verdict in zip(ops, plan.verdicts, strict=True)]

    def _ack(self, op: Op, verdict: Verdict) -> Ack:
        row = self.rows.get((op.kind, op.id)) if op.kind != "x" else None
        if row is not None and not verdict.with_value:
            row = replace(row, value=None)
        return Ack(verdict.result, row, verdict.code)

    def _write(self, kind: str, key: str, session_id: str, value: Any, stamp: Stamp) -> None:
        before = self.rows.get((kind, key))
        is_deleted = value is None
        text = (value or {}).get("content") or (value or {}).get("title") or ""
        self.sent.setdefault(text, set()).add((key, session_id))
        self.seq += 1
        self.rows[(kind, key)] = Row(
            kind=kind,  # type: ignore[arg-type]
            id=key,
            session_id=session_id,
            seq=self.seq,
            created_seq=before.created_seq if before is not None and not before.is_deleted else self.seq,
            ver=before.ver + 1 if before is not None else 1,
            is_deleted=is_deleted,
            stamp=stamp,
            value=value,
        )

    def _kill(self, kind: str, key: str, session_id: str) -> None:
        before = self.rows.get((kind, key))
        if before is not None:
            self.trash[(kind, key)] = DeletedRow(before)
        if kind == "c":
            for one in [one for one, row in self.rows.items() if row.session_id == key and one[0] != "c"]:
                self._falls(one, self.rows.pop(one))
        self._write(kind, key, session_id, None, Stamp() if before is None else before.stamp)

    def _falls(self, key: Key, row: Row) -> None:
        """Into the trash with its conversation, a tombstone too: or somebody's old copy would come back with that."""
        if not row.is_deleted:
            self.trash[key] = DeletedRow(row, with_session=True)
            return
        known = self.trash.get(key)
        if known is None:
            self.trash[key] = DeletedRow(row)
        elif known.row.session_id == row.session_id:
            self.trash[key] = DeletedRow(replace(row, value=known.row.value))

    def _restore(self, kind: str, key: str) -> None:
        row = self.trash.pop((kind, key)).row
        self._write(kind, key, row.session_id, row.value, row.stamp)
        if kind != "c":
            return
        inside = [(one, binned) for one, binned in self.trash.items() if binned.row.session_id == key]
        for one, binned in sorted(inside, key=lambda item: item[1].row.seq):
            if one not in self.rows:
                value = binned.row.value if binned.with_session else None
                self._write(*one, key, value, binned.row.stamp)
            if binned.with_session or binned.row.value is None:
                del self.trash[one]


def _seq(row: Row) -> int:
    return row.seq


def _stays_dead(one: DeletedRow) -> bool:
    return one.row.kind != "c" and not one.with_session
