"""How news of the server comes: a stream, or long questions, or a look now and then; and what each costs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxy import Asked, Passing, Scripted, answer, scripted, until
from test_transport import Signed

from sterna.net import TooLarge
from sterna.sync.change_feed import Events, Heads
from sterna.sync.network.server_address import server_of
from sterna.sync.network.transport import Bearer, Transport

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n"


class Ear:
    """Whoever wants the news."""

    def __init__(self) -> None:
        self.is_online = asyncio.Event()
        self.is_online.set()
        self.heads: list[int] = []
        self.looks = 0
        self.cur = 7
        self.quiet = False

    async def online(self) -> None:
        await self.is_online.wait()

    async def look(self) -> None:
        self.looks += 1
        await self.is_online.wait()

    def head(self, seq: int) -> None:
        self.heads.append(seq)

    async def cursor(self) -> int:
        return self.cur

    def idle(self) -> bool:
        return self.quiet


@asynccontextmanager
async def listening(server: Scripted, time: Passing, *, streams: bool = True) -> AsyncIterator[tuple[Ear, Heads]]:
    ear = Ear()
    transport = Transport(server_of(server.address), Bearer(Signed()), timing=time.timing)
    headers = {"Sync-Client": "sterna/1; proto=1-1"}
    heads = Heads(transport, ear, streams=streams, headers=headers, timing=time.timing, rng=random.Random(3))
    running = asyncio.create_task(heads.run())
    try:
        yield ear, heads
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await transport.close()


def head(seq: int) -> bytes:
    return f'event: head\ndata: {{"seq": {seq}}}\n\n'.encode()


def pausing(time: Passing) -> bool:
    """Whether it waits before it tries again, and for nothing else."""
    return len(time.naps) == 1 and time.naps[0] <= 30.0


class Told:
    """A stream that says what the test gives it."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        while (some := await self.words.get()) is not None:
            writer.write(some)
            await writer.drain()
        writer.close()


# Cutting


def test_a_stream_is_cut_into_heads() -> None:
    events = Events()
    assert events.feed(b": hello\n\n") == []
    assert events.feed(head(7) + b'event: other\ndata: {"seq": 9}\n\n' + head(8)) == [7, 8]
    assert events.feed(b'event:head\r\ndata:{"seq": 12}\r\n\r\n') == [12]


@pytest.mark.parametrize(
    "told", [b"x", b"[]", b"{}", b'{"seq": "7"}', b'{"seq": true}', b'{"seq": -1}', b"\xff", b"[" * 4000]
)
def test_what_is_no_head_is_not_heard(told: bytes) -> None:
    assert Events().feed(b"event: head\ndata: " + told + b"\n\n" + head(3)) == [3]


def test_a_line_that_never_ends_is_too_large() -> None:
    events = Events()
    events.feed(b"x" * 4096)
    with pytest.raises(TooLarge):
        events.feed(b"x")


@given(st.lists(st.integers(0, 2**53), max_size=5), st.integers(1, 20))
def test_where_a_stream_is_cut_does_not_matter(seqs: list[int], size: int) -> None:
    whole = b": beat\n\n".join(head(seq) for seq in seqs)
    events = Events()
    found = [seq for at in range(0, len(whole), size) for seq in events.feed(whole[at : at + size])]
    assert found == seqs


# Listening


async def test_a_stream_tells_of_every_change_with_one_request() -> None:
    time, told = Passing(), Told()
    async with scripted(told) as server, listening(server, time) as (ear, _):
        for some in (b": beat\n\n", head(7), b": beat\n\n", head(8), head(9)):
            told.words.put_nowait(some)
        await until(lambda: ear.heads == [7, 8, 9])
        assert [(one.method, one.target) for one in server.asked] == [("GET", "/api/chat/sync/head")]
        assert server.asked[0].headers["accept"] == "text/event-stream"
        assert server.asked[0].headers["authorization"] == "Bearer t1"
        assert server.asked[0].headers["sync-client"] == "sterna/1; proto=1-1"
        assert ear.looks == 0


