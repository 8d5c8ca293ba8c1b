"""Requests through a SOCKS proxy that may be silent, or no SOCKS proxy at all.

httpx waits for the proxy's answers without end, and an answer that it does not expect is an exception of another
package.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

HANDSHAKE = "socks.setup_socks5_connection"


class SocksTransport(httpx.AsyncHTTPTransport):
    """Transport that waits for the proxy as long as for a connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response. Raises httpx's own errors only, where the proxy fails."""
        seconds = request.extensions.get("timeout", {}).get("connect")
        is_greeting = False
        stream: Any = None

        async def watch(step: str, info: Mapping[str, Any]) -> None:
            nonlocal is_greeting, stream
            if step == "socks.connect_tcp.complete":
                stream = info["return_value"]
            elif step == f"{HANDSHAKE}.started" and seconds is not None:
                limit.reschedule(asyncio.get_running_loop().time() + seconds)
            elif step == f"{HANDSHAKE}.complete":
                limit.reschedule(None)
            is_greeting = step in (f"{HANDSHAKE}.started", f"{HANDSHAKE}.failed")

        request.extensions = {**request.extensions, "trace": watch}
        try:
            async with asyncio.timeout(None) as limit:
                try:
                    return await super().handle_async_request(request)
                except BaseException:
                    if is_greeting and stream is not None:
                        await stream.aclose()  # httpcore leaves it open
                    raise
        except TimeoutError:
            if not limit.expired():
                raise
            raise httpx.ConnectTimeout("The proxy does not answer.", request=request) from None
        except Exception as error:
            if not is_greeting or isinstance(error, (httpx.ProxyError, httpx.ConnectError)):
                raise
            raise httpx.ProxyError("It does not answer as a SOCKS5 proxy.", request=request) from error
