"""Values that were overtaken by authors who had not seen them, listed on the rows of a pull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sterna.sync.wire import Row

from ..database.pool import Connection

MAX_OVERTAKEN: Final = 16
"""Overtaken values listed per row, the newest ones."""

OVERTAKEN: Final = """
select k.kind, k.id, h.seqs
from unnest(%(kinds)s::text [], %(ids)s::text []) as k (kind, id)
cross join lateral (
    select array_agg(o.seq order by o.seq) as seqs
    from (
        select seq
        from message_history
        where user_id = %(user)s and kind = k.kind and id = k.id
        order by seq desc
        limit %(limit)s
    ) as o
) as h
where h.seqs is not null
"""


async def with_overtaken(db: Connection, user: UUID, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the numbers of values that each has overtaken, for the authors of lost values."""
    rewritten = [row for row in rows if row.ver > 1 and not row.is_deleted]
    if not rewritten:
        return list(rows)
    values = {
        "user": user,
        "kinds": [row.kind for row in rewritten],
        "ids": [row.id for row in rewritten],
        "limit": MAX_OVERTAKEN,
    }
    overtaken = await (await db.execute(OVERTAKEN, values)).fetchall()
    seqs = {(row["kind"], row["id"]): tuple(row["seqs"]) for row in overtaken}
    return [replace(row, overtook=seqs.get((row.kind, row.id), ())) for row in rows]
