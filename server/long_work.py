"""Work of many items, in a thread or in portions, so that the event loop answers others meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, ParamSpec, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import DictRow

from .errors import ApiError
from .settings import MEGABYTE

P = ParamSpec("P")
T = TypeVar("T")

MANY: Final = 100
"""Items from which on work is long."""
PORTION: Final = 100
"""Rows that are made of what the database has sent before others get their turn."""
MOST_BYTES: Final = 64 * MEGABYTE
"""Of an answer that comes in one piece."""

encoded: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def aside(count: int, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Return what ``work`` gives for ``count`` items: by a thread when they are many."""
    return await asyncio.to_thread(work, *args, **more) if count > MANY else work(*args, **more)


def array(values: Iterable[Any]) -> str:
    """Return a JSON array, item by item: one call for all of them could not be interrupted."""
    return f"[{','.join(map(encoded, values))}]"


async def portions(cursor: AsyncCursor[DictRow]) -> AsyncIterator[list[DictRow]]:
    """Give the rows of a statement, a portion at a time."""
    while rows := await cursor.fetchmany(PORTION):
        yield rows
        await asyncio.sleep(0)


async def every(cursor: AsyncCursor[DictRow]) -> list[DictRow]:
    """Return all rows of a statement."""
    return [row async for rows in portions(cursor) for row in rows]


def check_size(size: int) -> None:
    """Raise ApiError 413 for an answer that would be too large."""
    if size > MOST_BYTES:
        raise ApiError(
            "payload_too_large",
            "The answer would be too large.",
            details=f"It has {size} bytes of text; at most {MOST_BYTES} are answered at once.",
            suggestions=["Ask for less, such as with since_ts, or page by page with /api/chat/sync?since=…"],
        )
