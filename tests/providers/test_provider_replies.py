"""A reply is complete in every dialect of the API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from raw_server import RawServer, answer, piece, serving, sse

from sterna.providers import ChatMessage, Delta, Done, Endpoint, Event, Failed, FailureKind, Reasoning, Request, Usage
from sterna.providers.endpoint_provider import EndpointProvider

ASK = Request("small", (ChatMessage("system", "Be brief."), ChatMessage("user", "hello")))


async def reply(server: RawServer, ask: Request = ASK, **fields: Any) -> list[Event]:
    """Return all events of one reply."""
    provider = EndpointProvider(replace(Endpoint("acme", server.url), **fields))
    try:
        return [event async for event in provider.stream(ask)]
    finally:
        await provider.aclose()


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def reasoning(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Reasoning))


async def test_a_streamed_reply_comes_piece_by_piece_with_its_counts() -> None:
    counts = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
    async with serving(sse(piece("He"), piece("llo"), piece(finish="stop"), counts)) as server:
        events = await reply(server)
    assert events == [Delta("He"), Delta("llo"), Usage(9, 2, 11), Done("stop", "gen-1", "small-2")]


async def test_the_request_says_what_was_set_and_no_more() -> None:
    async with serving(sse(piece("Hi", finish="stop"))) as server:
        await reply(server, key=lambda: " key-1\n", headers={"X-Team": "blue"})
        await reply(server, ASK._replace(temperature=0.2, max_tokens=50, reasoning_effort="low"))
    first, second = server.requests
    assert first.line == "POST /v1/chat/completions HTTP/1.1"
    assert first.headers["authorization"] == "Bearer key-1"
    assert first.headers["x-team"] == "blue"
    assert first.json == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "authorization" not in second.headers
    assert second.json.items() >= {"temperature": 0.2, "max_tokens": 50, "reasoning_effort": "low"}.items()


async def test_the_key_is_read_at_each_request() -> None:
    keys = iter(["one", "two"])
    async with serving(sse(piece("Hi", finish="stop"))) as server:
        provider = EndpointProvider(Endpoint("acme", server.url, key=lambda: next(keys)))
        for _ in range(2):
            assert text([event async for event in provider.stream(ASK)]) == "Hi"
        await provider.aclose()
    assert [item.headers["authorization"] for item in server.requests] == ["Bearer one", "Bearer two"]


async def test_a_lone_surrogate_does_not_keep_a_message_from_being_sent() -> None:
    async with serving(sse(piece("Hi", finish="stop"))) as server:
        events = await reply(server, Request("small", (ChatMessage("user", "a\ud800b\x00"),)))
    assert text(events) == "Hi"
    assert server.requests[0].json["messages"][0]["content"] == "a?b\x00"


async def test_a_server_that_refuses_stream_options_is_asked_once_more_without_them() -> None:
    refusal = answer("400 Bad Request", {"error": {"message": "Unknown field: stream_options"}})
    async with serving(refusal, sse(piece("Hi", finish="stop"))) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        assert text([event async for event in provider.stream(ASK)]) == "Hi"
        assert text([event async for event in provider.stream(ASK)]) == "Hi"
        await provider.aclose()
    assert ["stream_options" in item.json for item in server.requests] == [True, False, False]


async def test_a_server_that_refuses_everything_is_asked_twice_at_most() -> None:
    async with serving(answer("400 Bad Request", {"error": {"message": "stream_options is odd"}})) as server:
        events = await reply(server)
    assert len(server.requests) == 2
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.BAD_REQUEST


REASONED = (
    ("reasoning", {"reasoning": "Hm."}),
    ("reasoning_content", {"reasoning_content": "Hm."}),
    ("details", {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}),
    (
        "summary",
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}, {"type": "reasoning.encrypted"}]},
    ),
    ("both, told once", {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}),
    ("a part of the content", {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
)


@pytest.mark.parametrize("delta", [row[1] for row in REASONED], ids=[row[0] for row in REASONED])
async def test_reasoning_is_told_apart_from_the_answer(delta: dict[str, Any]) -> None:
    async with serving(sse(piece(**delta), piece("Yes."), piece(finish="stop"))) as server:
        events = await reply(server)
    assert (reasoning(events), text(events)) == ("Hm.", "Yes.")


async def test_thinking_that_a_local_model_writes_into_its_answer_is_reasoning() -> None:
    pieces = [piece(part) for part in ("\n<th", "ink>\nHm", ".</thi", "nk>\n\n", "Yes", " <think>.")]
    async with serving(sse(*pieces, piece(finish="stop"))) as server:
        events = await reply(server)
    assert (reasoning(events).strip(), text(events)) == ("Hm.", "Yes <think>.")


@pytest.mark.parametrize(
    "content",
    [
        "Hi there",
        ["Hi ", "there"],
        [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}],
        {"text": "Hi there"},
    ],
    ids=["text", "texts", "parts", "part"],
)
async def test_content_may_be_text_or_parts(content: Any) -> None:
    chunk = {"choices": [{"delta": {"content": content}, "finish_reason": "stop"}]}
    async with serving(sse(chunk)) as server:
        assert text(await reply(server)) == "Hi there"


PLAIN = {
    "id": "gen-2",
    "model": "small-3",
    "choices": [{"message": {"role": "assistant", "content": "Hi", "reasoning": "Hm."}, "finish_reason": "length"}],
    "usage": {"input_tokens": 4, "output_tokens": 1},
}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/event-stream"])
async def test_a_server_that_does_not_stream_is_understood(content_type: str) -> None:
    async with serving(answer("200 OK", json.dumps(PLAIN), f"Content-Type: {content_type}")) as server:
        events = await reply(server)
    assert events == [Reasoning("Hm."), Delta("Hi"), Usage(4, 1, 5), Done("length", "gen-2", "small-3")]


HI = 'data: {"choices":[{"delta":{"content":"Hi"}}]}'
END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'
DONE = "data: [DONE]"
NULLS = (
    '{"id":null,"error":null,"usage":null,"choices":[{"delta":{"content":"Hi","reasoning":null},"finish_reason":null}]}'
)
STREAMS = (
    ("no blank line at the end", f"{HI}\n\n{END}"),
    ("no blank lines at all", f"{HI}\n{END}\n"),
    ("no blank lines and no reason", f"{HI}\n{DONE}"),
    ("carriage returns", f"{HI}\r\n\r\n{DONE}\r\n\r\n"),
    ("a byte order mark", f"\ufeff{HI}\n\n{DONE}\n\n"),
    ("comments that keep it alive", f": PROCESSING\n\n: PROCESSING\n\n{HI}\n\n{DONE}\n\n"),
    ("empty events", f"id: 1\n\nevent: ping\n\ndata:\n\n{HI}\n\ndata:[DONE]\n\n"),
    ("[DONE] without a reason", f"{HI}\n\n{DONE}\n\n"),
    ("a reason without [DONE]", f"{HI}\n\n{END}\n\n"),
    ("nulls", f"data: {NULLS}\n\n{DONE}\n\n"),
    ("a choice of null", f'data: {{"choices":[null]}}\n\ndata: {{"choices":null}}\n\n{HI}\n\n{DONE}\n\n'),
    ("the old completions", f'data: {{"choices":[{{"text":"Hi"}}]}}\n\n{DONE}\n\n'),
)


@pytest.mark.parametrize("body", [row[1] for row in STREAMS], ids=[row[0] for row in STREAMS])
async def test_sloppy_streams_are_read(body: str) -> None:
    async with serving(answer("200 OK", body, "Content-Type: text/event-stream; charset=latin-1")) as server:
        events = await reply(server)
    assert text(events) == "Hi"
    assert isinstance(events[-1], Done)


async def test_the_last_counts_are_the_reply_s() -> None:
    early = piece("Hi") | {"usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    late = piece(finish="stop") | {
        "x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}}
    }
    async with serving(sse(early, late)) as server:
        events = await reply(server)
    assert [event for event in events if isinstance(event, Usage)] == [Usage(9, 7, 16)]


async def test_counts_come_though_the_reply_broke_off() -> None:
    async with serving(
        sse(piece("Hi") | {"usage": {"prompt_tokens": 9, "completion_tokens": 1}}, done=False)
    ) as server:
        events = await reply(server)
    assert events[:2] == [Delta("Hi"), Usage(9, 1, 10)]
    assert isinstance(events[2], Failed)


async def test_umlauts_and_emoji_cut_between_packets_arrive_whole() -> None:
    body = sse({"choices": [{"delta": {"content": "x"}}]}).replace(b'"x"', '"Grüße 🐦"'.encode())
    head, _, payload = body.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))

    async def byte_by_byte(writer: Any) -> None:
        writer.write(head + b"\r\n\r\n")
        for byte in payload:
            writer.write(bytes([byte]))
            await writer.drain()

    async with serving(byte_by_byte) as server:
        assert text(await reply(server)) == "Grüße 🐦"


async def test_a_second_reply_goes_over_the_same_connection() -> None:
    body = sse(piece("Hi", finish="stop")).replace(b"Connection: close", b"Connection: keep-alive")
    async with serving(body) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        for _ in range(2):
            assert text([event async for event in provider.stream(ASK)]) == "Hi"
        assert (server.connections, len(server.requests)) == (1, 2)
        await provider.aclose()


async def test_without_a_model_the_first_listed_one_answers() -> None:
    listed = answer("200 OK", {"object": "list", "data": [{"id": "nomic-embed-text"}, {"id": "llama3.2"}]})
    async with serving(listed, sse(piece("Hi", finish="stop"))) as server:
        assert text(await reply(server, ASK._replace(model=""))) == "Hi"
    assert server.requests[1].json["model"] == "llama3.2"


async def test_a_server_without_any_model_says_how_to_get_one() -> None:
    async with serving(answer("200 OK", {"object": "list", "data": None})) as server:
        events = await reply(server, ASK._replace(model=""))
    assert isinstance(events[-1], Failed)
    assert "has no model yet" in events[-1].message


async def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.providers.reply_reader.MAX_EVENT", 100_000)
    monkeypatch.setattr("sterna.providers.reply_reader.MAX_WHOLE", 100_000)
    for begin in ("data: ", "{"):
        async with serving(answer("200 OK", begin + "x" * 2_000_000, "Content-Type: text/event-stream")) as server:
            events = await reply(server)
        assert isinstance(events[-1], Failed)
        assert events[-1].kind is FailureKind.MALFORMED
