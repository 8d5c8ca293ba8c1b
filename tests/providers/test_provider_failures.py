"""Every way to fail, over a real socket: the message says what to do, and never contains a key."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from failing import ASK, KEY, QUICK, failure, reply
from raw_server import Answer, RawServer, answer, piece, reset, serving, sse, started

from sterna.providers import Delta, Done, Endpoint, FailureKind
from sterna.providers.endpoint_provider import EndpointProvider

BROKEN: tuple[tuple[str, bytes | Answer, FailureKind, tuple[str, ...], bool], ...] = (
    (
        "reset before the answer",
        reset(b""),
        FailureKind.NETWORK,
        ("dropped the connection", "Check that it still runs"),
        False,
    ),
    ("closed before the answer", b"", FailureKind.NETWORK, ("dropped the connection", "retry"), False),
    (
        "reset in the reply",
        reset(started(piece("Hi"))),
        FailureKind.TRUNCATED,
        ("broke off", "partial reply is saved"),
        True,
    ),
    (
        "cut in the reply",
        started(piece("Hi")),
        FailureKind.TRUNCATED,
        ("broke off", "partial reply is saved", "retry"),
        True,
    ),
    ("ended without saying so", sse(piece("Hi"), done=False), FailureKind.TRUNCATED, ("broke off", "is saved"), True),
    (
        "chunks cut short",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'31\r\ndata: {"choices":[{"delta":{"content":"Hi"}}]} \n\n\r\n40\r\ndata: {"cho',
        FailureKind.TRUNCATED,
        ("broke off",),
        True,
    ),
    ("malformed event", sse(piece("Hi"), "{not json"), FailureKind.MALFORMED, ("not a chat reply", "{not json"), True),
    ("event that is a number", sse(piece("Hi"), "17"), FailureKind.MALFORMED, ("not a chat reply",), True),
    ("only [DONE]", sse(), FailureKind.TRUNCATED, ("before a reply came",), False),
    (
        "error in mid-stream",
        sse(piece("Hi"), {"error": {"code": 429, "message": f"try again in 5 seconds, {KEY}"}}),
        FailureKind.RATE_LIMIT,
        ("[key]", "Wait 5 seconds"),
        True,
    ),
    (
        "error as text",
        sse(piece("Hi"), {"error": "the GPU is gone"}),
        FailureKind.SERVER,
        ("the GPU is gone", "Retry"),
        True,
    ),
    (
        "error event without an error object",
        answer("200 OK", 'event: error\ndata: {"message": "overloaded"}\n\n', "Content-Type: text/event-stream"),
        FailureKind.SERVER,
        ("overloaded",),
        False,
    ),
    ("finished in error", sse(piece("Hi"), piece(finish="error")), FailureKind.SERVER, ("could not reply",), True),
    (
        "withheld",
        sse(piece(finish="content_filter")),
        FailureKind.BAD_REQUEST,
        ("content filter", "other words"),
        False,
    ),
    (
        "not HTTP",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        FailureKind.MALFORMED,
        ("does not speak HTTP", "url of “acme”"),
        False,
    ),
    (
        "not gzip, though it says so",
        answer("200 OK", "data: x\n\n", "Content-Encoding: gzip", "Content-Type: text/event-stream"),
        FailureKind.MALFORMED,
        ("not a chat reply",),
        False,
    ),
)


@pytest.mark.parametrize(
    ("raw", "kind", "says", "has_text"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
async def test_a_broken_answer_keeps_what_came(
    raw: bytes | Answer, kind: FailureKind, says: tuple[str, ...], has_text: bool
) -> None:
    async with serving(raw) as server:
        events = await reply(server.url)
        assert len(server.requests) == 1
    failed = failure(events)
    assert failed.kind is kind
    for words in says:
        assert words in failed.message
    assert ("".join(event.text for event in events if isinstance(event, Delta)) == "Hi") is has_text


async def test_silence_is_told_with_the_setting_that_waits_longer() -> None:
    server: RawServer

    async def silent(writer: asyncio.StreamWriter) -> None:
        await server.over.wait()

    async with serving(silent) as server:
        failed = failure(await reply(server.url))
    assert (failed.kind, failed.unreached) == (FailureKind.TIMEOUT, False)
    assert "timeouts.read" in failed.message
    assert "kept" not in failed.message


async def test_silence_in_mid_reply_keeps_what_came() -> None:
    server: RawServer

    async def stuck(writer: asyncio.StreamWriter) -> None:
        writer.write(started(piece("Hi")))
        await writer.drain()
        await server.over.wait()

    async with serving(stuck) as server:
        events = await reply(server.url)
    assert events[0] == Delta("Hi")
    assert failure(events).kind is FailureKind.TIMEOUT
    assert "partial reply is saved" in failure(events).message


async def test_a_reply_that_has_finished_is_whole_though_the_server_never_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sterna.providers.reply_reader.AFTER_FINISH", 0.05)
    server: RawServer

    async def stuck(writer: asyncio.StreamWriter) -> None:
        writer.write(started(piece("Hi"), piece(finish="stop")))
        await writer.drain()
        await server.over.wait()

    async with serving(stuck) as server:
        async with asyncio.timeout(5):
            events = await reply(server.url, timeouts=QUICK._replace(read=30.0))
    assert events == [Delta("Hi"), Done("stop", "gen-1", "small-2")]


@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_a_reply_that_has_finished_is_whole_however_the_connection_ends(ending: str) -> None:
    whole = started(piece("Hi"), piece(finish="stop"))
    async with serving(whole if ending == "cut" else reset(whole)) as server:
        events = await reply(server.url)
    assert events == [Delta("Hi"), Done("stop", "gen-1", "small-2")]


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_refused_connection_names_the_address() -> None:
    port = free_port()
    failed = failure(await reply(f"http://127.0.0.1:{port}/v1"))
    assert (failed.kind, failed.unreached) == (FailureKind.REFUSED, True)
    assert f"Nothing answers at 127.0.0.1:{port}" in failed.message
    assert "url of “acme”" in failed.message


async def test_a_server_can_be_reached_whatever_it_says_and_is_asked_without_a_key() -> None:
    async with serving(answer("401 Unauthorized", "no")) as server:
        provider = EndpointProvider(Endpoint("acme", server.url, key=lambda: KEY), timeouts=QUICK)
        assert await provider.is_reachable()
        assert [request.line.split()[0] for request in server.requests] == ["HEAD"]
        assert KEY not in repr(server.requests)
        await provider.aclose()
    nobody = EndpointProvider(Endpoint("acme", f"http://127.0.0.1:{free_port()}/v1"), timeouts=QUICK)
    assert not await nobody.is_reachable()
    await nobody.aclose()


async def test_a_usual_local_port_tells_how_its_server_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(
        "sterna.providers.network_errors.LOCAL_SERVERS", {port: ("Ollama", "Start it with “ollama serve”")}
    )
    loopback = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return list(loopback)  # a machine without /etc/hosts knows no localhost

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    failed = failure(await reply(f"http://localhost:{port}"))
    assert failed.kind is FailureKind.REFUSED
    assert "Is Ollama running? Start it with “ollama serve”, then retry." in failed.message


async def test_an_unknown_name_points_to_the_network_and_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    failed = failure(await reply("http://api.acme.example/v1"))
    assert (failed.kind, failed.unreached) == (FailureKind.DNS, True)
    assert "The name api.acme.example is not found" in failed.message
    assert "url of “acme”" in failed.message


async def test_a_certificate_that_nobody_trusts_is_not_accepted() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with serving(sse(piece("Hi")), tls=context) as server:
        failed = failure(await reply(server.url))
        assert server.requests == []
    assert (failed.kind, failed.unreached) == (FailureKind.TLS, False)
    assert "SSL_CERT_FILE" in failed.message
    assert "self-signed" in failed.message.replace("self signed", "self-signed")


async def test_https_to_a_server_without_it_says_so() -> None:
    async def puzzled(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("400 Bad Request", "what?"))
        writer.close()

    async with await asyncio.start_server(puzzled, "127.0.0.1", 0) as server:
        failed = failure(await reply(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    assert failed.kind is FailureKind.TLS
    assert "http://" in failed.message


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "localhost:11434"}, "http:// or https://"),
        ({"url": "http://[bad/v1"}, "http:// or https://"),
        ({"url": "http://host:port/v1"}, "http:// or https://"),
        ({"key": lambda: "sk-ärger"}, "Copy the key again"),
        ({"key": lambda: f"{KEY}\n{KEY}"}, "Copy the key again"),
        ({"headers": {"X Team": "blue"}}, "name that HTTP does not allow"),
        ({"headers": {"X-Team": "blue\r\nHost: evil"}}, "characters that HTTP does not allow"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else next(iter(value)),
)
async def test_settings_that_make_no_request_are_told_before_one_is_made(fields: dict[str, Any], says: str) -> None:
    failed = failure(await reply(**{"url": "http://127.0.0.1:1/v1", **fields}))
    assert failed.kind is FailureKind.UNCONFIGURED
    assert says in failed.message


@pytest.mark.parametrize("error", [OSError("the keyring is locked"), ValueError("The command gave none.")])
async def test_a_key_that_cannot_be_had_is_told(error: Exception) -> None:
    def fail() -> str:
        raise error

    failed = failure(await reply("http://127.0.0.1:1/v1", key=fail))
    assert failed.kind is FailureKind.UNCONFIGURED
    assert str(error).rstrip(".").lower() in failed.message.lower()


async def test_a_proxy_of_an_unknown_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    failed = failure(await reply("https://api.acme.example/v1"))
    assert failed.kind in (FailureKind.UNCONFIGURED, FailureKind.NETWORK)


async def test_nothing_of_the_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer("401 Unauthorized", {"error": {"message": KEY}}, f"X-Echo: {KEY}")) as server:
        await reply(f"{server.url}?key={KEY}")
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text


@pytest.mark.parametrize("make", [lambda e: e, lambda e: EndpointProvider(e)], ids=["endpoint", "provider"])
def test_nothing_of_the_key_is_in_a_repr(make: Callable[[Endpoint], object]) -> None:
    endpoint = Endpoint("acme", f"http://me:{KEY}@host/v1?key={KEY}", key=lambda: KEY, headers={"Api-Key": KEY})
    assert KEY not in repr(make(endpoint))
    assert KEY not in f"{endpoint.shown} {endpoint.host}"


async def test_a_key_in_headers_or_in_the_address_is_not_shown_either() -> None:
    other = "hidden-header-value"
    async with serving(answer("403 Forbidden", {"error": {"message": f"no {other} and no p%40ss p@ss"}})) as server:
        url = server.url.replace("://", "://me:p%40ss@")
        failed = failure(await reply(url, key=lambda: None, headers={"Api-Key": other}))
    assert other not in failed.message
    assert "p@ss" not in failed.message


async def test_stopping_a_reply_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(started(piece("Hi")))
        await writer.drain()
        try:
            while True:
                writer.write(b": still here\n\n")
                await writer.drain()
                await asyncio.sleep(0.005)
        except ConnectionError:
            closed.set()

    provider: EndpointProvider
    async with serving(endless) as server:
        provider = EndpointProvider(Endpoint("acme", server.url), timeouts=QUICK)
        first = asyncio.Event()

        async def listen() -> None:
            async for _ in provider.stream(ASK):
                first.set()

        task = asyncio.create_task(listen())
        await asyncio.wait_for(first.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 5)
        await provider.aclose()
        await provider.aclose()
