"""Application of a push: read the current rows, resolve conflicts, and write with few statements for any number of ops.

Triggers assign the numbers, as for every writer; the stamps of the conflict rules are passed to them in a setting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.errors import DataError, IntegrityError
from psycopg.types.json import Jsonb

from sterna.sync.wire import Ack, Commit, DeltaPush, Op, Row

from ..database.conversation_rows import COLUMNS, REPLACED
from ..database.pool import Connection
from ..errors import ApiError
from ..long_work import MAX_BYTES, array, in_thread_if_many
from . import pull
from .conflict_rules import (
    Clear,
    CurrentRow,
    Delete,
    Key,
    Plan,
    Put,
    RemoveSetting,
    Restore,
    SaveOvertaken,
    affected_keys,
    decide,
)
from .stored_responses import compress_acks, decompress_acks
from .values import MessageValue

STORE_RESPONSE: Final = "select public.sync_answered(%s, %s, %s, %s, %s), public.sync_name_head() as name"
"""Stores the response before it names the state that the response is about."""
NO_STAMPS: Final = "select set_config('sterna.stamps', '', true)"
IN_TRASH: Final = """
select
    t.kind, t.id, t.session_id, t.seq, 0 as created_seq, 0 as ver, t.with_session, t.cls, t.time, t.tie,
    t.payload is null as is_deleted, t.payload
from unnest(%(kinds)s::text [], %(ids)s::text []) as k (kind, id)
cross join lateral (
    select * from sync_trash as o where o.user_id = %(user)s and o.kind = k.kind and o.id = k.id limit 1
) as t
"""
PUT_SESSIONS: Final = """
with stamps as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into chat_sessions as s (user_id, id, title, created_at)
select %(user)s, c.id, c.title, least(coalesce(c.created_at, now()), now())
from json_to_recordset(%(rows)s::json) as c (id text, title text, created_at timestamptz)
cross join stamps
on conflict (user_id, id) do update set title = excluded.title
"""
PUT_SETTINGS: Final = """
with stamps as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into session_settings as s (user_id, session_id, key, value)
select %(user)s, c.session_id, c.key, c.value
from json_to_recordset(%(rows)s::json) as c (session_id text, key text, value jsonb)
cross join stamps
on conflict (user_id, session_id, key) do update set value = excluded.value
"""
DELETE_SETTINGS: Final = """
delete from session_settings as s
using unnest(%(sessions)s::text [], %(keys)s::text []) as k (session_id, key)
where s.user_id = %(user)s and s.session_id = k.session_id collate "C" and s.key = k.key
"""
DELETE_SESSIONS: Final = "delete from chat_sessions where user_id = %(user)s and id = any(%(ids)s)"
DELETE_MESSAGES: Final = "delete from chat_messages where user_id = %(user)s and id = any(%(ids)s)"
CLEAR: Final = """
delete from chat_sessions as s
using sync_rows as r
where s.user_id = %(user)s and r.user_id = s.user_id and r.kind = 'c' and r.id = s.id and r.created_seq <= %(upto)s
"""
MAX_VALUES: Final = MAX_BYTES
"""Bytes of the current values, and of those in the trash, of what one push changes: all are in memory at once."""
FEW: Final = 6
"""Things whose values are not measured, because each came in a request of limited size."""
_VALUES = COLUMNS | {
    "session_id": "m.session_id",
    "message_timestamp": "coalesce(m.timestamp, now())",
}
PUT_MESSAGES: Final = f"""
with stamps as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into chat_messages as c (user_id, id, {", ".join(COLUMNS)}, raw_message)
select %(user)s, m.id, {", ".join(_VALUES.values())}, m.raw_message
from json_to_recordset(%(rows)s::json) as m (
    id text, session_id text, role text, content text, model text, total_tokens integer, input_tokens integer,
    output_tokens integer, user_message_id text, content_type text, elapsed_ms integer, completion_id text,
    timestamp timestamptz, error_message text, was_streaming boolean, metadata jsonb, reasoning text,
    reasoning_details jsonb, has_attachments boolean, attachment_count integer, has_websearch boolean,
    websearch_result_count integer, output_image_tokens integer, annotations jsonb, parent_id text,
    raw_message jsonb
)
cross join stamps
on conflict (user_id, id) do update set
    {", ".join(f"{name} = {value}" for name, value in REPLACED.items())}, raw_message = excluded.raw_message
