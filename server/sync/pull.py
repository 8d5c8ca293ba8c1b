"""Reading a history: pages, the newest conversations, single rows, and the name of the current state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from sterna.sync.wire import LARGEST, Commit, Kind, Message, Row, Stamp, format_time

from ..database.pool import Connection
from ..database.row_sizes import json_bytes, message_bytes
from ..long_work import all_rows
from .conflict_values import with_overtaken

MAX_ROWS: Final = 1000
"""Rows of one page."""
ROW_BYTES: Final = 400
"""Approximate bytes of a row without its texts."""

_STAMP_COLUMNS = """
r.kind, r.id, r.session_id, r.seq, r.created_seq, r.ver, r.deleted_at is not null as is_deleted, r.cls, r.time, r.tie
"""
_VALUE_COLUMNS = """
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
    m.parent_id,
    m.raw_message"""
_MESSAGE_JOIN = """
left join lateral (
    select * from chat_messages as o where r.kind = 'm' and o.user_id = r.user_id and o.id = r.id limit 1
) as m on true"""
_SETTING_JOIN = """
left join lateral (
    select o.value
    from session_settings as o
    where r.kind = 's' and o.user_id = r.user_id and o.session_id = r.session_id
        and o.key = substr(r.id, length(r.session_id) + 2)
    limit 1
) as g on true"""
_VALUE_JOINS = f"""
left join lateral (
    select * from chat_sessions as o where r.kind = 'c' and o.user_id = r.user_id and o.id = r.id limit 1
) as s on true{_MESSAGE_JOIN}{_SETTING_JOIN}"""
"""Joins row by row, because the planner underestimates the cost of joining tables that were just filled."""
_ROWS_BY_KEY = """
from unnest(%(kinds)s::text [], %(ids)s::text []) as k (kind, id)
cross join lateral (
    select * from sync_rows as o where o.user_id = %(user)s and o.kind = k.kind and o.id = k.id limit 1
) as r"""

PAGE: Final = f"""
with later as (
    select r.*
    from sync_rows as r
    where r.user_id = %(user)s and r.seq > %(cur)s and r.seq <= %(head)s and not r.seq = any(%(excluded)s::bigint [])
        and (%(with_dead)s or r.deleted_at is null)
    order by r.seq
    limit %(rows)s
)
select {_STAMP_COLUMNS}, {_VALUE_COLUMNS},
    (select count(*) from later) as row_count, (select max(seq) from later) as last_seq
from (
    select
        r.*,
        sum(b.bytes) over (order by r.seq) - b.bytes as before
    from later as r{_MESSAGE_JOIN}{_SETTING_JOIN}
    cross join lateral (
        select {ROW_BYTES} + {message_bytes("m")} + {json_bytes("g.value")} as bytes
        offset 0 -- so that the sizes are found once
    ) as b
) as r
{_VALUE_JOINS}
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
"""Uses the index of messages, because an index of the history by conversation would slow each write."""
ROWS: Final = f"""
select {_STAMP_COLUMNS}, {_VALUE_COLUMNS}
{_ROWS_BY_KEY}
{_VALUE_JOINS}
"""
NEWEST: Final = f"""
select {_STAMP_COLUMNS}, {_VALUE_COLUMNS}, c.last_message_timestamp, c.last_message_preview, c.message_count,
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
{_VALUE_JOINS}
order by coalesce(c.last_message_timestamp, c.updated_at) desc, c.id desc
"""
SIZE: Final = f"""
select coalesce(sum({message_bytes("m")} + {json_bytes("g.value")} + {json_bytes("t.payload")}), 0)::bigint as size
{_ROWS_BY_KEY}{_MESSAGE_JOIN}{_SETTING_JOIN}
left join lateral (
    select o.payload
    from sync_trash as o
    where r.deleted_at is not null and o.user_id = r.user_id and o.kind = r.kind and o.id = r.id
    limit 1
) as t on true
"""
STAMPS: Final = f"""
select {_STAMP_COLUMNS}
{_ROWS_BY_KEY}
"""
CHANGED: Final = f"""
select {_STAMP_COLUMNS}
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
    """Current state of a history, and whether a device knows this history."""

    seq: int
    name: Commit | None
    """None until a device gets it."""
    is_known: bool
    may_lag: bool = False
    """True if this is a standby that is not ahead of the device: the missing rows may still arrive."""


_REPLICA_COLUMNS: Final = """select
    (select pushed_bytes from sync_head where user_id = %(user)s) as pushed_bytes,
    r.push_seq,
    r.req_hash,
    r.answer,