async def test_a_stream_that_ends_is_opened_again_within_half_a_minute() -> None:
    time, told = Passing(), Told()
    async with scripted(told) as server, listening(server, time) as (ear, heads):
        told.words.put_nowait(head(7))
        told.words.put_nowait(None)
        await until(lambda: ear.heads == [7] and pausing(time))
        assert len(server.asked) == 1
        time.go_on(30.0)
        told.words.put_nowait(head(8))
        await until(lambda: ear.heads == [7, 8])
        assert (heads.way, ear.looks) == ("stream", 0)


async def test_a_stream_without_a_heartbeat_is_dead() -> None:
    time, told = Passing(), Told()
    async with scripted(told) as server, listening(server, time) as (ear, _):
        told.words.put_nowait(head(7))
        await until(lambda: ear.heads and time.naps == [70.0])
        time.go_on(70.0)
        await until(lambda: pausing(time))
        time.go_on(30.0)
        await until(lambda: len(server.asked) == 2)


async def test_a_server_without_streams_is_asked_long_questions() -> None:
    time = Passing()
    release = asyncio.Event()

    async def wait(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        release.clear()
        writer.write(answer({"success": True, "sync": {"rows": [{}], "cur": 8}}))

    async with scripted(answer({}, "404 Not Found"), wait) as server, listening(server, time) as (ear, heads):
        await until(lambda: len(server.asked) == 2)
        assert server.asked[1].target == "/api/chat/sync?since=7&max_bytes=1&wait=55"
        assert (heads.way, ear.looks) == ("long", 0)
        ear.cur = 8
        release.set()
        await until(lambda: len(server.asked) == 3)
        assert (server.asked[2].target.partition("&")[0], ear.looks) == ("/api/chat/sync?since=8", 1)


async def test_a_long_question_that_brought_nothing_is_asked_again() -> None:
    time = Passing()

    async def nothing(asked: Asked, writer: asyncio.StreamWriter) -> None:
        time.go_on(55.0)
        writer.write(answer({"success": True, "sync": {"rows": [], "cur": 7}}))

    async with scripted(nothing) as server, listening(server, time, streams=False) as (ear, _):
        await until(lambda: len(server.asked) > 3)
        assert ear.looks == 0


async def test_a_server_that_does_not_wait_is_not_asked_without_end() -> None:
    time = Passing()
    async with (
        scripted(answer({"success": True, "sync": {"rows": [], "cur": 7}})) as server,
        listening(server, time, streams=False) as (ear, heads),
    ):
        for _ in range(3):
            await until(lambda: pausing(time))
            time.go_on(30.0)
        await until(lambda: heads.way == "poll" and time.naps)
        assert len(server.asked) == 3
        assert time.naps == [60.0]
        ear.quiet = True
        time.go_on(60.0)
        await until(lambda: ear.looks == 4 and time.naps == [300.0])
        assert len(server.asked) == 3


async def test_a_page_of_a_network_is_looked_into_and_after_three_the_next_way_is_taken() -> None:
    time = Passing()
    page = answer(b"<html>Welcome to the hotel</html>", kind="text/html")
    async with scripted(page) as server, listening(server, time) as (ear, heads):
        ear.is_online.clear()
        await asyncio.sleep(0)
        assert server.asked == []  # before the server is known to answer nothing is asked
        ear.is_online.set()
        for _ in range(3):
            await until(lambda: pausing(time))
            time.go_on(30.0)
        await until(lambda: heads.way == "long")
        assert ear.looks == 3


async def test_the_best_way_is_tried_again_after_an_hour() -> None:
    time, told = Passing(), Told()
    refusals = answer({}, "501 Not Implemented"), answer({}, "404 Not Found")
    async with scripted(*refusals, told) as server, listening(server, time) as (ear, heads):
        await until(lambda: heads.way == "poll" and time.naps == [60.0])
        time.go_on(3600.0)
        told.words.put_nowait(head(9))
        await until(lambda: ear.heads == [9])
        assert heads.way == "stream"


async def test_while_nobody_answers_nothing_is_asked_but_looks() -> None:
    time = Passing()
    async with scripted(answer({})) as server:
        pass
    async with listening(server, time) as (ear, _):
        await until(lambda: pausing(time))
        ear.is_online.clear()
        time.go_on(30.0)
        await until(lambda: ear.looks == 1)
        assert time.naps == []
