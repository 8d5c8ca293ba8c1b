"""What a turn leaves in the store."""

from __future__ import annotations

import asyncio

from sterna.chat import Reply
from sterna.providers import Delta, Done, Usage
from sterna.storage import (
    ArrivingReplies,
    Message,
    Messages,
    StoreThread,
)
from tests.chat.scripted_model import ScriptedModel, until

WHOLE = (Delta("Hello "), Delta("there"), Usage(3, 2, 5), Done("stop", "gen-7", "m"))


async def settled(reply: Reply) -> Message:
    await until(lambda: not reply.running)
    assert reply.message is not None
    return reply.message


async def requested(model: ScriptedModel, count: int = 1) -> None:
    await until(lambda: len(model.requests) == count)


async def messages(store: StoreThread, session_id: str) -> list[Message]:
    return await store.run(Messages.after, session_id, None, 1000)


async def saved(store: StoreThread, session_id: str) -> str:
    return (await store.run(ArrivingReplies.of, session_id))[0].content


async def saved_as(store: StoreThread, session_id: str, text: str) -> None:
    async with asyncio.timeout(10):
        while await saved(store, session_id) != text:  # noqa: ASYNC110 - the row is another thread's
            await asyncio.sleep(0.001)
