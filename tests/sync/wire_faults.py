"""What stands between a device and its server: it passes everything on, nothing, or answers in the server's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Between:
    """``address`` is what a device takes for its server."""

    port: int
    address: str = ""
    says: bytes | None = None
    """Answered to every request that begins from now on."""
    cut: bool = False
    """Connections end as soon as they are made."""
    loses: bool = False
    """Answers are lost: the server has done it, and the device hears nothing."""
    strips: tuple[bytes, bytes] | None = None
    """Bytes of an answer and what is put in their place."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and target of every request, in order."""
    sent: bytearray = field(default_factory=bytearray)
    """Every byte of every device."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def break_off(self) -> None:
        """End every connection that there is."""
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
                    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                    self.sent += body
                    method, target, _ = first.split(" ")
                    self.requests.append((method, target))
                    if self.says is not None:
                        writer.write(self.says)
                        await writer.drain()
                    elif not self.cut:
                        await self._pass_on(head + body, writer)
            finally:
                writer.close()

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        """One request on a connection of its own, whose end is the answer's."""
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            ours.write(
                request.replace(b"\r\n", b"\r\nconnection: close\r\n", 1).replace(b"connection: keep-alive", b"x: x")
            )
            await ours.drain()
            if self.loses:
                await theirs.read()
                raise ConnectionError
            while some := await theirs.read(65536):
                if self.strips is not None:
                    some = some.replace(*self.strips)
                writer.write(some)
                await writer.drain()
        finally:
            ours.close()
        raise ConnectionError  # the answer said that the connection ends here


@asynccontextmanager
async def between(server: str) -> AsyncIterator[Between]:
    """A way to ``server`` that a test can spoil."""
    found = Between(urlsplit(server).port or 80)
    listening = await asyncio.start_server(found.accept, "127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        listening.close()
        await found.break_off()
