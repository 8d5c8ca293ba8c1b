"""Server on a real loopback socket that responds with exactly the given bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """Request as received over the socket."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RawServer:
    """Address of the server, and the requests that it received."""

    url: str = ""
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the end of the test; endless responses wait for it."""


@asynccontextmanager
async def serving(*answers: bytes | Answer, tls: Any = None) -> AsyncIterator[RawServer]:
    """Run a server that sends its responses in turn, the last one again and again."""
    state = RawServer()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (item.partition(": ") for item in rest)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                state.requests.append(Seen(line, headers, body))
                answer = answers[min(len(state.requests), len(answers)) - 1]
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(writer)
                if not isinstance(answer, bytes) or b"keep-alive" not in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1"
    try:
        yield state
    finally:
        state.over.set()
        server.close()
        await server.wait_closed()


def answer(status: str, body: str | bytes | dict[str, Any] | list[Any], *headers: str) -> bytes:
    """Return a whole HTTP response."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers = (*headers, "Content-Type: application/json")
    payload = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(payload)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + payload


def sse(*events: Any, done: bool = True, extra: str = "") -> bytes:
    """Return a whole response of server-sent events: JSON for everything but text."""
    lines = [f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events]
    body = "".join(lines) + ("data: [DONE]\n\n" if done else "") + extra
    return answer("200 OK", body, "Content-Type: text/event-stream")


def started(*events: Any, length: int = 100_000) -> bytes:
    """Return the beginning of a response that announces more than it has."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {length}\r\n\r\n".encode()
    return head + body


def piece(text: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk of a reply."""
    delta = {} if text is None else {"content": text}
    return {
        "id": "gen-1",
        "model": "small-2",
        "choices": [{"index": 0, "delta": delta | more, "finish_reason": finish}],
    }


def reset(first: bytes) -> Answer:
    """Begin with ``first`` and then drop the connection with a RST."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return act
