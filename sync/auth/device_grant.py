"""Sign-in of a terminal through a browser, which may be on another device (RFC 8628)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..backoff import Backoff
from ..errors import CannotReach, CodeExpired
from .gotrue import CODE_EXPIRED, DeviceCode, SignInServer, Tokens

SLOWER = 5.0
"""Seconds that each ``slow_down`` adds to the interval."""
LONGEST = 60.0


async def wait_for_approval(
    server: SignInServer,
    code: DeviceCode,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Tokens:
    """Poll until the code is approved and return the tokens.

    Raises :class:`SignInDenied`, :class:`CodeExpired` and other errors of a sign-in. Failures of the network do not
    end the polling; it ends when the code expires.
    """
    pause, failed = max(code.interval, 1.0), 0
    end = monotonic() + code.seconds
    while monotonic() < end:
        await sleep(Backoff(pause, LONGEST).limit(failed))
        try:
            answer = await server.device_token(code)
        except CannotReach as error:
            if error.reason in ("tls", "portal"):
                raise
            failed += 1
            if error.retry_after:
                await sleep(min(error.retry_after, LONGEST))
            continue
        failed = 0
        if isinstance(answer, Tokens):
            return answer
        if answer == "slow_down":
            pause += SLOWER
    raise CodeExpired(CODE_EXPIRED)
