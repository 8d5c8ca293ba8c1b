"""Change feed: event stream, long polling and polling, and the cost of each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fake_time import FakeTime, until
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import ReceivedRequest, ScriptedServer, response, scripted
from test_transport import Signed

from sterna.net import TooLarge
from sterna.sync.auth.bearer import Bearer
from sterna.sync.change_feed import ChangeFeed, HeadParser
from sterna.sync.network.server_address import server_of
from sterna.sync.network.transport import Transport

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n"


class Recorder:
    """Listener that records its notifications."""

    def __init__(self) -> None:
        self.is_online = asyncio.Event()
        self.is_online.set()
        self.heads: list[int] = []
        self.syncs = 0
        self.cur = 7
        self.idle = False

    async def wait_until_online(self) -> None:
        await self.is_online.wait()

    async def sync_and_wait(self) -> None:
        self.syncs += 1
        await self.is_online.wait()

    def on_head(self, seq: int) -> None:
        self.heads.append(seq)

    async def cursor(self) -> int:
        return self.cur

    def is_idle(self) -> bool:
        return self.idle


@asynccontextmanager
async def listening(
    server: ScriptedServer, time: FakeTime, *, streams: bool = True
) -> AsyncIterator[tuple[Recorder, ChangeFeed]]:
    listener = Recorder()
    transport = Transport(server_of(server.address), Bearer(Signed()), timing=time.timing)
    headers = {"Sync-Client": "sterna/1; proto=1-1"}
    feed = ChangeFeed(transport, listener, streams=streams, headers=headers, timing=time.timing, rng=random.Random(3))
    running = asyncio.create_task(feed.run())
    try:
        yield listener, feed
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await transport.close()


def head(seq: int) -> bytes:
    return f'event: head\ndata: {{"seq": {seq}}}\n\n'.encode()


def pausing(time: FakeTime) -> bool:
    """Return whether the feed waits before a retry, and for nothing else."""
    return len(time.sleeping) == 1 and time.sleeping[0] <= 30.0


class FedStream:
    """Event stream that sends what a test gives it."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __call__(self, asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        while (chunk := await self.chunks.get()) is not None:
            writer.write(chunk)
            await writer.drain()
        writer.close()


# Parsing


def test_a_stream_is_parsed_into_heads() -> None:
    parser = HeadParser()
    assert parser.feed(b": hello\n\n") == []
    assert parser.feed(head(7) + b'event: other\ndata: {"seq": 9}\n\n' + head(8)) == [7, 8]
    assert parser.feed(b'event:head\r\ndata:{"seq": 12}\r\n\r\n') == [12]


@pytest.mark.parametrize(
    "data", [b"x", b"[]", b"{}", b'{"seq": "7"}', b'{"seq": true}', b'{"seq": -1}', b"\xff", b"[" * 4000]
)
def test_invalid_heads_are_ignored(data: bytes) -> None:
    assert HeadParser().feed(b"event: head\ndata: " + data + b"\n\n" + head(3)) == [3]


def test_a_line_that_never_ends_is_too_large() -> None:
    parser = HeadParser()
    parser.feed(b"x" * 4096)
    with pytest.raises(TooLarge):
        parser.feed(b"x")


@given(st.lists(st.integers(0, 2**53), max_size=5), st.integers(1, 20))
def test_where_a_stream_is_cut_does_not_matter(seqs: list[int], size: int) -> None:
    whole = b": beat\n\n".join(head(seq) for seq in seqs)
    parser = HeadParser()
    heads = [seq for at in range(0, len(whole), size) for seq in parser.feed(whole[at : at + size])]
    assert heads == seqs


# Listening


async def test_a_stream_reports_every_change_with_one_request() -> None:
    time, stream = FakeTime(), FedStream()
    async with scripted(stream) as server, listening(server, time) as (listener, _):
        for chunk in (b": beat\n\n", head(7), b": beat\n\n", head(8), head(9)):
            stream.chunks.put_nowait(chunk)
        await until(lambda: listener.heads == [7, 8, 9])
        assert [(request.method, request.target) for request in server.requests] == [("GET", "/api/chat/sync/head")]
        assert server.requests[0].headers["accept"] == "text/event-stream"
        assert server.requests[0].headers["authorization"] == "Bearer t1"
        assert server.requests[0].headers["sync-client"] == "sterna/1; proto=1-1"
        assert listener.syncs == 0


