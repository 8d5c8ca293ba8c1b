"""Models and servers behind proxies of every kind; an error of the proxy names the proxy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from proxying import answering, proxying

from sterna.providers import ChatMessage, Delta, Done, Endpoint, Event, Failed, FailureKind, Request, Timeouts
from sterna.providers.endpoint_provider import EndpointProvider
from sterna.sync.errors import CannotReach
from sterna.sync.network.client import open_client
from sterna.sync.network.errors import unreachable
from sterna.sync.network.server_address import Server
from tests.fake_openai import Server as Fake

ASK = Request("model", (ChatMessage("user", "hello"),))
FAR = "http://models.example/v1"
NEAR = "http://127.0.0.1:9/v1"


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def reply(url: str = FAR, *, connect: float = 5) -> list[Event]:
    provider = EndpointProvider(Endpoint("acme", url), timeouts=Timeouts(connect=connect, read=5))
    try:
        return [event async for event in provider.stream(ASK)]
    finally:
        await provider.aclose()


def port_of(fake: Fake) -> int:
    return int(fake.url.removesuffix("/v1").rpartition(":")[2])


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h", "socks"])
async def test_a_model_answers_through_a_proxy_of_each_kind(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    async with proxying(("127.0.0.1", port_of(fake))) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        events = await reply()
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "You said: hello"
    assert isinstance(events[-1], Done)
    assert "models.example" in proxy.targets[0]


async def test_what_no_proxy_names_and_this_machine_are_reached_directly(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert isinstance((await reply(fake.url))[-1], Done)
    monkeypatch.setenv("NO_PROXY", "localhost,[::1],10.0.0.0/8,fd00::/8,models.invalid")
    (failed,) = await reply("http://models.invalid/v1")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.DNS
    assert "proxy" not in failed.message.lower().replace("the proxy, then retry", "")


DEAD = (
    ("http://127.0.0.1:9", "Nothing answers at the proxy 127.0.0.1:9"),
    ("socks5h://127.0.0.1:9", "Nothing answers at the proxy 127.0.0.1:9"),
    ("http://proxy.invalid:3128", "The name of the proxy proxy.invalid:3128"),
    ("ftp://127.0.0.1:9", "The proxy in HTTPS_PROXY is not valid"),
)


@pytest.mark.parametrize(("value", "says"), DEAD)
async def test_a_dead_proxy_is_named_and_not_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    (failed,) = await reply("https://models.example/v1")
    assert isinstance(failed, Failed)
    assert failed.kind in (FailureKind.NETWORK, FailureKind.UNCONFIGURED)
    assert says in failed.message
    assert "HTTPS_PROXY" in failed.message
    server = Server("https://sterna.example", "sterna.example", local=False)
    with pytest.raises(CannotReach, match=re.escape(says)) as caught:
        await ask(server)
    assert "HTTPS_PROXY" in str(caught.value)


ANSWERS = (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x00not SOCKS", b"\x05\x00\x05\x63\x00\x01\0\0\0\0\0\0", b"")


@pytest.mark.parametrize("answer", [*ANSWERS, None], ids=str)
async def test_a_socks_proxy_that_is_silent_or_none_is_named(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    async with answering(answer) as port:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{port}")
        events = await reply(connect=0.2)
    (failed,) = events
    assert isinstance(failed, Failed)
    assert f"The proxy 127.0.0.1:{port} (ALL_PROXY) does not" in failed.message
    assert ("does not answer as a SOCKS5 proxy" in failed.message) == (answer is not None)


async def ask(server: Server) -> None:
    """Send one request of sync, whose errors are sentences."""
    import httpx

    async with open_client(server) as client:
        try:
            await client.get(server.url("/api/health"))
        except httpx.HTTPError as error:
            raise unreachable(server, error) from None


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "requires a sign-in"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "does not lead to models.example"),
    ],
)
async def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch, status: bytes, says: str) -> None:
    async with proxying(("127.0.0.1", 9), refuse=status) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        (failed,) = await reply("https://models.example/v1")
    assert isinstance(failed, Failed)
    assert says in failed.message
    assert f"127.0.0.1:{proxy.port} (https_proxy)" in failed.message
    assert "secret" not in failed.message


async def test_a_server_is_reached_through_a_proxy(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying(("127.0.0.1", port_of(fake))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"socks5h://127.0.0.1:{proxy.port}")
        server = Server("http://sterna.example", "sterna.example", local=False)
        async with open_client(server) as client:
            answer = await client.get(server.url("/v1/models"))
    assert json.loads(answer.content)["object"] == "list"
    assert proxy.targets == ["sterna.example:80"]
