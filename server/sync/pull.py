"""What a device is told of a history: pages of it, the newest conversations, one of them, the name of its state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from sterna.sync.wire import Commit, Kind, Message, Row, Stamp, written

from ..database.pool import Connection
from ..long_work import all_rows
from .conflict_values import with_overtaken

MOST_ROWS: Final = 1000
"""Of one page, however small they are."""
ROW_BYTES: Final = 400
"""What a row costs beside its texts, roughly."""

_STAMPED = (
    "r.kind, r.id, r.session_id, r.seq, r.created_seq, r.ver, r.deleted_at is not null as is_dead, r.cls, r.time, r.tie"
)
_VALUES = """
    s.title as session_title,
    least(greatest(s.created_at, '0001-01-02'), '9999-12-30') as session_created_at,
    g.value as setting,
    m.role,
    m.content,
    least(greatest(m.message_timestamp, '0001-01-02'), '9999-12-30') as timestamp,
    m.model,
    m.total_tokens,
    m.input_tokens,
    m.output_tokens,
    m.user_message_id,
    m.content_type,
    m.elapsed_ms,
    m.completion_id,
    m.error_message,
    m.is_streaming as was_streaming,
    m.metadata,
    m.reasoning,
    m.reasoning_details,
    m.has_attachments,
    m.attachment_count,
    m.has_websearch,
    m.websearch_result_count,
    m.output_image_tokens,
    m.annotations,
    m.raw_message"""
_MESSAGE = """
left join lateral (
    select * from chat_messages as o where r.kind = 'm' and o.user_id = r.user_id and o.id = r.id limit 1
) as m on true"""
_JOINED = f"""
left join lateral (
    select * from chat_sessions as o where r.kind = 'c' and o.user_id = r.user_id and o.id = r.id limit 1
) as s on true{_MESSAGE}
left join lateral (
    select o.value
    from session_settings as o
    where r.kind = 's' and o.user_id = r.user_id and o.session_id = r.session_id
        and o.key = substr(r.id, length(r.session_id) + 2)
    limit 1
) as g on true"""
"""One by one by their keys: a join of whole tables looks cheap to who plans it when they have just been filled."""
_BY_KEY = """
from unnest(%(kinds)s::text [], %(ids)s::text []) as k (kind, id)
cross join lateral (
    select * from sync_rows as o where o.user_id = %(user)s and o.kind = k.kind and o.id = k.id limit 1
) as r"""

PAGE: Final = f"""
with later as (
    select r.*
    from sync_rows as r
    where r.user_id = %(user)s and r.seq > %(cur)s and r.seq <= %(head)s and not r.seq = any(%(but)s::bigint [])
        and (%(with_dead)s or r.deleted_at is null)
    order by r.seq
    limit %(rows)s
)
select {_STAMPED}, {_VALUES}, (select count(*) from later) as found, (select max(seq) from later) as last_seq
from (
    select
        r.*,
        sum({ROW_BYTES} + coalesce(octet_length(m.content), 0) + coalesce(octet_length(m.reasoning), 0))
            over (order by r.seq) - coalesce(octet_length(m.content), 0) - coalesce(octet_length(m.reasoning), 0)
            - {ROW_BYTES} as before
    from later as r{_MESSAGE}
) as r
{_JOINED}
where r.before < %(bytes)s
order by r.seq
"""
OF_SESSION: Final = PAGE.replace(
    "from sync_rows as r\n",
    """from (
        select 'c' as kind, %(session)s as id
        union all
        select 'm', id from chat_messages where user_id = %(user)s and session_id = %(session)s
        union all
        select 's', session_id || '/' || key from session_settings where user_id = %(user)s and session_id = %(session)s
    ) as k
    cross join lateral (
        select * from sync_rows as o where o.user_id = %(user)s and o.kind = k.kind and o.id = k.id limit 1
    ) as r
