"""Request bodies before anything looks at them: how large, how long, how compressed they may be.

A body is read whole before the application runs, so a slow or half-closed client holds a socket and little else, and
a compressed bomb is given up on at the first block that is too much. More than :data:`STRANGERS` bytes are read only of
somebody whose token is valid, and count for that account.
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
from .body_memory import BodyMemory, Claim
from .compression import zstandard

STRANGERS = 64 * 1024
"""Bytes of a body, before and after it is inflated, that are taken without a valid token."""
LARGE_PATHS = ("/api/chat/sync", "/api/chat/messages", "/api/chat/sessions")
"""Endpoints that take conversations."""
OTHERS = 2 * MEGABYTE
"""Bytes of a body for all other endpoints."""

COMPRESSED, INFLATED, RATIO = 2 * MEGABYTE, 8 * MEGABYTE, 50
"""Of a compressed body: docs/specification/endpoints.md#request-bodies."""
RATIO_FLOOR = 256 * 1024
"""Inflated bytes under which no ratio is suspicious: a few blank lines compress a thousandfold."""
MEMBERS = 100
"""Of one gzip body. Empty ones inflate to nothing, so no other limit ends a body of a million of them."""
LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * MEGABYTE
"""What is still read, and thrown away, of a body that was refused: a client that is writing sees the answer only after
that, and would see a broken connection without it."""
STRANGERS_PAUSE = 0.05
"""Seconds before each piece of that of somebody who did not sign in: a flood is as slow as its connections are few."""
SLICE = 256
"""Compressed bytes that zstd is given at once: it has no limit of its own, and 4 bytes of it may be 128 KiB."""
WINDOW = 8 * MEGABYTE
STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")


TAKEN = "gzip, deflate or zstd" if zstandard is not None else "gzip or deflate"
CODINGS = (b"identity", b"", b"gzip", b"x-gzip", b"deflate", *((b"zstd",) if zstandard is not None else ()))


class Gone(Exception):
    """The client left before its request was complete."""