"""


@dataclass(frozen=True, slots=True)
class PushResult:
    """Result of a push."""

    acks: Sequence[Ack] | None
    """None if the device knows another history and nothing was applied."""
    seen: Commit | None


def quota_exceeded(max_bytes: int) -> ApiError:
    """Return the error for an account that has used up its bytes."""
    return ApiError(
        "too_many_requests",
        f"This account has reached its storage limit on this server ({max_bytes >> 20:,} MB). Contact the server"
        " administrator. New messages stay on this device meanwhile.",
        retry_after=24 * 3600,
    )


class Forked(Exception):
    """Use of one push number by two devices, one of which is a copy of the other."""


@dataclass(frozen=True, slots=True)
class PushOperation:
    """A push of one account."""

    user: UUID
    push: DeltaPush
    body_hash: str
    now: int
    sent_at: int | None
    one_by_one: bool = False
    """True if each op is applied by itself, so that one that the database rejects does not affect the others."""
    size: int = 0
    """Bytes of the decompressed request."""
    max_bytes: int = 0
    """Bytes that the account may push in total; 0 for no limit. Deletions are always accepted."""

    async def apply(self, db: Connection, seen: Commit | None) -> PushResult:
        """Apply the push once, however often it is sent, unless the device knows another history. Raises Forked.

        Needs a write with the account's lock.
        """
        head, last = await pull.head_and_replica(db, self.user, self.push.replica, seen)
        if not head.is_known:
            return PushResult(None, await pull.name_head(db))
        if last["push_seq"] is not None and self.push.push_seq <= last["push_seq"]:
            is_same = self.push.push_seq == last["push_seq"] and self.body_hash == last["req_hash"]
            if is_same and (acks := await decompress_acks(last["answer"])) is not None:
                return PushResult(acks, await pull.name_head(db))
            raise Forked
        is_full = self.max_bytes and (last["pushed_bytes"] or 0) + self.size > self.max_bytes
        if is_full and any(op.verb == "put" for op in self.push.ops):
            raise quota_exceeded(self.max_bytes)
        applied = await (self._apply_each(db) if self.one_by_one else self._apply(db, self.push.ops, head.seq))
        response = (self.push.replica, self.push.push_seq, self.body_hash, await compress_acks(applied), self.size)
        row = await (await db.execute(STORE_RESPONSE, response)).fetchone()
        return PushResult(applied, None if row is None or row["name"] is None else Commit.parse(row["name"]))

    async def _apply_each(self, db: Connection) -> list[Ack]:
        acks: list[Ack] = []
        for op in self.push.ops:
            await db.execute("savepoint op")
            await db.execute(NO_STAMPS)  # of the previous op, which may concern the same row
            try:
                acks += await self._apply(db, [op], None)
                await db.execute("release savepoint op")
            except (DataError, IntegrityError):
                await db.execute("rollback to savepoint op")
                acks.append(Ack("rejected", code="not_storable"))
        return acks

    async def _apply(self, db: Connection, ops: Sequence[Op], head: int | None) -> list[Ack]:
        """Resolve conflicts of ops, write the results, and return their acknowledgements."""
        keys = affected_keys(ops)
        if len(keys) > FEW and await pull.values_size(db, self.user, keys) > MAX_VALUES:
            raise ApiError(
                "payload_too_large", "What this push changes is too large.", details="Push fewer ops at a time."
            )
        before: dict[Key, Row] = {(row.kind, row.id): row for row in await pull.load_rows(db, self.user, keys)}
        current = {
            key: CurrentRow(row.seq, row.created_seq, row.is_deleted, row.stamp, row.session_id, row.value)
            for key, row in before.items()
        }
        trash = await _in_trash(db, self.user, keys) if any(op.verb == "restore" for op in ops) else {}
        plan = await in_thread_if_many(
            len(ops), decide, ops, current, trash, now=self.now, sent_at=self.sent_at, replica=self.push.replica
        )
        await _execute(db, self.user, plan)
        after = await self._rows_after(db, ops, plan, before, head)
        return await in_thread_if_many(len(ops), _acks, ops, plan, after)

    async def _rows_after(
        self, db: Connection, ops: Sequence[Op], plan: Plan, before: Mapping[Key, Row], head: int | None
    ) -> dict[Key, Row]:
        """Return the rows of the ops after the push, with values for acknowledgements that contain them.

        The push wrote one range of numbers. All other rows are as ``before``, because the push holds the lock,
        unless a deletion or restore has affected further rows.
        """
        keys = {(op.kind, op.id) for op in ops if op.id}
        with_value = {
            (op.kind, op.id) for op, verdict in zip(ops, plan.verdicts, strict=True) if verdict.with_value and op.id
        }
        after: dict[Key, Row] = {}
        if head is None or any(isinstance(write, Restore | Clear | Delete) for write in plan.writes):
            rest = keys - with_value
        else:
            after = {key: before[key] for key in keys & before.keys()}
            rest = set()
        if head is not None and plan.writes and not any(isinstance(write, Restore | Clear) for write in plan.writes):
            changed: dict[Key, Row] = {(row.kind, row.id): row for row in await pull.changed_since(db, self.user, head)}
            after |= changed
            rest -= changed.keys()
        for row in (*await pull.load_stamps(db, self.user, rest), *await pull.load_rows(db, self.user, with_value)):
            after[row.kind, row.id] = row
        return after


def _acks(ops: Sequence[Op], plan: Plan, after: dict[Key, Row]) -> list[Ack]:
    acks = []
    for op, verdict in zip(ops, plan.verdicts, strict=True):
        row = after.get((op.kind, op.id))
        if row is not None and row.value is not None and not verdict.with_value:
            row = replace(row, value=None)
        acks.append(Ack(verdict.result, row, verdict.code))
    return acks


async def _in_trash(db: Connection, user: UUID, keys: set[Key]) -> dict[Key, CurrentRow]:
    """Return the rows of these keys in the trash, as they were."""
    ordered = sorted(keys)
    values = {"user": user, "kinds": [kind for kind, _ in ordered], "ids": [key for _, key in ordered]}
    trash: dict[Key, CurrentRow] = {}
    for record in await (await db.execute(IN_TRASH, values)).fetchall():
        row = pull.trash_row(record)
        is_deleted = row.kind != "c" and not record["with_session"]
        trash[(row.kind, row.id)] = CurrentRow(row.seq, 0, is_deleted, row.stamp, row.session_id, row.value)
    return trash


async def _execute(db: Connection, user: UUID, plan: Plan) -> None:
    """Execute the writes of a plan: saves of overtaken values first, deletions last."""
    puts = [write for write in plan.writes if isinstance(write, Put)]
    rest = [write for write in plan.writes if not isinstance(write, Put)]
    removals = [write for write in rest if isinstance(write, RemoveSetting)]
    deletions = [write for write in rest if isinstance(write, Delete)]
    stamps = _stamps([*puts, *removals])
    await _save_overtaken(db, [write for write in rest if isinstance(write, SaveOvertaken)])
    await _restore(db, [write for write in rest if isinstance(write, Restore) and write.kind == "c"])
    await _put(db, user, PUT_SESSIONS, stamps, _session, [put for put in puts if put.kind == "c"])
    await _restore(db, [write for write in rest if isinstance(write, Restore) and write.kind == "m"])
    await _put(db, user, PUT_MESSAGES, stamps, _message, [put for put in puts if put.kind == "m"])
    await _put(db, user, PUT_SETTINGS, stamps, _setting, [put for put in puts if put.kind == "s"])
    await _remove_settings(db, user, stamps, removals)
    await _delete(db, user, "m", DELETE_MESSAGES, [deletion for deletion in deletions if deletion.kind == "m"])
    await _delete(db, user, "c", DELETE_SESSIONS, [deletion for deletion in deletions if deletion.kind == "c"])
    for clear in (write for write in rest if isinstance(write, Clear)):
        await db.execute(CLEAR, {"user": user, "upto": clear.upto})


async def _restore(db: Connection, restores: list[Restore]) -> None:
    for restore in restores:
        await db.execute("select public.sync_restore(%s, %s)", (restore.kind, restore.id))


def _stamps(writes: Sequence[Put | RemoveSetting]) -> str:
    """Return the stamps of writes in the form that the triggers read."""
    stamps = {
        f"{write.kind if isinstance(write, Put) else 's'}{write.id}": (
            write.stamp.cls,
            write.stamp.time,
            write.stamp.tie,
        )
        for write in writes
    }
    return json.dumps(stamps, ensure_ascii=False)


async def _put(
    db: Connection,
    user: UUID,
    statement: LiteralString,
    stamps: str,
    row_of: Callable[[Put], dict[str, Any]],
    puts: list[Put],
) -> None:
    if puts:
        rows = await in_thread_if_many(len(puts), lambda: array(map(row_of, puts)))
        await db.execute(statement, {"user": user, "rows": rows, "stamps": stamps})


async def _save_overtaken(db: Connection, saves: list[SaveOvertaken]) -> None:
    if saves:
        await db.execute(
            "select public.sync_overtaken(%s, %s, %s, %s, %s)",
            (
                [save.kind for save in saves],
                [save.id for save in saves],
                [save.session_id for save in saves],
                [save.seq for save in saves],
                [Jsonb(save.value) for save in saves],
            ),
        )


async def _remove_settings(db: Connection, user: UUID, stamps: str, removals: list[RemoveSetting]) -> None:
    if not removals:
        return
    await db.execute("select set_config('sterna.stamps', %s, true)", (stamps,))
    settings = {(removal.session_id, removal.id[len(removal.session_id) + 1 :]) for removal in removals}
    values = {"user": user, "sessions": [session for session, _ in settings], "keys": [key for _, key in settings]}
    await db.execute(DELETE_SETTINGS, values)
    await _add_tombstones(db, user, "s", [(removal.id, removal.session_id) for removal in removals])


async def _delete(db: Connection, user: UUID, kind: str, statement: LiteralString, deletions: list[Delete]) -> None:
    if deletions:
        await db.execute(statement, {"user": user, "ids": [deletion.id for deletion in deletions]})
        await _add_tombstones(db, user, kind, [(deletion.id, deletion.session_id) for deletion in deletions])


async def _add_tombstones(db: Connection, user: UUID, kind: str, deleted: list[tuple[str, str]]) -> None:
    """Add tombstones for deleted rows that have none, because they never existed here."""
    gone = {row.id for row in await pull.load_stamps(db, user, ((kind, key) for key, _ in deleted)) if row.is_deleted}
    rest = [(key, session) for key, session in deleted if key not in gone]
    if rest:
        await db.execute(
            "select public.sync_bury(%s, %s, %s)", (kind, [key for key, _ in rest], [session for _, session in rest])
        )


def _session(put: Put) -> dict[str, Any]:
    return {"id": put.id, "title": put.value["title"], "created_at": put.value.get("createdAt")}


def _setting(put: Put) -> dict[str, Any]:
    return {"session_id": put.session_id, "key": put.id[len(put.session_id) + 1 :], "value": put.value["value"]}


def _message(put: Put) -> dict[str, Any]:
    value: MessageValue = put.value
    row = {"id": put.id, "session_id": put.session_id, **value.columns}
    return row if value.raw is None else row | {"raw_message": value.raw}
