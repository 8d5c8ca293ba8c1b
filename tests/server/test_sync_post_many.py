"""A push of many invalid items does not block other requests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from sterna.server.clock import utc_now
from sterna.server.identity import Caller, Identity
from sterna.server.routes.sync import push
from sterna.server.sync.client_headers import DeviceHeaders


async def test_others_have_their_turn_between_the_things_of_a_push() -> None:
    caller = Caller(Identity("authenticated", uuid4()), "free")
    parts = cast(Any, SimpleNamespace(clock=utc_now))
    pushing = asyncio.create_task(
        push(cast(Any, None), caller, parts, DeviceHeaders(None, None, None, None), {"conversations": [{}] * 100})
    )
    turns = 0
    while not pushing.done():
        turns += 1
        await asyncio.sleep(0)
    assert b"missing_id" in pushing.result().body
    assert turns >= 100