class Bodies:
    """ASGI middleware: hands on whole, inflated bodies, and answers 401, 408, 413, 415, 429 and 400 for the others.

    ``owner`` gives whose valid token a request carries; it asks no database. ``count`` counts a stranger's request.
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
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # a % that begins no escape is one first, or it would begin one with what stood behind a NUL
        scope["query_string"] = STRAY.sub(b"%25", scope["query_string"]).replace(b"%00", b"")
        headers = dict(scope["headers"])
        scope["sterna.received"] = 0
        if b"transfer-encoding" not in headers and headers.get(b"content-length", b"0").strip(b"0") == b"":
            await self._app(scope, receive, send)
            return
        claim = Claim(self._memory)
        try:
            try:
                body = await self._read(scope, headers, receive, claim)
            except Gone:
                return
            except ApiError as error:
                claim.release()
                await _refuse(error, scope, receive, send)
                return
            described = (b"content-encoding", b"content-length", b"transfer-encoding")
            kept = [(name, value) for name, value in scope["headers"] if name not in described]
            scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
            async with self._memory.turn(claim.owner, len(body)):
                await self._app(scope, _once(body, receive), send)
        finally:
            claim.release()

    async def _read(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, claim: Claim) -> bytes:
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in CODINGS:
            raise ApiError("unsupported_media_type", f"Bodies are taken plain, or compressed with {TAKEN}.")
        compressed = coding not in (b"identity", b"")
        most = min(COMPRESSED if compressed else self._settings.body_bytes, self._most(scope))
        declared = int(headers.get(b"content-length", b"0"))
        if declared > most:
            raise _too_large(most)
        if compressed or declared > STRANGERS:
            claim.owner = await self._owner(scope)
        if claim.owner is None and declared > STRANGERS:
            raise await self._needs_sign_in(scope)
        pieces = self._counted(scope, receive, most, claim)
        inflated = INFLATED if claim.owner is not None else STRANGERS
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                if coding == b"zstd":
                    body = await _expanded(pieces, inflated)
                elif compressed:
                    body = await _inflated(pieces, inflated, raw=coding == b"deflate")
                else:
                    return b"".join([piece async for piece in pieces])
        except TimeoutError:
            raise ApiError("request_timeout", "The request did not arrive completely in time.") from None
        claim.grow_to(len(body))
        return body

    async def _needs_sign_in(self, scope: Scope) -> ApiError:
        await self._count(scope)
        return ApiError("auth_required", "A request as large as this needs a sign-in.")

    def _most(self, scope: Scope) -> int:
        is_large = scope["path"].startswith(LARGE_PATHS)
        return self._settings.body_bytes if is_large else min(OTHERS, self._settings.body_bytes)

    async def _counted(self, scope: Scope, receive: Receive, most: int, claim: Claim) -> AsyncIterator[bytes]:
        """The pieces of a body; more than STRANGERS bytes only of somebody known, as far as there is memory."""
        async for piece in _pieces(scope, receive, most):
            if (read := scope["sterna.received"]) > STRANGERS:
                if claim.owner is None:
                    claim.owner = await self._owner(scope)
                if claim.owner is None:
                    raise await self._needs_sign_in(scope)
                claim.grow_to(read)
            yield piece


async def _pieces(scope: Scope, receive: Receive, most: int) -> AsyncIterator[bytes]:
    read, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        more = message.get("more_body", False)
        read += len(piece)
        if read > most:
            raise _too_large(most)
        scope["sterna.received"] = read
        if piece:
            yield piece


async def _inflated(pieces: AsyncIterator[bytes], largest: int, *, raw: bool) -> bytes:
    body = bytearray()
    inflater: Any = None
    read = members = 0
    try:
        async for piece in pieces:
            read += len(piece)
            while piece:
                if inflater is None:
                    members += 1
                    if members > (1 if raw else MEMBERS):
                        raise zlib.error
                    bits = -zlib.MAX_WBITS if raw and piece[0] & 0x0F != 8 else zlib.MAX_WBITS | 32
                    inflater = zlib.decompressobj(bits)
                most = min(largest, max(RATIO_FLOOR, read * RATIO))
                body += inflater.decompress(piece, most + 1 - len(body))
                if len(body) > most:
                    raise _too_large(largest)
                piece = inflater.unconsumed_tail
                if inflater.eof:
                    # gzip may be several streams, one after the other; deflate is one
                    piece, inflater = inflater.unused_data, None
        if inflater is not None:
            raise ApiError("bad_request", "The compressed body ends in the middle.")
    except zlib.error:
        raise ApiError("bad_request", "The body is not compressed as its Content-Encoding says.") from None
    return bytes(body)


async def _expanded(pieces: AsyncIterator[bytes], largest: int) -> bytes:
    """Of zstd, one frame. Its own limit is that of the window, so it is given little at once."""
    body = bytearray()
    expander = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    read = 0
    try:
        async for piece in pieces:
            for start in range(0, len(piece), SLICE):
                some = piece[start : start + SLICE]
                if expander.eof:
                    raise zstandard.ZstdError
                read += len(some)
                body += expander.decompress(some)
                if len(body) > min(largest, max(RATIO_FLOOR, read * RATIO)):
                    raise _too_large(largest)
        if expander.unused_data:
            raise zstandard.ZstdError
    except zstandard.ZstdError:
        raise ApiError("bad_request", "The body is not compressed as its Content-Encoding says.") from None
    if not expander.eof:
        raise ApiError("bad_request", "The compressed body ends in the middle.")
    return bytes(body)


def _too_large(most: int) -> ApiError:
    return ApiError("payload_too_large", "The request is too large.", details=f"At most {most} bytes are taken.")


def _once(body: bytes, receive: Receive) -> Receive:
    """The body as one message; afterwards, whatever the connection has to say."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return left.pop() if left else await receive()

    return told


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """The answer at once, the end of it when the client has stopped writing or has written enough."""
    told = shaped(error, scope["path"])
    response = JSONResponse(told.body(), told.status, {"connection": "close"})
    if error.code == "unsupported_media_type":
        response.headers["Accept-Encoding"] = TAKEN.replace(" or", ",")
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if error.code not in ("request_timeout", "rate_limit_exceeded"):
        await _drain(receive, STRANGERS_PAUSE if error.code == "auth_required" else 0.0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive, pause: float) -> None:
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                await asyncio.sleep(pause)
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