""",
)
"""By the index of a conversation's messages: one of the history by conversation would cost each write."""
NAMED: Final = f"""
select {_STAMPED}, {_VALUES}
{_BY_KEY}
{_JOINED}
"""
NEWEST: Final = f"""
select {_STAMPED}, {_VALUES}, c.last_message_timestamp, c.last_message_preview, c.message_count,
    c.total_tokens as tokens, c.last_model
from (
    select *
    from chat_sessions
    where user_id = %(user)s
    order by coalesce(last_message_timestamp, updated_at) desc, id desc
    limit %(rows)s
) as c
cross join lateral (
    select * from sync_rows as o where o.user_id = c.user_id and o.kind = 'c' and o.id = c.id limit 1
) as r
{_JOINED}
order by coalesce(c.last_message_timestamp, c.updated_at) desc, c.id desc
"""
STAMPED: Final = f"""
select {_STAMPED}
{_BY_KEY}
"""
CHANGED: Final = f"""
select {_STAMPED}
from sync_rows as r
where r.user_id = %(user)s and r.seq > %(after)s
"""
HEAD: Final = """
select
    h.seq,
    c.nonce,
    %(seen)s::bigint = 0 or exists (
        select 1 from sync_commit as k where k.user_id = %(user)s and k.seq_hi = %(seen)s and k.nonce = %(nonce)s
    ) as is_known,
    current_setting('transaction_read_only') = 'on' and h.seq <= %(seen)s as may_lag
from (select coalesce((select seq from sync_head where user_id = %(user)s), 0) as seq) as h
left join sync_commit as c on c.user_id = %(user)s and c.seq_hi = h.seq
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of a history, and whether a device was told of this history and no other."""

    seq: int
    name: Commit | None
    """None until somebody is told of it."""
    is_known: bool
    may_lag: bool = False
    """This is a copy that is only read, and not beyond what the device was told: the rest may be on its way."""


_OF_A_PUSH: Final = """select
    (select pushed_bytes from sync_head where user_id = %(user)s) as pushed_bytes,
    r.push_seq,
    r.req_hash,
    r.answer,
"""
HEAD_AND_REPLICA: Final = (
    HEAD.replace("select\n", _OF_A_PUSH, 1)
    + "left join sync_replica as r on r.user_id = %(user)s and r.replica = %(replica)s\n"
)


async def head_and_replica(
    db: Connection, user: UUID, replica: str, seen: Commit | None
) -> tuple[Head, dict[str, Any]]:
    """How far a history is; what a device pushed last and was told, null when it never did; what all have pushed."""
    values = {
        "user": user,
        "seen": seen.seq if seen else 0,
        "nonce": seen.nonce if seen else "",
        "replica": replica,
    }
    row = await (await db.execute(HEAD_AND_REPLICA, values)).fetchone()
    assert row is not None
    return _head(row), row


def _head(row: dict[str, Any]) -> Head:
    name = None if row["nonce"] is None else Commit(row["seq"], row["nonce"])
    return Head(row["seq"], name, row["is_known"], row["may_lag"])


async def head(db: Connection, user: UUID, seen: Commit | None = None) -> Head:
    """How far a history is."""
    values = {"user": user, "seen": seen.seq if seen else 0, "nonce": seen.nonce if seen else ""}
    row = await (await db.execute(HEAD, values)).fetchone()
    assert row is not None
    return _head(row)


