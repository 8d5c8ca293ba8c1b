"""Work on many items, in a thread or in batches, so that the event loop stays responsive."""

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
"""Items above which work runs in a thread."""
BATCH: Final = 100
"""Rows that are fetched between two yields to the event loop."""
MAX_BYTES: Final = 64 * MEGABYTE
"""Bytes of a response that is not paged."""

encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def in_thread_if_many(count: int, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Return the result of ``work`` on ``count`` items, which runs in a thread when they are many."""
    return await asyncio.to_thread(work, *args, **more) if count > MANY else work(*args, **more)


def array(values: Iterable[Any]) -> str:
    """Return a JSON array, encoded item by item, because a single call could not be interrupted."""
    return f"[{','.join(map(encode, values))}]"


async def batches(cursor: AsyncCursor[DictRow]) -> AsyncIterator[list[DictRow]]:
    """Yield the rows of a statement in batches."""
    while rows := await cursor.fetchmany(BATCH):
        yield rows
        await asyncio.sleep(0)


async def all_rows(cursor: AsyncCursor[DictRow]) -> list[DictRow]:
    """Return all rows of a statement."""
    return [row async for rows in batches(cursor) for row in rows]


def check_size(size: int) -> None:
    """Raise ApiError 413 for a response that would be too large."""
    if size > MAX_BYTES:
        raise ApiError(
            "payload_too_large",
            "The response would be too large.",
            details=f"It has {size} bytes of text; the limit is {MAX_BYTES}.",
            suggestions=["Request less, for example with since_ts, or read pages with /api/chat/sync?since=…"],
        )
