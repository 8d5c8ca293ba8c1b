"""Conversations of an account that are near a question in meaning, by pgvector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from ..database.pool import Connection
from .vectors import Vectors

NEAREST: Final = 400
"""Parts of messages that conversations are taken from."""

STATEMENT: Final = sql.SQL("""
    with near as materialized (
        select v.message_id, v.embedding operator({schema}.<=>) %(vector)s::real[]::{schema}.vector as distance
        from public.message_vectors as v
        where v.user_id = %(user)s and v.model = %(model)s
        order by distance
        limit %(nearest)s
    ),

    best as (
        select m.session_id, min(near.distance) as distance
        from near
        join public.chat_messages as m
            on m.user_id = %(user)s and m.id = near.message_id and m.role in ('user', 'assistant')
        where near.distance < %(most)s
        group by m.session_id
    )

    select s.id, s.title, s.last_message_preview, s.message_count, s.last_message_timestamp, 'meaning' as kind
    from best
    join public.chat_sessions as s on s.user_id = %(user)s and s.id = best.session_id
    order by best.distance, s.id
    limit %(limit)s
""")


async def nearest(
    db: Connection, vectors: Vectors, vector: Sequence[float], user: UUID, limit: int
) -> list[dict[str, Any]]:
    """Return the conversations that are nearest to a vector, the nearest first."""
    if not vector:
        return []
    values = {
        "vector": list(vector),
        "user": user,
        "model": vectors.model,
        "nearest": NEAREST,
        "most": 1 - vectors.usual,
        "limit": limit,
    }
    return await (await db.execute(STATEMENT.format(schema=sql.Identifier(vectors.schema)), values)).fetchall()
