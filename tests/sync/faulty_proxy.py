"""Proxy between a device and its server that forwards, drops, alters or replaces what passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class FaultyProxy:
    """Proxy whose ``address`` a device uses as its server."""

    port: int
    address: str = ""
    reply: bytes | None = None
    """Sent as the response to every request from now on."""
    cut: bool = False
    """Close connections as soon as they are made."""
    drops_responses: bool = False
    """Forward requests, but no response."""
    replaces: tuple[bytes, bytes] | None = None
    """Bytes of responses, and their replacement."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and target of each request, in order."""
    sent: bytearray = field(default_factory=bytearray)
    """All bytes that devices sent."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def break_off(self) -> None:
        """Close all connections."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while not self.cut:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.sent += head
                    first, *lines = head.decode("latin-1").split("\r\n")
                    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                    self.sent += body
                    method, target, _ = first.split(" ")
                    self.requests.append((method, target))
                    if self.reply is not None:
                        writer.write(self.reply)
                        await writer.drain()
                    elif not self.cut:
                        await self._forward(head + body, writer)
            finally:
                writer.close()

    async def _forward(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        """Forward one request on its own connection, which ends with the response."""
        reader, upstream = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            upstream.write(
                request.replace(b"\r\n", b"\r\nconnection: close\r\n", 1).replace(b"connection: keep-alive", b"x: x")
            )
            await upstream.drain()
            if self.drops_responses:
                await reader.read()
                raise ConnectionError
            while chunk := await reader.read(65536):
                if self.replaces is not None:
                    chunk = chunk.replace(*self.replaces)
                writer.write(chunk)
                await writer.drain()
        finally:
            upstream.close()
        raise ConnectionError  # the response announced the end of the connection


@asynccontextmanager
async def faulty_proxy(server: str) -> AsyncIterator[FaultyProxy]:
    """Run a proxy before ``server``."""
    proxy = FaultyProxy(urlsplit(server).port or 80)
    listening = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.break_off()
