"""Conversations written with plain SQL, and their counters."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from accounts import Db

COUNTERS = ("messages_sent", "messages_received", "input_tokens", "output_tokens", "generation_ms", "active_minutes")
NOON = "2025-07-24T10:00:{:02d}Z"


def insert_example(db: Db, user: UUID, session: str = "s1") -> None:
    """Insert the conversation of docs/specification/vectors.md#vector-4."""
    db.execute("insert into chat_sessions (id, user_id) values (%s, %s)", (session, user))
    rows: list[tuple[Any, ...]] = [
        ("m1", "user", "hello", None, 7, 0, 0, 0, "2025-07-24T10:00:00Z"),
        ("m2", "assistant", "x" * 250, "g/m", 7, 33, 40, 5, "2025-07-24T10:00:05Z"),
        ("m3", "system", "be brief", None, 0, 0, 3, 0, "2025-07-24T09:00:00Z"),
        ("m4", "user", "bad", None, 100, 0, 100, 0, "2025-07-24T10:01:00Z"),
    ]
    upsert_messages(db, user, session, rows)


def upsert_messages(db: Db, user: UUID, session: str, rows: list[tuple[Any, ...]]) -> None:
    """Upsert messages in one statement, as a repeated push does."""
    names = ("id", "role", "content", "model", "input_tokens", "output_tokens", "total_tokens", "elapsed_time", "at")
    db.execute(
        """
        insert into chat_messages (
            user_id, session_id, id, role, content, model, input_tokens, output_tokens, total_tokens, elapsed_time,
            message_timestamp
        )
        select %s, %s, id, role, content, model, input_tokens, output_tokens, total_tokens, elapsed_time, at
        from jsonb_to_recordset(%s) as m (
            id text, role text, content text, model text, input_tokens integer, output_tokens integer,
            total_tokens integer, elapsed_time integer, at timestamptz
        )
        on conflict (user_id, id) do update set
            content = excluded.content,
            model = excluded.model,
            input_tokens = excluded.input_tokens,
            output_tokens = excluded.output_tokens,
            total_tokens = excluded.total_tokens,
            elapsed_time = excluded.elapsed_time,
            message_timestamp = excluded.message_timestamp
        """,
        (user, session, json.dumps([dict(zip(names, row, strict=True)) for row in rows])),
    )


def conversation(db: Db, user: UUID, session: str = "s1") -> dict[str, Any]:
    row = db.execute("select * from chat_sessions where user_id = %s and id = %s", (user, session)).fetchone()
    assert row is not None
    return row


def usage(db: Db, user: UUID) -> dict[str, Any]:
    """Return the usage of the newest day, empty without one."""
    days = "select * from user_usage_daily where user_id = %s order by usage_date desc"
    return db.execute(days, (user,)).fetchone() or {}


def usage_figures(db: Db, user: UUID) -> tuple[Any, ...]:
    row = usage(db, user)
    return (*(row.get(name) for name in COUNTERS), row.get("models_used"))


def profile(db: Db, user: UUID) -> dict[str, Any]:
    row = db.execute("select * from profiles where id = %s", (user,)).fetchone()
    assert row is not None
    return row
