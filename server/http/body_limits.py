"""Limits of request bodies: size, time, compression ratio and memory.

A body is read completely before the application runs, so a slow or half-closed client holds little more than a socket,
and a decompression bomb is refused at the first block over the limit. More than :data:`MAX_ANONYMOUS` bytes need a
valid token, and count for its account.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ApiError
from ..rest.errors import shaped
from ..settings import MEGABYTE, ServerSettings
from .body_memory import BodyMemory, Reservation
from .compression import zstandard

MAX_ANONYMOUS = 64 * 1024
"""Bytes of a body that need no valid token, compressed and decompressed."""
LARGE_PATHS = ("/api/chat/sync", "/api/chat/messages", "/api/chat/sessions")
"""Prefixes of endpoints that take conversations."""
MAX_OTHER = 2 * MEGABYTE
"""Bytes of a body for all other endpoints."""
RELAY_PATHS, MAX_RELAY = ("/api/chat", "/api/chat/stream"), 8 * MEGABYTE
"""Endpoints that take images, and the bytes of a body for them."""

MAX_COMPRESSED, MAX_DECOMPRESSED, MAX_RATIO = 2 * MEGABYTE, 8 * MEGABYTE, 50
"""Limits of a compressed body: docs/specification/endpoints.md#request-bodies."""
RATIO_FLOOR = 256 * 1024
"""Decompressed bytes below which every ratio is allowed: a few blank lines compress a thousandfold."""
MAX_MEMBERS = 100
"""Members of one gzip body. Empty ones have no content, so no other limit would stop a million of them."""
LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * MEGABYTE
"""Time and bytes for discarding the rest of a refused body: a client that is still writing reads the response only
afterwards, and would otherwise see a broken connection."""
ANONYMOUS_PAUSE = 0.05
"""Seconds before each discarded block without a sign-in, so that a flood over few connections is slow."""
SLICE = 256
"""Compressed bytes per call of zstd, which has no output limit: 4 bytes may decompress to 128 KiB."""
WINDOW = 8 * MEGABYTE
STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


SUPPORTED = "gzip, deflate or zstd" if zstandard is not None else "gzip or deflate"
CODINGS = (b"identity", b"", b"gzip", b"x-gzip", b"deflate", *((b"zstd",) if zstandard is not None else ()))


class ClientDisconnected(Exception):
    """Disconnect of a client before its request was complete."""


