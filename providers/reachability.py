"""Smallest request that tells whether a provider can be reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sterna.net import classify

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
"""Longest time for a connection and the beginning of a response."""


async def answers(client: httpx.AsyncClient, url: str, *, proxied: bool = False) -> bool:
    """Return whether something answers at ``url``, whatever it says to a request without a key."""
    import httpx

    try:
        async with asyncio.timeout(SECONDS):
            response = await client.send(client.build_request("HEAD", url), stream=True)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, TimeoutError):
        return False
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return not classify(error, proxied=proxied).kind.startswith("proxy")
    await response.aclose()
    return True
