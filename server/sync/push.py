"""A push in PostgreSQL: what is there is read, the rules decide, and few statements write, whatever the number of ops.

Triggers give the numbers, as they do for every writer; the stamps that the rules decided are put beside them after.
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

from ..database.conversation_rows import COLUMNS
from ..database.pool import Connection
from ..errors import ApiError
from ..long_work import array, in_thread_if_many
from . import pull
from .conflict_rules import Clear, Drop, Held, Key, Kill, Overtaken, Plan, Put, Restore, decide, keys
from .stored_responses import packed, unpacked
from .values import MessageValue

ANSWERED: Final = "select public.sync_answered(%s, %s, %s, %s, %s), public.sync_name_head() as told"
"""In this order: what is answered, then the name of the state that it is about."""
NO_STAMPS: Final = "select set_config('sterna.stamps', '', true)"
BINNED: Final = """
select
    t.kind, t.id, t.session_id, t.seq, 0 as created_seq, 0 as ver, t.with_session, t.cls, t.time, t.tie,
    t.payload is null as is_dead, t.payload
from unnest(%(kinds)s::text [], %(ids)s::text []) as k (kind, id)
cross join lateral (
    select * from sync_trash as o where o.user_id = %(user)s and o.kind = k.kind and o.id = k.id limit 1
) as t
"""
PUT_SESSIONS: Final = """
with said as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into chat_sessions as s (user_id, id, title, created_at)
select %(user)s, c.id, c.title, least(coalesce(c.created_at, now()), now())
from json_to_recordset(%(rows)s::json) as c (id text, title text, created_at timestamptz)
cross join said
on conflict (user_id, id) do update set title = excluded.title
"""
PUT_SETTINGS: Final = """
with said as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into session_settings as s (user_id, session_id, key, value)
select %(user)s, c.session_id, c.key, c.value
from json_to_recordset(%(rows)s::json) as c (session_id text, key text, value jsonb)
cross join said
on conflict (user_id, session_id, key) do update set value = excluded.value
"""
DROP_SETTINGS: Final = """
delete from session_settings as s
using unnest(%(sessions)s::text [], %(keys)s::text []) as k (session_id, key)
where s.user_id = %(user)s and s.session_id = k.session_id collate "C" and s.key = k.key
"""
KILL_SESSIONS: Final = "delete from chat_sessions where user_id = %(user)s and id = any(%(ids)s)"
KILL_MESSAGES: Final = "delete from chat_messages where user_id = %(user)s and id = any(%(ids)s)"
CLEAR: Final = """
delete from chat_sessions as s
using sync_rows as r
where s.user_id = %(user)s and r.user_id = s.user_id and r.kind = 'c' and r.id = s.id and r.created_seq <= %(upto)s
"""
_VALUES = COLUMNS | {
    "session_id": "m.session_id",
    "message_timestamp": "coalesce(m.timestamp, now())",
}
PUT_MESSAGES: Final = f"""
with said as materialized (select set_config('sterna.stamps', %(stamps)s, true))