class BodyLimits:
    """ASGI middleware that passes complete, decompressed bodies on, and answers others 400, 401, 408, 413, 415 or 429.

    ``owner`` returns the account of a request's valid token without asking the database. ``count`` counts a request
    that needs a sign-in and has none.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        owner: Callable[[Scope], Awaitable[UUID | None]],
        count: Callable[[Scope], Awaitable[None]],
    ) -> None:
        self._app = app
        self._settings = settings
        self._owner = owner
        self._count = count
        self._memory = BodyMemory()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # escape a stray % first, or removing a NUL could make it the start of an escape
        scope["query_string"] = STRAY_PERCENT.sub(b"%25", scope["query_string"]).replace(b"%00", b"")
        headers = dict(scope["headers"])
        scope["sterna.received"] = 0
        if b"transfer-encoding" not in headers and headers.get(b"content-length", b"0").strip(b"0") == b"":
            await self._app(scope, receive, send)
            return
        reservation = Reservation(self._memory)
        try:
            try:
                body = await self._read(scope, headers, receive, reservation)
            except ClientDisconnected:
                return
            except ApiError as error:
                reservation.release()
                await _refuse(error, scope, receive, send)
                return
            replaced = (b"content-encoding", b"content-length", b"transfer-encoding")
            others = [(name, value) for name, value in scope["headers"] if name not in replaced]
            scope["headers"] = [*others, (b"content-length", str(len(body)).encode())]
            async with self._memory.slot(reservation.owner, len(body)):
                await self._app(scope, _once(body, receive), send)
        finally:
            reservation.release()

    async def _read(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, reservation: Reservation
    ) -> bytes:
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in CODINGS:
            raise ApiError("unsupported_media_type", f"A body has to be uncompressed, or compressed with {SUPPORTED}.")
        is_compressed = coding not in (b"identity", b"")
        limit = min(MAX_COMPRESSED if is_compressed else self._settings.body_bytes, self._limit(scope))
        declared = int(headers.get(b"content-length", b"0"))
        if declared > limit:
            raise _too_large(limit)
        if is_compressed or declared > MAX_ANONYMOUS:
            reservation.owner = await self._owner(scope)
        if reservation.owner is None and declared > MAX_ANONYMOUS:
            raise await self._needs_sign_in(scope)
        blocks = self._counted(scope, receive, limit, reservation)
        max_decompressed = MAX_DECOMPRESSED if reservation.owner is not None else MAX_ANONYMOUS
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                if coding == b"zstd":
                    body = await _decompressed_zstd(blocks, max_decompressed)
                elif is_compressed:
                    body = await _decompressed(blocks, max_decompressed, raw=coding == b"deflate")
                else:
                    return b"".join([block async for block in blocks])
        except TimeoutError:
            raise ApiError("request_timeout", "The request did not arrive completely in time.") from None
        reservation.grow_to(len(body))
        return body

    async def _needs_sign_in(self, scope: Scope) -> ApiError:
        await self._count(scope)
        return ApiError("auth_required", "A request of this size requires a sign-in.")

    def _limit(self, scope: Scope) -> int:
        if scope["path"].startswith(LARGE_PATHS):
            return self._settings.body_bytes
        return min(MAX_RELAY if scope["path"] in RELAY_PATHS else MAX_OTHER, self._settings.body_bytes)

    async def _counted(
        self, scope: Scope, receive: Receive, limit: int, reservation: Reservation
    ) -> AsyncIterator[bytes]:
        """Yield the blocks of a body; beyond MAX_ANONYMOUS bytes only with a valid token and while memory lasts."""
        async for block in _blocks(scope, receive, limit):
            if (read := scope["sterna.received"]) > MAX_ANONYMOUS:
                if reservation.owner is None:
                    reservation.owner = await self._owner(scope)
                if reservation.owner is None:
                    raise await self._needs_sign_in(scope)
                reservation.grow_to(read)
            yield block


async def _blocks(scope: Scope, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    read, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        block = message.get("body", b"")
        more = message.get("more_body", False)
        read += len(block)
        if read > limit:
            raise _too_large(limit)
        scope["sterna.received"] = read
        if block:
            yield block


async def _decompressed(blocks: AsyncIterator[bytes], limit: int, *, raw: bool) -> bytes:
    body = bytearray()
    decompressor: Any = None
    read = members = 0
    try:
        async for block in blocks:
            read += len(block)
            while block:
                if decompressor is None:
                    members += 1
                    if members > (1 if raw else MAX_MEMBERS):
                        raise zlib.error
                    bits = -zlib.MAX_WBITS if raw and block[0] & 0x0F != 8 else zlib.MAX_WBITS | 32
                    decompressor = zlib.decompressobj(bits)
                allowed = min(limit, max(RATIO_FLOOR, read * MAX_RATIO))
                body += decompressor.decompress(block, allowed + 1 - len(body))
                if len(body) > allowed:
                    raise _too_large(limit)
                block = decompressor.unconsumed_tail
                if decompressor.eof:
                    # gzip may consist of several members; deflate is one
                    block, decompressor = decompressor.unused_data, None
        if decompressor is not None:
            raise ApiError("bad_request", "The compressed body is incomplete.")
    except zlib.error:
        raise ApiError("bad_request", "The body is not compressed as its Content-Encoding says.") from None
    return bytes(body)


async def _decompressed_zstd(blocks: AsyncIterator[bytes], limit: int) -> bytes:
    """Return the content of one zstd frame, decompressed in small slices because zstd limits only its window."""
    body = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    read = 0
    try:
        async for block in blocks:
            for start in range(0, len(block), SLICE):
                part = block[start : start + SLICE]
                if decompressor.eof:
                    raise zstandard.ZstdError
                read += len(part)
                body += decompressor.decompress(part)
                if len(body) > min(limit, max(RATIO_FLOOR, read * MAX_RATIO)):
                    raise _too_large(limit)
        if decompressor.unused_data:
            raise zstandard.ZstdError
    except zstandard.ZstdError:
        raise ApiError("bad_request", "The body is not compressed as its Content-Encoding says.") from None
    if not decompressor.eof:
        raise ApiError("bad_request", "The compressed body is incomplete.")
    return bytes(body)


def _too_large(limit: int) -> ApiError:
    return ApiError("payload_too_large", "The request is too large.", details=f"The limit is {limit} bytes.")


def _once(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` with the body as one message, followed by those of the connection."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body() -> Message:
        return messages.pop() if messages else await receive()

    return receive_body


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the response at once, and its end when the client stops writing or has written enough."""
    shaped_error = shaped(error, scope["path"])
    response = JSONResponse(shaped_error.body(), shaped_error.status, {"connection": "close"})
    if error.code == "unsupported_media_type":
        response.headers["Accept-Encoding"] = SUPPORTED.replace(" or", ",")
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if error.code not in ("request_timeout", "rate_limit_exceeded"):
        await _drain(receive, ANONYMOUS_PAUSE if error.code == "auth_required" else 0.0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive, pause: float) -> None:
    remaining = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while remaining > 0:
                await asyncio.sleep(pause)
                message = await receive()
                remaining -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