"""
HEAD_AND_REPLICA: Final = (
    HEAD.replace("select\n", _REPLICA_COLUMNS, 1)
    + "left join sync_replica as r on r.user_id = %(user)s and r.replica = %(replica)s\n"
)


async def head_and_replica(
    db: Connection, user: UUID, replica: str, seen: Commit | None
) -> tuple[Head, dict[str, Any]]:
    """Return the head of a history, and a row with the last push of a replica, its response and the account's bytes."""
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
    """Return the head of a history."""
    values = {"user": user, "seen": seen.seq if seen else 0, "nonce": seen.nonce if seen else ""}
    row = await (await db.execute(HEAD, values)).fetchone()
    assert row is not None
    return _head(row)


async def name_head(db: Connection) -> Commit | None:
    """Return the name of the caller's newest commit, created if it has none; needs a write with the account's lock."""
    row = await (await db.execute("select public.sync_name_head() as name")).fetchone()
    return None if row is None or row["name"] is None else Commit.parse(row["name"])


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Request for a page of a history."""

    user: UUID
    cur: int
    max_bytes: int
    """Approximate bytes of the page."""
    head: int = 0
    """Head that was read before; later writes come in a later page."""
    session_id: str | None = None
    """Restriction to the live rows of one conversation."""
    with_dead: bool = True
    excluded: Sequence[int] = ()
    """Numbers that the device knows already."""


async def page(db: Connection, request: PageRequest) -> tuple[list[Row], int, bool]:
    """Return the rows after ``cur``, at least one, the cursor after them, and whether there are more.

    If the row of a message's conversation comes later, it is included as well.
    """
    new = request.head - request.cur
    if request.session_id is None and (
        new <= 0 or new == sum(request.cur < seq <= request.head for seq in request.excluded)
    ):
        return [], max(request.cur, request.head), False
    values: dict[str, Any] = {
        "user": request.user,
        "cur": request.cur,
        "head": request.head,
        "bytes": max(1, request.max_bytes),
        "rows": MAX_ROWS,
        "excluded": list(request.excluded),
        "with_dead": request.with_dead,
        "session": request.session_id,
    }
    statement = PAGE if request.session_id is None else OF_SESSION
    # planned each time, because the tables may have grown
    records = await all_rows(await db.execute(statement, values, prepare=False))
    rows = [row_of(record) for record in records]
    more = bool(rows) and (records[0]["row_count"] == MAX_ROWS or rows[-1].seq < records[0]["last_seq"])
    if request.session_id is not None:
        end = rows[-1].seq if rows else request.cur
        return await with_overtaken(db, request.user, rows), end, more
    end = rows[-1].seq if more else max(request.cur, request.head)
    included = {row.id for row in rows if row.kind == "c"}
    missing = {row.session_id for row in rows if row.kind != "c"} - included
    later = [row for row in await load_rows(db, request.user, (("c", key) for key in missing)) if row.seq > end]
    return await with_overtaken(db, request.user, [*sorted(later, key=lambda row: row.seq), *rows]), end, more


async def values_size(db: Connection, user: UUID, keys: Iterable[tuple[str, str]]) -> int:
    """Return the bytes of the values of rows by key, with those in the trash."""
    return sum([int(record["size"]) for record in await _select(db, SIZE, user, keys)])


async def load_rows(db: Connection, user: UUID, keys: Iterable[tuple[str, str]]) -> list[Row]:
    """Return rows by key, tombstones too, with their values; unknown keys are left out."""
    return [row_of(record) for record in await _select(db, ROWS, user, keys)]


async def load_stamps(db: Connection, user: UUID, keys: Iterable[tuple[str, str]]) -> list[Row]:
    """Return rows by key, tombstones too, without values; unknown keys are left out."""
    return [stamped_row(record) for record in await _select(db, STAMPS, user, keys)]


async def changed_since(db: Connection, user: UUID, after: int) -> list[Row]:
    """Return all rows with a number after ``after``, without values; for the rows that a push has just written."""
    return [stamped_row(record) for record in await all_rows(await db.execute(CHANGED, {"user": user, "after": after}))]


async def _select(
    db: Connection, statement: LiteralString, user: UUID, keys: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    ordered: Sequence[tuple[str, str]] = sorted(keys)
    if not ordered:
        return []
    values = {"user": user, "kinds": [kind for kind, _ in ordered], "ids": [key for _, key in ordered]}
    return await all_rows(await db.execute(statement, values))


async def newest(db: Connection, user: UUID, count: int) -> list[Row]:
    """Return the conversations with the latest activity, with the values that a list shows."""
    rows = []
    for record in await all_rows(await db.execute(NEWEST, {"user": user, "rows": count})):
        row = row_of(record)
        at = record["last_message_timestamp"]
        if row.is_deleted:
            continue
        row.value.update(
            lastMessageTimestamp=None if at is None else format_time(at),
            lastMessagePreview=record["last_message_preview"],
            messageCount=record["message_count"],
            totalTokens=record["tokens"],
            lastModel=record["last_model"],
        )
        rows.append(row)
    return await with_overtaken(db, user, rows)


def row_of(record: dict[str, Any]) -> Row:
    """Return a row of the history as on the wire."""
    value = None if record["is_deleted"] else _value(record)
    return stamped_row(record, value, is_deleted=value is None)


def stamped_row(record: dict[str, Any], value: Any = None, *, is_deleted: bool | None = None) -> Row:
    """Return a row of the history with another value, or without one."""
    kind: Kind = record["kind"]
    return Row(
        kind=kind,
        id=record["id"],
        session_id=record["session_id"],
        seq=record["seq"],
        created_seq=record["created_seq"],
        ver=record["ver"],
        is_deleted=record["is_deleted"] if is_deleted is None else is_deleted,
        stamp=Stamp(record["cls"], min(record["time"], LARGEST), record["tie"]),
        value=value,
    )


def trash_row(record: dict[str, Any]) -> Row:
    """Return a row of the trash as it was; without a value if only its deletion is known."""
    row, payload = stamped_row(record), record["payload"]
    if payload is None:
        return row
    if row.kind == "c":
        value: Any = {
            "title": payload["title"],
            "createdAt": format_time(datetime.fromisoformat(payload["created_at"])),
        }
    elif row.kind == "s":
        value = {"value": payload["value"]}
    else:
        at = datetime.fromisoformat(payload["message_timestamp"])
        value = _message({"parent_id": None} | payload | {"timestamp": at, "was_streaming": payload["is_streaming"]})
    return replace(row, value=value)


_COLUMNS = tuple(name for name in Message.__slots__ if name not in ("id", "extra"))


def _value(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the value of a row; None if the row's target is missing, as owners can delete it with plain SQL."""
    if record[{"c": "session_title", "s": "setting"}.get(record["kind"], "role")] is None:
        return None
    if record["kind"] == "c":
        return {"title": record["session_title"], "createdAt": format_time(record["session_created_at"])}
    if record["kind"] == "s":
        return {"value": record["setting"]}
    return _message(record)


def _message(record: dict[str, Any]) -> dict[str, Any]:
    columns = {name: record[name] for name in _COLUMNS}
    for name in ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "attachment_count"):
        columns[name] = columns[name] or 0
    columns["metadata"] = columns["metadata"] if isinstance(columns["metadata"], dict) else {}
    columns["content_type"] = columns["content_type"] or "text"
    columns["was_streaming"] = bool(columns["was_streaming"])
    value = Message(id=record["id"], **columns).encode()
    return value if record["raw_message"] is None else value | {"raw_message": record["raw_message"]}
