"""Signing in a terminal by a browser that may be on another machine (RFC 8628)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..backoff import Backoff
from ..errors import CannotReach, CodeEnded
from .gotrue import DeviceCode, SignInServer, Tokens

SLOWER = 5.0
"""Seconds that each ``slow_down`` adds."""
LONGEST = 60.0


async def approved(
    server: SignInServer,
    code: DeviceCode,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Tokens:
    """The sign-in, once somebody has approved it. Raises :class:`Denied`, :class:`CodeEnded` and what else there is.

    A network that fails for a while does not end the waiting, only the code's own end does.
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
    raise CodeEnded("Nobody approved the code in time. Begin again.")
