"""MCP servers that have an address: streamable HTTP, with limits that the package ``mcp`` does not have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from mcp.client.streamable_http import streamable_http_client

from sterna.config import ConfigError, McpServerSettings
from sterna.config.credentials import command_output
from sterna.net import Proxy, ProxyError, proxy_for

from .errors import ToolError
from .throttle import Throttle

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

LARGEST_BODY = 8 * 1024 * 1024
CONNECT_SECONDS = 10.0


class Bounded(httpx2.AsyncHTTPTransport):
    """Transport whose responses are bounded in size and speed, and not compressed."""

    def __init__(self, throttle: Throttle, proxy: Proxy | None) -> None:
        super().__init__(proxy=proxy.url if proxy is not None else None)
        self._throttle = throttle
        self.refusal = 0
        """Status of the last response that was an error; else 0."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response, whose body is counted while it is read."""
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.status_code >= 400:
            self.refusal = response.status_code
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            await response.aclose()
            raise httpx2.DecodingError("The response is compressed, which was not asked for.", request=request)
        is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        body = _Body(response.stream, self._throttle, None if is_stream else LARGEST_BODY)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )


class _Body(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, throttle: Throttle, limit: int | None) -> None:
        self._inner = inner
        self._throttle = throttle
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            await self._throttle.spend(piece.count(b"\n\n"), len(piece))
            if self._left is not None:
                self._left -= len(piece)
                if self._left < 0:
                    raise httpx2.DecodingError("The response is too large.")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def address_streams(
    server: McpServerSettings, environ: Mapping[str, str], throttle: Throttle
) -> AsyncGenerator[TransportStreams]:
    """Yield the streams of messages of a server. Raises ToolError if it cannot be reached as it is configured."""
    headers = {"User-Agent": "sterna", **server.headers}
    if key := await _key(server, environ):
        headers["Authorization"] = f"Bearer {key}"
    try:
        transport = Bounded(throttle, proxy_for(server.url, environ))
    except (ProxyError, OSError) as error:
        raise ToolError(f"{server.name} cannot be reached. {error}") from error
    timeout = httpx2.Timeout(server.timeout, connect=CONNECT_SECONDS)
    async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=timeout, trust_env=False) as client:
        try:
            async with streamable_http_client(
                server.url, http_client=client, max_sse_event_size=LARGEST_BODY
            ) as streams:
                yield streams
        except Exception as error:
            if transport.refusal in (401, 403):
                raise ToolError(
                    f"{server.name} does not accept the key (status {transport.refusal}). "
                    f"Check key_env or headers in [mcp.{server.name}]."
                ) from error
            raise


async def _key(server: McpServerSettings, environ: Mapping[str, str]) -> str:
    if server.key_env and (key := environ.get(server.key_env, "").strip()):
        return key
    if server.key_command:
        advice = f"Check key_command of [mcp.{server.name}] in config.toml."
        try:
            return await asyncio.to_thread(command_output, server.key_command, f"the key of {server.name}", advice)
        except ConfigError as error:
            raise ToolError(str(error)) from error
    if server.key_env:
        raise ToolError(f"{server.name} needs a key: the variable {server.key_env} is not set.")
    return ""
