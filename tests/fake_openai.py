"""A local OpenAI-compatible server on a real socket, whose replies are scripted. Standard library only.

In a test it runs in a thread (:class:`Server`); alone it is ``python -m tests.fake_openai --port 0 --tokens 500 --rate
200``, which prints its address on the first line.

What it answers is said by the prompt, so that a person at a terminal, or a story that types, can steer it:

=================  ==============================================================================
``!words 200``     two hundred words of Markdown, the last ``ENDOFREPLY``
``!hold 5``        five words, then nothing until the test calls :meth:`Server.release`
``!drop 5``        five words, then the connection breaks
``!end 5``         five words, then an end without ``[DONE]`` or a finish reason
``!fail 429``      that status, with an error object (429 says ``Retry-After: 7``)
``!html``          a page instead of JSON
``!garbage``       an event that is no JSON
``!think words``   the words come as reasoning, then ``Thought about it.``
``!tool add {…}``  text, then a call of the tool ``add`` with these arguments in pieces, if the request offers tools;
                   what the tool returns is then said: ``The tool says: …``
anything else      ``You said: …``
=================  ==============================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

MODELS = {"model": 8192, "other": 32768, "tiny": 512}
VOCABULARY = tuple(
    """the tern crosses two oceans and remembers the way back while the *wind* writes `small waves` on **grey water**
    and every feather counts""".split()  # noqa: SIM905
)


class DroppedError(Exception):
    """The connection is to be broken."""


@dataclass(frozen=True)
class Script:
    """One answer."""

    pieces: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    deltas: tuple[dict[str, Any], ...] = ()
    """As they are sent, after the others: for kinds that take turns."""
    finish: str = "stop"
    then: str = "done"
    """``done``, ``hold`` (wait for release, then done), ``drop``, ``end`` or ``garbage``."""
    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def words(count: int) -> tuple[str, ...]:
    """``count`` pieces of Markdown: paragraphs, now and then a list or some code; the last is ``ENDOFREPLY``."""
    return (*itertools.islice(_prose(), max(count - 1, 0)), "ENDOFREPLY")


def _prose() -> Iterator[str]:
    supply = itertools.cycle(VOCABULARY)
    for number in itertools.count(1):
        yield f"## Part {number}\n\n"
        for _ in range(60):
            yield next(supply) + " "
        yield "\n\n"
        for _ in range(3):
            yield "- "
            for _ in range(6):
                yield next(supply) + " "
            yield "\n"
        yield "\n```python\n"
        for line in range(5):
            yield f"wing_{line} = "
            yield f"flap({line}, "
            yield "'far')\n"
        yield "```\n\n"


def by_prompt(body: dict[str, Any]) -> Script:
    """The answer that the last message asks for; see the module's table."""
    prompt = str(body["messages"][-1]["content"])
    if body["messages"][-1]["role"] == "tool":
        return Script(tuple(_pieces(f"The tool says: {prompt}")))
    command, _, rest = prompt.strip().partition(" ")
    count = int(rest) if rest.isdecimal() else 5
    match command:
        case "!words":
            return Script(words(count))
        case "!hold" | "!drop" | "!end" | "!garbage":
            return Script(tuple(f"word{n} " for n in range(1, count + 1)), then=command[1:])
        case "!fail":
            return failure(count)
        case "!html":
            return Script(status=200, body="<html><body>Sign in</body></html>", content_type="text/html")
        case "!tool" if body.get("tools"):
            name, _, arguments = rest.partition(" ")
            return call(name, arguments or "{}")
        case "!think":
            return Script(("Thought ", "about ", "it."), reasoning=tuple(f"{word} " for word in rest.split()))
    return Script(tuple(_pieces(f"You said: {prompt}")))


def call(name: str, arguments: str) -> Script:
    """A call of a tool after some text; its arguments come in two pieces."""
    begin = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments[:3]}}
    rest = {"index": 0, "function": {"arguments": arguments[3:]}}
    deltas = tuple({"tool_calls": [piece]} for piece in (begin, rest))
    return Script(("Let me look.",), deltas=deltas, finish="tool_calls")


def failure(status: int) -> Script:
    """An error as such servers send it."""
    error = {"message": f"scripted {status}", "type": "error", "code": status}
    headers = (("Retry-After", "7"),) if status == 429 else ()
    return Script(status=status, body=json.dumps({"error": error}), headers=headers)


def _pieces(text: str) -> Iterator[str]:
    for word in text.splitlines(keepends=True) or [""]:
        yield from (part for part in word.replace(" ", " \0").split("\0") if part)