async def test_a_stream_that_ends_is_opened_again_within_half_a_minute() -> None:
    time, stream = FakeTime(), FedStream()
    async with scripted(stream) as server, listening(server, time) as (listener, feed):
        stream.chunks.put_nowait(head(7))
        stream.chunks.put_nowait(None)
        await until(lambda: listener.heads == [7] and pausing(time))
        assert len(server.requests) == 1
        time.advance(30.0)
        stream.chunks.put_nowait(head(8))
        await until(lambda: listener.heads == [7, 8])
        assert (feed.method, listener.syncs) == ("stream", 0)


async def test_a_stream_without_a_heartbeat_is_dead() -> None:
    time, stream = FakeTime(), FedStream()
    async with scripted(stream) as server, listening(server, time) as (listener, _):
        stream.chunks.put_nowait(head(7))
        await until(lambda: listener.heads and time.sleeping == [70.0])
        time.advance(70.0)
        await until(lambda: pausing(time))
        time.advance(30.0)
        await until(lambda: len(server.requests) == 2)


async def test_a_server_without_streams_is_long_polled() -> None:
    time = FakeTime()
    release = asyncio.Event()

    async def wait(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        release.clear()
        writer.write(response({"success": True, "sync": {"rows": [{}], "cur": 8}}))

    async with scripted(response({}, "404 Not Found"), wait) as server, listening(server, time) as (listener, feed):
        await until(lambda: len(server.requests) == 2)
        assert server.requests[1].target == "/api/chat/sync?since=7&max_bytes=1&wait=55"
        assert (feed.method, listener.syncs) == ("long_poll", 0)
        listener.cur = 8
        release.set()
        await until(lambda: len(server.requests) == 3)
        assert (server.requests[2].target.partition("&")[0], listener.syncs) == ("/api/chat/sync?since=8", 1)


async def test_a_long_poll_without_changes_is_repeated() -> None:
    time = FakeTime()

    async def nothing(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        time.advance(55.0)
        writer.write(response({"success": True, "sync": {"rows": [], "cur": 7}}))

    async with scripted(nothing) as server, listening(server, time, streams=False) as (listener, _):
        await until(lambda: len(server.requests) > 3)
        assert listener.syncs == 0


async def test_a_server_that_does_not_wait_is_polled_instead() -> None:
    time = FakeTime()
    async with (
        scripted(response({"success": True, "sync": {"rows": [], "cur": 7}})) as server,
        listening(server, time, streams=False) as (listener, feed),
    ):
        for _ in range(3):
            await until(lambda: pausing(time))
            time.advance(30.0)
        await until(lambda: feed.method == "poll" and time.sleeping)
        assert len(server.requests) == 3
        assert time.sleeping == [60.0]
        listener.idle = True
        time.advance(60.0)
        await until(lambda: listener.syncs == 4 and time.sleeping == [300.0])
        assert len(server.requests) == 3


async def test_after_three_failures_the_next_method_is_used() -> None:
    time = FakeTime()
    page = response(b"<html>Welcome to the hotel</html>", kind="text/html")
    async with scripted(page) as server, listening(server, time) as (listener, feed):
        listener.is_online.clear()
        await asyncio.sleep(0)
        assert server.requests == []  # no request before the server is known to answer
        listener.is_online.set()
        for _ in range(3):
            await until(lambda: pausing(time))
            time.advance(30.0)
        await until(lambda: feed.method == "long_poll")
        assert listener.syncs == 3


async def test_the_best_method_is_tried_again_after_an_hour() -> None:
    time, stream = FakeTime(), FedStream()
    refusals = response({}, "501 Not Implemented"), response({}, "404 Not Found")
    async with scripted(*refusals, stream) as server, listening(server, time) as (listener, feed):
        await until(lambda: feed.method == "poll" and time.sleeping == [60.0])
        time.advance(3600.0)
        stream.chunks.put_nowait(head(9))
        await until(lambda: listener.heads == [9])
        assert feed.method == "stream"


async def test_while_the_server_is_unreachable_only_syncs_ask_it() -> None:
    time = FakeTime()
    async with scripted(response({})) as server:
        pass
    async with listening(server, time) as (listener, _):
        await until(lambda: pausing(time))
        listener.is_online.clear()
        time.advance(30.0)
        await until(lambda: listener.syncs == 1)
        assert time.sleeping == []