insert into chat_messages as c (user_id, id, {", ".join(COLUMNS)}, raw_message)
select %(user)s, m.id, {", ".join(_VALUES.values())}, m.raw_message
from json_to_recordset(%(rows)s::json) as m (
    id text, session_id text, role text, content text, model text, total_tokens integer, input_tokens integer,
    output_tokens integer, user_message_id text, content_type text, elapsed_ms integer, completion_id text,
    timestamp timestamptz, error_message text, was_streaming boolean, metadata jsonb, reasoning text,
    reasoning_details jsonb, has_attachments boolean, attachment_count integer, has_websearch boolean,
    websearch_result_count integer, output_image_tokens integer, annotations jsonb, raw_message jsonb
)
cross join said
on conflict (user_id, id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}, raw_message = excluded.raw_message
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a push came to."""

    acks: Sequence[Ack] | None
    """None when the device was told of another history, and nothing was done."""
    seen: Commit | None


def full(most_bytes: int) -> ApiError:
    """Return the refusal of an account that has pushed all that it may."""
    return ApiError(
        "too_many_requests",
        f"This account has pushed as much as this server keeps for one ({most_bytes >> 20:,} MB). Ask whoever runs it"
        " for more; what you write stays on your computer meanwhile.",
        retry_after=24 * 3600,
    )


class Forked(Exception):
    """Two devices say the same number: one is a copy of the other."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """One push, of whom, and when."""

    user: UUID
    asked: DeltaPush
    body_hash: str
    now: int
    sent_at: int | None
    one_by_one: bool = False
    """Each op by itself, so that what the database will not have, whatever it is, stops no other."""
    size: int = 0
    """Bytes of the request, inflated."""
    most_bytes: int = 0
    """That the account may ever push; 0: as much as it likes. Deletes are always taken."""

    async def done(self, db: Connection, seen: Commit | None) -> Done:
        """Do it once, however often it comes, unless the device was told of another history. In a write, with the turn
        taken. Raises Forked.
        """
        head, before = await pull.head_and_replica(db, self.user, self.asked.replica, seen)
        if not head.is_known:
            return Done(None, await pull.name_head(db))
        if before["push_seq"] is not None and self.asked.push_seq <= before["push_seq"]:
            is_same = self.asked.push_seq == before["push_seq"] and self.body_hash == before["req_hash"]
            if is_same and (told := await unpacked(before["answer"])) is not None:
                return Done(told, await pull.name_head(db))
            raise Forked
        is_full = self.most_bytes and (before["pushed_bytes"] or 0) + self.size > self.most_bytes
        if is_full and any(op.verb == "put" for op in self.asked.ops):
            raise full(self.most_bytes)
        acks = await (self._each(db) if self.one_by_one else self._done(db, self.asked.ops, head.seq))
        answer = (self.asked.replica, self.asked.push_seq, self.body_hash, await packed(acks), self.size)
        row = await (await db.execute(ANSWERED, answer)).fetchone()
        return Done(acks, None if row is None or row["told"] is None else Commit.parse(row["told"]))

    async def _each(self, db: Connection) -> list[Ack]:
        acks: list[Ack] = []
        for op in self.asked.ops:
            await db.execute("savepoint one")
            await db.execute(NO_STAMPS)  # of the op before, which may have been of the same thing
            try:
                acks += await self._done(db, [op], None)
                await db.execute("release savepoint one")
            except (DataError, IntegrityError):
                await db.execute("rollback to savepoint one")
                acks.append(Ack("rejected", code="not_storable"))
        return acks

    async def _done(self, db: Connection, ops: Sequence[Op], head: int | None) -> list[Ack]:
        """Decide ops and write what was decided; what each is told."""
        wanted = keys(ops)
        known: dict[Key, Row] = {(row.kind, row.id): row for row in await pull.named(db, self.user, wanted)}
        held = {
            key: Held(row.seq, row.created_seq, row.is_dead, row.stamp, row.session_id, row.value)
            for key, row in known.items()
        }
        binned = await _binned(db, self.user, wanted) if any(op.verb == "restore" for op in ops) else {}
        plan = await in_thread_if_many(
            len(ops), decide, ops, held, binned, now=self.now, sent_at=self.sent_at, replica=self.asked.replica
        )
        await _written(db, self.user, plan)
        there = await self._standing(db, ops, plan, known, head)
        return await in_thread_if_many(len(ops), _acks, ops, plan, there)

    async def _standing(
        self, db: Connection, ops: Sequence[Op], plan: Plan, known: Mapping[Key, Row], head: int | None
    ) -> dict[Key, Row]:
        """What is there now of each thing that was asked about; with values of those whose answer tells them.

        What the push itself wrote is one range of the history. All else is as it was ``known`` before, for the turn is
        this push's, unless something died or came back and took others along.
        """
        named = {(op.kind, op.id) for op in ops if op.id}
        told = {
            (op.kind, op.id) for op, verdict in zip(ops, plan.verdicts, strict=True) if verdict.tells_value and op.id
        }
        there: dict[Key, Row] = {}
        if head is None or any(isinstance(one, Restore | Clear | Kill) for one in plan.writes):
            rest = named - told
        else:
            there = {key: known[key] for key in named & known.keys()}
            rest = set()
        if head is not None and plan.writes and not any(isinstance(one, Restore | Clear) for one in plan.writes):
            changed: dict[Key, Row] = {(row.kind, row.id): row for row in await pull.changed(db, self.user, head)}
            there |= changed
            rest -= changed.keys()
        for row in (*await pull.stamped(db, self.user, rest), *await pull.named(db, self.user, told)):
            there[row.kind, row.id] = row
        return there


def _acks(ops: Sequence[Op], plan: Plan, there: dict[Key, Row]) -> list[Ack]:
    acks = []
    for op, verdict in zip(ops, plan.verdicts, strict=True):
        row = there.get((op.kind, op.id))
        if row is not None and row.value is not None and not verdict.tells_value:
            row = replace(row, value=None)
        acks.append(Ack(verdict.result, row, verdict.code))
    return acks


async def _binned(db: Connection, user: UUID, wanted: set[Key]) -> dict[Key, Held]:
    """What the trash has of these, as it was."""
    known = sorted(wanted)
    values = {"user": user, "kinds": [kind for kind, _ in known], "ids": [key for _, key in known]}
    binned: dict[Key, Held] = {}
    for found in await (await db.execute(BINNED, values)).fetchall():
        row = pull.binned_row(found)
        is_dead = row.kind != "c" and not found["with_session"]
        binned[(row.kind, row.id)] = Held(row.seq, 0, is_dead, row.stamp, row.session_id, row.value)
    return binned


async def _written(db: Connection, user: UUID, plan: Plan) -> None:
    """Every write of a plan: what is overtaken first, for it is read from nowhere else; what dies last."""
    puts = [one for one in plan.writes if isinstance(one, Put)]
    rest = [one for one in plan.writes if not isinstance(one, Put)]
    drops = [one for one in rest if isinstance(one, Drop)]
    kills = [one for one in rest if isinstance(one, Kill)]
    stamps = _stamps([*puts, *drops])
    await _overtaken(db, [one for one in rest if isinstance(one, Overtaken)])
    for one in (one for one in rest if isinstance(one, Restore) and one.kind == "c"):
        await db.execute("select public.sync_restore(%s, %s)", (one.kind, one.id))
    await _many(db, user, PUT_SESSIONS, stamps, _session, [one for one in puts if one.kind == "c"])
    for one in (one for one in rest if isinstance(one, Restore) and one.kind == "m"):
        await db.execute("select public.sync_restore(%s, %s)", (one.kind, one.id))
    await _many(db, user, PUT_MESSAGES, stamps, _message, [one for one in puts if one.kind == "m"])
    await _many(db, user, PUT_SETTINGS, stamps, _setting, [one for one in puts if one.kind == "s"])
    await _dropped(db, user, stamps, drops)
    await _killed(db, user, "m", KILL_MESSAGES, [one for one in kills if one.kind == "m"])
    await _killed(db, user, "c", KILL_SESSIONS, [one for one in kills if one.kind == "c"])
    for clear in (one for one in rest if isinstance(one, Clear)):
        await db.execute(CLEAR, {"user": user, "upto": clear.upto})


def _stamps(written: Sequence[Put | Drop]) -> str:
    """The stamps of what is about to be written, as the triggers that number the rows find them."""
    stamps = {
        f"{one.kind if isinstance(one, Put) else 's'}{one.id}": (one.stamp.cls, one.stamp.time, one.stamp.tie)
        for one in written
    }
    return json.dumps(stamps, ensure_ascii=False)


async def _many(
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


async def _overtaken(db: Connection, told: list[Overtaken]) -> None:
    if told:
        await db.execute(
            "select public.sync_overtaken(%s, %s, %s, %s, %s)",
            (
                [one.kind for one in told],
                [one.id for one in told],
                [one.session_id for one in told],
                [one.seq for one in told],
                [Jsonb(one.value) for one in told],
            ),
        )


async def _dropped(db: Connection, user: UUID, stamps: str, drops: list[Drop]) -> None:
    if not drops:
        return
    await db.execute("select set_config('sterna.stamps', %s, true)", (stamps,))
    named = {(one.session_id, one.id[len(one.session_id) + 1 :]) for one in drops}
    values = {"user": user, "sessions": [s for s, _ in named], "keys": [key for _, key in named]}
    await db.execute(DROP_SETTINGS, values)
    await _buried(db, user, "s", [(one.id, one.session_id) for one in drops])


async def _killed(db: Connection, user: UUID, kind: str, statement: LiteralString, kills: list[Kill]) -> None:
    if kills:
        await db.execute(statement, {"user": user, "ids": [one.id for one in kills]})
        await _buried(db, user, kind, [(one.id, one.session_id) for one in kills])


async def _buried(db: Connection, user: UUID, kind: str, gone: list[tuple[str, str]]) -> None:
    """What left no dead row, because it was never here, gets one."""
    dead = {row.id for row in await pull.stamped(db, user, ((kind, one) for one, _ in gone)) if row.is_dead}
    rest = [(one, session) for one, session in gone if one not in dead]
    if rest:
        await db.execute("select public.sync_bury(%s, %s, %s)", (kind, [i for i, _ in rest], [s for _, s in rest]))


def _session(one: Put) -> dict[str, Any]:
    return {"id": one.id, "title": one.value["title"], "created_at": one.value.get("createdAt")}


def _setting(one: Put) -> dict[str, Any]:
    return {"session_id": one.session_id, "key": one.id[len(one.session_id) + 1 :], "value": one.value["value"]}


def _message(one: Put) -> dict[str, Any]:
    value: MessageValue = one.value
    row = {"id": one.id, "session_id": one.session_id, **value.columns}
    return row if value.raw is None else row | {"raw_message": value.raw}