@dataclass
class FakeOpenAI:
    """The server itself, inside an event loop."""

    reply: Callable[[dict[str, Any]], Script] = by_prompt
    rate: float | None = None
    """Pieces a second; None: as fast as the socket takes them."""
    key: str | None = None
    """When set, requests without this bearer key get 401."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the chat requests, as they came."""
    sent: int = 0
    """Pieces written so far, over all replies."""
    listed: int = 0
    """Requests for the list of models."""
    lists: bool = True
    """When not, the list of models is held until :meth:`release`."""
    stated: dict[str, Any] = field(default_factory=dict)
    """What its list says of every model beside the context length."""
    left: int = 0
    """Clients that closed the connection before their reply was complete."""

    async def start(self, port: int = 0) -> str:
        """Listen; gives the address that a client is configured with."""
        self._gate = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=64 * 1024 * 1024)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def release(self) -> None:
        """Let every reply that is held now come to its end."""
        gate, self._gate = self._gate, asyncio.Event()
        gate.set()

    async def close(self) -> None:
        """Stop listening; replies under way are cut off."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._gate.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await self._route(reader, writer, method, path, headers, body)
        except asyncio.IncompleteReadError:
            pass  # the client left without a request, as some tests do
        except ConnectionError:
            self.left += 1
        except DroppedError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _route(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> None:
        self.listed += (method, path) == ("GET", "/v1/models")
        if self.key is not None and headers.get("authorization") != f"bearer {self.key.lower()}":
            await self._whole(writer, failure(401))
        elif (method, path) == ("GET", "/v1/models"):
            if not self.lists:
                await self._hold(reader)
            named = [{"id": name, "object": "model", "context_length": size} for name, size in MODELS.items()]
            listed = [one | self.stated for one in named]
            await self._whole(writer, Script(body=json.dumps({"object": "list", "data": listed})))
        elif (method, path) == ("POST", "/v1/chat/completions"):
            asked = json.loads(body)
            self.requests.append(asked)
            script = self.reply(asked)
            await (self._whole(writer, script) if script.body else self._stream(reader, writer, script, asked))
        else:
            await self._whole(writer, failure(404))

    async def _whole(self, writer: asyncio.StreamWriter, script: Script) -> None:
        payload = script.body.encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in script.headers)
        writer.write(
            f"HTTP/1.1 {script.status} Scripted\r\nContent-Type: {script.content_type}\r\n{extra}"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(payload)
        await writer.drain()

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        going, freed = asyncio.ensure_future(reader.read(1)), asyncio.ensure_future(self._gate.wait())
        try:
            await asyncio.wait((going, freed), return_when=asyncio.FIRST_COMPLETED)
            if not freed.done():
                self.left += 1
                raise DroppedError
        finally:
            going.cancel()
            freed.cancel()
            await asyncio.gather(going, freed, return_exceptions=True)

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, script: Script, asked: dict[str, Any]
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")

        async def event(data: str) -> None:
            line = f"data: {data}\n\n".encode()
            writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            await writer.drain()

        def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            base = {"id": "gen-1", "object": "chat.completion.chunk", "model": asked["model"], "choices": [choice]}
            return json.dumps(base | more)

        deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in script.reasoning]
        deltas += [*({"content": piece} for piece in script.pieces), *script.deltas]
        began = asyncio.get_running_loop().time()
        for number, delta in enumerate(deltas):
            if self.rate is not None:  # by the clock, so that late wake-ups do not add up
                await asyncio.sleep(began + number / self.rate - asyncio.get_running_loop().time())
            await event(chunk(delta))
            self.sent += 1
        match script.then:
            case "hold":
                await self._hold(reader)
            case "drop":
                raise DroppedError
            case "garbage":
                await event("{not json")
        if script.then != "end":
            await event(chunk({}, script.finish))
            counts = {"prompt_tokens": 11, "completion_tokens": len(deltas), "total_tokens": 11 + len(deltas)}
            await event(chunk({}, choices=[], usage=counts))
            await event("[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


class Server:
    """:class:`FakeOpenAI` in a thread of its own, for tests that drive other processes or want none of their loop."""

    def __init__(self, *, port: int = 0, **settings: Any) -> None:
        self.fake = FakeOpenAI(**settings)
        self.url = ""
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-openai", daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self.fake.start(self._port), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def release(self) -> None:
        """Let every reply that is held now come to its end."""
        self._loop.call_soon_threadsafe(self.fake.release)

    async def _finish(self) -> None:
        await self.fake.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)


async def serve(port: int, tokens: int | None, rate: float | None) -> None:
    """Run until killed."""
    fake = FakeOpenAI(rate=rate)
    if tokens is not None:
        script = Script(words(tokens))
        fake.reply = lambda body: script
    print(f"listening on {await fake.start(port)}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """The server as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=None, help="every reply has this many pieces")
    parser.add_argument("--rate", type=float, default=None, help="pieces a second")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.tokens, options.rate))


if __name__ == "__main__":
    main()
