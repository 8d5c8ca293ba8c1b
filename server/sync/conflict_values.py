"""Values that were replaced by somebody who had not seen them, named on the rows that a device is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sterna.sync.wire import Row

from ..database.pool import Connection

MOST: Final = 16
"""Of one row, the newest."""

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
        limit %(most)s
    ) as o
) as h
where h.seqs is not null
"""


async def with_overtaken(db: Connection, user: UUID, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with what each of them overtook, so that the author of a value that lost can list it."""
    rewritten = [row for row in rows if row.ver > 1 and not row.is_dead]
    if not rewritten:
        return list(rows)
    values = {
        "user": user,
        "kinds": [row.kind for row in rewritten],
        "ids": [row.id for row in rewritten],
        "most": MOST,
    }
    found = await (await db.execute(OVERTAKEN, values)).fetchall()
    seqs = {(one["kind"], one["id"]): tuple(one["seqs"]) for one in found}
    return [replace(row, overtook=seqs.get((row.kind, row.id), ())) for row in rows]
