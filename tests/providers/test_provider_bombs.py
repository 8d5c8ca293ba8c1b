"""Reading stops for a provider that sends without end, or compressed bombs; memory is never exhausted."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import zstandard
from raw_server import answer, serving

from sterna.providers import ChatMessage, Delta, Endpoint, Failed, FailureKind, ProviderError, Request, Timeouts
from sterna.providers.endpoint_provider import EndpointProvider

ASK = Request("small", (ChatMessage("user", "hello"),))
LIMIT = 128 * 1024
SIZE = 12 * 1024 * 1024
STREAM = {"content-type": "text/event-stream"}
PEAK = SIZE // 2


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("EVENT", 1), ("WHOLE", 1), ("REPLY", 1), ("STREAM", 60)):
        monkeypatch.setattr(f"sterna.providers.reply_reader.MAX_{name}", size * LIMIT)
    monkeypatch.setattr("sterna.providers.endpoint_provider.MAX_LIST", LIMIT)
    monkeypatch.setattr("sterna.net.json_text.MAX_VALUES", 10_000)


class Endless(httpx.AsyncByteStream):
    """Body of the same bytes again and again."""

    def __init__(self, first: bytes, piece: bytes) -> None:
        self._first, self._piece = first, piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        for _ in range(SIZE // len(self._piece)):
            yield self._piece


def packed(encoding: str) -> httpx.Response:
    packer = zstandard.ZstdCompressor().compressobj() if encoding == "zstd" else zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(b"data: x\n" * 1024) for _ in range(SIZE // 8192)) + packer.flush()
    return httpx.Response(200, headers=STREAM | {"content-encoding": encoding}, stream=Endless(body, b"\0" * SIZE))


def endless(first: bytes, piece: bytes) -> httpx.Response:
    return httpx.Response(200, headers=STREAM, stream=Endless(first, piece))


DELTA = b'data: {"choices":[{"delta":{"content":"' + b"y" * 5000 + b'"}}]}\n\n'
ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "zstd": lambda: packed("zstd"),
    "gzip": lambda: packed("gzip"),
    "brotli": lambda: httpx.Response(200, headers={"content-encoding": "br"}, stream=Endless(b"", b"x" * 60_000)),
    "a line": lambda: endless(b"data: ", b"x" * 60_000),
    "an event": lambda: endless(b"", b"data: x\n" * 8000),
    "comments": lambda: endless(b"", (b": " + b"x" * 5000 + b"\n\n") * 12),
    "an object": lambda: endless(b'{"choices": "', b"x" * 60_000),
    "many values": lambda: endless(b"[", b"[],{}," * 8000),
    "blanks": lambda: endless(b"", b" \n" * 30_000),
    "text": lambda: endless(b"", DELTA),
    "reasoning": lambda: endless(b"", DELTA.replace(b"content", b"reasoning")),
}


async def watched(work: Awaitable[None]) -> None:
    """Run the work, and check that it took little memory."""
    tracemalloc.start()
    try:
        await work
        assert tracemalloc.get_traced_memory()[1] < PEAK
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_reply_without_end_is_given_up(kind: str) -> None:
    made = ANSWERS[kind]()
    provider = EndpointProvider(Endpoint("acme", "http://a.example"), transport=httpx.MockTransport(lambda _: made))

    async def ask() -> None:
        received, last = 0, None
        async for event in provider.stream(ASK):
            received, last = received + (len(event.text) if isinstance(event, Delta) else 0), event
        assert isinstance(last, Failed)
        assert (received > LIMIT) == (kind == "text")
        assert ("partial reply is saved" in last.message) == (kind in ("text", "reasoning"))

    await watched(ask())
    await provider.aclose()


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("status", [200, 500])
async def test_a_list_of_models_without_end_is_given_up(kind: str, status: int) -> None:
    made = ANSWERS[kind]()
    made.status_code = status
    provider = EndpointProvider(Endpoint("acme", "http://a.example"), transport=httpx.MockTransport(lambda _: made))

    async def ask() -> None:
        with pytest.raises(ProviderError):
            await provider.models()

    await watched(ask())
    await provider.aclose()


async def test_headers_without_end_are_given_up() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"y" * SIZE) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        (event,) = [event async for event in provider.stream(ASK)]
        await provider.aclose()
    assert isinstance(event, Failed)
    assert "does not speak HTTP" in event.message


async def test_interim_answers_without_end_are_given_up() -> None:
    async def interim(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
            await writer.drain()
            await asyncio.sleep(0.01)  # as slowly as a server may

    async with serving(interim) as server:
        provider = EndpointProvider(Endpoint("acme", server.url), timeouts=Timeouts(connect=0.5, read=0.5, write=0.05))
        (event,) = [event async for event in provider.stream(ASK)]
        await provider.aclose()
    assert isinstance(event, Failed)
    assert event.kind is FailureKind.TIMEOUT


async def test_a_list_may_be_an_error() -> None:
    body = {"error": {"message": "This gateway is closed on Sundays."}}
    async with serving(answer("200 OK", body)) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        with pytest.raises(ProviderError, match="closed on Sundays"):
            await provider.models()
        await provider.aclose()
