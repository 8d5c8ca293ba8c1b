"""Time that a test owns, waiting for what is expected, and a server whose every byte is scripted."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sterna.sync.clock import Timing


class Passing:
    """A clock, a stopwatch and sleepers; nobody wakes before the test lets time pass."""

    def __init__(self) -> None:
        self.wall = 1_772_000_000.0
        self.stopwatch = 1000.0
        self._sleepers: dict[asyncio.Future[None], float] = {}

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.wall, lambda: self.stopwatch, self.sleep)

    @property
    def naps(self) -> list[float]:
        """Seconds that each sleeper still has to sleep."""
        return sorted(at - self.stopwatch for at in self._sleepers.values())

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[waking] = self.stopwatch + seconds
        try:
            await waking
        finally:
            self._sleepers.pop(waking, None)

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.stopwatch += seconds
        for waking, at in sorted(self._sleepers.items(), key=lambda one: one[1]):
            if at <= self.stopwatch and not waking.done():
                waking.set_result(None)
                del self._sleepers[waking]

    def suspend(self, seconds: float) -> None:
        """The computer sleeps: the stopwatch stands still."""
        self.wall += seconds


async def until(there: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not there():  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.005)


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Reply = bytes | Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """What it answers, one after the other; the last one again and again."""

    replies: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines if one)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = first.split(" ")
                self.asked.append(Asked(method, target, headers, body))
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                else:
                    await reply(self.asked[-1], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*replies: Reply, ssl: Any = None) -> AsyncIterator[Scripted]:
    """A server on loopback that answers with exactly these bytes."""
    found = Scripted(list(replies))
    serving: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.ensure_future(found.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=ssl)
    found.address = f"http{'s' if ssl else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in writers:  # also of one that was given up before its task began
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


def answer(
    body: Any = b"", status: str = "200 OK", *, headers: Sequence[str] = (), packed: bool = False, kind: str = "json"
) -> bytes:
    """The bytes of an answer; what is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"content-type: {'application/json' if kind == 'json' else kind}", *headers]
    if packed:
        content = gzip.compress(content)
        lines.append("content-encoding: gzip")
    lines.append(f"content-length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content