async def name_head(db: Connection) -> Commit | None:
    """The newest commit of the caller, by a name that is made where it has none. In a write, with the turn taken."""
    row = await (await db.execute("select public.sync_name_head() as told")).fetchone()
    return None if row is None or row["told"] is None else Commit.parse(row["told"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page that is asked for."""

    user: UUID
    cur: int
    most: int
    """Bytes, roughly."""
    head: int = 0
    """As it was read before: what is written since comes in a later page."""
    session_id: str | None = None
    """One conversation only, and of it what lives."""
    with_dead: bool = True
    but: Sequence[int] = ()
    """Numbers that the device has been told of."""


async def page(db: Connection, wanted: Wanted) -> tuple[list[Row], int, bool]:
    """Rows after ``cur``, one at least; where they end; whether there are more.

    A message whose conversation's own row comes later carries that row along.
    """
    new = wanted.head - wanted.cur
    if wanted.session_id is None and (new <= 0 or new == sum(wanted.cur < seq <= wanted.head for seq in wanted.but)):
        return [], max(wanted.cur, wanted.head), False
    values: dict[str, Any] = {
        "user": wanted.user,
        "cur": wanted.cur,
        "head": wanted.head,
        "bytes": max(1, wanted.most),
        "rows": MOST_ROWS,
        "but": list(wanted.but),
        "with_dead": wanted.with_dead,
        "session": wanted.session_id,
    }
    statement = PAGE if wanted.session_id is None else OF_SESSION
    # planned each time, for tables that may have grown since the last
    found = await all_rows(await db.execute(statement, values, prepare=False))
    rows = [row_of(one) for one in found]
    more = bool(rows) and (found[0]["found"] == MOST_ROWS or rows[-1].seq < found[0]["last_seq"])
    if wanted.session_id is not None:
        end = rows[-1].seq if rows else wanted.cur
        return await with_overtaken(db, wanted.user, rows), end, more
    end = rows[-1].seq if more else max(wanted.cur, wanted.head)
    there = {row.id for row in rows if row.kind == "c"}
    carried = {row.session_id for row in rows if row.kind != "c"} - there
    moved = [row for row in await named(db, wanted.user, (("c", one) for one in carried)) if row.seq > end]
    return await with_overtaken(db, wanted.user, [*sorted(moved, key=lambda row: row.seq), *rows]), end, more


async def named(db: Connection, user: UUID, things: Iterable[tuple[str, str]]) -> list[Row]:
    """These rows, live or dead, with their values; unknown ones are left out."""
    return [row_of(one) for one in await _these(db, NAMED, user, things)]


async def stamped(db: Connection, user: UUID, things: Iterable[tuple[str, str]]) -> list[Row]:
    """The same without their values."""
    return [stamped_row(one) for one in await _these(db, STAMPED, user, things)]


async def changed(db: Connection, user: UUID, after: int) -> list[Row]:
    """Every row that took a number after that one, without values. Meant for what one push has just written."""
    return [stamped_row(one) for one in await all_rows(await db.execute(CHANGED, {"user": user, "after": after}))]


async def _these(
    db: Connection, statement: LiteralString, user: UUID, things: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    known: Sequence[tuple[str, str]] = sorted(things)
    if not known:
        return []
    values = {"user": user, "kinds": [kind for kind, _ in known], "ids": [key for _, key in known]}
    return await all_rows(await db.execute(statement, values))


async def newest(db: Connection, user: UUID, count: int) -> list[Row]:
    """The conversations in which something happened last, with what a list shows of them."""
    rows = []
    for found in await all_rows(await db.execute(NEWEST, {"user": user, "rows": count})):
        row = row_of(found)
        at = found["last_message_timestamp"]
        if row.is_dead:
            continue
        row.value.update(
            lastMessageTimestamp=None if at is None else written(at),
            lastMessagePreview=found["last_message_preview"],
            messageCount=found["message_count"],
            totalTokens=found["tokens"],
            lastModel=found["last_model"],
        )
        rows.append(row)
    return await with_overtaken(db, user, rows)


def row_of(found: dict[str, Any]) -> Row:
    """A row of the history as the wire has it."""
    value = None if found["is_dead"] else _value(found)
    return stamped_row(found, value, is_dead=value is None)


def stamped_row(found: dict[str, Any], value: Any = None, *, is_dead: bool | None = None) -> Row:
    """The same with another value, or none."""
    kind: Kind = found["kind"]
    return Row(
        kind=kind,
        id=found["id"],
        session_id=found["session_id"],
        seq=found["seq"],
        created_seq=found["created_seq"],
        ver=found["ver"],
        is_dead=found["is_dead"] if is_dead is None else is_dead,
        stamp=Stamp(found["cls"], found["time"], found["tie"]),
        value=value,
    )


def binned_row(found: dict[str, Any]) -> Row:
    """What the trash has, as the row that it was; without a value where only that it died is known."""
    row, kept = stamped_row(found), found["payload"]
    if kept is None:
        return row
    if row.kind == "c":
        value: Any = {"title": kept["title"], "createdAt": written(datetime.fromisoformat(kept["created_at"]))}
    elif row.kind == "s":
        value = {"value": kept["value"]}
    else:
        at = datetime.fromisoformat(kept["message_timestamp"])
        value = _message(kept | {"timestamp": at, "was_streaming": kept["is_streaming"]})
    return replace(row, value=value)


_COLUMNS = tuple(name for name in Message.__slots__ if name not in ("id", "extra"))


def _value(found: dict[str, Any]) -> dict[str, Any] | None:
    """None where there is nothing, whatever its row says: plain SQL may do anything to what is one's own."""
    if found[{"c": "session_title", "s": "setting"}.get(found["kind"], "role")] is None:
        return None
    if found["kind"] == "c":
        return {"title": found["session_title"], "createdAt": written(found["session_created_at"])}
    if found["kind"] == "s":
        return {"value": found["setting"]}
    return _message(found)


def _message(found: dict[str, Any]) -> dict[str, Any]:
    told = {name: found[name] for name in _COLUMNS}
    for name in ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "attachment_count"):
        told[name] = told[name] or 0
    told["metadata"] = told["metadata"] if isinstance(told["metadata"], dict) else {}
    told["content_type"] = told["content_type"] or "text"
    told["was_streaming"] = bool(told["was_streaming"])
    value = Message(id=found["id"], **told).encode()
    return value if found["raw_message"] is None else value | {"raw_message": found["raw_message"]}
