"""Every variation of a response results in the expected reply, however its bytes are split."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_server import piece, serving, sse, started
from streams import STREAMS, TOOLS, Got, Stream
from tool_streams import TOOL_STREAMS
from vendor_streams import VENDOR_STREAMS

from sterna.providers import ChatMessage, Done, Endpoint, Event, Failed, Request, Timeouts
from sterna.providers.endpoint_provider import EndpointProvider

EVERY = (*STREAMS, *VENDOR_STREAMS, *TOOL_STREAMS)
ASK = Request("m", (ChatMessage("user", "hello"),))


class Pieces(httpx.AsyncByteStream):
    """Body in these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for item in self._pieces:
            yield item


async def got(pieces: list[bytes], stream: Stream) -> Got:
    """Return the reply of a server that sends these pieces."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(pieces))

    endpoint = Endpoint("acme", "http://a.example", protocol=stream.protocol)
    provider = EndpointProvider(endpoint, transport=httpx.MockTransport(answer))
    events: list[Event] = [event async for event in provider.stream(ASK._replace(tools=TOOLS if stream.calls else ()))]
    await provider.aclose()
    return Got.of(events)


def test_there_are_many_variations() -> None:
    assert len({item.name for item in EVERY}) == len(EVERY) > 175


@pytest.mark.parametrize("stream", EVERY, ids=lambda stream: stream.name)
async def test_each_variation_is_the_reply_it_means(stream: Stream) -> None:
    for pieces in ([stream.body], [bytes([byte]) for byte in stream.body]):
        reply = await got(pieces, stream)
        assert (reply.text, reply.reasoning) == (stream.text, stream.reasoning)
        assert reply.sources == stream.sources
        if stream.kind is None:
            assert isinstance(reply.end, Done), reply.end
            assert reply.end.finish_reason == stream.finish
        else:
            assert isinstance(reply.end, Failed), reply.end
            assert reply.end.kind is stream.kind
            assert stream.says in reply.end.message
            assert reply.end.message[-1] in ".!?"
        counted = reply.usage
        assert (counted and (counted.input_tokens, counted.output_tokens, counted.total_tokens)) == stream.usage
        assert all(getattr(counted, name) == value for name, value in stream.more.items())
        calls = reply.calls.calls if reply.calls is not None else ()
        assert tuple((call.id, call.name, json.loads(call.arguments)) for call in calls) == stream.calls
        assert (reply.calls and reply.calls.opaque) == stream.opaque


@given(st.sampled_from(EVERY), st.lists(st.integers(0, 2000), max_size=8))
def test_where_the_bytes_of_a_stream_are_cut_does_not_matter(stream: Stream, cuts: list[int]) -> None:
    places = [0, *sorted(cut % (len(stream.body) + 1) for cut in cuts), len(stream.body)]
    pieces = [stream.body[a:b] for a, b in pairwise(places)]
    assert asyncio.run(got(pieces, stream)) == asyncio.run(got([stream.body], stream))


@pytest.mark.parametrize(
    "chunks",
    [
        [piece("Hel", finish="stop"), piece("lo.", finish="stop")],
        [piece(role="assistant", finish="stop"), piece("Hello.")],
        [piece("Hel", finish="stop"), piece("", finish="stop"), piece("lo.", finish="stop")],
    ],
    ids=["on every chunk", "beside the role", "with an empty chunk"],
)
async def test_text_after_a_pause_is_not_lost_where_a_reason_says_nothing(
    chunks: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.providers.reply_reader.AFTER_FINISH", 0.02)
    body = sse(*chunks).partition(b"\r\n\r\n")[2]
    events = [event + b"\n\n" for event in body.split(b"\n\n") if event]

    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(started(length=len(body)))
        for event in events:
            await asyncio.sleep(0.1)  # longer than the wait for counts after the end
            writer.write(event)
            await writer.drain()

    async with serving(slow) as server:
        provider = EndpointProvider(Endpoint("acme", server.url), timeouts=Timeouts(read=20))
        reply = Got.of([event async for event in provider.stream(ASK)])
        await provider.aclose()
    assert reply.text == "Hello."
    assert isinstance(reply.end, Done)
