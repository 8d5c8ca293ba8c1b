"""HTTP and SOCKS5 proxy on a loopback socket that connects every name to one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Seen:
    """Targets that the proxy was asked to connect to."""

    port: int = 0
    targets: list[str] = field(default_factory=list)


@asynccontextmanager
async def proxying(target: tuple[str, int], *, refuse: bytes = b"") -> AsyncIterator[Seen]:
    """Run a proxy that connects everything to ``target``; with ``refuse`` it answers every CONNECT with that."""
    seen = Seen()
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            handlers.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            if first == b"\x05":
                seen.targets.append(await _socks(reader, writer))
                await _join(reader, writer, target, b"")
            else:
                head = first + await reader.readuntil(b"\r\n\r\n")
                method, url, _ = head.split(b" ", 2)
                seen.targets.append(url.decode())
                if refuse:
                    writer.write(refuse)
                    await writer.drain()
                elif method == b"CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await _join(reader, writer, target, b"")
                else:
                    path = b"/" + url.split(b"/", 3)[3]  # without the scheme and the host
                    await _join(reader, writer, target, head.replace(url, path, 1))
        await _close(writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        if handlers:  # a socket that outlives its event loop is a warning in whatever test runs then
            await asyncio.wait(handlers, timeout=5)


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """Yield the port of a listener that answers a SOCKS greeting with two bytes and a request with the rest.

    With None it is silent.
    """
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            handlers.add(task)
        with suppress(ConnectionError):
            for part in ((answer or b"")[:2], (answer or b"")[2:]):
                if answer != b"" and not await reader.read(100):
                    break
                writer.write(part)
        await _close(writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait(handlers, timeout=5)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(b"\x05\x00")
    _, _, _, kind = await reader.readexactly(4)
    size = (await reader.readexactly(1))[0] if kind == 3 else 4 if kind == 1 else 16
    name, port = await reader.readexactly(size), int.from_bytes(await reader.readexactly(2), "big")
    writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
    return f"{name.decode() if kind == 3 else name.hex()}:{port}"


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int], first: bytes
) -> None:
    far_reader, far_writer = await asyncio.open_connection(*target)
    far_writer.write(first)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await source.read(65536):
                sink.write(some)
                await sink.drain()
        await _close(sink)

    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
